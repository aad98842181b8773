//! What ZFS has answered about a pool so far. Each question has its own price and is asked as often as that allows, so its answers may be
//! of several moments. Pure.

use super::coverage::{Now, Said, cover};
use super::kept::Kept;
use super::model::{self, At, Confirmed, Dataset, Part, Pool, PoolProperties, PoolState, PoolStatus, Role, Unreadable};
use super::snapshots::{Counted, Tally, Times};
use crate::model::marks::PLACEHOLDER;
use crate::zfs::parse::Unexpected;
use std::collections::{BTreeMap, HashSet};

/// What is asked about a pool, the cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Its space and what it is.
    Properties,
    /// Its devices, scans and errors.
    Status,
    /// Its datasets.
    Datasets,
    /// Their snapshots and bookmarks.
    Snapshots,
}

impl Question {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 4] = [Self::Properties, Self::Status, Self::Datasets, Self::Snapshots];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Properties => "properties",
            Self::Status => "status",
            Self::Datasets => "datasets",
            Self::Snapshots => "snapshots",
        }
    }

    /// The part of the whole that is not known without its answer.
    #[must_use]
    pub const fn part(self) -> Part {
        match self {
            Self::Properties | Self::Status => Part::Pools,
            Self::Datasets | Self::Snapshots => Part::Snapshots,
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What `zpool list` says, with the state in its word and the one that the kernel said at the time.
    Properties(PoolProperties, String, PoolState),
    /// What `zpool status` says.
    Status(PoolStatus),
    /// The datasets, and which of them bear our marks.
    Datasets(Vec<Dataset>, Marks),
    /// Snapshots and bookmarks.
    Snapshots(Listing),
}

/// A listing of snapshots and bookmarks.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// When it was begun; none for now.
    pub begun: Option<At>,
    /// Counted.
    pub tally: Tally,
    /// When those snapshots were taken that tell something.
    pub times: Times,
    /// And those of which there are bookmarks.
    pub bookmarks: Times,
}

/// The newest answer to each question.
#[derive(Debug, Default)]
pub struct Answers {
    properties: Option<(PoolProperties, String, PoolState)>,
    status: Option<PoolStatus>,
    datasets: Option<(Vec<Dataset>, Marks)>,
    snapshots: Option<Listing>,
    /// Questions that were not answered when they were last asked.
    failures: BTreeMap<Question, Unreadable>,
}

impl Answers {
    /// Takes an answer in place of the one before.
    pub fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Properties(properties, health, state) => {
                self.failures.remove(&Question::Properties);
                self.properties = Some((properties, health, state));
            }
            Answer::Status(status) => {
                self.failures.remove(&Question::Status);
                self.status = Some(status);
            }
            Answer::Datasets(datasets, marks) => {
                self.failures.remove(&Question::Datasets);
                self.datasets = Some((datasets, marks));
            }
            Answer::Snapshots(listing) => {
                self.failures.remove(&Question::Snapshots);
                self.snapshots = Some(listing);
            }
        }
    }

    /// Remembers that a question was not answered. The answer before stays: it only gets older.
    pub fn fail(&mut self, question: Question, why: Unreadable) {
        self.failures.insert(question, why);
    }

    /// True if it has ever been answered.
    #[must_use]
    pub fn has(&self, question: Question) -> bool {
        match question {
            Question::Properties => self.properties.is_some(),
            Question::Status => self.status.is_some(),
            Question::Datasets => self.datasets.is_some(),
            Question::Snapshots => self.snapshots.is_some(),
        }
    }

    /// What could not be read. A suspended pool is told by its state alone.
    pub fn unreadable(&self, state: &PoolState) -> impl Iterator<Item = &Unreadable> {
        self.failures.values().filter(|_| *state != PoolState::Suspended)
    }

    /// When snapshots were taken.
    #[must_use]
    pub fn times(&self) -> Option<&Times> {
        self.snapshots.as_ref().map(|listing| &listing.times)
    }

    /// The pool, of which the kernel says now that it is in this state.
    #[must_use]
    pub fn pool(&self, name: &str, state: PoolState) -> Pool {
        let mut pool = Pool {
            name: name.to_owned(),
            health: state.to_string(),
            state,
            properties: PoolProperties::default(),
            status: self.status.clone(),
            created_at: None,
            unmanaged: Vec::new(),
        };
        if let Some((properties, health, kernel)) = &self.properties {
            pool.properties = properties.clone();
            // What the kernel says without a lock may be of a moment in between (openzfs/zfs#9004), so `zpool list` knows better as long
            // as the kernel says the same.
            if *kernel == pool.state && pool.state != PoolState::Suspended {
                pool.state = PoolState::from_word(health);
                pool.health.clone_from(health);
            }
        }
        pool
    }

    /// The datasets by the policies that there are; none where they could not be listed. What a job has listed since is taken from there.
    #[must_use]
    pub fn datasets(&self, said: &Said, kept: &Kept, now: &Now, wants_snapshots: bool) -> Option<Vec<Dataset>> {
        let (datasets, marks) = self.datasets.as_ref()?;
        let listing = if wants_snapshots { Some(self.snapshots.as_ref()?) } else { None };
        let mut datasets = datasets.clone();
        for dataset in &mut datasets {
            if let Some(listing) = listing {
                listing.fill_in(dataset, kept);
            }
            let is_bare = dataset.snapshots.as_ref().is_none_or(|all| all.total == 0);
            dataset.placeholder = marks.parents.contains(&dataset.name) && is_bare;
            cover(dataset, said, &marks.all, now);
        }
        Some(datasets)
    }
}

