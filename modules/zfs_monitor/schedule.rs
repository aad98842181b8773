//! When a question is asked again. Pure.

use crate::settings::Intervals;
use module_utils::status::answers::Question;
use std::time::{Duration, Instant};

/// No question takes more than one part in so many of the time, however slow its answer is.
const SHARE: u32 = 10;

/// After a job has done something, what it may have changed is asked this soon.
const AFTER_A_JOB: Duration = Duration::from_secs(20);

/// How a question went the last time.
#[derive(Clone, Copy, Debug)]
pub struct Last {
    /// When it was asked.
    pub began: Instant,
    /// How long the answer took.
    pub took: Duration,
    /// No job has done anything since.
    pub is_current: bool,
}

/// When the question is due; at once if it never was asked.
#[must_use]
pub fn due(question: Question, last: Option<Last>, intervals: &Intervals, now: Instant) -> Instant {
    let Some(last) = last else { return now };
    let interval = match question {
        Question::Properties | Question::Status => intervals.status,
        Question::Datasets if last.is_current => intervals.datasets,
        Question::Snapshots if last.is_current => intervals.snapshots,
        Question::Datasets => intervals.datasets.min(AFTER_A_JOB),
        Question::Snapshots => intervals.snapshots.min(AFTER_A_JOB),
    };
    last.began + interval.max(last.took * SHARE)
}

#[cfg(test)]
mod tests {
    use super::{Last, due};
    use crate::settings::Intervals;
    use module_utils::status::answers::Question;
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_slow_is_asked_less_often() {
        let seconds = Duration::from_secs;
        let intervals = Intervals { status: seconds(60), datasets: seconds(300), snapshots: seconds(900) };
        let began = Instant::now();
        let wait = |question, took, is_current| {
            due(question, Some(Last { began, took: seconds(took), is_current }), &intervals, began) - began
        };
        assert_eq!(wait(Question::Status, 0, false), seconds(60));
        assert_eq!(wait(Question::Status, 9, true), seconds(90));
        assert_eq!(wait(Question::Snapshots, 30, true), seconds(900));
        assert_eq!(wait(Question::Snapshots, 120, true), seconds(1_200));
        // A job has run: soon, but never more than a tenth of the time.
        assert_eq!(wait(Question::Snapshots, 1, false), seconds(20));
        assert_eq!(wait(Question::Datasets, 30, false), seconds(300));
        assert_eq!(due(Question::Datasets, None, &intervals, began), began);
    }
}
