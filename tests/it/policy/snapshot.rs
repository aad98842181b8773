//! zfs_policy_snapshot: what is taken, and what is not.

use super::host::{Host, now};
use super::{SNAPSHOT, args, commands, names, tank};
use serde_json::{Value, json};
use std::process::{Child, Command};

#[test]
fn a_second_run_changes_nothing_for_real_and_in_check_mode() {
    let host = Host::new("tank\n tank/a @manual");
    let mut checked = args("high");
    checked["_ansible_check_mode"] = json!(true);
    let planned = host.run(SNAPSHOT, checked.clone()).result();
    assert_eq!(host.verbs(), ["list", "get"]);
    let real = host.run(SNAPSHOT, args("high")).result();
    let intervals = |result: &Value| {
        names(&result["created"]).iter().map(|name| name.rsplit('_').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(intervals(&real), ["yearly", "yearly", "monthly", "monthly", "daily", "daily", "hourly", "hourly"]);
    assert_eq!(intervals(&planned), intervals(&real));
    assert_eq!(host.verbs(), ["list", "get", "snapshot", "snapshot", "snapshot", "snapshot"]);
    for args in [args("high"), checked] {
        let again = host.run(SNAPSHOT, args.clone()).result();
        assert_eq!(again["changed"], json!(false), "{again}");
        assert_eq!(
            again["left_out"],
            json!([
                {"dataset": "tank", "code": "not_due", "reason": "nothing is due"},
                {"dataset": "tank/a", "code": "not_due", "reason": "nothing is due"},
            ])
        );
        assert_eq!(host.verbs(), ["list"]);
    }
}

#[test]
fn names_of_another_zone_keep_none_from_being_taken() {
    // The host is in UTC. Whoever took snapshots before gave names of a zone five hours ahead; ZFS
    // knows when that was.
    let now = now();
    let named = |seconds: i64| {
        let clock = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::from_second(seconds).unwrap());
        format!("@autosnap_{}_hourly", clock.strftime("%Y-%m-%d_%H:%M:%S"))
    };
    let taken = |others: &[String]| {
        let host = Host::new(&format!("tank {}", others.join(" ")));
        host.created(now - 5 * 3600);
        let mut args = args("high");
        args["interval"] = json!("hourly");
        let result = host.run(SNAPSHOT, args).result();
        (names(&result["created"]).len(), host.verbs())
    };
    // Of this hour, it says, and others of hours to come; or one that was taken after it says an
    // hour before.
    for others in [named(now + 3600), named(now - 3600)] {
        assert_eq!(taken(&[named(now), others]), (1, ["list", "list", "get", "snapshot"].map(str::to_owned).into()));
    }
    // Where nothing speaks against names they are believed.
    assert_eq!(taken(&[named(now - 3600), named(now)]), (0, vec!["list".to_owned()]));
}

#[test]
fn what_is_unchanged_is_left_out() {
    let host = Host::new("tank\n tank/a @manual");
    let mut args = args("low");
    args["skip_unchanged"] = json!(true);
    args["interval"] = json!("daily");
    let result = host.run(SNAPSHOT, args.clone()).result();
    assert_eq!(
        result["left_out"],
        json!([{"dataset": "tank/a", "code": "unchanged", "reason": "nothing was written since its newest snapshot"}])
    );
    assert!(names(&result["created"])[0].starts_with("tank@autosnap_"));
}

#[test]
fn what_gets_no_snapshot_says_why() {
    let host = Host::new("tank\n tank/a\n tank/a/b\n tank/c\n tank/d");
    let datasets = [("tank", "none"), ("tank/a", "none"), ("tank/c", "yearly"), ("tank/d", "high")];
    let datasets = datasets.map(|(dataset, policy)| json!({"dataset": dataset, "policy": policy}));
    let args = json!({"datasets": datasets, "policies": {"yearly": {"yearly": 1}}, "interval": ["hourly"]});
    let name = "tank/d@autosnap_2026-06-15_10:20:30_hourly";
    let says = format!("cannot create snapshot '{name}': dataset already exists\nno snapshots were created");
    let result = host.run(SNAPSHOT, args).fails("snapshot *tank/d@*", &says).result();
    let left_out =
        |dataset: &str, code: &str, reason: &str| json!({"dataset": dataset, "code": code, "reason": reason});
    assert_eq!(
        result["left_out"],
        json!([
            left_out("tank", "policy_takes_none", "policy none takes no snapshots"),
            left_out("tank/a", "policy_takes_none", "policy none takes no snapshots"),
            left_out("tank/c", "interval_not_kept", "policy yearly keeps none of these intervals"),
            left_out("tank/d", "taken_meanwhile", &format!("{name} was taken meanwhile")),
        ])
    );
    assert_eq!(result["failed"], Value::Null);
}

#[test]
fn one_that_vanishes_does_not_fail_the_others() {
    let host = Host::new("tank\n tank/a\n tank/b\n tank/c");
    let vanishes = |args: &Value| {
        let fault = json!({"command": "snapshot *tank/b@*", "says": "cannot open 'tank/b': dataset does not exist\nusage:", "status": 2});
        host.run(SNAPSHOT, args.clone()).fault("", fault).result()
    };
    let mut args = args("high");
    args["interval"] = json!(["hourly"]);
    let result = vanishes(&args);
    assert_eq!(names(&result["created"]).len(), 3);
    assert_eq!(
        result["left_out"],
        json!([{"dataset": "tank/b", "code": "vanished", "reason": "vanished: it was destroyed or renamed meanwhile"}])
    );
    assert_eq!(host.verbs(), ["list", "get", "snapshot", "snapshot"]);
    // A listed one is missed, unless that is fine.
    let listed = |on_missing: &str| {
        let datasets = ["tank/b", "tank/c", "tank/never"].map(|name| json!({"dataset": name, "policy": "high"}));
        json!({"datasets": datasets, "interval": "daily", "on_missing": on_missing})
    };
    let result = vanishes(&listed("fail"));
    assert_eq!(names(&result["created"]).len(), 1);
    assert_eq!(
        result["msg"],
        "2 datasets failed. tank/never: the dataset does not exist; check its name, or set on_missing to warn; \
         tank/b: the dataset was destroyed or renamed meanwhile; check its name, or set on_missing to warn"
    );
    assert!(result["failures"].as_array().unwrap().iter().all(|failure| failure["code"] == "dataset_missing"));
    let result = vanishes(&listed("warn"));
    let codes: Vec<&Value> = result["left_out"].as_array().unwrap().iter().map(|left_out| &left_out["code"]).collect();
    assert_eq!(codes, ["dataset_missing", "not_due", "dataset_missing"]);
    assert_eq!(result["warnings"], json!(["tank/never does not exist", "tank/b was destroyed or renamed meanwhile"]));
}

#[test]
fn no_snapshot_is_taken_of_what_another_host_took() {
    let host =
        Host::new("tank\n tank/a ferro.zfs:replica=1\n tank/b ferro.zfs:placeholder=2\n tank/c ferro.zfs:replica=3");
    let mut args = args("high");
    args["interval"] = json!("hourly");
    args["datasets"].as_array_mut().unwrap().push(json!({"dataset": "tank/c", "policy": "low"}));
    let result = host.run(SNAPSHOT, args.clone()).result();
    assert_eq!(names(&result["created"]).len(), 1);
    assert!(names(&result["created"])[0].starts_with("tank@"));
    let why = "it holds what another host took, and a snapshot taken here would part it from its source";
    let left_out = |dataset: &str| json!({"dataset": dataset, "code": "replica", "reason": why});
    assert_eq!(result["left_out"], json!([left_out("tank/a"), left_out("tank/b")]));
    assert_eq!(result["failures"][0]["code"], "replica");
    let warning = result["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("no snapshots were taken of 2 that hold what another host took (tank/a, tank/b). "),
        "{warning}"
    );
    let msg = result["msg"].as_str().unwrap();
    assert!(
        msg.starts_with(&format!("1 dataset failed. tank/c: {why}. If it belongs to this host, as after a restore, ")),
        "{msg}"
    );
    let fault = ("get -H -o name,source *", "cannot get properties: I/O error");
    let fails = host.run(SNAPSHOT, args.clone()).fails(fault.0, fault.1).result();
    assert_eq!((names(&fails["created"]).len(), &fails["summary"]["failed"]), (0, &json!(3)));
    args["snapshot_replicas"] = json!(true);
    let taken = host.run(SNAPSHOT, args).fails(fault.0, fault.1).result();
    assert_eq!(names(&taken["created"]).len(), 3);
}

#[test]
fn without_permission_the_tries_are_few() {
    let host = Host::new(&tank(100, 0));
    let mut args = args("high");
    args["interval"] = json!(["hourly"]);
    let denied = "cannot create snapshots : permission denied\nno snapshots were created";
    let result = host.run(SNAPSHOT, args.clone()).fails("snapshot *", denied).result();
    assert_eq!(result["summary"], json!({"datasets": 101, "created": 0, "left_out": 0, "failed": 101}));
    assert!(result["msg"].as_str().unwrap().contains("(the user lacks a permission there"), "{}", result["msg"]);
    assert!(commands(&host).len() < 140, "{}", commands(&host).len());
    // Where only one is in the way, it is found.
    let result = host.run(SNAPSHOT, args).fails("snapshot *tank/d0042@*", denied).result();
    assert_eq!(names(&result["created"]).len(), 100);
    assert_eq!(result["failures"][0]["dataset"], "tank/d0042");
}

#[test]
fn an_unknown_time_zone_is_utc_with_a_warning() {
    let host = Host::new("tank");
    let result = host.run(SNAPSHOT, args("high")).env("TZ", "Atlantis/Capital").result();
    let warning = result["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with(
            "the time zone of this host is not known, so periods and names are in UTC: TZ=Atlantis/Capital"
        ),
        "{warning}"
    );
    assert_eq!(result["created"].as_array().unwrap().len(), 4);
}

