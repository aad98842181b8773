//! Each dataset with what is to be done with it: the plan, or why there is none.

use super::gather::Sides;
use super::preflight::{self, Preflight};
use super::report::{DatasetReport, ErrorReport};
use super::request::Request;
use crate::model::{Dataset, DatasetName};
use crate::plan::replicate::{Conflict, Plan, plan};
use crate::process::{Failure, Runner};
use std::time::SystemTime;

/// One dataset and what to do with it.
pub struct Entry<'a> {
    /// The source.
    pub source: &'a Dataset,
    /// Where it goes.
    pub target: DatasetName,
    /// What to do.
    pub plan: Result<Plan, Refusal>,
}

/// Why nothing is done with a dataset.
pub enum Refusal {
    /// The sides do not go together.
    Conflict(Conflict),
    /// It would be readable on the target.
    LandsInPlaintext,
    /// It is the target, or in it.
    TargetWithinSource,
    /// A user may not.
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
    /// What will be reported if all goes well.
    #[must_use]
    pub fn report(&self) -> DatasetReport {
        let (source, target) = (self.source.name.as_str(), self.target.as_str());
        match &self.plan {
            Ok(plan) => DatasetReport::of_plan(source, target, plan, SystemTime::now()),
            Err(refusal) => DatasetReport::of_error(source, target, refusal.report()),
        }
    }
}

/// Plans all datasets.
#[must_use]
pub fn entries<'a>(request: &Request, sides: &'a Sides) -> Vec<Entry<'a>> {
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
    Ok(())
}

/// Reports of the sources that do not exist, or that the gate there does not let us see.
#[must_use]
pub fn missing(request: &Request, sides: &Sides) -> Vec<DatasetReport> {
    let report = |root: &DatasetName| {
        let target = request.mapping.target_of(root).map(|name| name.to_string()).unwrap_or_default();
        let words = format!("source dataset {root} does not exist; check its name");
        let unseen = Failure::refusal("list", &request.source, words);
        let failure = sides.refused_roots.get(root).unwrap_or(&unseen);
        DatasetReport::of_error(root.as_str(), &target, ErrorReport::from(failure))
    };
    sides.missing_roots.iter().map(report).collect()
}
