use super::Elsewhere;
use crate::model::glob::Globs;
use crate::plan::arrivals::Arrivals;
use crate::plan::names::Names;
use crate::plan::naming;
use crate::plan::period::Interval;
use crate::plan::policy::Policy;
use crate::plan::reason::Reasons;
use crate::plan::replicated::Replicated;
use crate::plan::retain::{Rules, Snapshot, verdicts};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// 2026-11-01, midnight in UTC.
const START: i64 = 1_793_491_200;
const COUNTS: [u32; 6] = [0, 6, 4, 0, 3, 0];

/// A snapshot as its sender names it, and when it came.
#[derive(Clone, Copy, Debug)]
struct Came {
    interval: Interval,
    named: i64,
    at: i64,
}

fn came(interval: Interval, named: i64, at: i64) -> Came {
    Came { interval, named, at }
}

fn name(snapshot: Came) -> String {
    let clock = TimeZone::UTC.to_datetime(Timestamp::from_second(snapshot.named).unwrap());
    naming::name("autosnap", clock, snapshot.interval)
}

/// The verdicts at `now`, where each arrival was seen at once. What came later than that is not there yet.
fn judged(all: &[Came], now: i64, trust_dates: bool) -> Vec<Reasons> {
    let mut arrivals = Arrivals::default();
    for (txg, snapshot) in (1..).zip(all) {
        if snapshot.at <= now {
            arrivals.note("all", snapshot.at, txg);
        }
    }
    let evidence = arrivals.evidence(now);
    let replica = Elsewhere { evidence: &evidence, now, frequently_minutes: 15, trust_dates };
    let names: Vec<String> = all.iter().map(|snapshot| name(*snapshot)).collect();
    let snapshots: Vec<_> = (1..)
        .zip(&names)
        .zip(all)
        .filter(|(_, snapshot)| snapshot.at <= now)
        .map(|((createtxg, name), _)| Snapshot { name, createtxg, cloned: false })
        .collect();
    let rules = Rules {
        names: &Names::new("autosnap", &[]).unwrap(),
        now,
        frequently_minutes: 15,
        policy: Policy::new(COUNTS, true, true),
        protect: &Globs::new(&[] as &[&str]).unwrap(),
        keep_unreplicated: false,
        elsewhere: Some(&replica),
    };
    verdicts(&snapshots, &Replicated::default(), &rules)
}

fn words(all: &[Came], now: i64) -> Vec<String> {
    judged(all, now, false).into_iter().map(|reasons| reasons.words().join(" ")).collect()
}

fn gone(all: &[Came], now: i64) -> Vec<usize> {
    let verdicts = judged(all, now, false);
    verdicts.iter().enumerate().filter(|(_, reasons)| reasons.is_empty()).map(|(index, _)| index).collect()
}

/// A snapshot each day, sent a few minutes after it was taken.
fn days(count: i64) -> Vec<Came> {
    (0..count).map(|day| START + day * DAY).map(|at| came(Interval::Daily, at, at + 300)).collect()
}

#[test]
fn in_normal_operation_the_count_stays() {
    let ten = days(10);
    assert_eq!(gone(&ten, START + 9 * DAY + HOUR), [0, 1, 2, 3, 4, 5]);
    // For as long as the new one is not as far from the others as a day is long, one more.
    assert_eq!(gone(&ten, START + 9 * DAY + 299), [0, 1, 2, 3, 4]);
}

#[test]
fn each_has_its_reason() {
    let now = START + 30 * DAY;
    let mut all = days(10);
    let expected = [
        // The second of a day that has its place stays only as long as that is not yet clear: it came first of the two.
        (came(Interval::Daily, START + 9 * DAY + 10, now), "recent_arrival"),
        (came(Interval::Daily, START - 40 * DAY, now), "recent_arrival"),
        // Of today where it was taken, perhaps.
        (came(Interval::Daily, now + 14 * HOUR, now), "retained"),
        (came(Interval::Daily, now + 14 * HOUR + 1, now), "retained"),
        (came(Interval::Daily, now + 16 * HOUR, now), "future"),
        (came(Interval::Weekly, START, now), ""),
        (came(Interval::Hourly, now, now), "newest retained"),
    ];
    all.extend(expected.map(|(snapshot, _)| snapshot));
    let said = words(&all, now);
    assert_eq!(said[..7], [""; 7]);
    assert_eq!(said[7..10], ["retained"; 3]);
    assert_eq!(said[10..], expected.map(|(_, words)| words));
    // By its name too young, though a clock that was wrong saw it long ago.
    let young = came(Interval::Daily, now - 3 * DAY, START);
    let mut all = vec![young];
    all.extend((0..4).map(|n| came(Interval::Daily, START + n, START + n * DAY)));
    all.extend((5..9).map(|n| came(Interval::Daily, START + n * DAY, START + n * DAY)));
    assert_eq!(words(&all, now)[0], "too_young");
}