#[test]
fn to_be_stopped_is_a_failure_that_says_what_was_done() {
    let host = Host::new("tank");
    let run = host.run(SNAPSHOT, args("high"));
    let child: Child = run.fault("", json!({"command": "snapshot *_daily", "sleeps": 30})).spawn();
    let began = std::time::Instant::now();
    while !commands(&host).iter().any(|line| line.ends_with("_daily")) {
        assert!(began.elapsed().as_secs() < 20);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed().as_secs() < 20);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &result["failed"], &result["changed"]), (Some(1), &json!(true), &json!(true)));
    assert_eq!(names(&result["created"]).len(), 2, "yearly and monthly");
    assert!(result["msg"].as_str().unwrap().contains("stopped by SIGTERM"), "{}", result["msg"]);
    assert!(!commands(&host).iter().any(|line| line.ends_with("_hourly")));
}

/// The fake's own: what is done for a `zfs` that is gone ends with it.
#[test]
fn a_command_that_is_killed_does_no_more() {
    let host = Host::new("tank");
    let zfs = host.path("zfs");
    let run = host.program(&[zfs.to_str().unwrap(), "snapshot", "tank@1"]);
    let mut child = run.fault("", json!({"command": "snapshot *", "sleeps": 30})).spawn();
    while commands(&host).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child.kill().unwrap();
    // Until nobody has its standard output any more.
    child.wait_with_output().unwrap();
    assert_eq!(host.names(), ["tank"]);
}
