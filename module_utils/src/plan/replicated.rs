//! What `zfs_replicate` left on a source: its bookmarks say which snapshots it may still need.
//!
//! A bookmark ([`BookmarkName`]) is made before its snapshot is sent, and the older ones of that target are removed after. So:
//!
//! - One bookmark: the last run ended well, or the very first one has not ended yet.
//! - Several: the last run has not ended, or failed. The target has what the one before the newest stands for, or any snapshot
//!   since, up to the newest. Should such a snapshot go from the source while the target has it as its newest, the two have no
//!   common ground but an older one, and the target counts as diverged.
//!
//! Hence all from the one before the newest to the newest stay. In the usual state that is a single snapshot for each target.

use crate::model::bookmark_name::{BookmarkName, TargetTag};
use std::collections::BTreeMap;

/// The bookmarks of one dataset that are ours.
#[derive(Clone, Debug, Default)]
pub struct Replicated {
    /// For each target the createtxg of its bookmarks, which is that of their snapshots, with their names; sorted by
    /// [`Replicated::from`].
    targets: BTreeMap<TargetTag, Vec<(u64, String)>>,
}

impl Replicated {
    /// Reads the names of a dataset's bookmarks, with their createtxg.
    pub fn from<'a>(bookmarks: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let mut targets: BTreeMap<TargetTag, Vec<(u64, String)>> = BTreeMap::new();
        for (name, createtxg) in bookmarks {
            if let Ok(BookmarkName { target, .. }) = name.parse() {
                targets.entry(target).or_default().push((createtxg, name.to_owned()));
            }
        }
        for bookmarks in targets.values_mut() {
            bookmarks.sort_unstable();
        }
        Self { targets }
    }

    /// The one before the newest, or the only one, with its name; and the newest.
    fn ranges(&self) -> impl Iterator<Item = (u64, u64, &str)> {
        self.targets.values().filter_map(|all| {
            let (from, name) = all.get(all.len().saturating_sub(2))?;
            Some((*from, all.last()?.0, name.as_str()))
        })
    }

    /// True if a replication may need that snapshot itself.
    #[must_use]
    pub fn needs(&self, createtxg: u64) -> bool {
        self.ranges().any(|(from, to, _)| (from..=to).contains(&createtxg))
    }

    /// Our bookmarks of the targets that have not got that snapshot, as far as is known: what they stand for is the newest that
    /// each is known to have.
    pub fn behind(&self, createtxg: u64) -> impl Iterator<Item = &str> {
        self.ranges().filter(move |(from, ..)| createtxg > *from).map(|(.., name)| name)
    }

    /// True if all targets have got that snapshot, or had their chance before something newer was finished. With several targets
    /// the one that is furthest behind decides; without any, nothing was ever replicated.
    #[must_use]
    pub fn is_finished(&self, createtxg: u64) -> bool {
        self.ranges().map(|(finished, ..)| finished).min().is_some_and(|finished| createtxg <= finished)
    }

    /// True if there is no target at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Replicated;

    fn replicated(bookmarks: &[(u8, u64)]) -> Replicated {
        let named: Vec<_> =
            bookmarks.iter().map(|(target, txg)| (format!("ferro_{target:016x}_00000000_{txg:016x}"), *txg)).collect();
        Replicated::from(named.iter().map(|(name, txg)| (name.as_str(), *txg)))
    }

    fn shown(replicated: &Replicated) -> (Vec<u64>, Vec<u64>) {
        let all = || 1..=9;
        (
            all().filter(|txg| replicated.needs(*txg)).collect(),
            all().filter(|txg| !replicated.is_finished(*txg)).collect(),
        )
    }

    #[test]
    fn what_a_replication_may_need() {
        for (bookmarks, needed, unfinished) in [
            (&[][..], vec![], vec![1, 2, 3, 4, 5, 6, 7, 8, 9]),
            (&[(1, 5)], vec![5], vec![6, 7, 8, 9]),
            (&[(1, 3), (1, 5)], vec![3, 4, 5], vec![4, 5, 6, 7, 8, 9]),
            (&[(1, 7), (1, 1), (1, 5)], vec![5, 6, 7], vec![6, 7, 8, 9]),
            // Two targets: the one that is behind decides what is finished.
            (&[(1, 8), (2, 2)], vec![2, 8], vec![3, 4, 5, 6, 7, 8, 9]),
            (&[(1, 6), (1, 8), (2, 7)], vec![6, 7, 8], vec![7, 8, 9]),
        ] {
            assert_eq!(shown(&replicated(bookmarks)), (needed, unfinished), "{bookmarks:?}");
        }
    }

    #[test]
    fn the_targets_that_are_behind_are_told_by_their_bookmarks() {
        let bookmarks = replicated(&[(1, 6), (1, 8), (2, 7), (3, 2)]);
        let behind =
            |createtxg| bookmarks.behind(createtxg).map(|name| (&name[21..22], &name[47..48])).collect::<Vec<_>>();
        assert_eq!(behind(2), []);
        assert_eq!(behind(3), [("3", "2")]);
        assert_eq!(behind(7), [("1", "6"), ("3", "2")]);
        assert_eq!(behind(9), [("1", "6"), ("2", "7"), ("3", "2")]);
        // What keeps a snapshot is somebody who is behind.
        for createtxg in 1..10 {
            assert_eq!(bookmarks.is_finished(createtxg), behind(createtxg).is_empty());
        }
    }
}
