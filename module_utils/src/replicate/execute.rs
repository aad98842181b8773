//! Carries plans out, each dataset with its own outcome, planned anew after whatever may pass.

use super::bookmarks::Bookmarks;
use super::carry::{carry_and_settle, is_said, of_up_to_date};
use super::chosen::{self, LeftOutReport};
use super::deleted::{Mirror, Mirrored};
use super::diagnose::diagnose;
use super::gather::{Sides, gather};
use super::holds::{Changes, Holds};
use super::inheritance::{self, Heir, KeyTree};
use super::lines::{Tell, Told};
use super::notices::{Notices, notices};
use super::orphans::{self, Orphan};
use super::pass::{Pass, State};
use super::planned::{Entry, entries, missing, permit, refuse_unfinished, unmapped};
use super::progress::Progress;
use super::renamed::{self, Followed};
use super::report::{DatasetError, DatasetReport, Status};
use super::request::Request;
use super::{clone_notices, commands, swap};
use crate::exec::hook::HookReport;
use crate::exec::runner::{Failure, Runner};
use crate::exec::signals;
use crate::model::DatasetName;
use crate::plan::deleted::DeletedDatasets;
use crate::plan::swap::Swap;
use crate::plan::transfer::{Plan, Transfer};
use crate::zfs::commands::{SWAP, Zfs};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a run did.
#[derive(Debug, Default)]
pub struct Run {
    /// One report for each dataset, parents before children.
    pub reports: Vec<DatasetReport>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Something was, or in check mode would be, changed.
    pub changed: bool,
    /// Replicas whose source is gone.
    pub orphans: Vec<Orphan>,
    /// Datasets that say of themselves that they are not to be sent.
    pub left_out: Vec<LeftOutReport>,
    /// No snapshot of any source is wanted, although there are some.
    pub nothing_wanted: bool,
    /// Datasets below the sources that were left out because an option says so.
    pub excluded: usize,
    /// Why replicas whose source is gone could not be removed.
    pub not_removed: Vec<String>,
    /// The hooks that were run, or in check mode would be.
    pub hooks: Vec<HookReport>,
    /// Why the hook after it failed, where that counts.
    pub hook_failed: Option<String>,
    /// Why nothing was replicated, where that is no failure.
    pub skipped: Option<String>,
    /// Datasets of the target with a key of their own, where their sources inherit it.
    pub key_trees: Vec<KeyTree>,
}

impl Run {
    /// True if nothing of it failed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let whole = self.reports.iter().all(|report| report.error.is_none()) && self.not_removed.is_empty();
        whole && signals::received().is_none()
    }

    /// What the first look at both sides has to tell.
    fn look_around(&mut self, request: &Request, sides: &Sides, runner: &Runner) {
        self.reports = not_tried(request, sides);
        self.left_out = chosen::left_out(&sides.not_chosen.left_out);
        self.excluded = sides.not_chosen.excluded;
        let Notices { warnings, nothing_wanted } = notices(request, sides);
        self.warnings.extend(warnings);
        self.nothing_wanted = nothing_wanted;
        // Where something is done about them, that is told with them, at the end.
        if request.deleted.what == DeletedDatasets::Report {
            match orphans::orphans(request, sides, Zfs { host: &request.target, runner }) {
                Ok(orphans) => self.orphans = orphans,
                Err(failure) => self.warnings.push(format!("replicas whose source is gone are not told: {failure}")),
            }
        }
    }

    /// The last thing that a run does, or says that it would.
    fn mirror_deletions(&mut self, mirror: &Mirror<'_>, sides: Option<&Sides>) {
        if !mirror.request.deleted.what.acts() {
            return;
        }
        let mirrored = sides.map_or_else(|| mirror.of_new_look(), |sides| mirror.of(sides));
        match mirrored {
            Ok(Mirrored { orphans, changed, failures, .. }) => {
                self.changed |= changed;
                self.not_removed = failures;
                self.orphans = orphans;
            }
            Err(failure) => self.not_removed.push(format!("deletions are not mirrored: {failure}")),
        }
    }
}

