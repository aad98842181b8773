//! Which snapshots count, and as what: ours, and those of other tools whose names the user says are to be counted with them.

use super::naming::{self, Name};
use super::patterns::{Pattern, patterns};
use super::period::{Interval, Period};
use super::policy::Policy;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::HashSet;

/// Names do not say their zone, so they are read as UTC. No zone is further ahead than 14 hours, and clocks differ a little.
pub const AHEAD: i64 = 15 * 3600;
/// By how much the times of names may go back where snapshots do not: zones change, and clocks are set.
const BACK: i64 = 24 * 3600;

/// The names that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    prefix: String,
    /// As the user words them, with what that means.
    others: Vec<(String, Vec<Pattern>)>,
}

impl Names {
    /// Ours, and those of other tools.
    pub fn new(prefix: &str, others: &[String]) -> Result<Self, String> {
        let read = |word: &String| Ok((word.clone(), patterns(word)?));
        Ok(Self { prefix: prefix.to_owned(), others: others.iter().map(read).collect::<Result<_, String>>()? })
    }

    /// How ours begin.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The words of the user for names of other tools.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(|(word, _)| word.as_str())
    }

    /// True if names of other tools count too.
    #[must_use]
    pub fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// Reads the part of a snapshot's name after `@`. What can be read in two ways is not read at all.
    #[must_use]
    pub fn parse(&self, name: &str) -> Name {
        let own = naming::parse(&self.prefix, name);
        if self.others.is_empty() {
            return own;
        }
        let ours = if let Name::Ours(clock, interval) = own { Some((clock, Some(interval))) } else { None };
        let patterns = || self.others.iter().flat_map(|(_, patterns)| patterns);
        let mut readings = ours.into_iter().chain(patterns().filter_map(|pattern| pattern.read(name)));
        match readings.next() {
            Some(first) if readings.any(|other| other != first) => Name::Unparsable,
            Some((clock, Some(interval))) => Name::Ours(clock, interval),
            Some((clock, None)) => Name::Dated(clock),
            None if patterns().any(|pattern| pattern.begins(name)) => Name::Unparsable,
            None => own,
        }
    }

    /// By which word of the user a name counts that is not ours.
    #[must_use]
    pub fn word_of(&self, name: &str) -> Option<&str> {
        let reads = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.read(name).is_some());
        self.others.iter().find(|(_, patterns)| reads(patterns)).map(|(word, _)| word.as_str())
    }
}

/// Some of the intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intervals(u8);

impl Intervals {
    fn insert(&mut self, interval: Interval) {
        self.0 |= 1 << interval as u8;
    }

    /// Those that are in it, the shortest first.
    pub fn iter(self) -> impl Iterator<Item = Interval> {
        Interval::ALL.into_iter().filter(move |interval| self.0 & (1 << *interval as u8) != 0)
    }
}

/// As what a snapshot counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Its name says nothing that counts.
    Foreign,
    /// Its name begins as one that counts.
    Unparsable,
    /// It was taken at that time of the clock, and counts as one of each of these.
    Of(DateTime, Intervals),
    /// Its name says no interval, and a time that is yet to come.
    Future,
    /// Its name says no interval, and a time before that of an older snapshot: one of the two is wrong.
    Misdated,
}

/// What the claims of a dataset's snapshots depend on besides their names.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    /// The names that count.
    pub names: &'a Names,
    /// What is kept.
    pub policy: Policy,
    /// Now, in seconds since 1970.
    pub now: i64,
    /// Length of the `frequently` period.
    pub frequently_minutes: u32,
    /// They came from another host.
    pub elsewhere: bool,
}

