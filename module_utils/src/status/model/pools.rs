//! Pools: their states, space, scans and devices.

use super::At;
use serde::{Serialize, Serializer};
use std::fmt;

/// A state of a pool. The kernel has more names for it than `zpool` documents; one that is not known here stays what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(rename_all = "lowercase"))]
pub enum PoolState {
    /// All is there.
    Online,
    /// It works with less than it should have.
    Degraded,
    /// It does not work.
    Faulted,
    /// It was switched off.
    Offline,
    /// Its devices were pulled out.
    Removed,
    /// Its devices cannot be opened.
    Unavail,
    /// It takes nothing more, and whoever asks it waits.
    Suspended,
    /// Another word of the kernel.
    Other(String),
}

impl PoolState {
    /// The words for which metrics have a series, whatever the state is.
    pub const WORDS: [&str; 8] =
        ["online", "degraded", "faulted", "offline", "removed", "unavail", "suspended", "other"];

    /// Reads the word of the kernel or of `zpool list`.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word.trim().to_ascii_uppercase().as_str() {
            "ONLINE" => Self::Online,
            "DEGRADED" => Self::Degraded,
            "FAULTED" => Self::Faulted,
            "OFFLINE" => Self::Offline,
            "REMOVED" => Self::Removed,
            "UNAVAIL" => Self::Unavail,
            "SUSPENDED" => Self::Suspended,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Its word, one of [`Self::WORDS`].
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Degraded => "degraded",
            Self::Faulted => "faulted",
            Self::Offline => "offline",
            Self::Removed => "removed",
            Self::Unavail => "unavail",
            Self::Suspended => "suspended",
            Self::Other(_) => "other",
        }
    }
}

impl fmt::Display for PoolState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(word) => f.write_str(word),
            known => f.write_str(&known.word().to_ascii_uppercase()),
        }
    }
}

impl Serialize for PoolState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: PoolState,
    /// The same in the word of ZFS.
    pub health: String,
    /// What `zpool list` says.
    #[serde(flatten)]
    pub properties: PoolProperties,
    /// What `zpool status` says; none where it could not be asked.
    pub status: Option<PoolStatus>,
    /// When it was made, as its first dataset says.
    pub created_at: Option<At>,
    /// Datasets that no policy speaks of.
    pub unmanaged: Vec<String>,
}

impl Pool {
    /// Since when it has not been read as a whole; none while a scrub runs, or where that is not known. A resilver or a scrub that was
    /// stopped hides when the last scrub was: it counts from then.
    #[must_use]
    pub fn unscrubbed_since(&self) -> Option<At> {
        match &self.status.as_ref()?.scan {
            Some(scan) if scan.state == ScanState::Running && scan.function == ScanFunction::Scrub => None,
            Some(scan) => scan.finished_at.or(scan.started_at),
            None => self.created_at,
        }
    }
}

/// What `zpool list` says of a pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolProperties {
    /// Its identity, as text: JSON of JavaScript cannot hold it as a number.
    pub guid: Option<String>,
    /// All there is.
    pub size_bytes: Option<u64>,
    /// Of that in use.
    pub allocated_bytes: Option<u64>,
    /// Of that not in use.
    pub free_bytes: Option<u64>,
    /// Being freed.
    pub freeing_bytes: Option<u64>,
    /// Lost.
    pub leaked_bytes: Option<u64>,
    /// Held by a checkpoint.
    pub checkpoint_bytes: Option<u64>,
    /// In use.
    pub capacity_percent: Option<u64>,
    /// How far free space is in pieces.
    pub fragmentation_percent: Option<u64>,
    /// What deduplication saves.
    pub deduplication_ratio: Option<f64>,
    /// It was imported to be read only.
    pub readonly: Option<bool>,
    /// What it does when it loses its devices.
    pub failmode: Option<String>,
    /// Size of sectors as a power of two; 0 where it was detected.
    pub ashift: Option<u64>,
}

/// What `zpool status` says of a pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolStatus {
    /// What ZFS says about it.
    pub message: Option<String>,
    /// What ZFS says is to be done.
    pub action: Option<String>,
    /// The last or current scrub or resilver; none if there was none.
    pub scan: Option<Scan>,
    /// Files and blocks that are damaged for good.
    pub data_errors: Option<u64>,
    /// Its devices and their groups.
    pub vdevs: Vec<Vdev>,
}

/// What a scan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ScanFunction {
    /// Reads all there is.
    Scrub,
    /// Fills a new or returned device.
    Resilver,
    /// Another one.
    Other,
}

/// How far a scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ScanState {
    /// To its end.
    Finished,
    /// It runs.
    Running,
    /// It was stopped for a while.
    Paused,
    /// It was stopped for good.
    Canceled,
}

/// A scrub or resilver.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scan {
    /// Which.
    pub function: ScanFunction,
    /// How far.
    pub state: ScanState,
    /// When it began, where ZFS still says so.
    pub started_at: Option<At>,
    /// When it ended, or was stopped for good.
    pub finished_at: Option<At>,
    /// What it could not repair.
    pub errors: Option<u64>,
    /// What it repaired, or wrote anew. OpenZFS before 2.3 says that only roughly.
    pub repaired_bytes: Option<u64>,
    /// Of one that runs: looked at so far.
    pub examined_bytes: Option<u64>,
    /// Of one that runs: to look at.
    pub total_bytes: Option<u64>,
}

/// A device, or a group of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Vdev {
    /// Its name, as `zpool status` has it.
    pub name: String,
    /// What it is for: data, log, cache, spare, special or dedup.
    pub class: &'static str,
    /// Its state, in the word of ZFS.
    pub state: String,
    /// Reads that failed; not known of spares.
    pub read_errors: Option<u64>,
    /// Writes that failed.
    pub write_errors: Option<u64>,
    /// Blocks that were not what was written.
    pub checksum_errors: Option<u64>,
}

impl Vdev {
    /// True if nothing is wrong with it now. A spare that is in use is none any more, even where all devices are online.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.state == if self.class == "spare" { "AVAIL" } else { "ONLINE" }
    }

    /// It is a spare that stands for another device.
    #[must_use]
    pub fn is_spare_in_use(&self) -> bool {
        self.class == "spare" && self.state == "INUSE"
    }

    /// All that it has counted.
    #[must_use]
    pub fn errors(&self) -> u64 {
        [self.read_errors, self.write_errors, self.checksum_errors].into_iter().flatten().sum()
    }
}
