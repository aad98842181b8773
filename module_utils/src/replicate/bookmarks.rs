//! Our bookmarks on the source: the newest snapshot that a target may have survives there whatever happens.

use crate::model::{Dataset, DatasetName, VersionKind};
use crate::plan::replicate::Transfer;
use crate::process::Failure;
use crate::zfs::stderr::Cause;
use crate::zfs::verbs::Zfs;

/// Our bookmark of what is about to be sent to one target.
#[derive(Debug)]
pub struct Bookmark {
    prefix: String,
    name: String,
}

impl Bookmark {
    /// Bookmarks what is about to be sent. Done before, not after: whenever we are killed, the newest snapshot that the target
    /// may have is bookmarked, and survives its destruction on the source. `pool` is the guid of the target's pool.
    #[must_use]
    pub fn before(
        zfs: Zfs<'_>,
        source: &Dataset,
        target: &DatasetName,
        transfer: &Transfer,
        pool: u64,
    ) -> Option<Result<Self, String>> {
        let to = transfer.steps.last()?;
        let prefix = format!("{}_", tag(pool, target.as_str()));
        let name = format!("{prefix}{:016x}", to.to_guid);
        let exists = source.versions.iter().any(|v| v.kind == VersionKind::Bookmark && v.name == name);
        let made = if exists { Ok(()) } else { zfs.bookmark(&source.name, &to.to, &name) };
        Some(match made {
            Ok(()) => Ok(Self { prefix, name }),
            Err(failure) => Err(format!("no bookmark was made, so @{} must stay on the source: {failure}", to.to)),
        })
    }

    /// Our bookmarks of `source` for the same target that are not needed once this one's snapshot has arrived.
    #[must_use]
    pub fn supersedes(&self, source: &Dataset) -> Vec<String> {
        let bookmarks = source.versions.iter().filter(|version| version.kind == VersionKind::Bookmark);
        let names = bookmarks.map(|bookmark| bookmark.name.clone());
        names.filter(|name| name.starts_with(&self.prefix) && *name != self.name).collect()
    }
}

/// Removes our older bookmarks: a newer one has taken their place. Gives those that stay, with the reason.
#[must_use]
pub fn sweep(zfs: Zfs<'_>, source: &DatasetName, superseded: &[String]) -> Vec<Failure> {
    let destroyed = superseded.iter().map(|old| zfs.destroy_bookmark(source, old));
    destroyed.filter_map(Result::err).filter(|failure| failure.cause != Cause::DoesNotExist).collect()
}

/// Tells targets apart, in the names of bookmarks and holds: the guid of the pool, and a checksum of the place in it.
#[must_use]
pub fn tag(pool: u64, place: &str) -> String {
    format!("ferro_{pool:016x}_{:08x}", checksum(place))
}

/// FNV-1a, 32 bits: short, stable across versions and machines, and nothing secret hangs on it.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::{checksum, tag};

    #[test]
    fn the_checksum_never_changes_or_bookmarks_would_be_orphaned() {
        assert_eq!(checksum(""), 0x811c_9dc5);
        assert_eq!(tag(1, "backup/tank/data"), "ferro_0000000000000001_40a23b8d");
        assert_ne!(checksum("backup/a"), checksum("backup/b"));
    }
}
