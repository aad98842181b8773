//! How far a run is: what of it has passed, at what rate, and how long the rest will take. Pure: it is told the time.

use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// No pool holds as much: what is estimated beyond was a difference below zero (openzfs/zfs#16691).
const ABSURD: u64 = 1 << 60;

/// The rate is that of so long.
const WINDOW: Duration = Duration::from_secs(15);

/// Before that nobody can tell when it ends.
const EARLY: Duration = Duration::from_secs(5);

/// All streams of a run.
#[derive(Debug, Default)]
pub struct Course {
    streams: Vec<Stream>,
    /// How many datasets have something to send.
    datasets: usize,
    begun: usize,
    ended: usize,
    /// When how much had passed, the latest last; of the last [`WINDOW`] and a little more.
    samples: VecDeque<(Duration, u64)>,
}

#[derive(Debug)]
struct Stream {
    dataset: String,
    to: String,
    bytes: u64,
    estimated: Option<u64>,
    began: Option<Duration>,
    ended: bool,
}

/// One of the streams that flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lane {
    /// The dataset on the source.
    pub dataset: String,
    /// The snapshot that the stream ends with.
    pub to: String,
    /// Bytes that passed.
    pub bytes: u64,
    /// Bytes that ZFS expects, where it could tell.
    pub bytes_estimated: Option<u64>,
    /// Bytes per second so far.
    pub rate: u64,
}

/// How far the whole run is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    /// The dataset on the source; of several the first.
    pub dataset: String,
    /// The snapshot that its stream ends with.
    pub to: String,
    /// Bytes of the run that passed.
    pub bytes: u64,
    /// Bytes of the run that ZFS expects, never less than have passed; none where it could not tell all.
    pub bytes_estimated: Option<u64>,
    /// How much of that has passed. It is 100 at the end only.
    pub percent: Option<u64>,
    /// Bytes per second lately.
    pub rate: u64,
    /// Seconds until the end at that rate, where it is known.
    pub eta: Option<u64>,
    /// How many datasets flow at once.
    pub parallel: usize,
    /// Which of the datasets that have something to send it is, from 1.
    pub number: usize,
    /// How many are done.
    pub done: usize,
    /// How many these are.
    pub of: usize,
    /// What flows, each on its own.
    pub lanes: Vec<Lane>,
}

impl Course {
    /// So many datasets have something to send.
    pub fn expect(&mut self, datasets: usize) {
        // What a try before this one has sent has passed all the same.
        self.streams.retain(|stream| stream.began.is_some());
        (self.datasets, self.begun, self.ended) = (datasets, 0, 0);
    }

    /// That stream is yet to come.
    pub fn foresee(&mut self, dataset: &str, to: &str, estimated: Option<u64>) {
        let estimated = estimated.filter(|bytes| *bytes < ABSURD);
        let (dataset, to) = (dataset.to_owned(), to.to_owned());
        self.streams.push(Stream { dataset, to, bytes: 0, estimated, began: None, ended: false });
    }

    /// A dataset begins.
    pub fn begin(&mut self) -> usize {
        self.begun += 1;
        self.begun
    }

    /// All streams of a dataset have passed, or none of it will any more.
    pub fn end(&mut self, dataset: &str) {
        self.ended += 1;
        self.streams.retain(|stream| stream.began.is_some() || stream.dataset != dataset);
    }

    /// A stream begins; gives its number.
    pub fn open(&mut self, dataset: &str, to: &str, now: Duration) -> usize {
        let is_it = |stream: &Stream| stream.began.is_none() && stream.dataset == dataset && stream.to == to;
        let at = self.streams.iter().position(is_it).unwrap_or_else(|| {
            self.foresee(dataset, to, None);
            self.streams.len() - 1
        });
        self.streams[at].began = Some(now);
        if self.samples.is_empty() {
            self.samples.push_back((now, self.passed()));
        }
        // Numbers stay: what has begun is never taken out, and stands before what has not.
        let stream = self.streams.remove(at);
        let number = self.streams.iter().take_while(|stream| stream.began.is_some()).count();
        self.streams.insert(number, stream);
        number
    }

