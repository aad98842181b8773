//! A listing of snapshots and bookmarks, counted as it comes: of very many only the newest and oldest of each kind are kept. Pure.

use super::model::{At, OfInterval, Snapshot, Snapshots};
use crate::model::bookmark_name::{BookmarkName, TargetTag};
use crate::plan::naming::{self, Name};
use crate::plan::period::Interval;
use std::collections::{BTreeMap, HashMap};

/// The columns of the listing: those that ZFS knows without opening each snapshot.
pub const COLUMNS: &str = "name,guid,createtxg";

/// A snapshot that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name without the dataset.
    pub name: String,
    /// Its identity.
    pub guid: u64,
    /// Its place in the order.
    pub txg: u64,
}

/// Snapshots of one kind.
#[derive(Clone, Debug, Default)]
struct Ends {
    count: u64,
    newest: Option<Seen>,
    oldest: Option<Seen>,
}

impl Ends {
    fn add(&mut self, name: &str, guid: u64, txg: u64) {
        self.count += 1;
        let seen = || Some(Seen { name: name.to_owned(), guid, txg });
        if self.newest.as_ref().is_none_or(|newest| newest.txg <= txg) {
            self.newest = seen();
        }
        if self.oldest.as_ref().is_none_or(|oldest| oldest.txg > txg) {
            self.oldest = seen();
        }
    }
}

/// What a dataset has.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    intervals: [Ends; 6],
    other: Ends,
    all: Ends,
    /// By target, the createtxg and names of our bookmarks.
    bookmarks: BTreeMap<TargetTag, Vec<(u64, String)>>,
}

/// What the datasets of a pool have.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    prefix: String,
    of: HashMap<String, Counted>,
}

/// Creation times by full name.
pub type Times = HashMap<String, At>;

impl Tally {
    /// Nothing yet; our names begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), of: HashMap::new() }
    }

    /// One line of the listing; none if it is not understood.
    pub fn add(&mut self, fields: &[&str]) -> Option<()> {
        let [full, guid, txg] = fields else { return None };
        let (guid, txg) = (guid.parse().ok()?, txg.parse().ok()?);
        let at = full.find(['@', '#'])?;
        let (dataset, name) = (&full[..at], &full[at + 1..]);
        // Most lines are of the dataset of the line before: no new key for each.
        let counted = match self.of.get_mut(dataset) {
            Some(counted) => counted,
            None => self.of.entry(dataset.to_owned()).or_default(),
        };
        if full.as_bytes()[at] == b'#' {
            if let Ok(BookmarkName { target, .. }) = name.parse() {
                counted.bookmarks.entry(target).or_default().push((txg, name.to_owned()));
            }
            return Some(());
        }
        counted.all.add(name, guid, txg);
        match naming::parse(&self.prefix, name) {
            Name::Ours(_, interval) => counted.intervals[interval as usize].add(name, guid, txg),
            Name::Foreign | Name::Unparsable | Name::Dated(_) => counted.other.add(name, guid, txg),
        }
        Some(())
    }

    /// What a dataset has; none if it was not seen.
    #[must_use]
    pub fn of(&self, dataset: &str) -> Option<&Counted> {
        self.of.get(dataset)
    }

    /// The snapshots whose times are worth asking for, in full.
    #[must_use]
    pub fn telling(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .of
            .iter()
            .flat_map(|(dataset, counted)| counted.telling().map(move |name| format!("{dataset}@{name}")))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The bookmarks that say what targets have confirmed, in full.
    #[must_use]
    pub fn bookmarks(&self) -> Vec<String> {
        let of = |(dataset, counted): (&String, &Counted)| {
            counted.confirmed().map(|(_, _, name)| format!("{dataset}#{name}")).collect::<Vec<_>>()
        };
        let mut names: Vec<String> = self.of.iter().flat_map(of).collect();
        names.sort_unstable();
        names
    }
}

