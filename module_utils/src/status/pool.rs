//! Asks ZFS about one pool, each thing once, and never while the pool is suspended: who asks then may wait for ever.

use super::coverage::{Now, Said, cover};
use super::model::{At, Confirmed, Dataset, Part, Pool, PoolProperties, PoolState, PoolStatus, Role, Unreadable};
use super::snapshots::{self, Tally, Times};
use super::{zfs_list, zpool_list, zpool_status};
use crate::exec::cmd::Cmd;
use crate::exec::failure::Failure;
use crate::exec::foreign;
use crate::exec::limits::Expect;
use crate::exec::runner::{Attempt, Runner};
use crate::exec::ssh::Host;
use crate::exec::stderr::Cause;
use crate::model::DatasetName;
use crate::model::marks::{PLACEHOLDER, REPLICA};
use crate::zfs::commands::Zfs;
use crate::zfs::parse::Unexpected;
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is asked with, and for.
pub struct Asking<'a> {
    /// Waits as long as a pool may take to answer.
    pub quick: &'a Runner,
    /// Waits as long as a listing of snapshots may take.
    pub patient: &'a Runner,
    /// Where the kernel says the states of pools.
    pub kstat: &'a Path,
    /// What policies say.
    pub said: &'a Said,
    /// The moment.
    pub now: &'a Now,
    /// Pools themselves are asked about.
    pub wants_pools: bool,
    /// Datasets are.
    pub wants_datasets: bool,
    /// Their snapshots are.
    pub wants_snapshots: bool,
    /// This `zpool` has no JSON.
    pub has_no_json: &'a AtomicBool,
}

/// What was found of a pool.
pub struct Found {
    /// The pool.
    pub pool: Pool,
    /// Its datasets; none where they could not be listed.
    pub datasets: Option<Vec<Dataset>>,
    /// When snapshots were taken.
    pub times: Times,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
    hangs: bool,
}

/// The state of a pool, without a command and without waiting.
pub fn state(kstat: &Path, pool: &str) -> Result<PoolState, std::io::Error> {
    std::fs::read_to_string(kstat.join(pool).join("state")).map(|word| PoolState::from_word(&word))
}

/// Asks about a pool. `questions` are snapshots whose times are wanted.
#[must_use]
pub fn ask(asking: &Asking<'_>, name: &str, state: PoolState, questions: &[String]) -> Found {
    let health = state.to_string();
    let (status, created_at, unmanaged) = (None, None, Vec::new());
    let pool = Pool {
        name: name.to_owned(),
        state,
        health,
        properties: PoolProperties::default(),
        status,
        created_at,
        unmanaged,
    };
    let mut found = Found { pool, datasets: None, times: Times::new(), unreadable: Vec::new(), hangs: false };
    if asking.wants_pools {
        found.properties(asking);
        found.status(asking);
    }
    if asking.wants_datasets {
        found.list(asking, questions);
    }
    found
}

impl Found {
    /// True while it makes sense to ask: a suspended pool is told by its state alone.
    fn answers(&mut self, asking: &Asking<'_>) -> bool {
        if let Ok(state @ PoolState::Suspended) = state(asking.kstat, &self.pool.name) {
            self.pool.health = state.to_string();
            self.pool.state = state;
        }
        self.pool.state != PoolState::Suspended && !self.hangs
    }

    /// Runs a command about the pool; none where that is of no use, or failed.
    fn run<T>(
        &mut self,
        asking: &Asking<'_>,
        part: Part,
        cmd: &Cmd,
        read: impl Fn(&str) -> Result<T, Unexpected>,
    ) -> Option<T> {
        if !self.answers(asking) {
            return None;
        }
        let read = answer(asking.quick, cmd, read);
        self.taken(asking, part, read)
    }

