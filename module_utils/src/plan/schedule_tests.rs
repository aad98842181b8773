use super::{Clock, InPeriod, Schedule};
use crate::plan::naming::{self, Name};
use crate::plan::period::zones::{ALL, BERLIN, LORD_HOWE, NEW_YORK, UTC, zone};
use crate::plan::period::{Interval, Period};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashSet};

const FREQUENTLY_MINUTES: u32 = 30;

fn schedule(now: Timestamp, rules: &str) -> Schedule {
    Schedule::new(clock(now, &zone(rules), false))
}

fn clock(now: Timestamp, zone: &TimeZone, utc_names: bool) -> Clock {
    Clock { now, zone: zone.clone(), utc_names, frequently_minutes: FREQUENTLY_MINUTES }
}

/// A dataset whose snapshots are taken as the module would, at any moment.
struct Simulated {
    zone: TimeZone,
    utc_names: bool,
    counts: [usize; 6],
    /// Oldest first, with their `creation`.
    snapshots: BTreeMap<Interval, Vec<(String, Timestamp)>>,
    taken: usize,
}

impl Simulated {
    fn new(rules: &str, counts: [usize; 6]) -> Self {
        Self { zone: zone(rules), utc_names: false, counts, snapshots: BTreeMap::new(), taken: 0 }
    }

    fn run(&mut self, now: Timestamp) {
        let schedule = Schedule::new(clock(now, &self.zone, self.utc_names));
        let due: Vec<_> = Interval::ALL
            .into_iter()
            .filter(|interval| self.counts[*interval as usize] > 0 && !self.has_current(&schedule, *interval))
            .collect();
        let time = |name: &str| match naming::parse("autosnap", name) {
            Name::Ours(clock, _) => clock,
            other => panic!("{name} is {other:?}"),
        };
        let near: HashSet<(DateTime, Interval)> = due
            .iter()
            .flat_map(|interval| {
                self.snapshots.get(interval).into_iter().flatten().map(|(name, _)| (time(name), *interval))
            })
            .collect();
        let stamp = schedule.stamp(|stamp| due.iter().any(|interval| near.contains(&(stamp, *interval))));
        for interval in due {
            let name = naming::name("autosnap", stamp, interval);
            let all = self.snapshots.entry(interval).or_default();
            assert!(!all.iter().any(|(other, _)| *other == name), "{name} collides at {now}");
            all.push((name, now));
            self.taken += 1;
        }
    }

    fn has_current(&self, schedule: &Schedule, interval: Interval) -> bool {
        self.snapshots.get(&interval).into_iter().flatten().any(|(name, creation)| {
            let Name::Ours(clock, _) = naming::parse("autosnap", name) else { panic!("{name}") };
            match schedule.in_period(interval, clock) {
                InPeriod::Yes => true,
                InPeriod::No => false,
                InPeriod::AskCreation => schedule.in_period_created(interval, clock, *creation),
            }
        })
    }

    /// What `retain` would leave.
    fn prune(&mut self) {
        for (interval, all) in &mut self.snapshots {
            all.drain(..all.len().saturating_sub(self.counts[*interval as usize]));
        }
    }

