//! What either end may be asked, and the holds of either. Pure.

use super::names::{dataset, form, form_of, version};
use super::rules::{Condition, Mode, Rules, each};
use crate::gate::denied::{Denial, Denied};
use crate::model::marks::{PLACEHOLDER, REPLICA};
use crate::model::{DatasetName, check_version_name};
use crate::plan::features::Feature;
use crate::zfs::properties;

/// Columns and properties that may be read.
const READABLE: [&str; 26] = [
    "name",
    "type",
    "guid",
    "createtxg",
    "creation",
    "encryption",
    "encryptionroot",
    "keystatus",
    "ivsetguid",
    "written",
    "referenced",
    "used",
    "userrefs",
    "clones",
    "numclones",
    "origin",
    "receive_resume_token",
    "readonly",
    "mounted",
    "canmount",
    "value",
    "recordsize",
    "volblocksize",
    "compression",
    PLACEHOLDER,
    REPLICA,
];

impl Rules {
    pub(super) fn list(&self, args: &[&str]) -> Result<Condition, Denied> {
        let ["-Hp", "-t", types, "-o", columns, rest @ ..] = args else { return Err(form("list")) };
        // By what they say of themselves, datasets of a sending end are chosen.
        let says =
            |column: &str| self.mode == Mode::Send && *types == "filesystem,volume" && properties::chooses(column);
        readable(columns, says)?;
        let (deep, names) = match (*types, rest) {
            ("filesystem,volume", ["-r", names @ ..]) => (true, names),
            ("filesystem,volume", names) => (false, names),
            ("snapshot,bookmark" | "snapshot" | "bookmark", ["-r", names @ ..] | ["-d", "1", names @ ..]) => {
                (true, names)
            }
            _ => return Err(form("list")),
        };
        each(names, |name| {
            let dataset = dataset(name)?;
            // Where a target is missing, zfs_replicate looks which of its parents are there, and what stands beside it.
            let leads_to =
                |ours: &DatasetName| ours.below(&dataset).is_some() || dataset.place().as_ref() == Some(ours);
            if self.mode == Mode::Receive && !deep && self.datasets.iter().any(leads_to) {
                return Ok(());
            }
            self.within(&dataset)
        })
    }

    pub(super) fn get(&self, args: &[&str]) -> Result<Condition, Denied> {
        if let ["-Hp", "-s", "local,received", "-o", "name,property,value", properties, names @ ..] = args {
            // What `send_properties` takes over.
            if *properties != properties::STORED.join(",") {
                return Err(form("get"));
            }
            return each(names, |name| self.within(&dataset(name)?));
        }
        if let ["-Hp", "-r", "-t", "filesystem,volume", "-s", "local", "-o", "name,property,value", marks, names @ ..] =
            args
        {
            return self.marks(marks, names);
        }
        let ["-Hp", "-o", "name,value", property, names @ ..] = args else { return Err(form("get")) };
        readable(property, |_| false)?;
        each(names, |name| {
            // The target pool's guid tells bookmarks of several targets apart.
            let pool = self.mode == Mode::Receive
                && *property == "guid"
                && self.datasets.iter().any(|ours| ours.pool() == name);
            if pool { Ok(()) } else { self.within(&version(name)?.dataset) }
        })
    }

    /// Which streams the pools of its datasets can have and take: nothing else is told of a pool.
    pub(super) fn features(&self, args: &[&str]) -> Result<Condition, Denied> {
        let ["-H", "-o", "name,property,value", properties, pools @ ..] = args else {
            return Err(form_of("zpool", "get"));
        };
        if *properties != Feature::properties() {
            return Err(form_of("zpool", "get"));
        }
        let is_ours = |pool: &str| self.datasets.iter().any(|ours| ours.pool() == pool);
        match pools.iter().find(|pool| !is_ours(pool)) {
            Some(pool) => {
                Err(Denial::OutsideDatasets.because(format!("{pool:?} is not the pool of one of its datasets")))
            }
            None => each(pools, |_| Ok(())),
        }
    }

    pub(super) fn allow(&self, args: &[&str]) -> Result<Condition, Denied> {
        let [name] = args else { return Err(form("allow")) };
        each(&[*name], |name| self.within(&dataset(name)?))
    }

    pub(super) fn hold(&self, args: &[&str]) -> Result<Condition, Denied> {
        let [tag, names @ ..] = args else { return Err(form("hold")) };
        if !(tag.starts_with("ferro") && check_version_name(tag).is_ok()) {
            return Err(format!("the hold {tag:?} is none of zfs_replicate's").into());
        }
        self.snapshots(names)
    }

    pub(super) fn holds(&self, args: &[&str]) -> Result<Condition, Denied> {
        let ["-H", names @ ..] = args else { return Err(form("holds")) };
        self.snapshots(names)
    }
}

fn readable(columns: &str, also: impl Fn(&str) -> bool) -> Result<(), Denied> {
    match columns.split(',').find(|column| !READABLE.contains(column) && !also(column)) {
        Some(column) => Err(format!("the column or property {column:?} may not be read").into()),
        None => Ok(()),
    }
}
