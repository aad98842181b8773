//! Keys that datasets inherit on the source: received raw one by one, each dataset has its own on the target. What makes them inherit
//! again there is told, never done: ZFS wants the keys for it, and a copy that still receives could lose its key by it (docs/replication.md).
//! Pure.

use super::gather::Sides;
use super::planned::Entry;
use super::report::DatasetReport;
use super::request::Request;
use crate::model::{Dataset, DatasetName};
use crate::plan::transfer::Plan;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A dataset of the target with a key of its own, whose source inherits that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heir {
    source: DatasetName,
    target: DatasetName,
    /// The dataset of the target whose key it would inherit.
    root: DatasetName,
    /// It arrives in this run.
    is_new: bool,
}

/// Datasets that could inherit the key of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyTree {
    /// That one.
    pub root: String,
    /// They themselves, parents before children.
    pub datasets: Vec<String>,
    /// What is typed on the target for it, the keys first.
    pub commands: Vec<String>,
}

/// Whose keys could be inherited once all has gone as planned.
#[must_use]
pub fn heirs(request: &Request, sides: &Sides, entries: &[Entry<'_>]) -> Vec<Heir> {
    let planned: BTreeMap<&DatasetName, &Entry<'_>> = entries.iter().map(|entry| (&entry.source.name, entry)).collect();
    // Whether what stands in the place of a source has its own key then, and is new. A clone has that of its origin, always.
    let own_key = |source: &Dataset| {
        let target = request.mapping.target_of(&source.name).ok()?;
        match planned.get(&source.name).map(|entry| &entry.plan) {
            Some(Ok(Plan::Send(transfer))) if transfer.is_first() => {
                (transfer.raw && transfer.origin.is_none()).then_some((target, true))
            }
            _ => {
                let there = sides.targets.get(&target)?;
                (there.is_encryption_root() && there.origin.is_none()).then_some((target, false))
            }
        }
    };
    let inherits = |place: &DatasetName, root: &DatasetName| {
        sides.targets.get(place).is_some_and(|there| there.encryption_root.as_ref() == Some(root))
    };
    let mut heirs: Vec<Heir> = Vec::new();
    let mut places = BTreeSet::new();
    for source in sides.sources.values().filter(|source| source.encrypted && !source.is_encryption_root()) {
        let root = source.encryption_root.as_ref().and_then(|root| sides.sources.get(root)).and_then(own_key);
        let (Some((root, _)), Some((target, is_new))) = (root, own_key(source)) else { continue };
        // `zfs change-key -i` takes the key of the dataset above, whatever that is.
        let Some(above) = target.parent() else { continue };
        if above == root || places.contains(&above) || inherits(&above, &root) {
            places.insert(target.clone());
            heirs.push(Heir { source: source.name.clone(), target, root, is_new });
        }
    }
    heirs
}

/// By their roots, without those that were to arrive and have not.
#[must_use]
pub fn trees(heirs: &[Heir], reports: &[DatasetReport]) -> Vec<KeyTree> {
    let failed: BTreeSet<&str> =
        reports.iter().filter(|report| report.error.is_some()).map(|report| report.source.as_str()).collect();
    let mut by_root: BTreeMap<&DatasetName, Vec<String>> = BTreeMap::new();
    for heir in heirs.iter().filter(|heir| !heir.is_new || !failed.contains(heir.source.as_str())) {
        by_root.entry(&heir.root).or_default().push(heir.target.to_string());
    }
    by_root.into_iter().map(|(root, datasets)| tree(root, datasets)).collect()
}

fn tree(root: &DatasetName, datasets: Vec<String>) -> KeyTree {
    let quoted = |name: &str| shell_words::quote(name).into_owned();
    let names: Vec<String> = datasets.iter().map(|name| quoted(name)).collect();
    let commands = vec![
        format!("zfs load-key -r {}", quoted(root.as_str())),
        format!("printf '%s\\n' {} | xargs -d '\\n' -n 1 zfs change-key -i", names.join(" ")),
    ];
    KeyTree { root: root.to_string(), datasets, commands }
}

#[cfg(test)]
mod tests {
    use super::{Heir, trees};
    use crate::exec::failure::Failure;
    use crate::exec::ssh::Host;
    use crate::model::DatasetName;
    use crate::replicate::refusal::Obstacle;
    use crate::replicate::report::{DatasetError, DatasetReport};

    #[test]
    fn commands_are_told_once_for_a_tree_and_only_of_what_has_arrived() {
        let name = |text: &str| text.parse::<DatasetName>().unwrap();
        let heir = |path: &str, is_new| Heir {
            source: name(&format!("t/{path}")),
            target: name(&format!("v/{path}")),
            root: name("v/e"),
            is_new,
        };
        let obstacle = Obstacle::OriginNotArrived(name("t/x"));
        let error = DatasetError::from(&Failure::refusal("send", &Host::Local, &obstacle));
        let failed = DatasetReport::of_error("t/e/c", "v/e/c", error);
        let told = trees(&[heir("e/a", false), heir("e/a/my b", true), heir("e/c", true)], &[failed]);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].datasets, ["v/e/a", "v/e/a/my b"]);
        assert_eq!(
            told[0].commands,
            ["zfs load-key -r v/e", "printf '%s\\n' v/e/a 'v/e/a/my b' | xargs -d '\\n' -n 1 zfs change-key -i"]
        );
    }
}
