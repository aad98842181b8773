//! Snapshots against policy: what is wanted of each dataset, what can be there by now, and what is overdue. Pure.

use super::ages::age;
use super::model::{At, Dataset, OfInterval, Role, Snapshots};
use crate::model::DatasetName;
use crate::plan::period::Interval;
use crate::plan::policy::{Declared, Table};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::HashSet;

/// What was said about snapshots on this host.
#[derive(Clone, Debug)]
pub struct Said {
    /// Of which snapshots are taken here.
    pub taken: Table,
    /// Of which snapshots are pruned here, replicas among them.
    pub pruned: Table,
    /// At and below these lie replicas, whether they are marked or not.
    pub replicas: Vec<DatasetName>,
    /// How names begin.
    pub prefix: String,
    /// Length of the shortest interval.
    pub frequently_minutes: u32,
    /// Nothing is taken where nothing was written.
    pub skip_unchanged: bool,
    /// How many times its length an interval's newest snapshot may be old.
    pub factor: f64,
}

impl Said {
    /// Nothing at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            taken: Table::default(),
            pruned: Table::default(),
            replicas: Vec::new(),
            prefix: "autosnap".to_owned(),
            frequently_minutes: 15,
            skip_unchanged: false,
            factor: 2.0,
        }
    }

    /// True if a policy speaks of some dataset.
    #[must_use]
    pub fn has_policies(&self) -> bool {
        self.taken.datasets().chain(self.pruned.datasets()).next().is_some()
    }

    /// Every dataset that is listed.
    pub fn listed(&self) -> impl Iterator<Item = &DatasetName> {
        let again = |name: &&DatasetName| self.taken.declared(name).is_none();
        self.taken.datasets().chain(self.pruned.datasets().filter(again))
    }

    /// Seconds that the newest snapshot of an interval may be old.
    #[must_use]
    pub fn max_age(&self, interval: Interval) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few years in seconds, checked to be positive"
        )]
        let seconds = (length(interval, self.frequently_minutes) as f64 * self.factor) as u64;
        seconds
    }
}

/// The longest that an interval can be, in seconds.
#[must_use]
pub fn length(interval: Interval, frequently_minutes: u32) -> u64 {
    const DAY: u64 = 86_400;
    match interval {
        Interval::Frequently => u64::from(frequently_minutes) * 60,
        Interval::Hourly => 3_600,
        Interval::Daily => DAY,
        Interval::Weekly => 7 * DAY,
        Interval::Monthly => 31 * DAY,
        Interval::Yearly => 366 * DAY,
    }
}

/// Datasets that bear the mark of a replica, or of a parent without data.
pub type Marked = HashSet<String>;

/// The moment and its zone.
#[derive(Clone, Debug)]
pub struct Now {
    /// Seconds since 1970.
    pub at: i64,
    /// Months and years are those of this zone.
    pub zone: TimeZone,
}

/// Fills in what a policy says of a dataset.
pub fn cover(dataset: &mut Dataset, said: &Said, marked: &Marked, now: &Now) {
    let Ok(name) = dataset.name.parse::<DatasetName>() else { return };
    let below = |root: &DatasetName| name.below(root).is_some();
    let is_replica = marked.contains(&dataset.name) || said.replicas.iter().any(below);
    let (taken, pruned) = (said.taken.of(&name), said.pruned.of(&name));
    let is_source = !is_replica && taken.is_some_and(|declared| declared.policy.autosnap);
    dataset.role = match (is_replica, is_source) {
        (true, _) => Role::Replica,
        (false, true) => Role::Source,
        (false, false) => Role::None,
    };
    let declared = if is_replica { pruned.or(taken) } else { taken.or(pruned) };
    dataset.policy = declared.map(|declared| declared.policy_name.clone());
    dataset.declared = said.taken.declared(&name).is_some() || said.pruned.declared(&name).is_some();
    let Some(snapshots) = &mut dataset.snapshots else { return };
    let since = began(snapshots, dataset.created_at);
    let unchanged = said.skip_unchanged && dataset.space.written_bytes == Some(0) && snapshots.total > 0;
    for (interval, of) in &mut snapshots.intervals {
        of.wanted = declared.map_or(0, |declared| wanted(declared, *interval));
        of.expected = match since {
            Some(since) if of.wanted > 0 => of.wanted.min(periods(*interval, said.frequently_minutes, since, now)),
            _ => of.wanted,
        };
        if is_source && of.wanted > 0 {
            let max_age = said.max_age(*interval);
            of.max_age_seconds = Some(max_age);
            of.overdue_at = (!unchanged).then(|| overdue_at(of, dataset.created_at, max_age, now));
            of.overdue = of.overdue_at.is_some_and(|at| now.at > at.0);
        }
    }
    snapshots.intervals.retain(|_, of| of.wanted > 0 || of.kept > 0);
}

fn wanted(declared: &Declared, interval: Interval) -> u64 {
    u64::from(declared.policy.count(interval))
}

/// Since when snapshots are taken, as far as those that are left show it; else since when the dataset is there.
fn began(snapshots: &Snapshots, created: Option<At>) -> Option<At> {
    let oldest = snapshots.intervals.values().filter_map(|of| of.oldest.as_ref()?.created_at).min();
    oldest.or(created)
}

/// Without any, the time for one counts from when the dataset was made. What is not known is not fine, nor is what a clock that was wrong
/// has dated so far ahead that nobody would hear for months that there are none any more.
fn overdue_at(of: &OfInterval, created: Option<At>, max_age: u64, now: &Now) -> At {
    let newest = match &of.newest {
        Some(newest) => newest.created_at,
        None => created,
    };
    newest.filter(|newest| age(newest.0, now.at) <= max_age).map_or(At::EVER, |newest| newest.plus(max_age))
}

/// How many periods there have been since then, the current one among them.
fn periods(interval: Interval, frequently_minutes: u32, since: At, now: &Now) -> u64 {
    let local = |seconds: i64| {
        let moment = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        now.zone.to_datetime(moment)
    };
    let months = |date: DateTime| i64::from(date.year()) * 12 + i64::from(date.month());
    let passed = match interval {
        Interval::Monthly => age(months(local(now.at)), months(local(since.0))),
        Interval::Yearly => age(i64::from(local(now.at).year()), i64::from(local(since.0).year())),
        _ => age(now.at, since.0) / length(interval, frequently_minutes).max(1),
    };
    passed + 1
}

#[cfg(test)]
#[path = "coverage_tests.rs"]
mod tests;
