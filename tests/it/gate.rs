//! zfs_gate as a whole program: what ssh hands over is done or refused, without ssh.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::too_many_lines, reason = "a transcript is as long as it is")]

#[path = "gate/deleted.rs"]
mod deleted;
mod host;

use host::{Host, Run, within};
use serde_json::{Value, json};
use std::fs;

const GATE: &str = env!("CARGO_BIN_EXE_zfs_gate");

/// What every command of zfs_replicate begins with.
const PREFIX: &str = r#"sh -c 'echo ferro.zfs:begin; echo ferro.zfs:begin >&2; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C; export PATH LC_ALL; exec "$@"' sh "#;

const SEND: [&str; 5] = [GATE, "--mode", "send", "--dataset", "tank/a"];
const RECEIVE: [&str; 5] = [GATE, "--mode", "receive", "--dataset", "vault/a"];

fn gate<'h>(host: &'h Host, argv: &[&str], command: &str) -> Run<'h> {
    host.in_its_place(argv).asked(&format!("{PREFIX}{command}"))
}

#[test]
fn send_lists_and_marks_only_its_datasets() {
    let host = Host::new("tank/a @1\n tank/b @1");
    gate(&host, &SEND, "zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank/a").is("
        ferro.zfs:begin
        tank/a@1	102	13
        ! ferro.zfs:begin
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank/a
    ");
    gate(&host, &SEND, "zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank/b").is("
        ! zfs_gate: refused: tank/b is not within its datasets [outside_datasets]
        exit 126
    ");
    gate(&host, &SEND, "zfs hold ferro_0000000000000001_00000001 tank/a@1").is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        $ hold ferro_0000000000000001_00000001 tank/a@1
        = tank/a @1(ferro_0000000000000001_00000001)
    ");
    gate(&host, &SEND, "zfs hold ferro_0000000000000001_00000001 tank/b@1").is("
        ! zfs_gate: refused: tank/b is not within its datasets [outside_datasets]
        exit 126
    ");
    gate(&host, &SEND, "zfs destroy tank/a@1").is(r#"
        ! zfs_gate: refused: "tank/a@1" is not a bookmark [command_not_allowed]
        exit 126
    "#);
    gate(&host, &SEND, "zfs receive -u tank/a").is("
        ! zfs_gate: refused: `zfs receive` is nothing for a sending end [wrong_mode]
        exit 126
    ");
}

#[test]
fn send_bookmarks_and_names_those_that_fail() {
    let host = Host::new("tank/a @1 @2");
    let each = r#"sh -c 'while [ $# -gt 1 ]; do zfs bookmark "$1" "$2" </dev/null || echo "$2"; shift 2; done' sh"#;
    let name = |guid| format!("tank/a#ferro_0000000000000001_00000001_{guid:016x}");
    let line = format!("{each} tank/a@1 '{}' tank/a@9 '{}'", name(1), name(9));
    gate(&host, &SEND, &line).is("
        ferro.zfs:begin
        tank/a#ferro_0000000000000001_00000001_0000000000000009
        ! ferro.zfs:begin
        ! cannot open 'tank/a@9': dataset does not exist
        $ bookmark tank/a@1 tank/a#ferro_0000000000000001_00000001_0000000000000001
        $ bookmark tank/a@9 tank/a#ferro_0000000000000001_00000001_0000000000000009
        = tank/a @1 @2 #ferro_0000000000000001_00000001_0000000000000001=1
    ");
    gate(&host, &SEND, &format!("{each} tank/a@1 '{}' tank/b@9 '{}'", name(1), name(9))).is("
        ! zfs_gate: refused: a bookmark is made of a snapshot of the same dataset [command_not_allowed]
        exit 126
    ");
}

#[test]
fn send_raw_only() {
    let host = Host::new("tank/a @1\n tank/a/secret encryption=aes-256-gcm @1");
    let raw_only = [&SEND[..], &["--raw-only"]].concat();
    gate(&host, &raw_only, "zfs send -nvP -Lc tank/a@1").is("
        ferro.zfs:begin
        full	tank/a@1	65536
        size	65536
        ! ferro.zfs:begin
        $ send -nvP -Lc tank/a@1
    ");
    gate(&host, &raw_only, "zfs send -nvP -Lc tank/a/secret@1").is("
        ferro.zfs:begin
        full	tank/a/secret@1	65536
        size	65536
        ! ferro.zfs:begin
        $ send -nvP -Lc tank/a/secret@1
    ");
    gate(&host, &raw_only, "zfs send -nvP -w tank/a/secret@1").is("
        ferro.zfs:begin
        full	tank/a/secret@1	65536
        size	65536
        ! ferro.zfs:begin
        $ send -nvP -w tank/a/secret@1
    ");
}

#[test]
fn receive_takes_what_fits() {
    let host = Host::new("tank @1 @2\n vault/a");
    let first = "zfs receive -u -s -o 'readonly=on' vault/a/x";
    gate(&host, &RECEIVE, first).stdin(host.stream("tank@1")).is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        $ list -Hp -t filesystem,volume,snapshot -d 1 -o name,guid,receive_resume_token,ferro.zfs:placeholder,written vault/a/x
        $ receive -u -s -o readonly=on -o canmount=off -o ferro.zfs:replica=pushed vault/a/x
        = vault/a/x readonly=on canmount=off ferro.zfs:replica=pushed @1=1
    ");
    gate(&host, &RECEIVE, "zfs receive -u -s vault/a/x").stdin(host.stream("tank@2")).is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        ! cannot receive new filesystem stream: destination has snapshots (eg. vault/a/x@...)
        ! must destroy them to overwrite it
        exit 1
        $ list -Hp -t filesystem,volume,snapshot -d 1 -o name,guid,receive_resume_token,ferro.zfs:placeholder,written vault/a/x
        $ receive -u -s vault/a/x
    ");
    gate(&host, &RECEIVE, "zfs receive -u -s vault/a/y").stdin(b"no stream at all".to_vec()).is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        ! zfs_gate: refused: the stream is refused: it ends early [stream_not_allowed]
        exit 126
    ");
    gate(&host, &RECEIVE, "zfs receive -u -s -F vault/a/x").stdin(host.stream("tank@1")).is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        ! zfs_gate: refused: the stream is refused: `receive -F` needs a gate with --allow-rollback, as vault/a/x is not an empty dataset made by zfs_replicate [allow_rollback_missing]
        exit 126
        $ list -Hp -t filesystem,volume,snapshot -d 1 -o name,guid,receive_resume_token,ferro.zfs:placeholder,written vault/a/x
    ");
    gate(&host, &RECEIVE, "zfs receive -u -s vault/b").is("
        ! zfs_gate: refused: vault/b is not within its datasets [outside_datasets]
        exit 126
    ");
    gate(&host, &RECEIVE, "zfs send -Lc vault/a@1").is("
        ! zfs_gate: refused: `zfs send` is nothing for a receiving end [wrong_mode]
        exit 126
    ");
}

#[test]
fn receive_loses_nothing_without_allow_rollback() {
    let host = Host::new("vault/a @1 @2");
    gate(&host, &RECEIVE, "zfs rollback vault/a@2").is("
        ! zfs_gate: refused: `zfs rollback` needs a gate with --allow-rollback [allow_rollback_missing]
        exit 126
    ");
    gate(&host, &RECEIVE, "zfs destroy vault/a@2").is("
        ! zfs_gate: refused: `zfs destroy` needs a gate with --allow-rollback [allow_rollback_missing]
        exit 126
    ");
    let rollback = [&RECEIVE[..], &["--allow-rollback"]].concat();
    gate(&host, &rollback, "zfs destroy vault/a@2").is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        $ destroy vault/a@2
        = vault/a @1
    ");
    gate(&host, &rollback, "zfs rollback vault/a@1").is("
        ferro.zfs:begin
        ! ferro.zfs:begin
        $ rollback vault/a@1
    ");
    gate(&host, &rollback, "zfs destroy vault/a").is("
        ! zfs_gate: refused: vault/a is the gate's own dataset, not below it [outside_datasets]
        exit 126
    ");
}

#[test]
fn nothing_else_is_run() {
    let host = Host::new("tank/a @1");
    host.program(&SEND).is("
        ! zfs_gate: refused: there is no command: this key serves zfs_replicate, not people [no_command]
        exit 126
    ");
    for line in ["id", "zfs list", "zfs list -Hp tank/a; id"] {
        host.program(&SEND).asked(line).is("
            ! zfs_gate: refused: it is not a command of zfs_replicate: those begin with `sh -c 'echo ferro.zfs:begin` [command_not_allowed]
            exit 126
        ");
    }
    gate(&host, &SEND, "zfs list -Hp tank/a; id").is("
        ! zfs_gate: refused: it has ';' in it, which no command of zfs_replicate has there [command_not_allowed]
        exit 126
    ");
    host.program(&[GATE, "--mode", "send"]).asked("id").is("
        ! zfs_gate: --dataset is missing; see --help
        exit 126
    ");
}

#[test]
fn explain_says_what_would_be_done() {
    let host = Host::new("");
    let lines = ["--explain", "zfs send -Lc tank/a@1", "zfs send -Lc tank/b@1", "zfs send -t 1-abc"];
    host.program(&[&SEND[..], &lines].concat()).is("
        allowed: zfs send -Lc tank/a@1
        refused: zfs send -Lc tank/b@1: tank/b is not within its datasets [outside_datasets]
        allowed: zfs send -t 1-abc (if the snapshot that the token stands for is within the datasets)
        exit 1
    ");
}

/// A host with the same datasets as another one, which it reaches through its gate.
fn gated(mode: &str, dataset: &str) -> Host {
    let datasets = "tank @1\n tank/a @1 @2\n vault";
    let host = Host::new(datasets).reaches("nas", datasets);
    let far = host.path("hosts/nas");
    let within: Vec<String> = within(&far).split('|').map(|word| format!("'{word}'")).collect();
    let serve = format!(
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin exec {} {GATE} --mode {mode} --dataset {dataset}\n",
        within.join(" ")
    );
    fs::write(far.join("gate"), serve).unwrap();
    host
}

fn replicate<'h>(host: &'h Host, options: [(&str, Value); 1]) -> Run<'h> {
    let mut args =
        json!({"source": ["tank"], "target": "vault", "retries": 0, "lock": host.path("run.lock"), "holds": true});
    args.as_object_mut().unwrap().extend(options.map(|(name, value)| (name.to_owned(), value)));
    host.run(env!("CARGO_BIN_EXE_zfs_replicate"), args)
}

#[test]
fn replicas_are_listed_through_the_gate() {
    let host = gated("receive", "vault");
    replicate(&host, [("target_host", json!("root@nas"))]).ended();
    host.program(&[env!("CARGO_BIN_EXE_zfs_replicate"), "--list", "root@nas:vault"]).is("
        dataset       from    snapshots  newest   oldest  used      state
        vault         -       0          -        -       96.0 KiB  not marked as a replica
        vault/tank    tank    1          10 d @1  10 d    96.0 KiB
        vault/tank/a  tank/a  2          10 d @2  10 d    96.0 KiB
        2 replicas, 1 without a mark, 3 snapshots, 96.0 KiB
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault
        $ nas: list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault
        $ nas: get -Hp -o name,value used vault vault/tank vault/tank/a
        $ nas: get -Hp -o name,value creation vault/tank@1 vault/tank/a@1 vault/tank/a@2
        $ list -Hp -t filesystem,volume -o name,guid
    ");
}

#[test]
fn replication_pushes_through_the_gate() {
    let host = gated("receive", "vault");
    replicate(&host, [("target_host", json!("root@nas"))]).is("
        * sent          tank    -> vault/tank    @1  full            1 snapshot  64.9 KiB  in N s
        * sent          tank/a  -> vault/tank/a  @2  full           2 snapshots   130 KiB  in N s
        done: 2 datasets: 2 sent; 3 snapshots, 195 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank_ferro_arriving
        $ nas: zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ list -Hp -t snapshot -o name,userrefs -r tank
        $ nas: list -Hp -t snapshot -o name,userrefs -r vault/tank
        $ hold ferro_0000000000000069_a194521d tank/a@1 tank/a@2 tank@1
        $ bookmark tank@1 tank#ferro_0000000000000069_4e6a1320_0000000000000065
        $ bookmark tank/a@2 tank/a#ferro_0000000000000069_75b58cb4_0000000000000068
        $ send -Lc tank@1
        $ nas: list -Hp -t filesystem,volume,snapshot -d 1 -o name,guid,receive_resume_token,ferro.zfs:placeholder,written vault/tank
        $ nas: receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ send -Lc tank/a@1
        $ nas: list -Hp -t filesystem,volume,snapshot -d 1 -o name,guid,receive_resume_token,ferro.zfs:placeholder,written vault/tank/a
        $ nas: receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=102 vault/tank/a
        $ send -Lc -i @1 tank/a@2
        $ nas: list -Hp -t filesystem,volume,snapshot -d 1 -o name,guid,receive_resume_token,ferro.zfs:placeholder,written vault/tank/a
        $ nas: receive -u -s vault/tank/a
        $ nas: get -Hp -o name,value guid vault/tank@1 vault/tank/a@2
        $ nas: hold ferro_0000000000000069_a194521d vault/tank/a@2 vault/tank@1
        $ release ferro_0000000000000069_a194521d tank/a@1
        = tank @1(ferro_0000000000000069_a194521d) #ferro_0000000000000069_4e6a1320_0000000000000065=1
        = tank/a @1 @2(ferro_0000000000000069_a194521d) #ferro_0000000000000069_75b58cb4_0000000000000068=2
        = nas: vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1(ferro_0000000000000069_a194521d)
        = nas: vault/tank/a canmount=off readonly=on ferro.zfs:replica=102 @1 @2(ferro_0000000000000069_a194521d)
    ");
    host.zfs("snapshot tank/a@3");
    replicate(&host, [("target_host", json!("root@nas"))]).is("
        * up to date    tank    -> vault/tank    @1
        * sent          tank/a  -> vault/tank/a  @3  incremental     1 snapshot  64.9 KiB  in N s
        done: 2 datasets: 1 sent, 1 up to date; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ nas: list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ nas: get -Hp -o name,value guid vault
        $ nas: zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ list -Hp -t snapshot -o name,userrefs -r tank
        $ holds -H tank/a@2 tank@1
        $ nas: list -Hp -t snapshot -o name,userrefs -r vault/tank
        $ nas: holds -H vault/tank/a@2 vault/tank@1
        $ hold ferro_0000000000000069_a194521d tank/a@3
        $ bookmark tank/a@3 tank/a#ferro_0000000000000069_75b58cb4_0000000000001b59
        $ send -Lc -i @2 tank/a@3
        $ nas: list -Hp -t filesystem,volume,snapshot -d 1 -o name,guid,receive_resume_token,ferro.zfs:placeholder,written vault/tank/a
        $ nas: receive -u -s vault/tank/a
        $ nas: get -Hp -o name,value guid vault/tank/a@3
        $ destroy tank/a#ferro_0000000000000069_75b58cb4_0000000000000068
        $ nas: hold ferro_0000000000000069_a194521d vault/tank/a@3
        $ nas: release ferro_0000000000000069_a194521d vault/tank/a@2
        $ release ferro_0000000000000069_a194521d tank/a@2
        = tank/a @1 @2 @3=new(ferro_0000000000000069_a194521d) #ferro_0000000000000069_75b58cb4_0000000000001b59=new
        = nas: vault/tank/a canmount=off readonly=on ferro.zfs:replica=102 @1 @2 @3=new(ferro_0000000000000069_a194521d)
    ");
}

#[test]
fn replication_pulls_through_the_gate() {
    let host = gated("send", "tank");
    replicate(&host, [("source_host", json!("root@nas"))]).is("
        * sent          tank    -> vault/tank    @1  full            1 snapshot  64.9 KiB  in N s
        * sent          tank/a  -> vault/tank/a  @2  full           2 snapshots   130 KiB  in N s
        done: 2 datasets: 2 sent; 3 snapshots, 195 KiB in N s
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ nas: list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ nas: list -Hp -t snapshot -o name,userrefs -r tank
        $ list -Hp -t snapshot -o name,userrefs -r vault/tank
        $ nas: hold ferro_0000000000000069_a194521d tank/a@1 tank/a@2 tank@1
        $ nas: bookmark tank@1 tank#ferro_0000000000000069_4e6a1320_0000000000000065
        $ nas: bookmark tank/a@2 tank/a#ferro_0000000000000069_75b58cb4_0000000000000068
        $ nas: send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ nas: send -Lc tank/a@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=102 vault/tank/a
        $ nas: send -Lc -i @1 tank/a@2
        $ receive -u -s vault/tank/a
        $ get -Hp -o name,value guid vault/tank@1 vault/tank/a@2
        $ hold ferro_0000000000000069_a194521d vault/tank/a@2 vault/tank@1
        $ nas: release ferro_0000000000000069_a194521d tank/a@1
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1(ferro_0000000000000069_a194521d)
        = vault/tank/a canmount=off readonly=on ferro.zfs:replica=102 @1 @2(ferro_0000000000000069_a194521d)
        = nas: tank @1(ferro_0000000000000069_a194521d) #ferro_0000000000000069_4e6a1320_0000000000000065=1
        = nas: tank/a @1 @2(ferro_0000000000000069_a194521d) #ferro_0000000000000069_75b58cb4_0000000000000068=2
    ");
    host.zfs_of("nas", "snapshot tank/a@3");
    replicate(&host, [("source_host", json!("root@nas"))]).is("
        * up to date    tank    -> vault/tank    @1
        * sent          tank/a  -> vault/tank/a  @3  incremental     1 snapshot  64.9 KiB  in N s
        done: 2 datasets: 1 sent, 1 up to date; 1 snapshot, 64.9 KiB in N s
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ nas: list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value guid vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ nas: list -Hp -t snapshot -o name,userrefs -r tank
        $ nas: holds -H tank/a@2 tank@1
        $ list -Hp -t snapshot -o name,userrefs -r vault/tank
        $ holds -H vault/tank/a@2 vault/tank@1
        $ nas: hold ferro_0000000000000069_a194521d tank/a@3
        $ nas: bookmark tank/a@3 tank/a#ferro_0000000000000069_75b58cb4_0000000000001b59
        $ nas: send -Lc -i @2 tank/a@3
        $ receive -u -s vault/tank/a
        $ get -Hp -o name,value guid vault/tank/a@3
        $ nas: destroy tank/a#ferro_0000000000000069_75b58cb4_0000000000000068
        $ hold ferro_0000000000000069_a194521d vault/tank/a@3
        $ release ferro_0000000000000069_a194521d vault/tank/a@2
        $ nas: release ferro_0000000000000069_a194521d tank/a@2
        = vault/tank/a canmount=off readonly=on ferro.zfs:replica=102 @1 @2 @3=new(ferro_0000000000000069_a194521d)
        = nas: tank/a @1 @2 @3=new(ferro_0000000000000069_a194521d) #ferro_0000000000000069_75b58cb4_0000000000001b59=new
    ");
}

#[test]
fn replication_of_a_neighbour_is_refused() {
    replicate(&gated("send", "tank/a"), [("source_host", json!("root@nas"))]).is("
        ! error: list on root@nas failed: `zfs list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank` ended with exit status 126: zfs_gate: refused: tank is not within its datasets [outside_datasets] (the gate in authorized_keys there does not let it through; compare its --mode and --dataset with this task, or ask `zfs_gate ... --explain` there)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
    ");
    replicate(&gated("receive", "vault/other"), [("target_host", json!("root@nas"))]).is("
        ! error: list on root@nas failed: `zfs list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank` ended with exit status 126: zfs_gate: refused: vault/tank is not within its datasets [outside_datasets] (the gate in authorized_keys there does not let it through; compare its --mode and --dataset with this task, or ask `zfs_gate ... --explain` there)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
    ");
}
