//! Snapshots between the commands of hooks. What has no hook comes first and all at once, so that nothing waits for it frozen.

use super::Run;
use crate::exec::failure::Failure;
use crate::exec::hook::{Hook, OnFailure};
use crate::exec::signals;
use crate::model::{DatasetName, SnapshotName};
use crate::plan::period::Interval;
use crate::policy::refusal::LeftOut;
use crate::policy::report::Failed;
use std::collections::BTreeMap;

type Planned = Vec<(SnapshotName, Interval)>;

impl Run<'_> {
    /// What has no hook, and then for each hook what is at and below its dataset.
    fn by_hook(&self, planned: Planned) -> (Planned, BTreeMap<DatasetName, Planned>) {
        let (mut plain, mut hooked) = (Vec::new(), BTreeMap::<DatasetName, Planned>::new());
        for planned in planned {
            let dataset = &planned.0.dataset;
            let mut places = std::iter::once(dataset.clone()).chain(dataset.ancestors());
            match places.find(|place| self.request.hooks.contains_key(place)) {
                Some(place) => hooked.entry(place).or_default().push(planned),
                None => plain.push(planned),
            }
        }
        (plain, hooked)
    }

    /// Says which hooks would be run.
    pub(super) fn plan_hooks(&mut self, planned: &[(SnapshotName, Interval)]) {
        let (_, hooked) = self.by_hook(planned.to_vec());
        for place in hooked.keys() {
            let reports = self.request.hooks[place].planned(Some(place.as_str()));
            for report in reports {
                (self.tell)(&format!("{place}: would run {}", report.command));
                self.taken.hooks.push(report);
            }
        }
    }

    /// Takes what is planned, between hooks where there are some.
    pub(super) fn execute_with_hooks(&mut self, planned: Planned) {
        let (plain, hooked) = self.by_hook(planned);
        self.execute(&plain);
        for (place, planned) in hooked {
            if signals::received().is_some() {
                break;
            }
            self.between_hooks(&place, &planned);
        }
    }

    fn between_hooks(&mut self, place: &DatasetName, planned: &[(SnapshotName, Interval)]) {
        let request = self.request;
        let Some(hooks) = request.hooks.get(place) else { return };
        let mut datasets: Vec<DatasetName> = planned.iter().map(|(snapshot, _)| snapshot.dataset.clone()).collect();
        datasets.sort_unstable();
        datasets.dedup();
        let mut names: Vec<&str> = planned.iter().map(|(snapshot, _)| snapshot.name.as_str()).collect();
        names.dedup();
        let names = names.join("\n");
        let env = [("DATASET", place.as_str()), ("SNAPSHOTS", names.as_str())];
        let failure = hooks.before.as_ref().and_then(|hook| self.run_hook(hook, place, &env));
        let outcome = match &failure {
            Some(_) if hooks.on_failure != OnFailure::Continue || signals::received().is_some() => "not_taken",
            _ => {
                let before = self.taken.created.len();
                self.execute(planned);
                if self.taken.created.len() - before == planned.len() { "taken" } else { "failed" }
            }
        };
        if let Some(failure) = failure {
            self.hook_failed(&datasets, failure, hooks.on_failure, outcome == "not_taken");
        }
        let env = [env.as_slice(), &[("OUTCOME", outcome)]].concat();
        if let Some(failure) = hooks.after.as_ref().and_then(|hook| self.run_hook(hook, place, &env)) {
            self.hook_failed(&datasets, failure, hooks.on_failure, false);
        }
    }

    fn run_hook(&mut self, hook: &Hook, place: &DatasetName, env: &[(&str, &str)]) -> Option<Failure> {
        let (report, failure) = hook.run(Some(place.as_str()), env, self.zfs.runner, self.tell);
        self.taken.hooks.push(report);
        failure
    }

    fn hook_failed(&mut self, datasets: &[DatasetName], failure: Failure, on_failure: OnFailure, is_left_out: bool) {
        if on_failure == OnFailure::Fail {
            return self.taken.failures.push(Failed::command(datasets.to_vec(), failure));
        }
        for dataset in datasets {
            self.taken.warnings.about(dataset, failure.to_string());
            if is_left_out {
                self.leave_out(dataset, &LeftOut::HookFailed);
            }
        }
    }
}
