//! Proves that replicas are what their sources are, block by block. Changes nothing but what it remembers.

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use module_utils::ansible::cli::help::Usage;
use module_utils::ansible::cli::words::sources_and_target;
use module_utils::ansible::fault::Fault;
use module_utils::ansible::module::{self, Program};
use module_utils::ansible::outcome::Outcome;
use module_utils::ansible::task::Task;
use module_utils::exec::connections::Connections;
use module_utils::exec::lock;
use module_utils::exec::runner::Runner;
use module_utils::exec::signals;
use module_utils::exec::ssh::SshOptions;
use module_utils::model::glob::Globs;
use module_utils::model::units::{ByteSize, Span};
use module_utils::plan::deleted::DeletedDatasets;
use module_utils::replicate::chosen;
use module_utils::replicate::options::Select;
use module_utils::replicate::request::Request as Replication;
use module_utils::verify::execute::{self, Run};
use module_utils::verify::memory::Memory;
use module_utils::verify::report;
use module_utils::verify::request::{Budget, Request};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    module::main(&PROGRAM, check, run)
}

const PROGRAM: Program = Program {
    name: "zfs_verify",
    about: "proves that replicas of ZFS datasets are what their sources are",
    spec: include_str!("spec/zfs_verify.json"),
    words: sources_and_target,
    usage: Usage {
        lines: &[
            "[OPTION]... [[USER@]HOST:]SOURCE... [[USER@]HOST:]TARGET",
            "[OPTION]... [FILE]    FILE holds options as JSON, - is standard input; flags win",
        ],
        examples: &[
            ("root@nas:tank vault/replicas", "Compares tank on nas with vault/replicas/tank, and what is below."),
            ("--check root@nas:tank vault/replicas", "Says which snapshots would be compared, and how."),
            (
                "root@nas:tank vault/replicas --sample 100G --state-file /var/lib/verify.state",
                "Compares 100 GiB, and the next run what comes after.",
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
    /// Datasets that were replicated, as for M(ferro.zfs.zfs_replicate).
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Where", "metavar" = "DATASET")))]
    source: Vec<String>,
    /// Dataset below which their replicas are.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "DATASET")))]
    target: String,
    /// SSH destination of the host of the sources, such as V(backup@nas) or an alias of C(ssh_config). Omitted, they are on the managed
    /// host itself.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "[USER@]HOST")))]
    source_host: Option<String>,
    /// SSH destination of the host of the replicas. Omitted, they are on the managed host itself.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "[USER@]HOST")))]
    target_host: Option<String>,
    /// How to reach the remote side.
    #[serde(default)]
    ssh: SshOptions,
    /// Removed from each source path before it is appended to O(target), as when it was replicated.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "DATASET")))]
    strip_prefix: Option<String>,
    /// Also compare descendants.
    #[serde(default = "yes")]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "What is compared")))]
    recursive: bool,
    /// Not what O(source) names, only what lies below, as when it was replicated.
    #[serde(default)]
    children_only: bool,
    #[serde(default)]
    select: Select,
    /// Patterns over full source paths; a match leaves out that dataset and all below it, but for what O(source) names there. They are
    /// those of M(ferro.zfs.zfs_replicate).
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "PATTERN")))]
    exclude: Vec<String>,
    /// How many bytes are compared in a run, such as V(100G). The next run goes on where this one ends, also within a dataset, so that in
    /// time all is compared. Needs O(state_file). Omitted, every run compares everything.
    sample: Option<ByteSize>,
    /// After this time a run ends, and the next one goes on where it was. Needs O(state_file), too.
    timeout: Option<Span>,
    /// Path of a file that remembers when each replica was verified last, and how far the comparison is. Its folder must exist.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "FILE")))]
    state_file: Option<String>,
    /// Bytes per second that are read of each side, such as V(10M).
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Network, limits and faults")))]
    bandwidth_limit: Option<ByteSize>,
    /// A stream without a byte for this long counts as lost, and so does a command that lists something.
    #[serde(default = "stall_timeout")]
    stall_timeout: Span,
}

fn yes() -> bool {
    true
}

fn stall_timeout() -> Span {
    Span::seconds(600)
}

