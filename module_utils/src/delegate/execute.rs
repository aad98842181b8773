//! Carries a delegation out: each dataset read, planned, changed and read again.

use super::refusal::{Problem, Refusal};
use super::request::Request;
use super::vocabulary;
use crate::exec::runner::{Failure, Runner};
use crate::exec::ssh::Host;
use crate::exec::stderr::Cause;
use crate::model::DatasetName;
use crate::model::permissions::{Grants, Permissions, Who};
use crate::plan::delegation::{State, after, changes, lines};
use crate::zfs::allow::{Block, UNLISTED, command, own};
use crate::zfs::commands::Zfs;

/// What became of one dataset.
#[derive(Debug)]
pub struct Report {
    /// The dataset.
    pub dataset: DatasetName,
    /// Its grants before, as sorted lines.
    pub before: Vec<String>,
    /// Its grants after, or in check mode as they would be.
    pub after: Vec<String>,
    /// Why it failed.
    pub error: Option<Problem>,
    /// What is worth knowing.
    pub warnings: Vec<String>,
}

impl Report {
    /// The lines that are gone, and those that are new.
    pub fn differences(&self) -> (impl Iterator<Item = &String>, impl Iterator<Item = &String>) {
        let lost = self.before.iter().filter(|line| !self.after.contains(line));
        (lost, self.after.iter().filter(|line| !self.before.contains(line)))
    }
}

/// Reads each dataset and brings its grants to what is wanted; in check mode only says what would be done.
#[must_use]
pub fn run(request: &Request, runner: &Runner, check_mode: bool) -> Vec<Report> {
    let zfs = Zfs { host: &Host::Local, runner };
    let known = zfs.known_permissions();
    request.datasets.iter().map(|dataset| one(request, zfs, known.as_ref(), dataset, check_mode)).collect()
}

fn one(
    request: &Request,
    zfs: Zfs<'_>,
    known: Result<&Permissions, &Failure>,
    dataset: &DatasetName,
    check_mode: bool,
) -> Report {
    let mut report =
        Report { dataset: dataset.clone(), before: Vec::new(), after: Vec::new(), error: None, warnings: Vec::new() };
    let result = known.map_err(|failure| Problem::from(failure.clone())).and_then(|known| {
        let blocks = zfs.grants(dataset)?;
        let before = own(&blocks, dataset);
        report.before = lines(&before);
        report.after.clone_from(&report.before);
        check(request, known, &blocks)?;
        let wanted = after(&before, &request.wanted);
        if check_mode {
            report.after = lines(&wanted);
        } else if before != wanted {
            let changed = change(zfs, dataset, &before, &wanted);
            let now = own(&zfs.grants(dataset)?, dataset);
            report.after = lines(&now);
            changed?;
            if now != wanted {
                return Err(Problem::Refused(Refusal::GrantsDiffer(report.after.join("\n"))));
            }
        }
        let above: Vec<Block> = blocks.into_iter().filter(|(name, _)| name != dataset).collect();
        report
            .warnings
            .extend(request.wanted.who.iter().filter_map(|who| destroyer(request, who, &wanted, &above, dataset)));
        Ok(())
    });
    report.error = result.err();
    report
}

/// Every permission must be one of this ZFS, every set one that is there.
fn check(request: &Request, known: &Permissions, blocks: &[Block]) -> Result<(), vocabulary::Unknown> {
    let wanted = &request.wanted;
    let mut sets: Permissions = wanted.sets.keys().cloned().collect();
    sets.extend(blocks.iter().flat_map(|(_, grants)| grants.sets.keys().cloned()));
    if wanted.state == State::Absent {
        // A set may be gone before those who were granted it.
        let named =
            |names: &Permissions| names.iter().filter(|name| name.starts_with('@')).cloned().collect::<Vec<_>>();
        sets.extend(named(&wanted.permissions));
        sets.extend(named(&wanted.create_time));
        sets.extend(wanted.sets.values().flat_map(named));
    }
    let lists = [("permissions", &wanted.permissions), ("create_time", &wanted.create_time)];
    let of_sets = wanted.sets.values().map(|list| ("sets", list));
    for (option, list) in lists.into_iter().chain(of_sets) {
        match vocabulary::check(option, list, known, &sets) {
            // What cannot be granted here is not granted here.
            Err(vocabulary::Unknown::TooOld { .. }) if wanted.state == State::Absent => {}
            other => other?,
        }
    }
    Ok(())
}

fn change(zfs: Zfs<'_>, dataset: &DatasetName, before: &Grants, wanted: &Grants) -> Result<(), Problem> {
    for change in changes(before, wanted) {
        let unlisted = UNLISTED.iter().find(|name| change.permissions.contains(**name));
        zfs.delegate(&command(&change, dataset)).map_err(|failure: Failure| match unlisted {
            Some(name) if failure.cause == Cause::NotApplicable => {
                Problem::Explained(Box::new(failure), Refusal::PermissionTooNew(name))
            }
            _ => Problem::from(failure),
        })?;
    }
    Ok(())
}

/// The two permissions that together destroy datasets and snapshots may come from two tasks, neither of which meant that.
fn destroyer(request: &Request, who: &Who, own: &Grants, above: &[Block], dataset: &DatasetName) -> Option<String> {
    let holds = |name: &str| {
        let held = |grants: &Grants, who: &Who| grants.who.get(who).and_then(|held| held.get(name)).copied();
        own.who.get(who).is_some_and(|held| held.contains_key(name))
            || [who, &Who::Everyone].iter().any(|who| {
                held(own, who).is_some()
                    || above.iter().any(|(_, grants)| held(grants, who).is_some_and(|reach| reach.descendents))
            })
    };
    let surprising = !request.destroys && request.wanted.state != State::Absent && holds("destroy") && holds("mount");
    surprising.then(|| {
        format!(
            "{who} now has both mount and destroy on {dataset}, and so may destroy datasets and snapshots. Separate users for separate jobs, \
             or separate datasets, avoid that"
        )
    })
}
