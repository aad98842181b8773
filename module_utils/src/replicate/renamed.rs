//! Lets replicas follow their renamed sources: looks which, renames them, and takes their bookmarks along.

use super::bookmarks;
use super::gather::Sides;
use super::planned::Entry;
use super::refusal::Refusal;
use super::request::Request;
use crate::exec::runner::{Failure, Runner};
use crate::exec::signals;
use crate::model::DatasetName;
use crate::plan::following::{Follow, Following, Group};
use crate::replicate::swap;
use crate::zfs::commands::Zfs;
use std::collections::BTreeMap;

/// What came of it.
#[derive(Debug, Default)]
pub struct Followed {
    /// What replicas were called before, by where they are now.
    pub before: BTreeMap<DatasetName, DatasetName>,
    /// Places that were not reached, and why.
    failed: Vec<(DatasetName, Failure)>,
}

/// Renames them.
pub fn follow(
    request: &Request,
    runner: &Runner,
    sides: &Sides,
    warnings: &mut Vec<String>,
    tell: &(dyn Fn(&str) + Sync),
) -> Followed {
    let target = Zfs { host: &request.target, runner };
    let mut done = Followed::default();
    for group in &sides.following.groups {
        if signals::received().is_some() {
            break;
        }
        let earlier = done.failed.iter().find(|(place, _)| lies_at_or_below(group, place)).cloned();
        match earlier.map_or_else(|| make(target, group), |(_, failure)| Err(failure)) {
            Ok(()) => {
                for line in lines(group, false) {
                    tell(&line);
                }
                done.before.extend(group.moves.clone());
            }
            Err(failure) => {
                let names = group.moves.iter().flat_map(|(place, replica)| [place.clone(), replica.clone()]);
                done.failed.extend(names.map(|name| (name, failure.clone())));
            }
        }
    }
    if request.bookmarks {
        let source = Zfs { host: &request.source, runner };
        bookmarks::take_along(source, request, &sides.sources, &done.before, &mut |_, warning| warnings.push(warning));
    }
    done
}

fn lies_at_or_below(group: &Group, name: &DatasetName) -> bool {
    group.moves.iter().any(|(place, replica)| place.below(name).is_some() || replica.below(name).is_some())
}

fn make(target: Zfs<'_>, group: &Group) -> Result<(), Failure> {
    group.steps.iter().try_for_each(|step| match step {
        Follow::CreateParent(name, plain) => target.create_parent(name, *plain),
        Follow::Change(change) => swap::make(target, std::slice::from_ref(change)),
    })
}

impl Followed {
    /// True for what should have been renamed, or lies below that.
    #[must_use]
    pub fn is_on_its_way(&self, place: &DatasetName) -> bool {
        self.failed.iter().any(|(failed, _)| place.below(failed).is_some())
    }

    /// Turns the plans of what could not be renamed into refusals, and tells of the others what they were called.
    pub fn tell_entries(&self, entries: &mut [Entry<'_>]) {
        for entry in entries {
            if let Some((_, failure)) = self.failed.iter().find(|(place, _)| entry.target.below(place).is_some()) {
                entry.plan = Err(Refusal::NotFinished(failure.clone()));
            }
            let before = self.before.get(&entry.target).filter(|before| **before != entry.target);
            entry.renamed_from = before.cloned().or(entry.renamed_from.take());
        }
    }
}

/// What is renamed, for people.
#[must_use]
pub fn lines(group: &Group, would: bool) -> Vec<String> {
    let verb = if would { "would be" } else { "was" };
    // What lies below another goes along.
    let is_topmost = |(place, replica): &(&DatasetName, &DatasetName)| {
        let goes_along = |above: &DatasetName| {
            let was = group.moves.get(above)?;
            Some(replica.below(was)? == place.below(above)?)
        };
        !place.ancestors().any(|above| goes_along(&above) == Some(true))
    };
    let moves = group.moves.iter().filter(is_topmost);
    moves.map(|(place, replica)| format!("{replica} {verb} renamed to {place}, as its source was")).collect()
}

/// Says the same of all that is planned; gives whether there is anything.
pub fn tell_planned(following: &Following, tell: &dyn Fn(&str)) -> bool {
    for line in following.groups.iter().flat_map(|group| lines(group, true)) {
        tell(&line);
    }
    !following.groups.is_empty()
}
