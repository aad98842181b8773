//! The commands about replicas whose sources are gone: what they say of themselves, what is in their way, and how they go.

use super::commands::{Zfs, for_one_command};
use super::parse::{self, unexpected};
use super::snapshots::batches_of;
use crate::exec::cmd::Cmd;
use crate::exec::runner::Failure;
use crate::model::absence::Absence;
use crate::model::marks::{FED, MISSING};
use crate::model::{DatasetName, ShortName};
use std::collections::BTreeSet;

/// What it is called when a replica is removed.
pub const REMOVE: &str = "remove deleted";

const MARK: &str = "mark deleted";

/// A snapshot that cannot be destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its dataset.
    pub dataset: DatasetName,
    /// Its full name.
    pub snapshot: String,
    /// How many hold it.
    pub holds: u64,
    /// It has clones.
    pub cloned: bool,
}

impl Zfs<'_> {
    /// Which of the marks are set on datasets at or below `roots` themselves.
    pub fn marks(&self, roots: &[DatasetName]) -> Result<parse::Settings, Failure> {
        if roots.is_empty() {
            return Ok(parse::Settings::new());
        }
        let cmd = Cmd::new("zfs").args(["get", "-Hp", "-r", "-t", "filesystem,volume", "-s", "local"]);
        let cmd = cmd.args(["-o", "name,property,value"]).arg(format!("{FED},{MISSING}"));
        self.list(&cmd.args(roots), parse::settings)
    }

    /// Marks replicas as fed from below the dataset of this guid.
    pub fn mark_fed(&self, names: &[String], guid: u64) -> Result<(), Failure> {
        let set =
            |batch| self.run(MARK, &Cmd::new("zfs").arg("set").arg(format!("{FED}={guid}")).args(batch)).map(drop);
        for_one_command(names).into_iter().try_for_each(set)
    }

    /// Marks a replica as without a source.
    pub fn mark_missing(&self, name: &DatasetName, absence: &Absence) -> Result<(), Failure> {
        self.run(MARK, &Cmd::new("zfs").arg("set").arg(format!("{MISSING}={absence}")).arg(name)).map(drop)
    }

    /// Forgets that a source was missing.
    pub fn unmark_missing(&self, name: &DatasetName) -> Result<(), Failure> {
        self.run(MARK, &Cmd::new("zfs").args(["inherit", MISSING]).arg(name)).map(drop)
    }

    /// Which of these datasets are mounted.
    pub fn mounted(&self, names: &[String]) -> Result<BTreeSet<DatasetName>, Failure> {
        let mut all = BTreeSet::new();
        for batch in for_one_command(names) {
            let cmd =
                Cmd::new("zfs").args(["list", "-Hp", "-t", "filesystem,volume", "-o", "name,mounted"]).args(batch);
            all.extend(self.list(&cmd, mounted)?);
        }
        Ok(all)
    }

    /// Snapshots of these datasets that are held or have clones.
    pub fn kept(&self, names: &[String]) -> Result<Vec<Kept>, Failure> {
        let mut all = Vec::new();
        for batch in for_one_command(names) {
            let cmd =
                Cmd::new("zfs").args(["list", "-Hp", "-t", "snapshot", "-o", "name,userrefs,numclones", "-d", "1"]);
            all.extend(self.list(&cmd.args(batch), kept)?);
        }
        Ok(all)
    }

    /// Destroys snapshots by name, and then the dataset, without `-r`: what has come to it meanwhile keeps it.
    pub fn destroy_replica(&self, name: &DatasetName, snapshots: &[ShortName]) -> Result<(), Failure> {
        for batch in batches_of(name, snapshots) {
            self.destroy(REMOVE, name, batch, false)?;
        }
        self.destroy_empty(name)
    }

    /// Destroys a dataset that has nothing below it and no snapshot: anything else, ZFS refuses.
    pub fn destroy_empty(&self, name: &DatasetName) -> Result<(), Failure> {
        self.run(REMOVE, &Cmd::new("zfs").arg("destroy").arg(name)).map(drop)
    }
}

fn mounted(stdout: &str) -> Result<Vec<DatasetName>, parse::Unexpected> {
    let mut names = Vec::new();
    for line in stdout.lines() {
        let wrong = || unexpected("zfs list", "a name and whether it is mounted", line);
        match line.split_once('\t') {
            Some((name, "yes")) => names.push(name.parse().map_err(|_| wrong())?),
            Some((_, "no" | "-")) => {}
            _ => return Err(wrong()),
        }
    }
    Ok(names)
}

fn kept(stdout: &str) -> Result<Vec<Kept>, parse::Unexpected> {
    let mut all = Vec::new();
    for line in stdout.lines() {
        let wrong = || unexpected("zfs list", "a snapshot, its holds and its clones", line);
        let [snapshot, holds, clones] = line.split('\t').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let (dataset, _) = snapshot.split_once('@').ok_or_else(wrong)?;
        let count = |text: &str| if text == "-" { Ok(0) } else { text.parse::<u64>() };
        let (holds, cloned) = (count(holds).map_err(|_| wrong())?, count(clones).map_err(|_| wrong())? > 0);
        if holds > 0 || cloned {
            let dataset = dataset.parse().map_err(|_| wrong())?;
            all.push(Kept { dataset, snapshot: snapshot.to_owned(), holds, cloned });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::{kept, mounted};

    #[test]
    fn mounted_datasets_are_read() {
        assert_eq!(mounted("v/a\tyes\nv/b\tno\nv/c\t-\n").unwrap(), ["v/a".parse().unwrap()]);
        assert!(mounted("v/a\tperhaps\n").is_err() && mounted("v/a\n").is_err());
    }

    #[test]
    fn kept_snapshots_are_read() {
        let all = kept("v/a@1\t0\t0\nv/a@2\t1\t0\nv/b@3\t-\t2\n").unwrap();
        let shown: Vec<_> = all.iter().map(|kept| (kept.snapshot.as_str(), kept.holds, kept.cloned)).collect();
        assert_eq!(shown, [("v/a@2", 1, false), ("v/b@3", 0, true)]);
        for wrong in ["v/a\t0\t0\n", "v/a@1\t0\n", "v/a@1\tmany\t0\n"] {
            assert!(kept(wrong).is_err(), "{wrong}");
        }
    }
}
