//! Names of our snapshots: `PREFIX_YYYY-MM-DD_HH:MM:SS_INTERVAL`.

use super::period::Interval;
use jiff::civil::DateTime;

/// What a snapshot's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// It does not begin with our prefix.
    Foreign,
    /// It begins with our prefix, but what follows is not what we write.
    Unparsable,
    /// It is one of ours, taken at that time of the clock.
    Ours(DateTime, Interval),
    /// It is another tool's, taken at that time of the clock; it says no interval.
    Dated(DateTime),
}

/// The name of a snapshot taken at that time of the clock.
#[must_use]
pub fn name(prefix: &str, clock: DateTime, interval: Interval) -> String {
    let (date, time) = (clock.date(), clock.time());
    let date = format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
    let time = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    format!("{prefix}_{date}_{time}_{interval}")
}

/// Reads the part of a snapshot's name after `@`.
#[must_use]
pub fn parse(prefix: &str, name: &str) -> Name {
    match name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')) {
        None => Name::Foreign,
        Some(rest) => ours(rest).map_or(Name::Unparsable, |(clock, interval)| Name::Ours(clock, interval)),
    }
}

/// The other prefix with which a snapshot's name would be one of ours: that of another time, or of another tool that names as we do.
#[must_use]
pub fn other_prefix(name: &str) -> Option<&str> {
    const CLOCK: usize = "_0000-00-00_00:00:00".len();
    let (before, _) = name.rsplit_once('_')?;
    let (prefix, _) = before.split_at_checked(before.len().checked_sub(CLOCK)?)?;
    matches!(parse(prefix, name), Name::Ours(..)).then_some(prefix).filter(|prefix| !prefix.is_empty())
}

fn ours(rest: &str) -> Option<(DateTime, Interval)> {
    const SHAPE: &[u8] = b"0000-00-00_00:00:00_";
    let (clock, word) = rest.as_bytes().split_at_checked(SHAPE.len())?;
    let fits = |(shape, byte): (&u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { shape == byte };
    if !SHAPE.iter().zip(clock).all(fits) {
        return None;
    }
    let number =
        |from: usize, to: usize| clock[from..to].iter().fold(0_i16, |n, digit| n * 10 + i16::from(digit - b'0'));
    let small = |from: usize| i8::try_from(number(from, from + 2)).unwrap_or(-1);
    let clock = DateTime::new(number(0, 4), small(5), small(8), small(11), small(14), small(17), 0).ok()?;
    Some((clock, Interval::from_word(std::str::from_utf8(word).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::{Name, name, other_prefix, parse};
    use crate::plan::period::Interval;
    use jiff::civil::date;

    #[test]
    fn what_is_written_is_read_back() {
        let clock = date(2026, 1, 2).at(3, 4, 5, 0);
        for interval in Interval::ALL {
            for prefix in ["autosnap", "a_b", "x-1"] {
                assert_eq!(parse(prefix, &name(prefix, clock, interval)), Name::Ours(clock, interval));
            }
        }
        assert_eq!(name("autosnap", clock, Interval::Daily), "autosnap_2026-01-02_03:04:05_daily");
    }

    #[test]
    fn another_prefix_is_found() {
        for prefix in ["autosnap", "a_b", "x-1", "1_2026-01-02_03:04:05"] {
            let name = name(prefix, date(2026, 1, 2).at(3, 4, 5, 0), Interval::Daily);
            assert_eq!(other_prefix(&name), Some(prefix));
        }
        for other in [
            "",
            "manual",
            "a_daily",
            "_2026-01-02_03:04:05_daily",
            "2026-01-02_03:04:05_daily",
            "a_2026-01-02_03:04:05_x",
        ] {
            assert_eq!(other_prefix(other), None, "{other}");
        }
        assert_eq!(other_prefix("ä2026-01-02_03:04:05_daily"), None);
    }

    #[test]
    fn what_we_would_not_write_is_not_ours() {
        for text in ["manual", "autosnap", "auto_2026-01-02_03:04:05_daily", "xautosnap_2026-01-02_03:04:05_daily"] {
            assert_eq!(parse("autosnap", text), Name::Foreign, "{text}");
        }
        for rest in [
            "",
            "x",
            "2026-02-30_00:00:00_daily",
            "2026-13-01_00:00:00_daily",
            "2026-01-01_24:00:00_daily",
            "2026-01-01_00:00:60_daily",
            "2026-01-01_00:00:00_Daily",
            "2026-01-01_00:00:00_daily2",
            "2026-1-01_00:00:00_daily",
            "2026-01-01_00:00:00",
            "2026-01-01_00:00:00_",
            "2026-01-01 00:00:00_daily",
            "+026-01-01_00:00:00_daily",
        ] {
            assert_eq!(parse("autosnap", &format!("autosnap_{rest}")), Name::Unparsable, "{rest}");
        }
    }
}
