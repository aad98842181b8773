//! Named lists of just the permissions that a job needs.
//!
//! Each was found on real ZFS by taking one permission after the other away from an ordinary user, until the job failed;
//! tests/integration/test_delegate.py does so again.

use crate::model::permissions::Permissions;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A job that a user can be trusted with. It is an option of `zfs_delegate` as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// The sending side of M(ferro.zfs.zfs_replicate): C(bookmark), C(destroy), C(hold), C(release) and C(send). Without C(mount)
    /// a user with C(destroy) can destroy bookmarks, but no snapshot and no dataset; so grant no job with C(mount) to the same user on
    /// the same datasets.
    ReplicateSource,
    /// The receiving side of M(ferro.zfs.zfs_replicate): C(canmount), C(create), C(hold), C(mount), C(readonly), C(receive), C(release)
    /// and C(userprop). What is received cannot be destroyed with it.
    ReplicateTarget,
    /// C(snapshot), for M(ferro.zfs.zfs_policy_snapshot).
    Snapshot,
    /// C(destroy) and C(mount), for M(ferro.zfs.zfs_prune). They are enough to destroy datasets, too.
    Prune,
}

/// Its name, as the option of `zfs_delegate` takes it.
impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Job {
    /// What it needs.
    #[must_use]
    pub fn permissions(self) -> Permissions {
        let list: &[&str] = match self {
            // `destroy` without `mount` is enough to remove bookmarks and too little to destroy a snapshot or a dataset: for
            // those the kernel wants both (`zfs_secpolicy_destroy_perms` in OpenZFS, module/zfs/zfs_ioctl.c).
            Self::ReplicateSource => &["bookmark", "destroy", "hold", "release", "send"],
            // `mount` mounts nothing on Linux, yet the kernel wants it for every create and receive. `canmount` and `readonly`
            // are for the properties that a replica gets, `userprop` for the mark on placeholders. No `destroy`.
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
