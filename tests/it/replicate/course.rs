//! The ordinary course: first all, then what is new, then nothing; what comes with it.

use super::host::Host;
use super::{plainly, replicate};
use serde_json::json;

#[test]
fn first_all_then_what_is_new_then_nothing() {
    let host = Host::new("tank @1\n tank/a @1 @2\n vault");
    replicate(&host, json!({})).check().is("
        * would send    tank    -> vault/tank    @1  full            1 snapshot  64.0 KiB
        * would send    tank/a  -> vault/tank/a  @2  full           2 snapshots   128 KiB
        check: 2 datasets: 2 would be sent; 3 snapshots, about 192 KiB
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -nvP -Lc tank@1
        $ send -nvP -Lc tank/a@1
        $ send -nvP -Lc -i @1 tank/a@2
    ");
    replicate(&host, json!({})).is("
        * sent          tank    -> vault/tank    @1  full            1 snapshot  64.9 KiB  in N s
        * sent          tank/a  -> vault/tank/a  @2  full           2 snapshots   130 KiB  in N s
        done: 2 datasets: 2 sent; 3 snapshots, 195 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ bookmark tank@1 tank#ferro_0000000000000069_4e6a1320_0000000000000065
        $ bookmark tank/a@2 tank/a#ferro_0000000000000069_75b58cb4_0000000000000068
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ send -Lc tank/a@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=102 vault/tank/a
        $ send -Lc -i @1 tank/a@2
        $ receive -u -s vault/tank/a
        $ get -Hp -o name,value guid vault/tank@1 vault/tank/a@2
        = tank @1 #ferro_0000000000000069_4e6a1320_0000000000000065=1
        = tank/a @1 @2 #ferro_0000000000000069_75b58cb4_0000000000000068=2
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1
        = vault/tank/a canmount=off readonly=on ferro.zfs:replica=102 @1 @2
    ");
    replicate(&host, json!({})).is("
        * up to date    tank    -> vault/tank    @1
        * up to date    tank/a  -> vault/tank/a  @2
        done: 2 datasets: 2 up to date, in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
    ");
    host.zfs("snapshot tank/a@3");
    host.zfs("snapshot tank/a@4");
    replicate(&host, json!({})).is("
        * up to date    tank    -> vault/tank    @1
        * sent          tank/a  -> vault/tank/a  @4  incremental    2 snapshots   131 KiB  in N s
        done: 2 datasets: 1 sent, 1 up to date; 2 snapshots, 131 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value guid vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ bookmark tank/a@4 tank/a#ferro_0000000000000069_75b58cb4_0000000000001b5c
        $ send -Lc -I @2 tank/a@4
        $ receive -u -s vault/tank/a
        $ get -Hp -o name,value guid vault/tank/a@4
        $ destroy tank/a#ferro_0000000000000069_75b58cb4_0000000000000068
        = tank/a @1 @2 @3=new @4=new #ferro_0000000000000069_75b58cb4_0000000000001b5c=new
        = vault/tank/a canmount=off readonly=on ferro.zfs:replica=102 @1 @2 @3=new @4=new
    ");
}

#[test]
fn result_is_whole() {
    let host = Host::new("tank\n tank/a @1 @2 @3\n vault\n vault/tank\n vault/tank/a @1");
    assert_eq!(
        replicate(&host, json!({})).result(),
        json!({
            "changed": true,
            "datasets": [
                {
                    "source": "tank", "target": "vault/tank", "action": "no_snapshots", "steps": [], "from": null, "to": null, "to_created": null,
                    "to_guid": null,
                    "snapshots": 0, "bytes": 0, "status": "ok",
                },
                {
                    "source": "tank/a", "target": "vault/tank/a", "action": "incremental",
                    "steps": [{"from": "@1", "to": "3", "kind": "intermediates", "bytes_estimated": null}],
                    "from": "@1", "to": "3", "to_created": null, "to_guid": null, "snapshots": 2, "bytes": 133_880, "status": "ok",
                },
            ],
            "orphans": [],
            "key_inheritance": [],
            "left_out": [],
            "summary": {
                "datasets": 2, "replicated": 1, "up_to_date": 0, "no_snapshots": 1, "vanished": 0, "failed": 0, "bytes": 133_880,
            },
        })
    );
}

#[test]
fn only_the_latest_is_sent() {
    let host = Host::new("tank/a @1 @2 @3\n vault");
    let options = json!({"source": ["tank/a"], "strip_prefix": "tank", "initial": "latest", "intermediates": false});
    plainly(&host, options.clone()).is("
        * sent          tank/a  -> vault/a  @3  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank/a
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank/a
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/a
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/a_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank/a@3
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=101 vault/a
        $ get -Hp -o name,value guid vault/a@3
        = vault/a canmount=off readonly=on ferro.zfs:replica=101 @3
    ");
    host.zfs("snapshot tank/a@4");
    host.zfs("snapshot tank/a@5");
    plainly(&host, options).is("
        * sent          tank/a  -> vault/a  @5  incremental     1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank/a
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank/a
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/a
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/a
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc -i @3 tank/a@5
        $ receive -u -s vault/a
        $ get -Hp -o name,value guid vault/a@5
        = vault/a canmount=off readonly=on ferro.zfs:replica=101 @3 @5=new
    ");
}

#[test]
fn snapshots_and_datasets_are_chosen() {
    let host = Host::new("tank\n tank/a @1 @x2 @3\n tank/b @1\n tank/b/c @1\n vault");
    plainly(&host, json!({"exclude": ["tank/b"], "snapshots": {"exclude": ["x*"]}})).is("
        * no snapshots  tank    -> vault/tank
        * sent          tank/a  -> vault/tank/a  @3  full           2 snapshots   130 KiB  in N s
        done: 4 datasets: 1 sent, 1 without snapshots, 2 excluded; 2 snapshots, 130 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ create -u -o canmount=off -o ferro.zfs:placeholder=vault/tank vault/tank
        $ get -Hp -o name,value guid vault/tank
        $ set ferro.zfs:placeholder=7001 vault/tank
        $ send -Lc tank/a@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=101 vault/tank/a
        $ send -Lc -i @1 tank/a@3
        $ receive -u -s vault/tank/a
        $ get -Hp -o name,value guid vault/tank/a@3
        = vault/tank canmount=off ferro.zfs:placeholder=7001
        = vault/tank/a canmount=off readonly=on ferro.zfs:replica=101 @1 @3
    ");
}

#[test]
fn bookmark_is_the_base_where_the_snapshot_is_gone() {
    let host = Host::new("tank #1 @2\n vault\n vault/tank @1");
    replicate(&host, json!({})).is("
        * sent          tank  -> vault/tank  @2  incremental     1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value guid vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ bookmark tank@2 tank#ferro_0000000000000067_4e6a1320_0000000000000066
        $ send -Lc -i #1 tank@2
        $ receive -u -s vault/tank
        $ get -Hp -o name,value guid vault/tank@2
        = tank #1 @2 #ferro_0000000000000067_4e6a1320_0000000000000066=2
        = vault/tank @1 @2
    ");
}

#[test]
fn holds_move_on() {
    let host = Host::new("tank @1\n vault");
    let options = json!({"holds": true, "bookmarks": false});
    replicate(&host, options.clone()).is("
        * sent          tank  -> vault/tank  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ list -Hp -t snapshot -o name,userrefs -r tank
        $ list -Hp -t snapshot -o name,userrefs -r vault/tank
        $ hold ferro_0000000000000066_a194521d tank@1
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        $ hold ferro_0000000000000066_a194521d vault/tank@1
        = tank @1(ferro_0000000000000066_a194521d)
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1(ferro_0000000000000066_a194521d)
    ");
    host.zfs("snapshot tank@2");
    replicate(&host, options.clone()).is("
        * sent          tank  -> vault/tank  @2  incremental     1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value guid vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ list -Hp -t snapshot -o name,userrefs -r tank
        $ holds -H tank@1
        $ list -Hp -t snapshot -o name,userrefs -r vault/tank
        $ holds -H vault/tank@1
        $ hold ferro_0000000000000066_a194521d tank@2
        $ send -Lc -i @1 tank@2
        $ receive -u -s vault/tank
        $ get -Hp -o name,value guid vault/tank@2
        $ hold ferro_0000000000000066_a194521d vault/tank@2
        $ release ferro_0000000000000066_a194521d vault/tank@1
        $ release ferro_0000000000000066_a194521d tank@1
        = tank @1 @2=new(ferro_0000000000000066_a194521d)
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1 @2=new(ferro_0000000000000066_a194521d)
    ");
    replicate(&host, options).is("
        * up to date    tank  -> vault/tank  @2
        done: 1 dataset: 1 up to date, in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value guid vault
        $ list -Hp -t snapshot -o name,userrefs -r tank
        $ holds -H tank@2
        $ list -Hp -t snapshot -o name,userrefs -r vault/tank
        $ holds -H vault/tank@2
    ");
}

#[test]
fn holds_that_cannot_be_taken_are_a_warning() {
    let host = Host::new("tank @1\n vault");
    plainly(&host, json!({"holds": true})).fails("hold * vault/*", "cannot hold snapshot 'vault/tank@1': permission denied").is("
        * sent          tank  -> vault/tank  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        ! warning: holds are not as they should be: permission denied (the user lacks a permission there; grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs)
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ list -Hp -t snapshot -o name,userrefs -r tank
        $ list -Hp -t snapshot -o name,userrefs -r vault/tank
        $ hold ferro_0000000000000066_a194521d tank@1
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        $ hold ferro_0000000000000066_a194521d vault/tank@1
        = tank @1(ferro_0000000000000066_a194521d)
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1
    ");
}

#[test]
fn bookmarks_that_cannot_be_made_are_a_warning() {
    let host = Host::new("tank @1\n vault");
    replicate(&host, json!({})).fails("bookmark *", "cannot create bookmark 'tank#x': permission denied").is("
        * sent          tank  -> vault/tank  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        ! warning: no bookmark is made, so the snapshot must stay on the source: permission denied (tank@1)
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ bookmark tank@1 tank#ferro_0000000000000066_4e6a1320_0000000000000065
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1
    ");
}

#[test]
fn bookmarks_that_cannot_go_are_a_warning() {
    let host = Host::new("tank @1\n vault");
    replicate(&host, json!({})).ended();
    host.zfs("snapshot tank@2");
    replicate(&host, json!({})).fails("destroy tank#*", "cannot destroy bookmark 'tank#x': permission denied").is("
        * sent          tank  -> vault/tank  @2  incremental     1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        ! warning: our older bookmarks stay on the source: permission denied (tank#ferro_0000000000000066_4e6a1320_0000000000000065)
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value guid vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ bookmark tank@2 tank#ferro_0000000000000066_4e6a1320_0000000000001b5a
        $ send -Lc -i @1 tank@2
        $ receive -u -s vault/tank
        $ get -Hp -o name,value guid vault/tank@2
        $ destroy tank#ferro_0000000000000066_4e6a1320_0000000000000065
        = tank @1 #ferro_0000000000000066_4e6a1320_0000000000000065=1 @2=new #ferro_0000000000000066_4e6a1320_0000000000001b5a=new
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1 @2=new
    ");
}

#[test]
fn properties_that_a_volume_lacks_are_left_out() {
    let host = Host::new("tank/v type=volume @1\n vault");
    let options = json!({"source": ["tank/v"], "receive_properties": {"readonly": "on", "recordsize": "1M"}, "receive_exclude": ["mountpoint", "volmode"]});
    plainly(&host, options).is("
        * sent          tank/v  -> vault/tank/v  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank/v
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank/v
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank/v
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank/v_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ create -u -o canmount=off -o ferro.zfs:placeholder=vault/tank vault/tank
        $ get -Hp -o name,value guid vault/tank
        $ set ferro.zfs:placeholder=7001 vault/tank
        $ send -Lc tank/v@1
        $ receive -u -s -o readonly=on -x volmode -o ferro.zfs:replica=101 vault/tank/v
        $ get -Hp -o name,value guid vault/tank/v@1
        = vault/tank canmount=off ferro.zfs:placeholder=7001
        = vault/tank/v readonly=on ferro.zfs:replica=101 @1
    ");
}

#[test]
fn properties_go_along_locally_and_are_set_from_afar() {
    let host = Host::new("tank compression=lz4 mountpoint=/x @1\n vault").reaches("nas", "nasty\n");
    plainly(&host, json!({"send_properties": true})).is("
        * sent          tank  -> vault/tank  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc -p tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1
    ");
    plainly(&host, json!({"send_properties": true, "target": "nasty", "target_host": "root@nas"})).is("
        * sent          tank  -> nasty/tank  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r nasty/tank
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS nasty nasty/tank_ferro_arriving
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ nas: zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset nasty
        $ get -Hp -s local,received -o name,property,value aclinherit,aclmode,acltype,atime,checksum,compression,dnodesize,logbias,primarycache,recordsize,redundant_metadata,relatime,secondarycache,xattr tank
        $ send -Lc tank@1
        $ nas: receive -u -s -o canmount=off -o readonly=on -o compression=lz4 -o ferro.zfs:replica=100 nasty/tank
        $ nas: get -Hp -o name,value guid nasty/tank@1
        = nas: nasty/tank canmount=off readonly=on compression=lz4 ferro.zfs:replica=100 @1
    ");
}

#[test]
fn a_hold_whose_successor_cannot_be_held_stays() {
    for (pattern, is_released) in [("hold * tank@2", "vault/tank@1"), ("hold * vault/tank@2", "tank@1")] {
        let host = Host::new("tank @1\n vault");
        let options = json!({"holds": true, "bookmarks": false});
        replicate(&host, options.clone()).ended();
        host.zfs("snapshot tank@2");
        let denied = "cannot hold snapshot: permission denied";
        let ended = replicate(&host, options).fails(pattern, denied).ended();
        assert_eq!((ended.status, ended.stderr.matches(denied).count()), (0, 1), "{}", ended.stderr);
        let log = host.log();
        let released: Vec<&str> = log.lines().filter(|line| line.starts_with("release ")).collect();
        assert!(released.len() == 1 && released[0].ends_with(&format!(" {is_released}")), "{log}");
    }
}
