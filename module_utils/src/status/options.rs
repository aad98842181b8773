//! What can be asked for: the options of `zfs_info`, which `zfs_monitor` has as well.

use super::assemble::Wish;
use super::coverage::Said;
use super::gather::Request;
use super::model::{Limits, Part};
use super::said;
use crate::model::units::Span;
use crate::policy::request::{self, DatasetArg, Policies};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The options. Their doc comments are what `ansible-doc` shows.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "argspec", schemars(extend("required_by" = {
    "policies": ["datasets"], "prefix": ["datasets"], "frequently_minutes": ["datasets"],
    "skip_unchanged": ["datasets"], "replicas": ["datasets"]
})))]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Only these pools. One that is not imported is a problem. Without it, all that are imported and all that policies speak of.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "What", "metavar" = "POOL")))]
    pools: Vec<String>,
    /// What to look at. What is not looked at is V(null) in the result and takes no time.
    #[serde(default = "everything")]
    parts: Vec<Wanted>,
    /// The datasets and their policies, as the filter P(ferro.zfs.zfs_datasets_with_policy#filter) returns them. Without it, what the jobs
    /// C(snapshot) and C(prune) say that are installed in O(option_folder).
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "By which policies")))]
    datasets: Option<Vec<DatasetArg>>,
    /// What each policy keeps, as in M(ferro.zfs.zfs_policy_snapshot). Added to the built-in policies.
    policies: Option<Policies>,
    /// How names of snapshots begin, V(autosnap) if not given.
    prefix: Option<String>,
    /// Length of the V(frequently) period in minutes, V(15) if not given.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "MINUTES")))]
    frequently_minutes: Option<u32>,
    /// Snapshots are taken only where something was written, so what was not written to is not overdue.
    skip_unchanged: Option<bool>,
    /// Datasets at and below which replicas of other hosts lie, whether they bear the mark of M(ferro.zfs.zfs_replicate) or not.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "DATASET")))]
    replicas: Option<Vec<String>>,
    /// How many of its intervals the newest snapshot of an interval may be old.
    #[serde(default = "overdue_after")]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Limits")))]
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
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "PERCENT")))]
    capacity_warning: u32,
    /// From this percentage on it is critical.
    #[serde(default = "capacity_critical")]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "PERCENT")))]
    capacity_critical: u32,
    /// How long a pool may take to answer. A suspended one is not even asked.
    #[serde(default = "timeout")]
    timeout: Span,
    /// How long the listing of its snapshots may be silent.
    #[serde(default = "listing_timeout")]
    listing_timeout: Span,
    /// Folder with the options of jobs.
    #[serde(default = "option_folder")]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Where to look", "metavar" = "FOLDER")))]
    option_folder: String,
    /// Folder with the results of jobs.
    #[serde(default = "result_folder")]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "FOLDER")))]
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

impl Options {
    /// From when on something is wrong.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            capacity_warning: u64::from(self.capacity_warning),
            capacity_critical: u64::from(self.capacity_critical),
            scrub_max_age: self.scrub_max_age.0.as_secs(),
            confirmed_max_age: self.target_max_age.0.as_secs(),
        }
    }

    /// The checks that what is looked at allows.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let wanted = |part: &Part| match part {
            Part::Pools | Part::Scrub | Part::Errors | Part::Capacity => self.parts.contains(&Wanted::Pools),
            Part::Snapshots => self.parts.contains(&Wanted::Snapshots),
            Part::Jobs => self.parts.contains(&Wanted::Jobs),
            Part::Replication => self.parts.contains(&Wanted::Replication),
        };
        Part::ALL.into_iter().filter(wanted).collect()
    }

    /// Checks everything that can be checked without running a command. `only`: what is judged, which is all that is then looked at.
    pub fn into_request(self, only: Option<&[Part]>) -> Result<Request, String> {
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
        let wish = Wish {
            wants_pools: wants(Wanted::Pools, &[Part::Pools, Part::Scrub, Part::Errors, Part::Capacity]),
            wants_datasets: wants(Wanted::Datasets, &[Part::Pools, Part::Capacity]),
            wants_snapshots: wants(Wanted::Snapshots, &[Part::Snapshots]),
            wants_jobs: wants(Wanted::Jobs, &[Part::Jobs]),
            wants_replication: wants(Wanted::Replication, &[Part::Replication]),
            said: self.said()?,
            pools: self.pools,
            factor: f64::from(self.overdue_after),
            job_max_age: self.job_max_age.0.as_secs(),
        };
        Ok(Request {
            wish,
            option_folder: PathBuf::from(self.option_folder),
            result_folder: PathBuf::from(self.result_folder),
            timeout: self.timeout.0,
            listing_timeout: self.listing_timeout.0,
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
        let prefix = self.prefix.clone().unwrap_or_else(request::prefix);
        let frequently_minutes = self.frequently_minutes.unwrap_or_else(request::frequently_minutes);
        let table = request::table(datasets, self.policies.as_ref().unwrap_or(&built_in), frequently_minutes)?;
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
