//! What a complaint of `zfs`, `ssh` or the shell means. Exit status decides success; this only explains failure.

/// Why a command failed, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The host cannot be reached, or not any more.
    ConnectionLost,
    /// It hangs.
    NoAnswer,
    /// The host refused our key or user.
    LoginRefused,
    /// The host's key is not the known one, or not known at all.
    HostKey,
    /// The gate there (`zfs_gate` in `authorized_keys`) does not let it through.
    Refused,
    /// `zfs` is not installed, or not in `PATH`.
    ZfsMissing,
    /// ZFS runs, but its kernel module does not.
    ModuleMissing,
    /// The user may not do this.
    Permission,
    /// No space left, or a quota is reached.
    NoSpace,
    /// A dataset or snapshot is not, or no longer, there.
    DoesNotExist,
    /// It is there already.
    AlreadyExists,
    /// An interrupted receive is in the way.
    PartialReceive,
    /// The target was written to, or does not have the base as its newest snapshot.
    TargetChanged,
    /// Held, cloned, mounted or otherwise in use.
    Busy,
    /// The key is not loaded.
    KeyNotLoaded,
    /// The pool is read-only.
    ReadOnly,
    /// The stream ended early or was damaged: most often the echo of another failure.
    BrokenStream,
    /// We were asked to stop.
    Stopped,
    /// None of these.
    Other,
}

/// The first line that fits decides, so the more telling ones stand first.
const MEANING: [(&str, Cause); 51] = [
    ("zfs_gate: refused", Cause::Refused),
    ("host key verification failed", Cause::HostKey),
    ("remote host identification has changed", Cause::HostKey),
    ("permission denied (", Cause::LoginRefused),
    ("too many authentication failures", Cause::LoginRefused),
    ("could not resolve hostname", Cause::ConnectionLost),
    ("connection refused", Cause::ConnectionLost),
    ("connection timed out", Cause::ConnectionLost),
    ("operation timed out", Cause::ConnectionLost),
    ("no route to host", Cause::ConnectionLost),
    ("network is unreachable", Cause::ConnectionLost),
    ("connection closed", Cause::ConnectionLost),
    ("connection reset", Cause::ConnectionLost),
    ("connection to ", Cause::ConnectionLost),
    ("kex_exchange_identification", Cause::ConnectionLost),
    ("client_loop: send disconnect", Cause::ConnectionLost),
    ("not responding", Cause::ConnectionLost),
    ("mux_client", Cause::ConnectionLost),
    ("session open refused", Cause::ConnectionLost),
    ("zfs: not found", Cause::ZfsMissing),
    ("zfs: command not found", Cause::ZfsMissing),
    ("'zfs': no such file", Cause::ZfsMissing),
    ("zfs’: no such file", Cause::ZfsMissing),
    ("zfs: no such file", Cause::ZfsMissing),
    ("the zfs modules are not loaded", Cause::ModuleMissing),
    ("the zfs modules cannot be auto-loaded", Cause::ModuleMissing),
    ("/dev/zfs", Cause::ModuleMissing),
    ("out of space", Cause::NoSpace),
    ("no space left", Cause::NoSpace),
    ("quota exceeded", Cause::NoSpace),
    ("space quota", Cause::NoSpace),
    ("permission denied", Cause::Permission),
    ("insufficient privilege", Cause::Permission),
    ("may only be mounted by root", Cause::Permission),
    ("contains partially-complete state", Cause::PartialReceive),
    ("has been modified", Cause::TargetChanged),
    ("most recent snapshot of", Cause::TargetChanged),
    ("does not match incremental source", Cause::TargetChanged),
    ("no longer exists", Cause::DoesNotExist),
    ("does not exist", Cause::DoesNotExist),
    ("no such pool", Cause::DoesNotExist),
    ("could not find any snapshots", Cause::DoesNotExist),
    ("already exists", Cause::AlreadyExists),
    ("destination '", Cause::AlreadyExists),
    ("key must be loaded", Cause::KeyNotLoaded),
    ("encryption key not loaded", Cause::KeyNotLoaded),
    ("read-only", Cause::ReadOnly),
    ("is busy", Cause::Busy),
    ("checksum mismatch or incomplete stream", Cause::BrokenStream),
    ("failed to read from stream", Cause::BrokenStream),
    ("invalid backup stream", Cause::BrokenStream),
];

