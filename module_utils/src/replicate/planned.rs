//! Each dataset with what is to be done with it: the plan, or why there is none.

use super::clones;
use super::gather::Sides;
use super::preflight::{self, Preflight};
use super::refusal::{Obstacle, Refusal, Unwanted};
use super::report::{DatasetError, DatasetReport};
use super::request::Request;
use crate::exec::runner::{Failure, Runner};
use crate::model::{Dataset, DatasetName};
use crate::plan::clones::{NoOrigin, in_order};
use crate::plan::features::{Feature, State};
use crate::plan::replicate::{Place, plan};
use crate::plan::send_flags::{self, Given};
use crate::plan::swap::Swap;
use crate::plan::transfer::{Plan, Transfer};
use crate::plan::window::{PassedOver, passed_over};
use crate::zfs::commands::Zfs;
use std::collections::{BTreeMap, BTreeSet};

/// One dataset and what to do with it.
pub struct Entry<'a> {
    /// The source.
    pub source: &'a Dataset,
    /// Where it goes.
    pub target: DatasetName,
    /// What to do.
    pub plan: Result<Plan, Refusal>,
    /// Why it is sent whole although it is a clone.
    pub sent_whole: Option<NoOrigin>,
    /// What its replica was called before, which follows a rename.
    pub renamed_from: Option<DatasetName>,
    /// What is not sent, by number or age.
    pub passed_over: Option<PassedOver>,
}

impl Entry<'_> {
    /// The source dataset that brings what it starts from.
    #[must_use]
    pub fn waits_for(&self) -> Option<&DatasetName> {
        match &self.plan {
            Ok(Plan::Send(transfer)) => transfer.origin.as_ref()?.waits_for.as_ref(),
            _ => None,
        }
    }

    /// What will be reported if all goes well.
    #[must_use]
    pub fn report(&self) -> DatasetReport {
        let (source, target) = (self.source.name.as_str(), self.target.as_str());
        match &self.plan {
            Ok(plan) => {
                let passed_over = self.passed_over.clone();
                let renamed_from = self.renamed_from.as_ref().map(ToString::to_string);
                DatasetReport { renamed_from, passed_over, ..DatasetReport::of_plan(source, target, plan) }
            }
            Err(refusal) => DatasetReport::of_error(source, target, refusal.report()),
        }
    }
}

/// Plans all datasets.
#[must_use]
pub fn entries<'a>(request: &Request, sides: &'a Sides) -> Vec<Entry<'a>> {
    let raw = raw_places(request, sides);
    let (mut coming, mut encrypted) = (BTreeSet::new(), BTreeSet::new());
    let mut planned = BTreeMap::new();
    for source in in_order(&sides.sources) {
        // What has no place there is told by `unmapped`.
        let Ok(target) = request.mapping.target_of(&source.name) else { continue };
        let origin = clones::origin_for(
            request,
            sides,
            source,
            &|name| planned.get(name).map(|entry: &Entry<'_>| &entry.plan),
            &encrypted,
        );
        let place = Place {
            name: &target,
            there: &sides.targets,
            stamp: &sides.stamp,
            raw: &raw,
            coming: &coming,
            origin: origin.as_ref().ok().and_then(Option::as_ref),
        };
        let plan = match (sides.is_refused_target(&target), sides.following.stuck.get(&source.name)) {
            (Some(failure), _) => Err(Refusal::NotPermitted(failure.clone())),
            (None, Some(stuck)) => Err(Refusal::Stuck(stuck.clone())),
            (None, None) => plan(source, &place, &request.wish).map_err(Refusal::Conflict),
        };
        let plan = plan.and_then(|plan| allowed(request, sides, source, &target, plan));
        let plan = plan.and_then(|plan| with_flags(request, sides, source, &target, plan));
        let (plan, sent_whole) = clones::whole(request, plan, source, origin);
        if let Ok(Plan::Send(transfer)) = &plan {
            if transfer.is_first() {
                coming.insert(target.clone());
            }
            if lands_encrypted(sides, &target, transfer) {
                encrypted.insert(target.clone());
            }
        }
        let of_plan = |plan| passed_over(source, sides.targets.get(&target), plan, &request.wish);
        let passed_over = plan.as_ref().ok().and_then(of_plan);
        let renamed_from = sides.following.replica_before(&target).cloned();
        planned.insert(source.name.clone(), Entry { source, target, plan, sent_whole, renamed_from, passed_over });
    }
    planned.into_values().collect()
}

