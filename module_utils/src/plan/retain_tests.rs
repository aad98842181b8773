use super::{MaxDestroy, Reasons, Rules, Snapshot, verdicts};
use crate::model::glob::Globs;
use crate::plan::names::Names;
use crate::plan::period::Interval;
use crate::plan::policy::Policy;
use crate::plan::replicated::Replicated;
use proptest::prelude::*;

/// `"h1 d2 x3 !4 h5+"`: hourly, daily, foreign, unparsable, one with a clone; the number is the hour in the name and the createtxg.
fn names(points: &str) -> Vec<(String, u64, bool)> {
    let name = |point: &str| {
        let cloned = point.ends_with('+');
        let (kind, txg) = point.trim_end_matches('+').split_at(1);
        let txg: u64 = txg.parse().unwrap();
        let ours = |word: &str| format!("autosnap_2026-01-01_00:{:02}:{:02}_{word}", txg / 60, txg % 60);
        let name = match kind {
            "x" => format!("manual{txg}"),
            "!" => format!("autosnap_garbage{txg}"),
            kind => {
                ours(&Interval::ALL.map(|it| it.to_string()).into_iter().find(|word| word.starts_with(kind)).unwrap())
            }
        };
        (name, txg, cloned)
    };
    points.split_whitespace().map(name).collect()
}

fn judged(points: &str, counts: [u32; 6], protect: &[&str], replicated: Option<&Replicated>) -> Vec<Reasons> {
    let names = names(points);
    let snapshots: Vec<_> = names
        .iter()
        .map(|(name, createtxg, cloned)| Snapshot { name, createtxg: *createtxg, cloned: *cloned })
        .collect();
    let rules = Rules {
        names: &Names::new("autosnap", &[]).unwrap(),
        now: 0,
        frequently_minutes: 15,
        policy: Policy::new(counts, true, true),
        protect: &Globs::new(protect).unwrap(),
        keep_unreplicated: replicated.is_some(),
        elsewhere: None,
    };
    verdicts(&snapshots, replicated.unwrap_or(&Replicated::default()), &rules)
}

/// The points that may go.
fn doomed(points: &str, counts: [u32; 6]) -> String {
    let verdicts = judged(points, counts, &[], None);
    points.split_whitespace().zip(verdicts).filter(|(_, r)| r.is_empty()).map(|(p, _)| p).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_newest_of_each_interval_stay() {
    for (points, counts, expected) in [
        ("", [0; 6], ""),
        ("h1 h2 h3 d4 h5", [0, 2, 1, 0, 0, 0], "h1 h2"),
        ("d1 h2 h3 d4", [0, 1, 0, 0, 0, 0], "d1 h2"),
        // The newest of all stays even if the policy keeps none of its kind.
        ("h1 h2 h3", [0; 6], "h1 h2"),
        // Not ours: not counted, not destroyed.
        ("x1 !2 h3 x4 h5 h6", [0, 1, 0, 0, 0, 0], "h3 h5"),
        ("h1+ h2 h3", [0, 1, 0, 0, 0, 0], "h2"),
    ] {
        assert_eq!(doomed(points, counts), expected, "{points}");
    }
}

#[test]
fn each_has_its_reasons() {
    let words = |points, protect: &[&str], replicated: Option<&Replicated>| {
        judged(points, [0, 1, 0, 0, 0, 0], protect, replicated).into_iter().map(Reasons::words).collect::<Vec<_>>()
    };
    assert_eq!(
        words("h1 x2 !3 h4+ h5", &["*00:01*"], None),
        [vec!["protected"], vec!["foreign"], vec!["unparsable"], vec!["cloned"], vec!["newest", "retained"]]
    );
    let one = Replicated::from([("ferro_0000000000000001_00000001_0000000000000002", 2)]);
    assert_eq!(
        words("h1 h2 h3 h4", &[], Some(&one)),
        [vec![], vec!["replication_base"], vec!["unreplicated"], vec!["newest", "retained", "unreplicated"]]
    );
    assert_eq!(words("h1 h2", &[], Some(&Replicated::default()))[0], ["unreplicated"]);
}

#[test]
fn max_destroy_is_a_number_or_a_part() {
    for (text, doomed, own, exceeded) in [
        ("0", 0, 10, false),
        ("0", 1, 10, true),
        ("5", 5, 10, false),
        ("5", 6, 10, true),
        ("50%", 5, 10, false),
        ("50 %", 6, 10, true),
        ("33%", 1, 3, true),
        ("100%", 3, 3, false),
    ] {
        assert_eq!(text.parse::<MaxDestroy>().unwrap().is_exceeded(doomed, own), exceeded, "{text} {doomed} of {own}");
    }
    for text in ["", "-1", "half", "101%", "%", "1.5"] {
        assert!(text.parse::<MaxDestroy>().is_err(), "{text}");
    }
}

fn points() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        (proptest::sample::select(vec!["f", "h", "d", "w", "m", "y", "x", "!"]), any::<bool>()),
        0..60,
    )
    .prop_map(|kinds| {
        let point = |(txg, (kind, cloned)): (usize, (&str, bool))| {
            format!("{kind}{}{}", txg + 1, if cloned && txg % 7 == 0 { "+" } else { "" })
        };
        kinds.into_iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
    })
}

fn counts() -> impl Strategy<Value = [u32; 6]> {
    proptest::array::uniform6(0_u32..8)
}

proptest! {
    #[test]
    fn pruning_twice_changes_nothing(points in points(), counts in counts()) {
        let gone = doomed(&points, counts);
        let gone: Vec<_> = gone.split_whitespace().collect();
        let left: Vec<_> = points.split_whitespace().filter(|point| !gone.contains(point)).collect();
        prop_assert_eq!(doomed(&left.join(" "), counts), "");
        prop_assert_eq!(left.len() + gone.len(), points.split_whitespace().count());
    }

    #[test]
    fn a_longer_retention_never_keeps_less(points in points(), counts in counts(), more in counts()) {
        let longer = std::array::from_fn(|i| counts[i] + more[i]);
        let shorter = doomed(&points, counts);
        let shorter: Vec<_> = shorter.split_whitespace().collect();
        for point in doomed(&points, longer).split_whitespace() {
            prop_assert!(shorter.contains(&point));
        }
    }

    #[test]
    fn the_newest_stays_and_so_does_what_is_not_ours(points in points(), counts in counts()) {
        let gone = doomed(&points, counts);
        let last = points.split_whitespace().last().unwrap_or("none");
        prop_assert!(!gone.split_whitespace().any(|point| point == last || point.starts_with(['x', '!']) || point.ends_with('+')));
    }

    #[test]
    fn exactly_the_counts_are_left_of_what_is_ours_and_free(points in points(), counts in counts()) {
        let points = points.replace('+', "");
        let gone = doomed(&points, counts);
        for interval in Interval::ALL {
            let kind = interval.to_string();
            let kind = &kind[..1];
            let all = points.split_whitespace().filter(|point| point.starts_with(kind)).count();
            let gone = gone.split_whitespace().filter(|point| point.starts_with(kind)).count();
            let newest = points.split_whitespace().last().is_some_and(|point| point.starts_with(kind));
            let count = usize::try_from(counts[interval as usize]).unwrap();
            prop_assert_eq!(all - gone, all.min(count.max(usize::from(newest))));
        }
    }
}