    /// So many bytes of it have passed.
    pub fn moved(&mut self, number: usize, bytes: u64) {
        if let Some(stream) = self.streams.get_mut(number) {
            stream.bytes = bytes;
        }
    }

    /// What ZFS expects of it, where it could tell.
    #[must_use]
    pub fn estimated(&self, number: usize) -> Option<u64> {
        self.streams.get(number)?.estimated
    }

    /// It has ended.
    pub fn close(&mut self, number: usize) {
        if let Some(stream) = self.streams.get_mut(number) {
            stream.ended = true;
        }
    }

    fn passed(&self) -> u64 {
        self.streams.iter().map(|stream| stream.bytes).sum()
    }

    /// How far it is; none where nothing flows.
    pub fn state(&mut self, now: Duration) -> Option<State> {
        let lanes: Vec<Lane> = self.streams.iter().filter_map(|stream| stream.lane(now)).collect();
        let first = lanes.first()?.clone();
        let bytes = self.passed();
        let bytes_estimated: Option<u64> = self.streams.iter().map(Stream::expected).sum();
        let rate = self.rate(now, bytes);
        let early = self.first_began().is_none_or(|began| now.saturating_sub(began) < EARLY);
        let left = bytes_estimated.map(|expected| expected.saturating_sub(bytes));
        let is_known = !early && rate > 0;
        Some(State {
            dataset: first.dataset,
            to: first.to,
            bytes,
            bytes_estimated,
            percent: bytes_estimated.filter(|expected| *expected > 0).map(|expected| percent(bytes, expected)),
            rate,
            // Nothing left, and it still flows: the estimate was too small, and so nobody knows.
            eta: left.filter(|left| is_known && *left > 0).map(|left| left.div_ceil(rate)),
            parallel: lanes.len(),
            number: self.begun.max(1),
            done: self.ended.min(self.datasets),
            of: self.datasets,
            lanes,
        })
    }

    fn first_began(&self) -> Option<Duration> {
        self.streams.iter().filter_map(|stream| stream.began).min()
    }

    fn rate(&mut self, now: Duration, bytes: u64) -> u64 {
        self.samples.push_back((now, bytes));
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
            self.samples.pop_front();
        }
        let Some((at, before)) = self.samples.front() else { return 0 };
        per_second(bytes.saturating_sub(*before), now.saturating_sub(*at))
    }
}

impl Stream {
    fn lane(&self, now: Duration) -> Option<Lane> {
        let began = self.began.filter(|_| !self.ended)?;
        let (dataset, to) = (self.dataset.clone(), self.to.clone());
        let rate = per_second(self.bytes, now.saturating_sub(began));
        Some(Lane { dataset, to, bytes: self.bytes, bytes_estimated: self.estimated, rate })
    }

    /// What it takes in all: at least what has passed, and just that once it is over.
    fn expected(&self) -> Option<u64> {
        if self.ended { Some(self.bytes) } else { self.estimated.map(|estimated| estimated.max(self.bytes)) }
    }
}

/// Of something that goes on, so that it is never all.
#[must_use]
pub fn percent(bytes: u64, of: u64) -> u64 {
    let percent = u128::from(bytes) * 100 / u128::from(of.max(1));
    u64::try_from(percent).unwrap_or(99).min(99)
}

fn per_second(bytes: u64, time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1000) / milliseconds
}

#[cfg(test)]
mod tests {
    use super::{Course, State};
    use std::time::Duration;

    const MIB: u64 = 1 << 20;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn two() -> Course {
        let mut course = Course::default();
        course.expect(2);
        course.foresee("tank/a", "s", Some(100 * MIB));
        course.foresee("tank/b", "s", Some(200 * MIB));
        course
    }

