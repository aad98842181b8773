//! The jobs of a host, from their option files, their results and their timers. Pure.

use super::ages::age;
use super::files::Found;
use super::model::{At, Job, LastRun, Totals};
use super::timers::{Timer, Timers};
use crate::ansible::args::from_args;
use crate::policy::request::{self, DatasetArg, Policies};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Options of the two policy modules, as far as they say what is wanted.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct PolicyOptions {
    /// Datasets and their policies.
    pub datasets: Vec<DatasetArg>,
    /// The policies.
    pub policies: Policies,
    /// How names begin.
    pub prefix: String,
    /// Length of the shortest interval.
    pub frequently_minutes: u32,
    /// Nothing is taken where nothing was written.
    pub skip_unchanged: bool,
    /// Where replicas are.
    pub replicas: Vec<String>,
}

impl Default for PolicyOptions {
    fn default() -> Self {
        Self {
            datasets: Vec::new(),
            policies: request::built_in(),
            prefix: request::prefix(),
            frequently_minutes: request::frequently_minutes(),
            skip_unchanged: false,
            replicas: Vec::new(),
        }
    }
}

/// Options of `zfs_replicate`, as far as they say what comes from where.
#[derive(Clone, Debug, Deserialize)]
pub struct ReplicateOptions {
    /// Datasets of the source.
    pub source: Vec<String>,
    /// Where they land.
    pub target: String,
    /// Where from.
    pub source_host: Option<String>,
    /// Where to.
    pub target_host: Option<String>,
    /// What is removed from source paths.
    pub strip_prefix: Option<String>,
    /// With all below.
    #[serde(default = "yes")]
    pub recursive: bool,
    /// Only with what is below.
    #[serde(default)]
    pub children_only: bool,
    /// Without these.
    #[serde(default)]
    pub exclude: Vec<String>,
}

fn yes() -> bool {
    true
}

/// What is known of a job before it is judged.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Its options.
    pub options: Option<Map<String, Value>>,
    /// When they were written.
    pub declared_at: Option<At>,
    /// Its result.
    pub result: Option<Map<String, Value>>,
}

impl Known {
    /// Its options as those of `zfs_replicate`, if they are.
    #[must_use]
    pub fn replicate(&self) -> Option<Result<ReplicateOptions, String>> {
        let options = self.options.as_ref()?;
        let fits = options.contains_key("source") && options.contains_key("target");
        fits.then(|| from_args(options.clone()).map_err(|error| error.to_string()))
    }

    /// Its options as those of a policy module.
    #[must_use]
    pub fn policy(&self) -> Option<Result<PolicyOptions, String>> {
        self.options.clone().map(|options| from_args(options).map_err(|error| error.to_string()))
    }
}

/// Puts the files together, by the names of jobs. What cannot be read is told with its name.
#[must_use]
pub fn known(options: &[Found], results: &[Found]) -> (BTreeMap<String, Known>, Vec<String>) {
    let mut jobs: BTreeMap<String, Known> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for file in options {
        match object(file) {
            Ok(options) => {
                let name = file.name.replacen('/', "@", 1);
                let job = Known { options: Some(options), declared_at: file.written_at, result: None };
                // Other programs have option files too.
                if is_own(&name) || job.replicate().is_some() {
                    jobs.insert(name, job);
                }
            }
            Err(why) => unreadable.push(why),
        }
    }
    // What `zfs_prune` knows of arrivals is no result.
    for file in results.iter().filter(|file| !file.name.starts_with("arrivals/")) {
        match object(file) {
            Ok(result) if result.contains_key("finished") => {
                jobs.entry(job_of(&file.name)).or_default().result = Some(result);
            }
            Ok(_) => {}
            Err(why) => unreadable.push(why),
        }
    }
    (jobs, unreadable)
}

/// The jobs that the roles set up.
fn is_own(name: &str) -> bool {
    matches!(name, "snapshot" | "prune") || ["pull@", "push@", "verify@"].iter().any(|kind| name.starts_with(kind))
}

