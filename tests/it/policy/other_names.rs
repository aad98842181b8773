//! zfs_prune: names that other tools gave.

use super::host::Host;
use super::{PRUNE, names};
use serde_json::{Value, json};

fn args(other_names: &[&str]) -> Value {
    let policy = json!({"hourly": 2, "daily": 2, "monthly": 1});
    json!({
        "datasets": [{"dataset": "tank", "policy": "kept"}],
        "policies": {"kept": policy},
        "other_names": other_names,
        "_ansible_verbosity": 1,
    })
}

fn reasons(result: &Value, name: &str) -> Value {
    let kept = result["kept"].as_array().unwrap().iter().find(|kept| kept["snapshot"] == format!("tank@{name}"));
    kept.map_or(Value::Null, |kept| kept["reasons"].clone())
}

#[test]
fn they_are_pruned_with_ours_by_the_interval_that_they_say() {
    let host = Host::new(
        "tank @zfs-auto-snap_hourly-2026-05-01-0017 @zfs-auto-snap_hourly-2026-05-01-0117 \
         @zfs-auto-snap_weekly-2026-05-01-0047 @zfs-auto-snap_01-2026-05-01-0117 @manual \
         @zfs-auto-snap_hourly-2026-05-01-0217(kept) @autosnap_2026-05-01_03:00:00_hourly @autosnap_2026-05-01_04:00:00_hourly",
    );
    let without = host.run(PRUNE, args(&[])).result();
    assert_eq!((&without["destroyed"], &without["other_names"]), (&json!([]), &Value::Null));
    let result = host.run(PRUNE, args(&["zfs-auto-snapshot", "zrepl"])).result();
    assert_eq!(
        names(&result["destroyed"]),
        [
            "tank@zfs-auto-snap_hourly-2026-05-01-0017",
            "tank@zfs-auto-snap_hourly-2026-05-01-0117",
            "tank@zfs-auto-snap_weekly-2026-05-01-0047",
        ]
    );
    assert_eq!(result["other_names"], json!({"zfs-auto-snapshot": 4, "zrepl": 0}));
    assert_eq!(reasons(&result, "zfs-auto-snap_01-2026-05-01-0117"), json!(["unparsable"]));
    assert_eq!(reasons(&result, "zfs-auto-snap_hourly-2026-05-01-0217"), json!(["held"]));
    assert_eq!(reasons(&result, "manual"), json!(["foreign"]));
}

#[test]
fn what_says_no_interval_is_the_first_of_its_hour_day_and_month() {
    let host = Host::new(
        "tank @zrepl_20260430_230000_000 @zrepl_20260501_000000_000 @zrepl_20260501_100000_000 @zrepl_20260502_000000_000 \
         @zrepl_20260502_100000_000 @zrepl_20260503_000000_000 @zrepl_20260503_100000_000 @zrepl_20260503_101000_000 \
         @zrepl_19700101_000000_000 @zrepl_20270101_000000_000 @zrepl_20260503_110000_000 @last",
    );
    let result = host.run(PRUNE, args(&["zrepl"])).result();
    // Of hours: 11 and 10. Of days: 3 and 2. Of months: May.
    let stays = [
        "zrepl_20260501_000000_000",
        "zrepl_20260502_000000_000",
        "zrepl_20260503_000000_000",
        "zrepl_20260503_100000_000",
    ];
    for name in stays {
        assert_eq!(reasons(&result, name), json!(["retained"]), "{name}");
    }
    assert_eq!(reasons(&result, "zrepl_19700101_000000_000"), json!(["misdated"]));
    assert_eq!(reasons(&result, "zrepl_20270101_000000_000"), json!(["future"]));
    assert_eq!(
        names(&result["destroyed"]),
        [
            "tank@zrepl_20260430_230000_000",
            "tank@zrepl_20260501_100000_000",
            "tank@zrepl_20260502_100000_000",
            "tank@zrepl_20260503_101000_000",
        ]
    );
    let warnings = result["warnings"].to_string();
    assert!(
        warnings.contains("1 snapshot says a date before that of an older one, such as tank@zrepl_19700101_"),
        "{warnings}"
    );
    // What is left is what is wanted.
    assert_eq!(host.run(PRUNE, args(&["zrepl"])).result()["destroyed"], json!([]));
}

#[test]
fn of_a_replica_nothing_goes_that_has_not_been_seen_for_long_enough() {
    let names: Vec<String> = (1..=28).map(|day| format!("@offsite-202605{day:02}020500")).collect();
    let host = Host::new(&format!("tank ferro.zfs:replica=1 {}", names.join(" ")));
    let mut args = args(&["zfs_autobackup:offsite"]);
    let result = host.run(PRUNE, args.clone()).result();
    assert_eq!(result["destroyed"], json!([]));
    assert_eq!(reasons(&result, "offsite-20260510020500"), json!(["recent_arrival"]));
    args["trust_dates"] = json!(true);
    let result = host.run(PRUNE, args).result();
    // The first of its month, and the newest two, stay; their creation would keep younger ones.
    assert_eq!(reasons(&result, "offsite-20260501020500"), json!(["retained"]));
    assert_eq!(super::names(&result["destroyed"]).len(), 25, "{result}");
}

#[test]
fn wrong_patterns_are_an_error() {
    let host = Host::new("tank");
    let result = host.run(PRUNE, args(&["zfs_autobackup"])).result();
    assert_eq!(result["msg"], "option other_names: say how its names begin: \"zfs_autobackup:NAME\"");
    let mut spans = args(&[]);
    spans["policies"]["kept"]["hourly"] = json!("48x");
    let result = host.run(PRUNE, spans).result();
    assert!(
        result["msg"]
            .as_str()
            .unwrap()
            .starts_with("option policies.kept.hourly: expected a number of snapshots, or a span")
    );
}

#[test]
fn a_span_is_as_many_as_it_has() {
    let snapshots: Vec<String> = (0..24).map(|hour| format!("@autosnap_2026-05-01_{hour:02}:00:00_hourly")).collect();
    let host = Host::new(&format!("tank {}", snapshots.join(" ")));
    let mut args = args(&[]);
    args["policies"]["kept"] = json!({"hourly": "6h"});
    assert_eq!(names(&host.run(PRUNE, args).result()["destroyed"]).len(), 18);
}
