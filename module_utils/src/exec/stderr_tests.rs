use super::super::complaints::COMPLAINTS;
use super::{Cause, cause, compile, complaints, literal, only_missing, own, whole};
use crate::exec::cmd::BEGIN;
use proptest::prelude::{any, prop, prop_assert_eq, proptest};

#[test]
fn every_row_of_the_table_is_a_pattern() {
    for (pattern, _) in COMPLAINTS {
        assert!(compile(&whole(pattern)).is_some(), "{pattern}");
    }
}

#[test]
fn the_literal_of_a_pattern_is_in_each_line_that_it_fits() {
    assert_eq!(literal("cannot .+: no such pool '[^']+'"), ": no such pool '");
    assert_eq!(literal(r"Unknown command:? '?zfs'?"), "Unknown command");
    assert_eq!(literal(r"cannot .+: NAME has (?:more|snapshots \(eg\. .+\))\."), "cannot ");
    assert_eq!(literal(r"a+b\.c"), "b.c");
    for (pattern, _) in COMPLAINTS {
        let (compiled, literal) = (compile(&whole(pattern)).unwrap(), literal(pattern));
        for line in MEANING.iter().flat_map(|(text, _)| text.lines()) {
            assert!(!compiled.is_match(line.as_bytes()) || line.contains(&literal), "{pattern} fits {line:?}");
        }
    }
}

