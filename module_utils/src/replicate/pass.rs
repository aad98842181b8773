//! One pass over all datasets: what they share, and what has come of it so far.

use super::bookmarks::{Bookmarks, Undone};
use super::gather::Sides;
use super::holds::Holds;
use super::lines::Tell;
use super::planned::Entry;
use super::progress::Progress;
use super::refusal::Obstacle;
use super::report::DatasetReport;
use super::request::Request;
use super::verify::Arrival;
use crate::exec::runner::{Failure, Runner};
use crate::model::DatasetName;
use crate::zfs::commands::{SWAP, Zfs};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What all datasets of one pass share.
pub struct Pass<'a> {
    /// What is asked for.
    pub request: &'a Request,
    /// What runs the commands.
    pub runner: &'a Runner,
    /// Where progress goes.
    pub progress: &'a Progress<'a>,
    /// What was there when this pass began.
    pub sides: &'a Sides,
    /// Our bookmarks of what is about to be sent.
    pub bookmarks: &'a Bookmarks,
    pub(super) holds: Option<&'a Holds>,
    pub(super) tell: &'a Tell<'a>,
    pub(super) may_retry: bool,
    /// What the run has warned of before its streams.
    pub(super) said: &'a [String],
    pub(super) state: Mutex<State>,
    /// Rings when something has arrived, and when no more will.
    pub(super) bell: Condvar,
}

/// What has come of a pass so far.
#[derive(Debug, Default)]
pub struct State {
    /// The target, or the source's bookmarks and holds, are not what they were.
    pub changed: bool,
    /// Datasets of the target that this pass has made.
    pub created: Vec<DatasetName>,
    /// Places of the target whose swap was cut short: what is below them may have another name.
    pub unsettled: Vec<DatasetName>,
    pub(super) warnings: Vec<String>,
    pub(super) done: BTreeMap<DatasetName, DatasetReport>,
    /// What has arrived and is not settled yet.
    pub(super) arrived: Vec<Arrival>,
    /// All datasets have been carried.
    pub(super) is_carried: bool,
    /// Older bookmarks of ours that could not be removed.
    pub(super) stay: Undone,
    pub(super) again: BTreeSet<DatasetName>,
    pub(super) lost: Option<Failure>,
}

impl Pass<'_> {
    /// What has come of it so far. Held only for a moment.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a warning.
    pub fn warn(&self, warning: String) {
        self.state().warnings.push(warning);
    }

    /// True if the first receive of the dataset was begun and failed.
    pub fn has_begun_only(&self, source: &DatasetName) -> bool {
        let begun = |report: &DatasetReport| report.error.is_some() && report.bytes > 0 && report.snapshots == 0;
        self.state().done.get(source).is_some_and(begun)
    }

    /// Why nothing below a swap that was cut short can be tried before it is finished.
    pub fn unsettled_above(&self, target: &DatasetName) -> Option<Failure> {
        let state = self.state();
        let place = state.unsettled.iter().find(|place| target.below(place).is_some())?;
        Some(Failure::refusal(SWAP, &self.request.target, &Obstacle::ParentNotInPlace(place.clone())))
    }

    /// Why a clone cannot be tried: what it starts from has not arrived.
    pub fn without_origin(&self, entry: &Entry<'_>) -> Option<Failure> {
        let origin = entry.waits_for()?;
        self.state().done.get(origin).filter(|report| report.error.is_some())?;
        let obstacle = Obstacle::OriginNotArrived(origin.clone());
        Some(Failure::refusal("send", &self.request.source, &obstacle))
    }

    /// Our own hold must not keep what a rollback was asked to destroy.
    pub fn release_in_the_way(&self, zfs: Zfs<'_>, target: &DatasetName, destroyed: &[String]) {
        let Some(holds) = self.holds else { return };
        let names: Vec<_> = holds.in_the_way(target, destroyed).into_iter().collect();
        if let Err(failure) = zfs.release(holds.tag(), &names) {
            self.warn(format!("{target}: {failure}"));
        }
    }
}
