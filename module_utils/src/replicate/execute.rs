//! Carries plans out: one dataset after the other, each with its own outcome, planned anew after whatever may pass.

use super::gather::{Sides, gather};
use super::preflight::Preflight;
use super::progress::Progress;
use super::report::{DatasetReport, Discarded, ErrorReport, Status};
use super::request::Request;
use super::streams;
use crate::model::{Dataset, DatasetName, VersionKind};
use crate::pipeline;
use crate::plan::replicate::{Conflict, PartialPlan, Plan, Transfer, plan};
use crate::plan::steps::Step;
use crate::process::{Attempt, Failure, Runner};
use crate::signals;
use crate::ssh::Host;
use crate::zfs::stderr::Cause;
use crate::zfs::verbs::Zfs;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant, SystemTime};

/// What a run did.
#[derive(Debug, Default)]
pub struct Run {
    /// One report for each dataset, parents before children.
    pub reports: Vec<DatasetReport>,
    /// What went not quite as wished, yet harmed nothing.
    pub warnings: Vec<String>,
    /// Something was, or in check mode would be, changed.
    pub changed: bool,
}

/// Says what would be done, with estimates. Runs only commands that read.
pub fn check(request: &Request, runner: &Runner, tell: &dyn Fn(&str)) -> Result<Run, Failure> {
    let sides = gather(request, runner)?;
    let source = Zfs { host: &request.source, runner };
    let mut run = Run { reports: missing(request, &sides), ..Run::default() };
    let mut entries = entries(request, &sides);
    permit(request, runner, &sides, &mut entries, &mut run.warnings);
    for entry in entries {
        let mut report = entry.report();
        if let Ok(Plan::Send(transfer)) = &entry.plan {
            run.changed = true;
            report.status = Status::Planned;
            for (step, shown) in transfer.steps.iter().zip(&mut report.steps) {
                let cmd = streams::estimate(request, &entry.source.name, transfer, step);
                shown.bytes_estimated = source.estimate(&cmd).unwrap_or_default();
                report.bytes += shown.bytes_estimated.unwrap_or(0);
            }
        }
        tell(&report.line());
        run.reports.push(report);
    }
    Ok(run)
}

/// Replicates.
pub fn replicate(
    request: &Request,
    runner: &Runner,
    tell: &dyn Fn(&str),
    progress: &Progress<'_>,
) -> Result<Run, Failure> {
    let mut execution =
        Execution { request, runner, tell, progress, run: Run::default(), done: BTreeMap::new(), arrived: Vec::new() };
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
    let mut run = execution.run;
    run.reports.extend(execution.done.into_values());
    Ok(run)
}

fn pause(time: Duration) {
    let until = Instant::now() + time;
    while signals::received().is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50).min(time));
    }
}

/// One dataset and what to do with it.
struct Entry<'a> {
    source: &'a Dataset,
    target: DatasetName,
    plan: Result<Plan, Refusal>,
}

/// Why nothing is done with a dataset.
enum Refusal {
    Conflict(Conflict),
    LandsInPlaintext,
    TargetWithinSource,
    NotPermitted(Failure),
}

impl Refusal {
    fn report(&self) -> ErrorReport {
        match self {
            Self::NotPermitted(failure) => ErrorReport::from(failure),
            Self::Conflict(conflict) => ErrorReport::of_plan(&conflict.to_string()),
            Self::LandsInPlaintext => ErrorReport::of_plan(
                "it would land unencrypted, and require_encrypted_target is set. Send an encrypted dataset raw, or choose a target \
                 below an encrypted dataset",
            ),
            Self::TargetWithinSource => ErrorReport::of_plan(
                "it lies within the target, so it would be replicated into itself. Add the target to exclude",
            ),
        }
    }
}

impl Entry<'_> {
    fn report(&self) -> DatasetReport {
        let (source, target) = (self.source.name.as_str(), self.target.as_str());
        match &self.plan {
            Ok(plan) => DatasetReport::of_plan(source, target, plan, SystemTime::now()),
            Err(refusal) => DatasetReport::of_error(source, target, refusal.report()),
        }
    }
}

