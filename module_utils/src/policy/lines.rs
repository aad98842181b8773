//! What a person reads of snapshots that were taken or destroyed: a line for each dataset, and a last line that sums up. Pure.

use super::prune::{Pruned, Unreplicated};
use super::report::failed_datasets;
use super::snapshot::Taken;
use crate::model::units::ByteSize;
use crate::model::{DatasetName, SnapshotName};
use crate::plan::period::Interval;
use crate::terminal::table::{Cell, Columns, Tone, many};
use std::collections::BTreeMap;

/// A line for each dataset that got, or would get, snapshots.
#[must_use]
pub fn created(created: &[SnapshotName], check: bool, color: bool) -> Vec<String> {
    let mut by_dataset: BTreeMap<&DatasetName, Vec<&str>> = BTreeMap::new();
    for snapshot in created {
        by_dataset.entry(&snapshot.dataset).or_default().push(snapshot.name.as_str());
    }
    let word = if check { "would create" } else { "created" };
    let row = |(dataset, names): (&DatasetName, Vec<&str>)| {
        let (stem, intervals) = parted(&names);
        vec![Cell::new(word, Tone::Good), Cell::from(dataset.as_str()), Cell::from(stem), Cell::from(intervals)]
    };
    let rows: Vec<Vec<Cell>> = by_dataset.into_iter().map(row).collect();
    let columns = Columns::of(&rows);
    rows.iter().map(|row| columns.line(row, color)).collect()
}

/// What all names of a dataset begin with, and the intervals that they end with, the longest first as they were taken.
fn parted(names: &[&str]) -> (String, String) {
    let parts: Option<Vec<(&str, &str)>> = names
        .iter()
        .map(|name| {
            name.rsplit_once('_').filter(|(_, end)| Interval::ALL.iter().any(|interval| interval.to_string() == *end))
        })
        .collect();
    match parts {
        Some(parts) if parts.iter().all(|(stem, _)| *stem == parts[0].0) => {
            (format!("@{}", parts[0].0), parts.iter().map(|(_, interval)| *interval).collect::<Vec<_>>().join(" "))
        }
        _ => (format!("@{}", names.join(" @")), String::new()),
    }
}

/// The last line of a run that took snapshots.
#[must_use]
pub fn closing_of_taken(taken: &Taken, check: bool) -> (Tone, String) {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for without in &taken.left_out {
        *reasons.entry(&without.reason).or_default() += 1;
    }
    let reasons: Vec<String> = reasons.into_iter().map(|(reason, count)| format!("{count}: {reason}")).collect();
    let left_out = if reasons.is_empty() { String::new() } else { format!("; left out {}", reasons.join(", ")) };
    let what = if check { "to create" } else { "created" };
    let (head, tone, failed) = head(failed_datasets(&taken.failures), check);
    let (datasets, snapshots) = (many(taken.datasets, "dataset"), many(taken.created.len(), "snapshot"));
    (tone, format!("{head}: {datasets}, {snapshots} {what}{failed}{left_out}"))
}

fn head(failed: usize, check: bool) -> (&'static str, Tone, String) {
    match (failed, check) {
        (0, true) => ("check", Tone::Good, String::new()),
        (0, false) => ("done", Tone::Good, String::new()),
        (failed, _) => ("failed", Tone::Bad, format!(", {} failed", many(failed, "dataset"))),
    }
}

/// What else there is to know of a run that destroyed snapshots.
#[must_use]
pub fn notes(unreplicated: &[Unreplicated]) -> Vec<String> {
    let note = |Unreplicated { bookmark, snapshots, oldest }: &Unreplicated| {
        format!(
            "{snapshots} snapshots from @{oldest} on stay only because the target of {bookmark} has not got them yet; \
             if nothing feeds that any more: zfs destroy {bookmark}"
        )
    };
    unreplicated.iter().map(note).collect()
}

/// The last line of a run that destroyed snapshots.
#[must_use]
pub fn closing_of_pruned(pruned: &Pruned, check: bool) -> (Tone, String) {
    let count = pruned.destroyed.iter().map(|(_, names)| names.len()).sum();
    let what = if check { "to destroy" } else { "destroyed" };
    let frees = pruned.reclaim_bytes.map_or_else(String::new, |bytes| format!(", which frees {}", ByteSize(bytes)));
    let gone = if pruned.vanished.is_empty() {
        String::new()
    } else {
        format!(", {} gone meanwhile", many(pruned.vanished.len(), "dataset"))
    };
    let (head, tone, failed) = head(failed_datasets(&pruned.failures), check);
    let (datasets, snapshots) = (many(pruned.datasets, "dataset"), many(count, "snapshot"));
    (tone, format!("{head}: {datasets}, {snapshots} {what}{frees}, {} stay{gone}{failed}", pruned.kept_count))
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
