//! Whatever a client says: the gate does not panic, and what it lets through says the very same again, runs a program that
//! it knows with a verb of its end, and names nothing outside its datasets, nor anything that it was not told to give up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use module_utils::exec::cmd::{Cmd, login_shell_prefix, login_shell_prefix_0_1};
use module_utils::exec::scripts::Script;
use module_utils::gate::allowlist::{Mode, Permit, Rules, permit};
use module_utils::model::DatasetName;
use std::time::Duration;

const OURS: &str = "tank/data";
const OF_BOTH: [&str; 6] = ["list", "get", "allow", "hold", "release", "holds"];
const OF_SENDING: [&str; 3] = ["send", "bookmark", "destroy"];
const OF_RECEIVING: [&str; 7] = ["receive", "create", "inherit", "set", "rename", "destroy", "rollback"];

/// Each bit of the first byte is one rule.
fn rules(bits: u8) -> Rules {
    let is = |bit: u8| bits & 1 << bit != 0;
    Rules {
        mode: if is(0) { Mode::Receive } else { Mode::Send },
        datasets: vec![OURS.parse().unwrap()],
        allow_rollback: is(1),
        allow_delete: is(2).then_some(Duration::from_secs(60)),
        allow_rename: is(3),
        raw_only: is(4),
    }
}

/// The dataset that a word names, by its look alone: `a/b`, `a/b@c`, `a/b#c`, and `origin=a/b@c`. What begins with `@` or
/// `#` belongs to a dataset that is named beside it.
fn named(word: &str) -> Option<DatasetName> {
    let word = word.strip_prefix("origin=").unwrap_or(word);
    let end = word.find(['@', '#']).unwrap_or(word.len());
    if !word[..end].contains('/') && end == word.len() || word[..end].contains('=') {
        return None;
    }
    word[..end].parse().ok()
}

fn check(rules: &Rules, line: &str, permitted: &Permit) {
    let Permit { argv, script, .. } = permitted;
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    if script.is_none() {
        let again = Cmd::of(argv).unwrap().to_string();
        assert!(
            [login_shell_prefix(), login_shell_prefix_0_1()].iter().any(|prefix| format!("{prefix}{again}") == line)
        );
    }
    if matches!(script, Some(Script::Bookmark | Script::RemoveBookmarks)) {
        assert_eq!(rules.mode, Mode::Send);
        return words.iter().filter(|word| !word.starts_with('#')).for_each(|word| within(rules, word));
    }
    let (verb, args) = match words[..] {
        ["id"] | ["zstd", "--version"] => return,
        ["zpool", "get", ref args @ ..] => return assert!(args.iter().all(|word| named(word).is_none())),
        ["zfs", verb, ref args @ ..] => (verb, args),
        _ => panic!("{words:?}"),
    };
    let of_mode = if rules.mode == Mode::Send { &OF_SENDING[..] } else { &OF_RECEIVING[..] };
    assert!(OF_BOTH.contains(&verb) || of_mode.contains(&verb), "{words:?}");
    // A token is no name, and is looked into before it is used.
    if verb != "send" || !args.iter().any(|word| word.starts_with('-') && word.contains('t')) {
        // What `-x` leaves out is a property.
        let is_name = |at: &usize| args[..*at].last() != Some(&"-x");
        (0..args.len()).filter(is_name).for_each(|at| within(rules, args[at]));
    }
    let has = |flag: &str| args.contains(&flag);
    assert!(!(has("-R") || has("-f") || has("-rf") || has("-Rf")) || verb == "send", "{words:?}");
    if verb == "destroy" && rules.mode == Mode::Send {
        assert!(args.iter().all(|word| word.contains('#')), "{words:?}");
    }
    if verb == "destroy" && args.iter().any(|word| word.contains('@')) || verb == "rollback" {
        assert!(rules.allow_rollback || rules.allow_delete.is_some(), "{words:?}");
    }
}

/// Beside its dataset may lie only what is on its way there, and what it was set aside as.
fn within(rules: &Rules, word: &str) {
    if let Some(name) = named(word) {
        let is_beside = ["_ferro_arriving", "_diverged_"].iter().any(|end| word.starts_with(&format!("{OURS}{end}")));
        assert!(is_beside && rules.mode == Mode::Receive || rules.within(&name).is_ok(), "{word}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [bits, rest @ ..] = bytes else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let rules = rules(*bits);
    // By itself nobody finds the beginning, without which all is refused.
    for line in
        [text.to_owned(), format!("{}{text}", login_shell_prefix()), format!("{}{text}", login_shell_prefix_0_1())]
    {
        if let Ok(permitted) = permit(&rules, &line) {
            check(&rules, &line, &permitted);
        }
    }
});
