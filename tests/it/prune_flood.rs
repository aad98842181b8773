//! zfs_prune where somebody sends snapshots only to have others destroyed: what is real stays,
//! whatever dates are made up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::too_many_lines, reason = "a transcript is as long as it is")]

mod host;

use host::{Host, Run, now};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;

const PRUNE: &str = env!("CARGO_BIN_EXE_zfs_prune");
/// Where it is noted when what arrived in the pool.
const ARRIVALS: &str = "state/arrivals/4711.json";
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn named(seconds: i64, interval: &str) -> String {
    let clock = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).unwrap());
    format!("autosnap_{}_{interval}", clock.strftime("%Y-%m-%d_%H:%M:%S"))
}

/// In the middle of an hour and of a day, so that no test meets their ends. What is honest: 40 days
/// and 30 hours, each with its createtxg; the last hundred days had 10 of these a day.
fn real(now: i64) -> Vec<(String, u64)> {
    let txg = |age: i64| u64::try_from(1000 - age * 10 / DAY).unwrap();
    let days = (1..=40).rev().map(|day| (named(now - day * DAY - 60, "daily"), txg(day * DAY) - 2));
    let hours = (1..=30).rev().map(|hour| (named(now - hour * HOUR - 120, "hourly"), txg(hour * HOUR)));
    days.chain(hours).collect()
}

/// The 124 that are pushed now, by the kind of lie.
fn forged(now: i64) -> Vec<(&'static str, Vec<String>)> {
    let names = |from: i64, step: [i64; 2]| -> Vec<String> {
        let hours = (0..64).map(|n| named(from - n * step[0], "hourly"));
        hours.chain((0..60).map(|n| named(from - n * step[1], "daily"))).collect()
    };
    vec![
        ("old", names(now - 3000 * DAY, [HOUR, DAY])),
        ("of these days", names(now, [HOUR, DAY])),
        ("of the day to come", names(now + 14 * HOUR, [HOUR, DAY])),
        ("future", names(now + 3000 * DAY, [HOUR, DAY])),
        ("one period", names(now, [1, 1])),
    ]
}

/// A replica with these snapshots, with this property as its mark; what is forged came after the
/// last run.
fn replica(now: i64, mark: &str, forged: &[String]) -> Host {
    let mut list = format!("vault\nvault/a {mark}");
    for (name, txg) in real(now).into_iter().chain(forged.iter().cloned().zip(2000..)) {
        write!(list, " @{name}^{txg}").unwrap();
    }
    let host = Host::new(&list);
    host.created(now - 100 * DAY);
    host.edit(|state| state["pools"]["vault"]["guid"] = json!("4711"));
    fs::create_dir_all(host.path("state/arrivals")).unwrap();
    let samples: Vec<Value> = (0..100).map(|day| json!([now - (99 - day) * DAY, 10 + 10 * day])).collect();
    let known = json!({"samples": samples, "newest": {}, "last_run": now});
    fs::write(host.path(ARRIVALS), known.to_string()).unwrap();
    host
}

fn prune<'h>(host: &'h Host, more: &Value) -> Run<'h> {
    host.run(PRUNE, args(more))
}

fn args(more: &Value) -> Value {
    let mut args = json!({
        "datasets": [{"dataset": "vault", "policy": "own", "snapshots_discover_children": true}],
        "policies": {"own": {"hourly": 24, "daily": 14}},
        "_ansible_verbosity": 1,
    });
    args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    args
}

