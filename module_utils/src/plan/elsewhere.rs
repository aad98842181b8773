//! Which snapshots of a replica have a place, where whoever sends them must not be able to push others out of theirs.
//!
//! What a sender makes up it can make up in any number and with any date. Three things it cannot: make a snapshot arrive before it
//! did, make one younger that is here, and make time pass. So a place is given by arrival: those that arrived within the last N
//! periods take up N + 1 places at most, which is what arrives in normal operation. Hence a flood today makes nothing forgotten
//! before that would have happened anyway. And whatever has no place stays until it is as old as the last place would be, by its
//! name, by its `creation` and by its arrival.

use super::arrivals::Evidence;
use super::names::AHEAD;
use super::period::{Interval, Period};
use super::policy::Policy;
use super::reason::Reasons;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::HashSet;

/// What is known of replicas besides their listing.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere<'a> {
    /// Since when their snapshots have been here.
    pub evidence: &'a Evidence,
    /// Now, in seconds since 1970.
    pub now: i64,
    /// Length of the `frequently` period.
    pub frequently_minutes: u32,
    /// They count as having arrived when their names say.
    pub trust_dates: bool,
}

impl Elsewhere<'_> {
    /// How long a policy wants snapshots of that interval.
    fn wanted(&self, policy: Policy, interval: Interval) -> i64 {
        interval.longest(self.frequently_minutes).saturating_mul(i64::from(policy.count(interval)))
    }

    /// True if what was created then is too young to go, by its `creation`.
    #[must_use]
    pub fn is_young(&self, policy: Policy, interval: Interval, creation: i64) -> bool {
        self.now.saturating_sub(creation) < self.wanted(policy, interval)
    }
}

/// The places of one dataset, given from its newest snapshot to its oldest.
#[derive(Debug)]
pub struct Places<'a> {
    replica: &'a Elsewhere<'a>,
    policy: Policy,
    used: [u32; 6],
    periods: HashSet<Period>,
}

impl<'a> Places<'a> {
    /// All places are free.
    #[must_use]
    pub fn new(replica: &'a Elsewhere<'a>, policy: Policy) -> Self {
        Self { replica, policy, used: [0; 6], periods: HashSet::new() }
    }

    /// Why the next snapshot stays; none if it may go.
    pub fn judge(&mut self, clock: DateTime, interval: Interval, createtxg: u64) -> Option<Reasons> {
        let replica = self.replica;
        let Ok(moment) = TimeZone::UTC.to_timestamp(clock) else { return Some(Reasons::FUTURE) };
        let age = replica.now.saturating_sub(moment.as_second());
        if age < -AHEAD {
            return Some(Reasons::FUTURE);
        }
        let here = if replica.trust_dates { Some(moment.as_second()) } else { replica.evidence.here_since(createtxg) };
        let here = here.map_or(0, |since| replica.now.saturating_sub(since).max(0));
        let period = Period::at(moment, &TimeZone::UTC, interval, replica.frequently_minutes);
        if self.periods.contains(&period) {
            return Some(Reasons::RETAINED);
        }
        let used = &mut self.used[interval as usize];
        if *used < self.policy.count(interval) {
            if here < interval.longest(replica.frequently_minutes).saturating_mul(i64::from(*used)) {
                return Some(Reasons::RECENT_ARRIVAL);
            }
            *used += 1;
            self.periods.insert(period);
            return Some(Reasons::RETAINED);
        }
        let wanted = replica.wanted(self.policy, interval);
        if here < wanted {
            return Some(Reasons::RECENT_ARRIVAL);
        }
        (age < wanted).then_some(Reasons::TOO_YOUNG)
    }
}

#[cfg(test)]
#[path = "elsewhere_tests.rs"]
mod tests;
