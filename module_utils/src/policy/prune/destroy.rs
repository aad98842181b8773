//! Destroys what was doomed: all of a pool at once where that can be, else one batch after the other.

use super::{Doomed, Run};
use crate::exec::signals;
use crate::exec::stderr::{Cause, complaints};
use crate::model::{DatasetName, ShortName, SnapshotName};
use crate::plan::reason::Reasons;
use crate::policy::gone::Gone;
use crate::policy::refusal::Refusal;
use crate::policy::report::Failed;
use crate::zfs::snapshots::batches_of;
use std::collections::HashMap;

impl Run<'_> {
    /// Says what would go, and how much that frees.
    pub(super) fn estimate(&mut self, doomed: Vec<Doomed>) {
        let mut sum = 0;
        for doomed in doomed {
            let mut frees = None;
            for batch in batches_of(&doomed.dataset, &doomed.names) {
                match self.zfs.reclaim(&doomed.dataset, batch) {
                    Ok(bytes) => *frees.get_or_insert(0) += bytes,
                    Err(failure) if matches!(failure.cause, Cause::DoesNotExist | Cause::NothingToDestroy) => {
                        self.missed.insert(doomed.dataset.clone());
                    }
                    Err(failure) => {
                        let warning = format!("would be pruned, but the estimate failed: {}", failure.reason());
                        self.pruned.warnings.about(&doomed.dataset, warning);
                    }
                }
            }
            sum += frees.unwrap_or(0);
            self.tell(&doomed, &doomed.names, frees);
            self.pruned.destroyed.push((doomed.dataset, doomed.names));
        }
        self.pruned.reclaim_bytes = Some(sum);
    }

    /// One command for each dataset, or where that would be many and we are root, a few for all.
    pub(super) fn destroy_of_pool(&mut self, doomed: &[Doomed]) {
        let may = self.request.is_root && doomed.len() > 1;
        let done = if may { self.by_program(doomed) } else { Vec::new() };
        for (index, doomed) in doomed.iter().enumerate() {
            if done.get(index) != Some(&doomed.names.len()) && signals::received().is_none() {
                self.destroy(doomed, done.get(index).copied().unwrap_or(0));
            }
        }
    }

    /// Gives how many snapshots of each dataset are done with, from the first on; where the program cannot run, that is none.
    fn by_program(&mut self, doomed: &[Doomed]) -> Vec<usize> {
        // All that one program does, one transaction group has to carry (openzfs/zfs#9934).
        const AT_ONCE: usize = 2000;
        let mut done = vec![0; doomed.len()];
        let all: Vec<(usize, SnapshotName)> = doomed
            .iter()
            .enumerate()
            .flat_map(|(index, doomed)| doomed.names.iter().map(move |name| (index, doomed, name)))
            .map(|(index, doomed, name)| (index, SnapshotName { dataset: doomed.dataset.clone(), name: name.clone() }))
            .collect();
        for batch in all.chunks(AT_ONCE) {
            let Some((_, first)) = batch.first() else { break };
            let names: Vec<&SnapshotName> = batch.iter().map(|(_, name)| name).collect();
            let result = self.zfs.destroy_of_pool(first.dataset.pool(), &names, self.request.defer);
            // What is wrong with it the plain command will say, or it will do it.
            let Ok(failed) = result else { break };
            for of_one in batch.chunk_by(|a, b| a.0 == b.0) {
                let (index, _) = of_one[0];
                done[index] += of_one.len();
                let gone: Vec<ShortName> = of_one
                    .iter()
                    .filter(|(_, snapshot)| self.is_gone(snapshot, failed.get(&snapshot.to_string()).copied()))
                    .map(|(_, snapshot)| snapshot.name.clone())
                    .collect();
                self.report(&doomed[index], gone);
            }
        }
        done
    }

    /// Judges what the program said of one snapshot.
    fn is_gone(&mut self, snapshot: &SnapshotName, errno: Option<i64>) -> bool {
        const ENOENT: i64 = 2;
        const EBUSY: i64 = 16;
        const EEXIST: i64 = 17;
        let (dataset, name) = (&snapshot.dataset, snapshot.name.as_str());
        match errno {
            None => return true,
            // Somebody else was faster.
            Some(ENOENT) => {
                self.missed.insert(dataset.clone());
            }
            Some(EBUSY) => self.keep(dataset, name, Reasons::HELD),
            Some(EEXIST) => self.keep(dataset, name, Reasons::CLONED),
            Some(errno) => {
                self.pruned.kept_count += 1;
                let (snapshot, errno) = (Box::new(snapshot.clone()), i32::try_from(errno).unwrap_or(0));
                self.pruned.failures.push(Failed::refused(dataset, Refusal::NotDestroyed { snapshot, errno }));
            }
        }
        false
    }

    fn destroy(&mut self, doomed: &Doomed, done: usize) {
        let mut gone = Vec::new();
        for batch in batches_of(&doomed.dataset, &doomed.names[done..]) {
            gone.extend(self.destroy_batch(&doomed.dataset, batch.to_vec()));
            if signals::received().is_some() {
                break;
            }
        }
        self.report(doomed, gone);
    }

    fn report(&mut self, doomed: &Doomed, gone: Vec<ShortName>) {
        if gone.is_empty() {
            return;
        }
        self.tell(doomed, &gone, None);
        match self.pruned.destroyed.last_mut().filter(|(dataset, _)| *dataset == doomed.dataset) {
            Some((_, names)) => names.extend(gone),
            None => self.pruned.destroyed.push((doomed.dataset.clone(), gone)),
        }
    }

    fn tell(&self, doomed: &Doomed, names: &[ShortName], frees: Option<u64>) {
        (self.tell)(&self.lines.line(&Gone { dataset: &doomed.dataset, names, own: doomed.own, frees }));
    }

    /// All or nothing, says ZFS: so whoever is in the way is left out, and the others are tried again.
    fn destroy_batch(&mut self, dataset: &DatasetName, mut batch: Vec<ShortName>) -> Vec<ShortName> {
        while !batch.is_empty() {
            let Err(failure) = self.zfs.destroy("destroy", dataset, &batch, self.request.defer) else { return batch };
            // Somebody else was faster.
            if failure.cause == Cause::NothingToDestroy {
                return Vec::new();
            }
            let blamed: HashMap<String, Reasons> = complaints(&failure.stderr)
                .filter_map(|it| Some((it.dataset?.strip_prefix(dataset.as_str())?.strip_prefix('@')?, it.cause)))
                .filter_map(|(name, cause)| Some((name.to_owned(), in_the_way(cause)?)))
                .collect();
            let before = batch.len();
            let (bad, good): (Vec<_>, Vec<_>) = batch.into_iter().partition(|name| blamed.contains_key(name.as_str()));
            batch = good;
            for name in bad {
                let reason = blamed.get(name.as_str()).copied().unwrap_or(Reasons::BUSY);
                self.keep(dataset, name.as_str(), reason);
            }
            if batch.len() == before {
                if failure.cause == Cause::DoesNotExist {
                    self.missed.insert(dataset.clone());
                } else {
                    self.pruned.kept_count += before;
                    self.pruned.failures.push(Failed::command(vec![dataset.clone()], failure));
                }
                return Vec::new();
            }
        }
        batch
    }
}

/// Why ZFS would not destroy a snapshot, where that is no failure.
fn in_the_way(cause: Cause) -> Option<Reasons> {
    match cause {
        Cause::Held => Some(Reasons::HELD),
        Cause::Cloned => Some(Reasons::CLONED),
        Cause::Busy => Some(Reasons::BUSY),
        _ => None,
    }
}
