//! Takes the snapshots that are due: one listing for each pool, then all snapshots of an interval at once.

mod atomic;
mod hooked;

use super::hooks::ByDataset;
use super::kept::{Counted, Left};
use super::refusal::{Gone, LeftOut, OWN_AGAIN, Refusal};
use super::report::Failed;
use crate::exec::hook::HookReport;
use crate::exec::runner::{Failure, Runner};
use crate::exec::ssh::Host;
use crate::model::code::Coded;
use crate::model::summed::Summed;
use crate::model::{DatasetName, MAX_NAME, ShortName, SnapshotName};
use crate::plan::naming::{self, Name};
use crate::plan::period::Interval;
use crate::plan::policy::{Declared, Table};
use crate::plan::schedule::{InPeriod, Schedule};
use crate::zfs::commands::Zfs;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which dataset has which policy.
    pub table: Table,
    /// The intervals to look at.
    pub intervals: Vec<Interval>,
    /// The moment, and the clock.
    pub schedule: Schedule,
    /// How names begin.
    pub prefix: String,
    /// Leave out datasets with nothing new.
    pub skip_unchanged: bool,
    /// Snapshots are taken of replicas too.
    pub snapshot_replicas: bool,
    /// What to make of a listed dataset that does not exist.
    pub on_missing: OnMissing,
    /// What is run before and after, by dataset.
    pub hooks: ByDataset,
    /// Count what there is then.
    pub counts: bool,
}

/// What to make of a listed dataset that does not exist. It is an option of the module as it is: its doc comments are what `ansible-doc`
/// shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnMissing {
    /// The task fails after all others are done.
    #[default]
    Fail,
    /// A warning.
    Warn,
}

/// What was done, or in check mode would be.
#[derive(Debug, Default)]
pub struct Taken {
    /// The snapshots.
    pub created: Vec<SnapshotName>,
    /// Datasets that got none.
    pub left_out: Vec<Without>,
    /// What failed.
    pub failures: Vec<Failed>,
    /// The hooks that were run, or in check mode would be.
    pub hooks: Vec<HookReport>,
    /// Warnings.
    pub warnings: Summed,
    /// Datasets that the policies are about.
    pub datasets: usize,
    /// What there is then of each dataset that was listed, if asked for.
    pub left: Left,
}

/// A dataset that got no snapshot, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Without {
    /// Its path.
    pub dataset: String,
    /// Why, for programs.
    pub code: &'static str,
    /// Why.
    pub reason: String,
}

/// One dataset as the listing shows it.
#[derive(Debug, Default)]
struct Seen {
    exists: bool,
    has_snapshots: bool,
    unchanged: bool,
    /// The current period of these has a snapshot.
    current: [bool; 6],
    /// These say by their names that they are of the current period.
    claims: Vec<(String, DateTime, Interval)>,
    /// The latest time in a name so far.
    latest: Option<DateTime>,
    /// Names say times yet to come, or go back in time where snapshots do not: some of them are of another zone.
    mixed: bool,
    /// Only `creation` tells whether these are of the current period.
    doubtful: Vec<(String, DateTime, Interval)>,
    /// Times of names that a new name could collide with.
    near: Vec<(DateTime, Interval)>,
    counted: Counted,
}

/// Takes what is due; with `check` says what that would be.
pub fn take(request: &Request, runner: &Runner, check: bool, tell: &dyn Fn(&str)) -> Taken {
    let zfs = Zfs { host: &Host::Local, runner };
    let mut run = Run { request, zfs, tell, taken: Taken::default() };
    let seen = run.gather();
    let planned = run.plan(&seen);
    if check {
        run.plan_hooks(&planned);
        run.taken.created = planned.into_iter().map(|(snapshot, _)| snapshot).collect();
    } else {
        run.execute_with_hooks(planned);
        run.count_created();
    }
    run.taken
}

struct Run<'a> {
    request: &'a Request,
    zfs: Zfs<'a>,
    tell: &'a dyn Fn(&str),
    taken: Taken,
}

