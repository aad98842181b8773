//! zfs_verify as a whole program, where a side does not let it compare. What is compared, only a real ZFS has:
//! tests/integration/test_verify.py.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod host;

use host::{Host, Run};
use serde_json::{Value, json};

fn verify(host: &Host, options: Value) -> Run<'_> {
    let mut args = json!({"source": ["tank"], "target": "vault"});
    let Value::Object(options) = options else { panic!("options are an object") };
    args.as_object_mut().unwrap().extend(options);
    host.run(env!("CARGO_BIN_EXE_zfs_verify"), args)
}

/// Each replica: its status, and the code of its error.
fn told(result: &Value) -> Vec<(&str, &str)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned().leak() as &str;
    let of = |report: &Value| (word(&report["status"]), word(&report["error"]["code"]));
    result["datasets"].as_array().unwrap().iter().map(of).collect()
}

fn replicated() -> Host {
    Host::new("tank @1\n vault\n vault/tank @1")
}

#[test]
fn what_cannot_be_compared_is_told_and_nothing_is_run_for_it() {
    let host = Host::new(
        "tank\n tank/a @1 @2\n tank/b @3\n tank/c @4\n vault\n vault/tank\n vault/tank/a @1\n vault/tank/b @9",
    );
    let result = verify(&host, json!({})).check().result();
    let (none, planned) = (("no_snapshots", ""), ("planned", ""));
    let expected = [none, planned, ("not_comparable", "no_common_snapshot"), ("not_comparable", "no_replica")];
    assert_eq!(told(&result), expected);
    assert_eq!((&result["datasets"][1]["snapshot"], &result["datasets"][1]["method"]), (&json!("1"), &json!("plain")));
    assert_eq!(host.verbs(), ["list", "list", "list", "list"]);
    assert_eq!(told(&verify(&host, json!({"source": ["tank/no"]})).result()), [("not_comparable", "source_missing")]);
}

#[test]
fn what_is_not_replicated_is_not_compared() {
    let host = Host::new(
        "tank @1\n tank/a ferro.zfs:replicate=off @1\n tank/b @1\n tank/c @1\n vault\n vault/tank\n vault/tank/b @1",
    );
    let below = json!({"children_only": true, "exclude": ["tank/c"]});
    let result = verify(&host, below.clone()).check().result();
    assert_eq!(told(&result), [("planned", "")], "{result}");
    assert_eq!(result["left_out"][0]["reason"], "ferro.zfs:replicate=off, set on tank/a, leaves it out");
    // What nobody understands is nobody's wish.
    host.zfs("set ferro.zfs:replicate=perhaps tank/b");
    let result = verify(&host, below).check().result();
    assert_eq!(told(&result), [("not_comparable", "selection_unclear")]);
    let asks_nobody = json!({"select": {"properties": []}, "source": ["tank/b"]});
    assert_eq!(told(&verify(&host, asks_nobody).check().result()), [("planned", "")]);
    let nothing = verify(&host, json!({"children_only": true, "recursive": false})).result();
    assert_eq!(nothing["code"], "invalid_option");
}

#[test]
fn what_a_gate_hides_keeps_nobody_from_the_others() {
    let host = Host::new("tank/a @1\n tank/b @1\n vault\n vault/tank\n vault/tank/a @1\n vault/tank/b @1");
    for (hidden, side) in [("tank/b", "source"), ("vault/tank/b", "target")] {
        let run = verify(&host, json!({"source": ["tank/a", "tank/b"]})).check();
        let says = format!("zfs_gate: refused: {hidden} is not among the datasets");
        let result = run.fails(&format!("list * {hidden}"), &says).result();
        assert_eq!(told(&result), [("planned", ""), ("failed", "gate_refused")], "{side}: {result}");
        assert!(result["msg"].as_str().unwrap().starts_with("1 of 2 replicas not verified: tank/b -> "), "{result}");
    }
}

#[test]
fn an_empty_stream_proves_nothing() {
    let host = replicated();
    let result = verify(&host, json!({})).result();
    assert_eq!(told(&result), [("not_comparable", "not_sent")]);
    assert!(result["msg"].as_str().unwrap().contains("the stream of tank@1 has nothing in it"), "{result}");
}

#[test]
fn what_vanished_was_not_compared() {
    let host = replicated();
    let result = verify(&host, json!({}))
        .fails("send -L vault/tank@1", "cannot open 'vault/tank@1': dataset does not exist")
        .result();
    assert_eq!(told(&result), [("not_comparable", "snapshot_vanished")]);
}

#[test]
fn who_may_not_send_is_told_apart_from_what_differs() {
    let host = replicated();
    for (says, expected) in [
        ("cannot open 'tank@1': permission denied", ("not_comparable", "not_sent")),
        ("warning: cannot send 'tank@1': Input/output error", ("unreadable", "damaged")),
        ("something else", ("failed", "command_failed")),
    ] {
        let result = verify(&host, json!({})).fails("send -L tank@1", says).result();
        assert_eq!(told(&result), [expected], "{says}");
        let message = result["msg"].as_str().unwrap();
        assert!(message.starts_with("1 of 1 replicas not verified: tank -> vault/tank ") && message.contains(says));
    }
}

#[test]
fn what_was_wrong_is_remembered_until_it_is_compared_again() {
    let host = replicated();
    let state = host.path("verify.state");
    let wrong = json!({"state_file": state});
    let result = verify(&host, wrong.clone())
        .fails("send -L tank@1", "warning: cannot send 'tank@1': Input/output error")
        .result();
    assert_eq!(told(&result), [("unreadable", "damaged")]);
    // No time for anything: what was wrong is so still.
    let mut hasty = wrong;
    hasty["timeout"] = json!(0);
    let result = verify(&host, hasty).result();
    assert_eq!(told(&result), [("unreadable", "")]);
    assert_eq!(result["failed"], true);
    std::fs::write(&state, "[]").unwrap();
    let result = verify(&host, json!({"state_file": state})).result();
    assert_eq!(result["code"], "invalid_option");
}

#[test]
fn a_part_needs_a_memory() {
    let host = replicated();
    for (option, value) in [("sample", json!("1G")), ("timeout", json!("1h"))] {
        let mut options = json!({});
        options[option] = value;
        let result = verify(&host, options).result();
        let message = result["msg"].as_str().unwrap();
        assert!(message.starts_with(&format!("option {option}: without state_file")), "{message}");
    }
    let result = verify(&host, json!({"sample": 0, "state_file": host.path("x")})).result();
    assert!(result["msg"].as_str().unwrap().starts_with("option sample: 0 bytes would compare nothing"));
}
