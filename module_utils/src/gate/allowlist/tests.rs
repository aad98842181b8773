//! Attacks, what `zfs_replicate` says, and words near to it.

use super::{Condition, Mode, Permit, Receiving, Rules, permit, split};
use crate::exec::cmd::{Cmd, login_shell_prefix};
use crate::exec::scripts::Script;
use crate::gate::denied::{Denial, Denied};
use crate::model::DatasetName;
use crate::plan::features::Feature;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

const ATTACKS: &str = include_str!("../../../../tests/it/fixtures/attacks.txt");

fn rules(mode: Mode, allow_rollback: bool) -> Rules {
    Rules {
        mode,
        datasets: vec!["tank/data".parse().unwrap()],
        allow_rollback,
        allow_delete: None,
        allow_rename: false,
        raw_only: false,
    }
}

fn ask(rules: &Rules, words: &str) -> Result<Condition, Denied> {
    permit(rules, &format!("{}{words}", login_shell_prefix())).map(|permit| permit.condition)
}

/// The notation of the file: see its head.
fn attack(line: &str) -> String {
    let mut text = line.replace("{P}", &login_shell_prefix());
    for (sign, meant) in [
        ("\\\\", "\u{1}"),
        ("\\n", "\n"),
        ("\\r", "\r"),
        ("\\t", "\t"),
        ("\\0", "\0"),
        ("\\e", "\u{1b}"),
        ("\u{1}", "\\"),
    ] {
        text = text.replace(sign, meant);
    }
    while let Some((before, rest)) = text.split_once("\\u{") {
        let (code, after) = rest.split_once('}').unwrap();
        let meant = char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
        text = format!("{before}{meant}{after}");
    }
    if let Some((star, _)) =
        text.match_indices('*').find(|(at, _)| at.checked_sub(2).is_some_and(|open| text[open..].starts_with('{')))
    {
        let close = star + text[star..].find('}').unwrap();
        let times = text[star + 1..close].parse().unwrap();
        text = format!("{}{}{}", &text[..star - 2], text[star - 1..star].repeat(times), &text[close + 1..]);
    }
    text
}

#[test]
fn what_has_no_source_any_more_goes_only_through_a_gate_that_allows_it_and_looks() {
    // Quoted as it is sent, so that nothing is refused for that.
    let ask = |rules: &Rules, line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        permit(rules, &Cmd::of(&words).unwrap().for_login_shell()).map(|permit| permit.condition)
    };
    let receive = rules(Mode::Receive, false);
    let after = std::time::Duration::from_hours(30 * 24);
    let allowing = Rules { allow_delete: Some(after), ..receive.clone() };
    let place: DatasetName = "tank/data/x".parse().unwrap();
    let mark = "zfs set ferro.zfs:missing=2026-06-15T10:20:30Z/7/9 tank/data/x";
    let absence = "2026-06-15T10:20:30Z/7/9".parse().unwrap();
    assert_eq!(ask(&allowing, mark), Ok(Condition::Missing { place: place.clone(), absence }));
    assert_eq!(ask(&allowing, "zfs set ferro.zfs:fed=7 tank/data tank/data/x"), Ok(Condition::None));
    for words in [
        "zfs destroy tank/data/x@a,b",
        "zfs destroy tank/data/x",
        "zfs rename -u tank/data/x tank/data/ferro_deleted/x_20260615T102030Z",
        "zfs rename tank/data/x tank/data/ferro_deleted/x_20260615T102030Z",
    ] {
        assert_eq!(ask(&allowing, words), Ok(Condition::Deleted { place: place.clone(), after }), "{words}");
    }
    for words in [mark, "zfs set ferro.zfs:fed=7 tank/data", "zfs rename -u tank/data/x tank/data/ferro_deleted/x_1"] {
        let refused = [ask(&receive, words), ask(&rules(Mode::Receive, true), words)];
        assert!(
            refused.iter().all(|said| matches!(said, Err(denied) if denied.code == Denial::AllowDeleteMissing)),
            "{words}"
        );
        assert!(ask(&rules(Mode::Send, false), words).is_err());
    }
    for words in ["zfs destroy tank/data/x@a", "zfs inherit ferro.zfs:fed tank/data/x"] {
        assert!(ask(&receive, words).is_err(), "{words}");
    }
    // Who forgets only waits.
    assert_eq!(ask(&receive, "zfs inherit ferro.zfs:missing tank/data/x"), Ok(Condition::None));
    for words in [
        "zfs destroy tank/data",
        "zfs destroy tank/other",
        "zfs destroy -r tank/data/x",
        "zfs destroy -R tank/data/x",
        "zfs destroy tank/data/x@a%b",
        "zfs destroy tank/data/x@",
        "zfs destroy tank/data/x tank/data/y",
        "zfs rename -u tank/data/x tank/other/ferro_deleted/x",
        "zfs rename -u tank/data/x ferro_deleted/x",
        "zfs rename -u tank/data/x tank/data/y/x",
        "zfs rename -u tank/data tank/data/ferro_deleted/x",
        "zfs rename -u tank/other/x tank/data/ferro_deleted/x",
        "zfs set ferro.zfs:fed=07 tank/data/x",
        "zfs set ferro.zfs:fed=on tank/data/x",
        "zfs set ferro.zfs:fed=7 tank/other",
        "zfs set ferro.zfs:fed=7",
        "zfs set ferro.zfs:missing=yesterday tank/data/x",
        "zfs set ferro.zfs:missing=2026-06-15T10:20:30Z/7/9 tank/data",
        "zfs set ferro.zfs:missing=2026-06-15T10:20:30Z/7/9 tank/data/x tank/data/y",
        "zfs get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing tank/other",
        "zfs get -Hp -r -t filesystem,volume -s local -o name,property,value all tank/data",
    ] {
        assert!(ask(&allowing, words).is_err(), "{words}");
    }
}

