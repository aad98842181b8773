//! Our bookmarks on the source: the newest snapshot that a target may have survives there whatever happens.

use super::entries::Entry;
use crate::foreign;
use crate::model::{Dataset, DatasetName, VersionKind};
use crate::plan::replicate::Plan;
use crate::zfs::verbs::Zfs;
use std::collections::BTreeMap;

/// Our bookmarks of what is about to be sent, by the source datasets.
pub type Bookmarks = BTreeMap<DatasetName, Bookmark>;

/// Our bookmark of what is about to be sent to one target.
#[derive(Debug)]
pub struct Bookmark {
    prefix: String,
    name: String,
}

/// Bookmarks what is about to be sent, for all datasets at once. Done before, not after: whenever we are killed, the newest snapshot
/// that a target may have is bookmarked, and survives its destruction on the source. `pool` is the guid of the target's pool.
pub fn before(zfs: Zfs<'_>, entries: &[Entry<'_>], pool: u64, warn: &mut dyn FnMut(String)) -> Bookmarks {
    let mut bookmarks = Bookmarks::new();
    let mut missing = Vec::new();
    for entry in entries {
        let Ok(Plan::Send(transfer)) = &entry.plan else { continue };
        let Some(to) = transfer.steps.last() else { continue };
        let source = &entry.source.name;
        let prefix = format!("{}_", tag(pool, entry.target.as_str()));
        let name = format!("{prefix}{:016x}", to.to_guid);
        let exists = entry.source.versions.iter().any(|v| v.kind == VersionKind::Bookmark && v.name == name);
        if !exists {
            missing.push([format!("{source}@{}", to.to), format!("{source}#{name}")]);
        }
        bookmarks.insert(source.clone(), Bookmark { prefix, name });
    }
    let unmet = match zfs.bookmark(&missing) {
        Ok(unmet) => unmet.names.into_iter().map(|name| (name, unmet.reasons.clone())).collect::<BTreeMap<_, _>>(),
        Err(failure) => missing.iter().map(|[_, name]| (name.clone(), failure.to_string())).collect(),
    };
    for [snapshot, name] in missing {
        if let Some(reasons) = unmet.get(&name) {
            warn(format!("no bookmark was made, so {snapshot} must stay on the source: {}", foreign::quoted(reasons)));
            bookmarks.retain(|source, bookmark| format!("{source}#{}", bookmark.name) != name);
        }
    }
    bookmarks
}

impl Bookmark {
    /// Our bookmarks of `source` for the same target that are not needed once this one's snapshot has arrived, in full.
    #[must_use]
    pub fn supersedes(&self, source: &Dataset) -> Vec<String> {
        let bookmarks = source.versions.iter().filter(|version| version.kind == VersionKind::Bookmark);
        let ours = bookmarks.filter(|bookmark| bookmark.name.starts_with(&self.prefix) && bookmark.name != self.name);
        ours.map(|bookmark| format!("{}#{}", source.name, bookmark.name)).collect()
    }
}

/// Removes our older bookmarks, once newer ones have taken their place.
pub fn sweep(zfs: Zfs<'_>, superseded: &[String], warn: &mut dyn FnMut(String)) {
    match zfs.destroy_bookmarks(superseded) {
        // That all of them are gone already is no news.
        Ok(unmet) if unmet.reasons.lines().all(|line| line.contains("does not exist")) => {}
        Ok(unmet) => {
            warn(format!("old bookmarks stay ({}): {}", unmet.names.join(", "), foreign::quoted(&unmet.reasons)));
        }
        Err(failure) => warn(format!("old bookmarks stay ({}): {failure}", superseded.join(", "))),
    }
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
