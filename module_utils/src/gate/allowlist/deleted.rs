//! What the receiving end may be told about replicas whose sources are gone: to mark them, and where the gate was given an age, to remove
//! those that have been marked for so long. Pure.

use super::names::{dataset, form, needs_allow_delete};
use super::rules::{Condition, Rules, each};
use crate::gate::denied::Denied;
use crate::model::absence::Absence;
use crate::model::marks::{FED, MISSING};
use crate::model::{DELETED, DatasetName};
use std::time::Duration;

impl Rules {
    /// Which of these marks are set at or below datasets.
    pub(super) fn marks(&self, properties: &str, names: &[&str]) -> Result<Condition, Denied> {
        if properties != format!("{FED},{MISSING}") {
            return Err(form("get"));
        }
        each(names, |name| self.within(&dataset(name)?))
    }

    /// True for what is said about the marks of replicas without a source.
    pub(super) fn is_mark_of_deleted(setting: &str) -> bool {
        [FED, MISSING].iter().any(|mark| setting.strip_prefix(mark).is_some_and(|rest| rest.starts_with('=')))
    }

    pub(super) fn mark_deleted(&self, args: &[&str]) -> Result<Condition, Denied> {
        self.may_delete("set")?;
        let [setting, names @ ..] = args else { return Err(form("set")) };
        match (setting.split_once('='), names) {
            (Some((FED, guid)), names) if guid.parse::<u64>().is_ok_and(|read| read.to_string() == guid) => {
                each(names, |name| self.within(&dataset(name)?))
            }
            (Some((MISSING, absence)), [name]) => {
                let place = dataset(name)?;
                self.strictly_within(&place)?;
                let absence = absence.parse::<Absence>().map_err(|error| format!("the mark {MISSING}: {error}"))?;
                Ok(Condition::Missing { place, absence })
            }
            _ => Err(form("set")),
        }
    }

    /// A dataset, or some of its snapshots.
    pub(super) fn destroy_deleted(&self, args: &[&str], after: Duration) -> Result<Condition, Denied> {
        let [name] = args else { return Err(form("destroy")) };
        let (path, snapshots) = name.split_once('@').map_or((*name, None), |(path, names)| (path, Some(names)));
        let place = dataset(path)?;
        self.strictly_within(&place)?;
        if let Some(names) = snapshots {
            let all: Vec<String> = names.split(',').map(|name| format!("{place}@{name}")).collect();
            self.snapshots(&all.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Ok(Condition::Deleted { place, after })
    }

    /// To a name of its own, in one component, in the folder of what is set aside.
    pub(super) fn set_deleted_aside(&self, args: &[&str]) -> Result<Condition, Denied> {
        let after = self.may_delete("rename")?;
        let (["-u", from, to] | [from, to]) = args else { return Err(form("rename")) };
        let (from, to) = (dataset(from)?, dataset(to)?);
        self.strictly_within(&from)?;
        self.strictly_within(&to)?;
        Ok(Condition::Deleted { place: from, after })
    }

    /// True for a rename into the folder of what is set aside.
    pub(super) fn is_to_deleted(args: &[&str]) -> bool {
        let to = args.last().and_then(|to| to.parse::<DatasetName>().ok()?.parent());
        to.is_some_and(|place| place.as_str().rsplit('/').next() == Some(DELETED) && place.parent().is_some())
    }

    fn may_delete(&self, verb: &str) -> Result<Duration, Denied> {
        self.allow_delete.ok_or_else(|| needs_allow_delete(verb))
    }
}
