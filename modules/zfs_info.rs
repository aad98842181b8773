//! Says whether the backups of this host are fine: pools, snapshots against policy, jobs and replication. Reads only.

use anyhow::{Context, Result};
use module_utils::ansible::fault::Fault;
use module_utils::ansible::module::{self, Program};
use module_utils::ansible::outcome::{Outcome, Shown};
use module_utils::ansible::task::Task;
use module_utils::exec::signals;
use module_utils::exec::timezone;
use module_utils::model::units::Span;
use module_utils::policy::request::{self, DatasetArg, Policies};
use module_utils::status::coverage::{Now, Said};
use module_utils::status::gather::{Request, gather};
use module_utils::status::model::{Limits, Part};
use module_utils::status::report::Status;
use module_utils::status::{metrics, nagios, said, text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str =
    "  --nagios        print one line with figures for Nagios and the like; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
  --only PARTS    with --nagios: only these, of pools,scrub,errors,capacity,snapshots,jobs,replication
                  Without FILE everything is looked at, by the policies of the jobs that are installed
";

fn main() -> ExitCode {
    let (front, rest) = Front::split(std::env::args_os().skip(1));
    let program = Program {
        name: "zfs_info",
        about: "says whether the ZFS backups of this host are fine",
        usage: USAGE,
        needs_no_file: true,
        failed: front.nagios.then_some(unknown),
    };
    module::main_as(program, rest, |args, task| run(args, task, &front))
}

fn unknown(why: &str) -> Shown {
    shown(nagios::unknown(why))
}

fn shown((text, status): (String, u8)) -> Shown {
    Shown { text, status }
}

/// How the answer is wanted, by options that only this program has.
#[derive(Debug)]
struct Front {
    nagios: bool,
    only: Option<Result<Vec<Part>, String>>,
}

impl Front {
    /// Takes them off the command line.
    fn split(mut words: impl Iterator<Item = OsString>) -> (Self, Vec<OsString>) {
        let mut front = Self { nagios: false, only: None };
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--nagios") => front.nagios = true,
                Some("--only") => front.only = Some(parts(words.next().as_deref().and_then(OsStr::to_str))),
                Some(text) if text.starts_with("--only=") => front.only = Some(parts(text.strip_prefix("--only="))),
                _ => rest.push(word),
            }
        }
        (front, rest)
    }

    /// The parts to judge; none for those that the options ask for.
    fn parts(&self) -> Result<Option<Vec<Part>>, String> {
        match &self.only {
            None => Ok(None),
            Some(_) if !self.nagios => Err("--only goes with --nagios; see --help".to_owned()),
            Some(only) => only.clone().map(Some),
        }
    }
}

fn parts(list: Option<&str>) -> Result<Vec<Part>, String> {
    let known = Part::ALL.map(Part::word).join(",");
    let list = list.ok_or_else(|| format!("--only wants parts, of {known}"))?;
    let part = |word: &str| Part::from_word(word).ok_or_else(|| format!("--only: {word:?} is none of {known}"));
    list.split(',').map(part).collect()
}

