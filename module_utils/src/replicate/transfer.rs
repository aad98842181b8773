//! One dataset carried over: what is in the way cleared as planned, parents made, streams run one after the other.

use super::entries::Entry;
use super::execute::Shared;
use super::report::{DatasetReport, Discarded};
use super::request::Lane;
use super::settle::Arrival;
use super::streams;
use crate::model::DatasetName;
use crate::pipeline;
use crate::plan::replicate::{PartialPlan, Transfer};
use crate::plan::steps::Step;
use crate::process::{Attempt, Failure};
use crate::zfs::stderr::Cause;
use crate::zfs::verbs::Zfs;

/// One dataset in one lane.
pub struct Carrier<'a> {
    shared: &'a Shared<'a>,
    lane: &'a Lane,
    source: Zfs<'a>,
    target: Zfs<'a>,
}

impl<'a> Carrier<'a> {
    /// Over the connections of `lane`.
    #[must_use]
    pub fn new(shared: &'a Shared<'a>, lane: &'a Lane) -> Self {
        let zfs = |host| Zfs { host, runner: shared.runner };
        Self { shared, lane, source: zfs(&lane.source), target: zfs(&lane.target) }
    }

    /// Carries a planned dataset over, and keeps its report true at every moment.
    pub fn carry(
        &self,
        entry: &Entry<'_>,
        transfer: &Transfer,
        report: &mut DatasetReport,
    ) -> Result<Option<Arrival>, Failure> {
        let target = self.target;
        if let Some(PartialPlan::Discard { reason, bytes }) = &transfer.partial {
            target.discard_partial(&entry.target)?;
            self.shared.state().changed = true;
            report.discarded = Some(Discarded { reason: reason.clone(), bytes: *bytes });
        }
        if let Some(rolled_back) = &report.rolled_back {
            self.shared.state().changed = true;
            self.shared.release_in_the_way(target, &entry.target, &rolled_back.destroyed);
            target.destroy_snapshots(&entry.target, &rolled_back.destroyed)?;
            target.roll_back(&entry.target, &rolled_back.to)?;
        }
        if let Some(aside) = report.set_aside.as_ref().and_then(|aside| aside.name.parse::<DatasetName>().ok()) {
            self.shared.state().changed = true;
            target.rename(&entry.target, &aside)?;
            let received = self.receive_all(entry, transfer, report);
            return self.bring_children_back(entry, &aside, received, report.snapshots > 0);
        }
        self.receive_all(entry, transfer, report)
    }

    /// A target that was set aside took its children along, and these did not diverge: they come back below the new one. If not
    /// one snapshot of the new one could be received, everything goes back to where it was.
    fn bring_children_back<T>(
        &self,
        entry: &Entry<'_>,
        aside: &DatasetName,
        received: Result<T, Failure>,
        has_begun: bool,
    ) -> Result<T, Failure> {
        let target = self.target;
        if let (Err(failure), false) = (&received, has_begun) {
            let _ = target.discard_partial(&entry.target);
            if let Err(stays) = target.rename(aside, &entry.target) {
                self.shared.warn(format!("{} stays at {aside}: {stays}", entry.target));
            }
            return Err(failure.clone());
        }
        let children = self.shared.sides.targets.keys().filter(|name| name.parent().as_ref() == Some(&entry.target));
        for (child, path) in children.filter_map(|child| Some((child, child.below(&entry.target)?))) {
            let moved = aside.join(path).map(|from| target.rename(&from, child));
            if let Ok(Err(stays)) = moved {
                self.shared.warn(format!("{child} stays below {aside}: {stays}"));
            }
        }
        received
    }

    fn receive_all(
        &self,
        entry: &Entry<'_>,
        transfer: &Transfer,
        report: &mut DatasetReport,
    ) -> Result<Option<Arrival>, Failure> {
        self.create_parents(entry, transfer)?;
        let there = self.shared.sides.targets.get(&entry.target);
        let mut first = report.set_aside.is_some() || there.is_none_or(|there| there.snapshots().next().is_none());
        let planned = std::mem::take(&mut report.snapshots);
        let number = self.shared.progress.begin();
        for (index, step) in transfer.steps.iter().enumerate() {
            self.step(entry, transfer, step, (first, number), report)
                .inspect_err(|_| report.steps.truncate(index + 1))?;
            first = false;
            report.snapshots += step.snapshots;
        }
        debug_assert_eq!(report.snapshots, planned);
        self.shared.state().created.push(entry.target.clone());
        let bookmark = self.shared.bookmarks.get(&entry.source.name);
        Ok(transfer.steps.last().map(|last| Arrival {
            source: entry.source.name.clone(),
            target: entry.target.clone(),
            snapshot: last.to.clone(),
            guid: last.to_guid,
            over_placeholder: transfer.over_placeholder,
            superseded: bookmark.map(|bookmark| bookmark.supersedes(entry.source)).unwrap_or_default(),
        }))
    }

