//! Why a command failed, and what to do about it.

use crate::model::code::codes;

/// Why a command failed, as far as it said so.
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
    /// ssh here and sshd there have no algorithm in common.
    NoCommonAlgorithm,
    /// The login shell never ran the command.
    LoginShell,
    /// The gate there (`zfs_gate` in `authorized_keys`) does not let it through.
    Refused,
    /// The gate there is of version 0.1, which knows the commands of its own version only.
    OldGate,
    /// The user cannot become root there.
    NotRoot,
    /// `zfs` is not installed, or not in `PATH`.
    ZfsMissing,
    /// ZFS runs, but its kernel module does not.
    ModuleMissing,
    /// The kernel module there is too old.
    ModuleTooOld,
    /// The user may not do this.
    Permission,
    /// Nobody but root may do this on that pool.
    NoDelegation,
    /// This ZFS does not know it for datasets of this type.
    NotApplicable,
    /// A property that cannot be set.
    BadProperty,
    /// No space left, or a quota is reached.
    NoSpace,
    /// There is no pool of that name.
    NoSuchPool,
    /// A dataset or snapshot is not, or no longer, there.
    DoesNotExist,
    /// None of the snapshots to be destroyed is there any more.
    NothingToDestroy,
    /// It is there already.
    AlreadyExists,
    /// An interrupted receive is in the way.
    PartialReceive,
    /// The target was written to, or does not have the base as its newest snapshot.
    TargetChanged,
    /// Held.
    Held,
    /// A clone hangs on it.
    Cloned,
    /// The target itself is a clone.
    IsClone,
    /// Filesystem here, volume there.
    KindDiffers,
    /// Mounted or otherwise in use.
    Busy,
    /// The key is not loaded.
    KeyNotLoaded,
    /// Encrypted onto plain or the other way.
    EncryptionDiffers,
    /// The target was received with another key.
    KeyDiffers,
    /// Raw streams do not follow one another.
    IvSet,
    /// Embedded data onto an encrypted target.
    EmbeddedData,
    /// Large blocks before, none now.
    LargeBlocks,
    /// Directories with large blocks, and a stream without.
    LargeMicrozaps,
    /// The stream does not fit, and ZFS does not tell why.
    StreamRefused,
    /// The pool lacks a feature.
    PoolTooOld,
    /// The pool has lost its disks.
    Suspended,
    /// A disk failed, or what it gives is damaged.
    Damaged,
    /// The pool is read-only.
    ReadOnly,
    /// The stream ended early or was damaged: most often the echo of another failure.
    BrokenStream,
    /// What it printed is not what was asked for.
    Unexpected,
    /// It printed more than there can be.
    TooMuch,
    /// The stream is another one than was asked for, or none.
    UnexpectedStream,
    /// A program other than `zfs` is not installed, or not in `PATH`.
    ProgramMissing,
    /// We were asked to stop.
    Stopped,
    /// A command of the user's before or after ours failed.
    HookFailed,
    /// None of these.
    Other,
}

codes! {
    Cause {
        ConnectionLost => "connection_lost",
        NoAnswer => "no_answer",
        LoginRefused => "login_refused",
        HostKey => "host_key",
        NoCommonAlgorithm => "no_common_algorithm",
        LoginShell => "login_shell",
        Refused => "gate_refused",
        OldGate => "gate_too_old",
        NotRoot => "become_refused",
        ZfsMissing => "zfs_missing",
        ModuleMissing => "module_missing",
        ModuleTooOld => "module_too_old",
        Permission => "permission_missing",
        NoDelegation => "delegation_off",
        NotApplicable => "not_applicable",
        BadProperty => "property_refused",
        NoSpace => "no_space",
        NoSuchPool => "pool_missing",
        DoesNotExist => "does_not_exist",
        NothingToDestroy => "does_not_exist",
        AlreadyExists => "already_exists",
        PartialReceive => "partial_receive",
        TargetChanged => "target_changed",
        Held => "held",
        Cloned => "cloned",
        IsClone => "target_is_clone",
        KindDiffers => "kind_differs",
        Busy => "busy",
        KeyNotLoaded => "key_not_loaded",
        EncryptionDiffers => "encryption_differs",
        KeyDiffers => "key_differs",
        IvSet => "iv_set_differs",
        EmbeddedData => "embedded_data",
        LargeBlocks => "large_blocks_differ",
        LargeMicrozaps => "large_microzap",
        StreamRefused => "stream_refused",
        PoolTooOld => "feature_missing",
        Suspended => "pool_suspended",
        Damaged => "damaged",
        ReadOnly => "pool_read_only",
        BrokenStream => "broken_stream",
        Unexpected => "answer_not_understood",
        TooMuch => "answer_too_large",
        UnexpectedStream => "unexpected_stream",
        ProgramMissing => "program_missing",
        Stopped => "stopped",
        HookFailed => "hook_failed",
        Other => "command_failed",
    }
}

