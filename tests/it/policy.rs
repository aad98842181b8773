//! The policy modules as whole programs, against a `zfs` that prints what it is told and writes down what it is asked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fake;

use fake::{Fake, now};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

const SNAPSHOT: &str = env!("CARGO_BIN_EXE_zfs_policy_snapshot");
const PRUNE: &str = env!("CARGO_BIN_EXE_zfs_prune");

fn names(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

/// `tank` with some datasets, each with some hourly snapshots.
fn tank(datasets: usize, snapshots: usize) -> String {
    let mut list = "tank 1 -\n".to_owned();
    for dataset in 0..datasets {
        writeln!(list, "tank/d{dataset:04} 1 -").unwrap();
        for n in 0..snapshots {
            let (day, hour) = (n / 24, n % 24);
            writeln!(
                list,
                "tank/d{dataset:04}@autosnap_2020-{:02}-{:02}_{hour:02}:00:00_hourly {} 0",
                1 + day / 28,
                1 + day % 28,
                n + 2
            )
            .unwrap();
        }
    }
    list
}

fn args(policy: &str) -> Value {
    json!({"datasets": [{"dataset": "tank", "policy": policy, "snapshots_discover_children": true}]})
}

#[test]
fn a_second_run_changes_nothing_for_real_and_in_check_mode() {
    let fake = Fake::new("tank 1 -\ntank/a 1 -\ntank/a@manual 2 0\n");
    let mut checked = args("high");
    checked["_ansible_check_mode"] = json!(true);
    let planned = fake.run(SNAPSHOT, &checked);
    assert_eq!(fake.verbs(), ["list", "get"]);
    let real = fake.run(SNAPSHOT, &args("high"));
    let intervals = |result: &Value| {
        names(&result["created"]).iter().map(|name| name.rsplit('_').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(intervals(&real), ["yearly", "yearly", "monthly", "monthly", "daily", "daily", "hourly", "hourly"]);
    assert_eq!(intervals(&planned), intervals(&real));
    assert_eq!(fake.verbs(), ["list", "get", "snapshot", "snapshot", "snapshot", "snapshot"]);
    for args in [args("high"), checked] {
        let again = fake.run(SNAPSHOT, &args);
        assert_eq!(again["changed"], json!(false), "{again}");
        assert_eq!(
            again["left_out"],
            json!([{"dataset": "tank", "reason": "nothing is due"}, {"dataset": "tank/a", "reason": "nothing is due"}])
        );
        assert_eq!(fake.verbs(), ["list"]);
    }
}

#[test]
fn names_of_another_zone_keep_none_from_being_taken() {
    // The host is in UTC. Whoever took snapshots before gave names of a zone five hours ahead; ZFS knows when that was.
    let fake = Fake::new("tank 1 -\n");
    let now = now();
    let named = |seconds: i64| {
        let clock = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::from_second(seconds).unwrap());
        format!("tank@autosnap_{}_hourly\t7\t0\n", clock.strftime("%Y-%m-%d_%H:%M:%S"))
    };
    let mut args = args("high");
    args["interval"] = json!("hourly");
    fake.write("creation", &format!("{}\n", now - 5 * 3600));
    // Of this hour, it says, and others of hours to come; or one that was taken after it says an hour before.
    for others in [named(now + 3600), named(now - 3600)] {
        fake.write("list", &format!("tank\t1\t-\n{}{others}", named(now)));
        let result = fake.run(SNAPSHOT, &args);
        assert_eq!(names(&result["created"]).len(), 1, "{result}");
        assert_eq!(fake.verbs(), ["list", "list", "get", "snapshot"]);
    }
    // Where nothing speaks against names they are believed.
    fake.write("list", &format!("tank\t1\t-\n{}{}", named(now - 3600), named(now)));
    fake.run(SNAPSHOT, &args);
    assert_eq!(fake.verbs(), ["list"]);
}

#[test]
fn what_is_unchanged_is_left_out() {
    let fake = Fake::new("tank 1 -\ntank/a 1 -\ntank/a@manual 2 0\n");
    let mut args = args("low");
    args["skip_unchanged"] = json!(true);
    args["interval"] = json!("daily");
    let result = fake.run(SNAPSHOT, &args);
    assert_eq!(
        result["left_out"],
        json!([{"dataset": "tank/a", "reason": "nothing was written since its newest snapshot"}])
    );
    assert!(names(&result["created"])[0].starts_with("tank@autosnap_"));
}

#[test]
fn one_that_vanishes_does_not_fail_the_others() {
    let fake = Fake::new("tank 1 -\ntank/a 1 -\ntank/b 1 -\ntank/c 1 -\n");
    let gone = r#"case "$*" in *tank/b@*) echo "cannot open 'tank/b': dataset does not exist" >&2; echo usage: >&2; exit 2 ;; esac"#;
    fake.write("on_snapshot", gone);
    let mut args = args("high");
    args["interval"] = json!(["hourly"]);
    let result = fake.run(SNAPSHOT, &args);
    assert_eq!(names(&result["created"]).len(), 3);
    assert_eq!(
        result["left_out"],
        json!([{"dataset": "tank/b", "reason": "vanished: it was destroyed or renamed meanwhile"}])
    );
    assert_eq!(fake.verbs(), ["list", "get", "snapshot", "snapshot"]);
    // A listed one is missed, unless that is fine.
    let listed = |on_missing: &str| {
        let datasets = ["tank/b", "tank/c", "tank/never"].map(|name| json!({"dataset": name, "policy": "high"}));
        json!({"datasets": datasets, "interval": "daily", "on_missing": on_missing})
    };
    let result = fake.run(SNAPSHOT, &listed("fail"));
    assert_eq!(names(&result["created"]).len(), 1);
    assert_eq!(
        result["msg"],
        "2 datasets failed. tank/never: the dataset does not exist; check its name, or set on_missing to warn; \
         tank/b: the dataset was destroyed or renamed meanwhile; check its name, or set on_missing to warn"
    );
    let result = fake.run(SNAPSHOT, &listed("warn"));
    assert_eq!(result["warnings"], json!(["tank/never does not exist", "tank/b was destroyed or renamed meanwhile"]));
}

#[test]
fn no_snapshot_is_taken_of_what_another_host_took() {
    let fake = Fake::new("tank 1 -\ntank/a 1 -\ntank/b 1 -\ntank/c 1 -\n");
    fake.write("marks", "replica tank/a\nplaceholder tank/b\nreplica tank/c\n");
    let mut args = args("high");
    args["interval"] = json!("hourly");
    args["datasets"].as_array_mut().unwrap().push(json!({"dataset": "tank/c", "policy": "low"}));
    let result = fake.run(SNAPSHOT, &args);
    assert_eq!(names(&result["created"]).len(), 1);
    assert!(names(&result["created"])[0].starts_with("tank@"));
    let why = "it holds what another host took, and a snapshot taken here would part it from its source";
    assert_eq!(result["left_out"], json!([{"dataset": "tank/a", "reason": why}, {"dataset": "tank/b", "reason": why}]));
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
    fake.write("no_get", "");
    let fails = fake.run(SNAPSHOT, &args);
    assert_eq!((names(&fails["created"]).len(), &fails["summary"]["failed"]), (0, &json!(3)));
    args["snapshot_replicas"] = json!(true);
    assert_eq!(names(&fake.run(SNAPSHOT, &args)["created"]).len(), 3);
}

#[test]
fn without_permission_the_tries_are_few() {
    let fake = Fake::new(&tank(300, 0));
    fake.write(
        "on_snapshot",
        "echo 'cannot create snapshots : permission denied\nno snapshots were created' >&2; exit 1",
    );
    let mut args = args("high");
    args["interval"] = json!(["hourly"]);
    let result = fake.run(SNAPSHOT, &args);
    assert_eq!(result["summary"], json!({"datasets": 301, "created": 0, "left_out": 0, "failed": 301}));
    assert!(result["msg"].as_str().unwrap().contains("(the user lacks a permission there"), "{}", result["msg"]);
    assert!(fake.commands().len() < 140, "{}", fake.commands().len());
    // Where only one is in the way, it is found.
    fake.write(
        "on_snapshot",
        r#"case "$*" in *tank/d0123@*) echo 'cannot create snapshots : permission denied' >&2; exit 1 ;; esac"#,
    );
    let result = fake.run(SNAPSHOT, &args);
    assert_eq!(names(&result["created"]).len(), 300);
    assert_eq!(result["failures"][0]["dataset"], "tank/d0123");
}

#[test]
fn processes_do_not_grow_with_datasets_and_snapshots() {
    let count = |datasets, snapshots| {
        let fake = Fake::new(&tank(datasets, snapshots));
        let mut args = args("high");
        args["_ansible_check_mode"] = json!(true);
        fake.run(SNAPSHOT, &args);
        let plan = fake.commands().len();
        args["_ansible_check_mode"] = json!(false);
        args["interval"] = json!(["hourly"]);
        fake.run(SNAPSHOT, &args);
        let take = fake.commands().len();
        let pruned = fake.run(PRUNE, &args_for_prune());
        assert_eq!(pruned["summary"]["destroyed"], datasets * snapshots);
        let acts = fake.verbs().iter().filter(|verb| *verb != "list").count();
        assert_eq!(fake.datasets_left().len(), 2 * (datasets + 1));
        fake.run(PRUNE, &args_for_prune());
        assert_eq!(fake.verbs(), ["list"], "a second run has nothing to do");
        (plan, take, fake.commands().len(), acts)
    };
    // Without root there is no command for several datasets, but one does for all snapshots of a dataset.
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    // The one besides asks which of those that lose something are replicas.
    assert_eq!(count(2, 2), (2, 3, 1, 1 + if root { 1 } else { 2 }));
    assert_eq!(count(60, 2), (2, 3, 1, 1 + if root { 1 } else { 60 }));
    assert_eq!(count(3, 500), (2, 3, 1, 1 + if root { 1 } else { 3 }));
}

#[test]
fn commands_never_exceed_what_linux_takes() {
    let fake = Fake::new(&tank(1, 7000));
    let result = fake.run(PRUNE, &args_for_prune());
    assert_eq!(result["summary"]["destroyed"], 6999);
    assert!(fake.commands().iter().all(|line| line.split(' ').all(|word| word.len() < 128 * 1024)));
    assert_eq!(fake.verbs(), ["list", "get", "list", "destroy", "destroy", "destroy"]);
}

fn args_for_prune() -> Value {
    let mut args = args("one");
    args["policies"] = json!({"one": {"hourly": 1}});
    args
}

#[test]
fn pruning_says_why_all_the_others_stay() {
    let list = "tank 1 -\n\
                tank@autosnap_2020-01-01_00:00:00_hourly 2 0\n\
                tank@manual 3 0\n\
                tank@autosnap_2020-01-01_99:00:00_hourly 4 0\n\
                tank@autosnap_2020-01-01_01:00:00_hourly 5 2\n\
                tank@autosnap_2020-01-01_02:00:00_hourly 6 0\n\
                tank@autosnap_2020-01-01_03:00:00_hourly 7 0\n\
                tank#ferro_0123456789abcdef_01234567_fedcba9876543210 7 -\n\
                tank@autosnap_2020-01-01_04:00:00_hourly 8 0\n\
                tank@autosnap_2020-01-01_05:00:00_hourly 9 0\n\
                tank@last 10 0\n";
    let fake = Fake::new(list);
    fake.write("held", "tank@autosnap_2020-01-01_02:00:00_hourly\n");
    let mut args = args_for_prune();
    args["protect"] = json!(["*_04:00:00_*"]);
    args["_ansible_verbosity"] = json!(1);
    args["_ansible_diff"] = json!(true);
    args["_ansible_check_mode"] = json!(true);
    let planned = fake.run(PRUNE, &args);
    assert_eq!(fake.verbs(), ["list", "get", "list", "destroy"]);
    assert!(fake.commands()[3].starts_with("destroy -nvp "));
    args["_ansible_check_mode"] = json!(false);
    let mut result = fake.run(PRUNE, &args);
    assert_eq!(fake.commands()[3], "destroy tank@autosnap_2020-01-01_00:00:00_hourly");
    let kept = |name: &str, reason: &str| json!({"snapshot": format!("tank@{name}"), "reasons": [reason]});
    assert_eq!(
        planned,
        json!({
            "changed": true,
            "diff": {"before": "tank@autosnap_2020-01-01_00:00:00_hourly\n", "after": ""},
            "destroyed": ["tank@autosnap_2020-01-01_00:00:00_hourly"],
            "kept": [
                kept("manual", "foreign"),
                kept("autosnap_2020-01-01_99:00:00_hourly", "unparsable"),
                kept("autosnap_2020-01-01_01:00:00_hourly", "cloned"),
                kept("autosnap_2020-01-01_03:00:00_hourly", "replication_base"),
                kept("autosnap_2020-01-01_04:00:00_hourly", "protected"),
                kept("autosnap_2020-01-01_05:00:00_hourly", "retained"),
                {"snapshot": "tank@last", "reasons": ["newest", "foreign"]},
                kept("autosnap_2020-01-01_02:00:00_hourly", "held"),
            ],
            "unreplicated": [],
            "vanished": [],
            "failures": [],
            "summary": {"datasets": 1, "destroyed": 1, "kept": 8, "reclaim_bytes": 1000, "failed": 0},
        })
    );
    result["summary"]["reclaim_bytes"] = json!(1000);
    assert_eq!(result, planned);
    let again = fake.run(PRUNE, &args);
    assert_eq!((&again["changed"], &again["destroyed"]), (&json!(false), &json!([])));
    assert!(!fake.verbs().contains(&"destroy".to_owned()));
}

#[test]
fn another_prefix_is_said_once_with_what_to_do() {
    let fake =
        Fake::new(&(tank(3, 30) + "tank@2020-01-01_00:00:00_hourly 2 0\ntank@ours_2020-01-01_00:00:00_hourly 3 0\n"));
    let mut args = args_for_prune();
    args["prefix"] = json!("ours");
    let result = fake.run(PRUNE, &args);
    assert_eq!(result["destroyed"], json!([]));
    assert_eq!(
        result["warnings"],
        json!([
            "90 snapshots are named as ours, but with another prefix than ours (autosnap): foreign, so never pruned. To have such ones \
             pruned by the same policies, run zfs_prune with that prefix too; to keep them without this warning, protect \"autosnap_*\""
        ])
    );
    args["protect"] = json!(["autosnap_*"]);
    assert_eq!(fake.run(PRUNE, &args)["warnings"], Value::Null);
    args["prefix"] = json!("autosnap");
    args["protect"] = json!([]);
    let result = fake.run(PRUNE, &args);
    assert_eq!(names(&result["destroyed"]).len(), 3 * 29);
    assert!(result["warnings"][0].as_str().unwrap().starts_with("1 snapshot is named as ours, but"));
}

#[test]
fn one_that_cannot_go_does_not_keep_the_others() {
    let fake = Fake::new(&tank(2, 30));
    fake.write("no_program", "");
    let busy = "autosnap_2020-01-01_05:00:00_hourly";
    let script = format!(
        r#"case "$*" in
*tank/d0000@*{busy}*) echo "cannot destroy snapshot tank/d0000@{busy}: it's being held. Run 'zfs holds -r tank/d0000@{busy}' to see holders." >&2; exit 1 ;;
*tank/d0001@*) echo "cannot destroy snapshots: permission denied" >&2; exit 1 ;;
esac"#
    );
    fake.write("on_destroy", &script);
    let mut args = args_for_prune();
    args["_ansible_verbosity"] = json!(1);
    let result = fake.run(PRUNE, &args);
    assert_eq!(names(&result["destroyed"]).len(), 28);
    assert!(
        result["kept"]
            .as_array()
            .unwrap()
            .contains(&json!({"snapshot": format!("tank/d0000@{busy}"), "reasons": ["held"]}))
    );
    assert_eq!(result["failures"][0]["dataset"], "tank/d0001");
    assert_eq!(
        result["summary"],
        json!({"datasets": 3, "destroyed": 28, "kept": 32, "reclaim_bytes": null, "failed": 1})
    );
    // 2 + 30 + 30 rows less 28.
    assert_eq!(fake.datasets_left().len(), 3 + 2 + 30);
}

