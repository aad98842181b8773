//! What is there to be compared, on both sides: a constant number of commands, whatever the number of datasets and snapshots.

use super::choose;
use super::memory::Memory;
use super::request::Request;
use crate::exec::runner::{Failure, Runner};
use crate::model::{Dataset, DatasetName};
use crate::plan::choice::{NotChosen, choose};
use crate::plan::swap::There;
use crate::replicate::listing::sides_of;
use crate::zfs::commands::Zfs;
use std::collections::HashMap;

/// Both sides.
#[derive(Debug, Default)]
pub struct Sides {
    /// What was replicated.
    pub sources: There,
    /// What is not to be replicated.
    pub not_chosen: NotChosen,
    /// Of the datasets that were named, those that are not there.
    pub missing: Vec<DatasetName>,
    /// Those that the gate there does not let us see.
    pub refused: Vec<(DatasetName, Failure)>,
    /// What is where the replicas are.
    pub targets: There,
    /// Places of replicas that the gate there does not let us see.
    pub refused_targets: Vec<(DatasetName, Failure)>,
    /// Sets of initialisation vectors of snapshots that may be compared as they are stored, by `DATASET@SNAPSHOT`; those of the source
    /// and those of the target.
    pub ivsets: [HashMap<String, u64>; 2],
}

/// Lists both sides at once.
pub fn gather(request: &Request, memory: &Memory, runner: &Runner) -> Result<Sides, Failure> {
    let source = Zfs { host: &request.source, runner };
    let target = Zfs { host: &request.target, runner };
    let places: Vec<DatasetName> =
        request.roots.iter().filter_map(|root| request.mapping.target_of(root).ok()).collect();
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| sides_of(target, &places, request.recursive, &[]));
        let ours = sides_of(source, &request.roots, request.recursive, &request.selection.properties);
        // A panic of the thread has been reported by the panic hook, which ends the process.
        (ours, theirs.join().unwrap_or_else(|_| Ok((There::new(), Vec::new()))))
    });
    let ((mut sources, refused), (targets, refused_targets)) = (ours?, theirs?);
    let is_refused = |root: &DatasetName| refused.iter().any(|(refused, _)| refused == root);
    let missing =
        request.roots.iter().filter(|root| !sources.contains_key(root) && !is_refused(root)).cloned().collect();
    let not_chosen = choose(request.choice(), &mut sources);
    let mut sides = Sides { sources, not_chosen, missing, refused, targets, refused_targets, ..Sides::default() };
    let (of_source, of_target) = encrypted(request, memory, &sides);
    sides.ivsets = [ivsets(source, &of_source)?, ivsets(target, &of_target)?];
    Ok(sides)
}

/// The snapshots to be compared where both sides are encrypted.
fn encrypted(request: &Request, memory: &Memory, sides: &Sides) -> (Vec<String>, Vec<String>) {
    let pair = |source: &Dataset| {
        let place = request.mapping.target_of(&source.name).ok()?;
        let target = sides.targets.get(&place).filter(|target| source.encrypted && target.encrypted)?;
        let pass = memory.of(source.name.as_str(), place.as_str()).pass;
        let common = choose::common(source, Some(target), place.as_str(), pass.as_ref()).ok()?;
        let named = |dataset: &DatasetName, snapshot: &str| format!("{dataset}@{snapshot}");
        Some((named(&source.name, &common.source.name), named(&place, &common.target.name)))
    };
    sides.sources.values().filter_map(pair).unzip()
}

fn ivsets(zfs: Zfs<'_>, names: &[String]) -> Result<HashMap<String, u64>, Failure> {
    if names.is_empty() { Ok(HashMap::new()) } else { zfs.numbers("ivsetguid", names) }
}