/// The options of the module. Their doc comments are what `ansible-doc` shows.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "argspec", schemars(extend("required_by" = {
    "policies": ["datasets"], "prefix": ["datasets"], "frequently_minutes": ["datasets"],
    "skip_unchanged": ["datasets"], "replicas": ["datasets"]
})))]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Only these pools. One that is not imported is a problem. Without it, all that are imported and all that policies speak of.
    #[serde(default)]
    pools: Vec<String>,
    /// What to look at. What is not looked at is V(null) in the result and takes no time.
    #[serde(default = "everything")]
    parts: Vec<Wanted>,
    /// The datasets and their policies, as the filter P(ferro.zfs.zfs_datasets_with_policy#filter) returns them. Without it, what the jobs
    /// C(snapshot) and C(prune) say that are installed in O(option_folder).
    datasets: Option<Vec<DatasetArg>>,
    /// What each policy keeps, as in M(ferro.zfs.zfs_policy_snapshot). Added to the built-in policies.
    policies: Option<Policies>,
    /// How names of snapshots begin, V(autosnap) if not given.
    prefix: Option<String>,
    /// Length of the V(frequently) period in minutes, V(15) if not given.
    frequently_minutes: Option<u32>,
    /// Snapshots are taken only where something was written, so what was not written to is not overdue.
    skip_unchanged: Option<bool>,
    /// Datasets at and below which replicas of other hosts lie, whether they bear the mark of M(ferro.zfs.zfs_replicate) or not.
    replicas: Option<Vec<String>>,
    /// How many of its intervals the newest snapshot of an interval may be old.
    #[serde(default = "overdue_after")]
    overdue_after: u32,
    /// How old the last success of a job may be of which no timer of systemd says how often it runs. Where one does, it is twice that,
    /// and the delay that the timer allows.
    #[serde(default = "job_max_age")]
    job_max_age: Span,
    /// How old the last scrub of a pool may be.
    #[serde(default = "scrub_max_age")]
    scrub_max_age: Span,
    /// How old the newest snapshot may be that a target is known to have by its bookmark here, where there is a newer one.
    #[serde(default = "target_max_age")]
    target_max_age: Span,
    /// From this percentage on a full pool is a warning.
    #[serde(default = "capacity_warning")]
    capacity_warning: u32,
    /// From this percentage on it is critical.
    #[serde(default = "capacity_critical")]
    capacity_critical: u32,
    /// How long a pool may take to answer. A suspended one is not even asked.
    #[serde(default = "timeout")]
    timeout: Span,
    /// How long the listing of its snapshots may be silent.
    #[serde(default = "listing_timeout")]
    listing_timeout: Span,
    /// Folder with the options of jobs.
    #[serde(default = "option_folder")]
    option_folder: String,
    /// Folder with the results of jobs.
    #[serde(default = "result_folder")]
    result_folder: String,
}

/// What to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Wanted {
    /// Pools, their devices, scrubs, errors and space.
    Pools,
    /// Datasets, their space and keys.
    Datasets,
    /// Snapshots against policy, and what targets have confirmed.
    Snapshots,
    /// Jobs and how they went.
    Jobs,
    /// Each source with its target, and how new what is there is.
    Replication,
}

fn everything() -> Vec<Wanted> {
    vec![Wanted::Pools, Wanted::Datasets, Wanted::Snapshots, Wanted::Jobs, Wanted::Replication]
}

fn overdue_after() -> u32 {
    2
}

fn job_max_age() -> Span {
    Span::seconds(26 * 3_600)
}

fn scrub_max_age() -> Span {
    Span::seconds(40 * 86_400)
}

fn target_max_age() -> Span {
    Span::seconds(3 * 86_400)
}

fn capacity_warning() -> u32 {
    85
}

fn capacity_critical() -> u32 {
    95
}

fn timeout() -> Span {
    Span::seconds(10)
}

fn listing_timeout() -> Span {
    Span::seconds(600)
}

fn option_folder() -> String {
    "/etc/ferro-zfs".to_owned()
}

fn result_folder() -> String {
    "/var/lib/ferro-zfs".to_owned()
}

fn run(args: Args, task: Task, front: &Front) -> Result<Outcome> {
    signals::catch().context("signals cannot be caught")?;
    let (zone, warning) = timezone::local();
    let limits = args.limits();
    let parts = front.parts().map_err(Fault::InvalidOption)?.unwrap_or_else(|| args.parts());
    let now = Now { at: task.now.as_second(), zone };
    let request =
        args.into_request(now, front.only.is_some().then_some(parts.as_slice())).map_err(Fault::InvalidOption)?;
    let (facts, commands) = gather(&request);
    if let Some(signal) = signals::received() {
        anyhow::bail!("stopped by {signal}");
    }
    let status = Status::new(hostname(), facts, &limits, &parts);
    let mut body = Map::from_iter([("ferro_zfs".to_owned(), json!(status))]);
    if let Some(warning) = warning {
        body.insert("warnings".to_owned(), json!([warning]));
    }
    if task.verbosity >= 3 {
        body.insert("commands".to_owned(), json!(commands));
    }
    let shown = match (front.nagios, task.is_text()) {
        (true, _) => Some(shown(nagios::answer(&status, &limits))),
        (false, true) => Some(Shown { text: text::screen(&status, has_color()), status: 0 }),
        (false, false) => None,
    };
    Ok(Outcome { body, shown, metrics: Some(metrics::text(&status)), ..Outcome::default() })
}

