//! What the receiving end may be told: to receive, to make placeholders and to replace them, and to lose snapshots if it may. Pure.

use super::names::{dataset, form, needs_allow_rename, of_origin};
use super::rules::{Condition, Receiving, Rules, each};
use crate::gate::denied::Denied;
use crate::model::DatasetName;
use crate::model::marks::{MISSING, PLACEHOLDER};
use crate::zfs::properties;

/// A placeholder holds no data, so it may be plain where the key of the one above it is not loaded.
const PLAIN: &str = "encryption=off";

impl Rules {
    pub(super) fn receive(&self, args: &[&str]) -> Result<Condition, Denied> {
        if let ["-A", name] = args {
            return each(&[*name], |name| self.within(&dataset(name)?));
        }
        let ["-u", rest @ ..] = args else { return Err(form("receive")) };
        let rest = if let ["-s", rest @ ..] = rest { rest } else { rest };
        let (forced, rest) = if let ["-F", rest @ ..] = rest { (true, rest) } else { (false, rest) };
        // What a clone is of is the first thing that is set.
        let (origin, mut rest) = match rest {
            ["-o", setting, others @ ..] => match setting.strip_prefix("origin=") {
                Some(origin) => (Some(of_origin(origin, "@")?), others),
                None => (None, rest),
            },
            _ => (None, rest),
        };
        origin.as_ref().map_or(Ok(()), |origin| self.within(origin))?;
        loop {
            rest = match rest {
                ["-o", setting, rest @ ..] => properties::check_setting(setting).map(|()| rest)?,
                ["-x", name, rest @ ..] => properties::check_name(name).map(|()| rest)?,
                [name] => {
                    let target = dataset(name)?;
                    self.within(&target)?;
                    let over_placeholder = forced && !self.allow_rollback;
                    let of_origin = origin.is_some();
                    return Ok(Condition::Receive(Receiving { target, forced, over_placeholder, of_origin }));
                }
                _ => return Err(form("receive")),
            };
        }
    }

    pub(super) fn create(&self, args: &[&str]) -> Result<Condition, Denied> {
        match args {
            ["-u", "-o", "canmount=off", "-o", mark, name]
            | ["-u", "-o", "canmount=off", "-o", mark, "-o", PLAIN, name]
                if *mark == format!("{PLACEHOLDER}={name}") =>
            {
                each(&[*name], |name| self.strictly_within(&dataset(name)?))
            }
            _ => Err("only placeholders are created here, unmounted and marked".into()),
        }
    }

    /// The mark of a placeholder says whose it is by the guid, as soon as that is known.
    pub(super) fn mark(&self, args: &[&str]) -> Result<Condition, Denied> {
        let [setting, name] = args else { return Err(form("set")) };
        let value = setting.strip_prefix(PLACEHOLDER).and_then(|rest| rest.strip_prefix('='));
        let guid = value.filter(|value| value.bytes().all(|b| b.is_ascii_digit())).and_then(|value| value.parse().ok());
        let guid = guid.ok_or("only the mark of a placeholder is set here")?;
        let place = dataset(name)?;
        self.strictly_within(&place)?;
        Ok(Condition::Mark { place, guid })
    }

    /// Of what a swap takes, the end: the placeholder, which is empty by then.
    pub(super) fn destroy_placeholder(&self, args: &[&str]) -> Result<Condition, Denied> {
        let [name] = args else { return Err(form("destroy")) };
        let place = dataset(name)?;
        self.strictly_within(&place)?;
        Ok(Condition::GivesWay(place))
    }

    /// Of what a swap takes, the renames: from below a placeholder to below what stands beside it, or beside one above it; and
    /// what stands beside to the place.
    pub(super) fn put_in_place(&self, args: &[&str]) -> Result<Condition, Denied> {
        let (["-u", from, to] | [from, to]) = args else { return Err(form("rename")) };
        let (from, to) = (dataset(from)?, dataset(to)?);
        self.strictly_within(&from)?;
        self.strictly_within(&to)?;
        if from.place().as_ref() == Some(&to) {
            return Ok(Condition::None);
        }
        let beside = |above: &DatasetName| {
            let arriving = above.arriving().ok()?;
            from.moved(above, &arriving)?.ok()
        };
        match from.parent() {
            Some(place) if from.ancestors().filter_map(|above| beside(&above)).any(|moved| moved == to) => {
                // Where replicas may be set aside, what is below them moves on alike.
                Ok(if self.allow_rollback { Condition::None } else { Condition::GivesWay(place) })
            }
            _ => {
                Err(format!("{from} may only be renamed from below a placeholder to below what takes its place").into())
            }
        }
    }

    /// True for a rename of what has a place of its own to beside another: its source was renamed. From there it gets to its place as what
    /// has arrived does.
    pub(super) fn is_to_beside(args: &[&str]) -> bool {
        let (["-u", from, to] | [from, to]) = args else { return false };
        let is_beside = |name: &str| name.parse::<DatasetName>().is_ok_and(|name| name.place().is_some());
        is_beside(to) && !is_beside(from)
    }

    pub(super) fn follow(&self, args: &[&str]) -> Result<Condition, Denied> {
        let (["-u", from, to] | [from, to]) = args else { return Err(form("rename")) };
        self.strictly_within(&dataset(from)?)?;
        self.strictly_within(&dataset(to)?)?;
        if self.allow_rename { Ok(Condition::None) } else { Err(needs_allow_rename()) }
    }

    pub(super) fn inherit(&self, args: &[&str]) -> Result<Condition, Denied> {
        let [property, name] = args else { return Err(form("inherit")) };
        // Who forgets that a source was missing only waits for longer.
        if ![PLACEHOLDER, MISSING].contains(property) {
            return Err(format!("the property {property} is none of zfs_replicate's").into());
        }
        each(&[*name], |name| self.within(&dataset(name)?))
    }

    pub(super) fn rollback(&self, args: &[&str]) -> Result<Condition, Denied> {
        let [name] = args else { return Err(form("rollback")) };
        self.snapshots(&[*name])
    }

    pub(super) fn destroy_snapshots(&self, args: &[&str]) -> Result<Condition, Denied> {
        let [name] = args else { return Err(form("destroy")) };
        let (dataset, names) = name.split_once('@').ok_or("only snapshots are destroyed here")?;
        let all: Vec<String> = names.split(',').map(|name| format!("{dataset}@{name}")).collect();
        self.snapshots(&all.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What has diverged is set aside under a name of its own beside it.
    pub(super) fn rename(&self, args: &[&str]) -> Result<Condition, Denied> {
        let (["-u", from, to] | [from, to]) = args else { return Err(form("rename")) };
        let (from, to) = (dataset(from)?, dataset(to)?);
        self.strictly_within(&from)?;
        match to.as_str().strip_prefix(from.as_str()).and_then(|rest| rest.strip_prefix("_diverged_")) {
            Some(time) if !time.is_empty() && !time.contains('/') => Ok(Condition::None),
            _ => Err(format!("{from} may only be renamed to {from}_diverged_TIME").into()),
        }
    }
}
