//! Why a dataset must not be replicated as it is: what each side has, and what to do.

use crate::model::code::codes;
use crate::model::marks::PLACEHOLDER;
use crate::model::{DatasetName, Kind, MAX_NAME, Version};
use serde::Serialize;
use std::fmt;

/// Names, shown to people as all of a few, or the first and the last of many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Names(pub Vec<String>);

impl Names {
    /// The names of versions, with their signs.
    pub fn of<'a>(versions: impl IntoIterator<Item = &'a Version>) -> Self {
        Self(versions.into_iter().map(Version::signed).collect())
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        match &self.0[..] {
            [] => f.write_str("none"),
            all if all.len() <= SHOWN => f.write_str(&all.join(", ")),
            all => {
                let first = all[..SHOWN - 1].join(", ");
                write!(f, "{first} and {} more up to {}", all.len() - SHOWN, all[all.len() - 1])
            }
        }
    }
}

/// Where else the common snapshots are, where a dataset and its target have none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Elsewhere {
    /// Another dataset of the target has them: the source was renamed, or swapped with another.
    OnTarget(DatasetName),
    /// The source became a clone, by `zfs promote` of what was its own clone: the target has its origin.
    AtOrigin(String),
    /// The source is a clone, whose origin may be what the target has.
    PerhapsAtOrigin(String),
}

/// A source and a target that have not one snapshot in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoCommon {
    /// The source.
    #[serde(skip)]
    pub source: DatasetName,
    /// The target.
    #[serde(skip)]
    pub target: DatasetName,
    /// Snapshots of the source.
    pub source_only: Names,
    /// Snapshots of the target.
    pub target_only: Names,
    /// Where else they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Elsewhere>,
}

impl fmt::Display for NoCommon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, target, source_only, target_only, elsewhere } = self;
        write!(
            f,
            "source and target have no snapshot in common, so nothing incremental is possible: source has {source_only}; \
             target has {target_only}. {}",
            way_out(elsewhere.as_ref(), source, target)
        )
    }
}

