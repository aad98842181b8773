//! Calendar periods as keys: two moments lie in the same period exactly where their keys are equal.

use jiff::civil::{DateTime, Weekday};
use jiff::tz::Offset;
use jiff::{Timestamp, tz::TimeZone};
use serde::de::value::{Error as Unknown, StrDeserializer};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of snapshots, from the shortest period to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Interval {
    /// A part of a day; its length is an option.
    Frequently,
    /// An hour of the clock.
    Hourly,
    /// A day.
    Daily,
    /// A week of ISO 8601: it begins on Monday.
    Weekly,
    /// A month.
    Monthly,
    /// A year.
    Yearly,
}

impl Interval {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 6] = [Self::Frequently, Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly, Self::Yearly];

    /// The longest that a period of this kind can last, in seconds.
    #[must_use]
    pub fn longest(self, frequently_minutes: u32) -> i64 {
        const HOUR: i64 = 3600;
        const DAY: i64 = 24 * HOUR;
        match self {
            Self::Frequently => i64::from(frequently_minutes) * 60,
            Self::Hourly => HOUR,
            Self::Daily => DAY,
            Self::Weekly => 7 * DAY,
            Self::Monthly => 31 * DAY,
            Self::Yearly => 366 * DAY,
        }
    }

    /// The interval of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::deserialize(StrDeserializer::<Unknown>::new(word)).ok()
    }
}

/// Its word in snapshot names and options.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// How many minutes a `frequently` period may have.
pub const FREQUENTLY_MINUTES: std::ops::RangeInclusive<u32> = 1..=1440;

/// A period of the calendar. Its `Display` is the key: `2026`, `2026-11`, `2026-W47`, `2026-11-21`, `2026-11-21T14+01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    interval: Interval,
    start: DateTime,
    /// Set for parts of a day: the hour that the clock repeats is another one the second time.
    offset: Option<Offset>,
}

impl Period {
    /// The period of this kind that a moment lies in, by the clock of that zone. `frequently_minutes` are counted from midnight.
    #[must_use]
    pub fn at(moment: Timestamp, zone: &TimeZone, interval: Interval, frequently_minutes: u32) -> Self {
        let offset = zone.to_offset(moment);
        let local = offset.to_datetime(moment);
        let date = match interval {
            Interval::Frequently | Interval::Hourly | Interval::Daily => local.date(),
            Interval::Weekly => {
                let iso = local.date().iso_week_date();
                // Only before the year -9999 is there no Monday.
                jiff::civil::ISOWeekDate::new(iso.year(), iso.week(), Weekday::Monday)
                    .map_or(local.date(), jiff::civil::ISOWeekDate::date)
            }
            Interval::Monthly => local.date().first_of_month(),
            Interval::Yearly => local.date().first_of_year(),
        };
        let minute = u32::from(local.hour().unsigned_abs()) * 60 + u32::from(local.minute().unsigned_abs());
        let length = match interval {
            Interval::Frequently => frequently_minutes.max(1),
            Interval::Hourly => 60,
            _ => 24 * 60,
        };
        let begin = minute - minute % length;
        let hour_and_minute = |minutes: u32| {
            let part = |n: u32| i8::try_from(n).unwrap_or(0);
            (part(minutes / 60), part(minutes % 60))
        };
        let (hour, minute) = hour_and_minute(begin);
        let offset = (length < 24 * 60).then_some(offset);
        Self { interval, start: date.at(hour, minute, 0, 0), offset }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start;
        let (year, month, day) = (start.year(), start.month(), start.day());
        match self.interval {
            Interval::Yearly => write!(f, "{year:04}"),
            Interval::Monthly => write!(f, "{year:04}-{month:02}"),
            Interval::Weekly => {
                let iso = start.date().iso_week_date();
                write!(f, "{:04}-W{:02}", iso.year(), iso.week())
            }
            Interval::Daily => write!(f, "{year:04}-{month:02}-{day:02}"),
            Interval::Hourly => write!(f, "{year:04}-{month:02}-{day:02}T{:02}", start.hour()),
            Interval::Frequently => {
                write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}", start.hour(), start.minute())
            }
        }?;
        self.offset.map_or(Ok(()), |offset| write!(f, "{offset}"))
    }
}

#[cfg(test)]
pub(crate) mod zones {
    //! The rules of real zones, so that tests need no time zone data.

    use jiff::tz::TimeZone;

    /// Clocks change on the last Sundays of March and October.
    pub(crate) const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
    /// The second Sunday of March, the first of November.
    pub(crate) const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
    /// By half an hour, in the southern spring and autumn.
    pub(crate) const LORD_HOWE: &str = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";
    /// Half an hour off, never changes.
    pub(crate) const KOLKATA: &str = "IST-5:30";
    /// No offset at all.
    pub(crate) const UTC: &str = "UTC0";
    /// All of them.
    pub(crate) const ALL: [&str; 5] = [BERLIN, NEW_YORK, LORD_HOWE, KOLKATA, UTC];