#[test]
fn more_than_max_destroy_is_refused_for_that_dataset_only() {
    let list = tank(1, 10)
        + "tank/e 1 -\ntank/e@autosnap_2020-01-01_00:00:00_hourly 2 0\ntank/e@autosnap_2020-01-01_01:00:00_hourly 3 0\n";
    let fake = Fake::new(&list);
    let mut args = args_for_prune();
    args["max_destroy"] = json!("50%");
    let result = fake.run(PRUNE, &args);
    assert_eq!(result["destroyed"], json!(["tank/e@autosnap_2020-01-01_00:00:00_hourly"]));
    assert_eq!(
        result["msg"],
        "1 dataset failed. tank/d0000: 9 of its 10 snapshots would be destroyed, more than max_destroy=50% allows; none was"
    );
}

#[test]
fn nothing_younger_and_nothing_unreplicated_goes() {
    let fake = Fake::new(&tank(1, 5));
    let mut args = args_for_prune();
    // The fake's creation is 1970.
    args["keep_within"] = json!("1d");
    args["_ansible_check_mode"] = json!(true);
    assert_eq!(names(&fake.run(PRUNE, &args)["destroyed"]).len(), 4);
    args["keep_within"] = json!("52000w");
    args["_ansible_verbosity"] = json!(1);
    let result = fake.run(PRUNE, &args);
    assert_eq!(result["destroyed"], json!([]));
    assert_eq!(result["kept"][1]["reasons"], json!(["keep_within"]));
    args["keep_unreplicated"] = json!(true);
    let result = fake.run(PRUNE, &args);
    assert_eq!(result["kept"][0]["reasons"], json!(["unreplicated"]));
    assert_eq!(
        result["warnings"],
        json!(["tank/d0000 has no bookmark of zfs_replicate, so keep_unreplicated keeps all of its snapshots"])
    );
}

