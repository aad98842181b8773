//! Before any stream: may the users of both ends, where they are not root, do what the plan needs?
//!
//! Costs nothing for root, one `id` for each other end, and one `zfs allow` for all datasets that inherit their permissions.

use super::commands::applies;
use super::gather::Sides;
use super::refusal::Obstacle;
use super::request::Request;
use crate::delegate::effective::Account;
use crate::delegate::hint::grant;
use crate::exec::cmd::Cmd;
use crate::exec::runner::{Attempt, Failure, Runner};
use crate::exec::scripts;
use crate::exec::ssh::Host;
use crate::exec::stderr::Cause;
use crate::model::permissions::Permissions;
use crate::model::{Dataset, DatasetName};
use crate::plan::jobs::Job;
use crate::plan::steps::StepKind;
use crate::plan::transfer::{Clearing, PartialPlan, Replaces, Transfer};
use crate::zfs::allow::Block;
use crate::zfs::commands::Zfs;

/// How a warning begins that says that bookmarks could not be made.
pub const NO_BOOKMARK: &str = "no bookmark is made, so the snapshot must stay on the source";

/// How a warning begins that says that bookmarks could not be removed.
pub const STAYS: &str = "our older bookmarks stay on the source";

/// One thing that must be permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Need {
    /// Any one of these.
    permissions: Vec<String>,
    /// On this dataset.
    dataset: DatasetName,
    /// Which is still to be made.
    to_be_made: bool,
    /// What cannot be done without, if that is not replication itself.
    only_for: Option<&'static str>,
}

impl Need {
    fn new(permission: &str, dataset: &DatasetName) -> Self {
        Self { permissions: vec![permission.to_owned()], dataset: dataset.clone(), to_be_made: false, only_for: None }
    }

    fn or(mut self, permission: &str) -> Self {
        self.permissions.push(permission.to_owned());
        self
    }

    fn only_for(self, what: &'static str) -> Self {
        Self { only_for: Some(what), ..self }
    }
}

/// What sending needs.
fn of_source(request: &Request, source: &Dataset, transfer: &Transfer) -> Vec<Need> {
    let name = &source.name;
    let mut send = Need::new("send", name);
    // With 2.4's permission for raw streams alone, -I is refused (openzfs/zfs#18193).
    if transfer.raw && transfer.steps.iter().all(|step| step.kind != StepKind::Intermediates) {
        send = send.or("send:raw");
        send = if source.encrypted { send.or("send:encrypted") } else { send };
    }
    let mut needs = vec![send];
    if request.bookmarks {
        needs.push(Need::new("bookmark", name).only_for(NO_BOOKMARK));
        needs.push(Need::new("destroy", name).only_for(STAYS));
    }
    if request.holds {
        needs.extend(["hold", "release"].map(|permission| Need::new(permission, name)));
    }
    if transfer.steps.iter().any(|step| step.kind == StepKind::Intermediates) {
        // ZFS itself holds the snapshots of such a stream while it lasts (`zfs_send` in libzfs_sendrecv.c).
        needs.push(Need::new("hold", name));
    }
    needs
}

/// What receiving needs.
fn of_target(
    request: &Request,
    sides: &Sides,
    source: &Dataset,
    target: &DatasetName,
    transfer: &Transfer,
) -> Vec<Need> {
    let exists = |name: &DatasetName| sides.targets.contains_key(name);
    let there = sides.targets.get(target);
    let mut needs = Vec::new();
    let mut need = |permission: &str, dataset: &DatasetName| {
        needs.push(Need { to_be_made: !exists(dataset), ..Need::new(permission, dataset) });
    };
    // New datasets are made by right of the dataset above them.
    let above = || target.parent().unwrap_or_else(|| target.clone());
    let beside = matches!(transfer.replaces, Replaces::Beside(_));
    let place = there.filter(|_| !beside).map_or_else(above, |there| there.name.clone());
    for permission in ["create", "mount"] {
        need(permission, &place);
    }
    if there.is_none() {
        for parent in target.ancestors().take_while(|name| !exists(name)) {
            let above = parent.parent().unwrap_or_else(|| parent.clone());
            need("create", &above);
            need("mount", &above);
            need("canmount", &parent);
            need("userprop", &parent);
        }
    }
    if there.is_none_or(|there| there.snapshots().next().is_none()) {
        for property in request.receive_properties.keys().filter(|name| applies(name, source.kind)) {
            need(if property.contains(':') { "userprop" } else { property }, target);
        }
        // It is marked as a replica.
        need("userprop", target);
    }
    if !transfer.raw && transfer.flags.begins_small {
        need("userprop", target);
    }
    for (property, _) in sides.properties.get(&source.name).into_iter().flatten() {
        need(property, target);
    }
    if transfer.replaces == Replaces::Placeholder {
        need("userprop", target);
    }
    let holds: &[&str] = if request.holds { &["hold", "release"] } else { &[] };
    for permission in to_take_the_place(transfer).iter().chain(holds).chain(to_clear(transfer)) {
        need(permission, target);
    }
    let receive = Need { to_be_made: !exists(&place), ..Need::new("receive", &place) };
    // The kernel takes the weaker permission only where nothing is forced.
    needs.push(if transfer.replaces == Replaces::Placeholder { receive } else { receive.or("receive:append") });
    if matches!(transfer.partial, Some(PartialPlan::Discard { .. })) {
        // Named last: it is the one that a replica's user should not have.
        needs.push(Need::new("destroy", target).only_for(DISCARD));
    }
    needs
}

