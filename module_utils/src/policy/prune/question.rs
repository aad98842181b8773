//! What is too dear to ask of every snapshot is asked of those that would go: whether they are held, and when they were created.

use super::{Doomed, Run};
use crate::exec::runner::Failure;
use crate::model::ShortName;
use crate::plan::arrivals::Evidence;
use crate::plan::naming::Name;
use crate::plan::reason::Reasons;
use crate::policy::report::Failed;
use crate::zfs::batches::{self, COMMAND, POINTER};
use std::collections::{HashMap, HashSet};

/// A snapshot that would go: which of the datasets, and its name.
type Item = (usize, ShortName);

/// The same with why it stays; without a reason it may go.
type Answer = (usize, ShortName, Reasons);

impl Run<'_> {
    /// Leaves out what stays for a reason that only the dear columns tell. As many are asked at once as a command holds.
    pub(super) fn without_held(&mut self, doomed: Vec<Doomed>) -> Vec<Doomed> {
        let dated = self.request.keep_after.is_some() || doomed.iter().any(|doomed| doomed.replica.is_some());
        let mut asked = Vec::new();
        let mut names: Vec<Item> = Vec::new();
        for (index, doomed) in doomed.into_iter().enumerate() {
            names.extend(doomed.names.into_iter().map(|name| (index, name)));
            asked.push(Doomed { names: Vec::new(), ..doomed });
        }
        let cost = |(index, name): &Item| asked[*index].dataset.as_str().len() + 1 + name.as_str().len() + POINTER;
        let mut failed = Vec::new();
        for batch in batches::split(&names, COMMAND, cost) {
            let (answers, result) = self.ask(&asked, batch, dated);
            if result.is_ok() {
                let answered: HashSet<usize> = answers.iter().map(|(index, ..)| *index).collect();
                let silent = batch.iter().map(|(index, _)| index).filter(|index| !answered.contains(index));
                self.missed.extend(silent.map(|index| asked[*index].dataset.clone()));
            }
            for (index, name, reasons) in answers {
                if reasons.is_empty() {
                    asked[index].names.push(name);
                } else {
                    self.keep(&asked[index].dataset, name.as_str(), reasons);
                }
            }
            if let Err(failure) = result {
                // Of these it is not known whether they are held, so none of them goes.
                let mut indices: Vec<usize> = batch.iter().map(|(index, _)| *index).collect();
                indices.dedup();
                let datasets = indices.iter().map(|index| asked[*index].dataset.clone()).collect();
                self.pruned.failures.push(Failed::command(datasets, failure));
                failed.extend(indices);
            }
        }
        for index in failed {
            asked[index].names.clear();
        }
        asked.retain(|doomed| !doomed.names.is_empty());
        asked
    }

    /// Asks about one batch; gives what was answered, also where not all was.
    fn ask(&self, asked: &[Doomed], batch: &[Item], dated: bool) -> (Vec<Answer>, Result<(), Failure>) {
        let full: Vec<String> = batch.iter().map(|(index, name)| format!("{}@{name}", asked[*index].dataset)).collect();
        let index: HashMap<&str, usize> =
            asked.iter().enumerate().map(|(index, doomed)| (doomed.dataset.as_str(), index)).collect();
        let mut answers = Vec::with_capacity(batch.len());
        let columns = if dated { "name,userrefs,creation" } else { "name,userrefs" };
        let result = self.zfs.snapshots(&full, columns, &mut |fields| {
            let (dataset, name) = fields.first()?.split_once('@')?;
            let index = *index.get(dataset)?;
            let mut reasons = Reasons::default();
            if *fields.get(1)? != "0" {
                reasons.insert(Reasons::HELD);
            }
            if dated {
                let creation = fields.get(2)?.parse().ok()?;
                if self.request.keep_after.is_some_and(|keep_after| creation > keep_after) {
                    reasons.insert(Reasons::KEEP_WITHIN);
                }
                if self.is_young(&asked[index], name, creation) {
                    reasons.insert(Reasons::TOO_YOUNG);
                }
            }
            answers.push((index, name.parse().ok()?, reasons));
            Some(())
        });
        (answers, result)
    }

    /// True for a replica's snapshot that is too young to go for lack of a place.
    fn is_young(&self, doomed: &Doomed, name: &str, creation: i64) -> bool {
        let Some(policy) = doomed.replica else { return false };
        let evidence = Evidence::default();
        let young = |interval| self.elsewhere(&evidence).is_young(policy, interval, creation);
        match self.request.names.parse(name) {
            Name::Ours(_, interval) => young(interval),
            Name::Dated(_) => {
                let claims = name.parse().ok().and_then(|name: ShortName| doomed.claims.get(&name).copied());
                claims.unwrap_or_default().iter().any(young)
            }
            Name::Foreign | Name::Unparsable => false,
        }
    }
}