#[test]
fn every_attack_is_refused_in_both_modes() {
    let lines: Vec<&str> = ATTACKS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() > 200);
    for line in lines {
        let attack = attack(line);
        for mode in [Mode::Send, Mode::Receive] {
            assert!(permit(&rules(mode, false), &attack).is_err(), "{mode:?}: {line}");
            let allow_delete = Some(std::time::Duration::ZERO);
            let held_back = |said: Result<Permit, Denied>| match said {
                Err(_) => true,
                Ok(permit) => matches!(permit.condition, Condition::Deleted { .. }),
            };
            assert!(held_back(permit(&Rules { allow_delete, ..rules(mode, false) }, &attack)), "{mode:?}: {line}");
        }
    }
    // Those about options and paths are refused for what they say, not for how they are quoted.
    let (_, about_words) = ATTACKS.split_once("# Options that").unwrap();
    let (about_words, _) = about_words.split_once("# Scripts that").unwrap();
    let misquoted =
        about_words.lines().filter(|line| line.starts_with("{P}")).filter(|line| split(&attack(line)).is_err());
    assert_eq!(misquoted.collect::<Vec<_>>(), ["{P}zfs send -t '1-abc;id'"]);
    assert_eq!(attack("a\\n\\u{430}{x*3}\\\\n"), "a\n\u{430}xxx\\n");
}

