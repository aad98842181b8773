use super::{Arrivals, MOST, MOST_VIEWS};
use proptest::prelude::*;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn noted(samples: &[(i64, u64)]) -> Arrivals {
    let mut arrivals = Arrivals::default();
    for (time, txg) in samples {
        arrivals.note("all", *time, *txg);
    }
    arrivals
}

#[test]
fn a_snapshot_is_here_since_the_first_run_that_saw_as_much() {
    let evidence = noted(&[(100, 10), (200, 10), (300, 20), (400, 35)]).evidence(500);
    for (txg, since) in [(1, Some(100)), (10, Some(100)), (11, Some(300)), (20, Some(300)), (35, Some(400)), (36, None)]
    {
        assert_eq!(evidence.here_since(txg), since, "{txg}");
    }
    assert_eq!(Arrivals::default().evidence(500).here_since(1), None);
}

#[test]
fn a_clock_that_was_wrong_makes_nothing_older() {
    // Ahead for a while: not believed until that time has come, and then it is what later ones are held against.
    let ahead = noted(&[(100, 10), (9000, 20), (200, 30)]);
    let since = |now: i64| [10, 20, 30].map(|txg| ahead.evidence(now).here_since(txg));
    assert_eq!(since(300), [Some(100), Some(200), Some(200)]);
    assert_eq!(since(9000), [Some(100), Some(9000), Some(9000)]);
    // Behind, as after a start without a battery: what arrives then is no older than what was here before.
    let behind = noted(&[(5000, 10), (0, 20), (5500, 30)]);
    assert_eq!([10, 20, 30].map(|txg| behind.evidence(6000).here_since(txg)), [Some(5000), Some(5000), Some(5500)]);
    let between = noted(&[(100, 10), (5000, 10), (200, 20)]);
    assert_eq!([10, 20].map(|txg| between.evidence(6000).here_since(txg)), [Some(100), Some(5000)]);
    // Behind at this moment: nothing is known to be older than now.
    assert_eq!(behind.evidence(10).here_since(10), Some(0));
    assert_eq!(noted(&[(5000, 10)]).evidence(10).here_since(10), None);
}

#[test]
fn a_pool_that_was_taken_back_forgets_what_it_then_repeats() {
    let mut arrivals = noted(&[(100, 10), (200, 20), (300, 30)]);
    arrivals.note("all", 400, 15);
    let evidence = arrivals.evidence(500);
    assert_eq!([10, 15, 16].map(|txg| evidence.here_since(txg)), [Some(100), Some(400), None]);
}

#[test]
fn runs_over_other_datasets_of_the_pool_do_not_disturb_each_other() {
    let mut arrivals = noted(&[(100, 10), (200, 20)]);
    for time in 0..50 {
        // A dataset that gets nothing new any more has its newest further back.
        arrivals.note("old", 300 + time, 5);
        arrivals.note("all", 300 + time, 20);
    }
    assert_eq!(arrivals.samples, [(100, 10), (200, 20)]);
    for view in 0..10 * MOST_VIEWS {
        arrivals.note(&format!("view {view}"), 400, 20);
    }
    assert!(arrivals.newest.len() <= MOST_VIEWS);
    assert_eq!(arrivals.evidence(500).here_since(10), Some(100));
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn ten_years_of_hours_are_few_samples_and_stay_precise() {
    let mut arrivals = Arrivals::default();
    let hours: u32 = 10 * 366 * 24;
    for hour in 0..hours {
        arrivals.note("all", i64::from(hour) * HOUR, u64::from(hour) * 700);
    }
    assert!(arrivals.samples.len() < 450, "{}", arrivals.samples.len());
    let now = i64::from(hours) * HOUR;
    let evidence = arrivals.evidence(now);
    for hour in 0..hours {
        let (arrived, txg) = (i64::from(hour) * HOUR, u64::from(hour) * 700);
        let late = evidence.here_since(txg).unwrap() - arrived;
        assert!((0..=(now - arrived) / 16).contains(&late), "{hour}: {late}");
    }
}

#[test]
fn a_clock_that_was_ahead_does_not_hide_what_a_quiet_pool_has() {
    let mut arrivals = noted(&[(100, 10), (9000, 20)]);
    arrivals.note("old", 200, 5);
    arrivals.note("all", 300, 20);
    arrivals.note("all", 400, 20);
    let evidence = arrivals.evidence(500);
    assert_eq!([5, 10, 20].map(|txg| evidence.here_since(txg)), [Some(100), Some(100), Some(300)]);
}

#[test]
fn what_is_written_is_read_back() {
    let arrivals = noted(&[(100, 10), (2 * DAY, u64::MAX)]);
    let text = serde_json::to_string(&arrivals).unwrap();
    assert_eq!(
        text,
        r#"{"samples":[[100,10],[172800,18446744073709551615]],"newest":{"all":18446744073709551615},"last_run":172800}"#
    );
    assert_eq!(serde_json::from_str::<Arrivals>(&text).unwrap(), arrivals);
}

/// Runs at any times of any clock, each having seen some more.
fn runs() -> impl Strategy<Value = Vec<(i64, u64)>> {
    let honest = proptest::collection::vec((0..3 * DAY, 0_u64..4), 0..400).prop_map(|steps| {
        let mut at = (0, 1);
        let step = |(time, txg): (i64, u64)| {
            at = (at.0 + time, at.1 + txg);
            at
        };
        steps.into_iter().map(step).collect::<Vec<_>>()
    });
    (honest, proptest::collection::vec((0..400_usize, -900 * DAY..900 * DAY), 0..6)).prop_map(|(mut runs, jumps)| {
        for (from, by) in jumps {
            runs.iter_mut().skip(from).for_each(|(time, _)| *time += by);
        }
        runs
    })
}

proptest! {
    /// Whatever the clock did, once it is beyond all that it showed: a run that did not see a snapshot yet proves that this arrived
    /// after that run.
    #[test]
    fn nothing_counts_as_older_than_a_run_that_did_not_see_it(runs in runs(), later in 0..2000 * DAY) {
        let arrivals = noted(&runs);
        let now = runs.iter().map(|(time, _)| time + later).max().unwrap_or(0);
        let evidence = arrivals.evidence(now);
        let highest = runs.last().map_or(0, |(_, txg)| *txg);
        for txg in 1..=highest + 1 {
            let unseen = runs.iter().filter(|(_, seen)| *seen < txg).map(|(time, _)| *time).max();
            if let (Some(since), Some(unseen)) = (evidence.here_since(txg), unseen) {
                prop_assert!(since >= unseen, "{txg}: {since} {unseen}");
            }
        }
        prop_assert!(arrivals.samples.len() <= MOST);
        prop_assert_eq!(evidence.here_since(highest + 1), None);
    }

    #[test]
    fn times_never_fall_as_transactions_rise(runs in runs(), now in 0..4000 * DAY) {
        let evidence = noted(&runs).evidence(now);
        prop_assert!(evidence.steps.is_sorted() && evidence.steps.iter().all(|(_, time)| *time <= now));
    }
}
