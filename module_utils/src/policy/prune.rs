//! Destroys the snapshots that no policy wants any more: one listing for each pool, then one batch for each dataset.

mod destroy;

use super::report::Failed;
use crate::glob::Globs;
use crate::model::{DatasetName, ShortName};
use crate::plan::policy::Table;
use crate::plan::replicated::{self, Replicated};
use crate::plan::retain::{MaxDestroy, Reason, Reasons, Rules, Snapshot, verdicts};
use crate::process::{Failure, Runner};
use crate::ssh::Host;
use crate::zfs::batches::{self, COMMAND, POINTER};
use crate::zfs::verbs::Zfs;
use std::collections::HashMap;

/// What is wanted.
#[derive(Debug)]
pub struct Request {
    /// Which dataset has which policy.
    pub table: Table,
    /// How the names of our snapshots begin.
    pub prefix: String,
    /// Names that are never destroyed.
    pub protect: Globs,
    /// What not every target has got stays.
    pub keep_unreplicated: bool,
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
}

/// What was done, or in check mode would be.
#[derive(Debug, Default)]
pub struct Pruned {
    /// The snapshots that went.
    pub destroyed: Vec<(DatasetName, Vec<ShortName>)>,
    /// The snapshots that stay, if asked for.
    pub kept: Vec<(String, Reasons)>,
    /// How many stay.
    pub kept_count: usize,
    /// What that frees; known only in check mode.
    pub reclaim_bytes: Option<u64>,
    /// What failed.
    pub failures: Vec<Failed>,
    /// What harmed nothing.
    pub warnings: Vec<String>,
    /// Datasets that were looked at.
    pub datasets: usize,
}

/// One dataset with what may go.
#[derive(Debug)]
struct Doomed {
    dataset: DatasetName,
    names: Vec<ShortName>,
    /// How many snapshots of ours it has.
    own: usize,
}

/// Destroys what may go; with `check` says what that would be.
pub fn prune(request: &Request, runner: &Runner, check: bool, tell: &dyn Fn(&str)) -> Pruned {
    let zfs = Zfs { host: &Host::Local, runner };
    let mut run = Run { request, zfs, tell, pruned: Pruned::default() };
    let mut doomed = Vec::new();
    for (pool, roots) in request.table.roots() {
        match run.pool(&roots) {
            Ok(of_pool) => doomed.extend(of_pool),
            Err(failure) => {
                let of_pool = request.table.datasets().filter(|name| name.pool() == pool).cloned();
                run.pruned.failures.push(Failed::command(of_pool.collect(), failure));
            }
        }
    }
    let doomed = run.without_held(doomed);
    let doomed = run.within_limit(doomed);
    if check {
        run.estimate(doomed);
    } else {
        for of_pool in doomed.chunk_by(|a, b| a.dataset.pool() == b.dataset.pool()) {
            run.destroy_of_pool(of_pool);
        }
    }
    run.pruned
}

struct Run<'a> {
    request: &'a Request,
    zfs: Zfs<'a>,
    tell: &'a dyn Fn(&str),
    pruned: Pruned,
}

/// A dataset as the listing shows it. There may be a million snapshots, so their names lie in one text.
#[derive(Debug, Default)]
struct Listed {
    exists: bool,
    names: String,
    snapshots: Vec<ListedSnapshot>,
    bookmarks: Vec<(String, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct ListedSnapshot {
    start: u32,
    end: u32,
    cloned: bool,
    createtxg: u64,
}

impl Listed {
    fn add(&mut self, name: &str, createtxg: u64, cloned: bool) -> Option<()> {
        let start = u32::try_from(self.names.len()).ok()?;
        self.names.push_str(name);
        let end = u32::try_from(self.names.len()).ok()?;
        self.snapshots.push(ListedSnapshot { start, end, cloned, createtxg });
        Some(())
    }

    /// Oldest first.
    fn sorted(&mut self) -> Vec<Snapshot<'_>> {
        self.snapshots.sort_unstable_by_key(|snapshot| snapshot.createtxg);
        let name = |at: &ListedSnapshot| &self.names[at.start as usize..at.end as usize];
        let snapshot = |at: &ListedSnapshot| Snapshot { name: name(at), createtxg: at.createtxg, cloned: at.cloned };
        self.snapshots.iter().map(snapshot).collect()
    }
}

impl Run<'_> {
    /// What may go of a pool, by all that the cheap columns tell.
    fn pool(&mut self, roots: &[DatasetName]) -> Result<Vec<Doomed>, Failure> {
        let mut listed: HashMap<String, Listed> = HashMap::new();
        self.zfs.tree(roots, "filesystem,volume,snapshot,bookmark", "name,createtxg,numclones", &mut |fields| {
            let [name, createtxg, clones] = fields else { return None };
            let end = name.find(['@', '#']).unwrap_or(name.len());
            let entry = match listed.get_mut(&name[..end]) {
                Some(entry) => entry,
                None => listed.entry(name[..end].to_owned()).or_default(),
            };
            match name.as_bytes().get(end) {
                None => entry.exists = true,
                Some(b'@') => entry.add(&name[end + 1..], createtxg.parse().ok()?, *clones != "0")?,
                Some(_) if replicated::target(&name[end + 1..]).is_some() => {
                    entry.bookmarks.push((name[end + 1..].to_owned(), createtxg.parse().ok()?));
                }
                Some(_) => {}
            }
            Some(())
        })?;
        let missing = |name: &&DatasetName| !listed.get(name.as_str()).is_some_and(|listed| listed.exists);
        let of_pool =
            self.request.table.datasets().filter(|name| Some(name.pool()) == roots.first().map(DatasetName::pool));
        self.pruned
            .warnings
            .extend(of_pool.filter(missing).map(|name| format!("{name} does not exist, so nothing is pruned there")));
        let mut all: Vec<(String, Listed)> = listed.into_iter().filter(|(_, listed)| listed.exists).collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(all.into_iter().filter_map(|(name, listed)| self.judge(name.parse().ok()?, listed)).collect())
    }

