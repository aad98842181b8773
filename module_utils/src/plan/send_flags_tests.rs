use super::{Choice, Flags, Given, History, SendFlags, Stored, Unfit, plain, raw};
use crate::plan::features::{Feature, Features, State};

/// `"large lz4 zstd embedded encryption"`, and what else there is disabled; each `-` disabled, `e` enabled, `a` active.
fn features(states: &str) -> Features {
    let state = |sign| match sign {
        '-' => State::Disabled,
        'e' => State::Enabled,
        'a' => State::Active,
        _ => panic!("{sign}"),
    };
    Features(Feature::ALL.into_iter().zip(states.chars().map(state)).collect())
}

fn wish(signs: &str) -> SendFlags {
    let choices: Vec<Choice> = signs
        .chars()
        .map(|sign| match sign {
            '?' => Choice::Auto,
            '+' => Choice::Always,
            '-' => Choice::Never,
            _ => panic!("{sign}"),
        })
        .collect();
    SendFlags { large_block: choices[0], compressed: choices[1], embedded: choices[2] }
}

/// `"wish source target history"`, the features of a pool `?` where it was not asked.
fn decided(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let pool = |word: &str| (word != "?").then(|| features(word));
    let (source, target) = (pool(words[1]), pool(words[2]));
    let history = match words[3] {
        "none" => History::None,
        "small" => History::Small,
        "large" => History::Large,
        _ => History::Unknown,
    };
    let into_encrypted = words.get(4) == Some(&"encrypted");
    let given = Given { source: source.as_ref(), target: target.as_ref(), history, into_encrypted };
    match plain(&wish(words[0]), &given, "vault") {
        Ok(flags) => {
            let mark = if flags.begins_small { " begins small" } else { "" };
            format!("{}{mark}", flags.argument().unwrap_or_default())
        }
        Err(Unfit::OptionNeeds { option, feature, .. }) => format!("{option} needs {}", feature.name()),
        Err(unfit) => format!("{unfit:?}"),
    }
}

#[test]
fn auto_is_what_both_pools_can_take() {
    for (given, expected) in [
        // Nothing is known, or everything is there: as ever.
        ("??? ? ? none", "-Lc"),
        ("??? ? eeeee none", "-Lc"),
        ("??? aaaaa aaaaa large", "-Lc"),
        ("??? aaaaa aaaaa unknown", "-Lc"),
        // zpool create -d
        ("??? aaaaa ----- none", " begins small"),
        ("??? eaeaa ----- none", "-L"),
        ("??? e-eaa ----- none", "-Lc"),
        // One of them
        ("??? aaaaa -aaaa none", "-c begins small"),
        ("??? eaaaa -aaaa none", "-Lc"),
        ("??? aaaaa aa-aa none", "-L"),
        ("??? aaeaa aa-aa none", "-Lc"),
        ("??? aaaaa aaa-a none", "-Lc"),
        // The source's pool cannot be asked: it may have anything.
        ("??? ? -aaaa none", "-c begins small"),
    ] {
        assert_eq!(decided(given), expected, "{given}");
    }
}

#[test]
fn a_history_goes_on_as_it_began() {
    for (given, expected) in [
        // The target's pool was upgraded.
        ("??? aaaaa eaaaa small", "-c"),
        ("??? aaaaa aaaaa small", "-c"),
        ("??? ? ? small", "-c"),
        ("+?? aaaaa aaaaa small", "IsSmall"),
        ("-?? aaaaa aaaaa small", "-c"),
        ("??? ? aaaaa large", "-Lc"),
        ("-?? aaaaa aaaaa large", "IsLarge"),
        // There cannot be a large block in it.
        ("-?? eaaaa aaaaa large", "-c begins small"),
        ("-?? aaaaa eaaaa large", "-c begins small"),
        ("??? aaaaa -aaaa large", "-c begins small"),
        // Sent by something else: split, if no large block is there.
        ("??? aaaaa eaaaa unknown", "-c begins small"),
        ("??? eaaaa eaaaa unknown", "-Lc"),
        ("+?? aaaaa eaaaa unknown", "-Lc"),
        ("-?? aaaaa aaaaa unknown", "-c begins small"),
    ] {
        assert_eq!(decided(given), expected, "{given}");
    }
}

#[test]
fn what_is_asked_for_is_done_or_refused() {
    for (given, expected) in [
        ("+++ aaaaa aaaaa none", "-Lec"),
        ("--- aaaaa aaaaa none", " begins small"),
        ("?-? ? ? none", "-L"),
        ("+?? aaaaa -aaaa none", "large_block needs large_blocks"),
        ("+?? eaaaa -aaaa none", "-Lc"),
        ("?+? aaaaa aa-aa none", "compressed needs zstd_compress"),
        ("?+? aaaaa a-aaa none", "compressed needs lz4_compress"),
        ("??+ aaaaa aaa-a none", "embedded needs embedded_data"),
        ("??+ aaaaa aaaaa none encrypted", "Embedded"),
        ("??? aaaaa aaaaa none encrypted", "-Lc"),
    ] {
        assert_eq!(decided(given), expected, "{given}");
    }
}

#[test]
fn raw_streams_need_what_they_bring() {
    let needs = |source: &str, target: &str, large_blocks, zstd| {
        let (source, target) = (features(source), features(target));
        let given =
            Given { source: Some(&source), target: Some(&target), history: History::None, into_encrypted: false };
        match raw(&given, Stored { large_blocks, zstd }, "vault") {
            Err(Unfit::RawNeeds { feature, .. }) => feature.name(),
            _ => "",
        }
    };
    assert_eq!(needs("aaaaa", "aaaa-", false, false), "encryption");
    assert_eq!(needs("aaaaa", "-aaaa", true, false), "large_blocks");
    // Another dataset of the pool has them.
    assert_eq!(needs("aaaaa", "-aaaa", false, false), "");
    assert_eq!(needs("aaaaa", "aa-aa", true, true), "zstd_compress");
    assert_eq!(needs("aaeaa", "aa-aa", true, true), "");
    assert_eq!(needs("aaaaa", "aaa-a", true, true), "");
}

#[test]
fn refusals_say_what_to_do() {
    let said = Unfit::RawNeeds { feature: Feature::LargeBlocks, pool: "vault".to_owned() }.to_string();
    assert!(said.contains("zpool set feature@large_blocks=enabled vault"), "{said}");
    assert_eq!(Flags::default().argument().as_deref(), Some("-Lc"));
}
