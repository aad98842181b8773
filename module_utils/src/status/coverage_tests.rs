use super::{Now, Said, cover, length};
use crate::plan::period::Interval;
use crate::plan::period::zones::{BERLIN, zone};
use crate::plan::policy::{BUILT_IN, Declared, Table};
use crate::status::model::{At, Dataset, Role};
use crate::status::snapshots::{Tally, Times};
use crate::status::zfs_list;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use std::collections::HashSet;

const DAY: i64 = 86_400;

fn now() -> Now {
    Now { at: "2026-06-15T10:20:30Z".parse::<jiff::Timestamp>().unwrap().as_second(), zone: zone(BERLIN) }
}

fn table(entries: &[(&str, &str, bool)]) -> Table {
    let mut table = Table::default();
    for (dataset, policy, discover_children) in entries {
        let (name, policy) = BUILT_IN.into_iter().find(|(name, _)| name == policy).unwrap();
        let declared = Declared { policy, policy_name: name.to_owned(), discover_children: *discover_children };
        table.declare(dataset.parse().unwrap(), declared).unwrap();
    }
    table
}

fn said(entries: &[(&str, &str, bool)]) -> Said {
    Said { taken: table(entries), pruned: table(entries), ..Said::nothing() }
}

/// A dataset that was made so many days ago, with snapshots of an interval that were taken so many seconds ago, the oldest first.
fn dataset(name: &str, days: i64, snapshots: &[(&str, i64)]) -> Dataset {
    let created = now().at - days * DAY;
    let pool = name.split('/').next().unwrap();
    let line = format!("{name}\tfilesystem\t{created}\t1\t1\t1\t1\t1\t1\t1\t0\t-\t1.00\tlz4\toff\t-\toff\tyes\t-\t/x");
    let mut dataset = zfs_list::read(&line, pool).unwrap().remove(0);
    let (mut tally, mut times) = (Tally::new("autosnap"), Times::new());
    for (txg, (interval, ago)) in snapshots.iter().enumerate() {
        let full = format!("{name}@autosnap_2026-01-01_00:00:{:02}_{interval}", txg % 60);
        tally.add(&[&full, "1", &txg.to_string()]).unwrap();
        times.insert(full, At(now().at - ago));
    }
    dataset.snapshots = Some(tally.of(name).cloned().unwrap_or_default().snapshots(name, &times));
    dataset
}

fn covered(mut dataset: Dataset, said: &Said, marked: &[&str]) -> Dataset {
    let marked: HashSet<String> = marked.iter().map(|name| (*name).to_owned()).collect();
    cover(&mut dataset, said, &marked, &now());
    dataset
}

#[test]
fn the_four_month_case_is_overdue_although_nothing_is_missing_by_count() {
    let old: Vec<(&str, i64)> = (0..24).map(|hour| ("hourly", 130 * DAY - hour * 3_600)).collect();
    // Not listed itself: it is found below one that is.
    let child = covered(dataset("tank/data/child", 400, &old), &said(&[("tank/data", "high", true)]), &[]);
    assert_eq!((child.role, child.declared, child.policy.as_deref()), (Role::Source, false, Some("high")));
    let snapshots = child.snapshots.unwrap();
    let hourly = &snapshots.intervals[&Interval::Hourly];
    assert_eq!((hourly.kept, hourly.wanted, hourly.expected, hourly.overdue), (24, 24, 24, true));
    assert_eq!(hourly.compliance(), Some(0.0));
    assert!(snapshots.is_overdue());
    assert_eq!(snapshots.finest_wanted().unwrap().0, Interval::Hourly);
}

#[test]
fn what_is_new_has_not_had_its_time_yet() {
    let high = said(&[("tank/new", "high", false)]);
    let of = |days: i64, snapshots: &[(&str, i64)], interval: Interval| {
        covered(dataset("tank/new", days, snapshots), &high, &[]).snapshots.unwrap().intervals[&interval].clone()
    };
    let hourly = of(0, &[], Interval::Hourly);
    assert_eq!((hourly.overdue, hourly.expected, hourly.max_age_seconds), (false, 1, Some(7_200)));
    assert!(of(1, &[], Interval::Hourly).overdue);
    assert!(!of(1, &[], Interval::Daily).overdue);
    // Since the first snapshot there can be three of the day, one of the month and year.
    let daily = of(400, &[("daily", 2 * DAY + 60), ("hourly", 60)], Interval::Daily);
    assert_eq!((daily.expected, daily.kept, daily.overdue), (3, 1, true));
    assert_eq!(of(400, &[("hourly", 60)], Interval::Yearly).expected, 1);
}

