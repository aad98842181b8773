//! Replicas whose source is gone: renamed, destroyed, or no longer below what is replicated.

use super::gather::Sides;
use super::report::Status;
use super::request::Request;
use crate::exec::failure::ErrorReport;
use crate::exec::runner::Failure;
use crate::model::{ARRIVING, DELETED, Dataset, DatasetName};
use crate::zfs::commands::Zfs;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A replica whose source is gone.
#[derive(Clone, Debug, Serialize)]
pub struct Orphan {
    /// Its path on the target.
    pub target: String,
    /// Bytes that it takes, with all below it.
    pub used: Option<u64>,
    /// What its source is called now, if that was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<String>,
    /// Its newest snapshot.
    pub snapshot: String,
    /// When that was taken, in seconds since 1970.
    pub created: Option<u64>,
    /// Seconds since then.
    pub age: Option<u64>,
    /// What becomes of it, where deletions are mirrored.
    #[serde(flatten)]
    pub deletion: Option<Deletion>,
}

/// What is done with a replica whose source is gone.
#[derive(Clone, Debug, Serialize)]
pub struct Deletion {
    /// What.
    pub action: Removed,
    /// How that ended.
    pub status: Status,
    /// Since when its source is known to be missing, in seconds since 1970.
    pub missing_since: Option<i64>,
    /// Why it stays, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<String>,
    /// Why it could not be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

/// What is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Removed {
    /// Nothing.
    Keep,
    /// It is noted down that its source is missing.
    Mark,
    /// It is renamed.
    SetAside,
    /// It is destroyed.
    Destroy,
}

impl Deletion {
    /// It was done, or in check mode would be.
    #[must_use]
    pub fn of(action: Removed, status: Status, missing_since: Option<i64>) -> Self {
        Self { action, status, missing_since, code: None, reason: None, set_aside: None, error: None }
    }

    /// In a few words.
    fn words(&self) -> String {
        let would = if self.status == Status::Planned { "would be " } else { "" };
        match (self.action, &self.reason, &self.set_aside) {
            (Removed::Keep, Some(reason), _) => format!("it stays: {reason}"),
            (_, Some(reason), _) => reason.clone(),
            (Removed::SetAside, _, Some(name)) => format!("{would}set aside as {name}"),
            (Removed::Destroy, ..) => format!("{would}destroyed"),
            (Removed::Mark, ..) => format!("{would}noted down"),
            _ => "it stays".to_owned(),
        }
    }
}

/// Replicas at or below the targets of the roots that belong to no source any more, with their newest snapshots.
#[must_use]
pub fn orphaned<'a>(request: &Request, sides: &'a Sides) -> Vec<&'a Dataset> {
    let target_of = |name: &DatasetName| request.mapping.target_of(name).ok();
    let roots: Vec<DatasetName> = request
        .roots
        .iter()
        .filter(|root| !sides.refused.iter().any(|(refused, _)| refused == *root))
        .filter_map(&target_of)
        .collect();
    let fed = fed(request, sides);
    let place = request.mapping.target.join(DELETED).ok();
    let ours = |dataset: &&Dataset| {
        let name = dataset.name.as_str();
        roots.iter().any(|root| dataset.name.below(root).is_some())
            && !fed.contains(&dataset.name)
            && !dataset.placeholder
            && dataset.snapshots().next().is_some()
            && !name.contains(ARRIVING)
            && !name.contains("_diverged_")
            && place.as_ref().is_none_or(|place| dataset.name.below(place).is_none())
    };
    if request.recursive { sides.targets.values().filter(ours).collect() } else { Vec::new() }
}

/// Places that have a source, whether it is sent or left out.
#[must_use]
pub fn fed(request: &Request, sides: &Sides) -> BTreeSet<DatasetName> {
    sides.listed.keys().filter_map(|name| request.mapping.target_of(name).ok()).collect()
}

/// The same, with their sizes and ages. What cannot be told is left out of them.
pub fn orphans(request: &Request, sides: &Sides, target: Zfs<'_>) -> Result<Vec<Orphan>, Failure> {
    let renamed = sides.renamed(request);
    let renamed: BTreeMap<&DatasetName, &DatasetName> =
        renamed.of.iter().map(|(source, pair)| (&pair.replica, source)).collect();
    let strayed = renamed.keys().filter(|replica| sides.strayed.contains(**replica));
    let mut orphaned = orphaned(request, sides);
    orphaned.extend(strayed.filter_map(|replica| sides.targets.get(*replica)));
    if orphaned.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = orphaned.iter().map(|dataset| dataset.name.to_string()).collect();
    let newest: Vec<(&DatasetName, String)> = orphaned
        .iter()
        .filter_map(|dataset| Some((&dataset.name, dataset.snapshots().next_back()?.name.clone())))
        .collect();
    let full: Vec<String> = newest.iter().map(|(dataset, snapshot)| format!("{dataset}@{snapshot}")).collect();
    let used = target.numbers("used", &names)?;
    let created = target.numbers("creation", &full)?;
    let now = u64::try_from(request.now.as_second()).unwrap_or_default();
    let orphan = |((dataset, snapshot), full): ((&DatasetName, String), String)| {
        let created = created.get(&full).copied();
        Orphan {
            renamed_to: renamed.get(dataset).map(ToString::to_string),
            used: used.get(dataset.as_str()).copied(),
            created,
            age: created.map(|created| now.saturating_sub(created)),
            target: dataset.to_string(),
            snapshot,
            deletion: None,
        }
    };
    Ok(newest.into_iter().zip(full).map(orphan).collect())
}

impl Orphan {
    /// One line for a person.
    #[must_use]
    pub fn line(&self) -> String {
        let size = self.used.map(|used| format!(", {}", crate::model::units::ByteSize(used))).unwrap_or_default();
        let age = self.age.map(|age| format!(", {} days old", age / 86_400)).unwrap_or_default();
        let (gone, stays) = match &self.renamed_to {
            Some(now) => (format!("its source is {now} now"), "it stays, while `renamed: follow` would rename it"),
            None => ("its source is gone".to_owned(), "it stays"),
        };
        let stays = self.deletion.as_ref().map_or_else(|| stays.to_owned(), Deletion::words);
        format!("{}: {gone}; {stays} (newest snapshot @{}{age}{size})", self.target, self.snapshot)
    }
}