/// Says what would be done, with estimates. Runs only commands that read.
pub fn check(request: &Request, runner: &Runner, tell: &Tell<'_>) -> Result<Run, Failure> {
    let sides = gather(request, runner, true)?;
    let source = Zfs { host: &request.source, runner };
    let mut run = Run::default();
    run.look_around(request, &sides, runner);
    let mut entries = entries(request, &sides);
    tell_plan(&run.reports, &entries, tell);
    diagnose(&sides, Zfs { host: &request.target, runner }, &request.mapping.target, &mut entries);
    run.changed |= renamed::tell_planned(&sides.following, &|line| tell(Told::Note(line)));
    for swap in &sides.swaps {
        run.changed = true;
        run.warnings.push(format!("{}: {TO_FINISH}", swap.place));
        if let Some(failure) = unfinished(swap, request) {
            refuse_unfinished(&mut entries, swap, &failure);
        }
    }
    permit(request, runner, &sides, &mut entries, &mut run.warnings)?;
    run.warnings.extend(of_clones(request, source, &sides, &entries));
    let holds = Holds::look(request, &sides, runner)?;
    for entry in &entries {
        let mut report = entry.report();
        match &entry.plan {
            Ok(Plan::Send(transfer)) => {
                report.status = Status::Planned;
                if let Err(failure) = estimate(request, source, entry, transfer, &mut report) {
                    // What cannot even be estimated cannot be sent.
                    (report.status, report.error) = (Status::Failed, Some(DatasetError::from(&failure)));
                }
                run.changed |= report.error.is_none();
            }
            Ok(plan) => {
                let changes = holds.as_ref().and_then(|holds| of_up_to_date(holds, &sides, entry, plan));
                run.changed |= changes.is_some_and(|changes| !changes.iter().all(Changes::is_empty));
                run.changed |= plan.leftover().is_some();
            }
            Err(_) => {}
        }
        tell(Told::Done { report: &report, again: false });
        run.reports.push(report);
    }
    run.key_trees = inheritance::trees(&inheritance::heirs(request, &sides, &entries), &run.reports);
    let some_failed = run.reports.iter().any(|report| report.error.is_some());
    let mirror = Mirror { request, runner, dry: true, some_failed, target_pool: sides.target_pool };
    run.mirror_deletions(&mirror, Some(&sides));
    Ok(run)
}

/// Adds what ZFS expects to send.
fn estimate(
    request: &Request,
    source: Zfs<'_>,
    entry: &Entry<'_>,
    transfer: &Transfer,
    report: &mut DatasetReport,
) -> Result<(), Failure> {
    for (step, shown) in transfer.steps.iter().zip(&mut report.steps) {
        shown.bytes_estimated = source.estimate(&commands::estimate(request, &entry.source.name, transfer, step))?;
        report.bytes += shown.bytes_estimated.unwrap_or(0);
    }
    Ok(())
}

/// What is to be said about clones that do not land as such.
fn of_clones(request: &Request, source: Zfs<'_>, sides: &Sides, entries: &[Entry<'_>]) -> Vec<String> {
    [clone_notices::warnings(source, entries), clone_notices::promoted(request, sides, entries)].concat()
}

