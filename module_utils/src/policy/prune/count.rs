//! Counts what is left, from the listing that judged it.

use super::Run;
use super::listed::Listed;
use crate::model::{DatasetName, ShortName};
use crate::plan::naming;
use crate::policy::kept::Counted;
use std::collections::{HashMap, HashSet};

impl Run<'_> {
    /// Keeps what was listed of a dataset until it is known what of it has gone.
    pub(super) fn count_later(&mut self, dataset: DatasetName, listed: Listed) {
        if self.request.counts {
            self.listed.push((dataset, listed));
        }
    }

    /// Counts what was listed and has not gone.
    pub(super) fn count(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        let mut gone: HashMap<&DatasetName, HashSet<&str>> = HashMap::new();
        // In check mode nothing has gone.
        for (dataset, names) in self.pruned.destroyed.iter().filter(|_| !self.check) {
            gone.entry(dataset).or_default().extend(names.iter().map(ShortName::as_str));
        }
        for (dataset, mut listed) in listed.into_iter().filter(|(dataset, _)| !self.pruned.vanished.contains(dataset)) {
            let gone = gone.get(&dataset);
            let mut counted = Counted::default();
            for snapshot in listed.sorted().iter().filter(|it| gone.is_none_or(|gone| !gone.contains(it.name))) {
                counted.add(snapshot.name, &naming::parse(self.request.names.prefix(), snapshot.name));
            }
            self.pruned.left.insert(dataset.to_string(), counted);
        }
    }
}
