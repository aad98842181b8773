//! Datasets that were listed, and that some command did not find any more.

use super::Run;
use crate::exec::signals;
use crate::model::DatasetName;
use crate::policy::refusal::Refusal;
use crate::policy::report::Failed;

impl Run<'_> {
    /// What was found below a listed one and is gone by now has not failed: it is no longer among what was asked for. What was
    /// listed itself is missed. Costs nothing where everything was found.
    pub(super) fn find_vanished(&mut self) {
        let missed: Vec<DatasetName> = std::mem::take(&mut self.missed).into_iter().collect();
        if missed.is_empty() || signals::received().is_some() {
            return;
        }
        let names: Vec<String> = missed.iter().map(ToString::to_string).collect();
        let there = match self.zfs.numbers("guid", &names) {
            Ok(there) => there,
            Err(failure) => return self.pruned.failures.push(Failed::command(missed, failure)),
        };
        for dataset in missed.into_iter().filter(|dataset| !there.contains_key(dataset.as_str())) {
            if self.request.table.declared(&dataset).is_some() {
                self.pruned.failures.push(Failed::refused(&dataset, Refusal::Vanished));
            } else {
                (self.tell)(&format!("{dataset}: vanished"));
                self.pruned.vanished.push(dataset);
            }
        }
    }
}
