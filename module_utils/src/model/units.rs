//! Sizes and durations as people write them: `10M`, `1.5G`, `512KiB`, `90`, `5s`, `2d`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes. Units are powers of 1024, as everywhere in ZFS: `10M` = `10MiB` = 10,485,760.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a size such as 10M, 1.5G or 512KiB, got \"{text}\"");
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let unit = unit.to_ascii_uppercase();
        let letter = unit.strip_suffix("IB").or_else(|| unit.strip_suffix('B')).unwrap_or(&unit);
        let power = match letter {
            "" => 0,
            "K" => 1,
            "M" => 2,
            "G" => 3,
            "T" => 4,
            "P" => 5,
            _ => return Err(wrong()),
        };
        let bytes = number * 1024_f64.powi(power);
        // Beyond 2^53 a double no longer counts single bytes; nobody has 9 PB of buffer.
        if !(0.0..=9.0e15).contains(&bytes) {
            return Err(wrong());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "range checked above")]
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1024.0 && unit + 1 < units.len() {
            value /= 1024.0;
            unit += 1;
        }
        let decimals = usize::from(unit > 0 && value < 100.0);
        write!(f, "{value:.decimals$} {}", units[unit])
    }
}

/// A span of time; a bare number is seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a duration such as 5s, 10m, 2h, 2d or 1w, got \"{text}\"");
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let seconds = match unit {
            "" | "s" => 1.0,
            "ms" => 0.001,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            "w" => 604_800.0,
            _ => return Err(wrong()),
        };
        Duration::try_from_secs_f64(number * seconds).map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.exact())
    }
}

fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    Some((number.parse().ok()?, unit.trim()))
}

macro_rules! as_text_or_number {
    ($type:ty, $metavar:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.exact())
            }
        }
        #[cfg(feature = "argspec")]
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "metavar": $metavar})
            }
        }
    };
}
as_text_or_number!(ByteSize, "SIZE");
as_text_or_number!(Span, "TIME");

impl ByteSize {
    /// The shortest exact form that a person would write: `32M`.
    fn exact(self) -> String {
        let units = ["", "K", "M", "G", "T", "P"];
        let mut value = self.0;
        let mut unit = 0;
        while value > 0 && value.is_multiple_of(1024) && unit + 1 < units.len() {
            value /= 1024;
            unit += 1;
        }
        format!("{value}{}", units[unit])
    }
}

impl Span {
    /// The shortest exact form that a person would write: `600s`.
    fn exact(self) -> String {
        format!("{}s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteSize, Span};
    use std::time::Duration;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("10M", 10 << 20), ("1.5G", 3 << 29), ("512KiB", 512 << 10), ("2 tb", 2 << 40)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "M", "-1", "1X", "1e9", "10 M B", "99999P"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!(ByteSize(0).to_string(), "0 B");
        assert_eq!(ByteSize(1536).to_string(), "1.5 KiB");
        assert_eq!(ByteSize(150 << 20).to_string(), "150 MiB");
    }

    #[test]
    fn spans() {
        for (text, seconds) in [("5", 5), ("5s", 5), ("10m", 600), ("2d", 172_800), ("1w", 604_800)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "d", "-5s", "5y", "1 fortnight"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