fn entries<'a>(request: &Request, sides: &'a Sides) -> Vec<Entry<'a>> {
    let entry = |source: &'a Dataset| {
        let target = request.mapping.target_of(&source.name).ok()?;
        let plan = plan(source, sides.targets.get(&target), &request.wish).map_err(Refusal::Conflict);
        let plan = plan.and_then(|plan| allowed(request, sides, source, &target, plan));
        Some(Entry { source, target, plan })
    };
    sides.sources.values().filter_map(entry).collect()
}

fn allowed(
    request: &Request,
    sides: &Sides,
    source: &Dataset,
    target: &DatasetName,
    plan: Plan,
) -> Result<Plan, Refusal> {
    let Plan::Send(transfer) = &plan else { return Ok(plan) };
    if request.is_local() && source.name.below(&request.mapping.target).is_some() {
        return Err(Refusal::TargetWithinSource);
    }
    let stays_encrypted = transfer.raw && source.encrypted;
    // What is received plain is encrypted where the dataset, or else its nearest ancestor, is.
    let place = || std::iter::once(target.clone()).chain(target.ancestors()).find_map(|name| sides.targets.get(&name));
    if request.require_encrypted_target && !stays_encrypted && !place().is_some_and(|dataset| dataset.encrypted) {
        return Err(Refusal::LandsInPlaintext);
    }
    Ok(plan)
}

