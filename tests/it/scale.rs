//! zfs_replicate with very many snapshots: planning stays quick and small. The listings lie ready
//! for the fake `zfs` to print.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::too_many_lines, reason = "a transcript is as long as it is")]

mod host;

use host::Host;
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

/// How long planning may take in a debug build on a busy machine; tests/bench/planning.py tells how
/// long it takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the process may have in memory at most.
const KILOBYTES: i64 = 100 << 10;

/// Numbers of datasets and of snapshots of each; which of them each side has.
struct Shape {
    datasets: usize,
    snapshots: usize,
    ours: fn(usize, usize) -> bool,
    theirs: fn(usize, usize) -> bool,
}

/// A side's listings of datasets and of versions.
fn listings(root: &str, shape: &Shape, has: fn(usize, usize) -> bool) -> [String; 2] {
    // Of a source, it asks whether it is to be sent, too.
    let selected = if root == "tank" { "\t-" } else { "" };
    let mut datasets = format!("{root}\tfilesystem\t5\toff\t-\t-\t0\t-\t-\t-\t-{selected}\n");
    let mut versions = String::new();
    for dataset in 0..shape.datasets {
        writeln!(datasets, "{root}/d{dataset:05}\tfilesystem\t{dataset}\toff\t-\t-\t0\t-\t-\t-\t-{selected}").unwrap();
        for n in (0..shape.snapshots).filter(|n| has(*n, shape.snapshots)) {
            let guid = 1_000_000_000_000_000_000 + dataset * shape.snapshots + n;
            writeln!(versions, "{root}/d{dataset:05}@{}\t{guid}\t{}", name(n), n + 10).unwrap();
        }
    }
    [datasets, versions]
}

fn name(n: usize) -> String {
    format!("autosnap_2026-01-01_00:{n:09}_hourly")
}

/// What the target has after the newest that both have: it is asked whether anything was written
/// for these.
fn newer(shape: &Shape) -> String {
    let (ours, theirs) = (|n| (shape.ours)(n, shape.snapshots), |n| (shape.theirs)(n, shape.snapshots));
    let common = (0..shape.snapshots).rev().find(|n| ours(*n) && theirs(*n));
    let newer = (common.map_or(shape.snapshots, |n| n + 1)..shape.snapshots).filter(|n| theirs(*n));
    newer.map(|n| [" @", &name(n)].concat()).collect()
}

fn planned(shape: &Shape) -> (Value, Duration) {
    let host = Host::new(&format!("tank\nvault/tank\nvault/tank/d00000{}", newer(shape)));
    let mut answers = vec![json!(["send -nvP *", "estimate"])];
    fs::write(host.path("estimate"), "size\t1000\n").unwrap();
    for (root, has) in [("tank", shape.ours), ("vault/tank", shape.theirs)] {
        for (types, listing) in ["filesystem,volume", "snapshot,bookmark"].iter().zip(listings(root, shape, has)) {
            let file = format!("{types}_{}", root.replace('/', "_"));
            fs::write(host.path(&file), listing).unwrap();
            answers.push(json!([format!("list *{types}* -r {root}"), file]));
        }
    }
    fs::write(host.path("answers"), json!(answers).to_string()).unwrap();
    let before = processor_time();
    let args = json!({"source": ["tank"], "target": "vault"});
    let result = host.run(env!("CARGO_BIN_EXE_zfs_replicate"), args).check().result();
    // Of the processor, not of the clock: other work on the machine says nothing about the planner.
    (result, processor_time().saturating_sub(before))
}

fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds = |time: nix::sys::time::TimeVal| {
        Duration::new(u64::try_from(time.tv_sec()).unwrap(), u32::try_from(time.tv_usec()).unwrap() * 1000)
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn a_hundred_thousand_snapshots_are_planned_in_little_time_and_memory() {
    let all = |_, _| true;
    let first_half = |n, all| n < all / 2;
    let second_half = |n, all| n >= all / 2;
    let every_tenth = |n, _| n % 10 == 0;
    for (what, shape, expected) in [
        ("nothing to do", Shape { datasets: 100, snapshots: 1000, ours: all, theirs: all }, "up_to_date"),
        ("half of each", Shape { datasets: 100, snapshots: 1000, ours: all, theirs: first_half }, "incremental"),
        (
            "one dataset, half of it",
            Shape { datasets: 1, snapshots: 100_000, ours: all, theirs: first_half },
            "incremental",
        ),
        (
            "one dataset, sparse",
            Shape { datasets: 1, snapshots: 100_000, ours: every_tenth, theirs: first_half },
            "incremental",
        ),
        (
            "one dataset, diverged",
            Shape { datasets: 1, snapshots: 200_000, ours: second_half, theirs: first_half },
            "failed",
        ),
    ] {
        let (result, took) = planned(&shape);
        let report = &result["datasets"][1];
        let verdict = if report["status"] == "failed" { &report["status"] } else { &report["action"] };
        assert_eq!(verdict, expected, "{what}: {report}");
        assert!(took < PATIENCE, "{what}: {took:?}");
    }
    let kilobytes = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    assert!(kilobytes < KILOBYTES, "{kilobytes} KB");
}
