//! How replicas follow their renamed sources: which renames, in which order. Pure.

use super::conflict::Conflict;
use super::renamed::{Pair, Pairs, Stuck, movable};
use super::swap::{self, Change, There};
use crate::model::{Dataset, DatasetName, MAX_NAME, Version};
use std::collections::BTreeMap;

/// Renames that belong together: between the first and the last, what they are about is not where anybody looks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Where replicas are moved to, with their names before.
    pub moves: BTreeMap<DatasetName, DatasetName>,
    /// What is done for it.
    pub steps: Vec<Follow>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follow {
    /// A placeholder is made, without encryption if so.
    CreateParent(DatasetName, bool),
    /// A change as of any swap.
    Change(Change),
}

/// All that is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Following {
    /// In this order.
    pub groups: Vec<Group>,
    /// Sources whose replicas cannot be moved.
    pub stuck: BTreeMap<DatasetName, Stuck>,
}

impl Following {
    /// The name that what is planned at `name`, a dataset or a version of one, has as long as nothing was renamed.
    #[must_use]
    pub fn name_before(&self, name: &str) -> String {
        let moved = |(place, replica): (&DatasetName, &DatasetName)| {
            let rest = name.strip_prefix(place.as_str())?;
            (rest.is_empty() || rest.starts_with(['/', '@', '#']))
                .then(|| (place.as_str().len(), format!("{replica}{rest}")))
        };
        let all = self.groups.iter().flat_map(|group| &group.moves);
        all.filter_map(moved).max().map_or_else(|| name.to_owned(), |(_, before)| before)
    }

    /// What the replica of this place was called before.
    #[must_use]
    pub fn replica_before(&self, place: &DatasetName) -> Option<&DatasetName> {
        self.groups.iter().find_map(|group| group.moves.get(place)).filter(|replica| *replica != place)
    }
}

/// Plans them. Afterwards `there` is what it will be then. With `plain` placeholders are not encrypted, whatever is above them.
pub fn follow(pairs: &Pairs, there: &mut There, plain: bool) -> Following {
    let (of, stuck) = movable(pairs, there);
    let mut following = Following { stuck, ..Following::default() };
    if of.is_empty() {
        return following;
    }
    let mut course = Course { there: there.clone(), plain, open: Group::default(), pending: Vec::new() };
    // Whoever has not found his place in the end is not moved at all.
    let mut begun: Vec<(&DatasetName, Stuck)> = Vec::new();
    for (source, pair) in &of {
        if let Err(why) = course.put_beside(pair) {
            following.stuck.insert(source.clone(), why);
            continue;
        }
        let Pair { replica, place, .. } = pair.clone();
        begun.push((source, Stuck::PlaceTaken { replica, place }));
        if let Err(why) = course.settle(pair) {
            course = Course { there: there.clone(), open: Group::default(), pending: Vec::new(), ..course };
            following.stuck.extend(begun.drain(..).map(|(source, why)| (source.clone(), why)));
            following.stuck.insert(source.clone(), why);
        } else if course.pending.is_empty() {
            begun.clear();
            following.close(std::mem::take(&mut course.open), &course.there, there);
        }
    }
    following.stuck.extend(begun.into_iter().map(|(source, why)| (source.clone(), why)));
    following
}

impl Following {
    fn close(&mut self, group: Group, planned: &There, there: &mut There) {
        match self.groups.last_mut() {
            // It has come along.
            Some(last) if group.steps.is_empty() => last.moves.extend(group.moves),
            _ => {
                self.groups.push(group);
                there.clone_from(planned);
            }
        }
    }
}

struct Course {
    there: There,
    plain: bool,
    open: Group,
    /// What stands beside its place.
    pending: Vec<DatasetName>,
}

impl Course {
    /// Moves a replica beside its place, if what lies above it has not taken it along to that.
    fn put_beside(&mut self, pair: &Pair) -> Result<(), Stuck> {
        // What lies above may have been moved before, with this.
        let Some(replica) = self.there.values().find(|dataset| dataset.guid == pair.guid).cloned() else {
            return Ok(());
        };
        let place = &pair.place;
        if replica.name != *place {
            let arriving = self.check(pair, &replica)?;
            self.create_parents(place);
            self.change(Change::Rename(replica.kind, replica.name, arriving));
            self.pending.push(place.clone());
        }
        self.open.moves.insert(place.clone(), pair.replica.clone());
        Ok(())
    }

