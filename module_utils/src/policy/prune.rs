//! Destroys the snapshots that no policy wants any more: one listing for each pool, then one batch for each dataset.

mod arrivals;
mod count;
mod destroy;
mod judge;
mod listed;
mod listing;
mod question;
mod vanished;

pub use arrivals::state_folder;

use self::listed::Listed;
use super::gone::GoneLines;
use super::kept::Left;
use super::refusal::Refusal;
use super::report::Failed;
use crate::exec::runner::Runner;
use crate::exec::ssh::Host;
use crate::model::glob::Globs;
use crate::model::summed::Summed;
use crate::model::{DatasetName, ShortName};
use crate::plan::names::{Intervals, Names};
use crate::plan::naming;
use crate::plan::policy::{Policy, Table};
use crate::plan::reason::Reasons;
use crate::plan::retain::MaxDestroy;
use crate::zfs::commands::Zfs;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

/// What is wanted.
#[derive(Debug)]
pub struct Request {
    /// Which dataset has which policy.
    pub table: Table,
    /// The names that count.
    pub names: Names,
    /// Names that are never destroyed.
    pub protect: Globs,
    /// What not every target has got stays.
    pub keep_unreplicated: bool,
    /// What lies at or below these was taken by other hosts, whether it is marked or not.
    pub replicas: Vec<DatasetName>,
    /// Replicas count as having arrived when their names say.
    pub trust_dates: bool,
    /// Length of the `frequently` period of replicas.
    pub frequently_minutes: u32,
    /// Now, in seconds since 1970.
    pub now: i64,
    /// Where to keep account of arrivals, if there is such a place.
    pub state_folder: Option<PathBuf>,
    /// What was created after this stays; seconds since 1970.
    pub keep_after: Option<i64>,
    /// More than that of one dataset are not destroyed.
    pub max_destroy: Option<MaxDestroy>,
    /// `zfs destroy -d`
    pub defer: bool,
    /// Channel programs may be run.
    pub is_root: bool,
    /// Keep account of what stays, and why.
    pub list_kept: bool,
    /// Count what there is then.
    pub counts: bool,
}

/// What was done, or in check mode would be.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The snapshots that went.
    pub destroyed: Vec<(DatasetName, Vec<ShortName>)>,
    /// The snapshots that stay, if asked for.
    pub kept: Vec<Kept>,
    /// What alone keeps snapshots that no policy wants.
    pub unreplicated: Vec<Unreplicated>,
    /// Datasets that were found, and are gone since.
    pub vanished: Vec<DatasetName>,
    /// How many stay.
    pub kept_count: usize,
    /// What that frees; known only in check mode.
    pub reclaim_bytes: Option<u64>,
    /// What failed.
    pub failures: Vec<Failed>,
    /// Warnings.
    pub warnings: Summed,
    /// Datasets that were looked at.
    pub datasets: usize,
    /// How many snapshots of other tools were counted, by the user's word for their names.
    pub counted: BTreeMap<String, usize>,
    /// What there is then of each dataset that was listed, if asked for.
    pub left: Left,
}

/// A snapshot that stays.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its full name.
    pub snapshot: String,
    /// Why.
    pub reasons: Reasons,
    /// The full names of the bookmarks of targets that have not got it yet, where that is a reason.
    pub behind: Vec<String>,
}

/// A bookmark of a target that is behind, and what would go but for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreplicated {
    /// The full name of the bookmark.
    pub bookmark: String,
    /// How many snapshots no policy wants any more.
    pub snapshots: usize,
    /// The first of them.
    pub oldest: String,
}

/// One dataset with what may go.
#[derive(Debug)]
struct Doomed {
    dataset: DatasetName,
    names: Vec<ShortName>,
    /// How many snapshots of ours it has.
    own: usize,
    /// The policy, if it is a replica.
    replica: Option<Policy>,
    /// As what those of a replica count whose names do not say it.
    claims: HashMap<ShortName, Intervals>,
}

/// Destroys what may go; with `check` says what that would be.
pub fn prune(request: &Request, runner: &Runner, check: bool, color: bool, tell: &dyn Fn(&str)) -> Pruned {
    let zfs = Zfs { host: &Host::Local, runner };
    let mut run = Run {
        request,
        zfs,
        tell,
        lines: GoneLines::new(std::iter::empty(), check, color),
        check,
        pruned: Pruned {
            counted: request.names.words().map(|word| (word.to_owned(), 0)).collect(),
            ..Pruned::default()
        },
        first_seen: BTreeMap::new(),
        too_new: BTreeMap::new(),
        future: None,
        misdated: None,
        other_prefixes: (0, Vec::new()),
        missed: BTreeSet::new(),
        listed: Vec::new(),
    };
    let mut pools = Vec::new();
    for (pool, roots) in request.table.roots() {
        match run.list(&pool, &roots) {
            Ok(listed) => pools.push(listed),
            Err(failure) => {
                let of_pool = request.table.datasets().filter(|name| name.pool() == pool).cloned();
                run.pruned.failures.push(Failed::command(of_pool.collect(), failure));
            }
        }
    }
    let doomed = run.judge(pools);
    let doomed = run.without_held(doomed);
    let doomed = run.within_limit(doomed);
    run.lines = GoneLines::new(doomed.iter().map(|doomed| &doomed.dataset), check, color);
    if check {
        run.estimate(doomed);
    } else {
        for of_pool in doomed.chunk_by(|a, b| a.dataset.pool() == b.dataset.pool()) {
            run.destroy_of_pool(of_pool);
        }
    }
    run.find_vanished();
    run.count();
    run.warn();
    run.pruned
}

