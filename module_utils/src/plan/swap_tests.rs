use super::{Change, There, apply, arrived, begun, changes};
use crate::model::{Dataset, Version, VersionKind};

/// `"v/t P"`: a placeholder; `"v/t @s1"`: a replica with a snapshot; a last word is the encryption root.
fn dataset(line: &str) -> Dataset {
    let words: Vec<&str> = line.split(' ').collect();
    let version = |name: &str| {
        Version::listed(VersionKind::Snapshot, name[1..].to_owned(), u64::from(*name.as_bytes().last().unwrap()), 1)
    };
    let root = words.get(2).map(|root| root.parse().unwrap());
    Dataset {
        placeholder: words[1] == "P",
        encrypted: root.is_some(),
        encryption_root: root,
        versions: words[1..2].iter().filter(|word| word.starts_with('@')).map(|name| version(name)).collect(),
        ..super::placeholder(&words[0].parse().unwrap())
    }
}

fn there(lines: &[&str]) -> There {
    lines.iter().map(|line| dataset(line)).map(|dataset| (dataset.name.clone(), dataset)).collect()
}

fn shown(changes: &[Change]) -> Vec<String> {
    let short = |change: &Change| match change {
        Change::Rename(_, from, to) => format!("{from} -> {to}"),
        Change::Create(name) => format!("+ {name}"),
        Change::Destroy(name) => format!("- {name}"),
    };
    changes.iter().map(|change| short(change).replace("_ferro_arriving", "*")).collect()
}

const RAW: [&str; 5] =
    ["v/t P v", "v/t/b @s1 v/t/b", "v/t/c P v", "v/t/c/d @s1 v/t/c/d", "v/t_ferro_arriving @s2 v/t_ferro_arriving"];

#[test]
fn replicas_are_moved_one_by_one_and_only_what_is_empty_is_destroyed() {
    for (lines, expected) in [
        (vec!["v/t P v", "v/t_ferro_arriving @s2 v"], vec!["- v/t", "v/t* -> v/t"]),
        // All with one key.
        (
            vec!["v/t P v", "v/t/b @s1 v", "v/t/c P v", "v/t/c/d @s1 v", "v/t_ferro_arriving @s2 v"],
            vec!["v/t/b -> v/t*/b", "v/t/c -> v/t*/c", "- v/t", "v/t* -> v/t"],
        ),
        // Each with its own: a placeholder cannot take that of the one above along.
        (RAW.to_vec(), vec!["v/t/b -> v/t*/b", "+ v/t*/c", "v/t/c/d -> v/t*/c/d", "- v/t/c", "- v/t", "v/t* -> v/t"]),
        (vec!["v/t_ferro_arriving @s2 v"], vec!["v/t* -> v/t"]),
    ] {
        let all = there(&lines);
        let arriving = &all[&"v/t_ferro_arriving".parse().unwrap()];
        assert_eq!(shown(&changes(&"v/t".parse().unwrap(), arriving, None, &all).unwrap()), expected);
    }
}

#[test]
fn what_is_cut_short_after_any_step_ends_the_same() {
    for lines in [RAW, ["v/t P v", "v/t/b @s1 v", "v/t/c P v", "v/t/c/d @s1 v", "v/t_ferro_arriving @s2 v"]] {
        let source = Dataset { name: "tank".parse().unwrap(), ..dataset("tank @s2") };
        let end = |there: &There| {
            let mut there = there.clone();
            let swaps = begun([(&source, "v/t".parse().unwrap())].into_iter(), &mut there, "now", false);
            (swaps, there.keys().map(ToString::to_string).collect::<Vec<_>>())
        };
        let start = there(&lines);
        let (swaps, whole) = end(&start);
        let all = swaps[0].changes.clone().unwrap();
        assert_eq!(whole, ["v/t", "v/t/b", "v/t/c", "v/t/c/d"]);
        for done in 0..all.len() {
            let mut half = start.clone();
            apply(&all[..done], &mut half);
            assert_eq!(end(&half).1, whole, "after {:?}", shown(&all[..done]));
            let replicas = half.values().filter(|dataset| !dataset.placeholder).count();
            assert_eq!(replicas, 3, "after {:?}", shown(&all[..done]));
        }
        let mut done = start;
        apply(&all, &mut done);
        assert_eq!(end(&done), (vec![], whole));
    }
}