/// Why a dataset must not be replicated as it is. What it consists of is in the result, all names in full lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(untagged)]
pub enum Conflict {
    /// Not one snapshot in common.
    #[error("{0}")]
    NoCommonSnapshot(Box<NoCommon>),
    /// The target went its own way after the common snapshot.
    #[error(
        "the target has diverged: the newest common snapshot is {common}, after it the target alone has {target_only} \
         and the source alone has {source_only}. If nobody needs what only the target has, destroy it there, or let \
         on_diverged: rollback do that; set_aside keeps it under another name"
    )]
    Diverged {
        /// The newest common snapshot.
        common: String,
        /// Snapshots of the target after it.
        target_only: Names,
        /// Snapshots of the source after it.
        source_only: Names,
    },
    /// The target was written to.
    #[error(
        "the target was written to: {written} bytes since its snapshot {common}. Keep a copy if they matter, then roll \
         the target back to that snapshot, or let on_diverged: rollback do that; readonly=on and canmount=off prevent it \
         from happening again"
    )]
    Modified {
        /// The newest common snapshot.
        common: String,
        /// Bytes written since.
        written: u64,
    },
    /// A snapshot with this name but another guid is already there.
    #[error(
        "the target already has another snapshot named @{name} (guid {target_guid}, the source's is {source_guid}). \
         Rename or destroy the one on the target"
    )]
    NameTaken {
        /// The snapshot's name.
        name: String,
        /// The source's guid.
        source_guid: u64,
        /// The target's guid.
        target_guid: u64,
    },
    /// The target exists, has no snapshots and was not made by us.
    #[error(
        "the target exists, has no snapshots and was not made by this module, so it may hold data of its own. {}",
        not_in_use(target, *guid, below)
    )]
    TargetInUse {
        /// The target.
        #[serde(skip)]
        target: DatasetName,
        /// Its guid.
        guid: u64,
        /// Datasets below it.
        below: Names,
    },
    /// What bears the mark of a placeholder holds data.
    #[error(
        "the target {target} is marked as a placeholder, but {written} bytes are in it, more than an empty dataset has, and they would be \
         lost. Move them elsewhere, or take the mark off (zfs inherit {PLACEHOLDER} {target}) and choose another target"
    )]
    PlaceholderWritten {
        /// The target.
        #[serde(skip)]
        target: DatasetName,
        /// How much is in it.
        written: u64,
    },
    /// What is in the place of what arrives beside a placeholder.
    #[error(
        "the source arrives at {arriving} until it can take the place of the placeholder {target}, but something else is \
         there: it has {has}. Rename it there, and run again"
    )]
    ArrivingInUse {
        /// The target.
        #[serde(skip)]
        target: DatasetName,
        /// The place beside it.
        arriving: DatasetName,
        /// Snapshots that it has.
        has: Names,
    },
    /// A pool's own dataset is a placeholder that `zfs receive -F` cannot replace.
    #[error(
        "the target {target} is the pool's own dataset, which cannot be renamed, and ZFS does not replace an encrypted \
         dataset, nor any by an encrypted one. Choose a target below it"
    )]
    PoolIsPlaceholder {
        /// The target.
        #[serde(skip)]
        target: DatasetName,
    },
    /// A replica below a placeholder has its key from above it, where what takes the placeholder's place will be encrypted with
    /// a key of its own.
    #[error(
        "the placeholder {target} cannot give way: {child} below it is encrypted with the key of {root}, and ZFS does \
         not move it below a dataset with another key. Make it independent of that on the target (zfs change-key -o \
         keyformat=... {child}), or rename it away, then run again"
    )]
    ChildKeepsKey {
        /// The placeholder.
        target: DatasetName,
        /// What is below it.
        child: DatasetName,
        /// Whose key it has.
        root: DatasetName,
    },
    /// What would be received or made needs a key that is not loaded.
    #[error(
        "{what} would be encrypted with the key of {root}, which is not loaded on the target. Load it there (zfs \
         load-key {root}){}", if *is_placeholder { ", or set placeholder_encryption: off, as placeholders hold no data" } else { ", or send an encrypted dataset raw" }
    )]
    TargetLocked {
        /// What would be encrypted.
        what: DatasetName,
        /// With whose key.
        root: DatasetName,
        /// It is a placeholder.
        is_placeholder: bool,
    },
    /// ZFS does not take names of that length.
    #[error(
        "{name} would have {} bytes, of which ZFS takes {MAX_NAME}: {} too many. Choose a shorter target, remove more \
         with strip_prefix, or rename the snapshot or dataset on the source", name.len(), name.len() - MAX_NAME
    )]
    NameTooLong {
        /// The name as it would be.
        name: String,
    },
    /// Filesystem on one side, volume on the other.
    #[error(
        "the source is a {} but the target is a {}. If the source was recreated as another kind, rename the target out \
         of the way (zfs rename) and run again, or let on_diverged: set_aside do that", source_kind.word(), target_kind.word()
    )]
    KindDiffers {
        /// What the source is.
        source_kind: Kind,
        /// What the target is.
        target_kind: Kind,
    },
    /// Raw streams onto a plain history.
    #[error(
        "the target's history was received plain (its {common} has another IV set than the source's), so a raw stream \
         does not fit onto it. Choose raw: never for this target, or start a new one"
    )]
    RawOntoPlain {
        /// The newest common snapshot.
        common: String,
    },
    /// Plain streams onto a raw history.
    #[error(
        "the target's history was received raw (its {common} has the source's IV set); a plain stream would break every \
         later raw one. Choose raw: auto for this target, or start a new one"
    )]
    PlainOntoRaw {
        /// The newest common snapshot.
        common: String,
    },
}

codes! {
    Conflict {
        NoCommonSnapshot => "no_common_snapshot",
        Diverged => "diverged",
        Modified => "target_modified",
        NameTaken => "name_taken",
        TargetInUse => "target_in_use",
        PlaceholderWritten => "placeholder_written",
        ArrivingInUse => "arriving_in_use",
        PoolIsPlaceholder => "pool_is_placeholder",
        ChildKeepsKey => "child_keeps_key",
        TargetLocked => "target_key_not_loaded",
        NameTooLong => "name_too_long",
        KindDiffers => "kind_differs",
        RawOntoPlain => "raw_onto_plain",
        PlainOntoRaw => "plain_onto_raw",
    }
}

impl Conflict {
    /// True where another target, or this one under another name, would do.
    #[must_use]
    pub fn is_about_the_target(&self) -> bool {
        match self {
            Self::NoCommonSnapshot(_)
            | Self::Diverged { .. }
            | Self::Modified { .. }
            | Self::NameTaken { .. }
            | Self::TargetInUse { .. }
            | Self::PlaceholderWritten { .. }
            | Self::KindDiffers { .. }
            | Self::RawOntoPlain { .. }
            | Self::PlainOntoRaw { .. } => true,
            Self::ArrivingInUse { .. }
            | Self::PoolIsPlaceholder { .. }
            | Self::ChildKeepsKey { .. }
            | Self::TargetLocked { .. }
            | Self::NameTooLong { .. } => false,
        }
    }
}

