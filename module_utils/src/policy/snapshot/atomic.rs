//! Takes snapshots all at once, and where one is in the way, all the others at once.

use super::Run;
use crate::exec::runner::Failure;
use crate::exec::signals;
use crate::exec::stderr::{Cause, complaints};
use crate::model::SnapshotName;
use crate::plan::period::Interval;
use crate::policy::refusal::{Gone, LeftOut};
use crate::policy::report::Failed;
use crate::zfs::batches::{self, COMMAND, POINTER};
use std::collections::{HashMap, VecDeque};

impl Run<'_> {
    /// ZFS takes only one snapshot of a dataset in a command ("multiple snapshots of same fs not allowed"), so there is one
    /// command for each pool and interval.
    pub(super) fn execute(&mut self, planned: &[(SnapshotName, Interval)]) {
        let group = |(snapshot, interval): &(SnapshotName, Interval)| (*interval, snapshot.dataset.pool().to_owned());
        for group in planned.chunk_by(|a, b| group(a) == group(b)) {
            if signals::received().is_some() {
                break;
            }
            let names: Vec<SnapshotName> = group.iter().map(|(snapshot, _)| snapshot.clone()).collect();
            for batch in batches::split(&names, COMMAND, |name| name.to_string().len() + POINTER) {
                self.atomically(batch.to_vec());
            }
        }
    }

    /// Takes snapshots all at once. Where ZFS names those it cannot take, the others are tried without them; where it does not
    /// say which, halves are.
    fn atomically(&mut self, all: Vec<SnapshotName>) {
        // Each try is a command; with nobody to blame there must be an end.
        let mut halvings = 64;
        let mut todo = VecDeque::from([all]);
        while let Some(batch) = todo.pop_front() {
            let Err(failure) = self.zfs.snapshot(&batch) else {
                self.taken.created.extend(batch);
                continue;
            };
            let blamed: HashMap<String, (Cause, &str)> = complaints(&failure.stderr)
                .filter_map(|complaint| Some((complaint.dataset?.to_owned(), (complaint.cause, complaint.line))))
                .collect();
            let of = |snapshot: &SnapshotName| {
                blamed.get(&snapshot.to_string()).or_else(|| blamed.get(snapshot.dataset.as_str())).copied()
            };
            let (bad, good): (Vec<_>, Vec<_>) = batch.into_iter().partition(|snapshot| of(snapshot).is_some());
            let may_be_one = matches!(failure.cause, Cause::Permission | Cause::NoSpace | Cause::Other);
            if !bad.is_empty() {
                for snapshot in bad {
                    let (cause, line) = of(&snapshot).unwrap_or((Cause::Other, ""));
                    // Only what is said of this one: all of it for each of them would grow with their square.
                    let own = Failure { stderr: line.to_owned(), cause, ..failure.clone() };
                    self.refused(&snapshot, own);
                }
                todo.extend((!good.is_empty()).then_some(good));
            } else if good.len() > 1 && may_be_one && halvings > 0 && signals::received().is_none() {
                halvings -= 1;
                let (left, right) = good.split_at(good.len() / 2);
                todo.extend([left.to_vec(), right.to_vec()]);
            } else {
                let datasets = good.into_iter().map(|snapshot| snapshot.dataset).collect();
                self.taken.failures.push(Failed::command(datasets, failure));
            }
        }
    }

    fn refused(&mut self, snapshot: &SnapshotName, failure: Failure) {
        match failure.cause {
            Cause::AlreadyExists => self.leave_out(&snapshot.dataset, &LeftOut::TakenMeanwhile(snapshot.clone())),
            Cause::DoesNotExist if self.request.table.declared(&snapshot.dataset).is_some() => {
                self.missing(&snapshot.dataset, Gone::Meanwhile);
            }
            Cause::DoesNotExist => self.leave_out(&snapshot.dataset, &LeftOut::Vanished),
            _ => {
                let failed = Failed::command(vec![snapshot.dataset.clone()], failure);
                self.taken.failures.push(failed);
            }
        }
    }
}
