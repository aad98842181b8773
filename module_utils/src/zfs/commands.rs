//! The `zfs` commands that we use: built, run, read.

use super::allow::{self, Block};
use super::batches;
use super::parse::{self, Row};
use super::properties;
use super::versions;
use crate::exec::cmd::Cmd;
use crate::exec::foreign;
use crate::exec::limits::Expect;
use crate::exec::runner::{Attempt, Failure, Output, Runner};
use crate::exec::scripts::Script;
use crate::exec::ssh::Host;
use crate::exec::stderr::{Cause, only_missing, own};
use crate::model::marks::PLACEHOLDER;
use crate::model::permissions::Permissions;
use crate::model::{DatasetName, Kind, TokenContent, Version};
use std::collections::{HashMap, HashSet};

/// ZFS on one host.
#[derive(Clone, Copy, Debug)]
pub struct Zfs<'a> {
    /// The host.
    pub host: &'a Host,
    /// What runs the commands.
    pub runner: &'a Runner,
}

const CREATE_PARENT: &str = "create parent";
/// What it is called when a dataset takes the place of its placeholder.
pub const SWAP: &str = "replace placeholder";

/// What it is called when a target is set aside.
pub const SET_ASIDE: &str = "set aside";

/// What of many small things could not be done.
#[derive(Clone, Debug, Default)]
pub struct Unmet {
    /// Which of them.
    pub names: Vec<String>,
    /// What ZFS said, of all of them together.
    pub reasons: String,
}

/// Snapshots and bookmarks of each dataset, oldest first.
pub type Versions = HashMap<DatasetName, Vec<Version>>;

