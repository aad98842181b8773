//! Carries the datasets of one pass over, several at once and parents before children, and verifies what has arrived.

use super::gather::Sides;
use super::holds::{Changes, Holds};
use super::lines::Told;
use super::pass::Pass;
use super::planned::Entry;
use super::preflight::{NO_BOOKMARK, STAYS};
use super::report::{DatasetError, DatasetReport, Discarded, Status};
use super::request::{Lane, Request};
use super::scheduler;
use super::transfer::Carrier;
use super::verify::{self, Arrival, Settled};
use super::{bookmarks, commands};
use crate::exec::runner::Failure;
use crate::exec::signals;
use crate::exec::stderr::Cause;
use crate::plan::resume::Discard;
use crate::plan::transfer::{Plan, Transfer};
use crate::zfs::commands::Zfs;
use std::sync::PoisonError;
use std::time::Instant;

/// Carries all datasets over. Bookmarks are made ahead of the streams meanwhile, and what has arrived is settled.
pub fn carry_and_settle(pass: &Pass<'_>, entries: &[Entry<'_>]) {
    std::thread::scope(|scope| {
        scope.spawn(|| pass.bookmarks.make(Zfs { host: &pass.request.source, runner: pass.runner }));
        scope.spawn(|| settle_meanwhile(pass));
        carry_all(pass, entries);
        pass.state().is_carried = true;
        pass.bell.notify_all();
    });
    settle(pass, entries);
}

/// Each dataset, parents before their children.
fn carry_all(pass: &Pass<'_>, entries: &[Entry<'_>]) {
    let waits_for: Vec<Vec<usize>> = (0..entries.len()).map(|index| before(entries, index)).collect();
    let Request { parallel, .. } = *pass.request;
    let ahead = if pass.request.is_local() { 0 } else { AHEAD };
    let lanes: Vec<Lane> = (0..parallel + ahead).map(|number| pass.request.lane(number % parallel)).collect();
    foresee(pass, entries);
    let queue = || pass.request.flow.slots.queue();
    scheduler::run(lanes.len(), &waits_for, queue, |lane, index, ticket| {
        carry(pass, &Carrier::new(pass, &lanes[lane], ticket), &entries[index]);
    });
}

/// Over a line, so many datasets beyond those that flow are made ready, over the same connections: sshd lets ten sessions share one,
/// and bookmarks and what is settled need one each.
const AHEAD: usize = 6;

/// So many streams are asked about, at most: each costs a command before the first of them.
const FORESEEN: usize = 500;

/// Where somebody watches, ZFS is asked what all streams will take, so that there is a total from the beginning.
fn foresee(pass: &Pass<'_>, entries: &[Entry<'_>]) {
    let sending = |entry: &Entry<'_>| match &entry.plan {
        Ok(Plan::Send(transfer)) => Some((entry.source.name.clone(), transfer.clone())),
        _ => None,
    };
    let sending: Vec<_> = entries.iter().filter_map(sending).collect();
    pass.progress.expect(sending.len());
    let source = Zfs { host: &pass.request.source, runner: pass.runner };
    let steps =
        sending.iter().flat_map(|(name, transfer)| transfer.steps.iter().map(move |step| (name, transfer, step)));
    for (number, (name, transfer, step)) in steps.enumerate() {
        let is_asked = pass.progress.is_wanted() && number < FORESEEN && signals::received().is_none();
        // What cannot be estimated cannot be sent either, and then says why.
        let ask = || source.estimate(&commands::estimate(pass.request, name, transfer, step)).unwrap_or_default();
        pass.progress.foresee(name.as_str(), &step.to, if is_asked { ask() } else { None });
    }
}