#[test]
fn what_no_run_has_seen_yet_stays() {
    // All at once, as on the first run over an old replica.
    let now = START + 100 * DAY;
    let all: Vec<Came> = days(10).into_iter().map(|snapshot| Came { at: now, ..snapshot }).collect();
    assert_eq!(gone(&all, now), Vec::<usize>::new());
    assert_eq!(gone(&all, now + 3 * DAY), Vec::<usize>::new());
    assert_eq!(gone(&all, now + 4 * DAY), [0, 1, 2, 3, 4, 5]);
    let trusted = judged(&all, now, true);
    assert_eq!(trusted.iter().filter(|reasons| reasons.is_empty()).count(), 6);
}

#[test]
fn a_clock_that_is_behind_destroys_nothing() {
    let mut all = days(10);
    all[9].at = START;
    assert_eq!(gone(&all, START - 400 * DAY), Vec::<usize>::new());
    let now = START - 400 * DAY;
    let all: Vec<Came> = all.into_iter().map(|snapshot| Came { at: now, ..snapshot }).collect();
    assert!(words(&all, now).iter().all(|words| words.ends_with("future")));
}

fn interval() -> impl Strategy<Value = Interval> {
    proptest::sample::select(vec![Interval::Hourly, Interval::Daily, Interval::Monthly])
}

/// Names of any time, near and far.
fn date() -> impl Strategy<Value = i64> {
    prop_oneof![-3 * DAY..3 * DAY, -4000 * DAY..4000 * DAY].prop_map(|offset| START + offset)
}

fn length(interval: Interval) -> i64 {
    match interval {
        Interval::Hourly => HOUR,
        Interval::Daily => DAY,
        _ => 31 * DAY,
    }
}

proptest! {
    /// Whatever is sent from some moment on: of what came in normal operation before, it is forgotten at most one snapshot of each
    /// interval per period that goes by, and one.
    #[test]
    fn a_flood_makes_nothing_forgotten_sooner(
        kind in interval(),
        quiet in 0..500 * DAY,
        flood in proptest::collection::vec((interval(), date(), 0..40 * DAY), 0..150),
        later in 0..60 * DAY,
    ) {
        let step = length(kind);
        let real: Vec<Came> = (0..12).map(|n| START + n * step).map(|at| came(kind, at, at)).collect();
        let attack = START + 11 * step + quiet;
        let before = gone(&real, attack);
        let mut all = real.clone();
        let mut flood: Vec<Came> =
            flood.into_iter().map(|(interval, named, after)| came(interval, named, attack + after)).collect();
        flood.sort_by_key(|snapshot| snapshot.at);
        all.extend(flood);
        let after = gone(&all, attack + later);
        let lost = after.iter().filter(|index| **index < real.len() && !before.contains(index)).count();
        prop_assert!(i64::try_from(lost).unwrap() <= later / step + 1, "{lost} of {kind:?} after {later} s");
        for snapshot in after.into_iter().map(|index| all[index]) {
            let wanted = length(snapshot.interval) * i64::from(COUNTS[snapshot.interval as usize]);
            let now = attack + later;
            prop_assert!(now - snapshot.at >= wanted && now - snapshot.named >= wanted, "{snapshot:?}");
        }
    }

    /// What comes from elsewhere is never worse off than what was taken here.
    #[test]
    fn it_only_ever_keeps_more(all in proptest::collection::vec((interval(), date(), 0..40 * DAY), 0..150), later in 0..400 * DAY) {
        let mut all: Vec<Came> = all.into_iter().map(|(interval, named, after)| came(interval, named, START + after)).collect();
        all.sort_by_key(|snapshot| snapshot.at);
        let gone = gone(&all, START + 40 * DAY + later);
        let here = gone_here(&all);
        prop_assert!(gone.iter().all(|index| here.contains(index)));
    }

    /// Normal operation in batches: what stays is the count and what the batches of one such time bring.
    #[test]
    fn honest_pruning_goes_on(kind in interval(), every in 1..8_i64, periods in 40..100_i64) {
        let step = length(kind);
        let all: Vec<Came> = (0..periods).map(|n| came(kind, START + n * step, START + (n / every * every + every) * step)).collect();
        let now = all.last().unwrap().at;
        let arrived = all.iter().filter(|snapshot| snapshot.at <= now).count();
        let left = arrived - gone(&all, now).len();
        let count = i64::from(COUNTS[kind as usize]);
        prop_assert!(i64::try_from(left).unwrap() <= count + 2 * every, "{left}");
    }
}

fn gone_here(all: &[Came]) -> Vec<usize> {
    let names: Vec<String> = all.iter().map(|snapshot| name(*snapshot)).collect();
    let snapshots: Vec<_> =
        (1..).zip(&names).map(|(createtxg, name)| Snapshot { name, createtxg, cloned: false }).collect();
    let rules = Rules {
        names: &Names::new("autosnap", &[]).unwrap(),
        now: START,
        frequently_minutes: 15,
        policy: Policy::new(COUNTS, true, true),
        protect: &Globs::new(&[] as &[&str]).unwrap(),
        keep_unreplicated: false,
        elsewhere: None,
    };
    let verdicts = verdicts(&snapshots, &Replicated::default(), &rules);
    verdicts.iter().enumerate().filter(|(_, reasons)| reasons.is_empty()).map(|(index, _)| index).collect()
}
