//! Replicates datasets, each on its own, between pools and hosts: newest common snapshot to latest, verified by guid.

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use module_utils::ansible::cli::help::Usage;
use module_utils::ansible::cli::words::{one_dataset, sources_and_target};
use module_utils::ansible::fault::Fault;
use module_utils::ansible::module::{self, Program};
use module_utils::ansible::outcome::Outcome;
use module_utils::ansible::task::Task;
use module_utils::exec::connections::Connections;
use module_utils::exec::hook::HookOptions;
use module_utils::exec::lock::{self, Place};
use module_utils::exec::own_folder::own_folder;
use module_utils::exec::runner::Runner;
use module_utils::exec::signals;
use module_utils::exec::ssh::{MOST_LANES, SshOptions};
use module_utils::exec::turns::Turns;
use module_utils::model::code::Coded;
use module_utils::model::glob::Globs;
use module_utils::model::units::{ByteSize, Span};
use module_utils::plan::deleted::{DeletedDatasets, DeletedRules};
use module_utils::plan::renamed::Renamed;
use module_utils::plan::send_flags::SendFlags;
use module_utils::plan::wish::{Clones, Initial, OnDiverged, RawMode, Wish};
use module_utils::replicate::defaults::{buffer_size, deleted_after, max_delete, retries, retry_delay, stall_timeout};
use module_utils::replicate::execute::{self, Run};
use module_utils::replicate::hooked::Around;
use module_utils::replicate::lines::{Lines, Told};
use module_utils::replicate::options::{Compress, Concurrency, OnLocked, Placeholders, Select, Snapshots};
use module_utils::replicate::request::Request;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

#[path = "zfs_replicate/list.rs"]
mod list;
#[path = "zfs_replicate/watched.rs"]
mod watched;

fn main() -> ExitCode {
    let (lists, words): (Vec<_>, Vec<_>) = std::env::args_os().skip(1).partition(|word| word == "--list");
    if lists.is_empty() {
        return module::main_as(&PROGRAM, words, check, run);
    }
    module::main_as(&Program { words: one_dataset, ..PROGRAM }, words, list::check, list::run)
}

const PROGRAM: Program = Program {
    name: "zfs_replicate",
    about: "replicates ZFS datasets between pools and hosts",
    spec: include_str!("spec/zfs_replicate.json"),
    words: sources_and_target,
    usage: Usage {
        lines: &[
            "[OPTION]... [[USER@]HOST:]SOURCE... [[USER@]HOST:]TARGET",
            "[OPTION]... [FILE]    FILE holds options as JSON, - is standard input; flags win",
            "--list [[USER@]HOST:]TARGET    shows which replicas there are",
        ],
        examples: &[
            (
                "--check root@nas:tank vault/replicas",
                "Shows what a pull would do. tank lands at vault/replicas/tank, with the snapshots that it has: zfs \
                 snapshot -r takes them, or zfs_policy_snapshot.",
            ),
            ("tank/home --strip-prefix tank/home root@nas:vault/home", "Pushes tank/home to exactly vault/home."),
            (
                "root@nas:tank vault/replicas --exclude 'tank/cache/**' --bandwidth-limit 10M",
                "Leaves out what lies below tank/cache, and 10 MiB a second are enough.",
            ),
            (
                "--list vault/replicas",
                "Shows what there is below vault/replicas, how fresh, and whether it can be read.",
            ),
        ],
        own: &[("list", "Show the replicas at and below TARGET, and change nothing. Of the options it takes --ssh.")],
    },
    needs_no_file: false,
    failed: None,
};

