//! Grants users, groups and everyone just the ZFS permissions that they need, and takes away the rest.

use anyhow::{Error, Result};
use module_utils::ansible::module::{self, Outcome, Task};
use module_utils::delegate::execute::{self, Report};
use module_utils::delegate::request::{Given, Request};
use module_utils::exec::runner::Runner;
use module_utils::exec::signals;
use module_utils::model::permissions::Reach;
use module_utils::plan::{self, delegation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    module::main("zfs_delegate", "grants ZFS permissions to users and groups", run)
}

/// The options of the module. Their doc comments are what `ansible-doc` shows.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Datasets on which permissions are granted.
    dataset: Vec<String>,
    /// Users, by name or id. One of O(users), O(groups) and O(everyone) is needed, unless O(create_time) or O(sets) is given.
    #[serde(default)]
    users: Vec<String>,
    /// Groups, by name or id.
    #[serde(default)]
    groups: Vec<String>,
    /// Every user of the host.
    #[serde(default)]
    everyone: bool,
    /// Permissions such as V(send) or V(snapshot), properties such as V(compression), and sets such as V(@backup). The manual
    /// page C(zfs-allow) lists them.
    #[serde(default)]
    permissions: Vec<String>,
    /// Named lists of just the permissions that a job needs. They add to O(permissions).
    #[serde(default)]
    jobs: Vec<Job>,
    /// Where the permissions count.
    #[serde(default)]
    scope: Scope,
    /// Permissions that the maker of a new dataset gets on it (C(zfs allow -c)). With O(state=exact) an empty list leaves them as
    /// they are.
    #[serde(default)]
    create_time: Vec<String>,
    /// Permission sets: a dictionary of names, which start with C(@), and lists of permissions (C(zfs allow -s)). Sets that are
    /// not named stay as they are, whatever O(state) says. With O(state=absent) an empty list removes the whole set.
    #[serde(default)]
    sets: BTreeMap<String, Vec<String>>,
    /// What becomes of the permissions.
    #[serde(default)]
    state: State,
}

/// Permissions for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Job {
    /// The sending side of M(ferro.zfs.zfs_replicate): C(bookmark), C(destroy), C(hold), C(release) and C(send). Without C(mount)
    /// a user with C(destroy) can destroy bookmarks, but no snapshot and no dataset; so grant no job with C(mount) to the same user on
    /// the same datasets.
    ReplicateSource,
    /// The receiving side of M(ferro.zfs.zfs_replicate): C(canmount), C(create), C(hold), C(mount), C(readonly), C(receive), C(release)
    /// and C(userprop). What is received cannot be destroyed with it.
    ReplicateTarget,
    /// C(snapshot), for M(ferro.zfs.zfs_policy_snapshot).
    Snapshot,
    /// C(destroy) and C(mount), for M(ferro.zfs.zfs_prune). They are enough to destroy datasets, too.
    Prune,
}

/// Where permissions count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Scope {
    /// On the dataset and all below it.
    #[default]
    Both,
    /// On the dataset alone.
    Local,
    /// On what is below the dataset, now or later.
    Descendents,
}

/// What becomes of the permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum State {
    /// They are granted; what else is granted stays.
    #[default]
    Present,
    /// They are taken away. Without O(permissions) and O(jobs), all that those users, groups or everyone have in this scope.
    Absent,
    /// They are granted, and nothing else is granted on these datasets to those users, groups or everyone. Others keep what they have.
    Exact,
}

impl Args {
    fn into_given(self) -> Given {
        Given {
            datasets: self.dataset,
            users: self.users,
            groups: self.groups,
            everyone: self.everyone,
            permissions: self.permissions,
            jobs: self.jobs.into_iter().map(Job::known).collect(),
            reach: match self.scope {
                Scope::Both => Reach::BOTH,
                Scope::Local => Reach::LOCAL,
                Scope::Descendents => Reach::DESCENDENTS,
            },
            create_time: self.create_time,
            sets: self.sets,
            state: match self.state {
                State::Present => delegation::State::Present,
                State::Absent => delegation::State::Absent,
                State::Exact => delegation::State::Exact,
            },
        }
    }
}

impl Job {
    fn known(self) -> plan::jobs::Job {
        match self {
            Self::ReplicateSource => plan::jobs::Job::ReplicateSource,
            Self::ReplicateTarget => plan::jobs::Job::ReplicateTarget,
            Self::Snapshot => plan::jobs::Job::Snapshot,
            Self::Prune => plan::jobs::Job::Prune,
        }
    }
}

fn run(args: Args, task: Task) -> Result<Outcome> {
    signals::catch()?;
    let runner = Runner::default();
    let request = Request::new(args.into_given(), &runner).map_err(Error::msg)?;
    let reports = execute::run(&request, &runner, task.check_mode);
    let mut body = Map::new();
    let by_dataset = |lines: fn(&Report) -> &Vec<String>| -> Value {
        reports.iter().map(|report| (report.dataset.to_string(), json!(lines(report)))).collect::<Map<_, _>>().into()
    };
    body.insert("before".to_owned(), by_dataset(|report| &report.before));
    body.insert("after".to_owned(), by_dataset(|report| &report.after));
    for report in &reports {
        let changes = differences(report);
        if report.error.is_none() && changes.is_empty() {
            task.info(&format!("{}: as wanted", report.dataset));
        }
        for change in changes {
            task.info(&format!("{}: {change}", report.dataset));
        }
    }
    if task.diff {
        let text = |lines: &[String]| lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
        let diff = |report: &Report| {
            let header = format!("zfs allow {}", report.dataset);
            json!({"before_header": header, "before": text(&report.before), "after_header": header, "after": text(&report.after)})
        };
        body.insert(
            "diff".to_owned(),
            reports.iter().filter(|report| report.before != report.after).map(diff).collect(),
        );
    }
    let warnings: Vec<&String> = reports.iter().flat_map(|report| &report.warnings).collect();
    if !warnings.is_empty() {
        body.insert("warnings".to_owned(), json!(warnings));
    }
    if task.verbosity >= 3 {
        body.insert("commands".to_owned(), json!(runner.commands()));
    }
    let changed = reports.iter().any(|report| report.before != report.after);
    let failures: Vec<String> =
        reports.iter().filter_map(|report| Some(format!("{}: {}", report.dataset, report.error.as_ref()?))).collect();
    Ok(Outcome { changed, failure: (!failures.is_empty()).then(|| failures.join("\n")), body, ..Outcome::default() })
}

fn differences(report: &Report) -> Vec<String> {
    let lost = report.before.iter().filter(|line| !report.after.contains(line)).map(|line| format!("- {line}"));
    let won = report.after.iter().filter(|line| !report.before.contains(line)).map(|line| format!("+ {line}"));
    lost.chain(won).collect()
}