impl Cause {
    /// What it is, and what to do about it.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        self.of_connection().or_else(|| self.of_receive()).or_else(|| self.of_dataset())
    }

    /// True where the command was not run at all, or its end is not known.
    #[must_use]
    pub fn is_of_connection(self) -> bool {
        self.of_connection().is_some() || self == Self::Stopped
    }

    fn of_connection(self) -> Option<&'static str> {
        Some(match self {
            Self::ConnectionLost => "the host cannot be reached over ssh; check its name, network and sshd",
            Self::NoAnswer => {
                "it hangs there, as everything does while a pool is suspended (look at `zpool status`), or needs longer; zfs_replicate \
                 waits for stall_timeout"
            }
            Self::LoginRefused => "the host refused the login; check the user, ssh.identity_file and authorized_keys",
            Self::HostKey => "the host's key is unknown or has changed; put the right one into known_hosts",
            Self::NoCommonAlgorithm => {
                "ssh here and sshd there have no algorithm in common; update the older one, or allow one with ssh.options"
            }
            Self::LoginShell => {
                "the login shell there did not run the command; check the user's shell in /etc/passwd, its startup files, \
                 and command= in authorized_keys"
            }
            Self::Refused => {
                "the gate in authorized_keys there does not let it through; compare its --mode and --dataset with this task, or ask \
                 `zfs_gate ... --explain` there"
            }
            Self::OldGate => {
                "the gate in authorized_keys there is of an older version than zfs_replicate here; install the gate of this \
                 version there, as the role that set it up does"
            }
            Self::NotRoot => {
                "sudo or doas there does not let the user run zfs without a password, which ssh.become needs; the line for sudoers is \
                 in docs/replication.md"
            }
            Self::ZfsMissing => "zfs is not installed there, or not in PATH",
            Self::ModuleMissing => "the ZFS kernel module is not loaded there, or the user may not open /dev/zfs",
            _ => return None,
        })
    }

    fn of_receive(self) -> Option<&'static str> {
        self.of_target().or_else(|| self.of_stream())
    }

    /// What is there is in the way.
    fn of_target(self) -> Option<&'static str> {
        Some(match self {
            Self::PartialReceive => "an interrupted receive is in the way; run again to resume or discard it",
            Self::TargetChanged => "the target changed meanwhile; run again to see how the two sides differ",
            Self::IsClone => {
                "the target is a clone, which ZFS does not overwrite; rename it out of the way (zfs rename), or choose another target"
            }
            Self::KindDiffers => {
                "a filesystem cannot take the place of a volume, nor the other way, and a volume has no children; rename what \
                 is there out of the way (zfs rename), or choose another target"
            }
            Self::EncryptionDiffers => {
                "ZFS replaces no dataset where only one of the two is encrypted, and none that is encrypted; rename the target \
                 out of the way (zfs rename) and run again"
            }
            Self::KeyDiffers => {
                "the target was received with another key than the stream has, so it is of another source or an older one; \
                 rename it out of the way (zfs rename) and run again, which sends it anew"
            }
            Self::IvSet => {
                "raw streams do not follow on the target's history, as something was received there plain; rename it out of \
                 the way (zfs rename) and run again, or let on_diverged: set_aside do that"
            }
            _ => return None,
        })
    }

    /// The stream does not fit.
    fn of_stream(self) -> Option<&'static str> {
        Some(match self {
            Self::ModuleTooOld => {
                "the ZFS kernel module there is too old for this stream; update ZFS there and reboot, as `zfs version` shows both"
            }
            Self::EmbeddedData => {
                "the stream has embedded data, which an encrypted target cannot take; send plain (raw: never), or to a target \
                 that is not encrypted"
            }
            Self::LargeBlocks => {
                "earlier streams brought large blocks (zfs send -L) and this one has none; leave send_flags.large_block at auto, or \
                 rename the target out of the way (zfs rename) and run again, which sends it anew"
            }
            Self::LargeMicrozaps => {
                "it has directories with large blocks (large_microzap), which ZFS sends only with -L; enable large_blocks in the \
                 target's pool, where it is missing, and leave send_flags.large_block at auto. Where the target's history was sent \
                 without, rename it out of the way (zfs rename) and run again"
            }
            Self::StreamRefused => {
                "ZFS there does not take this stream, for one of two reasons that it does not tell apart: its kernel module is older \
                 than the stream (compare `zfs version` of both), or the stream does not fit what is there, as raw onto plain; \
                 where the versions are equal, rename the target out of the way (zfs rename) and run again"
            }
            Self::PoolTooOld => {
                "the pool there lacks a feature that this needs, such as large_blocks, zstd_compress or bookmark_v2; compare `zpool get all \
                 POOL | grep feature@` of both, then enable it there with `zpool set feature@NAME=enabled POOL` or `zpool upgrade POOL`; \
                 of large blocks and compression, send_flags: auto leaves out what the pool lacks"
            }
            Self::BadProperty => {
                "a property cannot be set there; check receive_properties, receive_exclude and, with send_properties, what \
                 the source has"
            }
            Self::BrokenStream => "the stream ended early or was damaged on its way",
            _ => return None,
        })
    }

    fn of_dataset(self) -> Option<&'static str> {
        Some(match self {
            Self::Permission => {
                "the user lacks a permission there; grant it with zfs allow, or with zfs_delegate, whose jobs have what each module needs"
            }
            Self::NoDelegation => {
                "that pool lets nobody but root; `zpool set delegation=on POOL` there lets zfs allow work"
            }
            Self::NoSpace => "the pool is full or a quota is reached there; make room, then run again",
            Self::NoSuchPool => "no pool of that name is imported there; `zpool import` shows those that could be",
            Self::DoesNotExist | Self::NothingToDestroy => "it is not there, or was destroyed meanwhile",
            Self::AlreadyExists => "something of that name is there already",
            Self::Held => "a hold keeps it; `zfs holds` there shows whose, and zfs release ends it",
            Self::Cloned => {
                "a clone hangs on it: promote the clone (zfs promote) or destroy it, `zfs get clones SNAPSHOT` there names it"
            }
            // OpenZFS 2.1 says it of a held snapshot, too.
            Self::Busy => {
                "it is in use there, or it is a snapshot with a hold (`zfs holds` there shows whose); run again when it is free"
            }
            Self::KeyNotLoaded => "the encryption key is not loaded there; load it (zfs load-key), or send raw",
            Self::Suspended => {
                "the pool there has lost its disks and waits for them; bring them back, then `zpool clear POOL`"
            }
            Self::Damaged => {
                "a disk there failed or what is on it is damaged; `zpool status -v POOL` shows which and what"
            }
            Self::ReadOnly => "the pool is imported read-only there",
            _ => return None,
        })
    }

    /// True where nobody knows what came of the command, for its answer did not come.
    #[must_use]
    pub fn is_unanswered(self) -> bool {
        matches!(self, Self::ConnectionLost | Self::NoAnswer | Self::Stopped)
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
                | Self::NothingToDestroy
                | Self::Busy
        )
    }
}
