//! Datasets and their snapshots.

use super::At;
use crate::model::bookmark_name::TargetTag;
use crate::plan::period::Interval;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Where a dataset's snapshots come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// They are taken here.
    Source,
    /// Another host or dataset sends them.
    Replica,
    /// There are none to be.
    None,
}

impl Role {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Replica => "replica",
            Self::None => "none",
        }
    }
}

/// A dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Dataset {
    /// Its full path.
    pub name: String,
    /// Its pool.
    pub pool: String,
    /// Filesystem or volume.
    pub kind: &'static str,
    /// When it was made here.
    pub created_at: Option<At>,
    /// Space.
    #[serde(flatten)]
    pub space: Space,
    /// What compresses it, as its property says: `lz4`, `zstd-3`, `off` ...
    pub compression: Option<String>,
    /// The cipher; none if it is not encrypted.
    pub encryption: Option<String>,
    /// Whether its key is loaded; none if it is not encrypted.
    pub key_loaded: Option<bool>,
    /// Nothing may be written to it.
    pub readonly: Option<bool>,
    /// It is mounted; none of a volume.
    pub mounted: Option<bool>,
    /// Where to.
    pub mountpoint: Option<String>,
    /// An interrupted receive can be resumed.
    pub partial_receive: bool,
    /// A parent without data, made so that something can be received below it.
    pub placeholder: bool,
    /// The name of its policy; none if no policy speaks of it.
    pub policy: Option<String>,
    /// It is itself listed, not found below one that is.
    pub declared: bool,
    /// Where its snapshots come from.
    pub role: Role,
    /// How it stands with its snapshots; none where they could not be listed.
    pub snapshots: Option<Snapshots>,
    /// What targets have confirmed, as the bookmarks here say.
    pub confirmed: Vec<Confirmed>,
}

/// Space of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Space {
    /// With all below it.
    pub used_bytes: Option<u64>,
    /// Left.
    pub available_bytes: Option<u64>,
    /// What it refers to.
    pub referenced_bytes: Option<u64>,
    /// Used, before compression.
    pub logical_used_bytes: Option<u64>,
    /// Used by itself.
    pub used_by_dataset_bytes: Option<u64>,
    /// Used by its snapshots.
    pub used_by_snapshots_bytes: Option<u64>,
    /// Since its newest snapshot.
    pub written_bytes: Option<u64>,
    /// At most; none if there is no limit.
    pub quota_bytes: Option<u64>,
    /// Of a volume.
    pub volume_size_bytes: Option<u64>,
    /// What compression saves.
    pub compression_ratio: Option<f64>,
}

/// What a target has confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Confirmed {
    /// Tells targets apart: the guid of the pool and a checksum of the place in it.
    #[serde(serialize_with = "shown")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub target_id: TargetTag,
    /// The bookmark that says so, without the dataset.
    pub bookmark: String,
    /// When the newest snapshot was taken that it is known to have.
    pub created_at: Option<At>,
    /// It has the newest there is.
    pub is_newest: bool,
}

fn shown<S: Serializer>(target: &TargetTag, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(target)
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshot {
    /// Its name without the dataset.
    #[serde(rename = "snapshot")]
    pub name: String,
    /// Its identity, as text.
    pub guid: String,
    /// When it was taken; none if it went before it could be asked.
    pub created_at: Option<At>,
}

/// How a dataset stands with its snapshots.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Snapshots {
    /// All there are.
    pub total: u64,
    /// Those that no policy takes or prunes.
    pub other: u64,
    /// The newest, whatever it is.
    pub newest: Option<Snapshot>,
    /// Of each interval that its policy wants or that there are some of.
    // In boxes, for a map has room for eleven of them from the first one on.
    pub intervals: BTreeMap<Interval, Box<OfInterval>>,
}

impl Snapshots {
    /// Its intervals, the shortest first.
    pub fn each(&self) -> impl Iterator<Item = (Interval, &OfInterval)> {
        self.intervals.iter().map(|(interval, of)| (*interval, &**of))
    }

    /// The shortest interval that its policy wants.
    #[must_use]
    pub fn finest_wanted(&self) -> Option<(Interval, &OfInterval)> {
        self.each().find(|(_, of)| of.wanted > 0)
    }

    /// True if a snapshot is missing that should have been taken.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        self.intervals.values().any(|of| of.overdue)
    }
}

/// How a dataset stands with the snapshots of one interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OfInterval {
    /// How many there are.
    pub kept: u64,
    /// How many its policy keeps.
    pub wanted: u64,
    /// How many there can be by now.
    pub expected: u64,
    /// The newest.
    pub newest: Option<Snapshot>,
    /// The oldest.
    pub oldest: Option<Snapshot>,
    /// How old the newest may be; none where none are to be taken here.
    pub max_age_seconds: Option<u64>,
    /// From when on it is older than that, unless a newer one is taken before; none where none is to be taken.
    pub overdue_at: Option<At>,
    /// It is older than that, or there is none although there was time for one.
    pub overdue: bool,
}

impl OfInterval {
    /// Kept of what is possible, at most 1; 0 when overdue, for what a dead job has left says nothing.
    #[must_use]
    pub fn compliance(&self) -> Option<f64> {
        match (self.overdue, self.expected) {
            _ if self.wanted == 0 => None,
            (true, _) => Some(0.0),
            (false, 0) => Some(1.0),
            (false, expected) => Some((self.kept as f64 / expected as f64).min(1.0)),
        }
    }
}