    /// Whether it can be moved beside its place; gives that name.
    fn check(&self, pair: &Pair, replica: &Dataset) -> Result<DatasetName, Stuck> {
        let (name, place) = (pair.replica.clone(), pair.place.clone());
        if place.below(&replica.name).is_some() {
            return Err(Stuck::BelowItself { replica: name, place });
        }
        let too_long = |long: String| Stuck::NameTooLong { replica: name.clone(), name: long };
        let arriving = place.arriving().map_err(|_| too_long(format!("{place}{}", crate::model::ARRIVING)))?;
        if self.there.contains_key(&arriving) {
            return Err(Stuck::Exists { replica: name, place, other: arriving });
        }
        let root = self.root_at(&place);
        for dataset in self.at_or_below(&replica.name) {
            let longest = dataset.snapshots().map(Version::signed).max_by_key(String::len).unwrap_or_default();
            let path = dataset.name.as_str().strip_prefix(replica.name.as_str()).unwrap_or_default();
            let long = format!("{arriving}{path}{longest}");
            if long.len() > MAX_NAME {
                return Err(too_long(long));
            }
            // `dsl_dir_rename_crypt_check` in OpenZFS, module/zfs/dsl_crypt.c.
            let own = dataset.encryption_root.as_ref().filter(|own| own.below(&replica.name).is_none());
            if let Some(own) = own.filter(|own| Some(*own) != root.as_ref()) {
                let child = dataset.name.clone();
                return Err(Stuck::KeepsKey { replica: name, place, child, root: own.clone() });
            }
            // What lies below a placeholder is moved below what takes its place.
            let twin = format!("{place}{path}").parse().ok().filter(|_| !path.is_empty());
            if let Some(other) = twin.filter(|twin| self.is_placeholder(&place) && self.there.contains_key(twin)) {
                return Err(Stuck::Exists { replica: name, place, other });
            }
        }
        Ok(arriving)
    }

    fn at_or_below<'n>(&'n self, name: &'n DatasetName) -> impl Iterator<Item = &'n Dataset> {
        self.there.values().filter(move |dataset| dataset.name.below(name).is_some())
    }

    fn is_placeholder(&self, name: &DatasetName) -> bool {
        self.there.get(name).is_some_and(|there| there.placeholder && there.snapshots().next().is_none())
    }

    /// Whose key a dataset of this name would inherit.
    fn root_at(&self, place: &DatasetName) -> Option<DatasetName> {
        let above = place.ancestors().find_map(|name| self.there.get(&name))?;
        let is_direct = place.parent().as_ref() == Some(&above.name);
        let is_plain = !is_direct && (self.plain || above.locked);
        above.encryption_root.clone().filter(|_| !is_plain)
    }

    fn create_parents(&mut self, place: &DatasetName) {
        let missing: Vec<DatasetName> = place.ancestors().take_while(|name| !self.there.contains_key(name)).collect();
        for name in missing.into_iter().rev() {
            let above = name.parent().and_then(|above| self.there.get(&above));
            let plain = self.plain || above.is_some_and(|above| above.locked);
            let root = above.and_then(|above| above.encryption_root.clone()).filter(|_| !plain);
            let parent = Dataset { placeholder: true, encrypted: root.is_some(), ..Dataset::empty(name.clone(), 0) };
            self.there.insert(name.clone(), Dataset { encryption_root: root, ..parent });
            self.open.steps.push(Follow::CreateParent(name, plain));
        }
    }

    fn change(&mut self, change: Change) {
        swap::apply(std::slice::from_ref(&change), &mut self.there);
        self.open.steps.push(Follow::Change(change));
    }

    /// Puts in place what can be.
    fn settle(&mut self, pair: &Pair) -> Result<(), Stuck> {
        while let Some(at) =
            self.pending.iter().position(|place| !self.there.contains_key(place) || self.is_placeholder(place))
        {
            let place = self.pending.remove(at);
            let Some(arriving) = place.arriving().ok().and_then(|name| self.there.get(&name)).cloned() else {
                continue;
            };
            let changes = swap::changes(&place, &arriving, None, &self.there)
                .map_err(|conflict| stuck(pair, &place, conflict))?;
            for change in changes {
                self.change(change);
            }
        }
        Ok(())
    }
}

fn stuck(pair: &Pair, place: &DatasetName, conflict: Conflict) -> Stuck {
    let (replica, place) = (pair.replica.clone(), place.clone());
    match conflict {
        Conflict::ChildKeepsKey { child, root, .. } => Stuck::KeepsKey { replica, place, child, root },
        Conflict::NameTooLong { name } => Stuck::NameTooLong { replica, name },
        _ => Stuck::PlaceTaken { replica, place },
    }
}

#[cfg(test)]
#[path = "following_tests.rs"]
mod tests;