/// The datasets that no policy speaks of.
#[must_use]
pub fn unmanaged(datasets: &[Dataset]) -> Vec<String> {
    let is_unmanaged =
        |dataset: &&Dataset| dataset.policy.is_none() && dataset.role == Role::None && !dataset.placeholder;
    datasets.iter().filter(is_unmanaged).map(|dataset| dataset.name.clone()).collect()
}

impl Listing {
    fn fill_in(&self, dataset: &mut Dataset, kept: &Kept) {
        let none = Counted::default();
        let counted = self.tally.of(&dataset.name).unwrap_or(&none);
        let mut snapshots = counted.snapshots(&dataset.name, &self.times);
        if let Some(since) = self.begun.and_then(|begun| kept.after(&dataset.name, begun)) {
            let newest = since.newest.iter().chain(&snapshots.newest).max_by_key(|newest| newest.created_at).cloned();
            snapshots = model::Snapshots { newest, ..since.clone() };
        }
        dataset.snapshots = Some(snapshots);
        let confirmed = counted.confirmed().map(|(target, txg, name)| Confirmed {
            target_id: target,
            bookmark: name.to_owned(),
            created_at: self.bookmarks.get(&format!("{}#{name}", dataset.name)).copied(),
            is_newest: counted.newest_txg().is_none_or(|newest| newest <= txg),
        });
        dataset.confirmed = confirmed.collect();
    }
}

/// When the pool was made, as its first dataset says.
#[must_use]
pub fn created_at(pool: &str, datasets: &[Dataset]) -> Option<At> {
    datasets.iter().find(|dataset| dataset.name == pool)?.created_at
}

/// Datasets that bear our marks, of themselves or from above.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    all: HashSet<String>,
    /// Parents without data, which bear their mark of themselves.
    parents: HashSet<String>,
}

impl Marks {
    /// Reads `zfs get -H -o name,property,source`. Values are not asked for: who sends a stream can put anything into them.
    pub fn read(stdout: &str) -> Result<Self, Unexpected> {
        let mut marks = Self::default();
        for line in stdout.lines() {
            let [name, property, source] = line.split('\t').collect::<Vec<_>>()[..] else {
                return Err(crate::zfs::parse::unexpected("zfs get", "name, property and source", line));
            };
            if source != "-" {
                marks.all.insert(name.to_owned());
            }
            if property == PLACEHOLDER && source == "local" {
                marks.parents.insert(name.to_owned());
            }
        }
        Ok(marks)
    }
}