impl Run<'_> {
    fn gather(&mut self) -> BTreeMap<DatasetName, Seen> {
        let mut all = BTreeMap::new();
        for (pool, roots) in self.request.table.roots() {
            match self.pool(&roots) {
                Ok(seen) => {
                    let gone =
                        self.request.table.datasets().filter(|name| name.pool() == pool && !seen.contains_key(name));
                    for dataset in gone.cloned().collect::<Vec<_>>() {
                        self.missing(&dataset, Gone::Before);
                    }
                    all.extend(seen);
                }
                Err(failure) => {
                    let of_pool = self.request.table.datasets().filter(|name| name.pool() == pool).cloned();
                    self.taken.failures.push(Failed::command(of_pool.collect(), failure));
                }
            }
        }
        self.taken.datasets = all.len();
        all
    }

    /// What was taken is the newest of its dataset.
    fn count_created(&mut self) {
        let Taken { created, left, .. } = &mut self.taken;
        for snapshot in created {
            if let Some(counted) = left.get_mut(snapshot.dataset.as_str()) {
                let name = snapshot.name.as_str();
                counted.add(name, &naming::parse(&self.request.prefix, name));
            }
        }
    }

    /// The datasets of a pool that have a policy.
    fn pool(&mut self, roots: &[DatasetName]) -> Result<BTreeMap<DatasetName, Seen>, Failure> {
        let mut seen: HashMap<String, Seen> = HashMap::new();
        self.zfs.tree(roots, "filesystem,volume,snapshot", "name", &mut |fields| {
            let [name] = fields else { return None };
            let (dataset, snapshot) =
                name.split_once('@').map_or((*name, None), |(dataset, snapshot)| (dataset, Some(snapshot)));
            let entry = match seen.get_mut(dataset) {
                Some(entry) => entry,
                None => seen.entry(dataset.to_owned()).or_default(),
            };
            match snapshot {
                None => entry.exists = true,
                Some(snapshot) => self.note(entry, snapshot),
            }
            Some(())
        })?;
        let mut named = BTreeMap::new();
        for (name, mut seen) in seen.into_iter().filter(|(_, seen)| seen.exists) {
            if self.request.counts {
                self.taken.left.insert(name.clone(), std::mem::take(&mut seen.counted));
            }
            if let Ok(name) = name.parse::<DatasetName>()
                && self.request.table.of(&name).is_some()
            {
                named.insert(name, seen);
            }
        }
        self.ask_creation(&mut named)?;
        if self.request.skip_unchanged {
            self.zfs.tree(roots, "filesystem,volume", "name,written", &mut |fields| {
                let [name, written] = fields else { return None };
                if let Some(seen) = named.get_mut(&name.parse().ok()?) {
                    seen.unchanged = seen.has_snapshots && *written == "0";
                }
                Some(())
            })?;
        }
        Ok(named)
    }

    fn note(&self, seen: &mut Seen, snapshot: &str) {
        seen.has_snapshots = true;
        let parsed = naming::parse(&self.request.prefix, snapshot);
        if self.request.counts {
            seen.counted.add(snapshot, &parsed);
        }
        let Name::Ours(clock, interval) = parsed else { return };
        seen.mixed |= self.request.schedule.is_ahead(clock) || seen.latest.is_some_and(|latest| clock < latest);
        seen.latest = seen.latest.max(Some(clock));
        if !self.request.intervals.contains(&interval) {
            return;
        }
        let schedule = &self.request.schedule;
        if schedule.is_near(clock) {
            seen.near.push((clock, interval));
        }
        match schedule.in_period(interval, clock) {
            InPeriod::No => {}
            InPeriod::Yes => seen.claims.push((snapshot.to_owned(), clock, interval)),
            InPeriod::AskCreation => seen.doubtful.push((snapshot.to_owned(), clock, interval)),
        }
    }

    /// Names are believed where nothing speaks against them; else ZFS is asked, which knows when a snapshot was taken.
    fn ask_creation(&self, all: &mut BTreeMap<DatasetName, Seen>) -> Result<(), Failure> {
        for seen in all.values_mut() {
            let claims = std::mem::take(&mut seen.claims);
            if seen.mixed {
                seen.doubtful.extend(claims);
            } else {
                for (_, _, interval) in claims {
                    seen.current[interval as usize] = true;
                }
            }
        }
        let doubtful: HashMap<String, (DatasetName, DateTime, Interval)> = all
            .iter_mut()
            .flat_map(|(dataset, seen)| std::mem::take(&mut seen.doubtful).into_iter().map(move |it| (dataset, it)))
            .map(|(dataset, (name, clock, interval))| (format!("{dataset}@{name}"), (dataset.clone(), clock, interval)))
            .collect();
        let names: Vec<&String> = doubtful.keys().collect();
        self.zfs.snapshots(&names, "name,creation", &mut |fields| {
            let [name, creation] = fields else { return None };
            let creation = Timestamp::from_second(creation.parse().ok()?).ok()?;
            let (dataset, clock, interval) = doubtful.get(*name)?;
            if self.request.schedule.in_period_created(*interval, *clock, creation) {
                all.get_mut(dataset)?.current[*interval as usize] = true;
            }
            Some(())
        })
    }

    fn missing(&mut self, dataset: &DatasetName, gone: Gone) {
        match self.request.on_missing {
            OnMissing::Fail => self.taken.failures.push(Failed::refused(dataset, Refusal::DatasetMissing(gone))),
            OnMissing::Warn => {
                self.taken.warnings.about(dataset, gone.what());
                self.leave_out(dataset, &LeftOut::DatasetMissing(gone));
            }
        }
    }

    fn leave_out(&mut self, dataset: &DatasetName, why: &LeftOut) {
        let (code, reason) = (why.code(), why.to_string());
        self.taken.left_out.push(Without { dataset: dataset.to_string(), code, reason });
    }

    /// The snapshots to take, in that order: the longest interval first, so that the newest snapshot is of the shortest.
    fn plan(&mut self, all: &BTreeMap<DatasetName, Seen>) -> Vec<(SnapshotName, Interval)> {
        let mut due: Vec<(&DatasetName, Interval)> = Vec::new();
        let mut taken = HashSet::new();
        for (dataset, seen) in all {
            let Some(declared) = self.request.table.of(dataset) else { continue };
            match self.due(declared, seen) {
                Err(why) => self.leave_out(dataset, &why),
                Ok(intervals) => {
                    taken.extend(seen.near.iter().filter(|(_, i)| intervals.contains(i)).map(|(clock, _)| *clock));
                    due.extend(intervals.into_iter().map(|interval| (dataset, interval)));
                }
            }
        }
        if !self.request.snapshot_replicas {
            self.leave_out_replicas(&mut due);
        }
        let stamp = self.request.schedule.stamp(|clock| taken.contains(&clock));
        let names = Interval::ALL.map(|interval| naming::name(&self.request.prefix, stamp, interval));
        let mut planned = Vec::new();
        for (dataset, interval) in due {
            let name = &names[interval as usize];
            match name.parse::<ShortName>() {
                Ok(name) if dataset.as_str().len() + 1 + name.as_str().len() <= MAX_NAME => {
                    planned.push((SnapshotName { dataset: dataset.clone(), name }, interval));
                }
                _ => {
                    let refusal = Refusal::NameTooLong { dataset: dataset.clone(), name: name.clone() };
                    self.taken.failures.push(Failed::refused(dataset, refusal));
                }
            }
        }
        planned.sort_by_cached_key(|(snapshot, interval)| (Reverse(*interval), snapshot.dataset.pool().to_owned()));
        planned
    }

    /// A snapshot that is taken of a replica parts it from its source. Whoever named one itself is told; those that were found go
    /// without.
    fn leave_out_replicas(&mut self, due: &mut Vec<(&DatasetName, Interval)>) {
        let mut names: Vec<&DatasetName> = due.iter().map(|(dataset, _)| *dataset).collect();
        names.dedup();
        let replicas = match self.zfs.replicas(&names) {
            Ok(replicas) => replicas,
            Err(failure) => {
                self.taken.failures.push(Failed::command(names.into_iter().cloned().collect(), failure));
                return due.clear();
            }
        };
        due.retain(|(dataset, _)| !replicas.contains(dataset.as_str()));
        let mut found = Vec::new();
        for dataset in names.into_iter().filter(|dataset| replicas.contains(dataset.as_str())) {
            if self.request.table.declared(dataset).is_some() {
                self.taken.failures.push(Failed::refused(dataset, Refusal::Replica));
            } else {
                self.leave_out(dataset, &LeftOut::Replica);
                found.push(dataset.as_str());
            }
        }
        if !found.is_empty() {
            let (count, shown) = (found.len(), found.iter().take(3).copied().collect::<Vec<_>>().join(", "));
            self.taken.warnings.add(format!(
                "no snapshots were taken of {count} that hold what another host took ({shown}). {OWN_AGAIN}"
            ));
        }
    }

    /// The intervals that are due for a dataset, or why there is none.
    fn due(&self, declared: &Declared, seen: &Seen) -> Result<Vec<Interval>, LeftOut> {
        let name = &declared.policy_name;
        if !declared.policy.autosnap {
            return Err(LeftOut::PolicyTakesNone(name.clone()));
        }
        let wanted = self.request.intervals.iter().copied().filter(|interval| declared.policy.count(*interval) > 0);
        let wanted: Vec<_> = wanted.collect();
        if wanted.is_empty() {
            return Err(LeftOut::PolicyKeepsNone(name.clone()));
        }
        let due: Vec<_> = wanted.into_iter().filter(|interval| !seen.current[*interval as usize]).collect();
        match (due.is_empty(), seen.unchanged) {
            (true, _) => Err(LeftOut::NotDue),
            (false, true) => Err(LeftOut::Unchanged),
            (false, false) => Ok(due),
        }
    }
}
