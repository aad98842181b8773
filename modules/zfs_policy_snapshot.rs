//! Takes the snapshots that are due by policy, all of a pool and interval at once.

use anyhow::{Context, Result};
use module_utils::ansible::cli::help::Usage;
use module_utils::ansible::cli::words::datasets_with_policies;
use module_utils::ansible::fault::Fault;
use module_utils::ansible::module::{self, Program};
use module_utils::ansible::outcome::{Outcome, diff};
use module_utils::ansible::task::Task;
use module_utils::exec::hook::HookOptions;
use module_utils::exec::lock;
use module_utils::exec::own_folder::own_folder;
use module_utils::exec::runner::Runner;
use module_utils::exec::signals;
use module_utils::exec::timezone;
use module_utils::model::DatasetName;
use module_utils::plan::jobs::Job;
use module_utils::plan::period::Interval;
use module_utils::plan::policy::Table;
use module_utils::plan::schedule::{Clock, Schedule};
use module_utils::policy::hooks::{self, ByDataset};
use module_utils::policy::kept;
use module_utils::policy::lines;
use module_utils::policy::permission;
use module_utils::policy::report;
use module_utils::policy::request::{self, DatasetArg, Policies, Which};
use module_utils::policy::snapshot::{OnMissing, Request, Taken, take};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    module::main(&PROGRAM, |args: Args, task| args.into_request(task, jiff::tz::TimeZone::UTC).map(drop), run)
}

const PROGRAM: Program = Program {
    name: "zfs_policy_snapshot",
    about: "takes the ZFS snapshots that are due by policy",
    spec: include_str!("spec/zfs_policy_snapshot.json"),
    words: datasets_with_policies,
    usage: Usage {
        lines: &[
            "[OPTION]... DATASET=POLICY...    'DATASET/**=POLICY' with all that lies below",
            "[OPTION]... [FILE]               FILE holds options as JSON, - is standard input; flags win",
        ],
        examples: &[
            (
                "--check 'tank/**=high'",
                "Shows which snapshots are due of tank and all below it, by the built-in policy high.",
            ),
            (
                "tank/home=mine --policies.mine hourly=48,daily=30",
                "Takes those of tank/home that are due by a policy of one's own.",
            ),
        ],
        own: &[],
    },
    needs_no_file: false,
    failed: None,
};

/// The options of the module. Their doc comments are what `ansible-doc` shows.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The datasets and their policies, as the filter P(ferro.zfs.zfs_datasets_with_policy#filter) returns them.
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "What")))]
    datasets: Vec<DatasetArg>,
    /// What each policy keeps: how many V(frequently), V(hourly), V(daily), V(weekly), V(monthly) and V(yearly) snapshots, whether
    /// they are taken (V(autosnap)) and pruned (V(autoprune)). Of an interval with a count of 0 none are taken.
    ///
    /// What is given here is added to the built-in policies, which are the default, or replaces those of the same name. A count
    /// that is left out is 0. Instead of a number, a span says as many as it has: V(48h) of V(hourly) are 48, V(1y) of V(monthly)
    /// are 12. V(autosnap) and V(autoprune) are true if left out, unless all counts are 0.
    #[serde(default = "request::built_in")]
    policies: Policies,
    /// Which intervals to look at. Each is taken where it is due: where its current period has no snapshot yet.
    #[serde(default = "due")]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "When")))]
    interval: Vec<Which>,
    /// Length of the V(frequently) period in minutes, from 1 to 1440, counted from midnight.
    #[serde(default = "request::frequently_minutes")]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "MINUTES")))]
    frequently_minutes: u32,
    /// How names begin. A name is C(PREFIX_YYYY-MM-DD_HH:MM:SS_INTERVAL).
    #[serde(default = "request::prefix")]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "How they are called")))]
    prefix: String,
    /// Names are in UTC instead of local time. Periods are always those of local time.
    #[serde(default)]
    utc: bool,
    /// Leave out datasets with nothing written since their newest snapshot.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "What is left out")))]
    skip_unchanged: bool,
    /// Take snapshots of replicas too: of what M(ferro.zfs.zfs_replicate) received, and of what lies below a parent that it made for that.
    /// A snapshot taken there parts the replica from its source, so that replication has to roll it back or stops. So without this
    /// option the task fails for a replica that O(datasets) lists, and leaves out one that was found below with a warning.
    #[serde(default)]
    snapshot_replicas: bool,
    /// What to make of a listed dataset that does not exist.
    #[serde(default)]
    on_missing: OnMissing,
    /// Commands to be run before and after the snapshots of a dataset, as to have a database write down all it has: by the dataset, which
    /// stands for all below it too that has no entry of its own. They run once for all snapshots there, and only where one is due.
    ///
    /// V(before) and V(after) are lists of words: a program by its full path, and its arguments. No shell reads them. V(after) is run
    /// whatever became of the snapshots and of V(before), which may have done half of its work. V(timeout) is how long each may take,
    /// V(60s) if it is left out; then it is ended with all that it started, and has failed. V(on_failure) is what that does: V(fail), the
    /// default, takes no snapshots there and lets the task fail after all others are done; V(skip) takes none, with a warning;
    /// V(continue) takes them all the same, with a warning.
    ///
    /// They find C(FERRO_ZFS_DATASET), C(FERRO_ZFS_SNAPSHOTS) (names without their dataset, one a line), C(FERRO_ZFS_PHASE) (C(before),
    /// C(after)) and, afterwards, C(FERRO_ZFS_OUTCOME) (C(taken), C(failed), C(not_taken)) in their environment.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Beside other programs")))]
    hooks: BTreeMap<String, HookOptions>,
}