    /// The zone with these rules.
    pub(crate) fn zone(rules: &str) -> TimeZone {
        TimeZone::posix(rules).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::zones::{BERLIN, KOLKATA, LORD_HOWE, NEW_YORK, UTC, zone};
    use super::{Interval, Period};
    use jiff::{SignedDuration, Timestamp};

    fn key(moment: &str, rules: &str, interval: Interval) -> String {
        Period::at(moment.parse().unwrap(), &zone(rules), interval, 15).to_string()
    }

    #[test]
    fn keys_are_of_the_local_calendar() {
        use Interval::{Daily, Frequently, Hourly, Monthly, Weekly, Yearly};
        for (moment, rules, interval, expected) in [
            ("2026-11-21T13:44:59Z", BERLIN, Hourly, "2026-11-21T14+01"),
            ("2026-11-21T13:44:59Z", BERLIN, Frequently, "2026-11-21T14:30+01"),
            ("2026-11-21T23:00:00Z", BERLIN, Daily, "2026-11-22"),
            ("2026-11-21T18:29:59Z", KOLKATA, Daily, "2026-11-21"),
            ("2026-11-21T18:30:00Z", KOLKATA, Daily, "2026-11-22"),
            ("2026-11-21T18:31:00Z", KOLKATA, Hourly, "2026-11-22T00+05:30"),
            ("2026-11-21T00:00:00Z", UTC, Weekly, "2026-W47"),
            // 2026 has 53 weeks; its last one reaches into 2027.
            ("2026-12-28T00:00:00Z", UTC, Weekly, "2026-W53"),
            ("2027-01-03T23:59:59Z", UTC, Weekly, "2026-W53"),
            ("2027-01-04T00:00:00Z", UTC, Weekly, "2027-W01"),
            ("2027-01-03T23:59:59Z", NEW_YORK, Yearly, "2027"),
            ("2027-01-01T04:59:59Z", NEW_YORK, Yearly, "2026"),
            ("2027-01-01T04:59:59Z", NEW_YORK, Monthly, "2026-12"),
            ("2027-01-01T05:00:00Z", NEW_YORK, Monthly, "2027-01"),
            // The repeated hour is one of its own.
            ("2026-10-25T00:30:00Z", BERLIN, Hourly, "2026-10-25T02+02"),
            ("2026-10-25T01:30:00Z", BERLIN, Hourly, "2026-10-25T02+01"),
            ("2026-11-01T05:30:00Z", NEW_YORK, Hourly, "2026-11-01T01-04"),
            ("2026-11-01T06:30:00Z", NEW_YORK, Hourly, "2026-11-01T01-05"),
            // On Lord Howe Island it is half an hour: 01:30 to 02:00.
            ("2026-04-04T14:45:00Z", LORD_HOWE, Hourly, "2026-04-05T01+11"),
            ("2026-04-04T15:15:00Z", LORD_HOWE, Hourly, "2026-04-05T01+10:30"),
        ] {
            assert_eq!(key(moment, rules, interval), expected, "{moment} {rules}");
        }
    }

    #[test]
    fn a_day_has_as_many_hours_as_the_clock_shows() {
        for (day, rules, hours) in [
            ("2026-11-21", UTC, 24),
            ("2026-03-29", BERLIN, 23),
            ("2026-10-25", BERLIN, 25),
            ("2026-03-08", NEW_YORK, 23),
            ("2026-11-01", NEW_YORK, 25),
            // Half an hour less, yet each hour of the clock is seen; half an hour more, which is seen on its own.
            ("2026-10-04", LORD_HOWE, 24),
            ("2026-04-05", LORD_HOWE, 25),
            ("2026-03-29", KOLKATA, 24),
        ] {
            let date: jiff::civil::Date = day.parse().unwrap();
            let start = date.to_zoned(zone(rules)).unwrap().timestamp();
            let moments = (0..26 * 60).map(|minute| start + SignedDuration::from_mins(minute));
            let same_day = |moment: &Timestamp| key(&moment.to_string(), rules, Interval::Daily) == day;
            let mut keys: Vec<_> =
                moments.filter(same_day).map(|moment| key(&moment.to_string(), rules, Interval::Hourly)).collect();
            keys.dedup();
            assert_eq!(keys.len(), hours, "{day} {rules}: {keys:?}");
        }
    }

    #[test]
    fn frequently_may_be_any_part_of_a_day() {
        let at =
            |minutes| Period::at("2026-11-21T23:59:00Z".parse().unwrap(), &zone(UTC), Interval::Frequently, minutes);
        assert_eq!(at(7).to_string(), "2026-11-21T23:55+00");
        assert_eq!(at(90).to_string(), "2026-11-21T22:30+00");
        assert_eq!(at(1440).to_string(), "2026-11-21T00:00");
    }
}
