//! What the user asked for, as far as planning goes.

use super::send_flags::SendFlags;
use crate::model::Dataset;
use crate::model::glob::Globs;
use serde::{Deserialize, Serialize};

/// What the user asked for, as far as planning goes.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Only matching snapshots are sent; empty means all.
    pub include: Globs,
    /// Matching snapshots are never sent.
    pub exclude: Globs,
    /// Only so many of the newest of those are sent.
    pub newest: Option<usize>,
    /// Only those taken since this second since 1970, and the newest.
    pub since: Option<i64>,
    /// What a first replication sends.
    pub initial: Initial,
    /// Only the latest snapshot is sent, ever.
    pub latest_only: bool,
    /// Whether streams are raw.
    pub raw: RawMode,
    /// Whether an interrupted receive is resumed.
    pub resume: bool,
    /// What to do where source and target have diverged.
    pub on_diverged: OnDiverged,
    /// Placeholders are not encrypted, whatever is above them.
    pub plain_placeholders: bool,
    /// With which flags plain streams are sent.
    pub send_flags: SendFlags,
    /// What becomes of clones.
    pub clones: Clones,
}

/// What a first replication sends. These types are options of the module as they are: their doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Initial {
    /// The earliest snapshot in full, then everything up to the latest.
    #[default]
    All,
    /// Only the latest.
    Latest,
}

/// What to do where source and target have diverged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnDiverged {
    /// Show what each side has, change nothing.
    #[default]
    Fail,
    /// Destroy just those snapshots and changes of the target, and go on from the newest common snapshot. RV(datasets[].rolled_back)
    /// lists them.
    Rollback,
    /// Rename the target to C(NAME_diverged_TIMESTAMP) and start anew. Its children, which did not diverge, stay where they are.
    SetAside,
}

/// What becomes of clones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Clones {
    /// A clone is sent from its origin, and lands as a clone of that, where the target has the origin's snapshot or gets it in the same run.
    /// Else it is sent whole, with a warning that says why and what it costs.
    #[default]
    Auto,
    /// The same, but what cannot land as a clone is refused.
    Keep,
    /// All are sent whole, and are no clones on the target.
    Whole,
}

impl Wish {
    /// True for the name of a snapshot that is to be sent.
    #[must_use]
    pub fn wants(&self, snapshot: &str) -> bool {
        (self.include.is_empty() || self.include.matches(snapshot)) && !self.exclude.matches(snapshot)
    }
}

/// Whether streams of encrypted datasets are raw. For what is not encrypted there is nothing raw, and `zfs send -w` would only
/// keep it from arriving on an encrypted target (it means `-e`, too).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RawMode {
    /// Raw where the dataset is encrypted.
    #[default]
    Auto,
    /// The same: there is nothing raw about what is not encrypted.
    Always,
    /// Never.
    Never,
}

impl RawMode {
    /// Whether the streams of `source` are raw.
    #[must_use]
    pub fn applies_to(self, source: &Dataset) -> bool {
        source.encrypted && self != Self::Never
    }
}
