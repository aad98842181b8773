//! What a run leaves for those who look later: its result as JSON, and figures for Prometheus. Each file is replaced as a whole.

use crate::exec::{atomic_file, clock};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where to leave what.
#[derive(Clone, Debug)]
pub struct Record {
    /// The program, as monitoring shall name it.
    pub program: &'static str,
    /// The JSON object.
    pub result: Option<PathBuf>,
    /// Figures in the text format of Prometheus.
    pub metrics: Option<PathBuf>,
    /// When the run began.
    pub started: Timestamp,
}

impl Record {
    /// Keeps the result of a run that ended just now. With `is_idle` the last success stays what it was: nothing was done, as in check
    /// mode. Errors name the file.
    pub fn keep(&self, result: &Value, is_idle: bool) -> Result<(), String> {
        let finished = clock::now();
        let replaced = |path: &Path, text: &str| {
            atomic_file::replace(path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()))
        };
        let earlier = self.earlier();
        let kept = Kept {
            started: seconds(self.started),
            finished: seconds(finished),
            last_success: if has_failed(result) || is_idle { earlier.last_success } else { Some(seconds(finished)) },
            totals: if is_idle { earlier.totals } else { earlier.totals.with(result) },
            result,
        };
        if let Some(path) = &self.result {
            let text = serde_json::to_string(&kept).map_err(|error| format!("the result is no JSON: {error}"))?;
            replaced(path, &(text + "\n"))?;
        }
        if let Some(path) = &self.metrics {
            let took = Duration::try_from(finished.duration_since(self.started)).unwrap_or_default();
            replaced(path, &self.figures(path, &kept, took))?;
        }
        Ok(())
    }

    /// What is kept of earlier runs: as the result has it, else as the figures have it.
    fn earlier(&self) -> Earlier {
        let recorded = self.result.as_deref().and_then(recorded);
        recorded.or_else(|| self.metrics.as_deref().and_then(measured)).unwrap_or_default()
    }

    /// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
    fn figures(&self, path: &Path, kept: &Kept<'_>, took: Duration) -> String {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let label = format!("{{program=\"{}\",name=\"{}\"}}", self.program, escaped(&name));
        let mut text = String::new();
        let mut add = |kind: &str, (name, help): (&str, &str), value: &str| {
            for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n", name, &label, " ", value, "\n"]
            {
                text.push_str(part);
            }
        };
        let Kept { finished, last_success, totals, result, .. } = kept;
        add("gauge", ("ferro_zfs_last_run_timestamp_seconds", "When the last run ended."), &finished.to_string());
        if let Some(last_success) = last_success {
            add("gauge", (LAST_SUCCESS, "When the last run ended that did all it should."), &last_success.to_string());
        }
        let success = if has_failed(result) { "0" } else { "1" };
        add("gauge", ("ferro_zfs_success", "1 if the last run did all it should."), success);
        let took = format!("{}.{:03}", took.as_secs(), took.subsec_millis());
        add("gauge", ("ferro_zfs_duration_seconds", "How long the last run took."), &took);
        add("counter", RUNS_TOTAL, &totals.runs.to_string());
        add("counter", FAILED_RUNS_TOTAL, &totals.failed_runs.to_string());
        if self.program == SENDER {
            add("counter", SENT_BYTES_TOTAL, &totals.bytes.to_string());
        }
        for (key, value) in result.get("summary").and_then(Value::as_object).into_iter().flatten() {
            if key != "seconds" && value.is_number() {
                let (name, help) = (format!("ferro_zfs_{key}"), "Of the last run, as in its result's summary.");
                add("gauge", (&name, help), &value.to_string());
            }
        }
        text
    }
}

/// A series: its name, and what it is.
pub type Series = (&'static str, &'static str);

/// How often a job ran.
pub const RUNS_TOTAL: Series = ("ferro_zfs_runs_total", "Runs that did something.");
/// How often it failed.
pub const FAILED_RUNS_TOTAL: Series = ("ferro_zfs_failed_runs_total", "Runs that did not do all they should.");
/// What it has sent.
pub const SENT_BYTES_TOTAL: Series = ("ferro_zfs_sent_bytes_total", "Bytes that were sent.");
/// The program that sends anything at all.
pub const SENDER: &str = "zfs_replicate";

const LAST_SUCCESS: &str = "ferro_zfs_last_success_timestamp_seconds";

/// The JSON object: the result, and when that was.
#[derive(Serialize)]
struct Kept<'a> {
    started: u64,
    finished: u64,
    last_success: Option<u64>,
    totals: Totals,
    #[serde(flatten)]
    result: &'a Value,
}

/// More than any record has.
const LONGEST: u64 = 1 << 30;

/// Of all runs that have been kept there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
struct Totals {
    runs: u64,
    failed_runs: u64,
    /// Bytes that were sent.
    bytes: u64,
}

impl Totals {
    /// With one run more.
    fn with(self, result: &Value) -> Self {
        let bytes = result.pointer("/summary/bytes").and_then(Value::as_u64).unwrap_or(0);
        Self {
            runs: self.runs.saturating_add(1),
            failed_runs: self.failed_runs.saturating_add(u64::from(has_failed(result))),
            bytes: self.bytes.saturating_add(bytes),
        }
    }
}