/// What it needs that a dataset arrives beside its place.
fn to_take_the_place(transfer: &Transfer) -> &'static [&'static str] {
    match (&transfer.replaces, &transfer.clearing) {
        // What is set aside is renamed; only a placeholder is destroyed.
        (Replaces::Beside(_), Some(Clearing::SetAside { .. })) => &["rename", "create", "mount"],
        (Replaces::Beside(_), _) => &["rename", "create", "mount", "destroy"],
        _ => &[],
    }
}

/// What it needs that what is in the way goes.
fn to_clear(transfer: &Transfer) -> &'static [&'static str] {
    match &transfer.clearing {
        Some(Clearing::Rollback { .. }) => &["destroy", "rollback"],
        Some(Clearing::SetAside { .. }) => &["create", "mount", "rename"],
        None => &[],
    }
}

const DISCARD: &str = "the interrupted receive there cannot be discarded";

/// Which needs are not met.
fn unmet<'n>(needs: &'n [Need], account: &Account, blocks: &[Block]) -> Vec<&'n Need> {
    let met = |need: &Need| {
        let held: Permissions = account.permissions(blocks, &need.dataset, need.to_be_made);
        need.permissions.iter().any(|permission| held.contains(permission))
    };
    let mut unmet: Vec<&Need> = Vec::new();
    for need in needs.iter().filter(|need| !met(need)) {
        if unmet.iter().all(|other| other.permissions != need.permissions) {
            unmet.push(need);
        }
    }
    unmet
}

/// What is missing, the command that grants it and the task that does.
fn message(account: &Account, missing: &[&Need], on: &DatasetName, job: Job) -> String {
    let names: Vec<&str> = missing.iter().filter_map(|need| need.permissions.first()).map(String::as_str).collect();
    grant(account, &names, on, job)
}

/// Looks at both ends as far as needed, and remembers what it saw.
#[derive(Debug)]
pub struct Preflight<'a> {
    request: &'a Request,
    source: End<'a>,
    target: End<'a>,
}

impl<'a> Preflight<'a> {
    /// Nothing looked at yet.
    #[must_use]
    pub fn new(request: &'a Request, runner: &'a Runner) -> Self {
        let end = |host| End { zfs: Zfs { host, runner }, account: None, asked: false, seen: Vec::new() };
        Self { request, source: end(&request.source), target: end(&request.target) }
    }

    /// Whether a transfer is permitted; gives warnings about what will not be done, or the refusal.
    pub fn check(
        &mut self,
        sides: &Sides,
        source: &Dataset,
        target: &DatasetName,
        transfer: &Transfer,
    ) -> Result<Vec<String>, Failure> {
        let root = self.request.roots.iter().find(|root| source.name.below(root).is_some()).unwrap_or(&source.name);
        let mut warnings = Vec::new();
        let needs = of_source(self.request, source, transfer);
        self.source.check(&needs, &source.name, root, Job::ReplicateSource, &mut warnings)?;
        let place =
            std::iter::once(target.clone()).chain(target.ancestors()).find(|name| sides.targets.contains_key(name));
        if let Some(place) = place {
            let root = Some(&self.request.mapping.target).filter(|root| place.below(root).is_some()).unwrap_or(&place);
            let needs = of_target(self.request, sides, source, target, transfer);
            self.target.check(&needs, &place, root, Job::ReplicateTarget, &mut warnings)?;
        }
        Ok(warnings)
    }
}

