//! The policy modules as whole programs: what they say, what they run, what is there then.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::too_many_lines, reason = "a transcript is as long as it is")]

#[path = "policy/hooks.rs"]
mod hooks;
mod host;
#[path = "policy/other_names.rs"]
mod other_names;
#[path = "policy/prune.rs"]
mod prune;
#[path = "policy/snapshot.rs"]
mod snapshot;

use host::{Ended, Host, Run};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

const SNAPSHOT: &str = env!("CARGO_BIN_EXE_zfs_policy_snapshot");
const PRUNE: &str = env!("CARGO_BIN_EXE_zfs_prune");

fn commands(host: &Host) -> Vec<String> {
    host.log().lines().map(str::to_owned).collect()
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

/// `tank` with some datasets, each with some hourly snapshots.
fn tank(datasets: usize, snapshots: usize) -> String {
    let mut list = "tank\n".to_owned();
    for dataset in 0..datasets {
        write!(list, "tank/d{dataset:04}").unwrap();
        for n in 0..snapshots {
            let (day, hour) = (n / 24, n % 24);
            write!(list, " @autosnap_2020-{:02}-{:02}_{hour:02}:00:00_hourly", 1 + day / 28, 1 + day % 28).unwrap();
        }
        list.push('\n');
    }
    list
}

fn args(policy: &str) -> Value {
    json!({"datasets": [{"dataset": "tank", "policy": policy, "snapshots_discover_children": true}]})
}

fn args_for_prune() -> Value {
    let mut args = args("one");
    args["policies"] = json!({"one": {"hourly": 1}});
    args
}

#[test]
fn processes_do_not_grow_with_datasets_and_snapshots() {
    let count = |datasets, snapshots| {
        let host = Host::new(&tank(datasets, snapshots));
        let mut args = args("high");
        args["_ansible_check_mode"] = json!(true);
        host.run(SNAPSHOT, args.clone()).result();
        let plan = commands(&host).len();
        args["_ansible_check_mode"] = json!(false);
        args["interval"] = json!(["hourly"]);
        host.run(SNAPSHOT, args.clone()).result();
        let take = commands(&host).len();
        let pruned = host.run(PRUNE, args_for_prune()).result();
        assert_eq!(pruned["summary"]["destroyed"], datasets * snapshots);
        let acts = host.verbs().iter().filter(|verb| *verb != "list").count();
        assert_eq!(host.names().len(), 2 * (datasets + 1));
        host.run(PRUNE, args_for_prune()).result();
        assert_eq!(host.verbs(), ["list"], "a second run has nothing to do");
        (plan, take, commands(&host).len(), acts)
    };
    // Without root there is no command for several datasets, but one does for all snapshots of a
    // dataset.
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    // The one besides asks which of those that lose something are replicas.
    assert_eq!(count(2, 2), (2, 3, 1, 1 + if root { 1 } else { 2 }));
    assert_eq!(count(60, 2), (2, 3, 1, 1 + if root { 1 } else { 60 }));
    assert_eq!(count(3, 500), (2, 3, 1, 1 + if root { 1 } else { 3 }));
}

#[test]
fn words_are_datasets_with_their_policies() {
    let host = Host::new("tank\n tank/a\n tank/b @manual");
    host.program(&[SNAPSHOT, "-n", "tank/a=low", "tank/b/**=mine", "--policies.mine", "daily=2"]).is("
        * would create  tank/a  @autosnap_2026-06-15_10:20:30  monthly daily hourly
        * would create  tank/b  @autosnap_2026-06-15_10:20:30  daily
        check: 2 datasets, 4 snapshots to create
        $ list -Hp -r -t filesystem,volume,snapshot -o name tank/a tank/b
        $ get -H -o name,source ferro.zfs:replica,ferro.zfs:placeholder tank/a tank/b
    ");
    host.program(&[
        PRUNE,
        "tank/**=one",
        "--policies.one",
        "hourly=1",
        "--protect",
        "{manual,last}",
        "--max-destroy=50%",
    ])
    .is("
        done: 3 datasets, 0 snapshots destroyed, 1 stay
        $ list -Hp -r -t filesystem,volume,snapshot,bookmark -o name,createtxg,numclones tank
    ");
    host.program(&[PRUNE, "tank/a"]).is("
        ! zfs_prune: there is no file tank/a. A dataset is followed by its policy, as in tank/a=high, or 'tank/a/**=high' with all below it
        ! zfs_prune --help lists all options
        exit 2
    ");
    host.program(&[PRUNE, "tank/a=low", "tank/b"]).is(r#"
        ! zfs_prune: "tank/b" is not DATASET=POLICY, such as tank/home=high
        ! zfs_prune --help lists all options
        exit 2
    "#);
    host.program(&[SNAPSHOT, "tank/a=lwo"]).is(r#"
        ! error: option datasets.1.policy: tank/a: unknown policy "lwo"; there are low, high, none, critical
        exit 2
    "#);
}

#[test]
fn bad_input_is_refused_before_any_command() {
    let host = Host::new("tank");
    let with = |key: &str, value: Value| {
        let mut args = args("high");
        args[key] = value;
        args
    };
    for (binary, args, message) in [
        (
            PRUNE,
            args("hihg"),
            "option datasets.1.policy: tank: unknown policy \"hihg\"; there are high, low, none, critical",
        ),
        (
            PRUNE,
            with("policies", json!({"high": {"daily": -3}})),
            "option policies.high.daily: expected a number of snapshots, or a span such as 48h, 30d, 8w, 12mo or 5y, got -3",
        ),
        (
            PRUNE,
            with("max_destroy", json!("half")),
            "option max_destroy: expected a number, or a percentage such as \"50%\", got \"half\"",
        ),
        (
            PRUNE,
            with("prefix", json!("a@b")),
            "option prefix: \"a@b\" is not a valid snapshot name: ZFS does not allow '@' in it",
        ),
        (
            PRUNE,
            with("protect", json!("[")),
            "option protect: \"[\" is not a valid pattern: a [ without its ], or with nothing in it",
        ),
        (
            PRUNE,
            with("protect", json!(["daily", "/a(b/"])),
            "option protect: \"/a(b/\" is not a valid pattern: unclosed group",
        ),
        (PRUNE, with("frequently_minutes", json!(1441)), "option frequently_minutes: expected 1 to 1440, got 1441"),
        (
            PRUNE,
            with("replicas", json!(["tank/"])),
            "option replicas: \"tank/\" is not a valid dataset name: a component of the path is empty",
        ),
        (SNAPSHOT, with("frequently_minutes", json!(0)), "option frequently_minutes: expected 1 to 1440, got 0"),
        (SNAPSHOT, with("interval", json!([])), "option interval: expected due, or at least one interval, got none"),
        (
            SNAPSHOT,
            with("interval", json!("fortnightly")),
            "option interval.1: expected one of due, frequently, hourly, daily, weekly, monthly, yearly, got \"fortnightly\"",
        ),
        (SNAPSHOT, json!({}), "missing required option 'datasets'"),
    ] {
        assert_eq!(host.run(binary, args).result()["msg"], message);
        assert_eq!(commands(&host), [""; 0]);
    }
}

#[test]
fn a_person_gets_lines() {
    let host = Host::new(&tank(1, 3));
    let Ended { stdout: out, stderr: err, .. } = host.run(PRUNE, args_for_prune()).check().flag("--debug").ended();
    let line = "* would destroy  tank/d0000      2 of 3 snapshots  frees  128 KiB  \
                @autosnap_2020-01-01_00:00:00_hourly to @autosnap_2020-01-01_01:00:00_hourly";
    assert_eq!(out.lines().next(), Some(line));
    assert!(out.ends_with("snapshots to destroy, which frees 128 KiB, 1 stay\n"), "{out}");
    assert!(out.contains("  $ zfs destroy -nvp tank/d0000@autosnap_2020-01-01_00:00:00_hourly,autosnap"), "{out}");
    assert_eq!(err, "");
    let Ended { stdout: out, stderr: err, status, .. } = host.run_quietly(PRUNE, args_for_prune()).ended();
    assert_eq!((out.as_str(), err.as_str(), status), ("", "", 0));
    let Ended { stdout: out, stderr: err, status, .. } = host.run_quietly(PRUNE, args("hihg")).ended();
    assert_eq!((out.as_str(), status), ("", 2));
    assert!(err.starts_with("error: option datasets.1.policy: "));
    let out = host.run(SNAPSHOT, args("high")).ended().stdout;
    assert!(
        out.starts_with("* created  tank        @autosnap_") && out.contains("  yearly monthly daily hourly\n"),
        "{out}"
    );
}

#[test]
fn without_zfs_there_is_one_clear_error() {
    let host = Host::new("tank");
    fs::remove_file(host.path("zfs")).unwrap();
    let path = format!("{}:/usr/bin:/bin", host.path("").display());
    for binary in [SNAPSHOT, PRUNE] {
        let result = host.run(binary, args("high")).env("PATH", &path).result();
        let msg = result["msg"].as_str().unwrap();
        assert!(msg.contains("zfs is not installed or not in PATH"), "{msg}");
    }
}

/// What a run leaves in the file of its result, and the commands that it ran.
fn left(host: &Host, run: Run<'_>) -> (Value, Vec<String>) {
    let file = host.path("result.json");
    let result = run.flag("--result").flag(file.to_str().unwrap()).result();
    assert!(result.get("kept").is_none(), "only the file has it");
    (serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap(), commands(host))
}

#[test]
fn the_result_file_has_what_is_left_of_each_dataset_at_the_price_of_one_question() {
    let host = Host::new(
        "tank @manual\ntank/a @autosnap_2020-01-01_00:00:00_hourly @x @autosnap_2020-01-01_01:00:00_hourly @autosnap_2020-01-01_02:00:00_hourly",
    );
    let hourly = json!({"one": {"hourly": 1}});
    let pruned = json!({"datasets": [{"dataset": "tank/a", "policy": "one"}], "policies": hourly});
    let (kept, commands) = left(&host, host.run(PRUNE, pruned.clone()));
    let a = &kept["kept"]["tank/a"];
    let of = |a: &Value| (a["total"].as_u64(), a["other"].as_u64(), a["intervals"]["hourly"]["kept"].as_u64());
    assert_eq!(of(a), (Some(2), Some(1), Some(1)));
    let newest = &a["intervals"]["hourly"]["newest"];
    assert_eq!(newest["snapshot"], "autosnap_2020-01-01_02:00:00_hourly");
    assert!(newest["guid"].is_string() && newest["created_at"].as_str().unwrap().ends_with('Z'), "{newest}");
    assert_eq!(newest, &a["intervals"]["hourly"]["oldest"]);
    let asked = "list -Hp -t snapshot -o name,guid,creation tank/a@autosnap_2020-01-01_02:00:00_hourly";
    assert_eq!(commands.last().unwrap(), asked);
    assert_eq!(commands.iter().filter(|it| it.starts_with("list -Hp -r")).count(), 1, "{commands:?}");

    // What is taken counts; what lies below without a policy, too.
    let taken = json!({"datasets": [{"dataset": "tank", "policy": "one"}], "policies": hourly});
    let (kept, commands) = left(&host, host.run(SNAPSHOT, taken.clone()).check());
    assert_eq!((of(&kept["kept"]["tank"]), commands.len()), ((Some(1), Some(1), None), 3), "{commands:?}");
    let (kept, commands) = left(&host, host.run(SNAPSHOT, taken));
    assert_eq!(of(&kept["kept"]["tank"]), (Some(2), Some(1), Some(1)));
    assert!(kept["kept"]["tank"]["intervals"]["hourly"]["newest"]["guid"].is_string(), "{kept}");
    assert_eq!(of(&kept["kept"]["tank/a"]).0, Some(2));
    assert_eq!(commands.iter().filter(|it| it.starts_with("list -Hp -r")).count(), 1, "{commands:?}");
    // Check mode destroys nothing.
    host.zfs("snapshot tank/a@autosnap_2020-01-01_03:00:00_hourly");
    let (kept, _) = left(&host, host.run(PRUNE, pruned).check());
    assert_eq!(of(&kept["kept"]["tank/a"]), (Some(3), Some(1), Some(2)));
}

#[test]
fn the_result_is_kept_of_failed_runs_too() {
    let host = Host::new("tank");
    let result = host.path("result.json");
    let flags = ["--result", result.to_str().unwrap()];
    let run = flags.into_iter().fold(host.run(PRUNE, json!({"datasets": "tank"})), Run::flag);
    assert_eq!(run.ended().status, 2);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&result).unwrap()).unwrap();
    assert_eq!((&kept["failed"], &kept["last_success"]), (&json!(true), &Value::Null));
    assert!(kept["msg"].as_str().unwrap().contains("datasets"), "{kept}");
    let nowhere = host.run_quietly(PRUNE, args_for_prune()).flag("--result").flag("/nonexistent/x.json").ended();
    assert!(
        nowhere.stderr.contains("/nonexistent/x.json cannot be written: ") && nowhere.status == 1,
        "{}",
        nowhere.stderr
    );
}
