//! What both sides have.

use crate::model::{Dataset, Version};
use std::collections::HashMap;

/// The newest common version: of the source, and the target's snapshot of it.
pub type Common<'a> = (&'a Version, &'a Version);

/// The newest version of the source that the target has too, with the target's snapshot of it.
///
/// Snapshots and bookmarks compete in one list by createtxg: an old common snapshot never hides a newer common bookmark.
#[must_use]
pub fn common_base<'a>(source: &'a Dataset, target: &'a Dataset) -> Option<Common<'a>> {
    let there: HashMap<u64, &Version> = target.snapshots().map(|snapshot| (snapshot.guid, snapshot)).collect();
    // A snapshot sorts after its bookmark, so it is met first: of the two it can do more.
    source.versions.iter().rev().find_map(|version| Some((version, *there.get(&version.guid)?)))
}

/// Snapshots of the target that are newer than `base`.
#[must_use]
pub fn newer_on_target<'a>(target: &'a Dataset, base: &Version) -> Vec<&'a Version> {
    target.snapshots().filter(|snapshot| snapshot.createtxg > base.createtxg).collect()
}