    fn names(&self, interval: Interval) -> Vec<&str> {
        self.snapshots.get(&interval).into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const EACH: [usize; 6] = [1000; 6];

#[test]
fn a_second_run_takes_nothing() {
    let mut dataset = Simulated::new(BERLIN, EACH);
    dataset.run(moment("2026-11-21T13:44:59Z"));
    assert_eq!(dataset.names(Interval::Hourly), ["autosnap_2026-11-21_14:44:59_hourly"]);
    assert_eq!(dataset.taken, 6);
    dataset.run(moment("2026-11-21T13:44:59Z"));
    assert_eq!(dataset.taken, 6);
    dataset.run(moment("2026-11-21T14:00:00Z"));
    assert_eq!(dataset.taken, 8);
    assert_eq!(dataset.names(Interval::Frequently).last(), Some(&"autosnap_2026-11-21_15:00:00_frequently"));
}

#[test]
fn the_repeated_hour_gets_its_own_and_no_name_collides() {
    for (rules, first, second, expected) in [
        (BERLIN, "2026-10-25T00:15:00Z", "2026-10-25T01:15:00Z", ["02:15:00", "02:15:01"]),
        (NEW_YORK, "2026-11-01T05:15:00Z", "2026-11-01T06:15:00Z", ["01:15:00", "01:15:01"]),
        (LORD_HOWE, "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", ["01:45:00", "01:45:01"]),
    ] {
        let mut dataset = Simulated::new(rules, EACH);
        for now in [first, second, second] {
            dataset.run(moment(now));
        }
        let times: Vec<_> = dataset.names(Interval::Hourly).iter().map(|name| &name[20..28]).collect();
        assert_eq!(times, expected, "{rules}");
    }
}

#[test]
fn a_name_that_must_give_way_stays_in_its_hour() {
    let mut dataset = Simulated::new(BERLIN, EACH);
    for now in ["2026-10-25T00:59:59Z", "2026-10-25T01:59:59Z", "2026-10-25T02:00:00Z"] {
        dataset.run(moment(now));
    }
    let times: Vec<_> = dataset.names(Interval::Hourly).iter().map(|name| &name[20..28]).collect();
    assert_eq!(times, ["02:59:59", "02:59:58", "03:00:00"]);
}

#[test]
fn only_a_doubtful_name_needs_its_creation() {
    let at = |now: &str, name: &str| schedule(moment(now), BERLIN).in_period(Interval::Hourly, name.parse().unwrap());
    assert_eq!(at("2026-10-25T01:15:00Z", "2026-10-25T02:10:00"), InPeriod::AskCreation);
    assert_eq!(at("2026-10-25T01:15:00Z", "2026-10-25T03:10:00"), InPeriod::No);
    assert_eq!(at("2026-10-25T02:15:00Z", "2026-10-25T02:10:00"), InPeriod::No);
    assert_eq!(at("2026-10-25T02:15:00Z", "2026-10-25T03:10:00"), InPeriod::Yes);
    let daily = schedule(moment("2026-10-25T02:15:00Z"), BERLIN);
    assert_eq!(daily.in_period(Interval::Daily, "2026-10-25T02:10:00".parse().unwrap()), InPeriod::Yes);
}

#[test]
fn a_name_of_another_zone_counts_by_its_creation() {
    // 13:10 in UTC is 08:10 in New York; read there, it would be of five hours later.
    let at = |now: &str, creation: &str| {
        let name = "2026-11-21T13:10:00".parse().unwrap();
        schedule(moment(now), NEW_YORK).in_period_created(Interval::Hourly, name, moment(creation))
    };
    assert!(at("2026-11-21T13:30:00Z", "2026-11-21T13:10:00Z"));
    assert!(!at("2026-11-21T18:30:00Z", "2026-11-21T13:10:00Z"));
    assert!(at("2026-11-21T18:30:00Z", "2026-11-21T18:10:03Z"));
    // The clock was set back since: what ZFS says is yet to come.
    assert!(at("2026-11-21T18:30:00Z", "2026-11-21T19:10:00Z"));
    let early = schedule(moment("2026-11-21T14:00:00Z"), NEW_YORK);
    assert!(early.is_ahead("2026-11-21T09:06:00".parse().unwrap()));
    assert!(!early.is_ahead("2026-11-21T09:04:00".parse().unwrap()));
}

#[test]
fn names_in_utc_never_repeat_yet_periods_stay_local() {
    let mut dataset = Simulated::new(BERLIN, EACH);
    dataset.utc_names = true;
    for now in ["2026-10-25T00:15:00Z", "2026-10-25T01:15:00Z", "2026-11-20T22:59:59Z", "2026-11-20T23:00:00Z"] {
        dataset.run(moment(now));
    }
    let hours: Vec<_> = dataset.names(Interval::Hourly).iter().map(|name| &name[9..28]).collect();
    assert_eq!(hours, ["2026-10-25_00:15:00", "2026-10-25_01:15:00", "2026-11-20_22:59:59", "2026-11-20_23:00:00"]);
    // 23:00 UTC is the next day in Berlin.
    assert_eq!(dataset.names(Interval::Daily).len(), 3);
}

#[test]
fn a_clock_set_back_repeats_nothing_and_one_set_right_goes_on() {
    let mut dataset = Simulated::new(UTC, EACH);
    dataset.run(moment("2026-11-21T13:00:00Z"));
    // Wrong by years, then right again: the years to come do not keep today's from being taken.
    dataset.run(moment("2031-01-01T00:00:00Z"));
    dataset.run(moment("2026-11-21T13:00:30Z"));
    assert_eq!(dataset.taken, 12);
    dataset.run(moment("2026-11-21T14:00:00Z"));
    assert_eq!(dataset.names(Interval::Hourly).len(), 3);
    // Set back within an hour that has its own.
    dataset.run(moment("2026-11-21T13:59:00Z"));
    assert_eq!(dataset.names(Interval::Hourly).len(), 3);
}

/// A run in every minute of a year, less most of those that cannot differ from the one before: periods begin at half hours, so a
/// run is made there, and now and then right after and in between.
#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn a_year_of_minutes_gives_one_snapshot_per_period() {
    let counts = [4, 7, 5, 6, 3, 5];
    for rules in ALL {
        let mut dataset = Simulated::new(rules, counts);
        let start = moment("2026-01-15T00:07:00Z");
        let mut seen: [HashSet<Period>; 6] = Default::default();
        for minute in 0..365 * 24 * 60 {
            let now = start + SignedDuration::from_mins(minute);
            let may_begin = minute == 0 || (minute + 7) % 30 == 0;
            if may_begin {
                for interval in Interval::ALL {
                    seen[interval as usize].insert(Period::at(now, &dataset.zone, interval, FREQUENTLY_MINUTES));
                }
            }
            if may_begin || (minute + 6) % 210 == 0 || minute % 97 == 0 {
                dataset.run(now);
                dataset.prune();
            }
        }
        let periods: usize = seen.iter().map(HashSet::len).sum();
        assert_eq!(dataset.taken, periods, "{rules}");
        for interval in Interval::ALL {
            let expected = counts[interval as usize].min(seen[interval as usize].len());
            assert_eq!(dataset.names(interval).len(), expected, "{rules} {interval:?}");
        }
    }
}
