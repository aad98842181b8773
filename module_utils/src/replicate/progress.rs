//! How far a stream is: a file that programs read, a line that a person watches. About once a second, and gone at the end.

use crate::exec::atomic_file;
use crate::model::units::{ByteSize, Span};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where progress goes.
pub struct Progress<'a> {
    file: Option<PathBuf>,
    live: Option<&'a (dyn Fn(&str) + Sync)>,
    streams: Mutex<Streams>,
}

/// What flows at the moment.
#[derive(Default)]
struct Streams {
    flowing: Vec<Stream>,
    shown: Option<Instant>,
    begun: usize,
    expected: usize,
}

struct Stream {
    id: usize,
    state: State,
    began: Instant,
}

/// How far one stream is, or several together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    /// The dataset on the source; of several the first.
    pub dataset: String,
    /// The snapshot that the stream ends with.
    pub to: String,
    /// Bytes that passed.
    pub bytes: u64,
    /// Bytes that ZFS expects, where it could tell.
    pub bytes_estimated: Option<u64>,
    /// Bytes per second so far.
    pub rate: u64,
    /// Seconds until the end at that rate, where it is known.
    pub eta: Option<u64>,
    /// How many datasets flow at once.
    pub parallel: usize,
    /// Which of the datasets that have something to send it is, from 1.
    pub number: usize,
    /// How many these are.
    pub of: usize,
}

const EVERY: Duration = Duration::from_secs(1);

impl<'a> Progress<'a> {
    /// `live` shows a line in place of the one before.
    #[must_use]
    pub fn new(file: Option<PathBuf>, live: Option<&'a (dyn Fn(&str) + Sync)>) -> Self {
        Self { file, live, streams: Mutex::default() }
    }

    /// True if it goes anywhere: only then is an estimate worth its command.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.file.is_some() || self.live.is_some()
    }

    /// So many datasets have something to send.
    pub fn expect(&self, datasets: usize) {
        let mut streams = self.lock();
        (streams.begun, streams.expected) = (0, datasets);
    }

    /// A dataset begins. Its streams are followed with what comes back.
    pub fn begin(&self) -> usize {
        let mut streams = self.lock();
        streams.begun += 1;
        streams.begun
    }

    /// Follows one stream of the dataset that began as `number`, until it is dropped.
    pub fn follow(&self, number: usize, dataset: &str, to: &str, bytes_estimated: Option<u64>) -> Follower<'_> {
        let mut streams = self.lock();
        let (dataset, to) = (dataset.to_owned(), to.to_owned());
        let (parallel, of) = (1, streams.expected);
        let state = State { dataset, to, bytes: 0, bytes_estimated, rate: 0, eta: None, parallel, number, of };
        streams.flowing.push(Stream { id: number, state, began: Instant::now() });
        Follower { progress: self, id: number }
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, state: &State) {
        if let Some(live) = self.live {
            live(&state.line());
        }
        if let Some(file) = &self.file {
            // A backup does not fail because nobody can see how far it is; a file that cannot be written was refused at the start.
            let _ = write(file, state);
        }
    }
}

/// One stream that is followed.
pub struct Follower<'a> {
    progress: &'a Progress<'a>,
    id: usize,
}

