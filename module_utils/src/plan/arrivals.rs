//! Since when a snapshot has been in its pool, by this host's clock alone.
//!
//! A received snapshot's name and its `creation` are what its sender says. Only its `createtxg` is of this pool, and it counts up.
//! So each run notes its time with the highest `createtxg` that it saw: whatever is at or below that was here at that time.
//!
//! All errors go one way: a snapshot may count as having arrived later than it did, never as earlier. What happened between two
//! runs counts from the later one, what no run has seen yet counts as not here, and a clock that was wrong makes nothing older.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// No more samples than that are kept, whatever the clock does; about 400 are what hourly runs for years need.
const MOST: usize = 1000;

/// Of how many listings the newest `createtxg` is remembered.
const MOST_VIEWS: usize = 64;

/// A sample may be left out where the gap that this leaves is at most this part of its age.
const PRECISION: i64 = 32;

/// What the runs on one pool have noted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    /// `(seconds since 1970, createtxg)`, by `createtxg`. The times go backwards where the clock was set back.
    samples: Vec<(i64, u64)>,
    /// The highest `createtxg` of the last run over each set of datasets: if it falls, the pool may have been taken back to an
    /// earlier state, which hands out the same numbers again.
    newest: BTreeMap<String, u64>,
    /// When the last run was.
    last_run: i64,
}

impl Arrivals {
    /// False for what [`Self::note`] would not have left.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.samples.is_sorted_by_key(|(_, txg)| *txg)
    }

    /// Notes that at `now` a listing showed snapshots up to `txg`. `view` says what was listed.
    pub fn note(&mut self, view: &str, now: i64, txg: u64) {
        if self.newest.get(view).is_some_and(|newest| txg < *newest) {
            self.samples.retain(|(_, sample)| *sample <= txg);
            self.newest.retain(|_, newest| *newest <= txg);
        }
        if self.newest.len() >= MOST_VIEWS && !self.newest.contains_key(view) {
            self.newest.clear();
        }
        self.newest.insert(view.to_owned(), txg);
        // The clock was set back: what comes from now on was not here at the last run.
        if let Some((_, last)) = self.samples.last().copied().filter(|_| now < self.last_run) {
            self.samples.push((self.last_run, last));
        }
        self.last_run = now;
        if self.evidence(now).here_since(txg).is_none() {
            let place = self.samples.partition_point(|(_, sample)| *sample <= txg);
            self.samples.insert(place, (now, txg));
        }
        self.thin(now);
    }

    /// Leaves out what hardly tells more than its neighbours. Only where the clock went forward, so that no time is forgotten
    /// that later ones are held against.
    fn thin(&mut self, now: i64) {
        let mut kept: Vec<(i64, u64)> = Vec::with_capacity(self.samples.len());
        for (index, sample) in self.samples.iter().enumerate() {
            if let (Some((before, _)), Some((after, _))) = (kept.last(), self.samples.get(index + 1))
                && (*before..=*after).contains(&sample.0)
                && after - before <= (now - after) / PRECISION
            {
                continue;
            }
            kept.push(*sample);
        }
        if kept.len() > MOST {
            // Only a clock that jumps again and again comes here. Each time becomes the latest so far, and every second goes.
            let lifted = kept.iter().scan(i64::MIN, |latest, (time, txg)| {
                *latest = (*latest).max(*time);
                Some((*latest, *txg))
            });
            kept = lifted.skip(1).step_by(2).collect();
        }
        self.samples = kept;
    }

    /// What the samples prove at `now`.
    #[must_use]
    pub fn evidence(&self, now: i64) -> Evidence {
        let mut latest = i64::MIN;
        // A time yet to come was noted by a clock that was wrong, unless this one is: it proves nothing today.
        let steps = self.samples.iter().filter(|(time, _)| *time <= now).map(|(time, txg)| {
            latest = latest.max(*time);
            (*txg, latest)
        });
        Evidence { steps: steps.collect() }
    }
}

/// Since when snapshots have been here.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// `(createtxg, time)`, both rising.
    steps: Vec<(u64, i64)>,
}

impl Evidence {
    /// A time, in seconds since 1970, at which a snapshot was here already; none if none is known.
    #[must_use]
    pub fn here_since(&self, createtxg: u64) -> Option<i64> {
        let first = self.steps.partition_point(|(txg, _)| *txg < createtxg);
        self.steps.get(first).map(|(_, time)| *time)
    }
}

#[cfg(test)]
#[path = "arrivals_tests.rs"]
mod tests;
