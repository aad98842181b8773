//! zfs_prune: what goes, and why the others stay.

use super::host::Host;
use super::{PRUNE, args_for_prune, commands, names, tank};
use serde_json::{Value, json};

#[test]
fn commands_never_exceed_what_linux_takes() {
    let host = Host::new(&tank(1, 7000));
    let result = host.run(PRUNE, args_for_prune()).result();
    assert_eq!(result["summary"]["destroyed"], 6999);
    assert!(commands(&host).iter().all(|line| line.split(' ').all(|word| word.len() < 128 * 1024)));
    assert_eq!(host.verbs(), ["list", "get", "list", "destroy", "destroy", "destroy"]);
}

#[test]
fn pruning_says_why_all_the_others_stay() {
    let host = Host::new(
        "tank @autosnap_2020-01-01_00:00:00_hourly^2 @manual^3 @autosnap_2020-01-01_99:00:00_hourly^4 \
         @autosnap_2020-01-01_01:00:00_hourly^5 @autosnap_2020-01-01_02:00:00_hourly^6(somebody) \
         @autosnap_2020-01-01_03:00:00_hourly^7 #ferro_0123456789abcdef_01234567_fedcba9876543210^7 \
         @autosnap_2020-01-01_04:00:00_hourly^8 @autosnap_2020-01-01_05:00:00_hourly^9 @last^10",
    );
    host.edit(|state| state["datasets"]["tank"]["versions"][3]["numclones"] = json!("2"));
    let mut args = args_for_prune();
    args["protect"] = json!(["*_04:00:00_*"]);
    args["_ansible_verbosity"] = json!(1);
    args["_ansible_diff"] = json!(true);
    args["_ansible_check_mode"] = json!(true);
    let planned = host.run(PRUNE, args.clone()).result();
    assert_eq!(host.verbs(), ["list", "get", "list", "destroy"]);
    assert!(commands(&host)[3].starts_with("destroy -nvp "));
    args["_ansible_check_mode"] = json!(false);
    let mut result = host.run(PRUNE, args.clone()).result();
    assert_eq!(commands(&host)[3], "destroy tank@autosnap_2020-01-01_00:00:00_hourly");
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
            "summary": {"datasets": 1, "destroyed": 1, "kept": 8, "reclaim_bytes": 65536, "failed": 0},
        })
    );
    result["summary"]["reclaim_bytes"] = json!(65536);
    assert_eq!(result, planned);
    let again = host.run(PRUNE, args.clone()).result();
    assert_eq!((&again["changed"], &again["destroyed"]), (&json!(false), &json!([])));
    assert!(!host.verbs().contains(&"destroy".to_owned()));
}

#[test]
fn another_prefix_is_said_once_with_what_to_do() {
    let odd = "tank @2020-01-01_00:00:00_hourly @ours_2020-01-01_00:00:00_hourly\n";
    let host = Host::new(&tank(3, 30).replacen("tank\n", odd, 1));
    let mut args = args_for_prune();
    args["prefix"] = json!("ours");
    let result = host.run(PRUNE, args.clone()).result();
    assert_eq!(result["destroyed"], json!([]));
    assert_eq!(
        result["warnings"],
        json!([
            "90 snapshots are named as ours, but with another prefix than ours (autosnap): foreign, so never pruned. To have such ones \
             pruned by the same policies, run zfs_prune with that prefix too, or add sanoid:autosnap to other_names; to keep them without this warning, protect \"autosnap_*\""
        ])
    );
    args["protect"] = json!(["autosnap_*"]);
    assert_eq!(host.run(PRUNE, args.clone()).result()["warnings"], Value::Null);
    args["prefix"] = json!("autosnap");
    args["protect"] = json!([]);
    let result = host.run(PRUNE, args.clone()).result();
    assert_eq!(names(&result["destroyed"]).len(), 3 * 29);
    assert!(result["warnings"][0].as_str().unwrap().starts_with("1 snapshot is named as ours, but"));
}

#[test]
fn one_that_cannot_go_does_not_keep_the_others() {
    let host = Host::new(&tank(2, 30));
    let busy = "autosnap_2020-01-01_05:00:00_hourly";
    let held = format!(
        "cannot destroy snapshot tank/d0000@{busy}: it's being held. Run 'zfs holds -r tank/d0000@{busy}' to see holders."
    );
    let mut args = args_for_prune();
    args["_ansible_verbosity"] = json!(1);
    let run = host.run(PRUNE, args).fails("program *", "permission denied");
    let run = run.fails(&format!("destroy *tank/d0000@*{busy}*"), &held);
    let result = run.fails("destroy *tank/d0001@*", "cannot destroy snapshots: permission denied").result();
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
    assert_eq!(host.names().len(), 3 + 2 + 30);
}