    fn state(course: &mut Course, seconds: u64) -> State {
        course.state(at(seconds)).unwrap()
    }

    #[test]
    fn the_total_is_that_of_all_datasets() {
        let mut course = two();
        assert_eq!(course.state(at(0)), None);
        course.begin();
        let first = course.open("tank/a", "s", at(0));
        course.moved(first, 20 * MIB);
        let early = state(&mut course, 2);
        assert_eq!((early.bytes, early.bytes_estimated, early.percent), (20 * MIB, Some(300 * MIB), Some(6)));
        assert_eq!((early.rate, early.eta), (10 * MIB, None), "too early to tell");
        course.moved(first, 60 * MIB);
        assert_eq!(state(&mut course, 6).eta, Some(24));
        // It was less than estimated: what is over counts as it was.
        course.close(first);
        course.end("tank/a");
        course.begin();
        let second = course.open("tank/b", "s", at(6));
        let then = state(&mut course, 6);
        assert_eq!(
            (then.dataset.as_str(), then.bytes_estimated, then.done, then.of),
            ("tank/b", Some(260 * MIB), 1, 2)
        );
        course.moved(second, 200 * MIB);
        let last = state(&mut course, 20);
        assert_eq!((last.percent, last.eta, last.number), (Some(99), None, 2), "never all while it goes on");
    }

    #[test]
    fn estimates_may_be_too_small_missing_or_absurd() {
        let mut course = two();
        let first = course.open("tank/a", "s", at(0));
        course.moved(first, 150 * MIB);
        let over = state(&mut course, 10);
        assert_eq!((over.bytes_estimated, over.percent, over.eta), (Some(350 * MIB), Some(42), Some(14)));
        for estimated in [None, Some(u64::MAX - 7)] {
            let mut course = Course::default();
            course.expect(1);
            course.foresee("tank", "s", estimated);
            let only = course.open("tank", "s", at(0));
            course.moved(only, MIB);
            let state = state(&mut course, 10);
            assert_eq!((state.bytes_estimated, state.percent, state.eta), (None, None, None));
            assert_eq!(state.lanes[0].bytes_estimated, None);
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut course = two();
        let first = course.open("tank/a", "s", at(0));
        for second in 1..=10 {
            course.moved(first, second * 10 * MIB);
            assert_eq!(state(&mut course, second).rate, 10 * MIB);
        }
        for second in 11..=40 {
            assert!(state(&mut course, second).rate <= 10 * MIB);
        }
        let stalled = state(&mut course, 41);
        assert_eq!((stalled.rate, stalled.eta), (0, None));
    }

    #[test]
    fn what_is_tried_again_is_foreseen_anew() {
        let mut course = two();
        let first = course.open("tank/a", "s", at(0));
        course.moved(first, 30 * MIB);
        course.close(first);
        course.end("tank/a");
        course.expect(1);
        course.foresee("tank/a", "s", Some(70 * MIB));
        let again = course.open("tank/a", "s", at(9));
        assert_eq!(again, 1);
        let state = state(&mut course, 9);
        assert_eq!((state.bytes, state.bytes_estimated, state.done, state.of), (30 * MIB, Some(100 * MIB), 0, 1));
    }

    #[test]
    fn several_flow_at_once() {
        let mut course = two();
        let (second, first) = (course.open("tank/b", "s", at(0)), course.open("tank/a", "s", at(1)));
        course.moved(first, 10 * MIB);
        course.moved(second, 40 * MIB);
        let both = state(&mut course, 2);
        assert_eq!(
            (both.parallel, both.bytes, both.lanes[0].rate, both.lanes[1].rate),
            (2, 50 * MIB, 20 * MIB, 10 * MIB)
        );
        course.close(second);
        assert_eq!(state(&mut course, 2).lanes.len(), 1);
    }
}