fn carry(pass: &Pass<'_>, carrier: &Carrier<'_>, entry: &Entry<'_>) {
    let mut report = entry.report();
    let mut arrival = None;
    let name = &entry.source.name;
    if let Some(discard) = entry.plan.as_ref().ok().and_then(Plan::leftover) {
        discard_leftover(pass, carrier, discard, &mut report);
    }
    if let Ok(Plan::Send(transfer)) = &entry.plan {
        let lost = pass.state().lost.clone();
        let lost = lost.or_else(|| pass.unsettled_above(&entry.target)).or_else(|| pass.without_origin(entry));
        match lost {
            // Without the connection, or when asked to stop, nothing else can be tried now; nor what may not have its name, nor a clone
            // without its origin.
            Some(failure) => {
                report.status = Status::Skipped;
                report.error = Some(DatasetError::from(&failure));
                let mut state = pass.state();
                let has_failed = |origin| state.done.get(origin).is_some_and(|report| report.error.is_some());
                let is_hopeless = |origin| has_failed(origin) && !state.again.contains(origin);
                if !entry.waits_for().is_some_and(is_hopeless) {
                    state.again.insert(name.clone());
                }
            }
            None => arrival = stream(pass, carrier, entry, transfer, &mut report),
        }
        pass.progress.end(name.as_str());
    }
    let mut state = pass.state();
    let retried = pass.may_retry && state.again.contains(name) && signals::received().is_none();
    (pass.tell)(Told::Done { report: &report, again: retried });
    if let Some(before) = state.done.remove(name) {
        verify::after(before, &mut report);
    }
    state.done.insert(name.clone(), report);
    // Not before its report is there, which may have to take back what it says.
    state.arrived.extend(arrival);
    pass.bell.notify_all();
}

/// Discards what is of no use where nothing is to be sent. It only takes up room, so if it has to stay, that is no failure.
fn discard_leftover(pass: &Pass<'_>, carrier: &Carrier<'_>, discard: &Discard, report: &mut DatasetReport) {
    report.discarded = None;
    match carrier.discard(discard) {
        Ok(()) => report.discarded = Some(Discarded::from(discard)),
        Err(failure) => pass.warn(format!(
            "{}: what an interrupted receive left there ({} bytes) is of no use any more ({}), but stays: {failure}",
            discard.on, discard.bytes, discard.reason
        )),
    }
}

fn stream(
    pass: &Pass<'_>,
    carrier: &Carrier<'_>,
    entry: &Entry<'_>,
    transfer: &Transfer,
    report: &mut DatasetReport,
) -> Option<Arrival> {
    let started = Instant::now();
    let result = carrier.carry(entry, transfer, report);
    report.seconds = started.elapsed().saturating_sub(carrier.waited.get()).as_secs_f64();
    match result {
        Ok(arrival) => arrival,
        Err(failure) => {
            // Whoever was asked to stop while he waited for his turn has not begun.
            let has_begun = carrier.has_flowed.get() || failure.cause != Cause::Stopped;
            report.status = if has_begun { Status::Failed } else { Status::Skipped };
            report.error = Some(DatasetError::from(&failure));
            let mut state = pass.state();
            if failure.cause.is_transient() {
                state.again.insert(entry.source.name.clone());
            }
            if matches!(failure.cause, Cause::ConnectionLost | Cause::Stopped) {
                state.lost.get_or_insert(failure);
            }
            None
        }
    }
}

/// So many that have arrived are settled at once while others flow, which costs a command on each side.
const SETTLED: usize = 16;

