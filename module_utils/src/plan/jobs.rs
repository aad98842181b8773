//! Named lists of just the permissions that a job needs.
//!
//! Each was found on real ZFS by taking one permission after the other away from an ordinary user, until the job failed;
//! tests/integration/test_delegate.py does so again.

use crate::model::permissions::Permissions;

/// A job that a user can be trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// The sending side of `zfs_replicate`.
    ReplicateSource,
    /// The receiving side of `zfs_replicate`.
    ReplicateTarget,
    /// `zfs_policy_snapshot`.
    Snapshot,
    /// `zfs_prune`.
    Prune,
}

impl Job {
    /// Its name, as the option of `zfs_delegate` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ReplicateSource => "replicate_source",
            Self::ReplicateTarget => "replicate_target",
            Self::Snapshot => "snapshot",
            Self::Prune => "prune",
        }
    }

    /// What it needs.
    #[must_use]
    pub fn permissions(self) -> Permissions {
        let list: &[&str] = match self {
            // `destroy` without `mount` is enough to remove bookmarks and too little to destroy a snapshot or a dataset: for
            // those the kernel wants both (`zfs_secpolicy_destroy_perms` in OpenZFS, module/zfs/zfs_ioctl.c).
            Self::ReplicateSource => &["bookmark", "destroy", "hold", "release", "send"],
            // `mount` mounts nothing on Linux, yet the kernel wants it for every create and receive. `canmount` and `readonly`
            // are for the properties that a replica gets, `userprop` for the mark on parents without data. No `destroy`.
            Self::ReplicateTarget => {
                &["canmount", "create", "hold", "mount", "readonly", "receive", "release", "userprop"]
            }
            Self::Snapshot => &["snapshot"],
            Self::Prune => &["destroy", "mount"],
        };
        let mut all = Permissions::new();
        all.extend(list.iter().map(|name| (*name).to_owned()));
        all
    }
}