fn due() -> Vec<Which> {
    vec![Which::Due]
}

fn run(args: Args, task: Task) -> Result<Outcome> {
    signals::catch().context("signals cannot be caught")?;
    let (zone, warning) = timezone::local();
    let request = args.into_request(task, zone).map_err(Fault::InvalidOption)?;
    let runner = Runner::default();
    // Two runs at once would both find the same snapshots due.
    let held = if task.check_mode {
        None
    } else {
        let path = own_folder().map_err(Fault::CannotStart)?.join("zfs_policy_snapshot.lock");
        let held =
            lock::acquire(&path, true).with_context(|| format!("the lock {} cannot be taken", path.display()))?;
        // It was waited for, so there is nobody else.
        held.ok()
    };
    let mut taken = take(&request, &runner, task.check_mode, &|line| task.info(line));
    permission::explain(&mut taken.failures, Job::Snapshot, &runner);
    drop(held);
    if let Some(warning) = warning {
        taken.warnings.add(warning);
    }
    for line in lines::created(&taken.created, task.check_mode, task.look.color) {
        task.row(&line);
    }
    Ok(outcome(&taken, &runner, task))
}

fn outcome(taken: &Taken, runner: &Runner, task: Task) -> Outcome {
    let created: Vec<String> = taken.created.iter().map(ToString::to_string).collect();
    let summary = json!({
        "datasets": taken.datasets,
        "created": created.len(),
        "left_out": taken.left_out.len(),
        "failed": report::failed_datasets(&taken.failures),
    });
    let outcome = Outcome::new(!created.is_empty(), report::message(&taken.failures))
        // Not `skipped`, which Ansible takes for a task that was skipped.
        .with("left_out", json!(taken.left_out))
        .with("failures", json!(report::list(&taken.failures)))
        .with("summary", summary)
        .closing(lines::closing_of_taken(taken, task.check_mode))
        .told(task, runner, &taken.warnings.lines(), || diff("", &[], &created))
        .with("created", created);
    let outcome = if taken.hooks.is_empty() { outcome } else { outcome.with("hooks", json!(taken.hooks)) };
    if task.keeps_result { outcome.leaving("kept", kept::shown(&taken.left, runner)) } else { outcome }
}

fn hooks(options: &BTreeMap<String, HookOptions>, table: &Table) -> Result<ByDataset, String> {
    let read = |(place, options): (&String, &HookOptions)| {
        let wrong = |error: String| format!("option hooks.{place}: {error}");
        let dataset: DatasetName = place.parse().map_err(|error| wrong(format!("{error}")))?;
        Ok((dataset, options.hooks().map_err(wrong)?))
    };
    let hooks = options.iter().map(read).collect::<Result<_, String>>()?;
    hooks::check(&hooks, table)?;
    Ok(hooks)
}

impl Args {
    /// Checks everything that can be checked without running a command.
    fn into_request(self, task: Task, zone: jiff::tz::TimeZone) -> Result<Request, String> {
        request::check_prefix(&self.prefix)?;
        request::check_frequently_minutes(self.frequently_minutes)?;
        if self.interval.is_empty() {
            return Err("option interval: expected due, or at least one interval, got none".to_owned());
        }
        let table = request::table(&self.datasets, &self.policies, self.frequently_minutes)?;
        let hooks = hooks(&self.hooks, &table)?;
        let wanted = |interval: &Interval| self.interval.iter().any(|which| which.includes(*interval));
        let clock = Clock { now: task.now, zone, utc_names: self.utc, frequently_minutes: self.frequently_minutes };
        Ok(Request {
            table,
            intervals: Interval::ALL.into_iter().filter(wanted).collect(),
            schedule: Schedule::new(clock),
            prefix: self.prefix,
            skip_unchanged: self.skip_unchanged,
            snapshot_replicas: self.snapshot_replicas,
            on_missing: self.on_missing,
            hooks,
            counts: task.keeps_result,
        })
    }
}