/// Whether both ends have what compressing takes.
pub fn zstd(request: &Request, runner: &Runner) -> Result<(), Failure> {
    for host in [&request.source, &request.target] {
        let cmd = scripts::probe_zstd();
        let probed = runner.run(Attempt { stage: "preflight", host, cmd: &cmd });
        probed.map_err(|failure| match failure.cause {
            cause if cause.is_of_connection() && cause != Cause::ZfsMissing => failure,
            _ => Failure::refusal("preflight", host, &Obstacle::ZstdMissing(host.name().to_owned())),
        })?;
    }
    Ok(())
}

/// What `zfs allow` said of a dataset.
type Seen = (DatasetName, Vec<Block>);

#[derive(Debug)]
struct End<'a> {
    zfs: Zfs<'a>,
    account: Option<Account>,
    asked: bool,
    /// What `zfs allow` said so far, by the dataset that was asked about.
    seen: Vec<Seen>,
}

impl End<'_> {
    fn check(
        &mut self,
        needs: &[Need],
        place: &DatasetName,
        root: &DatasetName,
        job: Job,
        warnings: &mut Vec<String>,
    ) -> Result<(), Failure> {
        self.ask_who();
        let Some(account) = self.account.as_ref().filter(|account| account.uid != 0) else { return Ok(()) };
        let above = |(name, _): &&Seen| place.below(name).is_some();
        let enough = self.seen.iter().filter(above).any(|(_, blocks)| unmet(needs, account, blocks).is_empty());
        if enough {
            return Ok(());
        }
        // An answer that cannot be had or read must not keep anyone from replicating: ZFS itself decides in the end.
        let Ok(blocks) = self.zfs.grants(place) else { return Ok(()) };
        let unmet = unmet(needs, account, &blocks);
        let required: Vec<&Need> = unmet.iter().filter(|need| need.only_for.is_none()).copied().collect();
        let refusal = if !required.is_empty() {
            Some(message(account, &required, root, job))
        } else if unmet.iter().any(|need| need.only_for == Some(DISCARD)) {
            let place = shell_words::quote(place.as_str());
            let name = &account.name;
            Some(format!(
                "{DISCARD} by the user {name} without the permission to destroy. As root, run `zfs receive -A {place}` there once"
            ))
        } else {
            None
        };
        for need in &unmet {
            warnings.push(format!("{}: {}", need.only_for.unwrap_or_default(), message(account, &[need], root, job)));
        }
        self.seen.push((place.clone(), blocks));
        match refusal {
            None => Ok(()),
            Some(lacking) => {
                let refusal = Failure::refusal("preflight", self.zfs.host, &Obstacle::PermissionMissing(lacking));
                Err(Failure { cause: Cause::Permission, ..refusal })
            }
        }
    }

    /// Who the user of this end is; root, or nobody knows, is nobody here.
    fn ask_who(&mut self) {
        if std::mem::replace(&mut self.asked, true) {
            return;
        }
        let (host, runner) = (self.zfs.host, self.zfs.runner);
        let is_root = match host {
            Host::Local => nix::unistd::geteuid().is_root(),
            Host::Remote(remote) => remote.is_root(),
        };
        if !is_root {
            let asked = runner.run(Attempt { stage: "preflight", host, cmd: &Cmd::new("id") });
            self.account = asked.ok().and_then(|output| Account::read(&output.stdout));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Need, message, unmet};
    use crate::delegate::effective::Account;
    use crate::model::DatasetName;
    use crate::plan::jobs::Job;
    use crate::zfs::allow::allow;

    #[test]
    fn what_is_missing_is_named_with_the_cure() {
        let dataset: DatasetName = "tank/my data".parse().unwrap();
        let output = format!(
            "---- Permissions on {dataset} {}\nLocal+Descendent permissions:\n\tuser a send:raw\n",
            "-".repeat(37)
        );
        let blocks = allow(&output, &dataset).unwrap();
        let account = Account::read("uid=7(a) gid=7(a)").unwrap();
        let needs = vec![
            Need::new("send", &dataset).or("send:raw"),
            Need::new("hold", &dataset),
            Need::new("bookmark", &dataset),
        ];
        let missing = unmet(&needs, &account, &blocks);
        assert_eq!(
            message(&account, &missing, &dataset, Job::ReplicateSource),
            "the user a lacks the ZFS permissions hold, bookmark on tank/my data. Grant it there with `zfs allow -u a hold,bookmark \
             'tank/my data'`, or with a task: ferro.zfs.zfs_delegate: {dataset: tank/my data, users: a, jobs: replicate_source}"
        );
    }
}