struct Run<'a> {
    request: &'a Request,
    zfs: Zfs<'a>,
    tell: &'a dyn Fn(&str),
    lines: GoneLines,
    check: bool,
    pruned: Pruned,
    /// Pools whose arrivals nobody has noted yet, with the file where that is done from now on.
    first_seen: BTreeMap<String, PathBuf>,
    /// For each pool how many stay because they have not been seen here for long enough.
    too_new: BTreeMap<String, usize>,
    /// How many are dated in the future, and the first of them.
    future: Option<(usize, String)>,
    /// How many say a date before that of an older one, and the first of them.
    misdated: Option<(usize, String)>,
    /// How many would be ours with another prefix, and the first few of these.
    other_prefixes: (usize, Vec<String>),
    /// Datasets that some command did not find any more.
    missed: BTreeSet<DatasetName>,
    /// What was listed, for as long as it is to be counted.
    listed: Vec<(DatasetName, Listed)>,
}

impl Run<'_> {
    fn keep(&mut self, dataset: &DatasetName, name: &str, reasons: Reasons) {
        self.keep_for(dataset, name, reasons, Vec::new());
    }

    /// The same for targets that are behind, which `behind` are the bookmarks of.
    fn keep_for(&mut self, dataset: &DatasetName, name: &str, reasons: Reasons, behind: Vec<String>) {
        self.pruned.kept_count += 1;
        if reasons.contains(Reasons::RECENT_ARRIVAL) && self.first_seen.contains_key(dataset.pool()) {
            *self.too_new.entry(dataset.pool().to_owned()).or_default() += 1;
        }
        if reasons.contains(Reasons::FOREIGN) && !reasons.contains(Reasons::PROTECTED) {
            self.note_prefix(name);
        }
        if reasons.contains(Reasons::FUTURE) {
            self.future.get_or_insert_with(|| (0, format!("{dataset}@{name}"))).0 += 1;
        }
        if reasons.contains(Reasons::MISDATED) {
            self.misdated.get_or_insert_with(|| (0, format!("{dataset}@{name}"))).0 += 1;
        }
        if self.request.list_kept {
            self.pruned.kept.push(Kept { snapshot: format!("{dataset}@{name}"), reasons, behind });
        }
    }

    fn within_limit(&mut self, doomed: Vec<Doomed>) -> Vec<Doomed> {
        let Some(limit) = self.request.max_destroy else { return doomed };
        let (too_many, fine): (Vec<_>, Vec<_>) =
            doomed.into_iter().partition(|doomed| limit.is_exceeded(doomed.names.len(), doomed.own));
        for doomed in too_many {
            let (count, own) = (doomed.names.len(), doomed.own);
            self.pruned.kept_count += count;
            let refusal = Refusal::MaxDestroyExceeded { count, own, limit };
            self.pruned.failures.push(Failed::refused(&doomed.dataset, refusal));
        }
        fine
    }

    fn note_prefix(&mut self, name: &str) {
        const SHOWN: usize = 3;
        let Some(prefix) = naming::other_prefix(name) else { return };
        let (count, prefixes) = &mut self.other_prefixes;
        *count += 1;
        if prefixes.len() < SHOWN && prefixes.iter().all(|known| known != prefix) {
            prefixes.push(prefix.to_owned());
        }
    }

    /// Says once what keeps many snapshots.
    fn warn(&mut self) {
        let (count, prefixes) = &self.other_prefixes;
        if let Some(prefix) = prefixes.first() {
            let are = if *count == 1 { "snapshot is" } else { "snapshots are" };
            self.pruned.warnings.add(format!(
                "{count} {are} named as ours, but with another prefix than {} ({}): foreign, so never pruned. To have such ones pruned by the same \
                 policies, run zfs_prune with that prefix too, or add sanoid:{prefix} to other_names; to keep them without this warning, protect \"{prefix}_*\"",
                self.request.names.prefix(),
                prefixes.join(", ")
            ));
        }
        for (pool, file) in &self.first_seen {
            let Some(count) = self.too_new.get(pool) else { continue };
            self.pruned.warnings.add(format!(
                "pool {pool}: when its replicas arrived is not known yet, so {count} snapshots beyond the count of their policy stay until \
                 they have been seen here for as long as it wants them. From now on {} keeps account. trust_dates=true believes their dates instead",
                file.display()
            ));
        }
        self.warn_of_dates();
    }

    fn warn_of_dates(&mut self) {
        if let Some((count, first)) = &self.future {
            let are = if *count == 1 { "snapshot of a replica is" } else { "snapshots of replicas are" };
            self.pruned.warnings.add(format!(
                "{count} {are} dated in the future, such as {first}. Such take up no place, and stay until then. Either a clock was wrong where \
                 they come from, or somebody made them up; destroy them by hand if you do not want them"
            ));
        }
        if let Some((count, first)) = &self.misdated {
            let say = if *count == 1 { "snapshot says" } else { "snapshots say" };
            self.pruned.warnings.add(format!(
                "{count} {say} a date before that of an older one, such as {first}. A clock was wrong when one of the two was taken, so it is not \
                 known of which day they are: such take up no place, and stay. Destroy them by hand if you do not want them"
            ));
        }
    }
}
