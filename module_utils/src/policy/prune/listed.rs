//! A dataset as the listing shows it, in little memory. Pure.

use crate::plan::replicated::Replicated;
use crate::plan::retain::Snapshot;

/// A dataset as the listing shows it. There may be a million snapshots, so their names lie in one text.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) exists: bool,
    names: String,
    snapshots: Vec<ListedSnapshot>,
    /// The bookmarks that `zfs_replicate` left, with their createtxg.
    pub(super) bookmarks: Vec<(String, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct ListedSnapshot {
    start: u32,
    end: u32,
    cloned: bool,
    createtxg: u64,
}

impl Listed {
    pub(super) fn add(&mut self, name: &str, createtxg: u64, cloned: bool) -> Option<()> {
        let start = u32::try_from(self.names.len()).ok()?;
        self.names.push_str(name);
        let end = u32::try_from(self.names.len()).ok()?;
        self.snapshots.push(ListedSnapshot { start, end, cloned, createtxg });
        Some(())
    }

    /// Oldest first.
    pub(super) fn sorted(&mut self) -> Vec<Snapshot<'_>> {
        self.snapshots.sort_unstable_by_key(|snapshot| snapshot.createtxg);
        let name = |at: &ListedSnapshot| &self.names[at.start as usize..at.end as usize];
        let snapshot = |at: &ListedSnapshot| Snapshot { name: name(at), createtxg: at.createtxg, cloned: at.cloned };
        self.snapshots.iter().map(snapshot).collect()
    }

    /// What replications left.
    pub(super) fn replicated(&self) -> Replicated {
        Replicated::from(self.bookmarks.iter().map(|(name, createtxg)| (name.as_str(), *createtxg)))
    }
}