/// On a terminal, unless <https://no-color.org> says otherwise.
fn has_color() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

impl Args {
    fn limits(&self) -> Limits {
        Limits {
            capacity_warning: u64::from(self.capacity_warning),
            capacity_critical: u64::from(self.capacity_critical),
            scrub_max_age: self.scrub_max_age.0.as_secs(),
            confirmed_max_age: self.target_max_age.0.as_secs(),
        }
    }

    /// The checks that what is looked at allows.
    fn parts(&self) -> Vec<Part> {
        let wanted = |part: &Part| match part {
            Part::Pools | Part::Scrub | Part::Errors | Part::Capacity => self.parts.contains(&Wanted::Pools),
            Part::Snapshots => self.parts.contains(&Wanted::Snapshots),
            Part::Jobs => self.parts.contains(&Wanted::Jobs),
            Part::Replication => self.parts.contains(&Wanted::Replication),
        };
        Part::ALL.into_iter().filter(wanted).collect()
    }

    /// Checks everything that can be checked without running a command. `only`: what is judged, which is all that is then looked at.
    fn into_request(self, now: Now, only: Option<&[Part]>) -> Result<Request, String> {
        if self.capacity_warning > self.capacity_critical {
            let (warning, critical) = (self.capacity_warning, self.capacity_critical);
            return Err(format!(
                "option capacity_warning: {warning} is more than capacity_critical, which is {critical}"
            ));
        }
        if self.overdue_after == 0 {
            return Err("option overdue_after: expected 1 or more, got 0".to_owned());
        }
        let wants = |wanted: Wanted, parts: &[Part]| match only {
            None => self.parts.contains(&wanted),
            Some(only) => only.iter().any(|part| parts.contains(part)),
        };
        Ok(Request {
            wants_pools: wants(Wanted::Pools, &[Part::Pools, Part::Scrub, Part::Errors, Part::Capacity]),
            wants_datasets: wants(Wanted::Datasets, &[Part::Pools, Part::Capacity]),
            wants_snapshots: wants(Wanted::Snapshots, &[Part::Snapshots]),
            wants_jobs: wants(Wanted::Jobs, &[Part::Jobs]),
            wants_replication: wants(Wanted::Replication, &[Part::Replication]),
            said: self.said()?,
            pools: self.pools,
            factor: f64::from(self.overdue_after),
            job_max_age: self.job_max_age.0.as_secs(),
            option_folder: PathBuf::from(self.option_folder),
            result_folder: PathBuf::from(self.result_folder),
            timeout: self.timeout.0,
            listing_timeout: self.listing_timeout.0,
            now,
        })
    }

    /// What the options say of snapshots; none where the installed jobs are asked.
    fn said(&self) -> Result<Option<Said>, String> {
        let Some(datasets) = &self.datasets else {
            let given = [
                ("policies", self.policies.is_some()),
                ("prefix", self.prefix.is_some()),
                ("frequently_minutes", self.frequently_minutes.is_some()),
                ("skip_unchanged", self.skip_unchanged.is_some()),
                ("replicas", self.replicas.is_some()),
            ];
            return match given.into_iter().find(|(_, is_given)| *is_given) {
                Some((option, _)) => Err(format!("option {option}: it goes with datasets, which is not given")),
                None => Ok(None),
            };
        };
        let built_in = request::built_in();
        let table = request::table(datasets, self.policies.as_ref().unwrap_or(&built_in))?;
        let prefix = self.prefix.clone().unwrap_or_else(request::prefix);
        let frequently_minutes = self.frequently_minutes.unwrap_or_else(request::frequently_minutes);
        request::check_prefix(&prefix)?;
        request::check_frequently_minutes(frequently_minutes)?;
        Ok(Some(Said {
            taken: table.clone(),
            pruned: table,
            replicas: said::names(self.replicas.as_deref().unwrap_or_default())?,
            prefix,
            frequently_minutes,
            skip_unchanged: self.skip_unchanged.unwrap_or(false),
            factor: f64::from(self.overdue_after),
        }))
    }
}
