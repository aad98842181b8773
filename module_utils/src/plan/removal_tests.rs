use super::{Blocked, InTheWay, Place, Removal, Removals, removals};
use crate::model::{Dataset, DatasetName, Version, VersionKind};
use crate::plan::deleted::DeletedDatasets;
use crate::plan::swap::There;
use proptest::prelude::{Strategy, prop, prop_assert, proptest};
use std::collections::BTreeSet;

fn dataset(name: &str) -> Dataset {
    let version = |name: &str| Version::listed(VersionKind::Snapshot, name.to_owned(), 1, 1);
    Dataset { versions: vec![version("1"), version("2")], ..Dataset::empty(name.parse().unwrap(), 1) }
}

fn there(names: &[&str]) -> There {
    names.iter().map(|name| (name.parse().unwrap(), dataset(name))).collect()
}

fn names(all: &[&str]) -> BTreeSet<DatasetName> {
    all.iter().map(|name| name.parse().unwrap()).collect()
}

fn planned(targets: &There, due: &[&str], way: &InTheWay, what: DeletedDatasets) -> Removals {
    let (target, fed) = ("vault/nas".parse().unwrap(), names(&["vault/nas", "vault/nas/t"]));
    let place = Place { targets, target: &target, stamp: "20260615T102030Z", fed: &fed };
    removals(&names(due), &place, way, (what, 10))
}

/// Each step in short.
fn steps(removals: &Removals) -> Vec<String> {
    let step = |step: &Removal| match step {
        Removal::Destroy(name, snapshots) => format!("destroy {name} {}", snapshots.len()),
        Removal::DestroyPlaceholder(name) => format!("placeholder {name}"),
        Removal::SetAside(from, to) => format!("{from} -> {to}"),
    };
    removals.steps.iter().map(step).collect()
}

const TREE: [&str; 6] =
    ["vault/nas", "vault/nas/t", "vault/nas/t/a", "vault/nas/t/a-b", "vault/nas/t/a/c", "vault/nas/t/b"];

#[test]
fn children_are_destroyed_before_their_parents_and_set_aside_with_them() {
    let (tree, way) = (there(&TREE), InTheWay::default());
    let due = ["vault/nas/t/a", "vault/nas/t/a/c"];
    let destroyed = planned(&tree, &due, &way, DeletedDatasets::Destroy);
    assert_eq!(steps(&destroyed), ["destroy vault/nas/t/a/c 2", "destroy vault/nas/t/a 2"]);
    let aside = planned(&tree, &due, &way, DeletedDatasets::SetAside);
    assert_eq!(steps(&aside), ["vault/nas/t/a -> vault/nas/ferro_deleted/t:a_20260615T102030Z"]);
    assert_eq!(aside.going, names(&due));
}

#[test]
fn what_has_something_below_it_that_stays_does_too() {
    let tree = there(&TREE);
    for what in [DeletedDatasets::Destroy, DeletedDatasets::SetAside] {
        let removals = planned(&tree, &["vault/nas/t/a", "vault/nas/t/b"], &InTheWay::default(), what);
        assert_eq!(removals.going, names(&["vault/nas/t/b"]));
        let blocked = &removals.blocked[&"vault/nas/t/a".parse().unwrap()];
        assert_eq!(*blocked, Blocked::ChildStays("vault/nas/t/a/c".parse().unwrap()));
    }
}

#[test]
fn holds_clones_and_mounts_keep_a_replica_and_all_above_it_from_being_destroyed() {
    let (tree, child) = (there(&TREE), "vault/nas/t/a/c");
    let due = ["vault/nas/t/a", child];
    let one = || std::iter::once((child.parse().unwrap(), format!("{child}@1"))).collect();
    let ways = [
        (InTheWay { held: one(), ..InTheWay::default() }, Blocked::Held(format!("{child}@1"))),
        (InTheWay { cloned: one(), ..InTheWay::default() }, Blocked::Cloned(format!("{child}@1"))),
        (InTheWay { mounted: names(&[child]), ..InTheWay::default() }, Blocked::Mounted),
    ];
    for (way, why) in ways {
        let removals = planned(&tree, &due, &way, DeletedDatasets::Destroy);
        assert!(removals.steps.is_empty() && removals.blocked.len() == 2);
        assert_eq!(removals.blocked[&child.parse().unwrap()], why);
        // A rename takes nothing from anybody.
        assert_eq!(planned(&tree, &due, &way, DeletedDatasets::SetAside).steps.len(), 1);
    }
}

