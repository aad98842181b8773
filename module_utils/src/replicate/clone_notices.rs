//! What is told of clones that do not land as such.

use super::gather::Sides;
use super::planned::Entry;
use super::request::Request;
use crate::model::DatasetName;
use crate::model::units::ByteSize;
use crate::plan::clones::origin_of;
use crate::plan::conflict::Names;
use crate::plan::transfer::Plan;
use crate::zfs::commands::Zfs;
use std::collections::{BTreeMap, HashMap};

/// What is told of clones that are sent whole: why, and what that costs where the source can tell.
#[must_use]
pub fn warnings(source: Zfs<'_>, entries: &[Entry<'_>]) -> Vec<String> {
    let mut by_reason: BTreeMap<String, Vec<(&DatasetName, String)>> = BTreeMap::new();
    for entry in entries {
        let (Some(reason), Ok(Plan::Send(transfer))) = (&entry.sent_whole, &entry.plan) else { continue };
        let Some(first) = transfer.steps.first() else { continue };
        let snapshot = format!("{}@{}", entry.source.name, first.to);
        by_reason.entry(reason.to_string()).or_default().push((&entry.source.name, snapshot));
    }
    let snapshots: Vec<String> = by_reason.values().flatten().map(|(_, snapshot)| snapshot.clone()).collect();
    let ask = |property| if snapshots.is_empty() { Ok(HashMap::new()) } else { source.numbers(property, &snapshots) };
    let costs = ask("referenced").and_then(|whole| Ok((whole, ask("written")?))).ok();
    let warning = |(reason, clones): (&String, &Vec<(&DatasetName, String)>)| {
        let names = Names(clones.iter().map(|(name, _)| name.to_string()).collect());
        let (are, they) =
            if clones.len() == 1 { ("is sent", "it is no clone") } else { ("are sent", "they are no clones") };
        let cost = costs.as_ref().map_or_else(String::new, |(whole, written)| {
            let sum = |all: &HashMap<String, u64>| {
                ByteSize(clones.iter().filter_map(|(_, snapshot)| all.get(snapshot)).sum())
            };
            format!(", which takes {} there where {} differ from the origin", sum(whole), sum(written))
        });
        format!("{names} {are} whole and {they} on the target{cost}: {reason}")
    };
    by_reason.iter().map(warning).collect()
}

/// What is told of datasets that are sent whole although the target has their snapshots, in the place of what has become their clone by
/// `zfs promote`: how to promote on the target, too.
#[must_use]
pub fn promoted(request: &Request, sides: &Sides, entries: &[Entry<'_>]) -> Vec<String> {
    let mut told = Vec::new();
    for clone in sides.sources.values() {
        let Some((name, snapshot)) = origin_of(clone) else { continue };
        let is_whole = |entry: &&Entry<'_>| {
            entry.source.name == name && matches!(&entry.plan, Ok(Plan::Send(transfer)) if transfer.is_whole())
        };
        let Some(entry) = entries.iter().find(is_whole) else { continue };
        let guid = entry.source.snapshots().find(|version| version.name == snapshot).map(|version| version.guid);
        let there = request.mapping.target_of(&clone.name).ok().and_then(|place| sides.targets.get(&place));
        let Some(there) = there.filter(|there| there.snapshots().any(|theirs| Some(theirs.guid) == guid)) else {
            continue;
        };
        told.push(format!(
            "{name} is sent whole, although {there} on the target has its snapshots: it was promoted (zfs promote). To promote it there, \
             too, instead of sending it, type there before the run: zfs clone -o canmount=off -o readonly=on '{there}@{snapshot}' \
             '{place}' && zfs promote '{place}'",
            there = there.name,
            place = entry.target,
        ));
    }
    told
}
