//! Destroys the snapshots that no policy wants any more, and says of each other one why it stays.

use anyhow::{Context, Result};
use module_utils::ansible::cli::help::Usage;
use module_utils::ansible::cli::words::datasets_with_policies;
use module_utils::ansible::fault::Fault;
use module_utils::ansible::module::{self, Program};
use module_utils::ansible::outcome::{Outcome, diff};
use module_utils::ansible::task::Task;
use module_utils::exec::runner::{self, Runner};
use module_utils::exec::signals;
use module_utils::model::DatasetName;
use module_utils::model::glob::Globs;
use module_utils::model::units::Span;
use module_utils::plan::jobs::Job;
use module_utils::plan::names::Names;
use module_utils::plan::retain::MaxDestroy;
use module_utils::policy::kept;
use module_utils::policy::lines;
use module_utils::policy::permission;
use module_utils::policy::prune::{Kept, Pruned, Request, prune, state_folder};
use module_utils::policy::report;
use module_utils::policy::request::{self, DatasetArg, Policies};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::process::ExitCode;

fn main() -> ExitCode {
    module::main(&PROGRAM, |args: Args, task| args.into_request(task, runner::is_root()).map(drop), run)
}

const PROGRAM: Program = Program {
    name: "zfs_prune",
    about: "destroys the ZFS snapshots that no policy wants any more",
    spec: include_str!("spec/zfs_prune.json"),
    words: datasets_with_policies,
    usage: Usage {
        lines: &[
            "[OPTION]... DATASET=POLICY...    'DATASET/**=POLICY' with all that lies below",
            "[OPTION]... [FILE]               FILE holds options as JSON, - is standard input; flags win",
        ],
        examples: &[
            (
                "--check 'tank/**=high'",
                "Shows which snapshots of tank and all below it would go by the built-in policy high.",
            ),
            (
                "tank/home=high --protect 'manual_*' --keep-unreplicated",
                "Destroys neither those by hand nor what no target has yet.",
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
    /// they are taken (V(autosnap)) and pruned (V(autoprune)). Of an interval with a count of 0 none are kept.
    ///
    /// What is given here is added to the built-in policies, which are the default, or replaces those of the same name. A count
    /// that is left out is 0. Instead of a number, a span says as many as it has: V(48h) of V(hourly) are 48, V(1y) of V(monthly)
    /// are 12. V(autosnap) and V(autoprune) are true if left out, unless all counts are 0.
    #[serde(default = "request::built_in")]
    policies: Policies,
    /// How the names of snapshots begin that may be destroyed at all, besides O(other_names). They must be
    /// C(PREFIX_YYYY-MM-DD_HH:MM:SS_INTERVAL).
    #[serde(default = "request::prefix")]
    prefix: String,
    /// Names of other tools that count as ours do, together with them: by the name of the tool, or as a pattern. What no pattern
    /// matches as a whole, and what two read differently, stays.
    ///
    /// A tool is V(sanoid), V(pyznap), V(zfs-auto-snapshot), V(zfs_autobackup:NAME), V(zrepl) or V(truenas); behind a colon stands how
    /// names begin where that is not the tool's default, as in V(zrepl:pve_) or V(sanoid:old). A pattern has V(%Y), V(%m) and V(%d), maybe
    /// V(%H), V(%M), V(%S) and V(%f) (parts of a second), maybe C({interval}), and else what names have literally.
    ///
    /// A name without an interval counts for each interval of the policy of which it is the first of its period, by its date; or for one
    /// interval if that is said: V(zrepl=hourly).
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "TOOL|PATTERN")))]
    other_names: Vec<String>,
    /// Patterns over the names of snapshots, without their dataset, that are never destroyed: globs such as V(manual_*) or
    /// V({first,last}), or between slashes regular expressions that may match any part of the name, such as V(/_monthly$/).
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "What stays", "metavar" = "PATTERN")))]
    protect: Vec<String>,
    /// Never destroy what is newer than the last snapshot that M(ferro.zfs.zfs_replicate) finished sending. With several targets the one
    /// that is furthest behind counts. Of a dataset that it never sent anything of, all is kept.
    #[serde(default)]
    keep_unreplicated: bool,
    /// Nothing younger than this is destroyed, such as V(2d).
    keep_within: Option<Span>,
    /// Datasets at and below which the snapshots of other hosts land. Of these, what has no place by the count of its policy goes only
    /// when it is also older than that many of its interval, by its name, by its creation and by when it arrived here; and
    /// however many arrive at once, they take up no more places than what arrives in normal operation. So who sends them
    /// cannot have others destroyed by it. What M(ferro.zfs.zfs_replicate) received is known by a mark, also where it is not listed here.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "DATASET", "group" = "Replicas of other hosts")))]
    replicas: Vec<String>,
    /// Believe that snapshots of replicas arrived when their names say, instead of when they were first seen here. Meant for the
    /// first weeks with replicas that are older than the account of what arrived, if there is no room to keep the double.
    ///
    /// Whoever may send snapshots here can then, with made-up dates, have those destroyed that are older than the count of their
    /// interval. Those that are younger are safe all the same.
    #[serde(default)]
    trust_dates: bool,
    /// Length of the V(frequently) period in minutes where replicas were taken, from 1 to 1440.
    #[serde(default = "request::frequently_minutes")]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "MINUTES")))]
    frequently_minutes: u32,
    /// The most that may be destroyed of one dataset's snapshots: a number, or a percentage such as V(50%) of those with the
    /// prefix. Of a dataset where it would be more nothing is destroyed, and the task fails.
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Limits", "metavar" = "N|N%")))]
    max_destroy: Option<String>,
    /// Destroy with C(zfs destroy -d): a snapshot that is held meanwhile goes when it is released.
    #[serde(default)]
    defer: bool,
}

