//! One dataset carried over: what is in the way cleared as planned, parents made, streams run one after the other.

use super::bookmarks::Bookmark;
use super::pass::Pass;
use super::planned::Entry;
use super::progress::{Begun, Follower};
use super::refusal::Obstacle;
use super::report::{DatasetReport, Discarded, RolledBack, SetAside};
use super::request::Lane;
use super::verify::Arrival;
use super::{commands, swap};
use crate::exec::pipeline::{self, slots::Ticket};
use crate::exec::runner::{Attempt, Failure};
use crate::exec::stderr::Cause;
use crate::model::{DatasetName, InvalidName, ShortName};
use crate::plan::resume::Discard;
use crate::plan::steps::Step;
use crate::plan::transfer::{Clearing, PartialPlan, Replaces, Transfer};
use crate::zfs::commands::Zfs;
use crate::zfs::snapshots::batches_of;
use std::cell::Cell;
use std::time::Duration;

/// One dataset in one lane.
pub struct Carrier<'a> {
    pass: &'a Pass<'a>,
    lane: &'a Lane,
    target: Zfs<'a>,
    /// Its place in the queue, until its first stream has taken that.
    ticket: Cell<Option<Ticket<'a>>>,
    /// How long its streams had to wait for others.
    pub waited: Cell<Duration>,
    /// One of them flows, or did.
    pub has_flowed: Cell<bool>,
}

impl<'a> Carrier<'a> {
    /// Over the connections of `lane`.
    #[must_use]
    pub fn new(pass: &'a Pass<'a>, lane: &'a Lane, ticket: Ticket<'a>) -> Self {
        Self {
            pass,
            lane,
            target: Zfs { host: &lane.target, runner: pass.runner },
            ticket: Cell::new(Some(ticket)),
            waited: Cell::default(),
            has_flowed: Cell::default(),
        }
    }

    /// Carries a planned dataset over, and keeps its report true at every moment.
    pub fn carry(
        &self,
        entry: &Entry<'_>,
        transfer: &Transfer,
        report: &mut DatasetReport,
    ) -> Result<Option<Arrival>, Failure> {
        // From here on it tells what happened, not what was planned.
        (report.discarded, report.rolled_back, report.set_aside) = (None, None, None);
        let bookmark = self.prepare(entry, transfer, report).inspect_err(|_| report.ends_at(0))?;
        self.receive_all(entry, transfer, bookmark, report)
    }

