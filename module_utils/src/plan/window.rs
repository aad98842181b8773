//! Which snapshots of a source are wanted: by name, by number and by age. Pure.
//!
//! What is not wanted is only not sent. The base is looked for among all there are, so nothing that is left out here ever makes a target
//! diverge; and the newest that is wanted by name is always sent, however old, so nothing is without a copy because of its age.

use super::common::common_base;
use super::transfer::Plan;
use super::wish::Wish;
use crate::model::{Dataset, Version};
use serde::Serialize;

/// The source's snapshots after `txg`, each with whether it is wanted.
#[must_use]
pub fn candidates<'a>(source: &'a Dataset, wish: &Wish, txg: u64) -> Vec<(&'a Version, bool)> {
    let mut all = by_name(source, wish, txg);
    narrow(&mut all, wish);
    if wish.latest_only {
        keep_newest(&mut all, 1);
    }
    all
}

/// Of those that are wanted, only so many of the newest still are.
pub fn keep_newest(all: &mut [(&Version, bool)], count: usize) {
    let wanted = all.iter_mut().rev().filter(|(_, wanted)| *wanted);
    wanted.skip(count).for_each(|(_, wanted)| *wanted = false);
}

fn by_name<'a>(source: &'a Dataset, wish: &Wish, txg: u64) -> Vec<(&'a Version, bool)> {
    let later = source.snapshots().filter(|snapshot| snapshot.createtxg > txg);
    later.map(|snapshot| (snapshot, wish.wants(&snapshot.name))).collect()
}

fn narrow(all: &mut [(&Version, bool)], wish: &Wish) {
    if let Some(since) = wish.since {
        let older = all.iter_mut().rev().filter(|(_, wanted)| *wanted).skip(1);
        // Of what has no age, it was not asked, or it is gone by now.
        let is_old = |version: &Version| {
            version.asked.created.is_some_and(|created| i64::try_from(created).is_ok_and(|at| at < since))
        };
        older.for_each(|(version, wanted)| *wanted = !is_old(version));
    }
    if let Some(count) = wish.newest {
        keep_newest(all, count);
    }
}

/// Snapshots that are wanted by name, and left out by number or age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// How many.
    pub snapshots: usize,
    /// The oldest of them.
    pub oldest: String,
    /// The newest of them.
    pub newest: String,
}

/// What a plan leaves out by number or age.
#[must_use]
pub fn passed_over(source: &Dataset, target: Option<&Dataset>, plan: &Plan, wish: &Wish) -> Option<PassedOver> {
    if wish.newest.is_none() && wish.since.is_none() {
        return None;
    }
    let (is_first, steps) = match plan {
        Plan::Send(transfer) => (transfer.is_first(), &transfer.steps[..]),
        _ => (false, &[][..]),
    };
    let base = target.filter(|_| !is_first).and_then(|target| common_base(source, target));
    let all = by_name(source, wish, base.map_or(0, |(base, _)| base.createtxg));
    let mut narrowed = all.clone();
    narrow(&mut narrowed, wish);
    let is_resumed = |version: &Version| steps.iter().any(|step| step.to_guid == version.guid);
    let is_left = |((version, by_name), (_, wanted)): &(&(&Version, bool), &(&Version, bool))| {
        *by_name && !*wanted && !is_resumed(version)
    };
    let left: Vec<&Version> = all.iter().zip(&narrowed).filter(is_left).map(|((version, _), _)| *version).collect();
    let (oldest, newest) = (left.first()?.name.clone(), left.last()?.name.clone());
    Some(PassedOver { snapshots: left.len(), oldest, newest })
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
