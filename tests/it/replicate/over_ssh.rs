//! One end is another host.

use super::host::Host;
use super::{plainly, replicate};
use serde_json::{Value, json};

#[test]
fn ssh_pull_and_push() {
    let host = Host::new("home @1\n").reaches("nas", "tank @1 @2\n backup\n");
    plainly(&host, json!({"source_host": "root@nas", "target": "home", "snapshots": {"include": ["2"]}})).is("
        * sent          tank  -> home/tank  @2  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r home/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS home home/tank_ferro_arriving
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ nas: list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset home
        $ nas: send -Lc tank@2
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=102 home/tank
        $ get -Hp -o name,value guid home/tank@2
        = home/tank canmount=off readonly=on ferro.zfs:replica=102 @2
    ");
    plainly(&host, json!({"source": ["home"], "target": "backup", "target_host": "root@nas"})).is("
        * sent          home       -> backup/home       @1  full            1 snapshot  64.9 KiB  in N s
        * sent          home/tank  -> backup/home/tank  @2  full            1 snapshot  64.9 KiB  in N s
        done: 2 datasets: 2 sent; 2 snapshots, 130 KiB in N s
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r backup/home
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS backup backup/home backup/home_ferro_arriving
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r home
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r home
        $ nas: zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset backup
        $ send -Lc home@1
        $ nas: receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 backup/home
        $ send -Lc home/tank@2
        $ nas: receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=7001 backup/home/tank
        $ nas: get -Hp -o name,value guid backup/home@1 backup/home/tank@2
        = nas: backup/home canmount=off readonly=on ferro.zfs:replica=100 @1
        = nas: backup/home/tank canmount=off readonly=on ferro.zfs:replica=7001 @2
    ");
}

#[test]
fn a_kept_result_has_times_and_guids_of_all_targets_by_a_question_each_to_this_host() {
    let host = Host::new("home @1\n").reaches("nas", "tank @1 @2\n tank/a @3\n tank/bare\n backup\n");
    let file = host.path("result.json");
    let kept = |options: Value| {
        let run = plainly(&host, options).flag("--result").flag(file.to_str().unwrap());
        assert_eq!(run.ended().status, 0);
        let commands: Vec<String> =
            host.log().lines().filter(|line| line.contains("value creation")).map(str::to_owned).collect();
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let reports = kept["datasets"].as_array().unwrap();
        for report in reports {
            assert_eq!(report["to_guid"].is_string(), report["to_created"].is_string(), "{report}");
        }
        (commands, reports.iter().map(|report| report["to_created"].clone()).collect::<Vec<_>>())
    };
    let pull = json!({"source_host": "root@nas", "target": "home"});
    let asked = "get -Hp -o name,value creation home/tank@2 home/tank/a@3";
    for _ in 0..2 {
        let (commands, times) = kept(pull.clone());
        assert_eq!(commands, [asked]);
        assert!(times[0].is_string() && times[1].is_string() && times[2].is_null(), "{times:?}");
    }
    let push = json!({"source": ["home"], "recursive": false, "target": "backup", "target_host": "root@nas"});
    let (commands, times) = kept(push.clone());
    assert_eq!((commands, times[0].is_string()), (vec!["get -Hp -o name,value creation home@1".to_owned()], true));
    // Who keeps no result asks for nothing that he does not need.
    assert_eq!(plainly(&host, push).result()["datasets"][0]["to_created"], Value::Null);
    assert!(!host.log().contains("creation"));
}

#[test]
fn ssh_that_fails_is_tried_again_and_then_told() {
    let host = Host::new("tank @1\n").reaches("nas", "backup\n");
    std::fs::write(host.path("hosts/nas/down"), "ssh: connect to host nas port 22: Connection refused\n").unwrap();
    plainly(&host, json!({"target": "backup", "target_host": "root@nas", "retries": 1})).is("
        * list on root@nas failed: `zfs list -Hp -t filesystem,volume -o DATASET_COLUMNS -r backup/tank` ended with exit status 255: ssh: connect to host nas port 22: Connection refused (the host cannot be reached over ssh; check its name, network and sshd); trying again
        ! error: list on root@nas failed: `zfs list -Hp -t filesystem,volume -o DATASET_COLUMNS -r backup/tank` ended with exit status 255: ssh: connect to host nas port 22: Connection refused (the host cannot be reached over ssh; check its name, network and sshd)
        exit 1
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
    ");
}

#[test]
fn ssh_user_who_lacks_permissions_is_told_before_the_first_byte() {
    let host = Host::new("tank @1\n").reaches("nas", "backup\n");
    let options = json!({"target": "backup", "target_host": "backup@nas", "holds": true});
    replicate(&host, options.clone()).is("
        * failed        tank  -> backup/tank  preflight on backup@nas: permission_missing
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> backup/tank: preflight on backup@nas failed: the user backup lacks the ZFS permissions create, mount, canmount, readonly, userprop, hold, release, receive on backup. Grant it there with `zfs allow -u backup create,mount,canmount,readonly,userprop,hold,release,receive backup`, or with a task: ferro.zfs.zfs_delegate: {dataset: backup, users: backup, jobs: replicate_target} (the user lacks a permission there; grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs)
        exit 1
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r backup/tank
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS backup backup/tank_ferro_arriving
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ nas: zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset backup
        $ nas: allow backup
        $ nas: list -Hp -t snapshot -o name,userrefs -r backup/tank
        $ list -Hp -t snapshot -o name,userrefs -r tank
    ");
    host.zfs_of("nas", "allow -u backup canmount,create,hold,mount,readonly,receive,release,userprop backup");
    replicate(&host, options).is("
        * sent          tank  -> backup/tank  @1  full            1 snapshot  64.9 KiB  in N s
        done: 1 dataset: 1 sent; 1 snapshot, 64.9 KiB in N s
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r backup/tank
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS backup backup/tank_ferro_arriving
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ nas: zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset backup
        $ nas: allow backup
        $ nas: list -Hp -t snapshot -o name,userrefs -r backup/tank
        $ list -Hp -t snapshot -o name,userrefs -r tank
        $ hold ferro_0000000000000066_c983e36d tank@1
        $ bookmark tank@1 tank#ferro_0000000000000066_8f1fc650_0000000000000065
        $ send -Lc tank@1
        $ nas: receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=100 backup/tank
        $ nas: get -Hp -o name,value guid backup/tank@1
        $ nas: hold ferro_0000000000000066_c983e36d backup/tank@1
        = tank @1(ferro_0000000000000066_c983e36d) #ferro_0000000000000066_8f1fc650_0000000000000065=1
        = nas: backup/tank canmount=off readonly=on ferro.zfs:replica=100 @1(ferro_0000000000000066_c983e36d)
    ");
}

#[test]
fn ssh_user_becomes_root_for_zfs_alone() {
    let host = Host::new("tank @1\n").reaches("nas", "backup\n");
    let push = json!({"target": "backup", "target_host": "backup@nas", "holds": true, "ssh": {"become": "sudo"}});
    let sudo = |script: &str| {
        let path = host.path("hosts/nas/sudo");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    sudo("echo sudo: a password is required >&2; exit 1");
    assert_eq!(replicate(&host, push.clone()).check().result()["code"], "become_refused");
    // Notes down for what it was asked.
    sudo("[ \"$1 $2\" = '-n zfs' ] || exit 1; shift; echo \"$2\" >> \"${0%/*}/became\"; exec \"$@\"");
    assert_eq!(replicate(&host, push).result()["datasets"][0]["status"], "ok");
    let became = std::fs::read_to_string(host.path("hosts/nas/became")).unwrap();
    assert!(["list", "receive", "get", "hold"].iter().all(|verb| became.lines().any(|line| line == *verb)), "{became}");
    // Root has all permissions, so nobody asks who it is and what it may.
    assert!(!host.log().contains("allow"));
    let pull =
        json!({"source": ["backup/tank"], "target": "tank", "source_host": "backup@nas", "ssh": {"become": "sudo"}});
    host.zfs_of("nas", "snapshot backup/tank@2");
    assert_eq!(replicate(&host, pull).result()["datasets"][0]["status"], "ok");
    let became = std::fs::read_to_string(host.path("hosts/nas/became")).unwrap();
    assert!(["send", "bookmark"].iter().all(|verb| became.lines().any(|line| line == *verb)), "{became}");
}

#[test]
fn ssh_stream_of_something_else_is_not_received() {
    let host = Host::new("vault\n").reaches("nas", "tank @1\n");
    // Not at once, or the receiver is ended before it has said that it is there.
    let swapped = json!({"command": "send *", "sleeps": 1, "meanwhile": "destroy tank@1;snapshot tank@1"});
    plainly(&host, json!({"source_host": "root@nas"})).fault("nas", swapped).is("
        * failed        tank  -> vault/tank  send on root@nas: unexpected_stream
        failed: 1 dataset: 1 failed; 0 snapshots, BYTES in N s
        ! error: tank -> vault/tank: send on root@nas failed: `zfs send -Lc tank@1`: the stream is refused: it brings tank@1 with guid 7001, which was not asked for
        exit 1
        $ nas: list -Hp -t filesystem,volume -o DATASET_COLUMNS -r tank
        $ nas: list -Hp -t snapshot,bookmark -o name,guid,createtxg -r tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS -r vault/tank
        $ list -Hp -t filesystem,volume -o DATASET_COLUMNS vault vault/tank_ferro_arriving
        $ zpool get -H -o name,property,value feature@large_blocks,feature@lz4_compress,feature@zstd_compress,feature@embedded_data,feature@encryption,feature@extensible_dataset vault
        $ nas: send -Lc tank@1
        $ receive -u -s -o canmount=off -o readonly=on -o ferro.zfs:replica=101 vault/tank
        $ get -Hp -o name,value guid vault/tank@1
        = nas: tank @1=new
    ");
}

/// The first command of that verb never gets there.
fn loses_the_first(host: &Host, verb: &str) {
    let script = format!(
        "case $SSH_ORIGINAL_COMMAND in *' {verb} '*) if mkdir {}; then \
         echo 'Connection to nas closed by remote host.' >&2; exit 255; fi;; esac\n\
         PATH=${{0%/gate}}:/usr/bin:/bin exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n",
        host.path("lost").display()
    );
    std::fs::write(host.path("hosts/nas/gate"), script).unwrap();
}

#[test]
fn nothing_is_sent_while_what_protects_it_on_the_source_was_lost_on_its_way() {
    for (verb, options) in [("bookmark", json!({})), ("hold", json!({"holds": true, "bookmarks": false}))] {
        let host = Host::new("home\n").reaches("nas", "tank @1\n tank/a @1\n");
        std::fs::write(host.path("hosts/nas/id"), "#!/bin/sh\necho 'uid=0(root) gid=0(root) groups=0(root)'\n")
            .unwrap();
        loses_the_first(&host, verb);
        let mut pull = json!({"source_host": "root@nas", "target": "home"});
        pull.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        pull["retries"] = json!(0);
        let ended = replicate(&host, pull.clone()).ended();
        assert_ne!(ended.status, 0, "{}", ended.stdout);
        assert!(!host.log().contains("send "), "{}", host.log());
        std::fs::remove_dir(host.path("lost")).unwrap();
        (pull["retries"], pull["retry_delay"]) = (json!(1), json!("0.1s"));
        let ended = replicate(&host, pull).ended();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        let log = host.log();
        for name in ["tank", "tank/a"] {
            let at = |what: &str| log.find(&format!("nas: {what}")).unwrap_or_else(|| panic!("{what}: {log}"));
            assert!(at(verb) < at(&format!("send -Lc {name}@1")), "{log}");
        }
        // What the first try had to leave is told by nobody: it was made up for.
        assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
    }
}