#[test]
fn what_a_wrong_clock_has_dated_ahead_hides_nothing() {
    let high = said(&[("tank", "high", false)]);
    let of = |ahead: i64| {
        covered(dataset("tank", 400, &[("hourly", -ahead)]), &high, &[]).snapshots.unwrap().intervals[&Interval::Hourly]
            .overdue
    };
    assert_eq!((of(60), of(7_200), of(7_201), of(29 * DAY)), (false, false, true, true));
}

#[test]
fn who_is_not_the_source_takes_none() {
    let all = said(&[("vault", "high", true)]);
    let replica = covered(dataset("vault/nas", 400, &[("hourly", 90 * DAY)]), &all, &["vault/nas"]);
    assert_eq!((replica.role, replica.snapshots.as_ref().unwrap().is_overdue()), (Role::Replica, false));
    let listed = Said { replicas: vec!["vault/nas".parse().unwrap()], ..all };
    assert_eq!(covered(dataset("vault/nas/a", 400, &[]), &listed, &[]).role, Role::Replica);
    let none = covered(dataset("tank/x", 400, &[("daily", 9)]), &said(&[("tank/x", "none", false)]), &[]);
    assert_eq!((none.role, none.policy.as_deref()), (Role::None, Some("none")));
    let nobody = covered(dataset("tank/y", 400, &[("daily", 9)]), &said(&[("tank/x", "none", true)]), &[]);
    assert_eq!((nobody.role, nobody.policy), (Role::None, None));
    assert_eq!(nobody.snapshots.unwrap().intervals.len(), 1);
}

#[test]
fn nothing_is_due_where_nothing_was_written_and_that_is_wanted() {
    let mut quiet = dataset("tank", 400, &[("hourly", 90 * DAY)]);
    quiet.space.written_bytes = Some(0);
    let skips = Said { skip_unchanged: true, ..said(&[("tank", "high", false)]) };
    assert!(!covered(quiet.clone(), &skips, &[]).snapshots.unwrap().is_overdue());
    assert!(covered(quiet.clone(), &said(&[("tank", "high", false)]), &[]).snapshots.unwrap().is_overdue());
    quiet.space.written_bytes = Some(1);
    assert!(covered(quiet, &skips, &[]).snapshots.unwrap().is_overdue());
}

proptest! {
    /// However many there are: what is older than allowed is overdue, and what is not is not.
    #[test]
    fn overdue_is_a_matter_of_age_alone(age in 0..400 * DAY, count in 1..60_usize, which in 0..6_usize) {
        let interval = Interval::ALL[which];
        let policy = crate::plan::policy::Policy::new([40; 6], true, true);
        let declared = Declared { policy, policy_name: "all".to_owned(), discover_children: true };
        let mut table = Table::default();
        table.declare("tank".parse().unwrap(), declared).unwrap();
        let said = Said { taken: table, ..Said::nothing() };
        let word = interval.to_string();
        let snapshots: Vec<_> = (0..count).map(|number| (word.as_str(), age + i64::try_from(count - 1 - number).unwrap())).collect();
        let found = covered(dataset("tank/a", 500, &snapshots), &said, &[]).snapshots.unwrap();
        let of = &found.intervals[&interval];
        let allowed = 2 * length(interval, 15);
        prop_assert_eq!(of.overdue, u64::try_from(age).unwrap() > allowed);
        prop_assert_eq!(of.max_age_seconds, Some(allowed));
        prop_assert!(of.expected >= 1 && of.expected <= of.wanted);
        prop_assert!(of.compliance().is_some_and(|share| (0.0..=1.0).contains(&share)));
        // Of all others there is none, and the dataset is older than most of them may be.
        prop_assert!(found.intervals.values().filter(|of| of.overdue).count() >= 4);
    }
}