#[test]
fn the_target_that_keeps_what_it_has_not_got_is_named() {
    let bookmark = |target: u8, txg: u8| format!("tank#ferro_{target:016x}_00000000_{txg:016x}");
    // Of two targets one got the fourth, the other, which nobody feeds any more, only the first.
    let rows: Vec<String> =
        (1..6).map(|hour| format!("tank@autosnap_2020-01-01_0{hour}:00:00_hourly {hour} 0\n")).collect();
    let list = rows.concat();
    let list = format!("tank 1 -\n{list}{} 4 -\n{} 1 -\n", bookmark(1, 4), bookmark(2, 1));
    let fake = Fake::new(&list);
    let mut args = args_for_prune();
    args["keep_unreplicated"] = json!(true);
    args["_ansible_verbosity"] = json!(1);
    let result = fake.run(PRUNE, &args);
    assert_eq!(result["destroyed"], json!([]));
    assert_eq!(
        result["kept"],
        json!([
            {"snapshot": "tank@autosnap_2020-01-01_01:00:00_hourly", "reasons": ["replication_base"]},
            {"snapshot": "tank@autosnap_2020-01-01_02:00:00_hourly", "reasons": ["unreplicated"], "bookmarks": [bookmark(2, 1)]},
            {"snapshot": "tank@autosnap_2020-01-01_03:00:00_hourly", "reasons": ["unreplicated"], "bookmarks": [bookmark(2, 1)]},
            {"snapshot": "tank@autosnap_2020-01-01_04:00:00_hourly", "reasons": ["replication_base", "unreplicated"], "bookmarks": [bookmark(2, 1)]},
            {"snapshot": "tank@autosnap_2020-01-01_05:00:00_hourly", "reasons": ["newest", "retained", "unreplicated"], "bookmarks": [bookmark(1, 4), bookmark(2, 1)]},
        ])
    );
    // Only what no policy wants is worth the words.
    let oldest = "autosnap_2020-01-01_02:00:00_hourly";
    assert_eq!(result["unreplicated"], json!([{"bookmark": bookmark(2, 1), "snapshots": 3, "oldest": oldest}]));
    fake.write("list", &fake.read("list").replace(&format!("{}\t1\t-\n", bookmark(2, 1)), ""));
    let result = fake.run(PRUNE, &args);
    assert_eq!((names(&result["destroyed"]).len(), &result["unreplicated"]), (3, &json!([])));
}