/// The jobs that compare replicas with their sources: their options are like those of what brings them there.
pub(super) fn is_verification(name: &str) -> bool {
    name.strip_prefix("verify").is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', '-']))
}

/// The job whose result has that name: `replication/pull-nas` is that of `pull@nas`.
fn job_of(result: &str) -> String {
    let name = result.strip_prefix("replication/").unwrap_or(result);
    let of = |kind: &str| name.strip_prefix(kind)?.strip_prefix('-').map(|peer| format!("{kind}@{peer}"));
    of("pull").or_else(|| of("push")).or_else(|| of("verify")).unwrap_or_else(|| name.to_owned())
}

fn object(file: &Found) -> Result<Map<String, Value>, String> {
    let text = file.text.as_ref().map_err(Clone::clone)?;
    serde_json::from_str(text).map_err(|error| format!("{}.json holds no JSON object: {error}", file.name))
}

/// The unit of a job.
#[must_use]
pub fn unit(job: &str) -> String {
    format!("ferro-zfs-{job}")
}

/// Seconds that a run may begin or end later than its timer says, beyond what the timer itself allows.
const GRACE: u64 = 300;

/// A job as it is shown. `fallback`: how old its last success may be where no timer tells.
#[must_use]
pub fn job(name: &str, known: &Known, timers: Option<&Timers>, fallback: u64, now: i64) -> Job {
    let timer = timers.and_then(|timers| timers.get(&unit(name))).filter(|timer| timer.exists);
    let of_timer = |timer: &Timer| timer.distance().map(|distance| 2 * distance + timer.delay + GRACE);
    let max_age_seconds = timer.and_then(of_timer).unwrap_or(fallback);
    let last_success_at = known.result.as_ref().and_then(|result| at(result, "last_success"));
    let declared = known.options.is_some();
    // What was set up just now has not had its time yet. A change of its options later is no reason to wait again.
    let since = last_success_at.or(known.declared_at);
    let overdue_at = declared.then(|| since.map_or(At::EVER, |since| since.plus(max_age_seconds)));
    Job {
        name: name.to_owned(),
        program: program(name, known),
        declared,
        declared_at: known.declared_at.filter(|_| declared),
        last_run: known.result.as_ref().map(last_run),
        last_success_at,
        next_run_at: timer.and_then(|timer| timer.next),
        timer_active: timer.map(|timer| timer.active),
        running: timer.map(|timer| timer.running),
        max_age_seconds,
        totals: known.result.as_ref().and_then(totals),
        overdue_at,
        overdue: overdue_at.is_some_and(|at| now > at.0),
    }
}

fn program(name: &str, known: &Known) -> Option<&'static str> {
    match name {
        "snapshot" => Some("zfs_policy_snapshot"),
        "prune" => Some("zfs_prune"),
        _ if is_verification(name) => Some("zfs_verify"),
        _ => known.replicate().map(|_| "zfs_replicate"),
    }
}

/// A time of a result, in seconds since 1970.
pub(super) fn at(result: &Map<String, Value>, key: &str) -> Option<At> {
    result.get(key).and_then(Value::as_i64).map(At)
}

fn totals(result: &Map<String, Value>) -> Option<Totals> {
    let of = |key: &str| result.get("totals")?.get(key)?.as_u64();
    Some(Totals { runs: of("runs")?, failed_runs: of("failed_runs")?, sent_bytes: of("bytes")? })
}

fn last_run(result: &Map<String, Value>) -> LastRun {
    let finished_at = at(result, "finished");
    let summary = result.get("summary").cloned().unwrap_or(Value::Null);
    let took = at(result, "started").zip(finished_at).map(|(from, to)| age(to.0, from.0) as f64);
    LastRun {
        finished_at,
        seconds: summary.get("seconds").and_then(Value::as_f64).or(took),
        failed: result.get("failed").and_then(Value::as_bool).unwrap_or(false),
        message: result.get("msg").and_then(Value::as_str).map(str::to_owned),
        summary,
    }
}

#[cfg(test)]
#[path = "jobs_tests.rs"]
mod tests;