fn check(args: Args, task: Task) -> Result<(), String> {
    let runner = Runner::default();
    args.into_request(task.now, Instant::now(), &mut Connections::imagined(&runner)).map(drop)
}

fn run(args: Args, task: Task) -> Result<Outcome> {
    signals::catch().context("signals cannot be caught")?;
    let started = Instant::now();
    let runner = Runner::with_silence(args.stall_timeout.0);
    let mut connections = Connections::new(&runner);
    let hosts = [args.source_host.clone(), args.target_host.clone()];
    let request = args.into_request(task.now, started, &mut connections).map_err(Fault::InvalidOption)?;
    // Two runs at once would undo what the other remembers.
    let lock = request.state_file.as_ref().filter(|_| !task.check_mode).map(|path| path.with_added_extension("lock"));
    let held = lock.map(|lock| {
        lock::acquire(&lock, false).with_context(|| format!("the lock {} cannot be taken", lock.display()))
    });
    let _held = match held.transpose()? {
        None => None,
        Some(Ok(held)) => Some(held),
        Some(Err(other)) => bail!(Fault::Locked(format!("{other}. Wait for it, or choose another state_file"))),
    };
    let memory = request.state_file.as_deref().map(Memory::read).transpose().map_err(Fault::InvalidOption)?;
    let mut memory = memory.unwrap_or_default();
    let run = if task.check_mode {
        execute::check(&request, &memory, &runner)?
    } else {
        execute::verify(&request, &mut memory, &runner, &|line| task.info(line))?
    };
    Ok(outcome(&run, hosts, &runner, task, started))
}

fn outcome(run: &Run, hosts: [Option<String>; 2], runner: &Runner, task: Task, started: Instant) -> Outcome {
    let warnings: Vec<String> = runner.greetings().into_iter().chain(run.warnings.iter().cloned()).collect();
    let stopped = signals::received().map(|signal| format!("stopped by {signal}"));
    let [source_host, target_host] = hosts;
    Outcome::new(false, stopped.or_else(|| report::failure_message(&run.reports)))
        .with("datasets", json!(run.reports))
        .with("left_out", json!(chosen::left_out(&run.left_out)))
        .with("source_host", json!(source_host))
        .with("target_host", json!(target_host))
        .with("summary", json!(report::summary(&run.reports, started.elapsed().as_secs_f64())))
        .told(task, runner, &warnings, || json!({}))
}

impl Args {
    /// Checks everything that can be checked without running a command.
    fn into_request(self, now: Timestamp, started: Instant, connections: &mut Connections) -> Result<Request, String> {
        let (roots, mapping) =
            Replication::names(&self.source, &self.target, self.strip_prefix.as_deref(), self.recursive)?;
        let exclude = Globs::of_option("exclude", &self.exclude)?;
        let selection = Replication::selection(&self.select.properties, self.select.opt_in)?;
        Replication::goes_below(self.recursive, self.children_only, DeletedDatasets::Keep)?;
        let parts = [("sample", self.sample.is_some()), ("timeout", self.timeout.is_some())];
        if let (Some((option, _)), None) = (parts.iter().find(|(_, given)| *given), &self.state_file) {
            return Err(format!(
                "option {option}: without state_file every run would compare the same part; give the path of a file"
            ));
        }
        if self.sample.is_some_and(|sample| sample.0 == 0) {
            return Err("option sample: 0 bytes would compare nothing; leave it out to compare everything".to_owned());
        }
        Ok(Request {
            roots,
            named: self.source.iter().filter_map(|name| name.parse().ok()).collect(),
            mapping,
            source: connections
                .host(self.source_host.as_deref(), &self.ssh)
                .map_err(|e| format!("option source_host: {e}"))?,
            target: connections
                .host(self.target_host.as_deref(), &self.ssh)
                .map_err(|e| format!("option target_host: {e}"))?,
            recursive: self.recursive,
            exclude,
            selection,
            children_only: self.children_only,
            budget: Budget {
                sample: self.sample.map(|sample| sample.0),
                until: self.timeout.and_then(|timeout| started.checked_add(timeout.0)),
            },
            bandwidth_limit: self.bandwidth_limit.map(|limit| limit.0),
            stall: self.stall_timeout.0,
            state_file: self.state_file.map(PathBuf::from),
            now,
        })
    }
}
