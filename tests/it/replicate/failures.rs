//! Something fails, at each stage.

use super::host::Host;
use super::{plainly, replicate};
use serde_json::json;

#[test]
fn failure_of_the_listing() {
    let host = Host::new("tank @1\n vault");
    plainly(&host, json!({})).fails("list *snapshot,bookmark*", "cannot iterate filesystems: I/O error").is("
        ! error: list failed: `zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank` ended with exit status 1: cannot iterate filesystems: I/O error (a disk there failed or what is on it is damaged; `zpool status -v POOL` shows which and what)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
    ");
}

#[test]
fn failure_of_the_estimate_in_check_mode() {
    let host = Host::new("tank @1\n tank/a @1\n vault");
    plainly(&host, json!({})).check().fails("send -nvP *tank@1", "cannot open 'tank@1': permission denied").is("
        * failed        tank    -> vault/tank    estimate: permission_missing
        * would send    tank/a  -> vault/tank/a  @1  full            1 snapshot  64.0 KiB
        failed: 2 datasets: 1 would be sent, 1 failed; 2 snapshots, about 64.0 KiB
        ! error: tank -> vault/tank: estimate failed: `zfs send -nvP -Lc tank@1` ended with exit status 1: cannot open 'tank@1': permission denied (the user lacks a permission there; grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -nvP -Lc tank@1
        $ send -nvP -Lc tank/a@1
    ");
}

#[test]
fn failure_of_a_parent() {
    let host = Host::new("tank/a/b @1\n tank/a\n vault");
    plainly(&host, json!({"source": ["tank/a/b"]})).fails("create * vault/tank/a", "cannot create 'vault/tank/a': out of space").is("
        * failed        tank/a/b  -> vault/tank/a/b  create parent: no_space
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank/a/b -> vault/tank/a/b: create parent failed: `zfs create -u -o 'canmount=off' -o 'ferro.zfs:placeholder=vault/tank/a' vault/tank/a` ended with exit status 1: cannot create 'vault/tank/a': out of space (the pool is full or a quota is reached there; make room, then run again)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank/a/b
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank/a/b
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank/a/b
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank/a vault/tank/a/b_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ create -u -o canmount=off -o ferro.zfs:placeholder=vault/tank vault/tank
        $ get -Hp -o name,value guid vault/tank
        $ set ferro.zfs:placeholder=7001 vault/tank
        $ create -u -o canmount=off -o ferro.zfs:placeholder=vault/tank/a vault/tank/a
        = vault/tank canmount=off ferro.zfs:placeholder=7001
    ");
}

#[test]
fn failure_of_the_sender_leaves_the_others() {
    let host = Host::new("tank @1\n tank/a @1\n tank/b @1\n vault");
    let fault = json!({"command": "send -Lc tank/a@1", "says": "cannot send 'tank/a': I/O error", "sent": 400});
    plainly(&host, json!({})).fault("", fault).is("
        * sent          tank    -> vault/tank    @1  full            1 snapshot  64.9 KiB  in N s
        * failed        tank/a  -> vault/tank/a  send: damaged
        * sent          tank/b  -> vault/tank/b  @1  full            1 snapshot  64.9 KiB  in N s
        failed: 3 datasets: 2 sent, 1 failed; 2 snapshots, BYTES in N s
        ! error: tank/a -> vault/tank/a: send failed: `zfs send -Lc tank/a@1` ended with exit status 1: cannot send 'tank/a': I/O error (a disk there failed or what is on it is damaged; `zpool status -v POOL` shows which and what)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ send -Lc tank/a@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=102 vault/tank/a
        $ get -Hp -o name,value guid vault/tank/a@1
        $ send -Lc tank/b@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=104 vault/tank/b
        $ get -Hp -o name,value guid vault/tank@1 vault/tank/b@1
        $ get -Hp -o name,value guid tank/a
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1
        = vault/tank/a partial=tank/a@1
        = vault/tank/b canmount=off readonly=on ferro.zfs:replica=104 @1
    ");
}

#[test]
fn failure_of_the_receiver_is_told_with_what_it_means() {
    let host = Host::new("tank @1\n vault");
    plainly(&host, json!({})).fails("receive *", "cannot receive new filesystem stream: out of space").is("
        * failed        tank  -> vault/tank  receive: no_space
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: receive failed: `zfs receive -u -s -o 'canmount=off' -o 'readonly=on' -o 'ferro.zfs:replica=100' vault/tank` ended with exit status 1: cannot receive new filesystem stream: out of space (the pool is full or a quota is reached there; make room, then run again)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
    ");
}

#[test]
fn failure_of_the_receiver_after_all_has_arrived_is_a_warning() {
    let host = Host::new("tank @1\n vault");
    let fault = json!({"command": "receive *", "late": true, "says": "cannot receive canmount property on vault/tank: invalid property value"});
    plainly(&host, json!({})).fault("", fault).is("
        * sent          tank  -> vault/tank  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        ! warning: vault/tank: receive failed: `zfs receive -u -s -o 'canmount=off' -o 'readonly=on' -o 'ferro.zfs:replica=100' vault/tank` ended with exit status 1: cannot receive canmount property on vault/tank: invalid property value (a property cannot be set there; check receive_properties, receive_exclude and, with send_properties, what the source has)
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        $ get -Hp -o name,value guid vault/tank@1
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1
    ");
}

#[test]
fn failure_to_arrive_is_found_by_the_guid() {
    let host = Host::new("tank @1\n vault");
    let lost = json!({"command": "get * guid vault/tank@1", "meanwhile": "destroy vault/tank@1"});
    replicate(&host, json!({})).fault("", lost).is("
        * sent          tank  -> vault/tank  @1  full            1 snapshot  64.9 KiB  in N s
        * failed        tank  -> vault/tank  verify: not_arrived
        failed: 1 dataset: 1 failed; 1 snapshot, BYTES in N s
        ! error: tank -> vault/tank: verify failed: vault/tank@1 should have guid 101 after the receive, but there is nothing
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ bookmark tank@1 tank#ferro_0000000000000066_4e6a1320_0000000000000065
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        = tank @1 #ferro_0000000000000066_4e6a1320_0000000000000065=1
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100
    ");
}

#[test]
fn failure_of_one_that_has_vanished_is_none() {
    let host = Host::new("tank @1\n tank/a @1\n vault");
    let gone = json!({"command": "send -Lc tank/a@1", "meanwhile": "destroy -r tank/a"});
    plainly(&host, json!({})).fault("", gone).is("
        * sent          tank    -> vault/tank    @1  full            1 snapshot  64.9 KiB  in N s
        * failed        tank/a  -> vault/tank/a  send: does_not_exist
        * gone          tank/a  -> vault/tank/a
        done: 2 datasets: 1 sent, 1 gone meanwhile; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ send -Lc tank/a@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=102 vault/tank/a
        $ get -Hp -o name,value guid vault/tank/a@1
        $ get -Hp -o name,value guid vault/tank@1
        $ get -Hp -o name,value guid tank/a
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1
        - tank/a
    ");
}
