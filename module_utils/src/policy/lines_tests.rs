use super::{closing_of_pruned, closing_of_taken, created};
use crate::model::SnapshotName;
use crate::policy::prune::Pruned;
use crate::policy::snapshot::{Taken, Without};
use crate::terminal::table::Tone;

fn snapshot(name: &str) -> SnapshotName {
    let (dataset, name) = name.split_once('@').unwrap();
    SnapshotName { dataset: dataset.parse().unwrap(), name: name.parse().unwrap() }
}

#[test]
fn a_line_for_each_dataset_that_gets_snapshots() {
    let all = [
        "tank@autosnap_2026-06-15_10:20:30_daily",
        "tank/home@autosnap_2026-06-15_10:20:30_daily",
        "tank@autosnap_2026-06-15_10:20:30_hourly",
        "tank/odd@a",
        "tank/odd@b",
    ];
    let all = all.map(snapshot);
    assert_eq!(
        created(&all, false, false),
        [
            "created  tank       @autosnap_2026-06-15_10:20:30  daily hourly",
            "created  tank/home  @autosnap_2026-06-15_10:20:30  daily",
            "created  tank/odd   @a @b",
        ]
    );
    assert_eq!(created(&all[3..4], true, true), ["\u{1b}[32mwould create\u{1b}[0m  tank/odd  @a"]);
    let without =
        |dataset: &str, reason: &str| Without { dataset: dataset.to_owned(), code: "x", reason: reason.to_owned() };
    let left_out = vec![
        without("a", "nothing is due"),
        without("b", "policy none takes no snapshots"),
        without("c", "nothing is due"),
    ];
    let taken = Taken { created: all.to_vec(), left_out, datasets: 6, ..Taken::default() };
    let expected =
        "done: 6 datasets, 5 snapshots created; left out 2: nothing is due, 1: policy none takes no snapshots";
    assert_eq!(closing_of_taken(&taken, false), (Tone::Good, expected.to_owned()));
}

#[test]
fn the_last_line_of_a_run_that_destroys() {
    let names = ["a", "b", "c"].map(|name| name.parse().unwrap()).into();
    let pruned =
        Pruned { destroyed: vec![("tank".parse().unwrap(), names)], kept_count: 7, datasets: 2, ..Pruned::default() };
    assert_eq!(
        closing_of_pruned(&pruned, false),
        (Tone::Good, "done: 2 datasets, 3 snapshots destroyed, 7 stay".to_owned())
    );
    let checked = Pruned { reclaim_bytes: Some(1 << 20), ..pruned };
    assert_eq!(
        closing_of_pruned(&checked, true).1,
        "check: 2 datasets, 3 snapshots to destroy, which frees 1.0 MiB, 7 stay"
    );
}