/// The options of the module. Their doc comments are what `ansible-doc` shows.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Datasets on the sending side.
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Where", "metavar" = "DATASET")))]
    source: Vec<String>,
    /// Dataset below which they land. It must exist, unless O(strip_prefix) makes a source land exactly there.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "DATASET")))]
    target: String,
    /// SSH destination of the sending side, such as V(backup@nas) or an alias of C(ssh_config). Omitted, the sending side is
    /// the managed host itself. With O(source_host) alone the managed host pulls.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "[USER@]HOST")))]
    source_host: Option<String>,
    /// SSH destination of the receiving side. Omitted, the receiving side is the managed host itself. With O(target_host)
    /// alone the managed host pushes; with both, the stream is relayed through it.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "[USER@]HOST")))]
    target_host: Option<String>,
    /// How to reach the remote side.
    #[serde(default)]
    ssh: SshOptions,
    /// Removed from each source path before it is appended to O(target). Without it V(tank/data) lands at C(TARGET/tank/data);
    /// with V(tank) it lands at C(TARGET/data), with V(tank/data) at C(TARGET) itself.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "DATASET")))]
    strip_prefix: Option<String>,
    /// Also replicate descendants. They are discovered at run time and each is sent on its own, because histories may differ.
    #[serde(default = "yes")]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "What is sent")))]
    recursive: bool,
    /// Send what lies below each O(source), not that itself. It needs no snapshot then, and may be anything on the target.
    #[serde(default)]
    children_only: bool,
    #[serde(default)]
    select: Select,
    /// Patterns over full source paths; a match leaves out that dataset and all below it, but for what O(source) names there.
    ///
    /// A pattern is a glob: V(*) and V(?) stay within a component of the path, V(**) as a component stands for any number of
    /// them, also none, so V(tank/**/cache) matches C(tank/cache), too. V([a-z]), V([!a-z]) and V({a,b}) mean what they do in shells. Between
    /// slashes it is a regular expression that may match any part of the path, such as V(/^tank/vm-[0-9]+$/).
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "PATTERN")))]
    exclude: Vec<String>,
    /// Which snapshots are sent.
    #[serde(default)]
    snapshots: Snapshots,
    /// What a first replication sends.
    #[serde(default)]
    initial: Initial,
    /// Send every wanted snapshot; if false, only the latest.
    #[serde(default = "yes")]
    intermediates: bool,
    /// What becomes of clones (C(zfs clone)) that are new on the target; what has snapshots there goes on as it is. The origin is looked for where
    /// it lands or would; not only it counts, but the newest snapshot up to it that the target has. A clone has the key of its origin there.
    #[serde(default)]
    clones: Clones,
    /// Whether streams are raw, that is encrypted datasets stay encrypted on the way and on the target.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "How it is sent")))]
    raw: RawMode,
    /// With which flags what is not raw is sent. A raw stream has all of them of itself; where the target's pool lacks a feature that it
    /// needs, that dataset is refused. A stream that is resumed goes on as it began.
    #[serde(default)]
    send_flags: SendFlags,
    /// What to do where source and target have diverged: the target has snapshots of its own after the newest common one, was
    /// written to, or has nothing in common with the source.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "What becomes of the target")))]
    on_diverged: OnDiverged,
    /// Properties set on a dataset when it is received for the first time. Those that a dataset type does not have are left
    /// out for it.
    #[serde(default = "replica_properties")]
    receive_properties: BTreeMap<String, String>,
    /// Properties of the stream that are not taken over (C(zfs receive -x)).
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "PROPERTY")))]
    receive_exclude: Vec<String>,
    /// Take over properties of the datasets. Between two local pools all of them go along in the stream (C(zfs send -p)). Where one end is
    /// remote, only those are set that say how data is stored, such as C(compression), C(recordsize), C(xattr) and C(acltype): nothing that
    /// mounts, shares, limits or names a dataset comes from another host. Set others with O(receive_properties).
    #[serde(default)]
    send_properties: bool,
    /// Refuse before the first byte if data would land unencrypted.
    #[serde(default)]
    require_encrypted_target: bool,
    /// Whether placeholders, which are made where a dataset's own parents are missing on the target, are encrypted.
    #[serde(default)]
    placeholder_encryption: Placeholders,
    /// Leave a bookmark of the last replicated snapshot on the source, so that the snapshot can be pruned there. Older
    /// bookmarks of this module for the same target are removed. Without the permission to make bookmarks there is a warning.
    #[serde(default = "yes")]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "What is left for the next run")))]
    bookmarks: bool,
    /// Hold the newest common snapshot on both sides (C(zfs hold)), so that nobody can destroy it there, and release the one before.
    /// While snapshots are sent, all of them are held on the source.
    #[serde(default)]
    holds: bool,
    /// Receive in a way that can be resumed (C(zfs receive -s)), and resume what an interrupted run left, where it still fits.
    /// A pool without the feature C(extensible_dataset) cannot keep it.
    #[serde(default = "yes")]
    resume: bool,
    /// Compress streams on their way. Not between two local pools. ZFS sends blocks that are stored compressed as they are, and
    /// encrypted ones cannot be compressed, so it pays for plain data on a slow line.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Network, limits and faults")))]
    compress: Compress,
    /// Bytes per second for the whole run, such as V(10M).
    bandwidth_limit: Option<ByteSize>,
    /// How much is buffered in front of the receiver where one end is remote; only root may go beyond
    /// C(/proc/sys/fs/pipe-max-size). Between two local pools at most V(1M) is used, because more would be slower.
    #[serde(default = "buffer_size")]
    buffer_size: ByteSize,
    /// Streams that flow at once, at most 32, parents before their children. Each has connections of its own. Over ssh the next ones are
    /// made ready meanwhile, where streams are short.
    #[serde(default = "module_utils::replicate::options::one")]
    parallel: usize,
    /// How often a lost connection or a stalled stream is tried again. Each time is planned anew from what is really there.
    #[serde(default = "retries")]
    retries: u32,
    /// Time between two tries.
    #[serde(default = "retry_delay")]
    retry_delay: Span,
    /// A stream without a byte for this long counts as lost, and so does a command that lists or tells something. ZFS prints nothing
    /// until it has sorted all snapshots, which takes it minutes where there are a million.
    #[serde(default = "stall_timeout")]
    stall_timeout: Span,
    /// Path of a file that tells how far the run is, as JSON, rewritten about once a second and removed at the end: C(bytes),
    /// C(bytes_estimated), C(percent), C(rate) in bytes per second, C(eta) in seconds, how many datasets are C(done) C(of) all, C(lanes) with
    /// each stream that flows, C(line) for people. Run from a terminal, or with C(-v), the task itself shows the line every few seconds.
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Beside other programs", "metavar" = "FILE")))]
    progress_file: Option<String>,
    /// What to do where a source was renamed, so that its replica has another name than its place. That it is its replica is told by guids.
    #[serde(default)]
    renamed: Renamed,
    /// What to do with replicas whose sources are gone from the sending side. Whatever removes them acts on what lies below a source only,
    /// never on a source's own replica, and only where it is certain that the source is gone: this source has fed the replica in a run
    /// with this option, and still has something that it feeds; its name is not excluded; no dataset there has its guid or its snapshots.
    /// It needs two runs at least: the first notes down on the replica that the source is missing, and a source that is back ends that.
    #[serde(default)]
    deleted_datasets: DeletedDatasets,
    /// How long a source must have been missing, by what is noted down on its replica, before O(deleted_datasets) removes that.
    #[serde(default = "deleted_after")]
    deleted_after: Span,
    /// How many replicas O(deleted_datasets) may remove in one run. Where more are due, none is removed, and the task fails.
    #[serde(default = "max_delete")]
    max_delete: usize,
    /// Path of a lock file to be taken instead of the default lock, which keeps two runs of a user from landing at or below the same
    /// dataset of the same host; runs into different places do not wait for each other. It is a file in C(/run/ferro-zfs), for other
    /// users than root in C(/run/lock/ferro-zfs-UID), that names the places. Choose a folder that only the user of the run may write, or
    /// others could keep the run from its lock.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "FILE")))]
    lock: Option<String>,
    /// What to do while another run holds the lock.
    #[serde(default)]
    on_locked: OnLocked,
    /// Have this run wait for its turn where many start at the same time. The default lock excludes only runs into the same place.
    concurrency: Option<Concurrency>,
    /// Commands to be run where this module runs, before it looks at either side and after all else, while it holds the lock: to wake a
    /// host or to import a pool, and to undo that.
    ///
    /// Their environment tells what they are for, and afterwards how it went: C(docs/hooks.md) of the collection has the names. Check
    /// mode says what would be run, and runs none.
    #[serde(default)]
    hooks: HookOptions,
}

