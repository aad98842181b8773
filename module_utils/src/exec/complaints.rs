//! The table of all lines on standard error that decide anything. Each pattern is of a whole line.
//!
//! Sources: OpenZFS 2.1, 2.3 and 2.4, lib/libzfs/libzfs_sendrecv.c, libzfs_dataset.c, libzfs_util.c (`libzfs_error_description`,
//! `zfs_standard_error_fmt`), os/linux/libzfs_util_os.c (`libzfs_error_init`) and cmd/zfs/zfs_main.c; OpenSSH 8 to 10, ssh.c,
//! sshconnect.c, sshconnect2.c, packet.c, mux.c; dash, bash, busybox, zsh, csh, tcsh, fish and env of coreutils.

use super::cause::Cause;

/// The first row that fits a line decides what it means; of several lines the one whose row stands first. `NAME` is what ZFS
/// names, without an apostrophe: ZFS allows none in names.
pub(super) const COMPLAINTS: [(&str, Cause); 115] = [
    // The gate.
    (r"zfs_gate: refused: it is not a command of zfs_replicate: those begin with `env LC_ALL=C`", Cause::OldGate),
    (r"zfs_gate: .+", Cause::Refused),
    // ssh.
    (r"Host key verification failed\.", Cause::HostKey),
    (r"@ +WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! +@", Cause::HostKey),
    (r"No [A-Za-z0-9-]+ host key is known for .+ and you have requested strict checking\.", Cause::HostKey),
    (r"[^ ]+: Permission denied \([a-z0-9,@.-]+\)\.", Cause::LoginRefused),
    (r"Received disconnect from .+: Too many authentication failures", Cause::LoginRefused),
    (r"Disconnecting .+: Too many authentication failures.*", Cause::LoginRefused),
    (r"Unable to negotiate with .+: no matching .+", Cause::NoCommonAlgorithm),
    (r"ssh: .+", Cause::ConnectionLost),
    (r"(?:kex|ssh)_exchange_identification: .+", Cause::ConnectionLost),
    (r"banner exchange: .+", Cause::ConnectionLost),
    (r"(?:ssh_dispatch_run_fatal|packet_write_wait|client_loop): .+", Cause::ConnectionLost),
    (r"Connection (?:closed|reset|timed out).*", Cause::ConnectionLost),
    (r"Connection to .+ (?:closed|timed out|reset).*", Cause::ConnectionLost),
    (r"(?:Read|Write) from remote host .+: .+", Cause::ConnectionLost),
    (r"(?:Received disconnect|Disconnected) from .+", Cause::ConnectionLost),
    (r"Timeout, server .+ not responding\.", Cause::ConnectionLost),
    (r"mux_client_[a-z_]+: .+", Cause::ConnectionLost),
    // The shell, and env.
    (
        r"(?:[^ ]+: )?(?:[0-9]+: |line [0-9]+: )?(?:exec: )?(?:line [0-9]+: )?zfs: (?:command )?not found",
        Cause::ZfsMissing,
    ),
    (r"zsh:[0-9]+: command not found: zfs", Cause::ZfsMissing),
    (r"zfs: Command not found\.", Cause::ZfsMissing),
    (r"fish: Unknown command:? '?zfs'?", Cause::ZfsMissing),
    (r"env: (?:can't execute )?['‘]?zfs['’]?: No such file or directory", Cause::ZfsMissing),
    (r"(?:sudo|doas): zfs: command not found", Cause::ZfsMissing),
    // sudo and doas, which are asked not to ask.
    (r"sudo: (?:a password is required|a terminal is required .+|no tty present .+)", Cause::NotRoot),
    (r"sudo: (?:sorry, )?you must have a tty to run sudo", Cause::NotRoot),
    (r"sudo: (?:interactive )?authentication (?:is )?required.*", Cause::NotRoot),
    (r"Sorry, user .+ (?:is not allowed to execute|may not run sudo) .+", Cause::NotRoot),
    (r"[^ ]+ is not (?:in the sudoers file|allowed to run sudo on .+)\..*", Cause::NotRoot),
    (r"sudo(?:-rs)?: I'm sorry [^ ]+\. I'm afraid I can't do that", Cause::NotRoot),
    (r"doas: .+", Cause::NotRoot),
    (
        r"(?:[^ ]+: )?(?:[0-9]+: |line [0-9]+: )?(?:exec: )?(?:line [0-9]+: )?(?:sudo|doas): (?:command )?not found",
        Cause::NotRoot,
    ),
    (r"env: (?:can't execute )?['‘]?(?:sudo|doas)['’]?: No such file or directory", Cause::NotRoot),
    // ZFS as a whole.
    (r"The ZFS modules (?:are not |cannot be auto-)loaded\.", Cause::ModuleMissing),
    (r"/dev/zfs and /proc/self/mounts are required\.", Cause::ModuleMissing),
    (r"Permission denied the ZFS utilities must be run as root\.", Cause::ModuleMissing),
    (r"Unable to open /dev/zfs: .+", Cause::ModuleMissing),
    (r"Failed to initialize the libzfs library\.", Cause::ModuleMissing),
    (r"cannot .+: the loaded zfs module does not support .+", Cause::ModuleTooOld),
    (r"cannot .+: kernel modules must be upgraded to receive this stream\.", Cause::StreamRefused),
    (r"cannot .+: stream has unsupported feature, feature flags = .+", Cause::ModuleTooOld),
    (r"cannot .+: operation not supported by zfs kernel module", Cause::ModuleTooOld),
    // Pools.
    (r"(?:internal error: )?(?:warning: )?cannot .+: pool I/O is currently suspended", Cause::Suspended),
    (r"(?:warning: )?cannot .+: pool is unavailable", Cause::Suspended),
    (r"cannot .+: no such pool '[^']+'", Cause::NoSuchPool),
    (r"cannot open '[^'/@#]+': no such pool", Cause::NoSuchPool),
    (r"cannot .+: pool is read-only", Cause::ReadOnly),
    (r"cannot .+: dataset is read-only", Cause::ReadOnly),
    (r"internal error: cannot .+: Read-only file system", Cause::ReadOnly),
    (r"cannot .+: delegated administration is disabled on pool", Cause::NoDelegation),
    (r"cannot .+: pool must be upgraded.*", Cause::PoolTooOld),
    (r"cannot .+: pool and or dataset must be upgraded to set this property or value", Cause::PoolTooOld),
    (r"cannot .+: bookmark feature not enabled", Cause::PoolTooOld),
    (r"cannot .+: stream uses crypto parameters not compatible with this pool", Cause::PoolTooOld),
    (r"cannot .+: unsupported version or feature", Cause::PoolTooOld),
    // Space and quotas.
    (r"(?:warning: )?cannot .+: out of space", Cause::NoSpace),
    (r"cannot .+: destination NAME space quota exceeded\.", Cause::NoSpace),
    (r"cannot .+: size is (?:less than current used or reserved|greater than available) space", Cause::NoSpace),
    (r"(?:internal error: )?(?:warning: )?cannot .+: (?:No space left on device|Disk quota exceeded)", Cause::NoSpace),
    // Encryption.
    (r"(?:warning: )?cannot .+: (?:source|dataset|inherited) key must be loaded", Cause::KeyNotLoaded),
    (r"cannot .+: encryption root's key is not loaded or provided", Cause::KeyNotLoaded),
    (r"cannot .+: encryption key not loaded", Cause::KeyNotLoaded),
    (r"cannot .+: cannot perform raw receive on top of existing unencrypted dataset", Cause::EncryptionDiffers),
    (
        r"cannot .+: zfs receive -F cannot be used to destroy an encrypted filesystem or overwrite .+",
        Cause::EncryptionDiffers,
    ),
    (r"cannot .+: encryption key does not match existing key", Cause::KeyDiffers),
    (r"cannot .+: IV set guid (?:missing|mismatch)\. See .+", Cause::IvSet),
    (r"cannot .+: incompatible embedded data stream feature with encrypted receive\.", Cause::EmbeddedData),
    (
        r"cannot .+: incremental send stream requires -L \(--large-block\), to match previous receive\.",
        Cause::LargeBlocks,
    ),
    (r"(?:warning: )?cannot .+: source snapshot contains large microzaps, need -L .+", Cause::LargeMicrozaps),
    // What is in the way of a receive.
    (
        r#"cannot receive .+: destination NAME contains partially-complete state from "zfs receive -s"\."#,
        Cause::PartialReceive,
    ),
    (r"cannot .+: Resuming recv on existing (?:dataset without force|destination 'NAME')", Cause::PartialReceive),
    (r"cannot receive .+: destination NAME has been modified", Cause::TargetChanged),
    (r"cannot receive .+: most recent snapshot of NAME does not", Cause::TargetChanged),
    (r"cannot receive .+: destination 'NAME' is a clone", Cause::IsClone),
    (r"cannot receive .+: destination (?:NAME is the root dataset|has children \(eg\. .+\))", Cause::KindDiffers),
    (r"cannot .+: parent (?:'[^']+' )?is not a filesystem", Cause::KindDiffers),
    (r"cannot receive .+: destination 'NAME' exists", Cause::AlreadyExists),
    (r"cannot receive .+: destination has snapshots \(eg\. NAME\)", Cause::AlreadyExists),
    (r"cannot restore to NAME: destination already exists", Cause::AlreadyExists),
    // Held, cloned, in use.
    (r"cannot destroy snapshot NAME: it's being held\. Run 'zfs holds -r .+", Cause::Held),
    (r"cannot destroy snapshot NAME: snapshot is cloned", Cause::Cloned),
    (r"cannot destroy 'NAME': (?:snapshot|filesystem|volume) has dependent clones", Cause::Cloned),
    (r"cannot rollback to '[^']+': clones of previous snapshots exist", Cause::Cloned),
    (r"cannot rollback to 'NAME': more recent snapshots or bookmarks exist", Cause::TargetChanged),
    (
        r"(?:warning: )?cannot .+: (?:dataset is busy|pool or dataset is busy|target is busy; .+|Device or resource busy)",
        Cause::Busy,
    ),
    // Permissions.
    (r"(?:warning: )?cannot .+: (?:permission denied|[Ii]nsufficient privileges?)", Cause::Permission),
    (r"filesystem successfully created, but it may only be mounted by root", Cause::Permission),
    (r"cannot mount '[^']+': Insufficient privileges", Cause::Permission),
    (r"cannot .+: operation not applicable to datasets of this type", Cause::NotApplicable),
    // Properties.
    (
        r"cannot .+: (?:encryption )?property '[^']+' (?:cannot be set|does not apply|must be a string).*",
        Cause::BadProperty,
    ),
    (
        r"cannot .+: (?:'[^']+' (?:is readonly|must be|does not apply|cannot be)|invalid property|invalid '[^']+' property).*",
        Cause::BadProperty,
    ),
    (
        r"cannot .+: (?:invalid property value(?:\(s\) specified)?|property value too long|bad property .+)",
        Cause::BadProperty,
    ),
    (r"cannot .+: property (?:doesn't|setting) .+", Cause::BadProperty),
    // Names that are there or not.
    (r"could not find any snapshots to destroy; check snapshot names\.", Cause::NothingToDestroy),
    (r"cannot send NAME: snapshot .+ does not exist", Cause::DoesNotExist),
    (r"(?:warning: )?cannot .+: incremental source (?:\(.+\) does not exist|could not be found)", Cause::DoesNotExist),
    (r"cannot resume send: .+ no longer (?:exists|the same snapshot used in the initial send)", Cause::DoesNotExist),
    (r"cannot resume send: unable to access .+", Cause::DoesNotExist),
    (r"(?:warning: )?cannot .+: (?:dataset|destination '[^']+'|parent|.+ \(.+\)) does not exist", Cause::DoesNotExist),
    (r"WARNING: could not send NAME: does not exist", Cause::DoesNotExist),
    (r"incremental source \(.+\) does not exist", Cause::DoesNotExist),
    (r"bookmark 'NAME' does not exist\.", Cause::DoesNotExist),
    (r"cannot release hold from snapshot 'NAME': no such tag on this dataset", Cause::DoesNotExist),
    (r"cannot hold snapshot 'NAME': tag already exists on this dataset", Cause::AlreadyExists),
    (r"(?:warning: )?cannot .+: no such (?:pool or dataset|parent '[^']+')", Cause::DoesNotExist),
    (
        r"cannot .+: (?:dataset already exists|pool or dataset exists|bookmark exists|destination already exists)",
        Cause::AlreadyExists,
    ),
    // Disks.
    (
        r"(?:warning: )?cannot .+: (?:I/O error|Input/output error|insufficient replicas|Invalid exchange)",
        Cause::Damaged,
    ),
    // What is most often the echo of something else.
    (
        r"cannot receive.*: (?:checksum mismatch|incomplete stream|checksum mismatch or incomplete stream\.?)",
        Cause::BrokenStream,
    ),
    (
        r"cannot receive.*: (?:failed to read from stream|invalid stream \(.+\)|invalid backup stream|invalid record type.*)",
        Cause::BrokenStream,
    ),
    (
        r"(?:warning: )?cannot (?:send|resume send|receive).*: (?:Broken pipe|signal received|backup failed)",
        Cause::BrokenStream,
    ),
    // ZFS says so, and no more is known of it; here it is, so that it is not taken for noise.
    (r"(?:internal error|warning): .+", Cause::Other),
    (r"cannot .+", Cause::Other),
    (r"(?:invalid|missing|unrecognized|bad|too many) .+", Cause::Other),
    (r"usage:", Cause::Other),
];
