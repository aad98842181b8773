//! Which datasets and snapshots are sent: by what datasets say of themselves, by number and age, without the parent.

use super::host::{Host, Run};
use super::plainly;
use serde_json::{Value, json};

fn codes(result: &Value) -> Vec<String> {
    let failed = result["datasets"].as_array().unwrap().iter().filter(|one| one["error"].is_object());
    failed
        .map(|one| format!("{} {}", one["source"].as_str().unwrap(), one["error"]["code"].as_str().unwrap()))
        .collect()
}

fn told(run: &Run<'_>) -> Vec<String> {
    let lines = run.ended().stdout;
    lines.lines().filter_map(|line| line.strip_prefix("* ")).map(str::to_owned).collect()
}

fn replicas(host: &Host) -> Vec<String> {
    let listed = host.zfs_says("list -H -r -t filesystem,snapshot -o name vault");
    listed.lines().filter(|line| line.contains('@')).map(str::to_owned).collect()
}

#[test]
fn what_says_off_is_left_out_and_told() {
    let host = Host::new(
        "tank @1\n tank/a ferro.zfs:replicate=off @1\n tank/a/b @1\n tank/a/c ferro.zfs:replicate=on @1\n tank/z @1\n vault",
    );
    assert_eq!(
        told(&plainly(&host, json!({}))),
        [
            "sent          tank      -> vault/tank      @1  full            1 snapshot  64.9 KiB  in N s",
            "sent          tank/a/c  -> vault/tank/a/c  @1  full            1 snapshot  64.9 KiB  in N s",
            "sent          tank/z    -> vault/tank/z    @1  full            1 snapshot  64.9 KiB  in N s",
            "tank/a: ferro.zfs:replicate=off, set on tank/a, leaves it out",
            "tank/a/b: ferro.zfs:replicate=off, set on tank/a, leaves it out",
        ]
    );
    let result = plainly(&host, json!({})).result();
    assert_eq!(
        result["left_out"][1],
        json!({
            "source": "tank/a/b", "property": "ferro.zfs:replicate", "value": "off", "set_on": "tank/a",
            "reason": "ferro.zfs:replicate=off, set on tank/a, leaves it out"
        })
    );
    // Whose replica is there keeps it, and is no orphan.
    host.zfs("set ferro.zfs:replicate=no tank/z");
    host.zfs("set ferro.zfs:replicate=perhaps tank/a/c");
    let result = plainly(&host, json!({})).result();
    assert_eq!(result["orphans"], json!([]));
    assert_eq!(codes(&result), ["tank/a/c selection_unclear"]);
    let last = plainly(&host, json!({})).ended().stdout;
    // What fails is told once, and not as excluded.
    assert!(last.contains("failed: 5 datasets: 1 up to date, 3 left out, 1 failed"), "{last}");
    assert_eq!(replicas(&host), ["vault/tank@1", "vault/tank/a/c@1", "vault/tank/z@1"]);
}

#[test]
fn named_and_left_out_fails() {
    let host = Host::new("tank ferro.zfs:replicate=off @1\n tank/a @1\n tank/b ferro.zfs:replicate=on @1\n vault");
    let result = plainly(&host, json!({"source": ["tank", "tank/a"]})).result();
    assert_eq!(codes(&result), ["tank/a named_but_left_out"]);
    let warning =
        "tank is named in source, but ferro.zfs:replicate=off, set on tank, leaves it out; what is sent lies below it";
    assert_eq!(result["warnings"], json!([warning]));
    let other = json!({"source": "tank/b", "select": {"opt_in": true, "properties": ["syncoid:sync"]}});
    assert_eq!(codes(&plainly(&host, other).result()), ["tank/b none_selected"]);
    let all = json!({"source": "tank/a", "select": {"properties": []}});
    assert_eq!(plainly(&host, all).result()["failed"], Value::Null);
    for (options, says) in [
        (
            json!({"select": {"properties": ["compression"]}}),
            "option select.properties: \"compression\" is not the name",
        ),
        (json!({"select": {"properties": [], "opt_in": true}}), "option select.opt_in: without select.properties"),
        (json!({"children_only": true, "recursive": false}), "option children_only: without recursive"),
        (json!({"snapshots": {"newest": 0}}), "option snapshots.newest: "),
    ] {
        let message = plainly(&host, options).result()["msg"].as_str().unwrap().to_owned();
        assert!(message.starts_with(says), "{message}");
    }
}

#[test]
fn children_go_without_their_parent() {
    let host = Host::new("tank @1\n tank/a @1\n tank/a/b @1\n vault");
    let options = json!({"strip_prefix": "tank", "children_only": true});
    let result = plainly(&host, options.clone()).result();
    assert_eq!((codes(&result), result["changed"].as_bool()), (vec![], Some(true)));
    assert_eq!(replicas(&host), ["vault/a@1", "vault/a/b@1"]);
    assert_eq!(plainly(&host, options).result()["changed"], false);
    let below = json!({"source": "tank/a/b", "strip_prefix": "tank", "children_only": true});
    let warnings = &plainly(&host, below).result()["warnings"];
    assert_eq!(
        warnings,
        &json!(["nothing below tank/a/b is there to be sent, and children_only leaves tank/a/b itself out"])
    );
}

#[test]
fn only_the_newest_are_sent() {
    let host = Host::new("tank @1 @2 @3 @4\n vault");
    let newest = |count: u32| json!({"snapshots": {"newest": count}});
    let result = plainly(&host, newest(2)).result();
    let left = json!({"snapshots": 2, "oldest": "1", "newest": "2"});
    assert_eq!(
        (&result["datasets"][0]["passed_over"], replicas(&host).join(" ")),
        (&left, "vault/tank@3 vault/tank@4".into())
    );
    for snapshot in ["5", "6", "7"] {
        host.zfs(&format!("snapshot tank@{snapshot}"));
    }
    assert_eq!(
        told(&plainly(&host, newest(1))),
        ["sent          tank  -> vault/tank  @7  incremental     1 snapshot  64.9 KiB  in N s   2 older left out"]
    );
    let result = plainly(&host, json!({"snapshots": {"since": "1s", "newest": 1}})).result();
    assert_eq!((result["changed"].as_bool(), &result["datasets"][0]["passed_over"]), (Some(false), &Value::Null));
}

#[test]
fn what_is_older_is_left_out_but_for_the_newest() {
    // All of them were taken ten days ago.
    let host = Host::new("tank @1 @2 @3\n vault");
    let since = |since: &str| json!({"snapshots": {"since": since}});
    let result = plainly(&host, since("9d")).check().result();
    assert_eq!(result["datasets"][0]["passed_over"], json!({"snapshots": 2, "oldest": "1", "newest": "2"}));
    assert_eq!(result["datasets"][0]["to"], "3");
    let all = plainly(&host, since("2026-01-31")).check().result();
    assert_eq!((&all["datasets"][0]["snapshots"], &all["datasets"][0]["passed_over"]), (&json!(3), &Value::Null));
}
