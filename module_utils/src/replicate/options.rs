//! Options of the module that say in words what it shall do. Their doc comments are what `ansible-doc` shows.

use crate::exec::turns::Turns;
use crate::model::marks::REPLICATE;
use crate::model::since::Since;
use crate::model::units::Span;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

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
    /// Of those, only so many of the newest, for each dataset. What both sides have stays the base of what comes.
    pub newest: Option<NonZeroUsize>,
    /// Of those, only what was taken since then: an age such as V(30d), or a date such as V(2026-01-31) or V(2026-01-31T12:00:00Z). The
    /// newest is sent, however old, so that no dataset is without a copy because of its age.
    pub since: Option<Since>,
}

/// Which datasets are sent, by user properties of theirs. As ZFS hands these down, a dataset decides for all below it that do not say
/// otherwise. V(on), V(yes) and V(true) mean that it is sent, V(off), V(no) and V(false) that it is not; any other value fails that
/// dataset. What is left out is in RV(left_out). What O(source) names and has nothing left that is sent fails.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Select {
    /// User properties by which datasets say whether they are sent. Of those that a dataset has, the first counts. Others may be
    /// V(com.sun:auto-snapshot), V(syncoid:sync) and V(autobackup:NAME), which a gate lets be read, too. Empty, nobody is asked.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "PROPERTY")))]
    pub properties: Vec<String>,
    /// Send only datasets that say so.
    pub opt_in: bool,
}

impl Default for Select {
    fn default() -> Self {
        Self { properties: vec![REPLICATE.to_owned()], opt_in: false }
    }
}

/// How many runs of a host go on at once.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// Runs that name the same folder count together. It is made if only itself is missing.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "FOLDER")))]
    pub folder: String,
    /// At most so many of them go on at once; the others wait in the order in which they came.
    pub runs: NonZeroUsize,
    /// How long a run waits at most. Then it goes on though it is not its turn, so that runs that take weeks keep no other waiting for
    /// ever.
    #[serde(default = "patience")]
    pub patience: Span,
}

fn patience() -> Span {
    Span::seconds(3600)
}

impl From<Concurrency> for Turns {
    fn from(options: Concurrency) -> Self {
        Self { folder: options.folder.into(), runs: options.runs.get(), patience: options.patience.0 }
    }
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

/// How many datasets are in flight at once, where nothing else is said.
#[must_use]
pub fn one() -> usize {
    1
}
