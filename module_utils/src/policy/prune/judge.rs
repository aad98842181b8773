//! Which snapshots may go, by all that listings tell: their order, their names, where they come from and since when they are here.

use super::listing::{Found, Pool};
use super::{Doomed, Run, Unreplicated};
use crate::model::{DatasetName, ShortName};
use crate::plan::arrivals::Evidence;
use crate::plan::elsewhere::Elsewhere;
use crate::plan::names::{Claim, Intervals};
use crate::plan::policy::Policy;
use crate::plan::reason::Reasons;
use crate::plan::retain::{Rules, Snapshot, verdicts};
use crate::policy::report::Failed;
use std::collections::HashMap;

impl Run<'_> {
    /// What may go of all pools.
    pub(super) fn judge(&mut self, mut pools: Vec<Pool>) -> Vec<Doomed> {
        self.mark_replicas(&mut pools);
        let mut doomed = Vec::new();
        for pool in pools {
            let has_replicas = pool.datasets.iter().any(|found| found.elsewhere);
            let evidence = if has_replicas { self.arrivals(&pool) } else { Evidence::default() };
            doomed.extend(pool.datasets.into_iter().filter_map(|found| self.sort_out(found, &evidence)));
        }
        doomed
    }

    /// Finds out which of the datasets that would lose something are replicas. Those that lose nothing by the rule for what was
    /// taken here lose nothing by that for replicas.
    fn mark_replicas(&mut self, pools: &mut [Pool]) {
        let mut asked: Vec<&mut Found> = Vec::new();
        for found in pools.iter_mut().flat_map(|pool| &mut pool.datasets).filter(|found| !found.elsewhere) {
            let verdicts = self.verdicts(found, None);
            let loses = verdicts.iter().any(Reasons::is_empty);
            found.verdicts = Some(verdicts);
            if loses {
                asked.push(found);
            }
        }
        let names: Vec<&DatasetName> = asked.iter().map(|found| &found.dataset).collect();
        match self.zfs.replicas(&names) {
            Ok(marked) => {
                for found in asked.into_iter().filter(|found| marked.contains(found.dataset.as_str())) {
                    found.elsewhere = true;
                    found.verdicts = None;
                }
            }
            Err(failure) => {
                // Of these it is not known whose they are, so nothing of them goes.
                let unknown: Vec<DatasetName> = names.into_iter().cloned().collect();
                for pool in pools {
                    for found in pool.datasets.extract_if(.., |found| unknown.contains(&found.dataset)) {
                        self.count_later(found.dataset, found.listed);
                    }
                }
                self.pruned.failures.push(Failed::command(unknown, failure));
            }
        }
    }

    pub(super) fn elsewhere<'a>(&self, evidence: &'a Evidence) -> Elsewhere<'a> {
        Elsewhere {
            evidence,
            now: self.request.now,
            frequently_minutes: self.request.frequently_minutes,
            trust_dates: self.request.trust_dates,
        }
    }

    fn rules<'a>(&'a self, policy: Policy, elsewhere: Option<&'a Elsewhere<'a>>) -> Rules<'a> {
        Rules {
            names: &self.request.names,
            now: self.request.now,
            frequently_minutes: self.request.frequently_minutes,
            policy,
            protect: &self.request.protect,
            keep_unreplicated: self.request.keep_unreplicated,
            elsewhere,
        }
    }

    fn verdicts(&self, found: &mut Found, elsewhere: Option<&Elsewhere<'_>>) -> Vec<Reasons> {
        let replicated = found.listed.replicated();
        verdicts(&found.listed.sorted(), &replicated, &self.rules(found.policy, elsewhere))
    }

    /// As what snapshots count whose names alone do not say it. It is needed for those of replicas, when their creation is known.
    fn claims(&self, found: &mut Found, evidence: &Evidence) -> HashMap<ShortName, Intervals> {
        if !found.elsewhere || !self.request.names.has_others() {
            return HashMap::new();
        }
        let elsewhere = self.elsewhere(evidence);
        let sorted = found.listed.sorted();
        let claims = self.rules(found.policy, Some(&elsewhere)).claims(&sorted);
        let claim = |(snapshot, claim): (&Snapshot<'_>, Claim)| match claim {
            Claim::Of(_, intervals) => Some((snapshot.name.parse().ok()?, intervals)),
            _ => None,
        };
        sorted.iter().zip(claims).filter_map(claim).collect()
    }

    /// Keeps account of what counts though it is not named as ours.
    fn count_other(&mut self, name: &str) {
        if let Some(word) = self.request.names.word_of(name) {
            *self.pruned.counted.entry(word.to_owned()).or_default() += 1;
        }
    }

    fn sort_out(&mut self, mut found: Found, evidence: &Evidence) -> Option<Doomed> {
        self.pruned.datasets += 1;
        let verdicts = match found.verdicts.take() {
            Some(verdicts) => verdicts,
            None => self.verdicts(&mut found, Some(&self.elsewhere(evidence))),
        };
        let claims = self.claims(&mut found, evidence);
        let Found { dataset, policy, mut listed, elsewhere, .. } = found;
        if self.request.keep_unreplicated && listed.bookmarks.is_empty() && !verdicts.is_empty() {
            let warning = "has no bookmark of zfs_replicate, so keep_unreplicated keeps all of its snapshots";
            self.pruned.warnings.about(&dataset, warning);
        }
        let replicated = listed.replicated();
        let mut doomed = Doomed {
            dataset: dataset.clone(),
            names: Vec::new(),
            own: 0,
            replica: elsewhere.then_some(policy),
            claims,
        };
        for (snapshot, reasons) in listed.sorted().iter().zip(verdicts) {
            doomed.own += usize::from(!reasons.not_ours());
            if !reasons.not_ours() {
                self.count_other(snapshot.name);
            }
            match snapshot.name.parse() {
                Ok(name) if reasons.is_empty() => doomed.names.push(name),
                _ => {
                    let unreplicated = reasons.contains(Reasons::UNREPLICATED);
                    let behind = replicated.behind(snapshot.createtxg).filter(|_| unreplicated);
                    let behind: Vec<String> = behind.map(|name| format!("{dataset}#{name}")).collect();
                    if (Reasons::UNREPLICATED | Reasons::REPLICATION_BASE).contains(reasons) {
                        for bookmark in &behind {
                            self.is_behind(bookmark, snapshot.name);
                        }
                    }
                    self.keep_for(&dataset, snapshot.name, reasons, behind);
                }
            }
        }
        self.count_later(dataset, listed);
        (!doomed.names.is_empty()).then_some(doomed)
    }

    /// A target that has not got a snapshot is all that keeps it.
    fn is_behind(&mut self, bookmark: &str, snapshot: &str) {
        if let Some(all) = self.pruned.unreplicated.iter_mut().rev().find(|all| all.bookmark == bookmark) {
            all.snapshots += 1;
        } else {
            let (bookmark, oldest) = (bookmark.to_owned(), snapshot.to_owned());
            self.pruned.unreplicated.push(Unreplicated { bookmark, snapshots: 1, oldest });
        }
    }
}
