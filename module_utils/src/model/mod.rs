//! What ZFS has: datasets, snapshots and bookmarks. Names are parsed once and valid ever after.
//!
//! Rules: `entity_namecheck` in OpenZFS, module/zcommon/zfs_namecheck.c.

pub mod absence;
pub mod asked;
pub mod bookmark_name;
pub mod code;
pub mod glob;
pub mod marks;
pub mod permissions;
pub mod since;
pub mod suggest;
pub mod summed;
pub mod units;

use asked::Asked;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// The longest name that ZFS takes, with its snapshot (`ZFS_MAX_DATASET_NAME_LEN` less the NUL).
pub const MAX_NAME: usize = 255;

/// What is added to the name of a dataset that arrives beside the placeholder whose place it is to take.
pub const ARRIVING: &str = "_ferro_arriving";

/// The dataset below a target that holds the replicas whose sources are gone, with `deleted_datasets: set_aside`.
pub const DELETED: &str = "ferro_deleted";

/// Why a name is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a valid {what} name: {reason}")]
pub struct InvalidName {
    name: String,
    what: &'static str,
    reason: String,
}

fn check_chars(text: &str) -> Result<(), String> {
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.: ".contains(*c))) {
        Some(c) => Err(format!("ZFS does not allow {c:?} in it")),
        None => Ok(()),
    }
}

/// The full path of a filesystem or volume, such as `tank/data`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct DatasetName(String);

impl DatasetName {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the pool.
    #[must_use]
    pub fn pool(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }

    /// The dataset above this one; none for a pool.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// All datasets above this one, nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + use<> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// What remains of this path below `prefix`: empty for `prefix` itself, none if it does not lie there.
    /// `tank/database` does not lie below `tank/data`.
    #[must_use]
    pub fn below(&self, prefix: &Self) -> Option<&str> {
        match self.0.strip_prefix(&prefix.0)? {
            "" => Some(""),
            rest => rest.strip_prefix('/'),
        }
    }

    /// The name beside this one under which a dataset arrives that is to take the place of a placeholder.
    pub fn arriving(&self) -> Result<Self, InvalidName> {
        format!("{self}{ARRIVING}").parse()
    }

    /// The place that a dataset of this name is to take; none for any other name.
    #[must_use]
    pub fn place(&self) -> Option<Self> {
        self.0.strip_suffix(ARRIVING)?.parse().ok()
    }

    /// This path with the beginning `from`, at or below which it lies, replaced by `to`.
    #[must_use]
    pub fn moved(&self, from: &Self, to: &Self) -> Option<Result<Self, InvalidName>> {
        self.below(from).map(|path| to.join(path))
    }

    /// The dataset at `path` below this one; this one itself for an empty path.
    pub fn join(&self, path: &str) -> Result<Self, InvalidName> {
        if path.is_empty() { Ok(self.clone()) } else { format!("{self}/{path}").parse() }
    }
}

impl FromStr for DatasetName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        let invalid = |reason: &str| InvalidName { name: name.to_owned(), what: "dataset", reason: reason.to_owned() };
        if name.is_empty() {
            return Err(invalid("it is empty"));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(invalid("the pool's name starts with a letter"));
        }
        if name.len() > MAX_NAME {
            return Err(invalid("it is longer than 255 bytes"));
        }
        for component in name.split('/') {
            match component {
                "" => return Err(invalid("a component of the path is empty")),
                "." | ".." => return Err(invalid("a component of the path is . or ..")),
                _ => check_chars(component).map_err(|reason| invalid(&reason))?,
            }
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a dataset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A filesystem.
    Filesystem,
    /// A block device.
    Volume,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Volume => "volume",
        }
    }
}

/// A snapshot or a bookmark of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Which of the two.
    pub kind: VersionKind,
    /// The part after `@` or `#`.
    pub name: String,
    /// Identity: the same on both sides, kept by rename, new after destroy and create. Random, so never an order.
    pub guid: u64,
    /// Order: strictly increasing within one dataset. Says nothing across pools.
    pub createtxg: u64,
    /// What was asked for beyond that.
    pub asked: Asked,
}

/// The two kinds of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionKind {
    /// `dataset#name`: can only be the start of an incremental stream.
    Bookmark,
    /// `dataset@name`.
    Snapshot,
}

impl Version {
    /// What a listing says.
    #[must_use]
    pub fn listed(kind: VersionKind, name: String, guid: u64, createtxg: u64) -> Self {
        Self { kind, name, guid, createtxg, asked: Asked::default() }
    }

    /// True for a snapshot.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.kind == VersionKind::Snapshot
    }

    /// The name with its sign: `@daily` or `#daily`.
    #[must_use]
    pub fn signed(&self) -> String {
        let sign = if self.is_snapshot() { '@' } else { '#' };
        format!("{sign}{}", self.name)
    }
}

/// Checks the part of a snapshot's or bookmark's name after `@` or `#`.
pub fn check_version_name(name: &str) -> Result<(), InvalidName> {
    let invalid = |reason: String| InvalidName { name: name.to_owned(), what: "snapshot", reason };
    if name.is_empty() {
        return Err(invalid("it is empty".to_owned()));
    }
    check_chars(name).map_err(invalid)
}

/// The part of a snapshot's name after `@`: never empty, and without `,` or `%`, so it names one snapshot and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortName(Box<str>);

