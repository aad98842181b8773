use super::{AllMarks, Fate, Judged, Marks, Seen, Stays, judge};
use crate::model::absence::Absence;
use crate::model::{Dataset, DatasetName, Version, VersionKind};
use crate::plan::mapping::Mapping;
use crate::plan::swap::There;
use jiff::Timestamp;
use proptest::prelude::{prop, prop_assert, proptest};
use std::collections::BTreeMap;
use std::time::Duration;

const NOW: i64 = 1_781_518_830;
const DAY: i64 = 86_400;
const MONTH: Duration = Duration::from_hours(30 * 24);

/// `tank/a 7 @1 @2`: its name, guid, and snapshots whose guids are their names.
fn dataset(line: &str) -> Dataset {
    let mut words = line.split_whitespace();
    let (name, guid) = (words.next().unwrap(), words.next().unwrap());
    let version = |(word, txg): (&str, u64)| {
        Version::listed(VersionKind::Snapshot, word[1..].to_owned(), word[1..].parse().unwrap(), txg)
    };
    let versions = words.zip(1..).map(version).collect();
    Dataset { versions, ..Dataset::empty(name.parse().unwrap(), guid.parse().unwrap()) }
}

fn all(lines: &[&str]) -> There {
    lines.iter().map(|line| dataset(line)).map(|dataset| (dataset.name.clone(), dataset)).collect()
}

/// Both sides, as `tank` is sent below `vault`. What has no source is an orphan.
struct World {
    sources: There,
    targets: There,
    marks: AllMarks,
    excluded: &'static str,
    roots: Vec<DatasetName>,
    named: Vec<DatasetName>,
}

impl World {
    /// `tank/old` is gone, of which the replica is fed and marked.
    fn new() -> Self {
        let marks = |line: &str| (line.parse().unwrap(), Marks { fed: Some(1), missing: None });
        let mut world = Self {
            sources: all(&["tank 1 @10", "tank/a 2 @20"]),
            targets: all(&["vault 90", "vault/tank 91 @10", "vault/tank/a 92 @20", "vault/tank/old 93 @30 @31"]),
            marks: ["vault/tank", "vault/tank/a", "vault/tank/old"].iter().map(|name| marks(name)).collect(),
            excluded: "",
            roots: vec!["tank".parse().unwrap()],
            named: vec!["tank".parse().unwrap()],
        };
        world.missing(40, 93, 31);
        world
    }

    /// The mark of `vault/tank/old`.
    fn missing(&mut self, days: i64, dataset: u64, newest: u64) {
        let since = Timestamp::from_second(NOW - days * DAY).unwrap();
        self.old().missing = Some(Some(Absence { since, dataset, newest }));
    }

    fn old(&mut self) -> &mut Marks {
        self.marks.get_mut(&"vault/tank/old".parse().unwrap()).unwrap()
    }

    fn judged(&self) -> Judged {
        let mapping = Mapping { target: "vault".parse().unwrap(), strip_prefix: None };
        let listed: BTreeMap<DatasetName, u64> = self.sources.values().map(|d| (d.name.clone(), d.guid)).collect();
        let is_fed = |target: &DatasetName| listed.keys().any(|name| mapping.target_of(name).unwrap() == *target);
        let seen = Seen {
            orphans: self.targets.values().filter(|d| d.name.as_str() != "vault" && !is_fed(&d.name)).collect(),
            sources: &self.sources,
            listed: &listed,
            targets: &self.targets,
            mapping: &mapping,
            roots: &self.roots,
            named: &self.named,
            is_excluded: &|name| name.as_str() == self.excluded,
            marks: &self.marks,
            now: Timestamp::from_second(NOW).unwrap(),
        };
        judge(&seen, MONTH)
    }

    fn fate(&self) -> Fate {
        self.judged().fates.remove(&"vault/tank/old".parse().unwrap()).unwrap()
    }

    /// Whether the mark is taken away.
    fn is_begun_anew(&self) -> bool {
        self.judged().found.contains(&"vault/tank/old".parse().unwrap())
    }
}

#[test]
fn what_is_certainly_gone_for_long_enough_is_due() {
    let mut world = World::new();
    assert!(matches!(world.fate(), Fate::Due { .. }));
    world.missing(30, 93, 31);
    assert!(matches!(world.fate(), Fate::Due { .. }));
    world.missing(29, 93, 31);
    assert!(matches!(world.fate(), Fate::Stays(Stays::Recent { .. })) && !world.is_begun_anew());
}