    /// Streams one step.
    fn step(
        &self,
        entry: &Entry<'_>,
        transfer: &Transfer,
        step: &Step,
        (first, number): (bool, usize),
        report: &mut DatasetReport,
    ) -> Result<(), Failure> {
        let Shared { request, runner, progress, sides, .. } = *self.shared;
        let settings = sides.properties.get(&entry.source.name).map_or(&[][..], Vec::as_slice);
        let send = streams::send(request, &entry.source.name, transfer, step);
        let receive = streams::receive(request, entry.source, &entry.target, transfer, first, settings);
        let send = Attempt { stage: "send", host: &self.lane.source, cmd: &send };
        let receive = Attempt { stage: "receive", host: &self.lane.target, cmd: &receive };
        let before = report.bytes;
        let estimate = progress.is_wanted().then(|| {
            let cmd = streams::estimate(request, &entry.source.name, transfer, step);
            self.source.estimate(&cmd).unwrap_or_default()
        });
        let follow = progress.follow(number, entry.source.name.as_str(), &step.to, estimate.flatten());
        // Whatever happens from here on, the target may have changed.
        self.shared.state().changed = true;
        // What this host itself sends is trusted; what comes from another one is looked at (docs/security.md).
        let planned = self.lane.source.is_remote().then(|| streams::planned(entry.source, transfer, step));
        let streamed = pipeline::run(runner, &request.flow, send, receive, planned, &mut |bytes| {
            report.bytes = before + bytes;
            follow.moved(bytes);
        });
        drop(follow);
        if let (Some(estimated), Some(shown)) = (estimate, report.steps.iter_mut().find(|shown| shown.to == step.to)) {
            shown.bytes_estimated = estimated;
        }
        match streamed {
            Err(failure) if failure.cause == Cause::Stopped || failure.cause == Cause::ConnectionLost => Err(failure),
            // Not every complaint means failure: a property that could not be set does not undo the receive.
            Err(failure) if self.has_arrived(entry, step) => {
                self.shared.warn(format!("{}: {failure}", entry.target));
                Ok(())
            }
            Err(failure) => Err(failure),
            Ok(_) => Ok(()),
        }
    }

    fn has_arrived(&self, entry: &Entry<'_>, step: &Step) -> bool {
        let snapshot = format!("{}@{}", entry.target, step.to);
        let guids = self.target.numbers("guid", std::slice::from_ref(&snapshot));
        guids.is_ok_and(|guids| guids.get(&snapshot) == Some(&step.to_guid))
    }

    /// Makes the target's missing parents, topmost first, each empty, unmounted and marked as ours.
    fn create_parents(&self, entry: &Entry<'_>, transfer: &Transfer) -> Result<(), Failure> {
        let Shared { request, sides, .. } = *self.shared;
        let exists = |name: &DatasetName| sides.targets.contains_key(name);
        // What is there has its parents, and those of what is there were not asked for.
        if exists(&entry.target) {
            return Ok(());
        }
        let mut parents: Vec<_> = entry.target.ancestors().filter(|name| !exists(name)).collect();
        parents.reverse();
        for parent in parents {
            if self.shared.state().created.contains(&parent) {
                continue;
            }
            let pending = entry.source.name.ancestors().find(|name| {
                sides.sources.contains_key(name) && request.mapping.target_of(name).is_ok_and(|t| t == parent)
            });
            if let Some(pending) = pending.filter(|_| transfer.raw && entry.source.encrypted) {
                // An unencrypted stand-in could never be replaced by the encrypted parent.
                if self.shared.has_failed(&pending) {
                    let words = format!("its parent {pending} must arrive first, but failed");
                    return Err(Failure::refusal("create parent", self.target.host, words));
                }
            }
            self.target.create_parent(&parent)?;
            let mut state = self.shared.state();
            state.changed = true;
            state.created.push(parent);
        }
        Ok(())
    }
}