impl Counted {
    fn telling(&self) -> impl Iterator<Item = &str> {
        let kinds = self.intervals.iter().chain([&self.all]);
        kinds.flat_map(|ends| [&ends.newest, &ends.oldest]).flatten().map(|seen| seen.name.as_str())
    }

    /// Each target with the createtxg and the name of the bookmark of what it is known to have: the one before the newest, as
    /// [`crate::plan::replicated`] says, for the newest is made before its snapshot is sent.
    pub fn confirmed(&self) -> impl Iterator<Item = (TargetTag, u64, &str)> {
        self.bookmarks.iter().filter_map(|(target, all)| {
            let mut all: Vec<_> = all.iter().collect();
            all.sort_unstable();
            let (txg, name) = all.get(all.len().saturating_sub(2))?;
            Some((*target, *txg, name.as_str()))
        })
    }

    /// The createtxg of the newest snapshot.
    #[must_use]
    pub fn newest_txg(&self) -> Option<u64> {
        self.all.newest.as_ref().map(|seen| seen.txg)
    }

    /// The counts, with the times of those that were asked for.
    #[must_use]
    pub fn snapshots(&self, dataset: &str, times: &Times) -> Snapshots {
        let told = |seen: &Option<Seen>| {
            seen.as_ref().map(|seen| Snapshot {
                name: seen.name.clone(),
                guid: seen.guid.to_string(),
                created_at: times.get(&format!("{dataset}@{}", seen.name)).copied(),
            })
        };
        let of = |interval: Interval| {
            let ends = &self.intervals[interval as usize];
            Box::new(OfInterval {
                kept: ends.count,
                newest: told(&ends.newest),
                oldest: told(&ends.oldest),
                ..OfInterval::default()
            })
        };
        Snapshots {
            total: self.all.count,
            other: self.other.count,
            newest: told(&self.all.newest),
            intervals: Interval::ALL.into_iter().map(|interval| (interval, of(interval))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Tally, Times};
    use crate::plan::period::Interval;
    use crate::status::model::At;

    #[test]
    fn the_order_is_that_of_zfs_and_bookmarks_are_apart() {
        let mut tally = Tally::new("autosnap");
        let rows = [
            ("tank@autosnap_2026-01-01_00:00:00_daily", 30),
            ("tank@autosnap_2026-06-01_00:00:00_daily", 10),
            ("tank@manual", 40),
            ("tank/a@autosnap_2026-01-01_00:00:00_hourly", 5),
            ("tank#ferro_0123456789abcdef_01234567_fedcba9876543210", 10),
            ("tank#ferro_0123456789abcdef_01234567_fedcba9876543211", 30),
            ("tank#ferro_1123456789abcdef_01234567_fedcba9876543211", 30),
            ("tank#own", 30),
        ];
        for (name, txg) in rows {
            assert_eq!(tally.add(&[name, "7", &txg.to_string()]), Some(()));
        }
        assert_eq!(tally.add(&["tank", "7", "1"]), None);
        assert_eq!(tally.add(&["tank@a", "7", "x"]), None);
        assert_eq!(tally.add(&["tank@a", "7"]), None);
        assert_eq!(tally.telling().len(), 4);
        let counted = tally.of("tank").unwrap();
        let times = Times::from([("tank@autosnap_2026-01-01_00:00:00_daily".to_owned(), At(99))]);
        let told = counted.snapshots("tank", &times);
        assert_eq!((told.total, told.other, told.newest.unwrap().name.as_str()), (3, 1, "manual"));
        let daily = &told.intervals[&Interval::Daily];
        assert_eq!((daily.kept, daily.newest.as_ref().unwrap().created_at), (2, Some(At(99))));
        assert_eq!(daily.oldest.as_ref().unwrap().created_at, None);
        let confirmed: Vec<_> = counted.confirmed().map(|(_, txg, _)| txg).collect();
        assert_eq!(confirmed, [10, 30]);
        assert_eq!(tally.bookmarks().len(), 2);
        assert!(tally.of("other").is_none());
    }
}