const MEANING: &[(&str, Cause)] = &[
    ("cannot open 'tank/x': dataset does not exist", Cause::DoesNotExist),
    ("ssh: connect to host backup port 22: Connection refused", Cause::ConnectionLost),
    ("ssh: Could not resolve hostname nowhere.invalid: Name or service not known", Cause::ConnectionLost),
    (
        "kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.0.0.1 port 22",
        Cause::ConnectionLost,
    ),
    ("Connection to nas closed by remote host.", Cause::ConnectionLost),
    ("Timeout, server nas not responding.", Cause::ConnectionLost),
    ("root@backup: Permission denied (publickey).", Cause::LoginRefused),
    ("root@backup: Permission denied (publickey,keyboard-interactive).", Cause::LoginRefused),
    (
        "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\nDisconnected from 10.0.0.1 port 22",
        Cause::LoginRefused,
    ),
    (
        "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa",
        Cause::NoCommonAlgorithm,
    ),
    ("cannot create 'tank/x': permission denied", Cause::Permission),
    ("Host key verification failed.", Cause::HostKey),
    (
        "No ED25519 host key is known for nas and you have requested strict checking.\nHost key verification failed.",
        Cause::HostKey,
    ),
    ("zfs_gate: refused: tank/database is not within its datasets", Cause::Refused),
    ("zfs_gate: refused: it is not a command of zfs_replicate: those begin with `env LC_ALL=C`", Cause::OldGate),
    ("sh: 1: zfs: not found", Cause::ZfsMissing),
    ("sh: 1: exec: zfs: not found", Cause::ZfsMissing),
    ("sh: line 1: exec: zfs: not found", Cause::ZfsMissing),
    ("sh: exec: line 0: zfs: not found", Cause::ZfsMissing),
    ("bash: line 1: zfs: command not found", Cause::ZfsMissing),
    ("zfs: command not found", Cause::ZfsMissing),
    ("zfs: Command not found.", Cause::ZfsMissing),
    ("env: 'zfs': No such file or directory", Cause::ZfsMissing),
    ("env: ‘zfs’: No such file or directory", Cause::ZfsMissing),
    ("env: can't execute 'zfs': No such file or directory", Cause::ZfsMissing),
    ("sudo: zfs: command not found", Cause::ZfsMissing),
    ("sudo: a password is required", Cause::NotRoot),
    (
        "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper",
        Cause::NotRoot,
    ),
    ("sudo: sorry, you must have a tty to run sudo", Cause::NotRoot),
    ("sudo: interactive authentication is required", Cause::NotRoot),
    ("Sorry, user backup is not allowed to execute '/usr/sbin/zfs list' as root on nas.", Cause::NotRoot),
    ("backup is not in the sudoers file.", Cause::NotRoot),
    ("backup is not in the sudoers file.  This incident will be reported.", Cause::NotRoot),
    ("doas: Authorization required", Cause::NotRoot),
    ("doas: Operation not permitted", Cause::NotRoot),
    ("sh: 1: exec: sudo: not found", Cause::NotRoot),
    ("sh: line 1: exec: doas: not found", Cause::NotRoot),
    // It warns of that and goes on.
    (
        "sudo: unable to resolve host nas: Name or service not known\ncannot open 'tank/x': dataset does not exist",
        Cause::DoesNotExist,
    ),
    ("The ZFS modules are not loaded.\nTry running 'modprobe zfs' as root to load them.", Cause::ModuleMissing),
    ("cannot receive new filesystem stream: out of space", Cause::NoSpace),
    ("cannot receive incremental stream: destination bk/ph space quota exceeded.", Cause::NoSpace),
    (
        "cannot receive incremental stream: destination bk/ph has been modified\nsince most recent snapshot",
        Cause::TargetChanged,
    ),
    (
        "cannot receive incremental stream: most recent snapshot of bk/ph does not\nmatch incremental source",
        Cause::TargetChanged,
    ),
    (
        "cannot receive incremental stream: checksum mismatch or incomplete stream.\nPartially received snapshot is saved.",
        Cause::BrokenStream,
    ),
    ("cannot receive: invalid stream (bad magic number)", Cause::BrokenStream),
    (
        "cannot receive resume stream: destination bk/ph contains partially-complete state from \"zfs receive -s\".",
        Cause::PartialReceive,
    ),
    ("cannot resume send: 'tank/enc@s2' used in the initial send no longer exists", Cause::DoesNotExist),
    ("cannot receive new filesystem stream: pool must be upgraded to receive this stream.", Cause::PoolTooOld),
    ("cannot create bookmark 'tank/a#b': bookmark feature not enabled", Cause::PoolTooOld),
    (
        "cannot receive incremental stream: incremental send stream requires -L (--large-block), to match previous receive.",
        Cause::LargeBlocks,
    ),
    (
        "cannot receive new filesystem stream: incompatible embedded data stream feature with encrypted receive.",
        Cause::EmbeddedData,
    ),
    (
        "cannot receive new filesystem stream: zfs receive -F cannot be used to destroy an encrypted filesystem or overwrite an unencrypted one with an encrypted one",
        Cause::EncryptionDiffers,
    ),
    (
        "cannot receive incremental stream: cannot perform raw receive on top of existing unencrypted dataset",
        Cause::EncryptionDiffers,
    ),
    ("cannot receive new filesystem stream: inherited key must be loaded", Cause::KeyNotLoaded),
    ("cannot create 'vault/enc/x': encryption root's key is not loaded or provided", Cause::KeyNotLoaded),
    ("warning: cannot send 'tank/enc@s1': source key must be loaded", Cause::KeyNotLoaded),
    (
        "cannot receive incremental stream: IV set guid mismatch. See the 'zfs receive' man page section\n discussing the limitations of raw encrypted send streams.",
        Cause::IvSet,
    ),
    ("cannot receive new filesystem stream: pool I/O is currently suspended", Cause::Suspended),
    ("cannot open 'vault': pool I/O is currently suspended", Cause::Suspended),
    (
        "cannot receive new filesystem stream: kernel modules must be upgraded to receive this stream.",
        Cause::StreamRefused,
    ),
    ("cannot receive: stream has unsupported feature, feature flags = 24 (unknown flags = 20)", Cause::ModuleTooOld),
    (
        "cannot receive new filesystem stream: destination 'vault/x' is a clone\nmust destroy it to overwrite it",
        Cause::IsClone,
    ),
    (
        "cannot receive new filesystem stream: destination 'vault/x' exists\nmust specify -F to overwrite it",
        Cause::AlreadyExists,
    ),
    (
        "cannot receive new filesystem stream: destination has snapshots (eg. vault/x@a)\nmust destroy them to overwrite it",
        Cause::AlreadyExists,
    ),
    ("cannot receive new filesystem stream: parent 'vault/vol' is not a filesystem", Cause::KindDiffers),
    ("cannot create 'vault/vol/x': parent is not a filesystem", Cause::KindDiffers),
    ("cannot create 'usb/x': no such pool 'usb'", Cause::NoSuchPool),
    ("cannot destroy snapshot tank/a@x: it's being held. Run 'zfs holds -r tank/a@x' to see holders.", Cause::Held),
    (
        "cannot destroy 'tank/a@c': snapshot has dependent clones\nuse '-R' to destroy the following datasets:\ntank/cl",
        Cause::Cloned,
    ),
    ("cannot destroy snapshot tank/a@c: snapshot is cloned", Cause::Cloned),
    (
        "cannot rollback to 'tank/a@x': more recent snapshots or bookmarks exist\nuse '-r' to force",
        Cause::TargetChanged,
    ),
    ("cannot destroy snapshot tank/a@x: dataset is busy", Cause::Busy),
    ("could not find any snapshots to destroy; check snapshot names.", Cause::NothingToDestroy),
    ("cannot snapshot 'tank/a': pool is read-only", Cause::ReadOnly),
    ("cannot create bookmark 'tank/a#b': pool is read-only", Cause::ReadOnly),
    ("cannot create snapshots : permission denied", Cause::Permission),
    ("filesystem successfully created, but it may only be mounted by root", Cause::Permission),
    ("cannot set permissions on 'tank': operation not applicable to datasets of this type", Cause::NotApplicable),
    ("cannot receive: encryption property 'encryption' cannot be set or excluded for raw streams.", Cause::BadProperty),
    ("cannot hold: pool must be upgraded", Cause::PoolTooOld),
    ("warning: cannot send 'tank/a@s1': Broken pipe", Cause::BrokenStream),
    ("warning: cannot send 'tank/a@s1': I/O error", Cause::Damaged),
    ("cannot set permissions on 'tank': delegated administration is disabled on pool", Cause::NoDelegation),
    ("cannot receive incremental stream: encryption key does not match existing key", Cause::KeyDiffers),
    (
        "warning: cannot send 'tank/a@s1': source snapshot contains large microzaps, need -L (--large-block) or -w (--raw) to generate stream",
        Cause::LargeMicrozaps,
    ),
    ("cannot iterate filesystems: something new", Cause::Other),
    ("something else", Cause::Other),
];

