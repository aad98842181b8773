//! How to grant what is missing.

use super::effective::Account;
use crate::exec::cmd::Cmd;
use crate::model::DatasetName;
use crate::plan::jobs::Job;

/// The permissions that are missing, the command that grants them and the task that does.
#[must_use]
pub fn grant(account: &Account, names: &[&str], on: &DatasetName, job: Job) -> String {
    let name = &account.name;
    let of_job = job.permissions();
    // No job has what only an option needs that may lose something.
    let grant = if names.iter().all(|name| of_job.contains(*name)) {
        format!("jobs: {job}")
    } else {
        format!("permissions: [{}]", names.join(", "))
    };
    let command = Cmd::new("zfs").args(["allow", "-u", name]).arg(names.join(",")).arg(on);
    format!(
        "the user {name} lacks the ZFS permission{} {} on {on}. Grant it there with `{command}`, or with a task: \
         ferro.zfs.zfs_delegate: {{dataset: {on}, users: {name}, {grant}}}",
        if names.len() == 1 { "" } else { "s" },
        names.join(", "),
    )
}
