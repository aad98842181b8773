//! How many snapshots of an interval a policy keeps: a number, or as many as a span of time has of them.

use crate::plan::period::Interval;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::str::FromStr;

/// How many. A span is only another way to say a number: what goes is decided by counting, never by a clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Count {
    /// That many.
    Number(u32),
    /// As many as that has, rounded up: its text, and its seconds.
    Span(String, i64),
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(0)
    }
}

const UNITS: [(&str, i64); 6] =
    [("m", 60), ("h", 3600), ("d", 86_400), ("w", 7 * 86_400), ("mo", 31 * 86_400), ("y", 366 * 86_400)];

impl Count {
    /// The number for an interval.
    #[must_use]
    pub fn of(&self, interval: Interval, frequently_minutes: u32) -> u32 {
        match self {
            Self::Number(number) => *number,
            Self::Span(_, seconds) => {
                let length = interval.longest(frequently_minutes).max(1);
                u32::try_from((seconds + length - 1) / length).unwrap_or(u32::MAX)
            }
        }
    }

    /// True if it says anything.
    #[must_use]
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::Number(0) | Self::Span(_, 0))
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("expected a number of snapshots, or a span such as 48h, 30d, 8w, 12mo or 5y, got {text}");
        let text = text.trim();
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let number: u32 = number.parse().map_err(|_| wrong())?;
        if unit.is_empty() {
            return Ok(Self::Number(number));
        }
        let (_, seconds) = UNITS.iter().find(|(known, _)| *known == unit).ok_or_else(wrong)?;
        Ok(Self::Span(text.to_owned(), i64::from(number) * seconds))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u32(*number),
            Self::Span(text, _) => serializer.serialize_str(text),
        }
    }
}

#[cfg(feature = "argspec")]
impl schemars::JsonSchema for Count {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Count".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "metavar": "N|SPAN"})
    }
}

#[cfg(test)]
mod tests {
    use super::Count;
    use crate::plan::period::Interval::{self, Daily, Frequently, Hourly, Monthly, Weekly, Yearly};

    #[test]
    fn a_span_is_as_many_as_it_has() {
        let count = |text: &str, interval: Interval| text.parse::<Count>().unwrap().of(interval, 15);
        for (text, interval, expected) in [
            ("0", Hourly, 0),
            ("24", Hourly, 24),
            ("48h", Hourly, 48),
            ("2d", Hourly, 48),
            ("90m", Hourly, 2),
            ("4h", Frequently, 16),
            ("12h", Daily, 1),
            ("30d", Daily, 30),
            ("1mo", Daily, 31),
            ("8w", Weekly, 8),
            ("6mo", Monthly, 6),
            ("1y", Monthly, 12),
            ("5y", Yearly, 5),
        ] {
            assert_eq!(count(text, interval), expected, "{text} {interval}");
        }
        assert!("0h".parse::<Count>().is_ok_and(|count| !count.is_some()));
    }

    #[test]
    fn anything_else_is_wrong() {
        for text in ["", "h", "-1", "1.5h", "2 h", "48H", "1s", "99999999999", "true"] {
            assert!(text.parse::<Count>().unwrap_err().starts_with("expected a number of snapshots"), "{text}");
        }
    }
}