#[test]
fn what_zfs_replicate_says_is_let_through() {
    let bookmark = "tank/data#ferro_0123456789abcdef_01234567_0123456789abcdef";
    let send = rules(Mode::Send, false);
    for words in [
        "id",
        "zfs list -Hp -t filesystem,volume -o name,type,encryption,written,receive_resume_token,ferro.zfs:placeholder,ferro.zfs:replica -r tank/data",
        "zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg -d 1 tank/data 'tank/data/my child'",
        "zfs get -Hp -o name,value ivsetguid tank/data@s1 'tank/data#b'",
        "zfs allow tank/data/child",
        "zfs send -Lc tank/data@s1",
        "zfs send -nvP -w -i @s1 tank/data/child@s2",
        "zfs send -Lc -i '#ferro_x' tank/data@s2",
        "zfs send -Lc -I @s1 'tank/data@s 2'",
        &format!("zfs bookmark tank/data@s1 '{bookmark}'"),
        &format!("zfs destroy '{bookmark}'"),
        "zfs hold ferro_x tank/data@s1",
        "zfs release ferro_x tank/data@s1",
        "zfs holds -H tank/data@s1 'tank/data/my child@s2'",
        "zstd --version",
        &Script::Compress.of(["zfs", "send", "-Lc", "tank/data@s1"]).to_string(),
        &Script::Bookmark.of(["tank/data@s1", bookmark, "tank/data@s2", bookmark]).to_string(),
        &Script::RemoveBookmarks.of([bookmark]).to_string(),
    ] {
        assert_eq!(ask(&send, words), Ok(Condition::None), "{words}");
    }
    assert_eq!(ask(&send, "zfs send -nvPt 1-abc-10"), Ok(Condition::Token("1-abc-10".to_owned())));
    assert_eq!(ask(&send, "zfs send -t 1-abc-10"), Ok(Condition::Token("1-abc-10".to_owned())));
    assert!(ask(&send, "zfs receive -u tank/data/x").is_err());

    let receive = rules(Mode::Receive, false);
    for words in [
        "zfs list -Hp -t filesystem,volume -o name tank tank/data tank/data/x",
        "zfs get -Hp -o name,value guid tank",
        "zfs create -u -o 'canmount=off' -o 'ferro.zfs:placeholder=tank/data/x' tank/data/x",
        "zfs receive -A tank/data/x",
        "zfs create -u -o 'canmount=off' -o 'ferro.zfs:placeholder=tank/data/x' -o 'encryption=off' tank/data/x",
        "zfs inherit ferro.zfs:placeholder tank/data/x",
        "zfs rename -u tank/data/x_ferro_arriving tank/data/x",
        "zfs rename tank/data/x_ferro_arriving tank/data/x",
        "zfs list -Hp -t filesystem,volume -o name tank/data_ferro_arriving",
    ] {
        assert_eq!(ask(&receive, words), Ok(Condition::None), "{words}");
    }
    let name = |text: &str| text.parse::<DatasetName>().unwrap();
    for (words, place) in [
        ("zfs destroy tank/data/x", "tank/data/x"),
        ("zfs rename -u tank/data/x/a tank/data/x_ferro_arriving/a", "tank/data/x"),
        ("zfs rename -u tank/data/x/a/b tank/data/x_ferro_arriving/a/b", "tank/data/x/a"),
    ] {
        assert_eq!(ask(&receive, words), Ok(Condition::GivesWay(name(place))), "{words}");
    }
    let mark = Condition::Mark { place: name("tank/data/x"), guid: 7 };
    assert_eq!(ask(&receive, "zfs set 'ferro.zfs:placeholder=7' tank/data/x"), Ok(mark));
    for words in [
        "zfs set 'ferro.zfs:placeholder=x' tank/data/x",
        "zfs set 'ferro.zfs:placeholder=7' tank/data",
        "zfs set 'readonly=off' tank/data/x",
        "zfs destroy tank/data",
        "zfs destroy -r tank/data/x",
        "zfs destroy tank/data/x tank/data/y",
        "zfs destroy 'tank/data/x#b'",
        "zfs destroy tank/other",
        "zfs rename -u tank/data/x tank/data/x_ferro_arriving",
        "zfs rename -u tank/data_ferro_arriving tank/data",
        "zfs rename -u tank/data/a tank/data_ferro_arriving/a",
        "zfs rename -u tank/data/x/a tank/data/x_ferro_arriving/b",
        "zfs rename -u tank/data/x/a tank/data/y_ferro_arriving/a",
        "zfs rename -u tank/data/x_ferro_arriving tank/data/y",
        "zfs rename -u tank/data/x_ferro_arriving/a tank/data/x/a",
        "zfs rename -f tank/data/x_ferro_arriving tank/data/x",
        "zfs list -Hp -t filesystem,volume -o name -r tank/data_ferro_arriving",
    ] {
        assert!(ask(&receive, words).is_err(), "{words}");
    }
    let stream = |forced| {
        Condition::Receive(Receiving {
            target: "tank/data/x".parse().unwrap(),
            forced,
            over_placeholder: forced,
            of_origin: false,
        })
    };
    let options = "-o 'canmount=off' -o 'readonly=on' -x mountpoint tank/data/x";
    assert_eq!(ask(&receive, &format!("zfs receive -u -s {options}")), Ok(stream(false)));
    assert_eq!(ask(&receive, &format!("zfs receive -u -s -F {options}")), Ok(stream(true)));
    assert!(ask(&receive, "zfs send -Lc tank/data@s1").is_err());
}

#[test]
fn streams_are_sent_with_what_both_pools_can_take() {
    let (send, receive) = (rules(Mode::Send, false), rules(Mode::Receive, false));
    let features = format!("zpool get -H -o name,property,value {} tank", Feature::properties());
    for words in [
        "zfs send -- tank/data@s1",
        "zfs send -i '#ferro_x' -- tank/data@s2",
        "zfs send -L tank/data@s1",
        "zfs send -c -I @s1 tank/data@s2",
        "zfs send -e -i @s1 tank/data@s2",
        "zfs send -Le tank/data@s1",
        "zfs send -ec tank/data@s1",
        "zfs send -nvP -Lec tank/data@s1",
        "zfs send -nvP -i @s1 -- tank/data@s2",
        "zfs list -Hp -t filesystem,volume -o name,recordsize,volblocksize,compression tank/data",
        &features,
    ] {
        assert_eq!(ask(&send, words), Ok(Condition::None), "{words}");
    }
    assert_eq!(ask(&receive, &features), Ok(Condition::None));
    let raw_only = Rules { raw_only: true, ..send.clone() };
    for words in ["zfs send -- tank/data@s1", "zfs send -L tank/data@s1", "zfs send -Lec -i @s1 tank/data@s2"] {
        assert!(matches!(ask(&raw_only, words), Ok(Condition::Encryption(_))), "{words}");
    }
    for words in [
        "zfs send tank/data@s1",
        "zfs send -i @s1 tank/data@s2",
        "zfs send -- -i @s1 tank/data@s2",
        "zfs send -Lc -- tank/data@s1",
        "zfs send -- -R tank/data@s1",
        "zfs send -Lcw tank/data@s1",
        "zfs send -cL tank/data@s1",
        "zfs send -L -c tank/data@s1",
        "zfs send -p tank/data@s1",
        "zfs send -R tank/data@s1",
        "zfs send --large-block tank/data@s1",
        "zfs send -Lc -w tank/data@s1",
        "zfs send",
        "zfs send -L",
        &format!("zpool get -H -o name,property,value {}", Feature::properties()),
        &format!("zpool get -H -o name,property,value {} tank other", Feature::properties()),
        &format!("zpool get -H -o name,property,value {} tank/data", Feature::properties()),
        &format!("zpool get -Hp -o name,property,value {} tank", Feature::properties()),
        "zpool get -H -o name,property,value guid tank",
        "zpool get -H -o name,property,value all tank",
        "zpool get all tank",
        "zpool set feature@large_blocks=enabled tank",
    ] {
        assert!(ask(&send, words).is_err(), "{words}");
    }
}