    /// What was answered. A failure is kept, but not that of a pool that has been suspended meanwhile.
    fn taken<T>(&mut self, asking: &Asking<'_>, part: Part, answer: Result<T, Failure>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(failure) => {
                let hangs = failure.cause == Cause::NoAnswer;
                if self.answers(asking) {
                    self.unreadable.push(unreadable(part, &format!("pool {}", self.pool.name), &failure));
                }
                self.hangs |= hangs;
                None
            }
        }
    }

    fn properties(&mut self, asking: &Asking<'_>) {
        let name = self.pool.name.clone();
        let cmd = Cmd::new("zpool").args(["list", "-Hp", "-o", zpool_list::COLUMNS, &name]);
        if let Some((properties, health)) =
            self.run(asking, Part::Pools, &cmd, |stdout| zpool_list::read(stdout, &name))
        {
            self.pool.properties = properties;
            // What the kernel says without a lock may be of a moment in between (openzfs/zfs#9004).
            self.pool.state = PoolState::from_word(&health);
            self.pool.health = health;
        }
    }

    fn status(&mut self, asking: &Asking<'_>) {
        if !self.answers(asking) {
            return;
        }
        let answer = status(asking, &self.pool.name);
        self.pool.status = self.taken(asking, Part::Pools, answer);
    }

    fn list(&mut self, asking: &Asking<'_>, questions: &[String]) {
        let name = self.pool.name.clone();
        let list =
            Cmd::new("zfs").args(["list", "-Hp", "-t", "filesystem,volume", "-o", zfs_list::COLUMNS, "-r", &name]);
        let Some(mut datasets) = self.run(asking, Part::Snapshots, &list, |stdout| zfs_list::read(stdout, &name))
        else {
            return;
        };
        self.pool.created_at = datasets.iter().find(|dataset| dataset.name == name).and_then(|root| root.created_at);
        let marks = format!("{REPLICA},{PLACEHOLDER}");
        let get = Cmd::new("zfs").args([
            "get",
            "-H",
            "-r",
            "-t",
            "filesystem,volume",
            "-o",
            "name,property,source",
            &marks,
            &name,
        ]);
        let Some(marks) = self.run(asking, Part::Snapshots, &get, Marks::read) else { return };
        if asking.wants_snapshots && !self.snapshots(asking, &mut datasets, questions) {
            return;
        }
        for dataset in &mut datasets {
            dataset.placeholder =
                marks.parents.contains(&dataset.name) && dataset.snapshots.as_ref().is_none_or(|all| all.total == 0);
            cover(dataset, asking.said, &marks.all, asking.now);
        }
        let unmanaged =
            |dataset: &&Dataset| dataset.policy.is_none() && dataset.role == Role::None && !dataset.placeholder;
        self.pool.unmanaged = datasets.iter().filter(unmanaged).map(|dataset| dataset.name.clone()).collect();
        self.datasets = Some(datasets);
    }

    /// False where they could not be listed.
    fn snapshots(&mut self, asking: &Asking<'_>, datasets: &mut [Dataset], questions: &[String]) -> bool {
        let Ok(root) = self.pool.name.parse::<DatasetName>() else { return false };
        if !self.answers(asking) {
            return false;
        }
        let answer = listed(asking, &root, questions);
        let Some((tally, times, bookmarks)) = self.taken(asking, Part::Snapshots, answer) else { return false };
        for dataset in datasets {
            let counted = tally.of(&dataset.name);
            dataset.snapshots = Some(counted.snapshots(&dataset.name, &times));
            let confirmed = counted.confirmed().map(|(target, txg, name)| Confirmed {
                target_id: target,
                bookmark: name.to_owned(),
                created_at: bookmarks.get(&format!("{}#{name}", dataset.name)).copied(),
                is_newest: counted.newest_txg().is_none_or(|newest| newest <= txg),
            });
            dataset.confirmed = confirmed.collect();
        }
        self.times = times;
        true
    }
}

/// A command that failed, as something that is not known. Of the command only what it is: its columns say nothing to a person.
#[must_use]
pub fn unreadable(part: Part, subject: &str, failure: &Failure) -> Unreadable {
    let advice = failure.cause.advice().unwrap_or("run the command by hand, as the same user");
    let command: Vec<&str> = failure.command.trim_start_matches("env TZ=UTC0 ").split(' ').take(2).collect();
    let message = format!("`{}`: {}", command.join(" "), foreign::quoted(&failure.stderr));
    Unreadable { part, subject: subject.to_owned(), message, advice: advice.to_owned() }
}

/// Runs a command here and reads what it prints.
pub fn answer<T>(runner: &Runner, cmd: &Cmd, read: impl Fn(&str) -> Result<T, Unexpected>) -> Result<T, Failure> {
    let attempt = Attempt { stage: "list", host: &Host::Local, cmd };
    let output = runner.expect(attempt, Expect::Listing)?;
    read(&output.stdout).map_err(|error| attempt.failure(None, error.to_string(), Cause::Other))
}

/// As JSON where this `zpool` has it, else as text. The dates of the text are of the zone of whoever asks.
fn status(asking: &Asking<'_>, pool: &str) -> Result<PoolStatus, Failure> {
    const USAGE: Option<i32> = Some(2);
    if !asking.has_no_json.load(Ordering::Relaxed) {
        let cmd = Cmd::new("zpool").args(["status", "-j", "--json-int", pool]);
        match answer(asking.quick, &cmd, |stdout| zpool_status::json(stdout, pool)) {
            Err(failure) if failure.rc == USAGE => asking.has_no_json.store(true, Ordering::Relaxed),
            answer => return answer,
        }
    }
    let cmd = Cmd::new("env").args(["TZ=UTC0", "zpool", "status", "-p", pool]);
    answer(asking.quick, &cmd, |stdout| zpool_status::text(stdout, pool))
}

/// Snapshots and bookmarks of a pool, and when those were taken that tell something. `creation` opens each snapshot, so only they are
/// asked for it.
fn listed(asking: &Asking<'_>, root: &DatasetName, questions: &[String]) -> Result<(Tally, Times, Times), Failure> {
    let zfs = Zfs { host: &Host::Local, runner: asking.patient };
    let mut tally = Tally::new(&asking.said.prefix);
    zfs.tree(std::slice::from_ref(root), "snapshot,bookmark", snapshots::COLUMNS, &mut |fields| tally.add(fields))?;
    let mut names = tally.telling();
    names.extend(questions.iter().cloned());
    names.sort_unstable();
    names.dedup();
    let mut times = Times::new();
    zfs.snapshots(&names, "name,creation", &mut |fields| {
        let [name, creation] = fields else { return None };
        times.insert((*name).to_owned(), At(creation.parse().ok()?));
        Some(())
    })?;
    let bookmarks = zfs.numbers("creation", &tally.bookmarks())?;
    let at = |(name, seconds): (String, u64)| Some((name, At(i64::try_from(seconds).ok()?)));
    Ok((tally, times, bookmarks.into_iter().filter_map(at).collect()))
}

/// Datasets that bear our marks, of themselves or from above.
struct Marks {
    all: HashSet<String>,
    /// Parents without data, which bear their mark of themselves.
    parents: HashSet<String>,
}

impl Marks {
    /// Reads `zfs get -H -o name,property,source`. Values are not asked for: who sends a stream can put anything into them.
    fn read(stdout: &str) -> Result<Self, Unexpected> {
        let mut marks = Self { all: HashSet::new(), parents: HashSet::new() };
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