/// What an earlier record has as JSON that goes on.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Earlier {
    last_success: Option<u64>,
    totals: Totals,
}

/// An earlier record, where there is one.
fn recorded(path: &Path) -> Option<Earlier> {
    let file = atomic_file::open(path).ok()?;
    serde_json::from_reader(BufReader::new(file.take(LONGEST))).ok()
}

/// The same in the format of Prometheus.
fn measured(path: &Path) -> Option<Earlier> {
    let mut text = String::new();
    atomic_file::open(path).ok()?.take(1 << 20).read_to_string(&mut text).ok()?;
    let value = |name: &str| text.lines().find(|line| line.starts_with(name))?.rsplit(' ').next()?.parse().ok();
    let total = |series: Series| value(series.0).unwrap_or(0);
    let (runs, failed_runs, bytes) = (total(RUNS_TOTAL), total(FAILED_RUNS_TOTAL), total(SENT_BYTES_TOTAL));
    Some(Earlier { last_success: value(LAST_SUCCESS), totals: Totals { runs, failed_runs, bytes } })
}

/// A failed run does not make an earlier success forgotten.
fn has_failed(result: &Value) -> bool {
    result.get("failed").and_then(Value::as_bool).unwrap_or(false)
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Record;
    use crate::exec::clock;
    use jiff::ToSpan;
    use serde_json::{Value, json};

    #[test]
    fn a_failure_does_not_hide_when_all_was_well() {
        let folder = tempfile::tempdir().unwrap();
        let (result, metrics) = (folder.path().join("pull-nas.json"), folder.path().join("pull-nas.prom"));
        let record = Record {
            program: "zfs_replicate",
            result: Some(result.clone()),
            metrics: Some(metrics.clone()),
            started: clock::now() - 5.seconds(),
        };
        let keep = |value: Value| record.keep(&value, false).unwrap();
        let read = || -> Value { serde_json::from_str(&std::fs::read_to_string(&result).unwrap()).unwrap() };
        keep(json!({"failed": true, "msg": "no"}));
        assert_eq!(read()["last_success"], Value::Null);
        keep(json!({"changed": true, "summary": {"bytes": 7, "seconds": 5}}));
        let well = read();
        assert!(well["last_success"].as_u64().unwrap() > 1_700_000_000 && well["finished"] == well["last_success"]);
        keep(json!({"failed": true, "msg": "gone"}));
        assert_eq!((&read()["msg"], &read()["last_success"]), (&json!("gone"), &well["last_success"]));
        assert_eq!(read()["totals"], json!({"runs": 3, "failed_runs": 2, "bytes": 7}));
        assert!(read()["started"].as_u64().unwrap() + 5 <= read()["finished"].as_u64().unwrap());
        let text = std::fs::read_to_string(&metrics).unwrap();
        let label = "{program=\"zfs_replicate\",name=\"pull-nas\"}";
        assert!(text.contains(&format!("ferro_zfs_success{label} 0\n")), "{text}");
        assert!(
            text.contains(&format!("ferro_zfs_last_success_timestamp_seconds{label} {}\n", well["finished"])),
            "{text}"
        );
        for (series, total) in [("runs", 3), ("failed_runs", 2), ("sent_bytes", 7)] {
            let line = format!("# TYPE ferro_zfs_{series}_total counter\nferro_zfs_{series}_total{label} {total}\n");
            assert!(text.contains(&line), "{text}");
        }
        // Check mode does nothing that counts.
        record.keep(&json!({"changed": true}), true).unwrap();
        assert_eq!(read()["totals"]["runs"], 3);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        // The owner of the folder may put anything there: a link, or a pipe that would hold the run for ever.
        for path in [&result, &metrics] {
            std::fs::rename(path, folder.path().join("moved")).unwrap();
            std::os::unix::fs::symlink(folder.path().join("moved"), path).unwrap();
        }
        keep(json!({"failed": true, "msg": "linked"}));
        assert_eq!(read()["last_success"], Value::Null);
        for path in [&result, &metrics] {
            std::fs::remove_file(path).unwrap();
            nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
        keep(json!({"failed": true, "msg": "piped"}));
        assert_eq!(read()["msg"], "piped");
        std::fs::remove_file(folder.path().join("moved")).unwrap();
        // Without a result, the figures go on by themselves.
        std::fs::remove_file(&metrics).unwrap();
        let alone = Record { result: None, ..record.clone() };
        alone.keep(&json!({"summary": {"bytes": 5}}), false).unwrap();
        alone.keep(&json!({"failed": true, "summary": {"bytes": 3}}), false).unwrap();
        let text = std::fs::read_to_string(&metrics).unwrap();
        assert!(text.contains("last_success") && text.contains(&format!("sent_bytes_total{label} 8\n")), "{text}");
        let lost = Record { result: Some(folder.path().join("none/x.json")), ..record };
        assert!(lost.keep(&json!({}), false).unwrap_err().contains("none/x.json cannot be written: "));
    }
}
