//! How far a run is: a file that programs read, lines that a person watches, now and then a line for a journal.

pub mod course;
pub mod lines;

use crate::exec::atomic_file;
use course::{Course, State};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whoever watches.
pub struct Watcher<'a> {
    /// Lines in place of those before.
    pub live: Option<&'a (dyn Fn(&State) + Sync)>,
    /// A line behind those before.
    pub line: Option<&'a (dyn Fn(&str) + Sync)>,
}

/// Where progress goes.
pub struct Progress<'a> {
    file: Option<PathBuf>,
    watcher: Watcher<'a>,
    began: Instant,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    course: Course,
    shown: Option<Instant>,
    /// When the journal is told next.
    due: Duration,
}

const EVERY: Duration = Duration::from_secs(1);

impl<'a> Progress<'a> {
    /// To a file, and to whoever watches.
    #[must_use]
    pub fn new(file: Option<PathBuf>, watcher: Watcher<'a>) -> Self {
        let due = lines::next(Duration::ZERO);
        let shared = Mutex::new(Shared { due, ..Shared::default() });
        Self { file, watcher, began: Instant::now(), shared }
    }

    /// True if somebody looks all the time: only then are estimates worth their commands.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.file.is_some() || self.watcher.live.is_some()
    }

    /// So many datasets have something to send.
    pub fn expect(&self, datasets: usize) {
        self.lock().course.expect(datasets);
    }

    /// That stream is yet to come.
    pub fn foresee(&self, dataset: &str, to: &str, bytes_estimated: Option<u64>) {
        self.lock().course.foresee(dataset, to, bytes_estimated);
    }

    /// A dataset has ended, whether it began or not.
    pub fn end(&self, dataset: &str) {
        self.lock().course.end(dataset);
    }

    /// A dataset begins.
    pub fn begin(&self, dataset: &str) -> Begun<'_, 'a> {
        self.lock().course.begin();
        Begun { progress: self, dataset: dataset.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever wants to know, if it is time.
    fn show(&self, shared: &mut Shared) {
        let elapsed = self.began.elapsed();
        let is_due = self.watcher.line.is_some() && elapsed >= shared.due;
        let is_time = self.is_wanted() && shared.shown.is_none_or(|shown| shown.elapsed() >= EVERY);
        if !is_due && !is_time {
            return;
        }
        let Some(state) = shared.course.state(elapsed) else { return };
        if let (true, Some(line)) = (is_due, self.watcher.line) {
            shared.due = lines::next(elapsed);
            line(&lines::line(&state));
        }
        if is_time {
            shared.shown = Some(Instant::now());
            if let Some(live) = self.watcher.live {
                live(&state);
            }
            if let Some(file) = &self.file {
                // A backup does not fail because nobody can see how far it is; a file that cannot be written was refused at the start.
                let _ = write(file, &state);
            }
        }
    }
}

/// A dataset whose streams flow, one after the other.
pub struct Begun<'p, 'a> {
    progress: &'p Progress<'a>,
    dataset: String,
}

impl Begun<'_, '_> {
    /// Follows one stream of it, until that is dropped.
    #[must_use]
    pub fn follow(&self, to: &str) -> Follower<'_> {
        let elapsed = self.progress.began.elapsed();
        let number = self.progress.lock().course.open(&self.dataset, to, elapsed);
        Follower { progress: self.progress, number }
    }
}

/// One stream that is followed.
pub struct Follower<'a> {
    progress: &'a Progress<'a>,
    number: usize,
}

impl Follower<'_> {
    /// Bytes that ZFS expects, where it could tell.
    #[must_use]
    pub fn estimated(&self) -> Option<u64> {
        self.progress.lock().course.estimated(self.number)
    }

    /// So many bytes have passed.
    pub fn moved(&self, bytes: u64) {
        let mut shared = self.progress.lock();
        shared.course.moved(self.number, bytes);
        self.progress.show(&mut shared);
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        self.progress.lock().course.close(self.number);
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
    text["line"] = lines::line(state).into();
    atomic_file::replace(file, &format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::{Progress, Watcher};
    use std::sync::Mutex;

    #[test]
    fn what_has_ended_is_not_shown() {
        let seen = Mutex::new(Vec::new());
        let live = |state: &super::State| seen.lock().unwrap().push(super::lines::screen(state, 80));
        let progress = Progress::new(None, Watcher { live: Some(&live), line: None });
        progress.expect(2);
        drop(progress.begin("tank/a").follow("daily"));
        progress.end("tank/a");
        progress.begin("tank/b").follow("daily").moved(0);
        assert_eq!(*seen.lock().unwrap(), [["0 B  1 of 2 datasets  0 B/s", "         0 B  0 B/s  tank/b@daily"]]);
    }

    #[test]
    fn the_file_is_whole_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("progress");
        super::prepare(&file).unwrap();
        let progress = Progress::new(Some(file.clone()), Watcher { live: None, line: None });
        progress.expect(1);
        progress.foresee("tank/a", "daily", Some(10));
        progress.begin("tank/a").follow("daily").moved(5);
        let state: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((&state["dataset"], &state["bytes"], &state["percent"]), (&"tank/a".into(), &5.into(), &50.into()));
        assert_eq!(state["lanes"][0]["bytes_estimated"], 10);
        drop(progress);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(super::prepare(&folder.path().join("missing/x")).unwrap_err().starts_with("option progress_file: "));
    }
}
