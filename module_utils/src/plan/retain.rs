//! Which snapshots stay, and why: every snapshot gets a verdict, and one without a reason to stay may go.

use super::elsewhere::{self, Elsewhere};
use super::names::{Claim, Claims, Intervals, Names};
use super::period::Interval;
use super::policy::Policy;
use super::reason::Reasons;
use super::replicated::Replicated;
use crate::model::glob::Globs;
use jiff::civil::DateTime;

/// A snapshot as the cheap columns of a listing show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot<'a> {
    /// The part after `@`.
    pub name: &'a str,
    /// Order within the dataset.
    pub createtxg: u64,
    /// It has clones.
    pub cloned: bool,
}

/// What is kept.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Only snapshots with these names count.
    pub names: &'a Names,
    /// How many of each interval.
    pub policy: Policy,
    /// Names that are never destroyed.
    pub protect: &'a Globs,
    /// What no target has got yet stays.
    pub keep_unreplicated: bool,
    /// Now, in seconds since 1970.
    pub now: i64,
    /// Length of the `frequently` period.
    pub frequently_minutes: u32,
    /// They were taken by another host.
    pub elsewhere: Option<&'a Elsewhere<'a>>,
}

/// The places that a policy has for snapshots of each interval, given from the newest to the oldest.
enum Places<'a> {
    /// Taken here: one after the other, as many as the policy says.
    Here([u32; 6]),
    /// Taken elsewhere.
    Elsewhere(elsewhere::Places<'a>),
}

impl<'a> Places<'a> {
    fn new(rules: &Rules<'a>) -> Self {
        match rules.elsewhere {
            None => Self::Here(Interval::ALL.map(|interval| rules.policy.count(interval))),
            Some(replica) => Self::Elsewhere(elsewhere::Places::new(replica, rules.policy)),
        }
    }

    /// Why the next snapshot stays that counts as one of each of these.
    fn judge_all(&mut self, clock: DateTime, intervals: Intervals, createtxg: u64) -> Reasons {
        intervals.iter().filter_map(|interval| self.judge(clock, interval, createtxg)).collect()
    }

    /// Why the next snapshot stays, if there is a reason.
    fn judge(&mut self, clock: DateTime, interval: Interval, createtxg: u64) -> Option<Reasons> {
        match self {
            Self::Here(left) => {
                let left = &mut left[interval as usize];
                let retained = *left > 0;
                *left = left.saturating_sub(1);
                retained.then_some(Reasons::RETAINED)
            }
            Self::Elsewhere(places) => places.judge(clock, interval, createtxg),
        }
    }
}

impl Rules<'_> {
    /// As what each snapshot of one dataset counts, in the order given, which must be oldest first.
    #[must_use]
    pub fn claims(&self, snapshots: &[Snapshot<'_>]) -> Vec<Claim> {
        let Self { names, policy, now, frequently_minutes, elsewhere, .. } = *self;
        let claims = Claims { names, policy, now, frequently_minutes, elsewhere: elsewhere.is_some() };
        claims.of(snapshots.iter().map(|snapshot| snapshot.name))
    }
}

/// The verdict on each snapshot of one dataset, in the order given, which must be oldest first.
#[must_use]
pub fn verdicts(snapshots: &[Snapshot<'_>], replicated: &Replicated, rules: &Rules<'_>) -> Vec<Reasons> {
    let mut places = Places::new(rules);
    let mut all: Vec<Reasons> = snapshots
        .iter()
        .zip(rules.claims(snapshots))
        .rev()
        .enumerate()
        .map(|(age, (snapshot, claim))| {
            let mut reasons = match claim {
                Claim::Foreign => Reasons::FOREIGN,
                Claim::Unparsable => Reasons::UNPARSABLE,
                Claim::Future => Reasons::FUTURE,
                Claim::Misdated => Reasons::MISDATED,
                Claim::Of(clock, intervals) => places.judge_all(clock, intervals, snapshot.createtxg),
            };
            reasons.set(Reasons::NEWEST, age == 0);
            reasons.set(Reasons::PROTECTED, rules.protect.matches(snapshot.name));
            reasons.set(Reasons::CLONED, snapshot.cloned);
            reasons.set(Reasons::REPLICATION_BASE, replicated.needs(snapshot.createtxg));
            let unreplicated = rules.keep_unreplicated && !replicated.is_finished(snapshot.createtxg);
            reasons.set(Reasons::UNREPLICATED, unreplicated);
            reasons
        })
        .collect();
    all.reverse();
    all
}

/// The most that may be destroyed of one dataset's own snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxDestroy {
    /// That many.
    Number(u64),
    /// That part of them, in percent.
    Percent(u64),
}

impl std::str::FromStr for MaxDestroy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a number, or a percentage such as \"50%\", got \"{text}\"");
        let number = |text: &str| text.trim().parse().map_err(|_| wrong());
        match text.trim().strip_suffix('%') {
            None => number(text).map(Self::Number),
            Some(percent) => number(percent).and_then(|n| if n <= 100 { Ok(Self::Percent(n)) } else { Err(wrong()) }),
        }
    }
}

impl MaxDestroy {
    /// True if that many of so many are too many.
    #[must_use]
    pub fn is_exceeded(self, doomed: usize, own: usize) -> bool {
        let (doomed, own) = (doomed as u128, own as u128);
        match self {
            Self::Number(most) => doomed > u128::from(most),
            Self::Percent(percent) => doomed * 100 > own * u128::from(percent),
        }
    }
}

impl std::fmt::Display for MaxDestroy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Percent(n) => write!(f, "{n}%"),
        }
    }
}

#[cfg(test)]
#[path = "retain_tests.rs"]
mod tests;
