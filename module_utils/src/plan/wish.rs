//! What the user asked for, as far as planning goes.

use super::send_flags::SendFlags;
use crate::model::Dataset;
use crate::model::glob::Globs;

/// What the user asked for, as far as planning goes.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Only matching snapshots are sent; empty means all.
    pub include: Globs,
    /// Matching snapshots are never sent.
    pub exclude: Globs,
    /// A first replication sends only the latest snapshot.
    pub initial_latest_only: bool,
    /// Only the latest snapshot is sent, ever.
    pub latest_only: bool,
    /// Whether streams are raw.
    pub raw: RawMode,
    /// Whether an interrupted receive is taken up again.
    pub resume: bool,
    /// What to do where source and target have gone apart.
    pub on_diverged: OnDiverged,
    /// Placeholders are not encrypted, whatever is above them.
    pub plain_placeholders: bool,
    /// With which flags plain streams are sent.
    pub send_flags: SendFlags,
}

/// What to do where source and target have gone apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDiverged {
    /// Say so and leave them alone.
    #[default]
    Fail,
    /// Take the target back to the newest common snapshot.
    Rollback,
    /// Rename the target and start anew.
    SetAside,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawMode {
    /// Where the dataset is encrypted.
    #[default]
    Auto,
    /// The same: it can be no more.
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
