//! Replicas whose sources are gone: marked, and removed when that was so for long enough. The clock is told.

use super::host::{Host, Run};
use super::plainly;
use serde_json::{Value, json};

/// Two pools, of which the first has been sent to the second.
fn sent(what: &str) -> Host {
    let host = Host::new("tank @1\n tank/a @1\n tank/old @1 @2\n tank/old/c @1\n vault\n other");
    assert_eq!(mirror(&host, what, "2026-06-15").result()["changed"], true);
    host
}

fn mirror<'h>(host: &'h Host, what: &str, day: &str) -> Run<'h> {
    let options = json!({"deleted_datasets": what, "deleted_after": "30d"});
    plainly(host, options).env("FERRO_NOW", &format!("{day}T10:20:30Z"))
}

/// Of each replica without a source: its name, action, status and code.
fn orphans(result: &Value) -> Vec<[String; 4]> {
    let orphans = result["orphans"].as_array().unwrap();
    let told = |orphan: &Value| {
        let code = orphan["code"].as_str().or(orphan["error"]["code"].as_str()).unwrap_or_default();
        ["target", "action", "status"]
            .map(|key| orphan[key].as_str().unwrap())
            .map(str::to_owned)
            .into_iter()
            .chain([code.to_owned()])
            .collect::<Vec<_>>()
            .try_into()
            .unwrap()
    };
    orphans.iter().map(told).collect()
}

fn told(result: &Value) -> Vec<String> {
    orphans(result).iter().map(|words| words.join(" ").trim_end().to_owned()).collect()
}