#[test]
fn complaints_have_causes() {
    for (stderr, expected) in MEANING {
        assert_eq!(cause(stderr), *expected, "{stderr}");
    }
}

#[test]
fn every_cause_of_the_table_has_an_example() {
    for (pattern, of_row) in COMPLAINTS {
        assert!(MEANING.iter().any(|(_, cause)| *cause == of_row), "{of_row:?}: {pattern}");
        let advice = of_row.advice().unwrap_or_default();
        assert!(!advice.contains("  "), "{advice}");
    }
}

/// All of it was seen on standard error while everything was well.
const NOISE: &str = "Warning: Permanently added '10.0.0.1' (ED25519) to the list of known hosts.\n\
    ** WARNING: connection is not using a post-quantum key exchange algorithm.\n\
    ** This session may be vulnerable to \"store now, decrypt later\" attacks.\n\
    ** The server may need to be upgraded. See https://openssh.com/pq.html\n\
    ***********************************************************\n\
    Authorized users only. Permission denied to all others.\n\
    Unauthorized access is read-only, may be out of space, and is busy; it already exists and does not exist.\n\
    Connections are logged. Host key verification failed? Call 123.\n\
    ***********************************************************\n\
    Warning: Identity file /root/x not accessible: No such file or directory.\n\
    stty: 'standard input': Inappropriate ioctl for device\n\
    bash: warning: setlocale: LC_ALL: cannot change locale (de_DE.UTF-8)\n\
    /root/.bashrc: line 3: nvm: command not found\n\
    -bash: /root/.secrets: Permission denied\n\
    tput: No value for $TERM and no -T specified\n\
    ControlSocket /run/x/0 already exists, disabling multiplexing\n\
    xauth: file /root/.Xauthority does not exist\n\
    perl: warning: Falling back to the standard locale (\"C\").";

