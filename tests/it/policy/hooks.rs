//! zfs_policy_snapshot: what is run before and after the snapshots of a dataset.

use super::host::Host;
use super::{SNAPSHOT, commands, names};
use serde_json::{Value, json};
use std::process::Command;

/// Writes down, between the commands of `zfs`, when it was run and what it was told.
fn hook(host: &Host, then: &str) -> Value {
    let log = host.path("log");
    let say = "echo \"hook $FERRO_ZFS_PHASE $FERRO_ZFS_DATASET $FERRO_ZFS_OUTCOME\"";
    json!(["/bin/sh", "-c", format!("{say} >> '{}'; {then}", log.display())])
}

fn args(hooks: &Value) -> Value {
    let tank = json!({"dataset": "tank", "policy": "high", "snapshots_discover_children": true});
    json!({"datasets": [tank], "interval": ["hourly", "daily"], "hooks": hooks})
}

/// What was run, without what only asks.
fn course(host: &Host) -> Vec<String> {
    let mut all = commands(host);
    all.retain(|line| line.starts_with("hook") || line.starts_with("snapshot"));
    all.iter().map(|line| line.replace("autosnap_2026-06-15_10:20:30", "now").trim_end().to_owned()).collect()
}

fn statuses(result: &Value) -> Vec<&str> {
    result["hooks"].as_array().unwrap().iter().map(|hook| hook["status"].as_str().unwrap()).collect()
}

#[test]
fn a_hook_comes_before_and_after_all_snapshots_at_and_below_its_dataset() {
    let host = Host::new("tank\n tank/a\n tank/db\n tank/db/wal\n tank/db/tmp");
    let quiet = hook(&host, "printf '%s ' $FERRO_ZFS_SNAPSHOTS");
    let hooks = json!({
        "tank/db": {"before": quiet, "after": hook(&host, "")},
        "tank/db/tmp": {"after": hook(&host, "")},
    });
    let mut args = args(&hooks);
    args["_ansible_check_mode"] = json!(true);
    let planned = host.run(SNAPSHOT, args.clone()).result();
    assert_eq!(statuses(&planned), ["planned", "planned", "planned"]);
    assert_eq!(planned["hooks"][2]["dataset"], "tank/db/tmp");
    assert!(course(&host).is_empty());
    args["_ansible_check_mode"] = json!(false);
    let result = host.run(SNAPSHOT, args.clone()).result();
    assert_eq!(statuses(&result), ["ok", "ok", "ok"]);
    assert_eq!(
        course(&host),
        [
            "snapshot tank@now_daily tank/a@now_daily",
            "snapshot tank@now_hourly tank/a@now_hourly",
            "hook before tank/db",
            "snapshot tank/db@now_daily tank/db/wal@now_daily",
            "snapshot tank/db@now_hourly tank/db/wal@now_hourly",
            "hook after tank/db taken",
            "snapshot tank/db/tmp@now_daily",
            "snapshot tank/db/tmp@now_hourly",
            "hook after tank/db/tmp taken",
        ]
    );
    // Where nothing is due nothing is frozen.
    let again = host.run(SNAPSHOT, args).result();
    assert_eq!((&again["changed"], &again["hooks"]), (&json!(false), &Value::Null));
    assert!(course(&host).is_empty());
}

