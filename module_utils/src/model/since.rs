//! A moment that an option names: a date, or so long ago.

use super::units::Span;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::str::FromStr;

/// As it was written, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    written: String,
    is: Is,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Ago(Span),
    At(Timestamp),
}

impl Since {
    /// The moment, in seconds since 1970, as seen from `now`.
    #[must_use]
    pub fn seconds(&self, now: Timestamp) -> i64 {
        match self.is {
            Is::At(moment) => moment.as_second(),
            Is::Ago(Span(span)) => now.as_second().saturating_sub_unsigned(span.as_secs()),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let midnight = |date: Date| date.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp());
        // A bare number could be anything: seconds, days, a year.
        let is_number = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        let is = if let Ok(moment) = text.parse() {
            Is::At(moment)
        } else if let Some(Ok(moment)) = text.parse().ok().map(midnight) {
            Is::At(moment)
        } else if let Some(span) = text.parse().ok().filter(|_| !is_number) {
            Is::Ago(span)
        } else {
            return Err(format!(
                "expected an age such as 30d, or a date such as 2026-01-31 or 2026-01-31T12:00:00Z, got \"{text}\""
            ));
        };
        Ok(Self { written: text.to_owned(), is })
    }
}

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Since {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

#[cfg(feature = "argspec")]
impl schemars::JsonSchema for Since {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Since".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "metavar": "TIME"})
    }
}

#[cfg(test)]
mod tests {
    use super::Since;
    use jiff::Timestamp;

    #[test]
    fn ages_and_dates_are_moments() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("1d", "2026-02-28T12:00:00Z"),
            ("2w", "2026-02-15T12:00:00Z"),
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T12:00:00+01:00", "2026-01-31T11:00:00Z"),
        ] {
            let expected = moment.parse::<Timestamp>().unwrap().as_second();
            assert_eq!(text.parse::<Since>().unwrap().seconds(now), expected, "{text}");
        }
        for wrong in ["", "30", "2026", "yesterday", "2026-02-30", "31.1.2026", "-1d"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }
}