fn yes() -> bool {
    true
}

fn replica_properties() -> BTreeMap<String, String> {
    [("readonly", "on"), ("canmount", "off")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn check(args: Args, task: Task) -> Result<(), String> {
    let runner = Runner::default();
    args.into_request(task.now, &mut Connections::imagined(&runner)).map(drop)
}

fn run(mut args: Args, task: Task) -> Result<Outcome> {
    signals::catch().context("signals cannot be caught")?;
    let started = Instant::now();
    let runner = Runner::with_silence(args.stall_timeout.0);
    let mut connections = Connections::new(&runner);
    let lock = args.lock.as_ref().map(PathBuf::from);
    let (target_host, port) = (args.target_host.clone(), args.ssh.port);
    let on_locked = args.on_locked;
    let progress_file = args.progress_file.as_ref().map(PathBuf::from);
    let turns = args.concurrency.take().map(Turns::from);
    let note = |line: &str| task.info(line);
    let (ends, hosts) = ([args.source.join("\n"), args.target.clone()], [&args.source_host, &args.target_host]);
    let around = Around::new(&args.hooks, ends, hosts, &runner, &note).map_err(Fault::InvalidOption)?;
    let request = args.into_request(task.now, &mut connections).map_err(Fault::InvalidOption)?;
    let outcome = |run: &Run| watched::outcome(run, &runner, task, started);
    let lines = Lines::new(task.look);
    let tell = |told: Told<'_>| lines.of(told).iter().for_each(|line| task.row(line));
    if task.check_mode {
        let hooks = around.planned();
        return Ok(outcome(&Run { hooks, ..execute::check(&request, &runner, &tell)? }));
    }
    let wait = on_locked == OnLocked::Wait;
    let held = if let Some(path) = &lock {
        lock::acquire(path, wait).with_context(|| format!("the lock {} cannot be taken", path.display()))?
    } else {
        let places: Vec<Place> =
            request.targets().map(|target| Place::new(target_host.as_deref(), port, target)).collect();
        let folder = own_folder().map_err(Fault::CannotStart)?;
        let held = lock::acquire_places(&folder, "zfs_replicate", &places, wait);
        held.with_context(|| format!("no lock can be taken in {}", folder.display()))?
    };
    match (held, on_locked) {
        (Ok(_held), _) => {
            let _turn = turns.map(|turns| watched::turn(&turns, task)).transpose()?;
            Ok(outcome(&watched::replicate(&request, &runner, task, &tell, (&around, progress_file))?))
        }
        (Err(other), OnLocked::Skip) => {
            let locked = Fault::Locked(other.to_string());
            Ok(outcome(&Run::default()).skipped(locked.code(), &locked.to_string()))
        }
        (Err(other), _) => bail!(Fault::Locked(format!("{other}. Wait for it, or set on_locked to skip or wait"))),
    }
}

impl Args {
    /// What the options say about planning.
    fn wish(&self, now: Timestamp) -> Result<Wish, String> {
        Ok(Wish {
            include: Globs::of_option("snapshots.include", &self.snapshots.include)?,
            exclude: Globs::of_option("snapshots.exclude", &self.snapshots.exclude)?,
            newest: self.snapshots.newest.map(NonZeroUsize::get),
            since: self.snapshots.since.as_ref().map(|since| since.seconds(now)),
            initial: self.initial,
            latest_only: !self.intermediates,
            raw: self.raw,
            resume: self.resume,
            on_diverged: self.on_diverged,
            plain_placeholders: self.placeholder_encryption == Placeholders::Off,
            send_flags: self.send_flags,
            clones: self.clones,
        })
    }

    /// Checks everything that can be checked without running a command.
    fn into_request(self, now: Timestamp, connections: &mut Connections) -> Result<Request, String> {
        let (roots, mapping) =
            Request::names(&self.source, &self.target, self.strip_prefix.as_deref(), self.recursive)?;
        Request::receive_options(&self.receive_properties, &self.receive_exclude)?;
        let selection = Request::selection(&self.select.properties, self.select.opt_in)?;
        let wish = self.wish(now)?;
        let exclude = Globs::of_option("exclude", &self.exclude)?;
        let limit = self.bandwidth_limit.map(|limit| limit.0);
        let is_local = self.source_host.is_none() && self.target_host.is_none();
        if !(1..=MOST_LANES).contains(&self.parallel) {
            return Err(format!("option parallel: {} is not a number from 1 to {MOST_LANES}", self.parallel));
        }
        let zstd = self.compress == Compress::Zstd;
        if zstd && is_local {
            return Err("option compress: there is no wire between two local pools; leave it out".to_owned());
        }
        let deleted = DeletedRules { what: self.deleted_datasets, after: self.deleted_after.0, most: self.max_delete };
        Request::goes_below(self.recursive, self.children_only, deleted.what)?;
        let flow = Request::flow(self.buffer_size.0, limit, self.stall_timeout.0, zstd, (is_local, self.parallel));
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
            wish,
            receive_properties: self.receive_properties,
            receive_exclude: self.receive_exclude,
            send_properties: self.send_properties,
            require_encrypted_target: self.require_encrypted_target,
            bookmarks: self.bookmarks,
            holds: self.holds,
            parallel: self.parallel,
            flow,
            retries: self.retries,
            deleted,
            renamed: self.renamed,
            now,
            retry_delay: self.retry_delay.0,
        })
    }
}