impl Follower<'_> {
    /// So many bytes have passed.
    pub fn moved(&self, bytes: u64) {
        if !self.progress.is_wanted() {
            return;
        }
        let mut streams = self.progress.lock();
        if let Some(stream) = streams.flowing.iter_mut().find(|stream| stream.id == self.id) {
            stream.state.bytes = bytes;
        }
        if streams.shown.is_none_or(|shown| shown.elapsed() >= EVERY) {
            streams.shown = Some(Instant::now());
            let all = streams.flowing.iter().map(|stream| stream.state.clone().after(stream.began.elapsed()));
            if let Some(state) = all.reduce(|all, one| all.and(&one)) {
                self.progress.show(&state);
            }
        }
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        self.progress.lock().flowing.retain(|stream| stream.id != self.id);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // What is over would mislead.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Checks before the run that the file can be written, and clears what an earlier run may have left.
pub fn prepare(file: &Path) -> Result<(), String> {
    let written = atomic_file::replace(file, "{}\n");
    written.map_err(|error| format!("option progress_file: {} cannot be written: {error}", file.display()))
}

fn write(file: &Path, state: &State) -> std::io::Result<()> {
    let mut text = serde_json::json!(state);
    text["line"] = state.line().into();
    atomic_file::replace(file, &format!("{text}\n"))
}

impl State {
    fn after(self, elapsed: Duration) -> Self {
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = self.bytes.saturating_mul(1000) / milliseconds;
        Self { rate, ..self }.with_eta()
    }

    fn with_eta(self) -> Self {
        let left = self.bytes_estimated.map(|estimated| estimated.saturating_sub(self.bytes));
        Self { eta: left.filter(|_| self.rate > 0).map(|left| left / self.rate), ..self }
    }

    /// Both together.
    fn and(self, other: &Self) -> Self {
        let sum = Self {
            bytes: self.bytes + other.bytes,
            bytes_estimated: self.bytes_estimated.zip(other.bytes_estimated).map(|(ours, theirs)| ours + theirs),
            rate: self.rate + other.rate,
            parallel: self.parallel + other.parallel,
            number: self.number.max(other.number),
            ..self
        };
        sum.with_eta()
    }

    fn line(&self) -> String {
        let Self { dataset, to, bytes, bytes_estimated, rate, eta, parallel, number, of } = self;
        let count = if *of > 1 { format!("{number}/{of} ") } else { String::new() };
        let others = if *parallel > 1 { format!(" and {} more", parallel - 1) } else { String::new() };
        let expected = bytes_estimated.map(|estimated| format!(" of {}", ByteSize(estimated))).unwrap_or_default();
        let eta = eta.map(|eta| format!(", {} to go", Span::seconds(eta))).unwrap_or_default();
        format!("{count}{dataset}@{to}{others}: {}{expected}, {}/s{eta}", ByteSize(*bytes), ByteSize(*rate))
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, State};
    use std::sync::Mutex;
    use std::time::Duration;

    fn state(bytes: u64, bytes_estimated: Option<u64>) -> State {
        let (dataset, to) = ("tank/a".to_owned(), "daily".to_owned());
        State { dataset, to, bytes, bytes_estimated, rate: 0, eta: None, parallel: 1, number: 1, of: 1 }
    }

    #[test]
    fn rate_and_end_are_told() {
        let one = state(50 << 20, Some(200 << 20)).after(Duration::from_secs(5));
        assert_eq!((one.rate, one.eta), (10 << 20, Some(15)));
        assert_eq!(one.line(), "tank/a@daily: 50.0 MiB of 200 MiB, 10.0 MiB/s, 15s to go");
        assert_eq!(state(0, None).line(), "tank/a@daily: 0 B, 0 B/s");
        let other = State { number: 7, ..state(10 << 20, Some(60 << 20)).after(Duration::from_secs(1)) };
        let both = State { of: 9, ..one.and(&other) };
        assert_eq!(both.line(), "7/9 tank/a@daily and 1 more: 60.0 MiB of 260 MiB, 20.0 MiB/s, 10s to go");
    }

    #[test]
    fn what_has_ended_is_not_shown() {
        let lines = Mutex::new(Vec::new());
        let live = |line: &str| lines.lock().unwrap().push(line.to_owned());
        let progress = Progress::new(None, Some(&live));
        progress.expect(2);
        let (first, second) = (progress.begin(), progress.begin());
        drop(progress.follow(first, "tank/a", "daily", None));
        progress.follow(second, "tank/b", "daily", None).moved(0);
        assert_eq!(*lines.lock().unwrap(), ["2/2 tank/b@daily: 0 B, 0 B/s"]);
    }

    #[test]
    fn the_file_is_whole_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("progress");
        super::prepare(&file).unwrap();
        let progress = Progress::new(Some(file.clone()), None);
        progress.follow(1, "tank/a", "daily", Some(10)).moved(5);
        let state: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((&state["dataset"], &state["bytes"]), (&"tank/a".into(), &5.into()));
        drop(progress);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(super::prepare(&folder.path().join("missing/x")).unwrap_err().starts_with("option progress_file: "));
    }
}