fn run(args: Args, task: Task) -> Result<Outcome> {
    signals::catch().context("signals cannot be caught")?;
    let request = args.into_request(task, runner::is_root()).map_err(Fault::InvalidOption)?;
    let runner = Runner::default();
    let mut pruned = prune(&request, &runner, task.check_mode, task.look.color, &|line| task.row(line));
    permission::explain(&mut pruned.failures, Job::Prune, &runner);
    for note in lines::notes(&pruned.unreplicated) {
        task.info(&note);
    }
    for (word, count) in &pruned.counted {
        task.info(&format!("{count} snapshots count by other_names: {word}"));
    }
    Ok(outcome(&pruned, &runner, task))
}

fn outcome(pruned: &Pruned, runner: &Runner, task: Task) -> Outcome {
    let full =
        pruned.destroyed.iter().flat_map(|(dataset, names)| names.iter().map(move |name| format!("{dataset}@{name}")));
    let destroyed: Vec<String> = full.collect();
    let summary = json!({
        "datasets": pruned.datasets,
        "destroyed": destroyed.len(),
        "kept": pruned.kept_count,
        "reclaim_bytes": pruned.reclaim_bytes,
        "failed": report::failed_datasets(&pruned.failures),
    });
    let outcome = Outcome::new(!destroyed.is_empty(), report::message(&pruned.failures))
        .with("unreplicated", json!(pruned.unreplicated))
        .with("vanished", pruned.vanished.iter().map(ToString::to_string).collect::<Vec<_>>())
        .with("failures", json!(report::list(&pruned.failures)))
        .with("summary", summary)
        .closing(lines::closing_of_pruned(pruned, task.check_mode))
        .told(task, runner, &pruned.warnings.lines(), || diff("", &destroyed, &[]))
        .with("destroyed", destroyed);
    let outcome = if pruned.counted.is_empty() { outcome } else { outcome.with("other_names", json!(pruned.counted)) };
    let outcome = if task.keeps_result { outcome.leaving("kept", kept::shown(&pruned.left, runner)) } else { outcome };
    if task.verbosity >= 1 { outcome.with("kept", pruned.kept.iter().map(shown).collect::<Vec<_>>()) } else { outcome }
}

fn shown(kept: &Kept) -> Value {
    let mut shown = json!({"snapshot": kept.snapshot, "reasons": kept.reasons.words()});
    if !kept.behind.is_empty() {
        shown["bookmarks"] = json!(kept.behind);
    }
    shown
}

impl Args {
    /// Checks everything that can be checked without running a command.
    fn into_request(self, task: Task, is_root: bool) -> Result<Request, String> {
        let now = task.now.as_second();
        request::check_prefix(&self.prefix)?;
        let max_destroy = self.max_destroy.as_deref().map(str::parse::<MaxDestroy>).transpose();
        request::check_frequently_minutes(self.frequently_minutes)?;
        let replicas = self.replicas.iter().map(|name| name.parse::<DatasetName>()).collect::<Result<_, _>>();
        let seconds = |span: Span| i64::try_from(span.0.as_secs()).unwrap_or(i64::MAX);
        let keep_after = self.keep_within.map(|span| now.saturating_sub(seconds(span)));
        Ok(Request {
            table: request::table(&self.datasets, &self.policies, self.frequently_minutes)?,
            names: Names::new(&self.prefix, &self.other_names)
                .map_err(|error| format!("option other_names: {error}"))?,
            protect: Globs::new(&self.protect).map_err(|error| format!("option protect: {error}"))?,
            keep_unreplicated: self.keep_unreplicated,
            replicas: replicas.map_err(|error| format!("option replicas: {error}"))?,
            trust_dates: self.trust_dates,
            frequently_minutes: self.frequently_minutes,
            now,
            state_folder: state_folder(is_root),
            keep_after,
            max_destroy: max_destroy.map_err(|error| format!("option max_destroy: {error}"))?,
            defer: self.defer,
            is_root,
            list_kept: task.verbosity >= 1,
            counts: task.keeps_result,
        })
    }
}
