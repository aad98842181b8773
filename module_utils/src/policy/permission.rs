//! After ZFS has refused something to a user who is not root: which permission is missing, and how to grant it.

use super::report::{Failed, Why};
use crate::delegate::effective::Account;
use crate::delegate::hint::grant;
use crate::exec::cmd::Cmd;
use crate::exec::runner::{Attempt, Runner, is_root};
use crate::exec::ssh::Host;
use crate::exec::stderr::Cause;
use crate::model::DatasetName;
use crate::plan::jobs::Job;
use crate::zfs::commands::Zfs;

/// Says for each failure for want of permission what is wanting. Costs nothing for root, or where nothing was refused.
pub fn explain(failures: &mut [Failed], job: Job, runner: &Runner) {
    let refused =
        |failed: &&mut Failed| matches!(&failed.why, Why::Command(failure) if failure.cause == Cause::Permission);
    let mut refused = failures.iter_mut().filter(refused).peekable();
    if is_root() || refused.peek().is_none() {
        return;
    }
    let asked = runner.run(Attempt { stage: "permission", host: &Host::Local, cmd: &Cmd::new("id") });
    let Some(account) = asked.ok().and_then(|output| Account::read(&output.stdout)) else { return };
    let zfs = Zfs { host: &Host::Local, runner };
    for failed in refused {
        // One command was refused for all of them; what the first lacks is enough to know.
        failed.hint = failed.datasets.iter().take(ASKED).find_map(|dataset| lacking(&zfs, &account, dataset, job));
    }
}

/// How many datasets of one refused command are asked about.
const ASKED: usize = 20;

fn lacking(zfs: &Zfs<'_>, account: &Account, dataset: &DatasetName, job: Job) -> Option<String> {
    let held = account.permissions(&zfs.grants(dataset).ok()?, dataset, false);
    let of_job = job.permissions();
    let missing: Vec<&str> = of_job.iter().map(String::as_str).filter(|name| !held.contains(*name)).collect();
    (!missing.is_empty()).then(|| grant(account, &missing, dataset, job))
}
