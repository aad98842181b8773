//! When a snapshot is due, and what it is called: due where the current period has none of its kind yet.

use super::period::{Interval, Period};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The moment of a run and the clock by which it goes.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The moment, read once.
    pub now: Timestamp,
    /// Periods are those of this zone.
    pub zone: TimeZone,
    /// Names are in UTC; else in `zone`.
    pub utc_names: bool,
    /// Length of the `frequently` period.
    pub frequently_minutes: u32,
}

/// Whether a name's time lies in the current period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InPeriod {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The clock showed that time twice, once in the current period: only the snapshot's `creation` tells.
    AskCreation,
}

/// A clock with its current periods.
#[derive(Clone, Debug)]
pub struct Schedule {
    clock: Clock,
    current: [Period; 6],
    shown_now: DateTime,
}

impl Schedule {
    /// The schedule at the moment of the clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let current =
            Interval::ALL.map(|interval| Period::at(clock.now, &clock.zone, interval, clock.frequently_minutes));
        let schedule = Self { clock, current, shown_now: DateTime::default() };
        Self { shown_now: schedule.shown(schedule.clock.now), ..schedule }
    }

    /// True if a moment lies in the current period.
    #[must_use]
    pub fn is_current(&self, interval: Interval, moment: Timestamp) -> bool {
        let clock = &self.clock;
        Period::at(moment, &clock.zone, interval, clock.frequently_minutes) == self.current[interval as usize]
    }

    /// Whether the time in a snapshot's name lies in the current period.
    #[must_use]
    pub fn in_period(&self, interval: Interval, name: DateTime) -> InPeriod {
        let answer = |moment: Option<Timestamp>| moment.is_some_and(|moment| self.is_current(interval, moment));
        match self.moments(name) {
            (first, None) if answer(first) => InPeriod::Yes,
            (first, second) if answer(first) && answer(second) => InPeriod::Yes,
            (first, second) if second.is_some() && (answer(first) || answer(second)) => InPeriod::AskCreation,
            _ => InPeriod::No,
        }
    }

    /// The same with the snapshot's `creation`, which says which of two moments the name means: the one nearer to it. Where the two are
    /// far apart the name is of another zone, and `creation` counts; unless that is yet to come, for then the clock was set back.
    #[must_use]
    pub fn in_period_created(&self, interval: Interval, name: DateTime, creation: Timestamp) -> bool {
        // A name may be a little off the second in which ZFS wrote the snapshot.
        const OFF: SignedDuration = SignedDuration::from_mins(10);
        let (first, second) = self.moments(name);
        let apart = |moment: &Timestamp| moment.duration_since(creation).abs();
        let nearest = first.into_iter().chain(second).min_by_key(apart);
        let is_of_another_zone = creation <= self.clock.now && nearest.is_none_or(|nearest| apart(&nearest) > OFF);
        let moment = if is_of_another_zone { Some(creation) } else { nearest };
        moment.is_some_and(|moment| self.is_current(interval, moment))
    }

    /// True for a name that says a time yet to come: no name that this clock gave does.
    #[must_use]
    pub fn is_ahead(&self, name: DateTime) -> bool {
        name.duration_since(self.shown_now) > SignedDuration::from_mins(5)
    }

    /// The moment that a name means, or both where the clock showed that time twice.
    fn moments(&self, name: DateTime) -> (Option<Timestamp>, Option<Timestamp>) {
        if self.clock.utc_names {
            return (TimeZone::UTC.to_timestamp(name).ok(), None);
        }
        let ambiguous = self.clock.zone.to_ambiguous_timestamp(name);
        match ambiguous.offset() {
            AmbiguousOffset::Fold { before, after } => (before.to_timestamp(name).ok(), after.to_timestamp(name).ok()),
            // A time that the clock never showed: the zone's rules have changed since, or someone made the name up.
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => (ambiguous.compatible().ok(), None),
        }
    }

    /// The time of the clock to put into names: now, or the nearest second of the current periods at which nothing is `taken`.
    ///
    /// Names repeat where the clock does: in the hour that it shows twice, or after it was set back.
    #[must_use]
    pub fn stamp(&self, taken: impl Fn(DateTime) -> bool) -> DateTime {
        const SECONDS: i64 = 24 * 3600;
        let clock = &self.clock;
        // The shorter periods end whenever a longer one does.
        let same = |moment: &Timestamp| {
            self.is_current(Interval::Frequently, *moment) && self.is_current(Interval::Hourly, *moment)
        };
        let at = |seconds: i64| clock.now.checked_add(SignedDuration::from_secs(seconds)).ok();
        let later = (0..SECONDS).map_while(at).take_while(same);
        let earlier = (1..SECONDS).map(|seconds| -seconds).map_while(at).take_while(same);
        later.chain(earlier).map(|moment| self.shown(moment)).find(|stamp| !taken(*stamp)).unwrap_or(self.shown_now)
    }

    /// False for the time in a name if [`Self::stamp`] would never give it.
    #[must_use]
    pub fn is_near(&self, name: DateTime) -> bool {
        name.duration_since(self.shown_now).abs() < SignedDuration::from_hours(2)
    }

    /// What the clock of names shows at a moment, in whole seconds.
    fn shown(&self, moment: Timestamp) -> DateTime {
        let zone = if self.clock.utc_names { &TimeZone::UTC } else { &self.clock.zone };
        let local = zone.to_datetime(moment);
        local.date().at(local.hour(), local.minute(), local.second(), 0)
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