#[test]
fn deleted_sources_are_noticed_and_their_replicas_destroyed_when_that_is_long_ago() {
    let host = sent("destroy");
    mirror(&host, "destroy", "2026-06-15").is("
        * up to date    tank        -> vault/tank        @1
        * up to date    tank/a      -> vault/tank/a      @1
        * up to date    tank/old    -> vault/tank/old    @2
        * up to date    tank/old/c  -> vault/tank/old/c  @1
        done: 4 datasets: 4 up to date, in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing vault/tank
    ");
    host.zfs("destroy -r tank/old");
    mirror(&host, "destroy", "2026-06-16").check().is("
        * up to date    tank    -> vault/tank    @1
        * up to date    tank/a  -> vault/tank/a  @1
        * vault/tank/old: its source is gone; would be noted down (newest snapshot @2, 11 days old, 96.0 KiB)
        * vault/tank/old/c: its source is gone; would be noted down (newest snapshot @1, 11 days old, 96.0 KiB)
        check: 2 datasets: 2 up to date
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing vault/tank
        $ get -Hp -o name,value used vault/tank/old vault/tank/old/c
        $ get -Hp -o name,value creation vault/tank/old@2 vault/tank/old/c@1
    ");
    mirror(&host, "destroy", "2026-06-16").is("
        * up to date    tank    -> vault/tank    @1
        * up to date    tank/a  -> vault/tank/a  @1
        * vault/tank/old: its source is gone; noted down (newest snapshot @2, 11 days old, 96.0 KiB)
        * vault/tank/old/c: its source is gone; noted down (newest snapshot @1, 11 days old, 96.0 KiB)
        done: 2 datasets: 2 up to date, in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing vault/tank
        $ get -Hp -o name,value used vault/tank/old vault/tank/old/c
        $ get -Hp -o name,value creation vault/tank/old@2 vault/tank/old/c@1
        $ set ferro.zfs:missing=2026-06-16T10:20:30Z/7003/106 vault/tank/old
        $ set ferro.zfs:missing=2026-06-16T10:20:30Z/7004/108 vault/tank/old/c
        = vault/tank/old canmount=off readonly=on ferro.zfs:replica=104 ferro.zfs:fed=100 ferro.zfs:missing=2026-06-16T10:20:30Z/7003/106 @1 @2
        = vault/tank/old/c canmount=off readonly=on ferro.zfs:replica=107 ferro.zfs:fed=100 ferro.zfs:missing=2026-06-16T10:20:30Z/7004/108 @1
    ");
    let early = mirror(&host, "destroy", "2026-07-15").result();
    assert_eq!(early["changed"], false);
    assert_eq!(told(&early), ["vault/tank/old keep ok deleted_recently", "vault/tank/old/c keep ok deleted_recently"]);
    mirror(&host, "destroy", "2026-07-16").check().is("
        * up to date    tank    -> vault/tank    @1
        * up to date    tank/a  -> vault/tank/a  @1
        * vault/tank/old: its source is gone; would be destroyed (newest snapshot @2, 41 days old, 96.0 KiB)
        * vault/tank/old/c: its source is gone; would be destroyed (newest snapshot @1, 41 days old, 96.0 KiB)
        check: 2 datasets: 2 up to date
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing vault/tank
        $ get -Hp -o name,value used vault/tank/old vault/tank/old/c
        $ get -Hp -o name,value creation vault/tank/old@2 vault/tank/old/c@1
        $ list -Hp -t filesystem,volume -o name,mounted vault/tank/old vault/tank/old/c
        $ list -Hp -t snapshot -o name,userrefs,numclones -d 1 vault/tank/old vault/tank/old/c
    ");
    mirror(&host, "destroy", "2026-07-16").is("
        * up to date    tank    -> vault/tank    @1
        * up to date    tank/a  -> vault/tank/a  @1
        * vault/tank/old: its source is gone; destroyed (newest snapshot @2, 41 days old, 96.0 KiB)
        * vault/tank/old/c: its source is gone; destroyed (newest snapshot @1, 41 days old, 96.0 KiB)
        done: 2 datasets: 2 up to date, in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing vault/tank
        $ get -Hp -o name,value used vault/tank/old vault/tank/old/c
        $ get -Hp -o name,value creation vault/tank/old@2 vault/tank/old/c@1
        $ list -Hp -t filesystem,volume -o name,mounted vault/tank/old vault/tank/old/c
        $ list -Hp -t snapshot -o name,userrefs,numclones -d 1 vault/tank/old vault/tank/old/c
        $ destroy vault/tank/old/c@1
        $ destroy vault/tank/old/c
        $ destroy vault/tank/old@1,2
        $ destroy vault/tank/old
        - vault/tank/old
        - vault/tank/old/c
    ");
    let after = mirror(&host, "destroy", "2026-07-16").result();
    assert_eq!((after["changed"].as_bool(), &after["orphans"]), (Some(false), &json!([])));
}

#[test]
fn deleted_sources_have_their_replicas_set_aside_from_where_they_come_back() {
    let host = sent("set_aside");
    host.zfs("destroy -r tank/old");
    mirror(&host, "set_aside", "2026-06-16").result();
    mirror(&host, "set_aside", "2026-08-01").is("
        * up to date    tank    -> vault/tank    @1
        * up to date    tank/a  -> vault/tank/a  @1
        * vault/tank/old: its source is gone; set aside as vault/ferro_deleted/tank:old_20260801T102030Z (newest snapshot @2, 57 days old, 96.0 KiB)
        * vault/tank/old/c: its source is gone; set aside as vault/ferro_deleted/tank:old_20260801T102030Z/c (newest snapshot @1, 57 days old, 96.0 KiB)
        done: 2 datasets: 2 up to date, in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing vault/tank
        $ get -Hp -o name,value used vault/tank/old vault/tank/old/c
        $ get -Hp -o name,value creation vault/tank/old@2 vault/tank/old/c@1
        $ create -u -o canmount=off -o ferro.zfs:placeholder=vault/ferro_deleted vault/ferro_deleted
        $ get -Hp -o name,value guid vault/ferro_deleted
        $ set ferro.zfs:placeholder=7005 vault/ferro_deleted
        $ rename -u vault/tank/old vault/ferro_deleted/tank:old_20260801T102030Z
        = vault/ferro_deleted canmount=off ferro.zfs:placeholder=7005
        = vault/ferro_deleted/tank:old_20260801T102030Z canmount=off readonly=on ferro.zfs:replica=104 ferro.zfs:fed=100 ferro.zfs:missing=2026-06-16T10:20:30Z/7003/106 @1=1 @2=2
        = vault/ferro_deleted/tank:old_20260801T102030Z/c canmount=off readonly=on ferro.zfs:replica=107 ferro.zfs:fed=100 ferro.zfs:missing=2026-06-16T10:20:30Z/7004/108 @1
        - vault/tank/old
        - vault/tank/old/c
    ");
    assert_eq!(mirror(&host, "set_aside", "2026-08-02").result()["orphans"], json!([]));
    host.zfs("rename vault/ferro_deleted/tank:old_20260801T102030Z vault/tank/old");
    // Long ago is long ago, but it has another name in the meantime.
    let again = mirror(&host, "set_aside", "2026-08-03").check().result();
    assert_eq!(told(&again)[0], "vault/tank/old set_aside planned");
}

#[test]
fn a_source_that_comes_back_begins_its_absence_anew() {
    let host = sent("destroy");
    host.zfs("rename tank/old other/old");
    mirror(&host, "destroy", "2026-06-16").result();
    host.zfs("rename other/old tank/old");
    mirror(&host, "destroy", "2026-07-10").is("
        * up to date    tank        -> vault/tank        @1
        * up to date    tank/a      -> vault/tank/a      @1
        * up to date    tank/old    -> vault/tank/old    @2
        * up to date    tank/old/c  -> vault/tank/old/c  @1
        done: 4 datasets: 4 up to date, in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing vault/tank
        $ inherit ferro.zfs:missing vault/tank/old
        $ inherit ferro.zfs:missing vault/tank/old/c
        = vault/tank/old canmount=off readonly=on ferro.zfs:replica=104 ferro.zfs:fed=100 @1 @2
        = vault/tank/old/c canmount=off readonly=on ferro.zfs:replica=107 ferro.zfs:fed=100 @1
    ");
    host.zfs("rename tank/old other/old");
    let again = mirror(&host, "destroy", "2026-07-20").result();
    assert_eq!(told(&again), ["vault/tank/old mark ok", "vault/tank/old/c mark ok"]);
}

#[test]
fn what_is_in_the_way_of_a_due_replica_fails_the_run_and_keeps_it() {
    let host = sent("destroy");
    host.zfs("destroy -r tank/old");
    mirror(&host, "destroy", "2026-06-16").result();
    host.zfs("hold mine vault/tank/old/c@1");
    mirror(&host, "destroy", "2026-08-01").is("
        * up to date    tank    -> vault/tank    @1
        * up to date    tank/a  -> vault/tank/a  @1
        * vault/tank/old: its source is gone; it stays: it is due, but vault/tank/old/c below it stays (newest snapshot @2, 57 days old, 96.0 KiB)
        * vault/tank/old/c: its source is gone; vault/tank/old/c@1 is held, so it cannot be destroyed: `zfs holds` there shows by whom, and zfs release ends it (newest snapshot @1, 57 days old, 96.0 KiB)
        failed: 2 datasets: 2 up to date, in N s
        ! error: vault/tank/old/c: vault/tank/old/c@1 is held, so it cannot be destroyed: `zfs holds` there shows by whom, and zfs release ends it
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing vault/tank
        $ get -Hp -o name,value used vault/tank/old vault/tank/old/c
        $ get -Hp -o name,value creation vault/tank/old@2 vault/tank/old/c@1
        $ list -Hp -t filesystem,volume -o name,mounted vault/tank/old vault/tank/old/c
        $ list -Hp -t snapshot -o name,userrefs,numclones -d 1 vault/tank/old vault/tank/old/c
    ");
    host.zfs("release mine vault/tank/old/c@1");
    let none = json!({"deleted_datasets": "destroy", "max_delete": 1});
    let result = plainly(&host, none).env("FERRO_NOW", "2026-08-01T10:20:30Z").result();
    assert_eq!(told(&result)[0], "vault/tank/old destroy failed max_delete_exceeded");
    assert_eq!(
        result["msg"],
        "vault/tank/old, vault/tank/old/c: 2 replicas are due, more than max_delete=1 allows; none was removed. If that is right, run once with a \
         higher max_delete"
    );
    // What came to it while we looked keeps it.
    let busy = mirror(&host, "destroy", "2026-08-01");
    let meanwhile = json!({"command": "destroy vault/tank/old/c", "meanwhile": "create vault/tank/old/c/new"});
    assert_eq!(told(&busy.fault("", meanwhile).result())[1], "vault/tank/old/c destroy failed command_failed");
    assert!(host.names().contains(&"vault/tank/old@2".to_owned()));
}

#[test]
fn nothing_is_removed_where_an_absence_proves_nothing() {
    let host = sent("destroy");
    let due = |host: &Host| {
        host.zfs("destroy -r tank/old");
        mirror(host, "destroy", "2026-06-16").result();
    };
    due(&host);
    // Another one has failed.
    let failing = mirror(&host, "destroy", "2026-08-01").fails("send*tank/a@*", "cannot send");
    host.zfs("snapshot tank/a@2");
    assert_eq!(told(&failing.result())[0], "vault/tank/old keep ok other_failed");
    // It would be left out, or the pool is a new one of the same name.
    let options = json!({"deleted_datasets": "destroy", "exclude": ["tank/old"]});
    let excluded = plainly(&host, options).env("FERRO_NOW", "2026-08-01T10:20:30Z").check().result();
    assert_eq!(told(&excluded)[0], "vault/tank/old keep ok source_excluded");
    host.edit(|state| state["datasets"]["tank"]["guid"] = json!(4711));
    let renewed = mirror(&host, "destroy", "2026-08-01").check().result();
    assert_eq!(told(&renewed)[0], "vault/tank/old keep ok not_fed_from_here");
    host.zfs("destroy -r tank");
    let missing = mirror(&host, "destroy", "2026-08-01").result();
    assert_eq!(missing["failed"], true);
    assert!(host.names().contains(&"vault/tank/old/c@1".to_owned()));
}

#[test]
fn who_may_not_mark_removes_nothing() {
    let host = sent("destroy");
    host.zfs("destroy -r tank/old");
    let refused = mirror(&host, "destroy", "2026-06-16")
        .fails("set ferro.zfs:missing=*", "cannot set property: permission denied");
    refused.is("
        * up to date    tank    -> vault/tank    @1
        * up to date    tank/a  -> vault/tank/a  @1
        * vault/tank/old: its source is gone; mark deleted failed: `zfs set 'ferro.zfs:missing=2026-06-16T10:20:30Z/7003/106' vault/tank/old` ended with exit status 1: cannot set property: permission denied (the user lacks a permission there; grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs) (newest snapshot @2, 11 days old, 96.0 KiB)
        * vault/tank/old/c: its source is gone; mark deleted failed: `zfs set 'ferro.zfs:missing=2026-06-16T10:20:30Z/7003/106' vault/tank/old` ended with exit status 1: cannot set property: permission denied (the user lacks a permission there; grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs) (newest snapshot @1, 11 days old, 96.0 KiB)
        failed: 2 datasets: 2 up to date, in N s
        ! error: deletions are not mirrored, for replicas could not be marked: mark deleted failed: `zfs set 'ferro.zfs:missing=2026-06-16T10:20:30Z/7003/106' vault/tank/old` ended with exit status 1: cannot set property: permission denied (the user lacks a permission there; grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -r -t filesystem,volume -s local -o name,property,value ferro.zfs:fed,ferro.zfs:missing vault/tank
        $ get -Hp -o name,value used vault/tank/old vault/tank/old/c
        $ get -Hp -o name,value creation vault/tank/old@2 vault/tank/old/c@1
        $ set ferro.zfs:missing=2026-06-16T10:20:30Z/7003/106 vault/tank/old
    ");
    assert!(mirror(&host, "keep", "2026-06-16").result()["orphans"].as_array().unwrap().is_empty());
}

#[test]
fn a_run_that_is_stopped_tells_what_is_gone_and_what_is_not() {
    let host = sent("destroy");
    host.zfs("destroy -r tank/old");
    mirror(&host, "destroy", "2026-06-16").result();
    // Asked to stop while it destroys the first.
    let stops = json!({"command": "destroy vault/tank/old/c", "sleeps": 3});
    let child = mirror(&host, "destroy", "2026-08-01").fault("", stops).spawn();
    let is_asked = || host.log().lines().any(|line| line == "destroy vault/tank/old/c");
    for _ in (0..1000).take_while(|_| !is_asked()) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = told(&result);
    assert_eq!(told, ["vault/tank/old keep skipped", "vault/tank/old/c destroy failed stopped"], "{result}");
    assert!(host.names().contains(&"vault/tank/old@2".to_owned()));
}
