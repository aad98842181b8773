//! What a run found, as data and in words.

use super::compare::Difference;
use crate::exec::failure::ErrorReport;
use serde::{Deserialize, Serialize};

/// How it ended for one replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All of the snapshot is the same on both sides, as far as this pass has looked: from its beginning to its end.
    Verified,
    /// What was compared is the same; the rest has its turn in the next runs.
    InProgress,
    /// It had no turn in this run.
    #[default]
    Waiting,
    /// In check mode: it would be compared.
    Planned,
    /// The two sides are not the same.
    Differs,
    /// A side cannot read what it has stored.
    Unreadable,
    /// Nothing could be compared.
    NotComparable,
    /// The source has no snapshot, so there is nothing to be compared.
    NoSnapshots,
    /// It was not possible to tell, as where the other host did not answer.
    Failed,
}

impl Status {
    /// True where the replica was not found to be what it should be.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Differs | Self::Unreadable | Self::NotComparable | Self::Failed)
    }

    /// As it is in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::InProgress => "in_progress",
            Self::Waiting => "waiting",
            Self::Planned => "planned",
            Self::Differs => "differs",
            Self::Unreadable => "unreadable",
            Self::NotComparable => "not_comparable",
            Self::NoSnapshots => "no_snapshots",
            Self::Failed => "failed",
        }
    }
}

/// Of one replica.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The source.
    pub source: String,
    /// The replica.
    pub target: String,
    /// How it ended.
    pub status: Status,
    /// The snapshot that is compared; none where none can be.
    pub snapshot: Option<String>,
    /// Its guid.
    pub guid: Option<String>,
    /// `raw`: as it is stored, encrypted; `plain`: what is in it.
    pub method: Option<&'static str>,
    /// The object at which this run began, where an earlier one has compared what comes before.
    pub from_object: Option<u64>,
    /// Bytes that were compared.
    pub bytes: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// The first places that are not alike.
    pub differences: Vec<Difference>,
    /// Why it failed.
    pub error: Option<ErrorReport>,
    /// When a pass last ended that found no difference, in seconds since 1970.
    pub verified_at: Option<i64>,
    /// The snapshot that was verified then.
    pub verified_snapshot: Option<String>,
}

/// The sums of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Replicas.
    pub datasets: usize,
    /// Verified in this run.
    pub verified: usize,
    /// Compared in part, or not yet.
    pub to_go_on: usize,
    /// Not what they should be, or not to be told.
    pub failed: usize,
    /// Bytes that were compared.
    pub bytes: u64,
    /// Seconds.
    pub seconds: f64,
}

/// The sums of a run.
#[must_use]
pub fn summary(reports: &[Report], seconds: f64) -> Summary {
    let count = |is: fn(Status) -> bool| reports.iter().filter(|report| is(report.status)).count();
    Summary {
        datasets: reports.len(),
        verified: count(|status| status == Status::Verified),
        to_go_on: count(|status| matches!(status, Status::InProgress | Status::Waiting)),
        failed: count(Status::is_failure),
        bytes: reports.iter().map(|report| report.bytes).sum(),
        seconds,
    }
}

/// Where the two sides differ, for people.
#[must_use]
pub fn places(differences: &[Difference]) -> String {
    let place = |difference: &Difference| {
        let Difference { object, what, offset, on } = difference;
        let from = offset.map_or_else(String::new, |offset| format!(" from byte {offset} on"));
        let on = if *on == "both" { String::new() } else { format!(" (only on the {on})") };
        format!("{what} of object {object}{from}{on}")
    };
    differences.iter().map(place).collect::<Vec<_>>().join(", ")
}

/// Why the task fails; none if it does not.
#[must_use]
pub fn failure_message(reports: &[Report]) -> Option<String> {
    let failed: Vec<&Report> = reports.iter().filter(|report| report.status.is_failure()).collect();
    let why = |report: &&Report| {
        let error = report.error.as_ref();
        let said = error.map_or("", |error| error.caused_by.as_deref().unwrap_or(&error.stderr));
        let shown = |said: &str| if said.is_empty() { String::new() } else { format!(": {said}") };
        let said = error.filter(|error| !error.stderr.is_empty() && error.caused_by.is_some()).map_or_else(
            || shown(said),
            |error| format!(": {} ({said})", error.stderr.lines().next().unwrap_or_default()),
        );
        format!("{} -> {} {}{said}", report.source, report.target, report.status.word().replace('_', " "))
    };
    let all = failed.iter().map(why).collect::<Vec<_>>().join("; ");
    (!failed.is_empty()).then(|| format!("{} of {} replicas not verified: {all}", failed.len(), reports.len()))
}

/// The line that tells a person how it went for one replica.
#[must_use]
pub fn line(report: &Report) -> String {
    let what = format!("{} -> {}: {}", report.source, report.target, report.status.word().replace('_', " "));
    match &report.snapshot {
        Some(snapshot) => format!("{what} @{snapshot} ({} bytes)", report.bytes),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::{Report, Status, failure_message, places, summary};
    use crate::verify::compare::Difference;

    #[test]
    fn what_was_not_compared_is_never_fine() {
        let of = |status| Report { source: "a".into(), target: "b".into(), status, bytes: 5, ..Report::default() };
        let all = [
            (Status::Verified, false),
            (Status::InProgress, false),
            (Status::Waiting, false),
            (Status::NoSnapshots, false),
            (Status::Differs, true),
            (Status::Unreadable, true),
            (Status::NotComparable, true),
            (Status::Failed, true),
        ];
        for (status, is_failure) in all {
            assert_eq!(failure_message(&[of(status)]).is_some(), is_failure, "{status:?}");
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
        let sums = summary(&all.map(|(status, _)| of(status)), 1.5);
        assert_eq!((sums.datasets, sums.verified, sums.to_go_on, sums.failed, sums.bytes), (8, 1, 2, 4, 40));
        let message = failure_message(&[of(Status::NotComparable), of(Status::Verified)]).unwrap();
        assert_eq!(message, "1 of 2 replicas not verified: a -> b not comparable");
    }

    #[test]
    fn places_are_told_so_that_one_finds_them() {
        let at = |offset, on| Difference { object: 5, what: "data", offset, on };
        assert_eq!(
            places(&[at(Some(16 << 20), "both"), at(None, "target")]),
            "data of object 5 from byte 16777216 on, data of object 5 (only on the target)"
        );
    }
}