fn way_out(elsewhere: Option<&Elsewhere>, source: &DatasetName, target: &DatasetName) -> String {
    match elsewhere {
        Some(Elsewhere::OnTarget(other)) => format!(
            "But {other} on the target has snapshots of this source: it was renamed, or swapped with another. Rename the \
             target's datasets alike (zfs rename; {target} out of the way first, then {other} to {target}), or let renamed: \
             follow do that, and the next run is incremental"
        ),
        Some(Elsewhere::AtOrigin(origin)) => format!(
            "The target's newest is {origin}, of which the source is a clone since that was promoted. {}, and the next run is \
             incremental; or `zfs promote {source}` gives it its snapshots back",
            bookmark(origin, source)
        ),
        Some(Elsewhere::PerhapsAtOrigin(origin)) => format!(
            "The source is a clone of {origin}: if it became one by `zfs promote` of its own clone, {}, and the next run is \
             incremental; or `zfs promote {source}` gives it its snapshots back. If not, rename the target out of the way (zfs \
             rename) and run again, or let on_diverged: set_aside do that",
            bookmark(origin, source)
        ),
        None => "If the target is this dataset's replica, it was recreated or its common snapshots were destroyed on the \
                 source: rename the target out of the way (zfs rename) and run again, or let on_diverged: set_aside do that"
            .to_owned(),
    }
}

/// What makes the origin a base again. ZFS bookmarks for a clone what is part of its history, in whatever dataset that is.
fn bookmark(origin: &str, source: &DatasetName) -> String {
    let name = origin.rsplit('@').next().unwrap_or_default();
    format!("Bookmark it there (zfs bookmark '{origin}' '{source}#{name}')")
}

fn not_in_use(target: &DatasetName, guid: u64, below: &Names) -> String {
    let adopt = format!("`zfs set {PLACEHOLDER}={guid} {target}` on the target lets the source take its place");
    let lies_below = match below.0.len() {
        0 => String::new(),
        count => format!(" What lies below it ({count}: {below}) stays: do not destroy it."),
    };
    if target.parent().is_none() {
        return format!(
            "It is the pool's own dataset: choose a target below it.{lies_below} If it is empty (look into it), {adopt}; if nothing is kept \
             in the source itself, children_only leaves both alone"
        );
    }
    let rename = "on_diverged: set_aside keeps it under another name";
    format!("If it holds nothing itself, {adopt}; {rename}; or choose another target.{lies_below}")
}

#[cfg(test)]
mod tests {
    use super::{Conflict, Elsewhere, Names, NoCommon};

    fn names(all: &[&str]) -> Names {
        Names(all.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn many_names_are_shown_as_a_few() {
        assert_eq!(names(&[]).to_string(), "none");
        assert_eq!(names(&["a", "b"]).to_string(), "a, b");
        assert_eq!(names(&["a", "b", "c", "d", "e", "f", "g"]).to_string(), "a, b, c, d and 2 more up to g");
    }

    #[test]
    fn nobody_is_told_to_destroy_what_replicas_lie_below() {
        let in_use = |target: &str, below: &[&str]| {
            Conflict::TargetInUse { target: target.parse().unwrap(), guid: 7, below: names(below) }.to_string()
        };
        for said in [in_use("v/a", &["v/a/b"]), in_use("v/a", &[]), in_use("v", &["v/x"])] {
            assert!(said.contains("zfs set ferro.zfs:placeholder=7 v"), "{said}");
            assert!(!said.replace("do not destroy it", "").contains("destroy"), "{said}");
        }
        assert!(in_use("v/a", &["v/a/b"]).contains("(1: v/a/b) stays"));
        assert!(in_use("v", &[]).contains("the pool's own dataset: choose a target below it"));
    }

    #[test]
    fn what_is_elsewhere_is_named_with_the_way_back() {
        let told = |elsewhere| {
            let (source, target) = ("t/a".parse().unwrap(), "v/a".parse().unwrap());
            let (source_only, target_only) = (names(&["@x"]), names(&["@y"]));
            NoCommon { source, target, source_only, target_only, elsewhere }.to_string()
        };
        assert!(told(None).ends_with("let on_diverged: set_aside do that"));
        assert!(
            told(Some(Elsewhere::OnTarget("v/b".parse().unwrap())))
                .contains("v/a out of the way first, then v/b to v/a")
        );
        assert!(
            told(Some(Elsewhere::AtOrigin("t/c@s".to_owned())))
                .contains("`zfs promote t/a` gives it its snapshots back")
        );
    }
}