#[test]
fn noise_decides_nothing() {
    assert_eq!(cause(NOISE), Cause::Other);
    assert!(!only_missing(NOISE));
    let missing = "cannot open 'vault/tank': dataset does not exist";
    for stderr in
        [format!("{NOISE}\n{missing}"), format!("{missing}\n{NOISE}"), format!("{NOISE}\n{missing}\r\n{NOISE}")]
    {
        assert!(only_missing(&stderr), "{stderr}");
        assert_eq!(cause(&stderr), Cause::DoesNotExist);
    }
    // What is ZFS's own and not of names is a failure, known or not.
    for other in
        ["cannot iterate filesystems: I/O error", "internal error: cannot open 'tank': Invalid argument", "usage:"]
    {
        assert!(!only_missing(&format!("{missing}\n{other}")), "{other}");
    }
}

#[test]
fn names_decide_nothing() {
    for name in [
        "read-only",
        "is busy",
        "out of space",
        "permission denied",
        "does not exist",
        "a: permission denied",
        "zfs: not found",
    ] {
        let busy = format!("cannot destroy 'tank/{name}@x': dataset is busy");
        assert_eq!(cause(&busy), Cause::Busy, "{busy}");
        assert_eq!(complaints(&busy).next().unwrap().dataset, Some(format!("tank/{name}@x").as_str()));
        let unknown = format!("cannot frobnicate 'tank/{name}': a new complaint");
        assert_eq!(cause(&unknown), Cause::Other, "{unknown}");
    }
}

#[test]
fn complaints_name_who_is_to_blame() {
    let stderr = "cannot destroy snapshot tank/a@x: it's being held. Run 'zfs holds -r tank/a@x' to see holders.\n\
                  cannot destroy 'tank/a@c': snapshot has dependent clones\n\
                  use '-R' to destroy the following datasets:\ntank/cl\n\
                  cannot open 'tank/my data': dataset does not exist\nusage:\n\tsnapshot [-r] ...\n\
                  cannot create snapshot 'tank/a@x y': dataset already exists\nno snapshots were created\n\
                  cannot create snapshot 'tank/b@x': out of space\n\
                  cannot create snapshots : permission denied\ncannot destroy snapshots: permission denied";
    let named: Vec<_> = complaints(stderr).filter_map(|it| Some((it.dataset?, it.cause))).collect();
    assert_eq!(
        named,
        [
            ("tank/a@x", Cause::Held),
            ("tank/a@c", Cause::Cloned),
            ("tank/my data", Cause::DoesNotExist),
            ("tank/a@x y", Cause::AlreadyExists),
            ("tank/b@x", Cause::NoSpace),
        ]
    );
}

#[test]
fn what_comes_before_our_line_is_not_the_commands() {
    let stderr =
        format!("cannot open 'tank': dataset does not exist\nhello {BEGIN}\ncannot open 'tank/a': permission denied");
    assert_eq!(own(&stderr), "cannot open 'tank/a': permission denied");
    assert_eq!(cause(&stderr), Cause::Permission);
    assert_eq!(own(&format!("hello\n{BEGIN}")), "");
    assert!(!only_missing(&format!("cannot open 'tank': dataset does not exist\n{BEGIN}\n")));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_whole_lines_only_count(
        lines in prop::collection::vec(prop::sample::select(vec!["cannot open", "'tank/a'", ": dataset does not exist", "zfs", "\n", " ", "'"]), 0..12),
        any in any::<String>(),
    ) {
        let text = lines.concat();
        let _ = cause(&any);
        let indented = text.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(complaints(&indented).count(), 0);
    }
}