#[test]
fn the_first_run_only_notices_and_a_mark_of_something_else_counts_for_nothing() {
    let mut world = World::new();
    world.old().missing = None;
    assert!(matches!(world.fate(), Fate::Noticed(absence) if (absence.dataset, absence.newest) == (93, 31)));
    world.old().missing = Some(None);
    assert!(matches!(world.fate(), Fate::Noticed(_)));
    // Inherited or copied, older than the newest snapshot, or of a clock that was ahead.
    for (days, dataset, newest) in [(40, 92, 31), (40, 93, 30), (-1, 93, 31)] {
        world.missing(days, dataset, newest);
        assert!(matches!(world.fate(), Fate::Noticed(_)), "{days} {dataset} {newest}");
    }
}

#[test]
fn a_source_that_is_back_ends_its_absence() {
    let mut world = World::new();
    // Whatever it holds by now.
    world.sources.extend(all(&["tank/old 3 @99"]));
    let judged = world.judged();
    assert!(judged.fates.is_empty());
    assert_eq!(judged.found, ["vault/tank/old".parse().unwrap()]);
}

#[test]
fn replicas_are_noted_down_as_fed_from_the_root_that_feeds_them() {
    let mut world = World::new();
    assert!(world.judged().fed.is_empty());
    world.marks.clear();
    // What has nothing in common with its source, and what has none, is not.
    world.targets.extend(all(&["vault/tank/b 94 @41"]));
    world.sources.extend(all(&["tank/b 4 @40"]));
    let names = ["vault/tank", "vault/tank/a"].map(|name| name.parse().unwrap()).to_vec();
    assert_eq!(world.judged().fed, BTreeMap::from([(1, names)]));
}

#[test]
fn an_absence_that_something_else_explains_proves_nothing_and_begins_anew() {
    let stays = |change: &dyn Fn(&mut World)| {
        let mut world = World::new();
        change(&mut world);
        let Fate::Stays(stays) = world.fate() else { panic!("{:?}", world.fate()) };
        assert!(world.is_begun_anew(), "{stays:?}");
        stays
    };
    assert!(matches!(stays(&|world| world.excluded = "tank/old"), Stays::Excluded(_)));
    // Another source feeds it, or nobody knows.
    assert_eq!(stays(&|world| world.old().fed = Some(7)), Stays::NotFed);
    assert_eq!(stays(&|world| world.old().fed = None), Stays::NotFed);
    // The pool is not imported, was made anew, or holds nothing any more.
    assert!(matches!(stays(&|world| world.sources.clear()), Stays::Unproven(_)));
    assert_eq!(stays(&|world| world.sources = all(&["tank 8 @10", "tank/a 2 @20"])), Stays::NotFed);
    assert!(matches!(stays(&|world| world.sources = all(&["tank 1", "tank/a 2 @21"])), Stays::Unproven(_)));
    // Renamed: the same dataset, or its snapshots, as after `zfs promote` of a clone.
    let renamed = |world: &mut World| {
        world.targets.get_mut(&"vault/tank/old".parse().unwrap()).unwrap().replica_of = Some(3);
        world.sources.extend(all(&["tank/new 3 @99"]));
    };
    assert_eq!(stays(&renamed), Stays::Elsewhere("tank/new".parse().unwrap()));
    let promoted = |world: &mut World| world.sources.extend(all(&["tank/clone 5 @30 @99"]));
    assert_eq!(stays(&promoted), Stays::Elsewhere("tank/clone".parse().unwrap()));
    let written = |world: &mut World| world.targets.get_mut(&"vault/tank/old".parse().unwrap()).unwrap().written = 9;
    assert_eq!(stays(&written), Stays::Modified(9));
}

#[test]
fn the_replica_of_what_was_named_is_never_judged_missing() {
    let mut world = World::new();
    world.named.push("tank/old".parse().unwrap());
    assert!(matches!(world.fate(), Fate::Stays(Stays::Named(_))));
}

#[test]
fn the_mark_that_children_inherit_from_a_fed_replica_tells_of_no_rename() {
    let mut world = World::new();
    for target in world.targets.values_mut() {
        target.replica_of = Some(1);
    }
    assert!(matches!(world.fate(), Fate::Due { .. }));
}

proptest! {
    #[test]
    fn only_what_this_source_has_fed_and_noticed_long_ago_is_ever_due(
        days in -40_i64..80, guids in (92_u64..95, 29_u64..33), fed in prop::option::of(0_u64..3),
        root in 0_u64..3, common in 8_u64..12, written in 0_u64..2, excluded: bool
    ) {
        let mut world = World::new();
        world.missing(days, guids.0, guids.1);
        world.old().fed = fed;
        world.sources = all(&[&format!("tank {root} @{common}"), "tank/a 2 @7"]);
        world.targets.get_mut(&"vault/tank/old".parse().unwrap()).unwrap().written = written;
        world.excluded = if excluded { "tank/old" } else { "" };
        let is_due = matches!(world.fate(), Fate::Due { .. });
        let is_certain = guids == (93, 31) && fed == Some(root) && common == 10 && written == 0 && !excluded;
        prop_assert!(is_due == (is_certain && days >= 30));
    }
}
