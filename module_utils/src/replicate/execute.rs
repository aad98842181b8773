//! Carries plans out, each dataset with its own outcome, planned anew after whatever may pass.

use super::bookmarks::{self, Bookmarks};
use super::diagnose::diagnose;
use super::gather::{Sides, gather};
use super::holds::{self, Changes, Holds};
use super::notices::{self, Notices, Orphan, notices};
use super::planned::{Entry, entries, missing, permit, refuse_unfinished, unmapped};
use super::preflight::{NO_BOOKMARK, STAYS};
use super::progress::Progress;
use super::report::{DatasetReport, Discarded, ErrorReport, Status};
use super::request::{Lane, Request};
use super::scheduler;
use super::transfer::Carrier;
use super::verify::{self, Arrival};
use super::{commands, swap};
use crate::exec::runner::{Failure, Runner};
use crate::exec::signals;
use crate::exec::stderr::Cause;
use crate::model::DatasetName;
use crate::plan::replicate::{Plan, Transfer};
use crate::plan::resume::Discard;
use crate::plan::swap::Swap;
use crate::zfs::commands::{SWAP, Zfs};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a run did.
#[derive(Debug, Default)]
pub struct Run {
    /// One report for each dataset, parents before children.
    pub reports: Vec<DatasetReport>,
    /// What went not quite as wished, yet harmed nothing.
    pub warnings: Vec<String>,
    /// Something was, or in check mode would be, changed.
    pub changed: bool,
    /// Replicas whose source is gone.
    pub orphans: Vec<Orphan>,
    /// No snapshot of any source is wanted, although there are some.
    pub nothing_wanted: bool,
}

impl Run {
    /// What the first look at both sides has to tell.
    fn look_around(&mut self, request: &Request, sides: &Sides, runner: &Runner) {
        self.reports = not_tried(request, sides);
        let Notices { warnings, nothing_wanted } = notices(request, sides);
        self.warnings.extend(warnings);
        self.nothing_wanted = nothing_wanted;
        match notices::orphans(request, sides, Zfs { host: &request.target, runner }) {
            Ok(orphans) => self.orphans = orphans,
            Err(failure) => self.warnings.push(format!("replicas whose source is gone are not told: {failure}")),
        }
    }
}

/// Says what would be done, with estimates. Runs only commands that read.
pub fn check(request: &Request, runner: &Runner, tell: &dyn Fn(&str)) -> Result<Run, Failure> {
    let sides = gather(request, runner)?;
    let source = Zfs { host: &request.source, runner };
    let mut run = Run::default();
    run.look_around(request, &sides, runner);
    run.orphans.iter().for_each(|orphan| tell(&orphan.line()));
    let mut entries = entries(request, &sides);
    diagnose(&sides, Zfs { host: &request.target, runner }, &request.mapping.target, &mut entries);
    for swap in &sides.swaps {
        run.changed = true;
        run.warnings.push(format!("{}: {TO_FINISH}", swap.place));
        if let Some(failure) = unfinished(swap, request) {
            refuse_unfinished(&mut entries, swap, &failure);
        }
    }
    permit(request, runner, &sides, &mut entries, &mut run.warnings)?;
    let holds = Holds::look(request, &sides, runner)?;
    for entry in entries {
        let mut report = entry.report();
        match &entry.plan {
            Ok(Plan::Send(transfer)) => {
                report.status = Status::Planned;
                for (step, shown) in transfer.steps.iter().zip(&mut report.steps) {
                    let cmd = commands::estimate(request, &entry.source.name, transfer, step);
                    match source.estimate(&cmd) {
                        Ok(bytes) => shown.bytes_estimated = bytes,
                        // What cannot even be estimated cannot be sent.
                        Err(failure) => {
                            (report.status, report.error) = (Status::Failed, Some(ErrorReport::from(&failure)));
                            break;
                        }
                    }
                    report.bytes += shown.bytes_estimated.unwrap_or(0);
                }
                run.changed |= report.error.is_none();
            }
            Ok(plan) => {
                let changes = holds.as_ref().and_then(|holds| of_up_to_date(holds, &sides, &entry, plan));
                run.changed |= changes.is_some_and(|changes| !changes.iter().all(Changes::is_empty));
                run.changed |= plan.leftover().is_some();
            }
            Err(_) => {}
        }
        tell(&report.line());
        run.reports.push(report);
    }
    Ok(run)
}