#[test]
fn a_dataset_that_vanishes_while_it_is_pruned_fails_only_if_it_was_listed() {
    // Gone before it is asked what is held, or when it is to be destroyed; by the plain command and by the program.
    for (hook, no_program) in [("on_question", false), ("on_destroy", true), ("on_program", false)] {
        let fake = Fake::new(&tank(4, 3));
        if no_program {
            fake.write("no_program", "");
        }
        // After it only d0003 is there any more.
        fake.write(hook, "for gone in tank/d0000 tank/d0001 tank/d0002; do sed -i \"\\\\,^$gone[@\t],d\" list; done");
        let mut args = args_for_prune();
        let one = |name: &str, children: bool| json!({"dataset": name, "policy": "one", "snapshots_discover_children": children});
        args["datasets"] = json!([one("tank", true), one("tank/d0001", false)]);
        let result = fake.run(PRUNE, &args);
        assert_eq!(result["vanished"], json!(["tank/d0000", "tank/d0002"]), "{hook}: {result}");
        let words = "1 dataset failed. tank/d0001: it was destroyed or renamed meanwhile; check its name, or take it off the list";
        assert_eq!(result["msg"], words, "{hook}");
        assert!(names(&result["destroyed"]).iter().all(|name| name.starts_with("tank/d0003@")), "{hook}: {result}");
        assert_eq!(names(&result["destroyed"]).len(), 2, "{hook}");
        assert_eq!(result.get("warnings"), None, "{hook}");
    }
}

