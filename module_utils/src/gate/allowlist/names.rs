//! Names in commands, and what is said of commands that are none of ours. Pure.

use crate::gate::denied::{Denial, Denied};
use crate::model::{DatasetName, check_version_name};

pub(super) fn form(verb: &str) -> Denied {
    form_of("zfs", verb)
}

pub(super) fn form_of(program: &str, verb: &str) -> Denied {
    format!("`{program} {verb}` with these options is nothing that zfs_replicate says").into()
}

pub(super) fn wrong_mode(verb: &str, end: &str) -> Denied {
    Denial::WrongMode.because(format!("`zfs {verb}` is nothing for a {end} end"))
}

pub(super) fn needs_allow_rollback(verb: &str) -> Denied {
    Denial::AllowRollbackMissing.because(format!("`zfs {verb}` needs a gate with --allow-rollback"))
}

pub(super) fn needs_allow_delete(verb: &str) -> Denied {
    Denial::AllowDeleteMissing
        .because(format!("`zfs {verb}` of what has no source any more needs a gate with --allow-delete"))
}

pub(super) fn needs_allow_rename() -> Denied {
    Denial::AllowRenameMissing
        .because("`zfs rename` of a replica whose source was renamed needs a gate with --allow-rename")
}

pub(super) fn dataset(name: &str) -> Result<DatasetName, Denied> {
    Ok(name.parse()?)
}

/// A dataset, snapshot or bookmark by its name.
pub(super) struct Version {
    pub(super) dataset: DatasetName,
    pub(super) sign: Option<char>,
}

/// A dataset, snapshot or bookmark.
pub(super) fn version(name: &str) -> Result<Version, Denied> {
    let Some((path, rest)) = name.split_once(['@', '#']) else {
        return Ok(Version { dataset: dataset(name)?, sign: None });
    };
    check_version_name(rest)?;
    if name.len() > crate::model::MAX_NAME {
        return Err("a name is longer than 255 bytes".into());
    }
    Ok(Version { dataset: dataset(path)?, sign: name[path.len()..].chars().next() })
}

/// The origin of a clone: a snapshot of whatever dataset.
pub(super) fn of_origin(name: &str, signs: &str) -> Result<DatasetName, Denied> {
    let parsed = version(name)?;
    match parsed.sign {
        Some(sign) if signs.contains(sign) => Ok(parsed.dataset),
        _ => Err(format!("a clone does not start from {name:?}").into()),
    }
}

/// The start of an incremental stream: only the sign and the name, so it cannot be of another dataset.
pub(super) fn of_same_dataset(from: &str, signs: &str) -> Result<(), Denied> {
    match from.strip_prefix(|sign| signs.contains(sign)) {
        Some(name) => Ok(check_version_name(name)?),
        None => Err(format!("an incremental stream does not start from {from:?}").into()),
    }
}
