//! What is missing on either side, or in the way on the target.

use super::host::Host;
use super::{plainly, replicate};
use serde_json::json;

#[test]
fn missing_things_are_named() {
    let host = Host::new("tank @1\n vault\n");
    plainly(&host, json!({"source": ["tank", "tank/no", "pond/x"]})).is("
        * failed        pond/x  -> vault/pond/x  list: pool_missing
        * sent          tank    -> vault/tank    @1  full            1 snapshot  64.9 KiB  in N s
        failed: 2 datasets: 1 sent, 1 failed; 1 snapshot, BYTES in N s
        ! error: pond/x -> vault/pond/x: list failed: pool pond is not imported there, or there is none of this name. Import it first: zpool import pond
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank pond/x
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank pond/x
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS pond
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank vault/pond/x
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1
    ");
    plainly(&host, json!({"target": "vault/no/where"})).is("
        ! error: preflight failed: target vault/no/where does not exist. Create it first: zfs create -p -o canmount=off vault/no/where
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/no/where/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/no vault/no/where vault/no/where/tank_ferro_arriving
    ");
    plainly(&host, json!({"target": "void"})).is("
        ! error: preflight failed: pool void is not imported there, or there is none of this name. Import it first: zpool import void
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r void/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS void void/tank_ferro_arriving
    ");
}

#[test]
fn orphans_are_told() {
    let host =
        Host::new("tank @1\n vault\n vault/tank @1 ferro.zfs:replica=100\n vault/tank/old @1 ferro.zfs:replica=4711");
    plainly(&host, json!({})).is("
        * up to date    tank  -> vault/tank  @1
        * vault/tank/old: its source is gone; it stays (newest snapshot @1, 10 days old, 96.0 KiB)
        done: 1 dataset: 1 up to date, in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value used vault/tank/old
        $ get -Hp -o name,value creation vault/tank/old@1
    ");
}

#[test]
fn diverged_fails_and_changes_nothing() {
    let host = Host::new("tank @1 @2\n vault\n vault/tank @1 @own written=4096");
    plainly(&host, json!({})).is("
        * failed        tank  -> vault/tank  plan: target_modified
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: the target was written to: 4096 bytes since its snapshot @1. Keep a copy if they matter, then roll the target back to that snapshot, or let on_diverged: rollback do that; readonly=on and canmount=off prevent it from happening again
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value written vault/tank@own
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
    ");
    let host = Host::new("tank @2\n vault\n vault/tank @1");
    plainly(&host, json!({})).is("
        * failed        tank  -> vault/tank  plan: no_common_snapshot
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: source and target have no snapshot in common, so nothing incremental is possible: source has @2; target has @1. If the target is this dataset's replica, it was recreated or its common snapshots were destroyed on the source: rename the target out of the way (zfs rename) and run again, or let on_diverged: set_aside do that
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault
    ");
}

#[test]
fn diverged_rollback_destroys_just_what_it_says() {
    let host = Host::new("tank @1 @2\n vault\n vault/tank @1 @own @more written=4096");
    let options = json!({"on_diverged": "rollback"});
    plainly(&host, options.clone()).check().is("
        * would send    tank  -> vault/tank  @2  incremental     1 snapshot  64.0 KiB
        * vault/tank would be rolled back to @1, 2 snapshots destroyed: @own, @more, 4.0 KiB written there are lost
        check: 1 dataset: 1 would be sent; 1 snapshot, about 64.0 KiB
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value written vault/tank@own vault/tank@more
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ send -nvP -Lc -i @1 tank@2
    ");
    plainly(&host, options).is("
        * sent          tank  -> vault/tank  @2  incremental     1 snapshot  64.9 KiB  in N s
        * vault/tank was rolled back to @1, 2 snapshots destroyed: @own, @more, 4.0 KiB written there are lost
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value written vault/tank@own vault/tank@more
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ destroy vault/tank@own,more
        $ rollback vault/tank@1
        $ send -Lc -i @1 tank@2
        $ receive -u -s vault/tank
        $ get -Hp -o name,value guid vault/tank@2
        = vault/tank @1 @2
    ");
}

#[test]
fn diverged_rollback_that_fails_half_way_tells_what_is_gone() {
    let host = Host::new("tank @1 @2\n vault\n vault/tank @1 @own+512 @more+512");
    let fault = json!({"command": "destroy vault/tank@*", "meanwhile": "destroy vault/tank@own", "says": "cannot destroy snapshot vault/tank@more: dataset is busy"});
    plainly(&host, json!({"on_diverged": "rollback"})).fault("", fault.clone()).is("
        * failed        tank  -> vault/tank  roll back: busy
        * vault/tank was rolled back to @1, 1 snapshot destroyed: @own
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: roll back failed: `zfs destroy vault/tank@own,more` ended with exit status 1: cannot destroy snapshot vault/tank@more: dataset is busy (it is in use there, or it is a snapshot with a hold (`zfs holds` there shows whose); run again when it is free)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ get -Hp -o name,value written vault/tank@own vault/tank@more
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ destroy vault/tank@own,more
        $ get -Hp -o name,value guid vault/tank@own vault/tank@more
        = vault/tank @1 @more
    ");
    let host = Host::new("tank @1 @2\n vault\n vault/tank @1 @own+512 @more+512");
    let result = plainly(&host, json!({"on_diverged": "rollback"})).fault("", fault).result();
    assert_eq!(result["datasets"][0]["rolled_back"], json!({"to": "1", "destroyed": ["own"], "written": 0}));
}

#[test]
fn diverged_set_aside_keeps_all_and_brings_children_back() {
    let host = Host::new("tank @2\n tank/a @1\n vault\n vault/tank @1\n vault/tank/a @1");
    let options = json!({"on_diverged": "set_aside"});
    plainly(&host, options.clone()).check().is("
        * would send    tank    -> vault/tank    @2  full            1 snapshot  64.0 KiB
        * up to date    tank/a  -> vault/tank/a  @1
        * vault/tank would be set aside as vault/tank_diverged_TIME: source and target have no snapshot in common, so nothing incremental is possible: source has @2; target has @1. If the target is this dataset's replica, it was recreated or its common snapshots were destroyed on the source: rename the target out of the way (zfs rename) and run again, or let on_diverged: set_aside do that
        check: 2 datasets: 1 would be sent, 1 up to date; 1 snapshot, about 64.0 KiB
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ send -nvP -Lc tank@2
    ");
    plainly(&host, options).is("
        * sent          tank    -> vault/tank    @2  full            1 snapshot  64.9 KiB  in N s
        * up to date    tank/a  -> vault/tank/a  @1
        * vault/tank was set aside as vault/tank_diverged_TIME: source and target have no snapshot in common, so nothing incremental is possible: source has @2; target has @1. If the target is this dataset's replica, it was recreated or its common snapshots were destroyed on the source: rename the target out of the way (zfs rename) and run again, or let on_diverged: set_aside do that
        done: 2 datasets: 1 sent, 1 up to date; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ send -Lc tank@2
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank_ferro_arriving
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank vault/tank_ferro_arriving
        $ rename -u vault/tank/a vault/tank_ferro_arriving/a
        $ rename -u vault/tank vault/tank_diverged_TIME
        $ rename -u vault/tank_ferro_arriving vault/tank
        $ get -Hp -o name,value guid vault/tank@2
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @2
        = vault/tank_diverged_TIME @1=1
    ");
}

#[test]
fn diverged_set_aside_moves_nothing_before_it_has_arrived() {
    let host = Host::new("tank @2\n vault\n vault/tank @1");
    let fault = json!({"command": "receive *", "received": 0});
    plainly(&host, json!({"on_diverged": "set_aside"})).fault("", fault).is("
        * failed        tank  -> vault/tank  receive: broken_stream
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: receive failed: `zfs receive -u -s -o 'canmount=off' -o 'readonly=on' -o 'ferro.zfs:replica=100' vault/tank_ferro_arriving` ended with exit status 1: cannot receive new filesystem stream: checksum mismatch or incomplete stream.
        !     | Partially received snapshot is saved.
        !     | A resuming stream can be generated on the sending system by running:
        !     |     zfs send -t TOKEN (the stream ended early or was damaged on its way)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset tank
        $ send -Lc tank@2
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank_ferro_arriving
        $ get -Hp -o name,value guid vault/tank_ferro_arriving@2
        = vault/tank_ferro_arriving partial=tank@2
    ");
}

#[test]
fn encrypted_is_not_sent_where_it_would_land_in_plain() {
    let host = Host::new("tank encryption=aes-256-gcm @1\n vault");
    plainly(&host, json!({"raw": "never", "require_encrypted_target": true})).is("
        * failed        tank  -> vault/tank  plan: lands_unencrypted
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: it would land unencrypted, and require_encrypted_target is set. Send an encrypted dataset raw, or choose a target below an encrypted dataset
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
    ");
    plainly(&host, json!({"raw": "never"})).is("
        * sent          tank  -> vault/tank  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ list -Hp -t filesystem,volume -o name,keystatus tank
        $ send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @1
    ");
}

#[test]
fn answers_that_nobody_asked_for_are_no_answers() {
    let host = Host::new("tank @1\n vault");
    std::fs::write(host.path("answers"), json!([["list *filesystem,volume* -r tank", "odd"]]).to_string()).unwrap();
    std::fs::write(host.path("odd"), "tank/../x\tfilesystem\t5\toff\t-\t-\t0\t-\t-\t-\t-\t-\n").unwrap();
    plainly(&host, json!({})).is(r#"
        ! error: list failed: `zfs list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank`: unexpected output of zfs list: expected DATASET_COLUMNS, got "tank/../x\tfilesystem\t5\toff\t-\t-\t0\t-\t-\t-\t-\t-"
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
    "#);
    std::fs::write(host.path("odd"), "pond\tfilesystem\t5\toff\t-\t-\t0\t-\t-\t-\t-\t-\n").unwrap();
    plainly(&host, json!({})).is("
        ! error: list failed: `zfs list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank`: the answer has pond, which was not asked for
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
    ");
}

#[test]
fn options_are_refused_before_any_command() {
    let host = Host::new("tank @1\n vault");
    for (options, message) in [
        (
            json!({"source": ["tank@1"]}),
            "option source: \"tank@1\" is not a valid dataset name: ZFS does not allow '@' in it",
        ),
        (json!({"source": []}), "option source: at least one dataset is needed"),
        (json!({"parallel": 0}), "option parallel: 0 is not a number from 1 to 32"),
        (json!({"raw": "maybe"}), "option raw: expected one of auto, always, never, got \"maybe\""),
    ] {
        let result = replicate(&host, options).result();
        assert_eq!(result, json!({"changed": false, "failed": true, "msg": message, "code": "invalid_option"}));
    }
    assert_eq!(host.log(), "");
}