#[test]
fn a_failed_hook_before_does_what_its_on_failure_says_and_the_one_after_is_run() {
    for (on_failure, taken, failed, outcome) in
        [("fail", 2, true, "not_taken"), ("skip", 2, false, "not_taken"), ("continue", 4, false, "taken")]
    {
        let host = Host::new("tank\n tank/db");
        let before = hook(&host, "echo 'no such table' >&2; exit 3");
        let after = hook(&host, "");
        let hooks = json!({"tank/db": {"before": before, "after": after, "on_failure": on_failure}});
        let result = host.run(SNAPSHOT, args(&hooks)).result();
        assert_eq!(names(&result["created"]).len(), taken, "{on_failure}");
        assert_eq!(result["failed"] == json!(true), failed, "{on_failure}");
        assert_eq!(statuses(&result), ["failed", "ok"]);
        assert_eq!(course(&host).last().unwrap(), &format!("hook after tank/db {outcome}"));
        if failed {
            let failure = &result["failures"][0];
            assert_eq!((&failure["dataset"], &failure["code"]), (&json!("tank/db"), &json!("hook_failed")));
            assert_eq!((&failure["stage"], &failure["rc"]), (&json!("hook"), &json!(3)));
            assert!(result["msg"].as_str().unwrap().ends_with(" ended with exit status 3: no such table"), "{result}");
        } else {
            assert!(result["warnings"][0].as_str().unwrap().contains("no such table"), "{result}");
        }
        let left_out = result["left_out"].as_array().unwrap().iter().map(|left_out| &left_out["code"]);
        assert_eq!(left_out.collect::<Vec<_>>(), if on_failure == "skip" { vec!["hook_failed"] } else { vec![] });
    }
}

#[test]
fn the_one_after_is_run_where_snapshots_fail_and_its_own_failure_is_told() {
    let host = Host::new("tank/db");
    let hooks = json!({"tank/db": {"before": hook(&host, ""), "after": hook(&host, "echo still frozen; exit 1")}});
    let args = json!({"datasets": [{"dataset": "tank/db", "policy": "high"}], "interval": "hourly", "hooks": hooks});
    let result = host.run(SNAPSHOT, args).fails("snapshot *", "cannot create snapshots : permission denied").result();
    assert_eq!(course(&host).last().unwrap(), "hook after tank/db failed");
    let codes: Vec<&Value> = result["failures"].as_array().unwrap().iter().map(|failure| &failure["code"]).collect();
    assert_eq!(codes, ["permission_missing", "hook_failed"]);
    assert!(result["msg"].as_str().unwrap().contains("still frozen"), "{}", result["msg"]);
}

#[test]
fn a_stopped_run_ends_the_hook_before_and_runs_the_one_after() {
    let host = Host::new("tank/db");
    let sleeps = hook(&host, "(trap '' TERM; exec sleep 4712.5) & wait");
    let hooks = json!({"tank/db": {"before": sleeps, "after": hook(&host, "sleep 0.2; echo thawed >> LOG")}});
    let hooks: Value =
        serde_json::from_str(&hooks.to_string().replace("LOG", &host.path("log").display().to_string())).unwrap();
    let args = json!({"datasets": [{"dataset": "tank/db", "policy": "high"}], "interval": "hourly", "hooks": hooks});
    let child = host.run(SNAPSHOT, args).spawn();
    let began = std::time::Instant::now();
    while !host.log().contains("hook before") {
        assert!(began.elapsed().as_secs() < 60);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(result["msg"].as_str().unwrap().contains("stopped by SIGTERM"), "{}", result["msg"]);
    assert_eq!(result["created"], json!([]));
    assert!(host.log().ends_with("hook after tank/db not_taken\nthawed\n"), "{}", host.log());
    let left = Command::new("pgrep").args(["-f", "sleep 4712[.]5"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

#[test]
fn a_hook_that_would_never_run_is_an_error() {
    let host = Host::new("tank\n tank/db");
    for (hooks, why) in [
        (
            json!({"tank2/db": {"before": ["/bin/true"]}}),
            "option hooks.tank2/db: the option datasets has nothing there",
        ),
        (json!({"tank/db": {"timeout": "5s"}}), "option hooks.tank/db: neither before nor after is given"),
        (json!({"tank/db": {"before": ["true"]}}), "option hooks.tank/db: before: \"true\" is no full path"),
        (json!({"tank/": {"before": ["/bin/true"]}}), "option hooks.tank/: \"tank/\" is not a valid dataset name"),
        (json!({"tank/db": {"befor": ["/bin/true"]}}), "option hooks.tank/db.befor: unsupported option."),
    ] {
        let result = host.run(SNAPSHOT, args(&hooks)).result();
        assert!(result["msg"].as_str().unwrap().starts_with(why), "{}", result["msg"]);
        assert_eq!(result["code"], "invalid_option");
    }
}
