//! What replicas there are at and below a dataset: what each has, how old that is, and whether it can be read. Only asks.

pub mod screen;

use super::ages::age;
use crate::exec::failure::Failure;
use crate::exec::runner::Runner;
use crate::exec::ssh::Host;
use crate::model::{ARRIVING, Dataset, DatasetName, Kind};
use crate::replicate::refusal::Obstacle;
use crate::zfs::commands::Zfs;
use serde::Serialize;
use std::collections::HashMap;

/// A dataset at or below the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replica {
    /// Its path.
    pub dataset: String,
    /// A filesystem or a volume.
    pub kind: Kind,
    /// What it is there for.
    pub role: Role,
    /// The dataset that it is a replica of, where this host has that.
    pub source: Option<String>,
    /// The guid of that dataset, as text, where a mark on the replica tells it.
    pub source_guid: Option<String>,
    /// How many snapshots it has.
    pub snapshots: usize,
    /// The newest of them.
    pub newest: Option<Taken>,
    /// The oldest of them.
    pub oldest: Option<Taken>,
    /// Bytes that it takes, with all below it.
    pub used: Option<u64>,
    /// Bytes written to it since its newest snapshot: nothing but a receive should.
    pub written: u64,
    /// It is stored encrypted.
    pub encrypted: bool,
    /// The dataset whose key it is encrypted with.
    pub encryption_root: Option<String>,
    /// Whether that key is loaded; none where it is not encrypted.
    pub key_loaded: Option<bool>,
    /// An interrupted receive has left something there.
    pub partial: bool,
}

/// What a dataset is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It has what another dataset was sent.
    Replica,
    /// It holds others together, and was made by us without data.
    Placeholder,
    /// It has diverged, and made way.
    SetAside,
    /// It is arriving, to take the place beside it.
    Arriving,
    /// Nothing marks it.
    Unmarked,
}

/// A snapshot, and when it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// When, in seconds since 1970.
    pub created: Option<i64>,
    /// Seconds since then.
    pub age: Option<u64>,
}

/// Looks what there is at and below `target`, in the order of names.
pub fn look(runner: &Runner, host: &Host, target: &DatasetName, now: i64) -> Result<Vec<Replica>, Failure> {
    let zfs = Zfs { host, runner };
    let roots = std::slice::from_ref(target);
    let rows = zfs.datasets(roots, true)?;
    if rows.is_empty() {
        return Err(Failure::refusal("list", host, &Obstacle::NothingThere(target.clone())));
    }
    let mut versions = zfs.versions(roots, true)?;
    let mut datasets: Vec<(Dataset, bool)> =
        rows.into_iter().map(|(dataset, token)| (dataset, token.is_some())).collect();
    datasets.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    for (dataset, _) in &mut datasets {
        dataset.versions = versions.remove(&dataset.name).unwrap_or_default();
    }
    let names: Vec<String> = datasets.iter().map(|(dataset, _)| dataset.name.to_string()).collect();
    let used = zfs.numbers("used", &names)?;
    let ends: Vec<String> = datasets.iter().flat_map(|(dataset, _)| ends(dataset)).collect();
    let created = if ends.is_empty() { HashMap::new() } else { zfs.numbers("creation", &ends)? };
    let sources = sources(runner, &datasets);
    Ok(replicas(&datasets, &Answers { used, created, sources, now }))
}

/// Names of what this host has, by guid: replicas that were sent from here. Where it has no ZFS, that is nothing.
fn sources(runner: &Runner, datasets: &[(Dataset, bool)]) -> HashMap<u64, String> {
    if datasets.iter().all(|(dataset, _)| dataset.replica_of.is_none()) {
        return HashMap::new();
    }
    Zfs { host: &Host::Local, runner }.names_by_guid().unwrap_or_default()
}

/// The oldest and the newest snapshot, in full.
fn ends(dataset: &Dataset) -> Vec<String> {
    let full = |name: &str| format!("{}@{name}", dataset.name);
    let mut names: Vec<String> = dataset.snapshots().take(1).map(|first| full(&first.name)).collect();
    names.extend(dataset.snapshots().skip(1).last().map(|last| full(&last.name)));
    names
}

/// What was asked beside the listings.
#[derive(Debug, Default)]
struct Answers {
    used: HashMap<String, u64>,
    created: HashMap<String, u64>,
    sources: HashMap<u64, String>,
    now: i64,
}

/// Puts it together. Pure.
fn replicas(datasets: &[(Dataset, bool)], answers: &Answers) -> Vec<Replica> {
    let marks: HashMap<&DatasetName, Option<u64>> =
        datasets.iter().map(|(dataset, _)| (&dataset.name, dataset.replica_of)).collect();
    let replica = |(dataset, partial): &(Dataset, bool)| {
        // Children inherit the mark of what they lie below.
        let above = dataset.name.parent().and_then(|parent| marks.get(&parent).copied().flatten());
        let guid = dataset.replica_of.filter(|guid| Some(*guid) != above);
        let taken = |name: &str| {
            let created = answers.created.get(&format!("{}@{name}", dataset.name)).copied();
            let created = created.and_then(|seconds| i64::try_from(seconds).ok());
            Taken { name: name.to_owned(), created, age: created.map(|then| age(answers.now, then)) }
        };
        let name = dataset.name.to_string();
        Replica {
            kind: dataset.kind,
            role: role(dataset, guid),
            source: guid.and_then(|guid| answers.sources.get(&guid).cloned()),
            source_guid: guid.map(|guid| guid.to_string()),
            snapshots: dataset.snapshots().count(),
            newest: dataset.snapshots().last().map(|last| taken(&last.name)),
            oldest: dataset.snapshots().next().map(|first| taken(&first.name)),
            used: answers.used.get(&name).copied(),
            written: dataset.written,
            encrypted: dataset.encrypted,
            encryption_root: dataset.encryption_root.as_ref().map(ToString::to_string),
            key_loaded: dataset.encrypted.then_some(!dataset.locked),
            partial: *partial,
            dataset: name,
        }
    };
    datasets.iter().map(replica).collect()
}

fn role(dataset: &Dataset, source: Option<u64>) -> Role {
    let name = dataset.name.as_str();
    if dataset.placeholder {
        Role::Placeholder
    } else if name.contains(ARRIVING) {
        Role::Arriving
    } else if name.contains("_diverged_") {
        Role::SetAside
    } else if source.is_some() {
        Role::Replica
    } else {
        Role::Unmarked
    }
}

#[cfg(test)]
#[path = "replicas_tests.rs"]
mod tests;
