//! zfs_replicate with very many snapshots, against a `zfs` that only prints listings: planning stays quick and small.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const ZFS: &str = r#"#!/bin/sh
cd "${0%/*}" || exit 9
for last; do :; done
case "$*" in
'list '*filesystem,volume*) cat "datasets_${last%%/*}" ;;
'list '*) cat "versions_${last%%/*}" ;;
'get '*' guid '*) printf '%s\t5\n' "$last" ;;
'get '*' written '*) shift 5; printf '%s\t0\n' "$@" ;;
'send '*) printf 'size\t1000\n' ;;
*) echo "unexpected: $*" >&2; exit 9 ;;
esac
"#;

/// How long planning may take in a debug build on a busy machine; tests/bench/planning.py tells how long it takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the process may have in memory at most.
const KILOBYTES: i64 = 200 << 10;

/// Numbers of datasets and of snapshots of each; which of them each side has.
struct Shape {
    datasets: usize,
    snapshots: usize,
    ours: fn(usize, usize) -> bool,
    theirs: fn(usize, usize) -> bool,
}

fn planned(shape: &Shape) -> (Value, Duration) {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "zfs", ZFS);
    fs::set_permissions(folder.path().join("zfs"), fs::Permissions::from_mode(0o755)).unwrap();
    for (pool, root, has) in [("tank", "tank", shape.ours), ("vault", "vault/tank", shape.theirs)] {
        let (mut datasets, mut versions) =
            (format!("{root}\tfilesystem\t5\toff\t-\t-\t0\t-\t-\t-\t-\n"), String::new());
        for dataset in 0..shape.datasets {
            writeln!(datasets, "{root}/d{dataset:05}\tfilesystem\t{dataset}\toff\t-\t-\t0\t-\t-\t-\t-").unwrap();
            for n in (0..shape.snapshots).filter(|n| has(*n, shape.snapshots)) {
                let guid = 1_000_000_000_000_000_000 + dataset * shape.snapshots + n;
                writeln!(versions, "{root}/d{dataset:05}@autosnap_2026-01-01_00:{n:09}_hourly\t{guid}\t{}", n + 10)
                    .unwrap();
            }
        }
        write(&folder, &format!("datasets_{pool}"), &datasets);
        write(&folder, &format!("versions_{pool}"), &versions);
    }
    let args = json!({"source": ["tank"], "target": "vault", "_ansible_check_mode": true});
    write(&folder, "args.json", &args.to_string());
    let before = processor_time();
    let output = Command::new(env!("CARGO_BIN_EXE_zfs_replicate"))
        .arg(folder.path().join("args.json"))
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .output()
        .unwrap();
    // Of the processor, not of the clock: other work on the machine says nothing about the planner.
    let took = processor_time().saturating_sub(before);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (serde_json::from_slice(&output.stdout).unwrap(), took)
}

fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds = |time: nix::sys::time::TimeVal| {
        Duration::new(u64::try_from(time.tv_sec()).unwrap(), u32::try_from(time.tv_usec()).unwrap() * 1000)
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).unwrap();
}

#[test]
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
            "one dataset, gone apart",
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
