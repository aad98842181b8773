//! `--validate` of each program: all that is wrong with options, and not one command.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod host;

use host::{Ended, Host};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

const REPLICATE: &str = env!("CARGO_BIN_EXE_zfs_replicate");
const SNAPSHOT: &str = env!("CARGO_BIN_EXE_zfs_policy_snapshot");
const PRUNE: &str = env!("CARGO_BIN_EXE_zfs_prune");
const DELEGATE: &str = env!("CARGO_BIN_EXE_zfs_delegate");
const INFO: &str = env!("CARGO_BIN_EXE_zfs_info");
const MONITOR: &str = env!("CARGO_BIN_EXE_zfs_monitor");

/// What the program says of these options, on standard input; and that it ran and left nothing.
fn validated(host: &Host, program: &str, words: &[&str], options: &Value) -> Ended {
    let argv = [&[program, "--validate", "-"], words].concat();
    let before = in_folder(host);
    let ended = host.program(&argv).stdin(options.to_string().into_bytes()).ended();
    assert!(ended.commands.is_empty(), "{:?}", ended.commands);
    assert_eq!(in_folder(host), before);
    ended
}

fn in_folder(host: &Host) -> Vec<String> {
    let entries = fs::read_dir(host.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "stdin");
    names.sort();
    names
}

/// Options of programs, and what is said of those that are wrong. The schemas in docs/schema are held against the same table.
const TABLE: &str = include_str!("fixtures/options.json");

#[test]
fn every_fault_is_told_and_nothing_is_run() {
    let host = Host::new("tank").reaches("nas", "tank");
    let programs = BTreeMap::from([
        ("zfs_replicate", REPLICATE),
        ("zfs_policy_snapshot", SNAPSHOT),
        ("zfs_prune", PRUNE),
        ("zfs_delegate", DELEGATE),
        ("zfs_info", INFO),
    ]);
    for row in serde_json::from_str::<Vec<Value>>(TABLE).unwrap() {
        let (program, options) = (programs[row["program"].as_str().unwrap()], &row["options"]);
        let ended = validated(&host, program, &[], options);
        let Some(faults) = row["faults"].as_array() else {
            assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("-: the options are right\n", ""), "{row}");
            assert_eq!(ended.status, 0, "{row}");
            continue;
        };
        assert_eq!((ended.stdout.as_str(), ended.status), ("", 2), "{row}");
        assert!(ended.stderr.lines().all(|line| line.starts_with("error: -: ")), "{}", ended.stderr);
        for part in faults {
            assert!(ended.stderr.contains(part.as_str().unwrap()), "{row}: {part}: {}", ended.stderr);
        }
    }
}

#[test]
fn the_service_has_options_of_its_own() {
    let host = Host::new("tank");
    let right = validated(&host, MONITOR, &[], &json!({"listen": "[::1]:1", "capacity_warning": 70}));
    assert_eq!((right.stdout.as_str(), right.status), ("-: the options are right\n", 0));
    let wrong = validated(&host, MONITOR, &[], &json!({"lisen": [], "status_interval": "soon"}));
    assert_eq!((wrong.stdout.as_str(), wrong.status), ("", 2));
    assert!(
        wrong.stderr.contains("option lisen: ") && wrong.stderr.contains("option status_interval: "),
        "{}",
        wrong.stderr
    );
}

#[test]
fn programs_and_the_command_line_are_answered() {
    let host = Host::new("tank");
    let json_of = |options: Value| -> (Value, i32) {
        let ended = validated(&host, PRUNE, &["--json"], &options);
        (serde_json::from_str(&ended.stdout).unwrap(), ended.status)
    };
    assert_eq!(json_of(json!({"datasets": "dataset=tank,policy=high"})).1, 2, "one text is several words of a list");
    let (result, status) = json_of(json!({"datasets": [], "prefx": "a", "defer": 2}));
    assert_eq!((status, &result["failed"], &result["code"]), (2, &json!(true), &json!("invalid_option")));
    assert_eq!(result["faults"][0]["option"], json!("prefx"));
    assert_eq!(result["faults"][1], json!({"option": "defer", "message": "expected a boolean (yes or no), got 2"}));
    assert_eq!(json_of(json!({"datasets": []})), (json!({"changed": false, "faults": []}), 0));
    let quiet = validated(&host, PRUNE, &["-q"], &json!({"datasets": []}));
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str(), quiet.status), ("", "", 0));
    // Words and flags are options as well.
    let line = |words: &[&str]| host.program(&[&[PRUNE, "--validate"], words].concat()).ended();
    assert_eq!(line(&["tank=high"]).stdout, "the options are right\n");
    assert!(line(&["tank=hihg"]).stderr.contains("option datasets.1.policy: "));
    // What is no file, and no JSON.
    assert!(line(&["/nonexistent"]).stderr.contains("cannot be read"));
    let ended = host.program(&[PRUNE, "--validate", "-"]).stdin(b"{\n  \"prefix\": a}".to_vec()).ended();
    assert!(ended.stderr.contains("line 2 column") && ended.status == 2, "{}", ended.stderr);
    assert!(
        host.program(&[INFO, "--validate", "-", "--nagios"])
            .stdin(b"{}".to_vec())
            .ended()
            .stderr
            .contains("leave out --nagios")
    );
}