#[test]
fn bad_input_is_refused_before_any_command() {
    let fake = Fake::new("tank 1 -\n");
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
            "option policies.high.daily: expected an integer that fits here, got -3",
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
        assert_eq!(fake.run(binary, &args)["msg"], message);
        assert_eq!(fake.commands(), [""; 0]);
    }
}

#[test]
fn a_person_gets_lines() {
    let fake = Fake::new(&tank(1, 3));
    let text = |binary, flags: &[&str], args: &Value| {
        let output = fake.output(binary, flags, args);
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap(), output.status.code())
    };
    let (out, err, _) = text(PRUNE, &["--text", "--check", "--debug"], &args_for_prune());
    assert_eq!(out.lines().next(), Some("* tank/d0000: would destroy 2 of 3 snapshots"));
    assert!(out.contains("  $ zfs destroy -nvp tank/d0000@autosnap_2020-01-01_00:00:00_hourly,autosnap"), "{out}");
    assert_eq!(err, "");
    let (out, err, code) = text(PRUNE, &["--quiet"], &args_for_prune());
    assert_eq!((out.as_str(), err.as_str(), code), ("", "", Some(0)));
    let (out, err, code) = text(PRUNE, &["--quiet"], &args("hihg"));
    assert_eq!((out.as_str(), code), ("", Some(1)));
    assert!(err.starts_with("error: option datasets.1.policy: "));
    let (out, ..) = text(SNAPSHOT, &["--text"], &args("high"));
    assert!(out.starts_with("* created tank@autosnap_"), "{out}");
}

