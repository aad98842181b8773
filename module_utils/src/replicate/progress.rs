//! How far a stream is: a file that programs read, a line that a person watches. About once a second, and gone at the end.

use crate::units::{ByteSize, Span};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Who wants to know.
pub struct Progress<'a> {
    file: Option<PathBuf>,
    live: Option<&'a dyn Fn(&str)>,
}

/// How far one stream is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
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
    /// Seconds until the end at that rate, where it is known.
    pub eta: Option<u64>,
}

const EVERY: Duration = Duration::from_secs(1);

impl<'a> Progress<'a> {
    /// `live` shows a line in place of the one before.
    #[must_use]
    pub fn new(file: Option<PathBuf>, live: Option<&'a dyn Fn(&str)>) -> Self {
        Self { file, live }
    }

    /// True if anybody wants to know: only then is an estimate worth its command.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.file.is_some() || self.live.is_some()
    }

    /// Follows one stream: gives what to call with the bytes so far.
    pub fn follow(&self, dataset: &str, to: &str, bytes_estimated: Option<u64>) -> impl FnMut(u64) {
        let began = Instant::now();
        let mut shown: Option<Instant> = None;
        move |bytes| {
            if !self.is_wanted() || shown.is_some_and(|shown| shown.elapsed() < EVERY) {
                return;
            }
            shown = Some(Instant::now());
            self.show(&State::at(dataset, to, bytes, bytes_estimated, began.elapsed()));
        }
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
    let written = std::fs::write(file, "{}\n");
    written.map_err(|error| format!("option progress_file: {} cannot be written: {error}", file.display()))
}

/// A reader sees all of it or nothing.
fn write(file: &Path, state: &State) -> std::io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    std::fs::write(&name, format!("{}\n", serde_json::json!(state)))?;
    std::fs::rename(&name, file)
}

impl State {
    fn at(dataset: &str, to: &str, bytes: u64, bytes_estimated: Option<u64>, elapsed: Duration) -> Self {
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = bytes.saturating_mul(1000) / milliseconds;
        let left = bytes_estimated.map(|estimated| estimated.saturating_sub(bytes));
        let eta = left.filter(|_| rate > 0).map(|left| left / rate);
        Self { dataset: dataset.to_owned(), to: to.to_owned(), bytes, bytes_estimated, rate, eta }
    }

    fn line(&self) -> String {
        let Self { dataset, to, bytes, bytes_estimated, rate, eta } = self;
        let of = bytes_estimated.map(|estimated| format!(" of {}", ByteSize(estimated))).unwrap_or_default();
        let eta = eta.map(|eta| format!(", {} to go", Span::seconds(eta))).unwrap_or_default();
        format!("{dataset}@{to}: {}{of}, {}/s{eta}", ByteSize(*bytes), ByteSize(*rate))
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, State};
    use std::time::Duration;

    #[test]
    fn rate_and_end_are_told() {
        let state = State::at("tank/a", "daily", 50 << 20, Some(200 << 20), Duration::from_secs(5));
        assert_eq!((state.rate, state.eta), (10 << 20, Some(15)));
        assert_eq!(state.line(), "tank/a@daily: 50.0 MiB of 200 MiB, 10.0 MiB/s, 15s to go");
        let unknown = State::at("tank/a", "daily", 0, None, Duration::ZERO);
        assert_eq!(unknown.line(), "tank/a@daily: 0 B, 0 B/s");
    }

    #[test]
    fn the_file_is_whole_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("progress");
        super::prepare(&file).unwrap();
        let progress = Progress::new(Some(file.clone()), None);
        progress.follow("tank/a", "daily", Some(10))(5);
        let state: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((&state["dataset"], &state["bytes"]), (&"tank/a".into(), &5.into()));
        drop(progress);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(super::prepare(&folder.path().join("missing/x")).unwrap_err().starts_with("option progress_file: "));
    }
}