/// Settles what has arrived while the rest flows, so that little is left to do at the end. Holds are moved all at once: they wait.
fn settle_meanwhile(pass: &Pass<'_>) {
    if pass.holds.is_some() {
        return;
    }
    loop {
        let mut state = pass.state();
        while state.arrived.len() < SETTLED && !state.is_carried {
            state = pass.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_carried {
            return;
        }
        let arrived = std::mem::take(&mut state.arrived);
        drop(state);
        settle_these(pass, arrived);
    }
}

/// Finds out what has arrived; only then do older bookmarks go. Gives what has.
fn settle_these(pass: &Pass<'_>, arrived: Vec<Arrival>) -> Vec<Arrival> {
    if signals::received().is_some() {
        return Vec::new();
    }
    let [source, target] = [&pass.request.source, &pass.request.target].map(|host| Zfs { host, runner: pass.runner });
    let Settled { verdicts, stay } = verify::settle(source, target, arrived);
    pass.state().stay.add(stay);
    let there = |(arrival, verdict): (Arrival, Result<(), Failure>)| match verdict {
        Ok(()) => Some(arrival),
        Err(failure) => {
            not_arrived(pass, &arrival, &failure);
            None
        }
    };
    verdicts.into_iter().filter_map(there).collect()
}

/// Settles the rest; then older holds go.
fn settle(pass: &Pass<'_>, entries: &[Entry<'_>]) {
    if signals::received().is_some() {
        return;
    }
    let arrived = std::mem::take(&mut pass.state().arrived);
    let there = settle_these(pass, arrived);
    let stay = std::mem::take(&mut pass.state().stay);
    for (cause, warning) in bookmarks::of_those_that_stay(&stay) {
        if !is_said(pass.said, cause, &warning) {
            pass.warn(warning);
        }
    }
    let [source, target] = [&pass.request.source, &pass.request.target].map(|host| Zfs { host, runner: pass.runner });
    let mut changes = [Changes::default(), Changes::default()];
    let mut add = |more: [Changes; 2]| changes.iter_mut().zip(more).for_each(|(all, more)| all.add(more));
    let Some(holds) = pass.holds else { return };
    for arrival in there {
        let kept = Some(arrival.snapshot.as_str());
        add(holds.after((&arrival.source, kept), (&arrival.target, kept)));
    }
    for entry in entries {
        let plan = entry.plan.as_ref().ok();
        plan.and_then(|plan| of_up_to_date(holds, pass.sides, entry, plan)).into_iter().for_each(&mut add);
    }
    for (zfs, changes) in [target, source].into_iter().zip(changes.into_iter().rev()) {
        pass.state().changed |= !changes.is_empty();
        let warnings = changes.apply(zfs, holds.tag());
        // What could not be held before the first stream cannot be now, and was told then.
        pass.state().warnings.extend(warnings.into_iter().filter(|warning| !pass.said.contains(warning)));
    }
}

fn not_arrived(pass: &Pass<'_>, arrival: &Arrival, failure: &Failure) {
    let mut state = pass.state();
    if failure.cause.is_transient() {
        state.again.insert(arrival.source.clone());
    }
    if let Some(report) = state.done.get_mut(&arrival.source) {
        report.status = Status::Failed;
        report.error = Some(DatasetError::from(failure));
        (pass.tell)(Told::Done { report, again: false });
    }
}

/// What must be done first: the nearest dataset above, and that of the origin. `in_order` of the plan has seen to it that no two wait
/// for each other.
fn before(entries: &[Entry<'_>], index: usize) -> Vec<usize> {
    let origin = entries[index].waits_for();
    let origin = origin.and_then(|name| entries.binary_search_by(|entry| entry.source.name.cmp(name)).ok());
    parent_of(entries, index).into_iter().chain(origin).collect()
}

/// The nearest dataset above, which must be done first. Entries are in the order of their names, so it comes earlier.
fn parent_of(entries: &[Entry<'_>], index: usize) -> Option<usize> {
    let mut above = entries[index].source.name.ancestors();
    above.find_map(|name| entries[..index].binary_search_by(|entry| entry.source.name.cmp(&name)).ok())
}

/// The holds of a dataset that has everything.
#[must_use]
pub fn of_up_to_date(holds: &Holds, sides: &Sides, entry: &Entry<'_>, plan: &Plan) -> Option<[Changes; 2]> {
    let Plan::UpToDate { base, .. } = plan else { return None };
    Some(holds.of_up_to_date(entry.source, sides.targets.get(&entry.target)?, base.guid))
}

/// Whether the preflight has said of a permission what came of its lack, or an earlier try the very same.
#[must_use]
pub fn is_said(warnings: &[String], cause: Cause, warning: &str) -> bool {
    let begins = |start: &str| warning.starts_with(start) && warnings.iter().any(|said| said.starts_with(start));
    let foreseen = cause == Cause::Permission && [NO_BOOKMARK, STAYS].into_iter().any(begins);
    foreseen || warnings.iter().any(|said| said == warning)
}
