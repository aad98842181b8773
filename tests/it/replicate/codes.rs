//! The codes of failures and reasons, and what is told with them: docs/errors.md.

use super::host::Host;
use super::plainly;
use serde_json::{Value, json};

/// What is told of the only dataset.
fn only(host: &Host, options: Value) -> Value {
    let mut result = plainly(host, options).result();
    let datasets = result["datasets"].as_array_mut().unwrap();
    assert_eq!(datasets.len(), 1, "{datasets:?}");
    datasets.remove(0)
}

/// The code of each dataset, with the stage, the host and what the conflict consists of.
fn error(host: &Host, options: Value) -> Value {
    let mut error = only(host, options)["error"].take();
    let error = error.as_object_mut().unwrap();
    for key in ["command", "rc", "stderr", "caused_by"] {
        assert!(error.shift_remove(key).is_some(), "{key}");
    }
    error.clone().into()
}

#[test]
fn conflict_has_its_code_and_full_lists() {
    let host = Host::new("tank @1 @2 @3\n vault\n vault/tank @1 @own+512 @more+512");
    assert_eq!(
        error(&host, json!({})),
        json!({
            "stage": "plan", "code": "diverged", "host": null,
            "conflict": {"common": "@1", "target_only": ["@own", "@more"], "source_only": ["@2", "@3"]},
        })
    );
    let many: Vec<String> = (0..20).map(|number| format!("@s{number}")).collect();
    let host = Host::new(&format!("tank @1\n vault\n vault/tank {}", many.join(" ")));
    assert_eq!(
        error(&host, json!({})),
        json!({
            "stage": "plan", "code": "no_common_snapshot", "host": null,
            "conflict": {"source_only": ["@1"], "target_only": many},
        })
    );
    let host = Host::new("tank @1 @2\n vault\n vault/tank @1 written=4096");
    assert_eq!(error(&host, json!({}))["conflict"], json!({"common": "@1", "written": 4096}));
    let host = Host::new("tank @1\n vault\n vault/tank\n vault/tank/x @9");
    let error = error(&host, json!({"recursive": false}));
    assert_eq!((&error["code"], &error["conflict"]["below"]), (&json!("target_in_use"), &json!([])));
}

#[test]
fn conflict_knows_where_renamed_datasets_are() {
    let host = Host::new("tank @1 @2\n vault\n vault/tank @9\n vault/old\n vault/old/tank @1");
    let error = error(&host, json!({}));
    assert_eq!(error["code"], "no_common_snapshot");
    assert_eq!(error["conflict"]["elsewhere"], json!({"on_target": "vault/old/tank"}));
}

#[test]
fn what_gave_way_and_what_was_discarded_have_codes() {
    let host = Host::new("tank @2\n vault\n vault/tank @1");
    let report = only(&host, json!({"on_diverged": "set_aside"}));
    let aside = &report["set_aside"];
    assert_eq!(aside["code"], json!("no_common_snapshot"));
    assert_eq!(aside["conflict"], json!({"source_only": ["@2"], "target_only": ["@1"]}));
    let host = Host::new("tank @1 @2 @3\n vault\n vault/tank @1");
    plainly(&host, json!({})).fault("", json!({"command": "receive *", "received": 0})).ended();
    host.zfs("destroy tank@2");
    let discarded = only(&host, json!({}))["discarded"].take();
    assert_eq!(discarded["code"], json!("token_unusable"), "{discarded}");
}

#[test]
fn missing_things_have_codes() {
    let host = Host::new("tank @1\n vault\n");
    let result = plainly(&host, json!({"source": ["tank/no", "pond/x"]})).result();
    let codes: Vec<&Value> =
        result["datasets"].as_array().unwrap().iter().map(|dataset| &dataset["error"]["code"]).collect();
    assert_eq!(codes, ["source_missing", "pool_missing"]);
    // Where nothing can be planned at all, the task itself has the code, and the same failure.
    let result = plainly(&host, json!({"target": "vault/no/where"})).result();
    assert_eq!(
        result,
        json!({
            "changed": false, "failed": true, "code": "target_missing",
            "msg": "preflight failed: target vault/no/where does not exist. Create it first: zfs create -p -o canmount=off vault/no/where",
            "error": {
                "stage": "preflight", "code": "target_missing", "host": "localhost", "command": null, "rc": null,
                "stderr": "target vault/no/where does not exist. Create it first: zfs create -p -o canmount=off vault/no/where",
                "caused_by": null,
            },
        })
    );
    assert_eq!(plainly(&host, json!({"target": "void"})).result()["code"], "pool_missing");
    let failed = plainly(&host, json!({})).fails("list *", "cannot iterate filesystems: I/O error").result();
    assert_eq!((&failed["code"], &failed["error"]["rc"]), (&json!("damaged"), &json!(1)));
}

#[test]
fn children_wait_for_a_parent_that_has_arrived_in_part() {
    let host = Host::new("tank @1\n tank/a @1\n vault");
    let fault = json!({"command": "receive * vault/tank", "received": 0});
    let result = plainly(&host, json!({})).fault("", fault).result();
    let codes = |result: &Value| {
        let datasets = result["datasets"].as_array().unwrap().iter();
        datasets.map(|dataset| dataset["error"]["code"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&result), ["broken_stream", "parent_not_arrived"]);
    assert_eq!(codes(&plainly(&host, json!({})).result()), ["", ""]);
}
