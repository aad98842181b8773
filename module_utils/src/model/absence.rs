//! Since when the source of a replica is missing, as the replica's own property says.

use jiff::{Timestamp, Unit};
use std::fmt;
use std::str::FromStr;

/// Its value is `2026-06-15T10:20:30Z/GUID/GUID`. The guids say whose mark it is, because children inherit user properties, and that
/// nothing has arrived since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// When a run first saw that the source is missing, by its own clock.
    pub since: Timestamp,
    /// The guid of the replica.
    pub dataset: u64,
    /// The guid of its newest snapshot.
    pub newest: u64,
}

/// What is not the mark of an absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not TIME/GUID/GUID")]
pub struct NoAbsence;

impl FromStr for Absence {
    type Err = NoAbsence;

    fn from_str(text: &str) -> Result<Self, NoAbsence> {
        let [since, dataset, newest] = text.split('/').collect::<Vec<_>>()[..] else { return Err(NoAbsence) };
        let absence = Self {
            since: since.parse().map_err(|_| NoAbsence)?,
            dataset: dataset.parse().map_err(|_| NoAbsence)?,
            newest: newest.parse().map_err(|_| NoAbsence)?,
        };
        // There is one way to write it.
        if absence.to_string() == text { Ok(absence) } else { Err(NoAbsence) }
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.round(Unit::Second).unwrap_or(self.since);
        write!(f, "{since}/{}/{}", self.dataset, self.newest)
    }
}

#[cfg(test)]
mod tests {
    use super::Absence;
    use jiff::Timestamp;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    #[test]
    fn an_absence_is_read_as_it_is_written() {
        let absence: Absence = "2026-06-15T10:20:30Z/101/102".parse().unwrap();
        assert_eq!((absence.since.as_second(), absence.dataset, absence.newest), (1_781_518_830, 101, 102));
        for wrong in [
            "",
            "-",
            "2026-06-15T10:20:30Z/101",
            "2026-06-15/1/2",
            "2026-06-15T10:20:30+02:00/1/2",
            "2026-06-15T10:20:30Z/01/2",
        ] {
            assert!(wrong.parse::<Absence>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 0_i64..4_000_000_000, dataset: u64, newest: u64) {
            let absence = Absence { since: Timestamp::from_second(seconds).unwrap(), dataset, newest };
            prop_assert_eq!(absence.to_string().parse(), Ok(absence));
        }

        #[test]
        fn what_is_read_is_written_alike(text in any::<String>()) {
            if let Ok(absence) = text.parse::<Absence>() {
                prop_assert_eq!(absence.to_string(), text);
            }
        }
    }
}