const TO_FINISH: &str = "an earlier run was cut short while it put this in its place; that is finished first";

/// Reports of what cannot even be planned.
fn not_tried(request: &Request, sides: &Sides) -> Vec<DatasetReport> {
    [missing(request, sides), unmapped(request, sides)].concat()
}

/// Why a swap cannot be finished.
fn unfinished(swap: &Swap, request: &Request) -> Option<Failure> {
    let conflict = swap.changes.as_ref().err()?;
    Some(Failure::refusal(SWAP, &request.target, conflict.to_string()))
}

fn of_up_to_date(holds: &Holds, sides: &Sides, entry: &Entry<'_>, plan: &Plan) -> Option<[Changes; 2]> {
    let Plan::UpToDate { base, .. } = plan else { return None };
    Some(holds.of_up_to_date(entry.source, sides.targets.get(&entry.target)?, base.guid))
}

/// Replicates.
pub fn replicate(
    request: &Request,
    runner: &Runner,
    tell: &(dyn Fn(&str) + Sync),
    progress: &Progress<'_>,
) -> Result<Run, Failure> {
    let mut execution = Execution { request, runner, tell, progress, run: Run::default(), done: BTreeMap::new() };
    let mut todo: Option<BTreeSet<DatasetName>> = None;
    for tries_left in (0..=request.retries).rev() {
        match execution.pass(todo.as_ref(), tries_left > 0) {
            Ok(again) if again.is_empty() => break,
            Ok(again) => todo = Some(again),
            Err(failure) if failure.cause.is_transient() && tries_left > 0 => tell(&format!("{failure}; trying again")),
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
    let mut run = execution.run;
    run.reports.extend(execution.done.into_values());
    Ok(run)
}

/// Whether the preflight has said of a permission what came of its lack, or an earlier try the very same.
fn is_said(warnings: &[String], cause: Cause, warning: &str) -> bool {
    let begins = |start: &str| warning.starts_with(start) && warnings.iter().any(|said| said.starts_with(start));
    let foreseen = cause == Cause::Permission && [NO_BOOKMARK, STAYS].into_iter().any(begins);
    foreseen || warnings.iter().any(|said| said == warning)
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
    tell: &'a (dyn Fn(&str) + Sync),
    progress: &'a Progress<'a>,
    run: Run,
    done: BTreeMap<DatasetName, DatasetReport>,
}

impl Execution<'_> {
    /// Gathers, plans and carries out; gives the datasets that are worth another try.
    fn pass(
        &mut self,
        only: Option<&BTreeSet<DatasetName>>,
        may_retry: bool,
    ) -> Result<BTreeSet<DatasetName>, Failure> {
        let sides = gather(self.request, self.runner)?;
        if only.is_none() {
            self.run.look_around(self.request, &sides, self.runner);
            self.run.orphans.iter().for_each(|orphan| (self.tell)(&orphan.line()));
            self.run.reports.iter().for_each(|report| (self.tell)(&report.line()));
        }
        let mut entries = entries(self.request, &sides);
        let target = Zfs { host: &self.request.target, runner: self.runner };
        diagnose(&sides, target, &self.request.mapping.target, &mut entries);
        self.finish_swaps(&sides.swaps, &mut entries);
        entries.retain(|entry| only.is_none_or(|only| only.contains(&entry.source.name)));
        permit(self.request, self.runner, &sides, &mut entries, &mut self.run.warnings)?;
        let source = Zfs { host: &self.request.source, runner: self.runner };
        let mut holds = Holds::look(self.request, &sides, self.runner)?;
        if let Some(holds) = &mut holds {
            let names = holds.before(&entries);
            self.run.changed |= !names.is_empty();
            self.run.warnings.extend(holds::hold(source, holds.tag(), names));
        }
        let bookmarks = match sides.target_pool.filter(|_| self.request.bookmarks) {
            Some(pool) => bookmarks::before(source, &entries, pool, &mut |cause, warning| {
                if !is_said(&self.run.warnings, cause, &warning) {
                    self.run.warnings.push(warning);
                }
            }),
            None => Bookmarks::new(),
        };
        let shared = Shared {
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
        };
        shared.carry_all(&entries);
        shared.settle(&entries);
        let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.run.changed |= state.changed;
        self.run.warnings.extend(state.warnings);
        self.done = state.done;
        if signals::received().is_some() { Ok(BTreeSet::new()) } else { Ok(state.again) }
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
            (self.tell)(&report.line());
        }
    }

    fn fail_rest(&mut self, rest: BTreeSet<DatasetName>, failure: &Failure) {
        for name in rest {
            if let Some(report) = self.done.get_mut(&name) {
                report.status = Status::Failed;
                report.error = Some(ErrorReport::from(failure));
            }
        }
    }
}

