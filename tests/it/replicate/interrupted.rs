//! What an interrupted receive leaves, and what is tried again.

use super::host::Host;
use super::plainly;
use serde_json::json;

#[test]
fn resume_after_the_receiver_failed() {
    let host = Host::new("tank @1 @2\n vault");
    let fault = json!({"command": "receive * vault/tank", "received": 0});
    plainly(&host, json!({})).fault("", fault).is("
        * failed        tank  -> vault/tank  receive: broken_stream
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: receive failed: `zfs receive -u -s -o 'canmount=off' -o 'readonly=on' -o 'ferro.zfs:replica=100' vault/tank` ended with exit status 1: cannot receive new filesystem stream: checksum mismatch or incomplete stream.
        !     | Partially received snapshot is saved.
        !     | A resuming stream can be generated on the sending system by running:
        !     |     zfs send -t TOKEN (the stream ended early or was damaged on its way)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        = vault/tank partial=tank@1
    ");
    plainly(&host, json!({})).check().is("
        * would send    tank  -> vault/tank  @2  resume         2 snapshots   128 KiB
        check: 1 dataset: 1 would be sent; 2 snapshots, about 128 KiB
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ send -nvPt TOKEN
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -nvP -t TOKEN
        $ send -nvP -Lc -i @1 tank@2
    ");
    plainly(&host, json!({})).is("
        * sent          tank  -> vault/tank  @2  resume         2 snapshots   130 KiB  in N s
        done: 1 dataset: 1 sent; 2 snapshots, 130 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ send -nvPt TOKEN
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -t TOKEN
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ send -Lc -i @1 tank@2
        $ receive -u -s vault/tank
        $ get -Hp -o name,value guid vault/tank@2
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1 @2
    ");
}

#[test]
fn resume_within_the_same_run_where_it_may_be_tried_again() {
    let host = Host::new("tank @1 @2 @3\n vault\n vault/tank @1");
    let fault = json!({"command": "receive *", "received": 1, "times": 1});
    plainly(&host, json!({"retries": 1})).fault("", fault).is("
        * trying again  tank  -> vault/tank  receive: broken_stream
        receive failed: `zfs receive -u -s vault/tank` ended with exit status 1: cannot receive incremental stream: checksum mismatch or incomplete stream.
        | Partially received snapshot is saved.
        | A resuming stream can be generated on the sending system by running:
        |     zfs send -t TOKEN (the stream ended early or was damaged on its way)
        * sent          tank  -> vault/tank  @3  resume          1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 196 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ send -Lc -I @1 tank@3
        $ receive -u -s vault/tank
        $ get -Hp -o name,value guid vault/tank@3
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ send -nvPt TOKEN
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ send -t TOKEN
        $ receive -u -s vault/tank
        $ get -Hp -o name,value guid vault/tank@3
        = vault/tank @1 @2 @3
    ");
}

#[test]
fn resume_is_discarded_where_the_snapshot_is_gone() {
    let host = Host::new("tank @1 @2 @3\n vault\n vault/tank @1");
    plainly(&host, json!({})).fault("", json!({"command": "receive *", "received": 0})).ended();
    host.zfs("destroy tank@2");
    plainly(&host, json!({})).check().is("
        * would send    tank  -> vault/tank  @3  incremental     1 snapshot  64.0 KiB
        * vault/tank: 0 B that an interrupted receive left would be discarded: cannot resume send: 'tank@2' used in the initial send no longer exists
        check: 1 dataset: 1 would be sent; 1 snapshot, about 64.0 KiB
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ send -nvPt TOKEN
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ send -nvP -Lc -i @1 tank@3
    ");
    plainly(&host, json!({})).is("
        * sent          tank  -> vault/tank  @3  incremental     1 snapshot  64.9 KiB  in N s
        * vault/tank: 0 B that an interrupted receive left was discarded: cannot resume send: 'tank@2' used in the initial send no longer exists
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ send -nvPt TOKEN
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ receive -A vault/tank
        $ send -Lc -i @1 tank@3
        $ receive -u -s vault/tank
        $ get -Hp -o name,value guid vault/tank@3
        = vault/tank @1 @3
    ");
}

#[test]
fn resume_is_not_left_without_the_option() {
    let host = Host::new("tank @1\n vault");
    let fault = json!({"command": "receive *", "received": 0});
    plainly(&host, json!({"resume": false})).fault("", fault).is("
        * failed        tank  -> vault/tank  receive: broken_stream
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: receive failed: `zfs receive -u -o 'canmount=off' -o 'readonly=on' -o 'ferro.zfs:replica=100' vault/tank` ended with exit status 1: cannot receive new filesystem stream: incomplete stream (the stream ended early or was damaged on its way)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
    ");
}

#[test]
fn retries_end() {
    let host = Host::new("tank @1\n vault");
    let fault =
        json!({"command": "send -Lc *", "sent": 1000, "says": "warning: cannot send 'tank@1': signal received"});
    plainly(&host, json!({"retries": 1, "resume": false})).fault("", fault).is("
        * trying again  tank  -> vault/tank  send: broken_stream
        send failed: `zfs send -Lc tank@1` ended with exit status 1: warning: cannot send 'tank@1': signal received (the stream ended early or was damaged on its way)
        * failed        tank  -> vault/tank  send: broken_stream
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: send failed: `zfs send -Lc tank@1` ended with exit status 1: warning: cannot send 'tank@1': signal received (the stream ended early or was damaged on its way)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
    ");
}