/// Datasets of the target whose sources are sent raw.
fn raw_places(request: &Request, sides: &Sides) -> BTreeSet<DatasetName> {
    let raw = sides.sources.values().filter(|source| request.wish.raw.applies_to(source));
    raw.filter_map(|source| request.mapping.target_of(&source.name).ok()).collect()
}

fn allowed(
    request: &Request,
    sides: &Sides,
    source: &Dataset,
    target: &DatasetName,
    plan: Plan,
) -> Result<Plan, Refusal> {
    let Plan::Send(transfer) = &plan else { return Ok(plan) };
    let is_one_host = || request.is_local() || sides.are_of_one_pool();
    if source.name.below(&request.mapping.target).is_some() && is_one_host() {
        return Err(Refusal::Unwanted(Unwanted::SourceWithinTarget));
    }
    if source.encrypted && !transfer.raw && request.sends_properties() {
        return Err(Refusal::Unwanted(Unwanted::PropertiesNeedRaw));
    }
    if request.require_encrypted_target && !lands_encrypted(sides, target, transfer) {
        return Err(Refusal::Unwanted(Unwanted::LandsUnencrypted));
    }
    Ok(plan)
}

/// What is received plain is encrypted where the dataset, or else its nearest ancestor, is, unless it is told not to be.
fn lands_encrypted(sides: &Sides, target: &DatasetName, transfer: &Transfer) -> bool {
    let place = || std::iter::once(target.clone()).chain(target.ancestors()).find_map(|name| sides.targets.get(&name));
    let exists = |name: &DatasetName| sides.targets.contains_key(name);
    if let Some(origin) = &transfer.origin {
        return origin.encrypted;
    }
    let below_plain = transfer.key.plain_parents && !exists(target) && !target.parent().as_ref().is_some_and(exists);
    transfer.raw || !(transfer.key.plain || below_plain) && place().is_some_and(|dataset| dataset.encrypted)
}

/// The flags that a plan's streams are sent with, where both pools and the target's history let them.
fn with_flags(
    request: &Request,
    sides: &Sides,
    source: &Dataset,
    target: &DatasetName,
    mut plan: Plan,
) -> Result<Plan, Refusal> {
    let Plan::Send(transfer) = &mut plan else { return Ok(plan) };
    let given = Given {
        source: sides.features.of.get(source.name.pool()),
        target: sides.features.of_target.as_ref(),
        history: transfer.history(source, sides.targets.get(transfer.landing(target))),
        into_encrypted: lands_encrypted(sides, target, transfer),
    };
    transfer.resumable = given.target.is_none_or(|target| target.state(Feature::Extensible) != State::Disabled);
    if transfer.raw {
        let stored = sides.features.stored.get(source.name.as_str()).copied().unwrap_or_default();
        send_flags::raw(&given, stored, target.pool()).map_err(Refusal::Unfit)?;
    } else {
        transfer.flags = send_flags::plain(&request.wish.send_flags, &given, target.pool()).map_err(Refusal::Unfit)?;
    }
    Ok(plan)
}