#[test]
fn without_zfs_there_is_one_clear_error() {
    let fake = Fake::new("tank 1 -\n");
    fs::remove_file(fake.path().join("zfs")).unwrap();
    for binary in [SNAPSHOT, PRUNE] {
        let result = fake.run(binary, &args("high"));
        let msg = result["msg"].as_str().unwrap();
        assert!(msg.contains("zfs is not installed or not in PATH"), "{msg}");
    }
}

#[test]
fn an_unknown_time_zone_is_utc_with_a_warning() {
    let fake = Fake::new("tank 1 -\n");
    fake.write("args.json", &args("high").to_string());
    let output = Command::new(SNAPSHOT)
        .arg(fake.path().join("args.json"))
        .env("PATH", format!("{}:/usr/bin:/bin", fake.path().display()))
        .env("TZ", "Atlantis/Capital")
        .output()
        .unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
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
    let fake = Fake::new("tank 1 -\n");
    fake.write("on_snapshot", "case $1 in *_daily) exec sleep 30 ;; esac");
    fake.write("args.json", &args("high").to_string());
    let child = Command::new(SNAPSHOT)
        .arg(fake.path().join("args.json"))
        .env("PATH", format!("{}:/usr/bin:/bin", fake.path().display()))
        .env("XDG_RUNTIME_DIR", fake.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    while !fake.commands().iter().any(|line| line.ends_with("_daily")) {
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
    assert!(!fake.commands().iter().any(|line| line.ends_with("_hourly")));
}

#[test]
fn the_result_is_kept_of_failed_runs_too() {
    let fake = Fake::new("tank 1 -");
    let result = fake.path().join("result.json");
    let flags = ["--text", "--result", result.to_str().unwrap()];
    let output = fake.output(PRUNE, &flags, &json!({"datasets": "tank"}));
    assert!(!output.status.success());
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&result).unwrap()).unwrap();
    assert_eq!((&kept["failed"], &kept["last_success"]), (&json!(true), &Value::Null));
    assert!(kept["msg"].as_str().unwrap().contains("datasets"), "{kept}");
    let nowhere = ["--quiet", "--result", "/nonexistent/x.json"];
    let output = fake.output(PRUNE, &nowhere, &args_for_prune());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("/nonexistent/x.json cannot be written: ") && !output.status.success(), "{stderr}");
}