impl Claims<'_> {
    /// As what each snapshot of a dataset counts, given oldest first.
    ///
    /// One whose name says no interval counts for each interval of the policy of which it is the first of its period. What came from
    /// another host also counts as one of the policy's shortest interval, first or not: else whoever sends it could have a snapshot
    /// destroyed by sending another of the same hour ahead of it.
    #[must_use]
    pub fn of<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<Claim> {
        let kept = || Interval::ALL.into_iter().filter(|interval| self.policy.count(*interval) > 0);
        let mut periods: HashSet<Period> = HashSet::new();
        let mut latest = i64::MIN;
        let mut claim = |name: &str| {
            let clock = match self.names.parse(name) {
                Name::Foreign => return Claim::Foreign,
                Name::Unparsable => return Claim::Unparsable,
                Name::Ours(clock, interval) => {
                    let mut intervals = Intervals::default();
                    intervals.insert(interval);
                    return Claim::Of(clock, intervals);
                }
                Name::Dated(clock) => clock,
            };
            let Ok(moment) = TimeZone::UTC.to_timestamp(clock) else { return Claim::Future };
            let seconds = moment.as_second();
            if seconds > self.now.saturating_add(AHEAD) {
                return Claim::Future;
            }
            if seconds < latest.saturating_sub(BACK) {
                return Claim::Misdated;
            }
            latest = latest.max(seconds);
            let mut intervals = Intervals::default();
            kept()
                .filter(|interval| periods.insert(self.period(moment, *interval)))
                .for_each(|it| intervals.insert(it));
            if let (true, Some(shortest)) = (self.elsewhere, kept().next()) {
                intervals.insert(shortest);
            }
            Claim::Of(clock, intervals)
        };
        names.map(&mut claim).collect()
    }

    fn period(&self, moment: Timestamp, interval: Interval) -> Period {
        Period::at(moment, &TimeZone::UTC, interval, self.frequently_minutes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, Claims, Names};
    use crate::plan::naming::Name;
    use crate::plan::period::Interval::{Daily, Hourly, Monthly};
    use crate::plan::policy::Policy;
    use jiff::civil::date;

    fn names(others: &[&str]) -> Names {
        Names::new("autosnap", &others.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        let two = names(&["x-%Y%m%d", "x-%d%m%Y=daily"]);
        assert_eq!(two.parse("x-20261127"), Name::Dated(date(2026, 11, 27).at(0, 0, 0, 0)));
        assert_eq!(two.parse("x-20111011"), Name::Unparsable);
        assert_eq!(two.parse("x-1"), Name::Unparsable);
        assert_eq!(two.parse("y-20261127"), Name::Foreign);
        let same = names(&["sanoid"]);
        assert_eq!(
            same.parse("autosnap_2026-11-27_00:00:00_daily"),
            Name::Ours(date(2026, 11, 27).at(0, 0, 0, 0), Daily)
        );
        assert_eq!(two.word_of("x-20261127"), Some("x-%Y%m%d"));
        assert_eq!(two.word_of("autosnap_2026-11-27_00:00:00_daily"), None);
    }

    #[test]
    fn without_an_interval_the_first_of_each_period_counts() {
        let names = names(&["zrepl"]);
        // 2026-11-27, noon.
        let now = 1_795_780_800;
        let policy = Policy::new([0, 24, 7, 0, 3, 0], true, true);
        let claims = |elsewhere, all: &[&str]| {
            let claims = Claims { names: &names, policy, now, frequently_minutes: 15, elsewhere };
            claims
                .of(all.iter().copied())
                .into_iter()
                .map(|claim| match claim {
                    Claim::Of(_, intervals) => intervals.iter().collect::<Vec<_>>(),
                    _ => Vec::new(),
                })
                .collect::<Vec<_>>()
        };
        let all = [
            "zrepl_20261126_230000_000",
            "zrepl_20261126_231000_000",
            "zrepl_20261127_001000_000",
            "zrepl_20261127_011000_000",
            "manual",
        ];
        let first = vec![Hourly, Daily, Monthly];
        assert_eq!(claims(false, &all), [first.clone(), vec![], vec![Hourly, Daily], vec![Hourly], vec![]]);
        assert_eq!(claims(true, &all), [first, vec![Hourly], vec![Hourly, Daily], vec![Hourly], vec![]]);
        let claims = Claims { names: &names, policy, now, frequently_minutes: 15, elsewhere: false };
        let odd = ["zrepl_20261126_230000_000", "zrepl_20270101_000000_000", "zrepl_19700101_000000_000"];
        assert_eq!(claims.of(odd.into_iter())[1..], [Claim::Future, Claim::Misdated]);
    }
}