/// What it is about, and what cannot be tried.
fn tell_plan(not_tried: &[DatasetReport], entries: &[Entry<'_>], tell: &Tell<'_>) {
    tell(Told::Planned(&[not_tried.to_vec(), entries.iter().map(Entry::report).collect()].concat()));
    for report in not_tried {
        tell(Told::Done { report, again: false });
    }
}

const TO_FINISH: &str = "an earlier run was cut short while it put this in its place; that is finished first";

/// Reports of what cannot even be planned.
fn not_tried(request: &Request, sides: &Sides) -> Vec<DatasetReport> {
    [missing(request, sides), unmapped(request, sides), chosen::refused(request, &sides.not_chosen.refused)].concat()
}

/// Why a swap cannot be finished.
fn unfinished(swap: &Swap, request: &Request) -> Option<Failure> {
    let conflict = swap.changes.as_ref().err()?;
    Some(Failure::refusal(SWAP, &request.target, conflict))
}

/// Replicates.
pub fn replicate(request: &Request, runner: &Runner, tell: &Tell<'_>, progress: &Progress<'_>) -> Result<Run, Failure> {
    let mut execution = Execution {
        request,
        runner,
        tell,
        progress,
        run: Run::default(),
        done: BTreeMap::new(),
        heirs: Vec::new(),
        target_pool: None,
    };
    let mut todo: Option<BTreeSet<DatasetName>> = None;
    for tries_left in (0..=request.retries).rev() {
        match execution.pass(todo.as_ref(), tries_left > 0) {
            Ok(again) if again.is_empty() => break,
            Ok(again) => todo = Some(again),
            Err(failure) if failure.cause.is_transient() && tries_left > 0 => {
                tell(Told::Note(&format!("{failure}; trying again")));
            }
            // What was done before is worth more to the reader than the bare error.
            Err(failure) if !execution.done.is_empty() => {
                execution.fail_rest(todo.unwrap_or_default(), &failure);
                break;
            }
            Err(failure) => return Err(failure),
        }
        pause(request.retry_delay);
    }
    execution.find_vanished();
    let (mut run, target_pool) = (execution.run, execution.target_pool);
    run.reports.extend(execution.done.into_values());
    run.key_trees = inheritance::trees(&execution.heirs, &run.reports);
    let some_failed = run.reports.iter().any(|report| report.error.is_some());
    if signals::received().is_none() {
        run.mirror_deletions(&Mirror { request, runner, dry: false, some_failed, target_pool }, None);
    }
    Ok(run)
}

fn pause(time: Duration) {
    let until = Instant::now() + time;
    while signals::received().is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50).min(time));
    }
}

struct Execution<'a> {
    request: &'a Request,
    runner: &'a Runner,
    tell: &'a Tell<'a>,
    progress: &'a Progress<'a>,
    run: Run,
    done: BTreeMap<DatasetName, DatasetReport>,
    heirs: Vec<Heir>,
    /// The guid of the target's pool, where that was asked.
    target_pool: Option<u64>,
}