/// What all datasets of one try share.
pub struct Shared<'a> {
    /// What is asked for.
    pub request: &'a Request,
    /// What runs the commands.
    pub runner: &'a Runner,
    /// Who wants to know how far it is.
    pub progress: &'a Progress<'a>,
    /// What was there when this try began.
    pub sides: &'a Sides,
    /// Our bookmarks of what is about to be sent.
    pub bookmarks: &'a Bookmarks,
    holds: Option<&'a Holds>,
    tell: &'a (dyn Fn(&str) + Sync),
    may_retry: bool,
    /// What the run has warned of before its streams.
    said: &'a [String],
    state: Mutex<State>,
}

/// What has come of a try so far.
#[derive(Debug, Default)]
pub struct State {
    /// The target, or the source's bookmarks and holds, are not what they were.
    pub changed: bool,
    /// Datasets of the target that this try has made.
    pub created: Vec<DatasetName>,
    /// Places of the target whose swap was cut short: what is below them may have another name.
    pub unsettled: Vec<DatasetName>,
    warnings: Vec<String>,
    done: BTreeMap<DatasetName, DatasetReport>,
    arrived: Vec<Arrival>,
    again: BTreeSet<DatasetName>,
    lost: Option<Failure>,
}

impl Shared<'_> {
    /// What has come of it so far. Held only for a moment.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something did not go quite as wished, yet harmed nothing.
    pub fn warn(&self, warning: String) {
        self.state().warnings.push(warning);
    }

    /// True if the first receive of the dataset was begun and failed.
    pub fn has_begun_only(&self, source: &DatasetName) -> bool {
        let begun = |report: &DatasetReport| report.error.is_some() && report.bytes > 0 && report.snapshots == 0;
        self.state().done.get(source).is_some_and(begun)
    }

    /// Why nothing below a swap that was cut short can be tried before it is finished.
    fn unsettled_above(&self, target: &DatasetName) -> Option<Failure> {
        let state = self.state();
        let place = state.unsettled.iter().find(|place| target.below(place).is_some())?;
        let words = format!("{place}, above it, could not be put in its place");
        Some(Failure::refusal(SWAP, &self.request.target, words))
    }

    /// Our own hold must not keep what a rollback was asked to destroy.
    pub fn release_in_the_way(&self, zfs: Zfs<'_>, target: &DatasetName, destroyed: &[String]) {
        let Some(holds) = self.holds else { return };
        let names: Vec<_> = holds.in_the_way(target, destroyed).into_iter().collect();
        if let Err(failure) = zfs.release(holds.tag(), &names) {
            self.warn(format!("{target}: {failure}"));
        }
    }

    /// Each dataset, parents before their children.
    fn carry_all(&self, entries: &[Entry<'_>]) {
        let waits_for: Vec<Option<usize>> = (0..entries.len()).map(|index| parent_of(entries, index)).collect();
        let lanes: Vec<Lane> = (0..self.request.parallel).map(|number| self.request.lane(number)).collect();
        let streams = entries.iter().filter(|entry| matches!(entry.plan, Ok(Plan::Send(_)))).count();
        self.progress.expect(streams);
        scheduler::run(lanes.len(), &waits_for, |lane, index| {
            self.carry(&Carrier::new(self, &lanes[lane]), &entries[index]);
        });
    }

    fn carry(&self, carrier: &Carrier<'_>, entry: &Entry<'_>) {
        let mut report = entry.report();
        let name = &entry.source.name;
        if let Some(discard) = entry.plan.as_ref().ok().and_then(Plan::leftover) {
            self.discard(carrier, discard, &mut report);
        }
        if let Ok(Plan::Send(transfer)) = &entry.plan {
            let lost = self.state().lost.clone();
            let lost = lost.or_else(|| self.unsettled_above(&entry.target));
            match lost {
                // Without the connection, or when asked to stop, nothing else can be tried now; nor what may not have its name.
                Some(failure) => {
                    report.status = Status::Skipped;
                    report.error = Some(ErrorReport::from(&failure));
                    self.state().again.insert(name.clone());
                }
                None => self.stream(carrier, entry, transfer, &mut report),
            }
        }
        let mut state = self.state();
        let retried = self.may_retry && state.again.contains(name) && signals::received().is_none();
        (self.tell)(&format!("{}{}", report.line(), if retried { "; trying again" } else { "" }));
        if let Some(before) = state.done.remove(name) {
            verify::after(before, &mut report);
        }
        state.done.insert(name.clone(), report);
    }

    /// Throws away what is of no use where nothing is to be sent. It only takes up room, so if it has to stay, that is no failure.
    fn discard(&self, carrier: &Carrier<'_>, discard: &Discard, report: &mut DatasetReport) {
        report.discarded = None;
        match carrier.discard(discard) {
            Ok(()) => report.discarded = Some(Discarded::from(discard)),
            Err(failure) => self.warn(format!(
                "{}: what an interrupted receive left there ({} bytes) is of no use any more ({}), but stays: {failure}",
                discard.on, discard.bytes, discard.reason
            )),
        }
    }

    fn stream(&self, carrier: &Carrier<'_>, entry: &Entry<'_>, transfer: &Transfer, report: &mut DatasetReport) {
        let started = Instant::now();
        let result = carrier.carry(entry, transfer, report);
        report.seconds = started.elapsed().as_secs_f64();
        match result {
            Ok(arrival) => self.state().arrived.extend(arrival),
            Err(failure) => {
                report.status = Status::Failed;
                report.error = Some(ErrorReport::from(&failure));
                let mut state = self.state();
                if failure.cause.is_transient() {
                    state.again.insert(entry.source.name.clone());
                }
                if matches!(failure.cause, Cause::ConnectionLost | Cause::Stopped) {
                    state.lost.get_or_insert(failure);
                }
            }
        }
    }

    /// Finds out what has arrived; only then do older bookmarks and holds go.
    fn settle(&self, entries: &[Entry<'_>]) {
        if signals::received().is_some() {
            return;
        }
        let [source, target] =
            [&self.request.source, &self.request.target].map(|host| Zfs { host, runner: self.runner });
        let arrived = std::mem::take(&mut self.state().arrived);
        let settled = verify::settle(source, target, arrived, &mut |cause, warning| {
            if !is_said(self.said, cause, &warning) {
                self.warn(warning);
            }
        });
        let mut changes = [Changes::default(), Changes::default()];
        let mut add = |more: [Changes; 2]| changes.iter_mut().zip(more).for_each(|(all, more)| all.add(more));
        for (arrival, verdict) in settled {
            match (verdict, self.holds) {
                (Ok(()), Some(holds)) => {
                    let kept = Some(arrival.snapshot.as_str());
                    add(holds.after((&arrival.source, kept), (&arrival.target, kept)));
                }
                (Ok(()), None) => {}
                (Err(failure), _) => self.not_arrived(&arrival, &failure),
            }
        }
        let Some(holds) = self.holds else { return };
        for entry in entries {
            let plan = entry.plan.as_ref().ok();
            plan.and_then(|plan| of_up_to_date(holds, self.sides, entry, plan)).into_iter().for_each(&mut add);
        }
        for (zfs, changes) in [target, source].into_iter().zip(changes.into_iter().rev()) {
            self.state().changed |= !changes.is_empty();
            let warnings = changes.apply(zfs, holds.tag());
            self.state().warnings.extend(warnings);
        }
    }

    fn not_arrived(&self, arrival: &Arrival, failure: &Failure) {
        let mut state = self.state();
        if failure.cause.is_transient() {
            state.again.insert(arrival.source.clone());
        }
        if let Some(report) = state.done.get_mut(&arrival.source) {
            report.status = Status::Failed;
            report.error = Some(ErrorReport::from(failure));
            (self.tell)(&report.line());
        }
    }
}

/// The nearest dataset above, which must be done first. Entries are in the order of their names, so it comes earlier.
fn parent_of(entries: &[Entry<'_>], index: usize) -> Option<usize> {
    let mut above = entries[index].source.name.ancestors();
    above.find_map(|name| entries[..index].binary_search_by(|entry| entry.source.name.cmp(&name)).ok())
}