    /// All that comes before the first stream. Gives our bookmark of what is to be sent, if there can be one.
    fn prepare(
        &self,
        entry: &Entry<'_>,
        transfer: &Transfer,
        report: &mut DatasetReport,
    ) -> Result<Option<&'a Bookmark>, Failure> {
        let bookmark = self.pass.bookmarks.once_made(&entry.source.name)?;
        self.clear(entry, transfer, report)?;
        self.create_parents(entry, transfer.key.plain_parents)?;
        Ok(bookmark)
    }

    /// What is in the way gives way, as planned.
    fn clear(&self, entry: &Entry<'_>, transfer: &Transfer, report: &mut DatasetReport) -> Result<(), Failure> {
        if let Some(PartialPlan::Discard(discard)) = &transfer.partial {
            self.discard(discard)?;
            report.discarded = Some(Discarded::from(discard));
        }
        match &transfer.clearing {
            Some(Clearing::Rollback { to, destroyed, written }) => {
                let planned = RolledBack { to: to.clone(), destroyed: destroyed.clone(), written: *written };
                self.roll_back(&entry.target, planned, report)
            }
            // It keeps its place until what is to have that has arrived beside it.
            Some(Clearing::SetAside { .. }) | None => Ok(()),
        }
    }

    /// Discards what an interrupted receive left.
    pub fn discard(&self, discard: &Discard) -> Result<(), Failure> {
        self.target.discard_partial(&discard.on)?;
        self.pass.state().changed = true;
        Ok(())
    }

    /// Takes the target back. Where that fails, the report has just what is gone all the same.
    fn roll_back(&self, dataset: &DatasetName, planned: RolledBack, report: &mut DatasetReport) -> Result<(), Failure> {
        let target = self.target;
        self.pass.release_in_the_way(target, dataset, &planned.destroyed);
        if let Err(failure) = self.destroy(dataset, &planned.destroyed) {
            let full = |name: &String| format!("{dataset}@{name}");
            let stays = target.numbers("guid", &planned.destroyed.iter().map(full).collect::<Vec<_>>())?;
            let destroyed: Vec<_> =
                planned.destroyed.into_iter().filter(|name| !stays.contains_key(&full(name))).collect();
            if !destroyed.is_empty() {
                self.pass.state().changed = true;
                report.rolled_back = Some(RolledBack { destroyed, written: 0, ..planned });
            }
            return Err(failure);
        }
        self.pass.state().changed |= !planned.destroyed.is_empty();
        let written = planned.written;
        report.rolled_back = (!planned.destroyed.is_empty()).then(|| RolledBack { written: 0, ..planned.clone() });
        target.roll_back(dataset, &planned.to)?;
        self.pass.state().changed = true;
        report.rolled_back = Some(RolledBack { written, ..planned });
        Ok(())
    }

    fn destroy(&self, dataset: &DatasetName, snapshots: &[String]) -> Result<(), Failure> {
        const STAGE: &str = "roll back";
        let refused = |error: InvalidName| Failure::refusal(STAGE, self.target.host, &Obstacle::NoSnapshotName(error));
        let names = snapshots.iter().map(|name| name.parse::<ShortName>()).collect::<Result<Vec<_>, _>>();
        let names = names.map_err(refused)?;
        let mut batches = batches_of(dataset, &names).into_iter();
        batches.try_for_each(|batch| self.target.destroy(STAGE, dataset, batch, false))
    }

    fn receive_all(
        &self,
        entry: &Entry<'_>,
        transfer: &Transfer,
        bookmark: Option<&Bookmark>,
        report: &mut DatasetReport,
    ) -> Result<Option<Arrival>, Failure> {
        let there = self.pass.sides.targets.get(&entry.target);
        let is_beside = matches!(transfer.replaces, Replaces::Beside(_));
        let mut first = is_beside || there.is_none_or(|there| there.snapshots().next().is_none());
        let planned = std::mem::take(&mut report.snapshots);
        let begun = self.pass.progress.begin(entry.source.name.as_str());
        for (index, step) in transfer.steps.iter().enumerate() {
            self.step(entry, transfer, step, (first, &begun), report).inspect_err(|_| report.ends_at(index))?;
            report.snapshots += step.snapshots;
            if let (Replaces::Beside(arriving), 0) = (&transfer.replaces, index) {
                self.put_in_place(entry, transfer, arriving, report).inspect_err(|_| {
                    self.pass.state().unsettled.push(entry.target.clone());
                    report.ends_at(index + 1);
                })?;
            }
            first = false;
        }
        debug_assert_eq!(report.snapshots, planned);
        self.pass.state().created.push(entry.target.clone());
        Ok(transfer.steps.last().map(|last| Arrival {
            source: entry.source.name.clone(),
            target: entry.target.clone(),
            snapshot: last.to.clone(),
            guid: last.to_guid,
            over_placeholder: transfer.replaces == Replaces::Placeholder,
            superseded: bookmark.map(|bookmark| bookmark.supersedes(entry.source)).unwrap_or_default(),
        }))
    }

    /// What has arrived beside takes its place, and what had that is set aside, if that was planned.
    fn put_in_place(
        &self,
        entry: &Entry<'_>,
        transfer: &Transfer,
        arriving: &DatasetName,
        report: &mut DatasetReport,
    ) -> Result<(), Failure> {
        let Some(Clearing::SetAside { to, reason }) = &transfer.clearing else {
            return swap::put_in_place(self.target, arriving, &entry.target, None);
        };
        swap::put_in_place(self.target, arriving, &entry.target, Some(to))?;
        report.set_aside = Some(SetAside::new(to, reason));
        Ok(())
    }

    /// Streams one step.
    fn step(
        &self,
        entry: &Entry<'_>,
        transfer: &Transfer,
        step: &Step,
        (first, begun): (bool, &Begun<'_, '_>),
        report: &mut DatasetReport,
    ) -> Result<(), Failure> {
        let Pass { request, runner, progress, sides, .. } = *self.pass;
        let settings = sides.properties.get(&entry.source.name).map_or(&[][..], Vec::as_slice);
        let send = commands::send(request, &entry.source.name, transfer, step);
        let receive = commands::receive(request, entry.source, &entry.target, transfer, first, settings);
        let send = Attempt { stage: "send", host: &self.lane.source, cmd: &send };
        let receive = Attempt { stage: "receive", host: &self.lane.target, cmd: &receive };
        let before = report.bytes;
        let mut follow = None;
        let ticket = self.ticket.take().unwrap_or_else(|| request.flow.slots.queue());
        // Whatever happens from here on, the target may have changed.
        self.pass.state().changed = true;
        // What this host itself sends is trusted; what comes from another one is looked at (docs/security.md).
        let planned = self.lane.source.is_remote().then(|| commands::planned(entry.source, transfer, step));
        let streamed = pipeline::run(runner, &request.flow, &ticket, (send, receive), planned, &mut |bytes| {
            self.has_flowed.set(true);
            report.bytes = before + bytes;
            follow.get_or_insert_with(|| begun.follow(&step.to)).moved(bytes);
        });
        let shown = report.steps.iter_mut().find(|shown| shown.to == step.to);
        if let (true, Some(shown)) = (progress.is_wanted(), shown) {
            shown.bytes_estimated = follow.as_ref().and_then(Follower::estimated);
        }
        drop(follow);
        match streamed {
            Err(failure) if failure.cause == Cause::Stopped || failure.cause == Cause::ConnectionLost => Err(failure),
            // Not every complaint means failure: a property that could not be set does not undo the receive.
            Err(failure)
                if self.has_arrived(if first { transfer.landing(&entry.target) } else { &entry.target }, step) =>
            {
                self.pass.warn(format!("{}: {failure}", entry.target));
                Ok(())
            }
            Err(failure) => Err(failure),
            Ok(streamed) => {
                self.waited.set(self.waited.get() + streamed.waited);
                Ok(())
            }
        }
    }

    fn has_arrived(&self, target: &DatasetName, step: &Step) -> bool {
        let snapshot = format!("{target}@{}", step.to);
        let guids = self.target.numbers("guid", std::slice::from_ref(&snapshot));
        guids.is_ok_and(|guids| guids.get(&snapshot) == Some(&step.to_guid))
    }

    /// Makes the target's missing parents, topmost first, each empty, unmounted and marked as ours.
    fn create_parents(&self, entry: &Entry<'_>, plain: bool) -> Result<(), Failure> {
        let Pass { request, sides, .. } = *self.pass;
        let exists = |name: &DatasetName| sides.targets.contains_key(name);
        // What is there has its parents, and those of what is there were not asked for.
        if exists(&entry.target) {
            return Ok(());
        }
        let mut parents: Vec<_> = entry.target.ancestors().filter(|name| !exists(name)).collect();
        parents.reverse();
        for parent in parents {
            if self.pass.state().created.contains(&parent) {
                continue;
            }
            let pending = entry.source.name.ancestors().find(|name| {
                sides.sources.contains_key(name) && request.mapping.target_of(name).is_ok_and(|t| t == parent)
            });
            // Discarding that would need to destroy the parent with all that is below it.
            if let Some(pending) = pending.filter(|pending| self.pass.has_begun_only(pending)) {
                let obstacle = Obstacle::ParentNotArrived(pending);
                return Err(Failure::refusal("create parent", self.target.host, &obstacle));
            }
            self.target.create_parent(&parent, plain)?;
            let mut state = self.pass.state();
            state.changed = true;
            state.created.push(parent);
        }
        Ok(())
    }
}
