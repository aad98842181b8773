//! What a command may take: time without a word, time in all, bytes and lines. Streams have limits of their own. Pure.
//!
//! The other end of a connection may be anybody's: endless output must not fill our memory, and silence must not keep us for ever.

use crate::model::units::{ByteSize, Span};
use std::fmt;
use std::time::{Duration, Instant};

/// How long a command may say nothing, where nobody said otherwise. ZFS sorts a listing before it prints the first line, so that very
/// many snapshots are silent for minutes.
pub const SILENCE: Duration = Duration::from_mins(10);

/// What is expected of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A few lines.
    Answer,
    /// A line for each dataset, snapshot or hold there is.
    Listing,
    /// Hardly a word, until something is done that may take its time.
    Change,
}

const MEBIBYTE: u64 = 1 << 20;

impl Expect {
    /// Room for a million snapshots with long names, with some to spare.
    const LISTING: (u64, u64) = (256 * MEBIBYTE, 2_000_000);
    const ANSWER: (u64, u64) = (MEBIBYTE, 20_000);

    /// The limits, where reading may be silent for so long.
    #[must_use]
    pub fn limits(self, silence: Duration) -> Limits {
        const READ: Duration = Duration::from_hours(1);
        const CHANGE: Duration = Duration::from_hours(6);
        let (bytes, lines) = if self == Self::Listing { Self::LISTING } else { Self::ANSWER };
        match self {
            Self::Answer | Self::Listing => Limits { silence, total: READ.max(silence), bytes, lines },
            Self::Change => Limits { silence: CHANGE.max(silence), total: CHANGE.max(silence), bytes, lines },
        }
    }
}

/// The limits of one command.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    silence: Duration,
    total: Duration,
    bytes: u64,
    lines: u64,
}

/// What a command has taken so far.
#[derive(Debug)]
pub struct Meter {
    limits: Limits,
    started: Instant,
    last_word: Instant,
    bytes: u64,
    lines: u64,
    complaints: u64,
}

/// The limit that a command has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// Nothing came for so long.
    Silence(Duration),
    /// It did not end in this time.
    Time(Duration),
    /// More bytes than these.
    Bytes(u64),
    /// More lines than these.
    Lines(u64),
}

impl Exceeded {
    /// True where it was too slow, not too much.
    #[must_use]
    pub fn is_of_time(self) -> bool {
        matches!(self, Self::Silence(_) | Self::Time(_))
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence(time) => write!(f, "no answer for {}", Span(*time)),
            Self::Time(time) => write!(f, "it did not end within {}", Span(*time)),
            Self::Bytes(bytes) => write!(f, "it printed more than {}, which is the limit", ByteSize(*bytes)),
            Self::Lines(lines) => write!(f, "it printed more than {lines} lines, which is the limit"),
        }
    }
}

impl Meter {
    /// A command that starts now.
    #[must_use]
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, started: now, last_word: now, bytes: 0, lines: 0, complaints: 0 }
    }

    /// It printed something.
    pub fn printed(&mut self, bytes: &[u8], now: Instant) {
        self.last_word = now;
        self.bytes += bytes.len() as u64;
        self.lines += bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
    }

    /// It wrote something to standard error, of which only the end is kept.
    pub fn complained(&mut self, bytes: &[u8], now: Instant) {
        self.last_word = now;
        self.complaints += bytes.len() as u64;
    }

    /// How long it may go on without another word; or the limit that it has passed.
    pub fn left(&self, now: Instant) -> Result<Duration, Exceeded> {
        let Limits { silence, total, bytes, lines } = self.limits;
        let most_complaints = Expect::LISTING.0;
        if self.lines > lines {
            return Err(Exceeded::Lines(lines));
        }
        if self.bytes > bytes || self.complaints > most_complaints {
            return Err(Exceeded::Bytes(if self.bytes > bytes { bytes } else { most_complaints }));
        }
        let of_silence = (self.last_word + silence).saturating_duration_since(now);
        let of_all = (self.started + total).saturating_duration_since(now);
        if of_silence.is_zero() {
            return Err(Exceeded::Silence(silence));
        }
        if of_all.is_zero() { Err(Exceeded::Time(total)) } else { Ok(of_silence.min(of_all)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Exceeded, Expect, Meter};
    use std::time::{Duration, Instant};

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn each_limit_is_told() {
        let start = Instant::now();
        let meter = |expect: Expect| Meter::new(expect.limits(10 * MINUTE), start);
        let mut listing = meter(Expect::Listing);
        assert_eq!(listing.left(start + 9 * MINUTE), Ok(MINUTE));
        assert_eq!(listing.left(start + 10 * MINUTE), Err(Exceeded::Silence(10 * MINUTE)));
        // A word now and then does not make it endless.
        listing.printed(b"tank\n", start + 59 * MINUTE);
        assert_eq!(listing.left(start + 59 * MINUTE), Ok(MINUTE));
        assert_eq!(listing.left(start + 60 * MINUTE), Err(Exceeded::Time(60 * MINUTE)));
        // A change says nothing until it is done.
        assert!(meter(Expect::Change).left(start + 300 * MINUTE).is_ok());
        let mut answer = meter(Expect::Answer);
        answer.printed(&vec![b'x'; 1 << 20], start);
        assert!(answer.left(start).is_ok());
        answer.printed(b"x", start);
        assert_eq!(answer.left(start).unwrap_err().to_string(), "it printed more than 1.0 MiB, which is the limit");
        let mut lines = meter(Expect::Listing);
        lines.printed(&vec![b'\n'; 2_000_001], start);
        assert_eq!(
            lines.left(start).unwrap_err().to_string(),
            "it printed more than 2000000 lines, which is the limit"
        );
        let mut stderr = meter(Expect::Answer);
        stderr.complained(&vec![0; (256 << 20) + 1], start);
        assert_eq!(stderr.left(start), Err(Exceeded::Bytes(256 << 20)));
    }

    #[test]
    #[ignore = "takes seconds: `make slow` runs it"]
    fn a_million_snapshots_have_room() {
        let mut meter = Meter::new(Expect::Listing.limits(MINUTE), Instant::now());
        let line = [
            b"tank/".as_slice(),
            &[b'd'; 180],
            b"@autosnap_2026-01-01_00:00:00_hourly\t1234567890123456789\t12345678\n",
        ]
        .concat();
        (0..1_000_000).for_each(|_| meter.printed(&line, Instant::now()));
        assert!(meter.left(Instant::now()).is_ok());
    }
}
