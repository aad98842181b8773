//! Parents without data give way to the datasets that they stand for.

use super::host::Host;
use super::plainly;
use serde_json::json;

#[test]
fn placeholder_gives_way_to_its_dataset() {
    let host = Host::new("tank\n tank/a @1\n vault");
    plainly(&host, json!({})).ended();
    host.zfs("snapshot tank@2");
    plainly(&host, json!({})).is("
        * sent          tank    -> vault/tank    @2  full            1 snapshot  64.9 KiB  in N s
        * up to date    tank/a  -> vault/tank/a  @1
        done: 2 datasets: 1 sent, 1 up to date; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -Lc tank@2
        $ receive -u -s -F -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank
        $ get -Hp -o name,value guid vault/tank@2
        $ inherit ferro.zfs:placeholder vault/tank
        = vault/tank canmount=off readonly=on ferro.zfs:replica=100 @2=new
    ");
}

#[test]
fn placeholder_gives_way_to_an_encrypted_dataset_beside_it() {
    let host = Host::new("tank encryption=aes-256-gcm\n tank/a @1\n vault");
    plainly(&host, json!({})).is("
        * no snapshots  tank    -> vault/tank
        * sent          tank/a  -> vault/tank/a  @1  full            1 snapshot  64.9 KiB  in N s
        done: 2 datasets: 1 sent, 1 without snapshots; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ create -u -o canmount=off -o ferro.zfs:placeholder=vault/tank vault/tank
        $ get -Hp -o name,value guid vault/tank
        $ set ferro.zfs:placeholder=7001 vault/tank
        $ send -w tank/a@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=101 vault/tank/a
        $ get -Hp -o name,value guid vault/tank/a@1
        = vault/tank canmount=off ferro.zfs:placeholder=7001
        = vault/tank/a encryption=aes-256-gcm canmount=off readonly=on ferro.zfs:replica=101 @1
    ");
    host.zfs("snapshot tank@2");
    plainly(&host, json!({})).is("
        * sent          tank    -> vault/tank    @2  full            1 snapshot  64.9 KiB  in N s
        * up to date    tank/a  -> vault/tank/a  @1
        done: 2 datasets: 1 sent, 1 up to date; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -w tank@2
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank_ferro_arriving
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank vault/tank_ferro_arriving
        $ rename -u vault/tank/a vault/tank_ferro_arriving/a
        $ destroy vault/tank
        $ rename -u vault/tank_ferro_arriving vault/tank
        $ get -Hp -o name,value guid vault/tank@2
        = vault/tank encryption=aes-256-gcm canmount=off readonly=on ferro.zfs:replica=100 @2=new
    ");
}

#[test]
fn placeholder_whose_swap_is_cut_short_is_finished_by_the_next_run() {
    let host = Host::new("tank encryption=aes-256-gcm\n tank/a @1\n vault");
    plainly(&host, json!({})).ended();
    host.zfs("snapshot tank@2");
    plainly(&host, json!({})).fails("rename *", "cannot rename 'vault/tank': dataset is busy").is("
        * failed        tank    -> vault/tank    replace placeholder: busy
        * up to date    tank/a  -> vault/tank/a  @1
        failed: 2 datasets: 1 up to date, 1 failed; 1 snapshot, BYTES in N s
        ! error: tank -> vault/tank: replace placeholder failed: `zfs rename -u vault/tank/a vault/tank_ferro_arriving/a` ended with exit status 1: cannot rename 'vault/tank': dataset is busy (it is in use there, or it is a snapshot with a hold (`zfs holds` there shows whose); run again when it is free)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ send -w tank@2
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 vault/tank_ferro_arriving
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank vault/tank_ferro_arriving
        $ rename -u vault/tank/a vault/tank_ferro_arriving/a
        = vault/tank_ferro_arriving encryption=aes-256-gcm canmount=off readonly=on ferro.zfs:replica=100 @2=new
    ");
    plainly(&host, json!({})).check().is("
        * up to date    tank    -> vault/tank    @2
        * up to date    tank/a  -> vault/tank/a  @1
        check: 2 datasets: 2 up to date
        ! warning: vault/tank: an earlier run was cut short while it put this in its place; that is finished first
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault/tank_ferro_arriving
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank_ferro_arriving
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank_ferro_arriving
    ");
    plainly(&host, json!({})).is("
        * up to date    tank    -> vault/tank    @2
        * up to date    tank/a  -> vault/tank/a  @1
        done: 2 datasets: 2 up to date, in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault/tank_ferro_arriving
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank_ferro_arriving
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r vault/tank_ferro_arriving
        $ rename -u vault/tank/a vault/tank_ferro_arriving/a
        $ destroy vault/tank
        $ rename -u vault/tank_ferro_arriving vault/tank
        = vault/tank encryption=aes-256-gcm canmount=off readonly=on ferro.zfs:replica=100 @2=new
        - vault/tank_ferro_arriving
    ");
}