/// Reads the meaning out of what a command wrote to standard error.
#[must_use]
pub fn cause(stderr: &str) -> Cause {
    let text = stderr.to_ascii_lowercase();
    MEANING.iter().find(|(words, _)| text.contains(words)).map_or(Cause::Other, |(_, cause)| *cause)
}

impl Cause {
    /// What it is, and what to do about it.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::ConnectionLost => "the host cannot be reached over ssh; check its name, network and sshd",
            Self::NoAnswer => {
                "it hangs there, as everything does while a pool is suspended (look at `zpool status`), or needs longer; zfs_replicate \
                 waits for stall_timeout"
            }
            Self::LoginRefused => "the host refused the login; check the user, ssh.identity_file and authorized_keys",
            Self::HostKey => "the host's key is unknown or has changed; put the right one into known_hosts",
            Self::Refused => {
                "the gate in authorized_keys there does not let it through; compare its --mode and --dataset with this task, or ask \
                 `zfs_gate ... --explain` there"
            }
            Self::ZfsMissing => "zfs is not installed there, or not in PATH",
            Self::ModuleMissing => "the ZFS kernel module is not loaded there, or the user may not open /dev/zfs",
            Self::Permission => {
                "the user lacks a permission there; grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs"
            }
            Self::NoSpace => "the pool is full or a quota is reached there; make room, then run again",
            Self::DoesNotExist => "it is not there, or was destroyed meanwhile",
            Self::AlreadyExists => "something of that name is there already",
            Self::PartialReceive => "an interrupted receive is in the way; run again to resume or discard it",
            Self::TargetChanged => "the target changed meanwhile; run again to see how the two sides differ",
            Self::Busy => "it is in use there; run again when it is free",
            Self::KeyNotLoaded => "the encryption key is not loaded there; load it, or send raw",
            Self::ReadOnly => "the pool is imported read-only there",
            Self::BrokenStream => "the stream ended early or was damaged on its way",
            Self::Stopped | Self::Other => return None,
        })
    }

    /// True where trying again, planned anew, may well succeed.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::ConnectionLost
                | Self::NoAnswer
                | Self::BrokenStream
                | Self::PartialReceive
                | Self::TargetChanged
                | Self::DoesNotExist
                | Self::Busy
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, cause};

    #[test]
    fn complaints_have_causes() {
        for (stderr, expected) in [
            ("cannot open 'tank/x': dataset does not exist", Cause::DoesNotExist),
            ("ssh: connect to host backup port 22: Connection refused", Cause::ConnectionLost),
            ("root@backup: Permission denied (publickey).", Cause::LoginRefused),
            ("cannot create 'tank/x': permission denied", Cause::Permission),
            ("Host key verification failed.", Cause::HostKey),
            ("zfs_gate: refused: tank/database is not within its datasets", Cause::Refused),
            ("sh: 1: zfs: not found", Cause::ZfsMissing),
            ("env: 'zfs': No such file or directory", Cause::ZfsMissing),
            ("env: ‘zfs’: No such file or directory", Cause::ZfsMissing),
            ("cannot receive new filesystem stream: out of space", Cause::NoSpace),
            (
                "cannot receive incremental stream: destination bk/ph has been modified\nsince most recent snapshot",
                Cause::TargetChanged,
            ),
            ("cannot receive incremental stream: checksum mismatch or incomplete stream.", Cause::BrokenStream),
            ("cannot resume send: 'tank/enc@s2' used in the initial send no longer exists", Cause::DoesNotExist),
            ("something else", Cause::Other),
        ] {
            assert_eq!(cause(stderr), expected, "{stderr}");
        }
    }
}
