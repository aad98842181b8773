//! Names in commands, and what is said of commands that are none of ours. Pure.

use crate::model::{DatasetName, check_version_name};

pub(super) fn form(verb: &str) -> String {
    form_of("zfs", verb)
}

pub(super) fn form_of(program: &str, verb: &str) -> String {
    format!("`{program} {verb}` with these options is nothing that zfs_replicate says")
}

pub(super) fn dataset(name: &str) -> Result<DatasetName, String> {
    name.parse::<DatasetName>().map_err(|error| error.to_string())
}

/// A dataset, snapshot or bookmark by its name.
pub(super) struct Version {
    pub(super) dataset: DatasetName,
    pub(super) sign: Option<char>,
}

/// A dataset, snapshot or bookmark.
pub(super) fn version(name: &str) -> Result<Version, String> {
    let Some((path, rest)) = name.split_once(['@', '#']) else {
        return Ok(Version { dataset: dataset(name)?, sign: None });
    };
    check_version_name(rest).map_err(|error| error.to_string())?;
    if name.len() > crate::model::MAX_NAME {
        return Err("a name is longer than 255 bytes".to_owned());
    }
    Ok(Version { dataset: dataset(path)?, sign: name[path.len()..].chars().next() })
}

/// The start of an incremental stream: only the sign and the name, so it cannot be of another dataset.
pub(super) fn of_same_dataset(from: &str, signs: &str) -> Result<(), String> {
    match from.strip_prefix(|sign| signs.contains(sign)) {
        Some(name) => check_version_name(name).map_err(|error| error.to_string()),
        None => Err(format!("an incremental stream does not start from {from:?}")),
    }
}
