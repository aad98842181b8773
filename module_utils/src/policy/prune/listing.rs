//! What the cheap columns of a listing tell: every snapshot with its order, every bookmark of a replication.

use super::Run;
use super::listed::Listed;
use crate::exec::runner::Failure;
use crate::model::DatasetName;
use crate::model::bookmark_name::BookmarkName;
use crate::plan::policy::Policy;
use crate::plan::reason::Reasons;
use std::collections::HashMap;

/// The datasets of a pool that are pruned.
#[derive(Debug)]
pub(super) struct Pool {
    /// Its name.
    pub(super) name: String,
    /// What was listed, to tell one listing from another.
    pub(super) view: String,
    /// The highest `createtxg` of a snapshot.
    pub(super) newest: Option<u64>,
    /// By name.
    pub(super) datasets: Vec<Found>,
}

/// A dataset that is pruned.
#[derive(Debug)]
pub(super) struct Found {
    /// Its path.
    pub(super) dataset: DatasetName,
    /// What it keeps.
    pub(super) policy: Policy,
    /// What it has.
    pub(super) listed: Listed,
    /// Its snapshots were taken by another host.
    pub(super) elsewhere: bool,
    /// What was found so far about its snapshots, oldest first.
    pub(super) verdicts: Option<Vec<Reasons>>,
}

impl Run<'_> {
    /// Lists a pool at these roots and below.
    pub(super) fn list(&mut self, pool: &str, roots: &[DatasetName]) -> Result<Pool, Failure> {
        let mut listed: HashMap<String, Listed> = HashMap::new();
        let mut newest = None;
        self.zfs.tree(roots, "filesystem,volume,snapshot,bookmark", "name,createtxg,numclones", &mut |fields| {
            let [name, createtxg, clones] = fields else { return None };
            let end = name.find(['@', '#']).unwrap_or(name.len());
            let entry = match listed.get_mut(&name[..end]) {
                Some(entry) => entry,
                None => listed.entry(name[..end].to_owned()).or_default(),
            };
            match name.as_bytes().get(end) {
                None => entry.exists = true,
                Some(b'@') => {
                    let createtxg = createtxg.parse().ok()?;
                    newest = newest.max(Some(createtxg));
                    entry.add(&name[end + 1..], createtxg, *clones != "0")?;
                }
                Some(_) if name[end + 1..].parse::<BookmarkName>().is_ok() => {
                    entry.bookmarks.push((name[end + 1..].to_owned(), createtxg.parse().ok()?));
                }
                Some(_) => {}
            }
            Some(())
        })?;
        listed.retain(|_, listed| listed.exists);
        let missing = self.request.table.datasets().filter(|name| name.pool() == pool);
        let missing = missing.filter(|name| !listed.contains_key(name.as_str()));
        for name in missing {
            self.pruned.warnings.about(name, "does not exist, so nothing is pruned there");
        }
        let mut datasets: Vec<Found> = Vec::new();
        for (name, listed) in listed {
            let Ok(dataset) = name.parse::<DatasetName>() else { continue };
            match self.request.table.of(&dataset).filter(|declared| declared.policy.autoprune) {
                Some(declared) => datasets.push(self.found(dataset, declared.policy, listed)),
                None => self.count_later(dataset, listed),
            }
        }
        datasets.sort_unstable_by(|a, b| a.dataset.as_str().cmp(b.dataset.as_str()));
        Ok(Pool { name: pool.to_owned(), view: fingerprint(roots), newest, datasets })
    }

    fn found(&self, dataset: DatasetName, policy: Policy, listed: Listed) -> Found {
        let elsewhere = self.request.replicas.iter().any(|replicas| dataset.below(replicas).is_some());
        Found { dataset, policy, listed, elsewhere, verdicts: None }
    }
}

/// A short name for a list of datasets: FNV-1a, which is the same in every version of this program.
fn fingerprint(roots: &[DatasetName]) -> String {
    let bytes = roots.iter().flat_map(|root| root.as_str().bytes().chain([b'\n']));
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn a_fingerprint_never_changes() {
        let roots = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<_>>();
        assert_eq!(fingerprint(&[]), "cbf29ce484222325");
        assert_eq!(fingerprint(&roots(&["a"])), "089bdc07b544e7b2");
        assert_ne!(fingerprint(&roots(&["a", "b"])), fingerprint(&roots(&["b", "a"])));
    }
}
