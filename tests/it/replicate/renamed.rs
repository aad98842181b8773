//! Sources that were renamed: their replicas are known by guid, and follow where that is asked for.

use super::host::Host;
use super::{plainly, replicate};
use serde_json::{Value, json};

fn sent() -> Host {
    let host = Host::new("tank @1\n tank/a @1\n tank/a/c @1\n tank/b @1\n vault");
    assert_eq!(replicate(&host, json!({})).result()["changed"], true);
    host
}

fn follow() -> Value {
    json!({"renamed": "follow"})
}

#[test]
fn renamed_sources_are_told_and_sent_anew() {
    let host = sent();
    host.zfs("rename tank/a tank/n");
    let result = plainly(&host, json!({})).check().result();
    let told: Vec<&str> =
        result["orphans"].as_array().unwrap().iter().map(|one| one["renamed_to"].as_str().unwrap()).collect();
    assert_eq!(told, ["tank/n", "tank/n/c"]);
    let actions: Vec<&str> =
        result["datasets"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["up_to_date", "up_to_date", "full", "full"]);
}

#[test]
fn replicas_follow_with_all_below_them_and_their_bookmarks() {
    let host = sent();
    host.zfs("create tank/x");
    host.zfs("rename tank/a tank/x/n");
    host.zfs("snapshot tank/x/n@2");
    let check = replicate(&host, follow()).check().result();
    assert_eq!((check["changed"].as_bool(), &check["orphans"]), (Some(true), &json!([])));
    let result = replicate(&host, follow()).result();
    assert_eq!((&result["failed"], &result["orphans"], &result["warnings"]), (&Value::Null, &json!([]), &Value::Null));
    let moved = result["datasets"].as_array().unwrap().iter().find(|one| one["source"] == "tank/x/n").unwrap();
    assert_eq!((&moved["renamed_from"], &moved["action"]), (&json!("vault/tank/a"), &json!("incremental")));
    let there = host.zfs_says("list -H -r -o name vault");
    assert_eq!(
        there.split_whitespace().collect::<Vec<_>>(),
        ["vault", "vault/tank", "vault/tank/b", "vault/tank/x", "vault/tank/x/n", "vault/tank/x/n/c"]
    );
    // One for each place: the old ones would keep snapshots from being pruned.
    let bookmarks = host.zfs_says("list -H -r -t bookmark -o name tank");
    assert_eq!(bookmarks.lines().count(), 4, "{bookmarks}");
    let again = replicate(&host, follow()).result();
    assert_eq!(again["changed"], false);
    assert_eq!(again["datasets"].as_array().unwrap().iter().filter(|one| !one["renamed_from"].is_null()).count(), 0);
}

#[test]
fn names_that_were_swapped_are_followed_wherever_it_is_cut_short() {
    for cut in 0..4 {
        let host = sent();
        for (from, to) in [("tank/a", "tank/t"), ("tank/b", "tank/a"), ("tank/t", "tank/b")] {
            host.zfs(&format!("rename {from} {to}"));
        }
        let fault = json!({"command": "rename *", "skip": cut, "times": 1, "says": "cannot rename: something else"});
        let broken = plainly(&host, follow()).fault("", fault).result();
        assert_eq!(broken["failed"], true, "{cut}");
        let result = plainly(&host, follow()).result();
        assert_eq!((&result["failed"], &result["orphans"]), (&Value::Null, &json!([])), "{cut}");
        let guids = |names: &str| host.zfs_says(&format!("list -H -t snapshot -o guid {names}"));
        assert_eq!(guids("vault/tank/a@1"), guids("tank/a@1"), "{cut}");
        assert_eq!(guids("vault/tank/b/c@1"), guids("tank/b/c@1"), "{cut}");
        assert!(!host.zfs_says("list -H -r -o name vault").contains("arriving"), "{cut}");
        assert!(!host.log().contains("send "), "nothing is sent anew");
    }
}

#[test]
fn what_was_asked_for_may_have_been_renamed_itself() {
    let renamed = || {
        let host = Host::new("tank @1\n tank/a @1\n tank/a/c @1\n vault\n vault/other\n vault/other/a @1");
        let sent = replicate(&host, json!({"source": ["tank/a"]})).result();
        assert_eq!(sent["changed"], true);
        host.zfs("rename tank/a tank/n");
        host.zfs("snapshot tank/n@2");
        host
    };
    let of = |more: Value| {
        let mut all = json!({"source": ["tank/n"]});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let host = renamed();
    let told = plainly(&host, of(json!({}))).check().result();
    let orphans = told["orphans"].as_array().unwrap().iter();
    let orphans: Vec<_> = orphans.map(|one| format!("{} is {}", one["target"], one["renamed_to"])).collect();
    assert_eq!(orphans, ["\"vault/tank/a\" is \"tank/n\"", "\"vault/tank/a/c\" is \"tank/n/c\""]);
    let check = replicate(&host, of(follow())).check().result();
    assert_eq!((check["changed"].as_bool(), &check["orphans"]), (Some(true), &json!([])));
    let result = replicate(&host, of(follow())).result();
    assert_eq!((&result["failed"], &result["orphans"], &result["warnings"]), (&Value::Null, &json!([]), &Value::Null));
    let actions: Vec<_> = result["datasets"].as_array().unwrap().iter().map(|one| one["action"].clone()).collect();
    assert_eq!(actions, ["incremental", "up_to_date"]);
    assert_eq!(result["datasets"][0]["renamed_from"], "vault/tank/a");
    let there = host.zfs_says("list -H -r -o name vault");
    let expected = ["vault", "vault/other", "vault/other/a", "vault/tank", "vault/tank/n", "vault/tank/n/c"];
    assert_eq!(there.split_whitespace().collect::<Vec<_>>(), expected);
    // A gate that hides what lies beyond does no harm.
    let host = renamed();
    let says = "zfs_gate: refused: vault is not among the datasets";
    let result = replicate(&host, of(follow())).fails("list * -r vault", says).result();
    assert_eq!((&result["failed"], &result["datasets"][0]["action"]), (&Value::Null, &json!("full")));
}

#[test]
fn what_cannot_follow_fails_and_stays() {
    let host = sent();
    host.zfs("destroy -r tank/b");
    host.zfs("rename tank/a tank/b");
    let result = plainly(&host, follow()).result();
    let failed = result["datasets"].as_array().unwrap().iter().find(|one| one["source"] == "tank/b").unwrap();
    assert_eq!(failed["error"]["code"], "renamed_place_taken");
    assert!(!host.log().contains("rename "));
    // Whoever makes room for what is sent anew gets that.
    host.zfs("rename vault/tank/b vault/old");
    let result = plainly(&host, follow()).result();
    assert_eq!((&result["failed"], &result["orphans"]), (&Value::Null, &json!([])));
}

#[test]
fn what_was_renamed_is_not_deleted() {
    let host = sent();
    let options = |renamed: &str| json!({"renamed": renamed, "deleted_datasets": "destroy", "deleted_after": 0});
    plainly(&host, options("follow")).result();
    host.zfs("rename tank/a tank/n");
    host.zfs("destroy -r tank/b");
    plainly(&host, options("follow")).result();
    plainly(&host, options("follow")).result();
    let there = host.zfs_says("list -H -r -o name vault");
    assert_eq!(there.split_whitespace().collect::<Vec<_>>(), ["vault", "vault/tank", "vault/tank/n", "vault/tank/n/c"]);
}