#[test]
fn more_than_max_destroy_is_refused_for_that_dataset_only() {
    let list = tank(1, 10) + "tank/e @autosnap_2020-01-01_00:00:00_hourly @autosnap_2020-01-01_01:00:00_hourly\n";
    let host = Host::new(&list);
    let mut args = args_for_prune();
    args["max_destroy"] = json!("50%");
    let result = host.run(PRUNE, args.clone()).result();
    assert_eq!(result["destroyed"], json!(["tank/e@autosnap_2020-01-01_00:00:00_hourly"]));
    assert_eq!(
        result["msg"],
        "1 dataset failed. tank/d0000: 9 of its 10 snapshots would be destroyed, more than max_destroy=50% allows; none was"
    );
    assert_eq!(
        result["failures"],
        json!([{
            "dataset": "tank/d0000", "stage": "plan", "code": "max_destroy_exceeded", "host": null, "command": null, "rc": null,
            "stderr": "", "caused_by": "9 of its 10 snapshots would be destroyed, more than max_destroy=50% allows; none was",
        }])
    );
}

#[test]
fn nothing_younger_and_nothing_unreplicated_goes() {
    let host = Host::new(&tank(1, 5));
    let mut args = args_for_prune();
    // They were created ten days ago.
    args["keep_within"] = json!("1d");
    args["_ansible_check_mode"] = json!(true);
    assert_eq!(names(&host.run(PRUNE, args.clone()).result()["destroyed"]).len(), 4);
    args["keep_within"] = json!("52000w");
    args["_ansible_verbosity"] = json!(1);
    let result = host.run(PRUNE, args.clone()).result();
    assert_eq!(result["destroyed"], json!([]));
    assert_eq!(result["kept"][1]["reasons"], json!(["keep_within"]));
    args["keep_unreplicated"] = json!(true);
    let result = host.run(PRUNE, args.clone()).result();
    assert_eq!(result["kept"][0]["reasons"], json!(["unreplicated"]));
    assert_eq!(
        result["warnings"],
        json!(["tank/d0000 has no bookmark of zfs_replicate, so keep_unreplicated keeps all of its snapshots"])
    );
}

#[test]
fn the_target_that_keeps_what_it_has_not_got_is_named() {
    let short = |target: u8, txg: u8| format!("#ferro_{target:016x}_00000000_{txg:016x}");
    let bookmark = |target: u8, txg: u8| format!("tank{}", short(target, txg));
    // Of two targets one got the fourth, the other, which nobody feeds any more, only the first.
    let rows: Vec<String> = (1..6).map(|hour| format!("@autosnap_2020-01-01_0{hour}:00:00_hourly^{hour}")).collect();
    let host = Host::new(&format!("tank {} {}^4 {}^1", rows.join(" "), short(1, 4), short(2, 1)));
    let mut args = args_for_prune();
    args["keep_unreplicated"] = json!(true);
    args["_ansible_verbosity"] = json!(1);
    let result = host.run(PRUNE, args.clone()).result();
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
    host.zfs(&format!("destroy {}", bookmark(2, 1)));
    let result = host.run(PRUNE, args.clone()).result();
    assert_eq!((names(&result["destroyed"]).len(), &result["unreplicated"]), (3, &json!([])));
}

#[test]
fn a_dataset_that_vanishes_while_it_is_pruned_fails_only_if_it_was_listed() {
    // Gone before it is asked what is held, or when it is to be destroyed; by the plain command and
    // by the program.
    for (command, no_program) in [("list *name,userrefs*", false), ("destroy *", true), ("program *", false)] {
        let host = Host::new(&tank(4, 3));
        // After it only d0003 is there any more.
        let gone = ["tank/d0000", "tank/d0001", "tank/d0002"].map(|name| format!("destroy -r {name}")).join(";");
        let fault = json!({"command": command, "times": 1, "meanwhile": gone});
        let mut args = args_for_prune();
        let one = |name: &str, children: bool| json!({"dataset": name, "policy": "one", "snapshots_discover_children": children});
        args["datasets"] = json!([one("tank", true), one("tank/d0001", false)]);
        let run = host.run(PRUNE, args).fault("", fault);
        let run = if no_program { run.fails("program *", "permission denied") } else { run };
        let result = run.result();
        assert_eq!(result["vanished"], json!(["tank/d0000", "tank/d0002"]), "{command}: {result}");
        let words = "1 dataset failed. tank/d0001: it was destroyed or renamed meanwhile; check its name, or take it off the list";
        assert_eq!(result["msg"], words, "{command}");
        assert!(names(&result["destroyed"]).iter().all(|name| name.starts_with("tank/d0003@")), "{command}: {result}");
        assert_eq!(names(&result["destroyed"]).len(), 2, "{command}");
        assert_eq!(result.get("warnings"), None, "{command}");
    }
}