    fn judge(&mut self, dataset: DatasetName, mut listed: Listed) -> Option<Doomed> {
        let policy = self.request.table.of(&dataset)?.policy;
        if !policy.autoprune {
            return None;
        }
        self.pruned.datasets += 1;
        let replicated = Replicated::from(listed.bookmarks.iter().map(|(name, txg)| (name.as_str(), *txg)));
        let rules = Rules {
            prefix: &self.request.prefix,
            policy,
            protect: &self.request.protect,
            keep_unreplicated: self.request.keep_unreplicated,
        };
        let snapshots = listed.sorted();
        if rules.keep_unreplicated && replicated.is_empty() && !snapshots.is_empty() {
            let words = "has no bookmark of zfs_replicate, so keep_unreplicated keeps all of its snapshots";
            self.pruned.warnings.push(format!("{dataset} {words}"));
        }
        let verdicts = verdicts(&snapshots, &replicated, &rules);
        let mut doomed = Doomed { dataset, names: Vec::new(), own: 0 };
        for (snapshot, reasons) in snapshots.iter().zip(verdicts) {
            doomed.own += usize::from(!reasons.not_ours());
            match snapshot.name.parse() {
                Ok(name) if reasons.is_empty() => doomed.names.push(name),
                _ => self.keep(&doomed.dataset, snapshot.name, reasons),
            }
        }
        (!doomed.names.is_empty()).then_some(doomed)
    }

    fn keep(&mut self, dataset: &DatasetName, name: &str, reasons: Reasons) {
        self.pruned.kept_count += 1;
        if self.request.list_kept {
            self.pruned.kept.push((format!("{dataset}@{name}"), reasons));
        }
    }

    /// Asks what is too dear to ask of all: only of those that would go, as many at once as a command holds.
    fn without_held(&mut self, doomed: Vec<Doomed>) -> Vec<Doomed> {
        let columns = if self.request.keep_after.is_some() { "name,userrefs,creation" } else { "name,userrefs" };
        let mut asked = Vec::new();
        let mut names: Vec<(usize, ShortName)> = Vec::new();
        for (index, doomed) in doomed.into_iter().enumerate() {
            names.extend(doomed.names.into_iter().map(|name| (index, name)));
            asked.push(Doomed { names: Vec::new(), ..doomed });
        }
        let index: HashMap<String, usize> =
            asked.iter().enumerate().map(|(index, doomed)| (doomed.dataset.to_string(), index)).collect();
        let cost = |(index, name): &(usize, ShortName)| {
            asked[*index].dataset.as_str().len() + 1 + name.as_str().len() + POINTER
        };
        let batches = batches::split(&names, COMMAND, cost);
        let mut failed = Vec::new();
        for batch in batches {
            let full: Vec<String> =
                batch.iter().map(|(index, name)| format!("{}@{name}", asked[*index].dataset)).collect();
            let mut held = Vec::new();
            let result = self.zfs.snapshots(&full, columns, &mut |fields| {
                let (dataset, name) = fields.first()?.split_once('@')?;
                let (index, name) = (*index.get(dataset)?, name.parse::<ShortName>().ok()?);
                let mut reasons = Reasons::default();
                if *fields.get(1)? != "0" {
                    reasons.add(Reason::Held);
                }
                if let Some(keep_after) = self.request.keep_after
                    && fields.get(2)?.parse::<i64>().ok()? > keep_after
                {
                    reasons.add(Reason::Young);
                }
                if reasons.is_empty() {
                    asked[index].names.push(name);
                } else {
                    held.push((index, name, reasons));
                }
                Some(())
            });
            for (index, name, reasons) in held {
                self.keep(&asked[index].dataset, name.as_str(), reasons);
            }
            if let Err(failure) = result {
                // Of these it is not known whether they are held, so none of them goes.
                let mut indices: Vec<usize> = batch.iter().map(|(index, _)| *index).collect();
                indices.dedup();
                let datasets = indices.iter().map(|index| asked[*index].dataset.clone()).collect();
                self.pruned.failures.push(Failed::command(datasets, failure));
                failed.extend(indices);
            }
        }
        for index in failed {
            asked[index].names.clear();
        }
        asked.retain(|doomed| !doomed.names.is_empty());
        asked
    }

    fn within_limit(&mut self, doomed: Vec<Doomed>) -> Vec<Doomed> {
        let Some(limit) = self.request.max_destroy else { return doomed };
        let (too_many, fine): (Vec<_>, Vec<_>) =
            doomed.into_iter().partition(|doomed| limit.is_exceeded(doomed.names.len(), doomed.own));
        for doomed in too_many {
            let (count, own) = (doomed.names.len(), doomed.own);
            let words = format!(
                "{count} of its {own} snapshots would be destroyed, more than max_destroy={limit} allows; none was"
            );
            self.pruned.kept_count += count;
            self.pruned.failures.push(Failed::refused(&doomed.dataset, words));
        }
        fine
    }
}
