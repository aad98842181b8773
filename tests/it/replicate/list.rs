//! `zfs_replicate --list`: which replicas there are.

use super::host::{Host, Run};
use super::plainly;
use serde_json::json;

fn list<'h>(host: &'h Host, words: &[&str]) -> Run<'h> {
    host.program(&[&[env!("CARGO_BIN_EXE_zfs_replicate"), "--list"], words].concat())
}

fn replicated() -> Host {
    let host = Host::new("tank @1\n tank/a @1 @2\n tank/b\n vault").reaches("nas", "back");
    assert_eq!(plainly(&host, json!({"source": ["tank/a", "tank/b"]})).ended().status, 0);
    host
}

#[test]
fn replicas_of_this_host() {
    let host = replicated();
    list(&host, &["vault"]).is("
        dataset       from    snapshots  newest   oldest  used      state
        vault         -       0          -        -       96.0 KiB  not marked as a replica
        vault/tank    -       0          -        -       96.0 KiB  placeholder
        vault/tank/a  tank/a  2          10 d @2  10 d    96.0 KiB
        1 replica, 1 placeholder, 1 without a mark, 2 snapshots, 96.0 KiB
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault
        $ get -Hp -o name,value used vault vault/tank vault/tank/a
        $ get -Hp -o name,value creation vault/tank/a@1 vault/tank/a@2
        $ list -Hp -t filesystem,volume -o name,guid
    ");
    let result = list(&host, &["vault/tank/a", "--json"]).result();
    assert_eq!((&result["changed"], &result["target_host"]), (&json!(false), &json!(null)));
    let only = &result["replicas"][0];
    assert_eq!((&only["source"], &only["role"]), (&json!("tank/a"), &json!("replica")));
    assert_eq!((&only["newest"]["name"], &only["snapshots"]), (&json!("2"), &json!(2)));
}

#[test]
fn what_is_not_there_cannot_be_listed() {
    let host = Host::new("vault");
    list(&host, &["vault/x"]).is("
        ! error: list failed: vault/x does not exist there; check its name
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/x
    ");
    list(&host, &[]).is("
        ! zfs_replicate: --list wants one dataset, DATASET or [USER@]HOST:DATASET, got 0:
        ! zfs_replicate --help lists all options
        exit 2
    ");
    list(&host, &["vault", "--holds"]).is("
        ! error: option holds: unsupported option. Supported options are: ssh, target, target_host
        exit 2
    ");
}
