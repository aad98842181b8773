//! How long a flowing stream is left alone: waking up for each record costs more than moving it.

use super::passage::Blocked;
use std::time::Duration;

/// A stream that has moved so much is long: it is worth waiting for more than one record at a time.
const LONG: u64 = 4 << 20;

/// What is worth waking up for. Small enough that a pipe of [`super::SMALL_PIPE`] neither runs full nor empty meanwhile.
const WORTH: std::ops::RangeInclusive<u64> = 256 << 10..=512 << 10;

/// How long a flowing stream may gather in a pipe until it is worth it; `poll` counts in milliseconds.
const NAPS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(8);

/// Finds the nap after which so much will be there as is worth waking up for.
#[derive(Debug, Default)]
pub struct Pacer {
    nap: Duration,
}

impl Pacer {
    /// What to wait for after a stream that has moved `all` bytes has just moved some, and then was blocked.
    pub fn after(&mut self, blocked: Blocked, moved: u64, all: u64) -> Blocked {
        if moved == 0 || all <= LONG || matches!(blocked, Blocked::Limited(_) | Blocked::Napping(_)) {
            return blocked;
        }
        self.nap = next_nap(self.nap, moved);
        if self.nap.is_zero() { blocked } else { Blocked::Napping(self.nap) }
    }
}

/// Going by how much it was after the last nap. None for a stream that fills a pipe in less than the shortest.
fn next_nap(nap: Duration, moved: u64) -> Duration {
    if moved < *WORTH.start() {
        (nap * 2).clamp(*NAPS.start(), *NAPS.end())
    } else if moved > *WORTH.end() {
        Some(nap / 2).filter(|half| half >= NAPS.start()).unwrap_or_default()
    } else {
        nap
    }
}

#[cfg(test)]
mod tests {
    use super::{Blocked, LONG, Pacer, next_nap};
    use std::time::Duration;

    #[test]
    fn naps_follow_the_stream() {
        let settled = |bytes_per_millisecond: u64| {
            // Without a nap it wakes up for each record.
            let moved = |nap: Duration| u64::try_from(nap.as_millis()).unwrap() * bytes_per_millisecond;
            (0..20).fold(Duration::ZERO, |nap, _| next_nap(nap, moved(nap).max(128 << 10)))
        };
        assert_eq!(settled(1_000), Duration::from_millis(8));
        assert!((2..=4).contains(&settled(125_000).as_millis()));
        assert!(settled(4_000_000).as_millis() <= 1);
    }

    #[test]
    fn a_short_stream_a_limit_and_a_standstill_are_left_as_they_are() {
        let second = Duration::from_secs(1);
        let mut pacer = Pacer::default();
        assert_eq!(pacer.after(Blocked::Empty, 1, LONG), Blocked::Empty);
        assert_eq!(pacer.after(Blocked::Full, 0, 2 * LONG), Blocked::Full);
        assert_eq!(pacer.after(Blocked::Limited(second), 1, 2 * LONG), Blocked::Limited(second));
        assert_eq!(pacer.after(Blocked::Empty, 1, 2 * LONG), Blocked::Napping(Duration::from_millis(1)));
        assert_eq!(pacer.after(Blocked::Full, 1, 2 * LONG), Blocked::Napping(Duration::from_millis(2)));
    }
}