impl Zfs<'_> {
    /// Changes something.
    pub(super) fn run(&self, stage: &'static str, cmd: &Cmd) -> Result<Output, Failure> {
        self.runner.expect(Attempt { stage, host: self.host, cmd }, Expect::Change)
    }

    /// Asks for something, which has a line for each snapshot there is.
    pub(super) fn ask(&self, stage: &'static str, cmd: &Cmd) -> Result<Output, Failure> {
        self.runner.expect(Attempt { stage, host: self.host, cmd }, Expect::Listing)
    }

    /// Datasets at `roots`, and with `recursive` those below. A root that does not exist is left out.
    pub fn datasets(&self, roots: &[DatasetName], recursive: bool) -> Result<Vec<Row>, Failure> {
        self.datasets_with(roots, recursive, &[])
    }

    /// The same, with these user properties of theirs.
    pub fn datasets_with(
        &self,
        roots: &[DatasetName],
        recursive: bool,
        properties: &[String],
    ) -> Result<Vec<Row>, Failure> {
        if roots.is_empty() {
            // To `zfs list` that would mean all there are.
            return Ok(Vec::new());
        }
        let columns = [&[parse::DATASET_COLUMNS.to_owned()], properties].concat().join(",");
        let cmd = Cmd::new("zfs").args(["list", "-Hp", "-t", "filesystem,volume", "-o", &columns]);
        let cmd = if recursive { cmd.arg("-r") } else { cmd };
        let cmd = cmd.args(roots);
        let rows = self.list(&cmd, |stdout| parse::datasets(stdout, properties.len()))?;
        self.only_asked_for(&cmd, roots, recursive, rows.iter().map(|(dataset, _)| &dataset.name))?;
        Ok(rows)
    }

    /// Snapshots and bookmarks of the datasets at `roots`, and with `recursive` of those below.
    pub fn versions(&self, roots: &[DatasetName], recursive: bool) -> Result<Versions, Failure> {
        if roots.is_empty() {
            return Ok(Versions::new());
        }
        let cmd = Cmd::new("zfs").args(["list", "-Hp", "-t", "snapshot,bookmark", "-o", versions::COLUMNS]);
        let cmd = if recursive { cmd.arg("-r") } else { cmd.args(["-d", "1"]) };
        let cmd = cmd.args(roots);
        let mut listing = versions::Listing::default();
        self.rows(&cmd, versions::COLUMNS, &mut |fields| listing.row(fields))?;
        let versions = listing.sorted();
        self.only_asked_for(&cmd, roots, recursive, versions.keys())?;
        Ok(versions)
    }

    /// Whoever answers with what nobody asked for is no ZFS: none of it may be taken for something to be done.
    fn only_asked_for<'n>(
        &self,
        cmd: &Cmd,
        roots: &[DatasetName],
        recursive: bool,
        mut names: impl Iterator<Item = &'n DatasetName>,
    ) -> Result<(), Failure> {
        let roots: HashSet<&DatasetName> = roots.iter().collect();
        let is_below = |name: &DatasetName| recursive && name.ancestors().any(|above| roots.contains(&above));
        match names.find(|name| !roots.contains(name) && !is_below(name)) {
            None => Ok(()),
            Some(name) => {
                let words = format!("the answer has {name}, which was not asked for");
                Err(Attempt { stage: "list", host: self.host, cmd }.failure(None, words, Cause::Unexpected))
            }
        }
    }

    /// `zfs list` prints what exists even where one name does not, and exits with 1 then: that is an answer, not a failure.
    pub(super) fn list<T>(&self, cmd: &Cmd, read: impl Fn(&str) -> Result<T, parse::Unexpected>) -> Result<T, Failure> {
        let attempt = Attempt { stage: "list", host: self.host, cmd };
        let output = self.runner.output_of(attempt, Expect::Listing)?;
        let answered = output.status.success() || (output.status.code() == Some(1) && only_missing(&output.stderr));
        if !answered {
            return Err(attempt.failed(output.status, &output.stderr));
        }
        read(&output.stdout).map_err(|error| attempt.failure(None, error.to_string(), Cause::Unexpected))
    }

    /// A numeric property of datasets, snapshots or bookmarks. What has vanished meanwhile is left out.
    pub fn numbers(&self, property: &str, names: &[String]) -> Result<HashMap<String, u64>, Failure> {
        let mut all = HashMap::new();
        for batch in for_one_command(names) {
            let cmd = Cmd::new("zfs").args(["get", "-Hp", "-o", "name,value", property]).args(batch);
            let answers = self.list(&cmd, parse::numbers)?;
            all.extend(answers.into_iter().filter_map(|(name, value)| Some((name, value?))));
        }
        Ok(all)
    }

    /// What of the properties in [`properties::STORED`] is set on datasets themselves, or was received with them.
    pub fn stored_properties(&self, names: &[String]) -> Result<parse::Settings, Failure> {
        let mut all = parse::Settings::new();
        for batch in for_one_command(names) {
            let cmd = Cmd::new("zfs").args(["get", "-Hp", "-s", "local,received", "-o", "name,property,value"]);
            all.extend(self.list(&cmd.arg(properties::STORED.join(",")).args(batch), parse::settings)?);
        }
        Ok(all)
    }

    /// Which of these datasets are encrypted and have no key loaded.
    pub fn locked(&self, names: &[String]) -> Result<HashSet<String>, Failure> {
        let mut locked = HashSet::new();
        for batch in for_one_command(names) {
            let cmd =
                Cmd::new("zfs").args(["list", "-Hp", "-t", "filesystem,volume", "-o", "name,keystatus"]).args(batch);
            locked.extend(self.list(&cmd, parse::locked)?);
        }
        Ok(locked)
    }

    /// What all datasets of the host are called, by their guids.
    pub fn names_by_guid(&self) -> Result<HashMap<u64, String>, Failure> {
        let cmd = Cmd::new("zfs").args(["list", "-Hp", "-t", "filesystem,volume", "-o", "name,guid"]);
        let all = self.list(&cmd, parse::numbers)?;
        Ok(all.into_iter().filter_map(|(name, guid)| Some((guid?, name))).collect())
    }

    /// How many bytes `send` would send, where ZFS can tell.
    pub fn estimate(&self, send: &Cmd) -> Result<Option<u64>, Failure> {
        Ok(parse::estimate(&self.ask("estimate", send)?.stdout))
    }

    /// What the sending side makes of a resume token, or why it cannot use it; and how many bytes it stands for.
    pub fn token(&self, token: &str) -> Result<(Result<TokenContent, String>, u64), Failure> {
        let cmd = Cmd::new("zfs").args(["send", "-nvPt", token]);
        let attempt = Attempt { stage: "resume", host: self.host, cmd: &cmd };
        let output = self.runner.output_of(attempt, Expect::Answer)?;
        // Where it prints to differs: 2.1 and later use standard output with -n, older ones standard error.
        let all = format!("{}\n{}", output.stdout, own(&output.stderr));
        let bytes = parse::token_bytes(&all);
        if output.status.success() {
            return Ok((parse::token(&all).map_err(|error| error.to_string()), bytes));
        }
        let failure = attempt.failed(output.status, &output.stderr);
        match failure.cause {
            cause if cause.is_of_connection() => Err(failure),
            _ => {
                let reason = own(&output.stderr).lines().next().unwrap_or("the token is of no use").to_owned();
                Ok((Err(reason), bytes))
            }
        }
    }

    /// Creates an empty parent that is never mounted, and marks it as ours: with its name at once, and with its guid, which stays
    /// when it is renamed, as soon as it has one. Either tells a next run whose mark it is. With `plain` it is not encrypted,
    /// whatever is above it.
    pub fn create_parent(&self, name: &DatasetName, plain: bool) -> Result<(), Failure> {
        let marked = format!("{PLACEHOLDER}={name}");
        let cmd = Cmd::new("zfs").args(["create", "-u", "-o", "canmount=off", "-o", &marked]);
        let cmd = if plain { cmd.args(["-o", "encryption=off"]) } else { cmd };
        match self.run(CREATE_PARENT, &cmd.arg(name)) {
            Ok(_) => {}
            // Another run was faster.
            Err(failure) if failure.cause == Cause::AlreadyExists => return Ok(()),
            Err(failure) => return Err(failure),
        }
        let guids = self.numbers("guid", &[name.to_string()])?;
        guids.get(name.as_str()).map_or(Ok(()), |guid| self.mark_placeholder(name, *guid))
    }

    /// Marks a placeholder with its guid.
    pub fn mark_placeholder(&self, name: &DatasetName, guid: u64) -> Result<(), Failure> {
        let mark = format!("{PLACEHOLDER}={guid}");
        self.run(CREATE_PARENT, &Cmd::new("zfs").arg("set").arg(mark).arg(name)).map(drop)
    }

    /// Destroys a dataset that has nothing below it and no snapshot: anything else, ZFS refuses.
    pub fn destroy_placeholder(&self, name: &DatasetName) -> Result<(), Failure> {
        self.run(SWAP, &Cmd::new("zfs").arg("destroy").arg(name)).map(drop)
    }

    /// Throws away what an interrupted receive left.
    pub fn discard_partial(&self, name: &DatasetName) -> Result<(), Failure> {
        self.run("discard", &Cmd::new("zfs").args(["receive", "-A"]).arg(name)).map(drop)
    }

    /// Forgets that a dataset was a placeholder.
    pub fn unmark_placeholder(&self, name: &DatasetName) -> Result<(), Failure> {
        self.run("unmark", &Cmd::new("zfs").args(["inherit", PLACEHOLDER]).arg(name)).map(drop)
    }

    /// Takes a dataset back to its newest snapshot. Without `-r`: if there is a newer one after all, it fails.
    pub fn roll_back(&self, dataset: &DatasetName, snapshot: &str) -> Result<(), Failure> {
        self.run("roll back", &Cmd::new("zfs").arg("rollback").arg(format!("{dataset}@{snapshot}"))).map(drop)
    }

    /// Renames a dataset with all that is below it. Nothing is mounted by it.
    pub fn rename(&self, stage: &'static str, kind: Kind, from: &DatasetName, to: &DatasetName) -> Result<(), Failure> {
        let cmd = Cmd::new("zfs").arg("rename");
        // A volume is never mounted, and ZFS refuses the option for it.
        let cmd = if kind == Kind::Filesystem { cmd.arg("-u") } else { cmd };
        self.run(stage, &cmd.arg(from).arg(to)).map(drop)
    }

    /// Makes bookmarks: of `DATASET@SNAPSHOT` each `DATASET#BOOKMARK`. Gives those that could not be made, with the reasons of all.
    pub fn bookmark(&self, pairs: &[[String; 2]]) -> Result<Unmet, Failure> {
        let cost = |pair: &[String; 2]| quoted(&pair[0]) + quoted(&pair[1]);
        self.each(
            "bookmark",
            Script::Bookmark,
            batches::split(pairs, ONE_COMMAND, cost).into_iter().map(<[_]>::as_flattened),
        )
    }

    /// Destroys bookmarks, `DATASET#BOOKMARK`; nothing else can be destroyed this way. Gives those that stay, with the reasons of all.
    pub fn destroy_bookmarks(&self, names: &[String]) -> Result<Unmet, Failure> {
        self.each("remove bookmark", Script::RemoveBookmarks, for_one_command(names).into_iter())
    }

    fn each<'b>(
        &self,
        stage: &'static str,
        script: Script,
        batches: impl Iterator<Item = &'b [String]>,
    ) -> Result<Unmet, Failure> {
        let mut unmet = Unmet::default();
        for batch in batches {
            let output = self.run(stage, &script.of(batch))?;
            let names: Vec<String> = output.stdout.lines().map(foreign::clean).collect();
            if !names.is_empty() {
                unmet.names.extend(names);
                unmet.reasons.push_str(own(&output.stderr));
                unmet.reasons.push('\n');
            }
        }
        Ok(unmet)
    }

    /// Snapshots of the datasets at `roots`, and with `recursive` of those below, that bear the hold `tag`.
    pub fn held(&self, roots: &[DatasetName], recursive: bool, tag: &str) -> Result<Vec<String>, Failure> {
        if roots.is_empty() {
            return Ok(Vec::new());
        }
        let cmd = Cmd::new("zfs").args(["list", "-Hp", "-t", "snapshot", "-o", "name,userrefs"]);
        let cmd = if recursive { cmd.arg("-r") } else { cmd.args(["-d", "1"]) };
        let holds = self.list(&cmd.args(roots), parse::numbers)?;
        let held: Vec<String> =
            holds.into_iter().filter(|(_, count)| count.is_some_and(|count| count > 0)).map(|(name, _)| name).collect();
        self.holds(&held, tag)
    }

    /// Those of the snapshots that bear the hold `tag`.
    pub fn holds(&self, names: &[String], tag: &str) -> Result<Vec<String>, Failure> {
        let mut ours = Vec::new();
        for batch in for_one_command(names) {
            let cmd = Cmd::new("zfs").args(["holds", "-H"]).args(batch);
            ours.extend(self.list(&cmd, |stdout| parse::holds(stdout, tag))?);
        }
        Ok(ours)
    }

    /// Holds snapshots.
    pub fn hold(&self, tag: &str, names: &[String]) -> Result<(), Failure> {
        self.each_batch("hold", &Cmd::new("zfs").args(["hold", tag]), names)
    }

    /// Releases snapshots.
    pub fn release(&self, tag: &str, names: &[String]) -> Result<(), Failure> {
        self.each_batch("release", &Cmd::new("zfs").args(["release", tag]), names)
    }

    /// Runs `cmd` with all names, in as few commands as they fit into; every batch is tried, the first failure is given.
    fn each_batch(&self, stage: &'static str, cmd: &Cmd, names: &[String]) -> Result<(), Failure> {
        let batches = for_one_command(names).into_iter();
        let ended: Vec<_> = batches.map(|batch| self.run(stage, &cmd.clone().args(batch)).map(drop)).collect();
        ended.into_iter().collect()
    }

    /// What is granted on a dataset and above it, nearest first.
    pub fn grants(&self, dataset: &DatasetName) -> Result<Vec<Block>, Failure> {
        let cmd = Cmd::new("zfs").arg("allow").arg(dataset);
        let attempt = Attempt { stage: "read permissions", host: self.host, cmd: &cmd };
        let output = self.runner.run(attempt)?;
        allow::allow(&output.stdout, dataset)
            .map_err(|error| attempt.failure(None, error.to_string(), Cause::Unexpected))
    }

    /// The permissions that this ZFS knows.
    pub fn known_permissions(&self) -> Result<Permissions, Failure> {
        let cmd = Cmd::new("zfs").args(["allow", "-h"]);
        let attempt = Attempt { stage: "read permissions", host: self.host, cmd: &cmd };
        let output = self.runner.run(attempt)?;
        // Where the usage goes has changed over time.
        let all = format!("{}\n{}", output.stdout, own(&output.stderr));
        allow::known(&all).map_err(|error| attempt.failure(None, error.to_string(), Cause::Unexpected))
    }

    /// Grants or takes away: a command of [`allow::command`].
    pub fn delegate(&self, cmd: &Cmd) -> Result<(), Failure> {
        self.run("delegate", cmd).map(drop)
    }
}

/// Parts names so that each part fits into one command: behind ssh the whole command is one argument, and quoted.
pub(super) fn for_one_command(names: &[String]) -> Vec<&[String]> {
    batches::split(names, ONE_COMMAND, |name| quoted(name))
}

/// What names may take: the rest of the command, and ssh's own words, need some too.
pub(super) const ONE_COMMAND: usize = batches::ARGUMENT - 4 * 1024;

/// With a blank and quotes.
fn quoted(name: &str) -> usize {
    name.len() + 3
}
