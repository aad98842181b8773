//! Options of the module that say in words what it shall do. Their doc comments are what `ansible-doc` shows.

use serde::{Deserialize, Serialize};

/// Which snapshots are sent.
#[derive(Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Snapshots {
    /// Patterns over snapshot names, as for O(exclude); only matching snapshots are sent. Empty means all.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "PATTERN")))]
    pub include: Vec<String>,
    /// Patterns over snapshot names, as for O(exclude), that are never sent. They may still serve as base.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "PATTERN")))]
    pub exclude: Vec<String>,
}

/// Whether placeholders are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Placeholders {
    /// As the dataset above them, whose key must be loaded then.
    #[default]
    Inherit,
    /// Never, so that raw streams arrive below a dataset whose key is not loaded. What is received plain below them is not encrypted
    /// either; O(require_encrypted_target) refuses that.
    Off,
}

/// Compression on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Compress {
    /// None.
    #[default]
    None,
    /// By the program C(zstd), which both ends must have.
    Zstd,
}

/// What to do while another run holds the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnLocked {
    /// Fail.
    #[default]
    Fail,
    /// Do nothing and report C(skipped).
    Skip,
    /// Wait until the other run is done.
    Wait,
}
