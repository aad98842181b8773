//! What is run before and after a replication.

use super::host::Host;
use super::plainly;
use serde_json::{Value, json};

fn hook(host: &Host, then: &str) -> Value {
    let say = "echo \"hook $FERRO_ZFS_PHASE $FERRO_ZFS_SOURCE > $FERRO_ZFS_TARGET $FERRO_ZFS_TARGET_HOST $FERRO_ZFS_OUTCOME\"";
    json!(["/bin/sh", "-c", format!("{say} >> '{}'; {then}", host.path("log").display())])
}

fn said(host: &Host) -> Vec<String> {
    let log = host.log();
    log.lines().filter(|line| line.starts_with("hook")).map(|line| line.trim_end().to_owned()).collect()
}

fn sent(host: &Host) -> bool {
    host.verbs().contains(&"send".to_owned())
}

#[test]
fn hooks_are_around_all_that_a_run_does() {
    let host = Host::new("tank @1\n vault");
    let hooks = json!({"before": hook(&host, ""), "after": hook(&host, "")});
    let planned = plainly(&host, json!({"hooks": hooks, "_ansible_check_mode": true})).result();
    assert_eq!((&planned["hooks"][0]["status"], &planned["hooks"][1]["phase"]), (&json!("planned"), &json!("after")));
    assert!(said(&host).is_empty());
    let result = plainly(&host, json!({"hooks": hooks})).result();
    assert_eq!(result["failed"], Value::Null, "{result}");
    assert_eq!(said(&host), ["hook before tank > vault", "hook after tank > vault  succeeded"]);
    let log = host.log();
    assert!(log.starts_with("hook before") && log.trim_end().ends_with("succeeded"), "{log}");
    assert_eq!(result["hooks"][1]["status"], "ok");
}

#[test]
fn a_failed_hook_before_does_what_its_on_failure_says() {
    for (on_failure, is_sent, outcome) in
        [("fail", false, "not_run"), ("skip", false, "not_run"), ("continue", true, "succeeded")]
    {
        let host = Host::new("tank @1\n vault");
        let hooks =
            json!({"before": hook(&host, "echo no disk; exit 2"), "after": hook(&host, ""), "on_failure": on_failure});
        let result = plainly(&host, json!({"hooks": hooks})).result();
        assert_eq!(sent(&host), is_sent, "{on_failure}");
        assert_eq!(said(&host)[1], format!("hook after tank > vault  {outcome}"));
        assert_eq!(result["failed"] == json!(true), on_failure == "fail", "{result}");
        assert_eq!(result["skipped"] == json!(true), on_failure == "skip", "{result}");
        if is_sent {
            assert!(result["warnings"][0].as_str().unwrap().ends_with("exit status 2: no disk"), "{result}");
        } else {
            assert_eq!(result["code"], "hook_failed");
            assert!(result["msg"].as_str().unwrap().ends_with("exit status 2: no disk"), "{result}");
        }
    }
}

#[test]
fn the_hook_after_is_run_where_the_run_fails_and_its_own_failure_counts() {
    let host = Host::new("tank @1\n vault");
    let hooks = json!({"after": hook(&host, "")});
    let result = plainly(&host, json!({"hooks": hooks}))
        .fails("list *snapshot,bookmark*", "cannot iterate filesystems: I/O error")
        .result();
    assert_eq!(result["failed"], true);
    assert_eq!(said(&host), ["hook after tank > vault  failed"]);
    let hooks = json!({"after": hook(&host, "echo cannot export; exit 1")});
    let result = plainly(&host, json!({"hooks": hooks})).result();
    assert_eq!((&result["failed"], &result["changed"]), (&json!(true), &json!(true)));
    assert!(result["msg"].as_str().unwrap().ends_with("exit status 1: cannot export"), "{result}");
    let wrong = plainly(&host, json!({"hooks": {"before": ["sync"]}})).result();
    assert_eq!(wrong["msg"], "option hooks.before: \"sync\" is no full path, and no shell looks for it");
}