impl Execution<'_> {
    /// Gathers, plans and carries out; gives the datasets that are worth another try.
    fn pass(
        &mut self,
        only: Option<&BTreeSet<DatasetName>>,
        may_retry: bool,
    ) -> Result<BTreeSet<DatasetName>, Failure> {
        let (sides, followed) = self.gather_following()?;
        self.target_pool = sides.target_pool;
        if only.is_none() {
            self.run.look_around(self.request, &sides, self.runner);
        }
        let mut entries = entries(self.request, &sides);
        if only.is_none() {
            tell_plan(&self.run.reports, &entries, self.tell);
        }
        let target = Zfs { host: &self.request.target, runner: self.runner };
        diagnose(&sides, target, &self.request.mapping.target, &mut entries);
        followed.tell_entries(&mut entries);
        self.finish_swaps(&sides.swaps, &mut entries);
        entries.retain(|entry| only.is_none_or(|only| only.contains(&entry.source.name)));
        permit(self.request, self.runner, &sides, &mut entries, &mut self.run.warnings)?;
        let source = Zfs { host: &self.request.source, runner: self.runner };
        self.note(only.is_none(), source, &sides, &entries);
        let mut holds = Holds::look(self.request, &sides, self.runner)?;
        if let Some(holds) = &mut holds {
            self.run.changed |= holds.hold_first(source, &entries, &mut self.run.warnings)?;
        }
        let pool = sides.target_pool.filter(|_| self.request.bookmarks);
        let bookmarks = pool.map(|pool| Bookmarks::planned(&entries, pool)).unwrap_or_default();
        let pass = Pass {
            request: self.request,
            runner: self.runner,
            progress: self.progress,
            sides: &sides,
            holds: holds.as_ref(),
            bookmarks: &bookmarks,
            tell: self.tell,
            may_retry,
            said: &self.run.warnings,
            state: Mutex::new(State { done: std::mem::take(&mut self.done), ..State::default() }),
            bell: Condvar::new(),
        };
        carry_and_settle(&pass, &entries);
        let state = pass.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (cause, warning) in bookmarks.warnings() {
            if !is_said(&self.run.warnings, cause, &warning) {
                self.run.warnings.push(warning);
            }
        }
        self.run.changed |= state.changed;
        self.run.warnings.extend(state.warnings);
        self.done = state.done;
        if signals::received().is_some() { Ok(BTreeSet::new()) } else { Ok(state.again) }
    }

    /// What the first look at both sides tells of clones and keys.
    fn note(&mut self, is_first: bool, source: Zfs<'_>, sides: &Sides, entries: &[Entry<'_>]) {
        if is_first {
            self.run.warnings.extend(of_clones(self.request, source, sides, entries));
            self.heirs = inheritance::heirs(self.request, sides, entries);
        }
    }

    /// Gathers, lets replicas follow their renamed sources, and then gathers anew.
    fn gather_following(&mut self) -> Result<(Sides, Followed), Failure> {
        let mut sides = gather(self.request, self.runner, true)?;
        if sides.following.groups.is_empty() {
            return Ok((sides, Followed::default()));
        }
        let followed = renamed::follow(self.request, self.runner, &sides, &mut self.run.warnings, &|line| {
            (self.tell)(Told::Note(line));
        });
        self.run.changed = true;
        // What was planned with other names may be another thing now.
        let stuck = std::mem::take(&mut sides.following.stuck);
        sides = gather(self.request, self.runner, false)?;
        sides.following.stuck = stuck;
        // Half-way, nothing is what it looks like.
        sides.swaps.retain(|swap| !followed.is_on_its_way(&swap.place));
        Ok((sides, followed))
    }

    /// Puts in its place what an earlier run has only received.
    fn finish_swaps(&mut self, swaps: &[Swap], entries: &mut [Entry<'_>]) {
        let target = Zfs { host: &self.request.target, runner: self.runner };
        for swap in swaps {
            let failure = match &swap.changes {
                Ok(changes) => {
                    self.run.changed = true;
                    if let Some(aside) = &swap.aside {
                        self.run
                            .warnings
                            .push(format!("{}: {TO_FINISH}; what had diverged is {aside} now", swap.place));
                    }
                    swap::make(target, changes).err()
                }
                Err(_) => unfinished(swap, self.request),
            };
            if let Some(failure) = failure {
                refuse_unfinished(entries, swap, &failure);
            }
        }
    }

    /// What was found below a root and is gone by now has not failed: it is no longer among what was asked for. What was named is.
    fn find_vanished(&mut self) {
        let named = |name: &DatasetName| self.request.named.contains(name);
        let tried = self.done.iter().filter(|(name, report)| report.status == Status::Failed && !named(name));
        let failed: Vec<String> = tried.map(|(name, _)| name.to_string()).collect();
        if failed.is_empty() || signals::received().is_some() {
            return;
        }
        let source = Zfs { host: &self.request.source, runner: self.runner };
        // Whoever cannot be asked is not known to have vanished: the failures stay what they are.
        let Ok(there) = source.numbers("guid", &failed) else { return };
        let gone = |name: &DatasetName| failed.contains(&name.to_string()) && !there.contains_key(name.as_str());
        for (_, report) in self.done.iter_mut().filter(|(name, _)| gone(name)) {
            report.vanish();
            (self.tell)(Told::Done { report, again: false });
        }
    }

    fn fail_rest(&mut self, rest: BTreeSet<DatasetName>, failure: &Failure) {
        for name in rest {
            if let Some(report) = self.done.get_mut(&name) {
                report.status = Status::Failed;
                report.error = Some(DatasetError::from(failure));
            }
        }
    }
}