/// What goes of what is real.
fn lost(host: &Host, now: i64) -> usize {
    let left = host.names();
    real(now).iter().filter(|(name, _)| !left.contains(&format!("vault/a@{name}"))).count()
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn a_flood_makes_nothing_forgotten() {
    let now = now();
    for (option, mark) in [
        (json!({"replicas": ["vault"]}), ""),
        (json!({}), "ferro.zfs:replica=1"),
        (json!({}), "ferro.zfs:placeholder=1"),
    ] {
        // Without a flood: 40 - 14 days, and none of the hours, which were all seen in a run of the
        // last day.
        let honest = replica(now, mark, &[]);
        prune(&honest, &option).result();
        let before = lost(&honest, now);
        assert!((20..=26).contains(&before), "{before}");
        for (lie, flood) in forged(now) {
            assert_eq!(flood.len(), 124);
            let host = replica(now, mark, &flood);
            let result = prune(&host, &option).result();
            // The newest of them takes the place that the next honest one would have taken.
            assert!(lost(&host, now) <= before + 1, "{lie} {mark}: {}", result["destroyed"]);
            assert_eq!(result["warnings"].is_null(), lie != "future", "{}", result["warnings"]);
        }
    }
    // The same without any sign that it is a replica: so this is what the signs are for.
    let host = replica(now, "", &forged(now)[0].1);
    prune(&host, &json!({})).result();
    assert_eq!(lost(&host, now), 70);
}

#[test]
fn each_that_stays_says_why_and_two_commands_more_are_asked() {
    let now = now();
    let flood: Vec<String> = forged(now).into_iter().find(|(lie, _)| *lie == "future").unwrap().1;
    let host = replica(now, "ferro.zfs:replica=1", &flood);
    let result = prune(&host, &json!({"_ansible_check_mode": true})).result();
    let said = host.log();
    assert_eq!(host.verbs(), ["list", "get", "zpool", "list", "destroy"], "{said}");
    assert_eq!(said.lines().nth(1).unwrap(), "get -H -o name,source ferro.zfs:replica,ferro.zfs:placeholder vault/a");
    let reasons = |word: &str| {
        let kept = result["kept"].as_array().unwrap();
        kept.iter().filter(|entry| entry["reasons"].as_array().unwrap().contains(&json!(word))).count()
    };
    assert_eq!(reasons("future"), 124);
    assert!(reasons("retained") >= 14 && reasons("recent_arrival") > 0);
    assert!(
        result["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("124 snapshots of replicas are dated in the future, such as vault/a@autosnap_"),
        "{}",
        result["warnings"]
    );
    // What was created lately, says ZFS, stays too.
    host.created(now - DAY);
    let result = prune(&host, &json!({})).result();
    assert_eq!(result["destroyed"], json!([]));
    let young = result["kept"].as_array().unwrap().iter().filter(|entry| entry["reasons"] == json!(["too_young"]));
    assert!(young.count() >= 20);
}

#[test]
fn what_arrived_is_noted_by_real_runs_only() {
    let now = now();
    let host = replica(now, "", &["autosnap_2020-01-01_00:00:00_daily".to_owned()]);
    let option = json!({"replicas": ["vault"]});
    let file = host.path(ARRIVALS);
    let before = fs::read_to_string(&file).unwrap();
    prune(&host, &option).check().result();
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    prune(&host, &option).result();
    let after: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let last = after["samples"].as_array().unwrap().last().unwrap();
    assert_eq!(last[1], json!(2000));
    assert!((0..60).contains(&(last[0].as_i64().unwrap() - now)));
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    // Unknown, unreadable, another pool, no guid, no folder: nothing goes, and that is said once.
    for (change, words) in [
        ("{", "holds something else than this program writes. It is begun anew"),
        (r#"{"samples":[[1,9],[2,5]],"newest":{},"last_run":2}"#, "holds something else than this program writes"),
        ("gone", "when its replicas arrived is not known yet, so "),
        ("guid", "its guid is not known: "),
        ("file", "cannot be read: "),
    ] {
        let host = replica(now, "", &[]);
        match change {
            "gone" => fs::remove_dir_all(host.path("state")).unwrap(),
            "guid" => host.edit(|state| state["pools"]["vault"]["guid"] = json!("no pool")),
            "file" => {
                fs::remove_dir_all(host.path("state")).unwrap();
                fs::write(host.path("state"), "").unwrap();
            }
            text => fs::write(host.path(ARRIVALS), text).unwrap(),
        }
        let result = prune(&host, &option).result();
        assert_eq!(result["destroyed"], json!([]), "{change}");
        let warnings = result["warnings"].as_array().unwrap();
        assert!(warnings[0].as_str().unwrap().contains(words), "{change}: {warnings:?}");
        assert_eq!(warnings.len(), if change == "file" { 2 } else { 1 }, "{warnings:?}");
        // Who believes the dates need not know.
        let trusting = prune(&host, &json!({"replicas": ["vault"], "trust_dates": true})).result();
        assert!(trusting["destroyed"].as_array().unwrap().len() >= 20, "{change}");
    }
}

#[test]
fn where_it_is_not_known_what_is_a_replica_nothing_goes() {
    let host = replica(now(), "", &[]);
    let fails = "cannot get properties: I/O error";
    let result = prune(&host, &json!({})).fails("get -H -o name,source *", fails).result();
    assert_eq!((&result["destroyed"], &result["failures"][0]["dataset"]), (&json!([]), &json!("vault/a")));
    assert!(result["msg"].as_str().unwrap().contains("cannot get properties: I/O error"), "{}", result["msg"]);
}