/// Turns plans that the users of the two ends may not carry out into refusals.
fn permit(request: &Request, runner: &Runner, sides: &Sides, entries: &mut [Entry<'_>], warnings: &mut Vec<String>) {
    let mut preflight = Preflight::new(request, runner);
    for entry in entries {
        let Ok(Plan::Send(transfer)) = &entry.plan else { continue };
        match preflight.check(sides, entry.source, &entry.target, transfer) {
            Ok(more) => more.into_iter().for_each(|warning| {
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
            }),
            Err(failure) => entry.plan = Err(Refusal::NotPermitted(failure)),
        }
    }
}

fn missing(request: &Request, sides: &Sides) -> Vec<DatasetReport> {
    let report = |root: &DatasetName| {
        let target = request.mapping.target_of(root).map(|name| name.to_string()).unwrap_or_default();
        let words = format!("source dataset {root} does not exist; check its name");
        let failure = Failure::refusal("list", &request.source, words);
        DatasetReport::of_error(root.as_str(), &target, ErrorReport::from(&failure))
    };
    sides.missing_roots.iter().map(report).collect()
}

struct Execution<'a> {
    request: &'a Request,
    runner: &'a Runner,
    tell: &'a dyn Fn(&str),
    progress: &'a Progress<'a>,
    run: Run,
    done: BTreeMap<DatasetName, DatasetReport>,
    arrived: Vec<Arrival>,
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
            self.run.reports = missing(self.request, &sides);
            self.run.reports.iter().for_each(|report| (self.tell)(&report.line()));
        }
        let mut again = BTreeSet::new();
        let mut created = Vec::new();
        let mut lost: Option<Failure> = None;
        let mut entries = entries(self.request, &sides);
        permit(self.request, self.runner, &sides, &mut entries, &mut self.run.warnings);
        for entry in entries {
            let name = &entry.source.name;
            if only.is_some_and(|only| !only.contains(name)) {
                continue;
            }
            let mut report = entry.report();
            if let (Some(failure), Ok(_)) = (&lost, &entry.plan) {
                // Without the connection, or when asked to stop, nothing else can be tried now.
                report.status = Status::Skipped;
                report.error = Some(ErrorReport::from(failure));
                again.insert(name.clone());
            } else if let Ok(Plan::Send(transfer)) = &entry.plan {
                let started = Instant::now();
                let result = self.transfer(&sides, &entry, transfer, &mut created, &mut report);
                report.seconds = started.elapsed().as_secs_f64();
                if let Err(failure) = result {
                    report.status = Status::Failed;
                    report.error = Some(ErrorReport::from(&failure));
                    if failure.cause.is_transient() {
                        again.insert(name.clone());
                    }
                    if matches!(failure.cause, Cause::ConnectionLost | Cause::Stopped) {
                        lost = Some(failure);
                    }
                }
            }
            let retried = may_retry && again.contains(name) && signals::received().is_none();
            (self.tell)(&format!("{}{}", report.line(), if retried { "; trying again" } else { "" }));
            self.note(name, report);
        }
        self.settle(&mut again);
        if signals::received().is_some() { Ok(BTreeSet::new()) } else { Ok(again) }
    }

    /// Adds what an earlier try already did for the dataset.
    fn note(&mut self, name: &DatasetName, mut report: DatasetReport) {
        if let Some(before) = self.done.remove(name) {
            report.bytes += before.bytes;
            report.seconds += before.seconds;
            report.discarded = report.discarded.or(before.discarded);
            if before.bytes > 0 {
                report.action = before.action;
                report.from = before.from;
                report.snapshots = report.snapshots.max(before.snapshots);
                if report.steps.is_empty() {
                    report.steps = before.steps;
                }
            }
        }
        self.done.insert(name.clone(), report);
    }

    fn fail_rest(&mut self, rest: BTreeSet<DatasetName>, failure: &Failure) {
        for name in rest {
            if let Some(report) = self.done.get_mut(&name) {
                report.status = Status::Failed;
                report.error = Some(ErrorReport::from(failure));
            }
        }
    }

    fn transfer(
        &mut self,
        sides: &Sides,
        entry: &Entry<'_>,
        transfer: &Transfer,
        created: &mut Vec<DatasetName>,
        report: &mut DatasetReport,
    ) -> Result<(), Failure> {
        let target = Zfs { host: &self.request.target, runner: self.runner };
        if let Some(PartialPlan::Discard { reason, bytes }) = &transfer.partial {
            target.discard_partial(&entry.target)?;
            self.run.changed = true;
            report.discarded = Some(Discarded { reason: reason.clone(), bytes: *bytes });
        }
        if let Some(rolled_back) = &report.rolled_back {
            self.run.changed = true;
            target.destroy_snapshots(&entry.target, &rolled_back.destroyed)?;
            target.roll_back(&entry.target, &rolled_back.to)?;
        }
        if let Some(aside) = report.set_aside.as_ref().and_then(|aside| aside.name.parse::<DatasetName>().ok()) {
            self.run.changed = true;
            target.rename(&entry.target, &aside)?;
            let received = self.receive_all(sides, entry, transfer, created, report);
            return self.bring_children_back(sides, entry, &aside, received, report.snapshots > 0);
        }
        self.receive_all(sides, entry, transfer, created, report)
    }

    /// A target that was set aside took its children along, and these did not diverge: they come back below the new one. If not
    /// one snapshot of the new one could be received, everything goes back to where it was.
    fn bring_children_back(
        &mut self,
        sides: &Sides,
        entry: &Entry<'_>,
        aside: &DatasetName,
        received: Result<(), Failure>,
        has_begun: bool,
    ) -> Result<(), Failure> {
        let target = Zfs { host: &self.request.target, runner: self.runner };
        let children = sides.targets.keys().filter(|name| name.parent().as_ref() == Some(&entry.target));
        let children: Vec<_> = children.filter_map(|child| Some((child, child.below(&entry.target)?))).collect();
        if let (Err(failure), false) = (&received, has_begun) {
            let _ = target.discard_partial(&entry.target);
            if let Err(stays) = target.rename(aside, &entry.target) {
                self.run.warnings.push(format!("{} stays at {aside}: {stays}", entry.target));
            }
            return Err(failure.clone());
        }
        for (child, path) in children {
            let moved = aside.join(path).map(|from| target.rename(&from, child));
            if let Ok(Err(stays)) = moved {
                self.run.warnings.push(format!("{child} stays below {aside}: {stays}"));
            }
        }
        received
    }

    fn receive_all(
        &mut self,
        sides: &Sides,
        entry: &Entry<'_>,
        transfer: &Transfer,
        created: &mut Vec<DatasetName>,
        report: &mut DatasetReport,
    ) -> Result<(), Failure> {
        self.create_parents(sides, entry, transfer, created)?;
        let bookmark = self.bookmark_before(sides, entry, transfer);
        let mut first = report.set_aside.is_some()
            || sides.targets.get(&entry.target).is_none_or(|there| there.snapshots().next().is_none());
        let planned = std::mem::take(&mut report.snapshots);
        for (index, step) in transfer.steps.iter().enumerate() {
            self.step(entry, transfer, step, first, report).inspect_err(|_| report.steps.truncate(index + 1))?;
            first = false;
            report.snapshots += step.snapshots;
        }
        debug_assert_eq!(report.snapshots, planned);
        created.push(entry.target.clone());
        if let Some(last) = transfer.steps.last() {
            self.arrived.push(Arrival {
                source: entry.source.name.clone(),
                target: entry.target.clone(),
                snapshot: format!("{}@{}", entry.target, last.to),
                guid: last.to_guid,
                over_placeholder: transfer.over_placeholder,
                superseded: bookmark.map(|bookmark| bookmark.supersedes(entry.source)).unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// Asks the target, once for all datasets, whether their snapshots are really there: that alone is success. Only then do older
    /// bookmarks go.
    fn settle(&mut self, again: &mut BTreeSet<DatasetName>) {
        let arrived = std::mem::take(&mut self.arrived);
        if arrived.is_empty() || signals::received().is_some() {
            return;
        }
        let target = Zfs { host: &self.request.target, runner: self.runner };
        let snapshots: Vec<String> = arrived.iter().map(|arrival| arrival.snapshot.clone()).collect();
        let guids = target.numbers("guid", &snapshots);
        for arrival in arrived {
            let verdict = match &guids {
                Ok(guids) => arrival.judge(guids, target.host),
                Err(failure) => Err(failure.clone()),
            };
            let verdict = verdict.and_then(|()| {
                if arrival.over_placeholder { target.unmark_placeholder(&arrival.target) } else { Ok(()) }
            });
            match verdict {
                Ok(()) => self.sweep_bookmarks(&arrival),
                Err(failure) => {
                    if failure.cause.is_transient() {
                        again.insert(arrival.source.clone());
                    }
                    if let Some(report) = self.done.get_mut(&arrival.source) {
                        report.status = Status::Failed;
                        report.error = Some(ErrorReport::from(&failure));
                        (self.tell)(&report.line());
                    }
                }
            }
        }
    }

    /// Streams one step.
    fn step(
        &mut self,
        entry: &Entry<'_>,
        transfer: &Transfer,
        step: &Step,
        first: bool,
        report: &mut DatasetReport,
    ) -> Result<(), Failure> {
        let send = streams::send(self.request, &entry.source.name, transfer, step);
        let receive = streams::receive(self.request, entry.source, &entry.target, transfer, first);
        let send = Attempt { stage: "send", host: &self.request.source, cmd: &send };
        let receive = Attempt { stage: "receive", host: &self.request.target, cmd: &receive };
        let before = report.bytes;
        let estimate = self.progress.is_wanted().then(|| {
            let cmd = streams::estimate(self.request, &entry.source.name, transfer, step);
            Zfs { host: &self.request.source, runner: self.runner }.estimate(&cmd).unwrap_or_default()
        });
        let mut follow = self.progress.follow(entry.source.name.as_str(), &step.to, estimate.flatten());
        // Whatever happens from here on, the target may have changed.
        self.run.changed = true;
        let streamed = pipeline::run(self.runner, &self.request.flow, send, receive, &mut |bytes| {
            report.bytes = before + bytes;
            follow(bytes);
        });
        if let (Some(estimated), Some(shown)) = (estimate, report.steps.iter_mut().find(|shown| shown.to == step.to)) {
            shown.bytes_estimated = estimated;
        }
        match streamed {
            Err(failure) if failure.cause == Cause::Stopped || failure.cause == Cause::ConnectionLost => Err(failure),
            // Not every complaint means failure: a property that could not be set does not undo the receive.
            Err(failure) if self.has_arrived(entry, step) => {
                self.run.warnings.push(format!("{}: {failure}", entry.target));
                Ok(())
            }
            Err(failure) => Err(failure),
            Ok(_) => Ok(()),
        }
    }

    fn has_arrived(&self, entry: &Entry<'_>, step: &Step) -> bool {
        let snapshot = format!("{}@{}", entry.target, step.to);
        let zfs = Zfs { host: &self.request.target, runner: self.runner };
        let guids = zfs.numbers("guid", std::slice::from_ref(&snapshot));
        guids.is_ok_and(|guids| guids.get(&snapshot) == Some(&step.to_guid))
    }

    /// Makes the target's missing parents, topmost first, each empty, unmounted and marked as ours.
    fn create_parents(
        &mut self,
        sides: &Sides,
        entry: &Entry<'_>,
        transfer: &Transfer,
        created: &mut Vec<DatasetName>,
    ) -> Result<(), Failure> {
        let target = Zfs { host: &self.request.target, runner: self.runner };
        let exists = |name: &DatasetName| sides.targets.contains_key(name);
        // What is there has its parents, and those of what is there were not asked for.
        if exists(&entry.target) {
            return Ok(());
        }
        let mut parents: Vec<_> = entry.target.ancestors().filter(|name| !exists(name)).collect();
        parents.reverse();
        for parent in parents {
            if created.contains(&parent) {
                continue;
            }
            let pending = entry.source.name.ancestors().find(|name| {
                sides.sources.contains_key(name) && self.request.mapping.target_of(name).is_ok_and(|t| t == parent)
            });
            if let Some(pending) = pending.filter(|_| transfer.raw && entry.source.encrypted) {
                // An unencrypted stand-in could never be replaced by the encrypted parent.
                let failed = self.done.get(&pending).is_some_and(|report| report.error.is_some());
                if failed {
                    let words = format!("its parent {pending} must arrive first, but failed");
                    return Err(Failure::refusal("create parent", target.host, words));
                }
            }
            target.create_parent(&parent)?;
            self.run.changed = true;
            created.push(parent);
        }
        Ok(())
    }

    /// Bookmarks what is about to be sent. Done before, not after: whenever we are killed, the newest snapshot that the target
    /// may have is bookmarked, and survives its destruction on the source.
    fn bookmark_before(&mut self, sides: &Sides, entry: &Entry<'_>, transfer: &Transfer) -> Option<Bookmark> {
        let to = transfer.steps.last()?;
        let prefix = format!("ferro_{:016x}_", sides.target_pool.filter(|_| self.request.bookmarks)?);
        let prefix = format!("{prefix}{:08x}_", checksum(entry.target.as_str()));
        let name = format!("{prefix}{:016x}", to.to_guid);
        let exists = entry.source.versions.iter().any(|v| v.kind == VersionKind::Bookmark && v.name == name);
        if !exists {
            let source = Zfs { host: &self.request.source, runner: self.runner };
            if let Err(failure) = source.bookmark(&entry.source.name, &to.to, &name) {
                self.run
                    .warnings
                    .push(format!("no bookmark was made, so @{} must stay on the source: {failure}", to.to));
                return None;
            }
        }
        Some(Bookmark { prefix, name })
    }

    /// Removes our older bookmarks for this target: the new one has taken their place.
    fn sweep_bookmarks(&mut self, arrival: &Arrival) {
        let zfs = Zfs { host: &self.request.source, runner: self.runner };
        for old in &arrival.superseded {
            match zfs.destroy_bookmark(&arrival.source, old) {
                Err(failure) if failure.cause != Cause::DoesNotExist => {
                    self.run.warnings.push(format!("an old bookmark stays: {failure}"));
                }
                _ => {}
            }
        }
    }
}

/// Our bookmark of what is about to be sent to one target.
struct Bookmark {
    prefix: String,
    name: String,
}

impl Bookmark {
    /// Our bookmarks of `source` for the same target that are not needed once this one's snapshot has arrived.
    fn supersedes(&self, source: &Dataset) -> Vec<String> {
        let bookmarks = source.versions.iter().filter(|version| version.kind == VersionKind::Bookmark);
        let names = bookmarks.map(|bookmark| bookmark.name.clone());
        names.filter(|name| name.starts_with(&self.prefix) && *name != self.name).collect()
    }
}

/// A dataset whose streams have all been received.
struct Arrival {
    source: DatasetName,
    target: DatasetName,
    snapshot: String,
    guid: u64,
    over_placeholder: bool,
    superseded: Vec<String>,
}

impl Arrival {
    fn judge(&self, guids: &HashMap<String, u64>, host: &Host) -> Result<(), Failure> {
        let Self { snapshot, guid, .. } = self;
        let found = match guids.get(snapshot) {
            Some(found) if found == guid => return Ok(()),
            Some(found) => format!("guid {found}"),
            None => "nothing".to_owned(),
        };
        let words = format!("{snapshot} should have guid {guid} after the receive, but there is {found}");
        Err(Failure::refusal("verify", host, words))
    }
}

/// FNV-1a, 32 bits: short, stable across versions and machines, and nothing secret hangs on it.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_checksum_never_changes_or_bookmarks_would_be_orphaned() {
        assert_eq!(checksum(""), 0x811c_9dc5);
        assert_eq!(checksum("backup/tank/data"), checksum("backup/tank/data"));
        assert_ne!(checksum("backup/a"), checksum("backup/b"));
    }
}