#[test]
fn only_what_is_of_the_source_takes_its_place() {
    let source = dataset("tank @s2");
    for (lines, begins) in [
        (["v/t P v", "v/t_ferro_arriving @s2 v"], true),
        // Of another source; nothing whole has arrived yet; the place is a replica, or somebody's own.
        (["v/t P v", "v/t_ferro_arriving @s3 v"], false),
        (["v/t P v", "v/t_ferro_arriving - v"], false),
        (["v/t @s1 v", "v/t_ferro_arriving @s2 v"], false),
        (["v/t - v", "v/t_ferro_arriving @s2 v"], false),
    ] {
        let swaps = begun([(&source, "v/t".parse().unwrap())].into_iter(), &mut there(&lines), "now", false);
        assert_eq!(!swaps.is_empty(), begins, "{lines:?}");
    }
}

#[test]
fn keys_are_those_of_what_arrives() {
    let place = dataset("v/t P v");
    let root = |raw| {
        let arrived = arrived(&dataset("tank @s2 tank"), &"v/t_ferro_arriving".parse().unwrap(), &place, raw);
        arrived.encryption_root.unwrap().to_string()
    };
    assert_eq!((root(true).as_str(), root(false).as_str()), ("v/t_ferro_arriving", "v"));
    // A replica below that has the placeholder's key can come along only to the same one.
    let all = there(&["v/t P v", "v/t/b @s1 v"]);
    for raw in [true, false] {
        let arriving = arrived(&dataset("tank @s2 tank"), &"v/t_ferro_arriving".parse().unwrap(), &place, raw);
        assert_eq!(changes(&place.name, &arriving, None, &all).is_err(), raw);
    }
}

#[test]
fn what_is_set_aside_after_any_step_ends_the_same() {
    for lines in [
        ["v/t @s9 v", "v/t/b @s1 v", "v/t/c P v", "v/t/c/d @s1 v", "v/t_ferro_arriving @s2 v"],
        [
            "v/t @s9 v/t",
            "v/t/b @s1 v/t/b",
            "v/t/c P -",
            "v/t/c/d @s1 v/t/c/d",
            "v/t_ferro_arriving @s2 v/t_ferro_arriving",
        ],
    ] {
        let lines = lines.map(|line| line.trim_end_matches(" -").to_owned());
        let source = Dataset { name: "tank".parse().unwrap(), ..dataset("tank @s2") };
        let start = there(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let end = |there: &There, may_set_aside| {
            let mut there = there.clone();
            let swaps = begun([(&source, "v/t".parse().unwrap())].into_iter(), &mut there, "now", may_set_aside);
            (swaps, there.keys().map(ToString::to_string).collect::<Vec<_>>())
        };
        // Nothing has moved yet: whoever asks for it no more is not surprised.
        assert_eq!(end(&start, false).0, []);
        let (swaps, whole) = end(&start, true);
        let all = swaps[0].changes.clone().unwrap();
        assert_eq!(whole, ["v/t", "v/t/b", "v/t/c", "v/t/c/d", "v/t_diverged_now"]);
        for done in 1..all.len() {
            let mut half = start.clone();
            apply(&all[..done], &mut half);
            assert_eq!(half.values().filter(|dataset| !dataset.placeholder).count(), 4, "{:?}", shown(&all[..done]));
            for may_set_aside in [false, true] {
                assert_eq!(end(&half, may_set_aside).1, whole, "after {:?}", shown(&all[..done]));
            }
        }
        let mut done = start;
        apply(&all, &mut done);
        assert_eq!(end(&done, true), (vec![], whole));
    }
}