/// True if anything is to be sent.
#[must_use]
pub fn something_to_send(entries: &[Entry<'_>]) -> bool {
    entries.iter().any(|entry| matches!(entry.plan, Ok(Plan::Send(_))))
}

/// Turns plans that the users of the two ends may not carry out into refusals; fails where no stream could be sent at all.
pub fn permit(
    request: &Request,
    runner: &Runner,
    sides: &Sides,
    entries: &mut [Entry<'_>],
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    if request.flow.zstd && something_to_send(entries) {
        preflight::zstd(request, runner)?;
    }
    refuse_locked(Zfs { host: &request.source, runner }, entries)?;
    let mut preflight = Preflight::new(request, runner);
    for entry in entries.iter_mut() {
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
    refuse_with_origin(entries);
    Ok(())
}

/// Refuses what waits for an origin that is refused by now.
fn refuse_with_origin(entries: &mut [Entry<'_>]) {
    loop {
        let refused: BTreeSet<DatasetName> =
            entries.iter().filter(|entry| entry.plan.is_err()).map(|entry| entry.source.name.clone()).collect();
        let waits = |entry: &&mut Entry<'_>| entry.waits_for().is_some_and(|name| refused.contains(name));
        let waiting: Vec<&mut Entry<'_>> = entries.iter_mut().filter(waits).collect();
        if waiting.is_empty() {
            return;
        }
        for entry in waiting {
            let origin = entry.source.origin.clone().unwrap_or_default();
            entry.plan = Err(Refusal::NoOrigin(NoOrigin::Refused { origin }));
        }
    }
}

/// Reports of the sources that can have no place on the target.
#[must_use]
pub fn unmapped(request: &Request, sides: &Sides) -> Vec<DatasetReport> {
    let report = |source: &DatasetName| {
        let unmapped = request.mapping.target_of(source).err()?;
        let error = DatasetError::of_plan(&unmapped);
        Some(DatasetReport::of_error(source.as_str(), unmapped.name(), error))
    };
    sides.sources.keys().filter_map(report).collect()
}

/// Turns the plans of what lies at or below a swap that could not be finished into refusals: its names are not as they should be.
pub fn refuse_unfinished(entries: &mut [Entry<'_>], swap: &Swap, failure: &Failure) {
    for entry in entries.iter_mut().filter(|entry| entry.target.below(&swap.place).is_some()) {
        entry.plan = Err(Refusal::NotFinished(failure.clone()));
    }
}

/// A plain stream of an encrypted dataset takes its key.
fn refuse_locked(source: Zfs<'_>, entries: &mut [Entry<'_>]) -> Result<(), Failure> {
    let needs_key =
        |entry: &Entry<'_>| entry.source.encrypted && matches!(&entry.plan, Ok(Plan::Send(transfer)) if !transfer.raw);
    let names: Vec<String> =
        entries.iter().filter(|entry| needs_key(entry)).map(|e| e.source.name.to_string()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let locked = source.locked(&names)?;
    for entry in entries.iter_mut().filter(|entry| needs_key(entry) && locked.contains(entry.source.name.as_str())) {
        entry.plan = Err(Refusal::Unwanted(Unwanted::KeyNotLoaded));
    }
    Ok(())
}

/// Reports of the sources that do not exist, or that we are not let see.
#[must_use]
pub fn missing(request: &Request, sides: &Sides) -> Vec<DatasetReport> {
    let report = |root: &DatasetName| {
        let target = request.mapping.target_of(root).map(|name| name.to_string()).unwrap_or_default();
        let obstacle = if sides.missing_pools.contains(root.pool()) {
            Obstacle::PoolMissing(root.pool().to_owned())
        } else {
            Obstacle::SourceMissing(root.clone())
        };
        let failure = Failure::refusal("list", &request.source, &obstacle);
        DatasetReport::of_error(root.as_str(), &target, DatasetError::from(&failure))
    };
    let refused = |(root, failure): &(DatasetName, Failure)| {
        let target = request.mapping.target_of(root).map(|name| name.to_string()).unwrap_or_default();
        DatasetReport::of_error(root.as_str(), &target, DatasetError::from(failure))
    };
    sides.missing_roots.iter().map(report).chain(sides.refused.iter().map(refused)).collect()
}