#[test]
fn placeholders_below_go_along_if_nothing_feeds_them() {
    let mut tree = there(&TREE);
    let child = tree.get_mut(&"vault/nas/t/a/c".parse().unwrap()).unwrap();
    (child.placeholder, child.versions) = (true, Vec::new());
    let removals = planned(&tree, &["vault/nas/t/a"], &InTheWay::default(), DeletedDatasets::Destroy);
    assert_eq!(steps(&removals), ["placeholder vault/nas/t/a/c", "destroy vault/nas/t/a 2"]);
}

#[test]
fn more_than_allowed_is_none() {
    let all: Vec<String> = (0..11).map(|number| format!("vault/nas/t/{number}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let removals = planned(&there(&all), &all, &InTheWay::default(), DeletedDatasets::Destroy);
    assert!(removals.steps.is_empty() && removals.going.is_empty());
    assert!(removals.blocked.values().all(|blocked| *blocked == Blocked::TooMany { count: 11, most: 10 }));
    assert_eq!(planned(&there(&all), &all[1..], &InTheWay::default(), DeletedDatasets::Destroy).steps.len(), 10);
}

#[test]
fn nothing_is_moved_away_from_its_key_or_to_too_long_a_name() {
    let with_root = |root: &str| {
        let mut tree = there(&TREE);
        let child = tree.get_mut(&"vault/nas/t/a/c".parse().unwrap()).unwrap();
        (child.encrypted, child.encryption_root) = (true, Some(root.parse().unwrap()));
        let due = ["vault/nas/t/a", "vault/nas/t/a/c"];
        planned(&tree, &due, &InTheWay::default(), DeletedDatasets::SetAside).blocked
    };
    for (root, keeps) in [("vault", false), ("vault/nas", false), ("vault/nas/t", true), ("vault/nas/t/a", false)] {
        let blocked = with_root(root);
        let keyed = |blocked: &Blocked| *blocked == Blocked::KeepsKey(root.parse().unwrap());
        assert_eq!(blocked.values().any(keyed), keeps, "{root}: {blocked:?}");
    }
    let long = format!("vault/nas/t/{}", "x".repeat(255 - 14));
    let blocked = planned(&there(&[&long]), &[&long], &InTheWay::default(), DeletedDatasets::SetAside).blocked;
    assert!(matches!(blocked.values().next(), Some(Blocked::NameTooLong(_, 1..))));
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]", 1..4).prop_map(|parts| format!("vault/nas/t/{}", parts.join("/")))
}

proptest! {
    #[test]
    fn nothing_that_stays_is_ever_below_what_goes(
        tree in prop::collection::btree_set(path(), 1..12), picked: u16, destroy: bool
    ) {
        let tree: Vec<&str> = tree.iter().map(String::as_str).collect();
        let due: Vec<&str> = tree.iter().enumerate().filter(|(at, _)| picked >> at & 1 == 1).map(|(_, name)| *name).collect();
        let what = if destroy { DeletedDatasets::Destroy } else { DeletedDatasets::SetAside };
        let removals = planned(&there(&tree), &due, &InTheWay::default(), what);
        for step in &removals.steps {
            let (Removal::Destroy(name, _) | Removal::DestroyPlaceholder(name) | Removal::SetAside(name, _)) = step;
            for other in &tree {
                let other: DatasetName = other.parse().unwrap();
                prop_assert!(other.below(name).is_none() || removals.going.contains(&other), "{} {}", name, other);
            }
        }
        prop_assert!(removals.going.is_subset(&names(&due)));
    }
}