impl ShortName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ShortName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        check_version_name(name)?;
        Ok(Self(name.into()))
    }
}

impl fmt::Display for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The full name of a snapshot, such as `tank/data@monday`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotName {
    /// Of which dataset.
    pub dataset: DatasetName,
    /// Which of its snapshots.
    pub name: ShortName,
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.dataset, self.name)
    }
}

/// One dataset as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Its path.
    pub name: DatasetName,
    /// What it is.
    pub kind: Kind,
    /// Identity of the dataset itself: kept by rename, new after destroy and create.
    pub guid: u64,
    /// True if it is stored encrypted.
    pub encrypted: bool,
    /// The dataset whose key it is encrypted with: itself, or one above it.
    pub encryption_root: Option<DatasetName>,
    /// True if its key is not loaded.
    pub locked: bool,
    /// The snapshot that it is a clone of, in full.
    pub origin: Option<String>,
    /// Bytes written since its newest snapshot.
    pub written: u64,
    /// What an interrupted `zfs receive -s` left.
    pub partial: Option<Partial>,
    /// A placeholder, made by us, so the first full stream may take its place.
    pub placeholder: bool,
    /// The guid of the dataset that this one is a replica of, as its mark says. Children inherit it.
    pub replica_of: Option<u64>,
    /// A replica that was sent without `-L`, so its large blocks are split.
    pub small_blocks: bool,
    /// What it has of the user properties that choose what is sent, in their order; empty where they were not asked for.
    pub selection: Vec<String>,
    /// Snapshots and bookmarks, oldest first; a bookmark before the snapshot that it was made from.
    pub versions: Vec<Version>,
}

impl Dataset {
    /// A filesystem in which there is nothing, neither encrypted nor received.
    #[must_use]
    pub fn empty(name: DatasetName, guid: u64) -> Self {
        Self {
            name,
            kind: Kind::Filesystem,
            guid,
            encrypted: false,
            encryption_root: None,
            locked: false,
            origin: None,
            written: 0,
            partial: None,
            placeholder: false,
            replica_of: None,
            small_blocks: false,
            selection: Vec::new(),
            versions: Vec::new(),
        }
    }

    /// True if it is encrypted with a key of its own, so that it may be moved anywhere.
    #[must_use]
    pub fn is_encryption_root(&self) -> bool {
        self.encryption_root.as_ref() == Some(&self.name)
    }

    /// True if all that it holds is what an interrupted first receive left, and goes with it.
    #[must_use]
    pub fn is_only_partial(&self) -> bool {
        self.partial.is_some() && !self.placeholder && self.snapshots().next().is_none()
    }

    /// Its snapshots, oldest first.
    #[must_use]
    pub fn snapshots(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions.iter().filter(|version| version.is_snapshot())
    }
}

/// A receive that was interrupted and could be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// `receive_resume_token`, as the receiving side tells it.
    pub token: String,
    /// What the sending side makes of it, or why it cannot use it.
    pub content: Result<TokenContent, String>,
    /// Bytes that are there already, as the token says.
    pub bytes: u64,
}

/// What a resume token says. It comes from the receiving side, so it is checked, never trusted (openzfs/zfs#14153).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenContent {
    /// The snapshot that the stream ends with, in full.
    pub to_name: String,
    /// Its guid.
    pub to_guid: u64,
    /// The guid that an incremental stream starts from.
    pub from_guid: Option<u64>,
    /// The stream is raw.
    pub raw: bool,
    /// The stream has large blocks (`zfs send -L`).
    pub large_blocks: bool,
}

#[cfg(test)]
mod tests {
    use super::{DatasetName, ShortName, check_version_name};

    #[test]
    fn names_that_zfs_takes() {
        for name in ["tank", "tank/data", "tank/my data", "tank/a.b:c-d_e", "t1/-x", "tank/.hidden"] {
            assert_eq!(name.parse::<DatasetName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_zfs_refuses_say_why() {
        for (name, reason) in [
            ("", "it is empty"),
            ("-x", "the pool's name starts with a letter"),
            ("/tank", "the pool's name starts with a letter"),
            ("tank/", "a component of the path is empty"),
            ("tank//a", "a component of the path is empty"),
            ("tank/../x", "a component of the path is . or .."),
            ("tank/a;rm", "ZFS does not allow ';' in it"),
            ("tank/a@b", "ZFS does not allow '@' in it"),
            ("tank/a\nb", "ZFS does not allow '\\n' in it"),
            ("tank/ä", "ZFS does not allow 'ä' in it"),
        ] {
            let error = name.parse::<DatasetName>().unwrap_err().to_string();
            assert!(error.ends_with(reason), "{error}");
        }
        assert!(format!("tank/{}", "a".repeat(251)).parse::<DatasetName>().is_err());
        assert!(check_version_name("a+b").is_err());
        for name in ["", "a,b", "a%b", "a@b", "a/b"] {
            assert!(name.parse::<ShortName>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_path_lies_below_whole_components_only() {
        let name = |text: &str| text.parse::<DatasetName>().unwrap();
        assert_eq!(name("tank/data/a").below(&name("tank/data")), Some("a"));
        assert_eq!(name("tank/data").below(&name("tank/data")), Some(""));
        assert_eq!(name("tank/database").below(&name("tank/data")), None);
        assert_eq!(name("a/b/c").ancestors().map(|a| a.to_string()).collect::<Vec<_>>(), ["a/b", "a"]);
    }
}