#[test]
fn rollback_is_for_gates_that_allow_it() {
    let words = [
        "zfs rollback tank/data/x@s1",
        "zfs destroy tank/data/x@s1,s2",
        "zfs rename -u tank/data/x tank/data/x_diverged_2026-11-21",
    ];
    for words in words {
        assert!(ask(&rules(Mode::Receive, false), words).unwrap_err().code == Denial::AllowRollbackMissing);
        assert_eq!(ask(&rules(Mode::Receive, true), words), Ok(Condition::None), "{words}");
    }
    let forced = ask(&rules(Mode::Receive, true), "zfs receive -u -F tank/data/x");
    assert!(matches!(forced, Ok(Condition::Receive(Receiving { over_placeholder: false, .. }))));
    for words in [
        "zfs destroy tank/data",
        "zfs destroy -r tank/data/x@s1",
        "zfs destroy tank/other@s1",
        "zfs rollback tank/other@s1",
        "zfs rename -u tank/data tank/data_diverged_1",
        "zfs rename -u tank/data/x tank/data/y",
        "zfs rename -u tank/data/x tank/data/x_diverged_a/b",
    ] {
        assert!(ask(&rules(Mode::Receive, true), words).is_err(), "{words}");
    }
}

/// Words that are likely to come near to something allowed.
fn word() -> impl Strategy<Value = String> {
    let near = [
        "zfs",
        "id",
        "list",
        "get",
        "send",
        "receive",
        "destroy",
        "hold",
        "bookmark",
        "create",
        "-Hp",
        "-t",
        "-o",
        "-r",
        "-u",
        "-s",
        "-F",
        "-A",
        "-x",
        "-w",
        "-Lc",
        "-i",
        "-I",
        "name",
        "guid",
        "name,value",
        "filesystem,volume",
        "@s1",
        "#b",
        "tank/data",
        "tank/data/x",
        "tank/data@s1",
        "tank/database",
        "tank/other@s1",
        "tank",
        "readonly=on",
        "ferro_x",
        "1-abc",
    ];
    prop_oneof![8 => prop::sample::select(near.to_vec()).prop_map(str::to_owned), 1 => any::<String>(), 1 => Just("tank/data/../x".to_owned())]
}

proptest! {
    #[test]
    fn nothing_outside_is_ever_named(words in prop::collection::vec(word(), 1..9), mode in prop::bool::ANY, rollback in prop::bool::ANY) {
        let mode = if mode { Mode::Send } else { Mode::Receive };
        let line = Cmd::new("zfs").args(&words).for_login_shell();
        if let Ok(permit) = permit(&rules(mode, rollback && mode == Mode::Receive), &line) {
            // What is run is what was said, word by word.
            prop_assert_eq!(Cmd::of(&permit.argv).unwrap().for_login_shell(), line);
            for word in &permit.argv {
                prop_assert!(!word.contains("other") && !word.contains("database") && !word.contains(".."), "{word}");
                prop_assert!(word != "tank" || mode == Mode::Receive);
            }
            prop_assert!(!permit.argv.contains(&"destroy".to_owned()) || rollback, "{:?}", permit.argv);
        }
    }

    #[test]
    fn no_line_makes_it_panic(line in any::<String>(), rest in any::<String>()) {
        for mode in [Mode::Send, Mode::Receive] {
            prop_assert!(permit(&rules(mode, false), &line).is_err());
            let _ = permit(&rules(mode, true), &format!("{}{rest}", login_shell_prefix()));
        }
    }
}
