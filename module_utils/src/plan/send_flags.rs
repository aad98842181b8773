//! With which flags a dataset is sent: what was asked for, what both pools can take, and what its history on the target was sent with.
//!
//! Raw streams have their flags of themselves (`zfs send -w` means `-Lec`), so there it is only whether the target can take them.
//! Sources: `dmu_send_impl` and `setup_featureflags` in OpenZFS, module/zfs/dmu_send.c; `recv_begin_check_feature_flags_impl` and
//! `recv_check_large_blocks`, module/zfs/dmu_recv.c.

use super::features::{Feature, Features, State};
use crate::model::code::codes;
use serde::{Deserialize, Serialize};

/// Whether a flag is given. These types are options of the module as they are: their doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// As told above.
    #[default]
    Auto,
    /// Yes; a dataset with which that cannot be is refused.
    Always,
    /// No.
    Never,
}

/// With which flags what is not raw is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SendFlags {
    /// Blocks larger than 128 KiB stay as they are (C(zfs send -L)). This never changes within a target's history, as that lost
    /// data with ZFS before 2.0. V(auto) is with them, unless the target's pool lacks the feature C(large_blocks) and that of the source uses
    /// it; what was begun without goes on without, also when the target's pool has got the feature since.
    pub large_block: Choice,
    /// Compressed blocks stay as they are stored (C(zfs send -c)). V(auto) is with them, unless the target's pool lacks
    /// C(lz4_compress) or C(zstd_compress) and that of the source uses it.
    pub compressed: Choice,
    /// Blocks of a few bytes stay embedded in their pointers (C(zfs send -e)). V(auto) is without: they are sent as ordinary blocks, and
    /// the target embeds them again. An encrypted target takes none.
    pub embedded: Choice,
}

/// The flags of a plain stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags {
    /// `-L`
    pub large_block: bool,
    /// `-c`
    pub compressed: bool,
    /// `-e`
    pub embedded: bool,
    /// The target is to remember that it is sent without `-L`, from this stream on.
    pub begins_small: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self { large_block: true, compressed: true, embedded: false, begins_small: false }
    }
}

impl Flags {
    /// As one argument of `zfs send`, if there are any.
    #[must_use]
    pub fn argument(self) -> Option<String> {
        let letters = [(self.large_block, 'L'), (self.embedded, 'e'), (self.compressed, 'c')];
        let given: String = letters.into_iter().filter(|(given, _)| *given).map(|(_, letter)| letter).collect();
        (!given.is_empty()).then(|| format!("-{given}"))
    }
}

/// What the target has of a dataset already. Its large blocks must all have come alike: split, or as they are (openzfs/zfs#6224).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Nothing.
    None,
    /// What this module sent without `-L`.
    Small,
    /// What this module sent with `-L`.
    Large,
    /// What something else has sent.
    Unknown,
}

/// What a dataset stores by its properties, as far as flags go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Blocks larger than 128 KiB.
    pub large_blocks: bool,
    /// Compressed by `zstd`.
    pub zstd: bool,
}

/// What is known of a dataset and the two pools. No features: they were not asked, or gave no answer.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// Those of the source's pool.
    pub source: Option<&'a Features>,
    /// Those of the target's pool.
    pub target: Option<&'a Features>,
    /// What the target has.
    pub history: History,
    /// What is received is encrypted there.
    pub into_encrypted: bool,
}

/// Why a dataset cannot be sent as asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The option needs what the target's pool lacks.
    #[error(
        "send_flags.{option}: always needs the feature {} of the target's pool, where it is disabled. Leave the option at \
         auto, or enable it there: zpool set feature@{}=enabled {pool}", .feature.name(), .feature.name()
    )]
    OptionNeeds {
        /// Which option.
        option: &'static str,
        /// What it needs.
        feature: Feature,
        /// The target's pool.
        pool: String,
    },
    /// A raw stream needs what the target's pool lacks.
    #[error(
        "a raw stream of it needs the feature {} of the target's pool, where it is disabled. Enable it there: zpool set \
         feature@{}=enabled {pool}. Or send it plain (raw: never), readable there", .feature.name(), .feature.name()
    )]
    RawNeeds {
        /// What it needs.
        feature: Feature,
        /// The target's pool.
        pool: String,
    },
    /// Its history has its large blocks split.
    #[error(
        "the target's history was sent without large blocks, and that must not change between incremental streams \
         (openzfs/zfs#6224). Leave send_flags.large_block at auto, or rename the target out of the way (zfs rename), so that \
         it is sent anew"
    )]
    IsSmall,
    /// Its history has its large blocks as they are.
    #[error(
        "the target's history was sent with large blocks, and that must not change between incremental streams \
         (openzfs/zfs#6224). Leave send_flags.large_block at auto, or rename the target out of the way (zfs rename), so that \
         it is sent anew"
    )]
    IsLarge,
    /// Encrypted datasets have no embedded blocks.
    #[error(
        "send_flags.embedded: always does not go with an encrypted target, which ZFS gives no embedded data. Leave the option \
         at auto, or choose a target that is not encrypted"
    )]
    Embedded,
}

codes! {
    Unfit {
        OptionNeeds => "feature_missing",
        RawNeeds => "feature_missing",
        IsSmall => "large_blocks_differ",
        IsLarge => "large_blocks_differ",
        Embedded => "embedded_data",
    }
}

impl Given<'_> {
    /// The target's pool cannot take what the source's has. One that was not asked may have anything.
    fn lacks(&self, feature: Feature) -> bool {
        let used = self.source.is_none_or(|source| source.state(feature) == State::Active);
        used && self.target.is_some_and(|target| target.state(feature) == State::Disabled)
    }

    fn first_lacking(&self, features: &[Feature]) -> Option<Feature> {
        features.iter().copied().find(|feature| self.lacks(*feature))
    }

    /// There may be large blocks in the history: both pools have some.
    fn have_large_blocks(&self) -> bool {
        let has = |features: Option<&Features>| {
            features.is_some_and(|features| features.state(Feature::LargeBlocks) == State::Active)
        };
        has(self.source) && has(self.target)
    }

    fn large_block(&self, choice: Choice, pool: &str) -> Result<bool, Unfit> {
        let lacks = self.lacks(Feature::LargeBlocks);
        // Whatever is there came split, if there was anything to split: nothing in that pool has large blocks.
        let came_split = || {
            self.target.is_some_and(|target| target.state(Feature::LargeBlocks) != State::Active)
                && self.source.is_some_and(|source| source.state(Feature::LargeBlocks) == State::Active)
        };
        match (choice, self.history) {
            (Choice::Always, _) if lacks => Err(needs("large_block", Feature::LargeBlocks, pool)),
            (Choice::Always, History::Small) => Err(Unfit::IsSmall),
            (Choice::Never, History::Large) if self.have_large_blocks() => Err(Unfit::IsLarge),
            (Choice::Never, _) | (Choice::Auto, History::Small) => Ok(false),
            (Choice::Auto, _) if lacks => Ok(false),
            (Choice::Auto, History::Unknown) if came_split() => Ok(false),
            _ => Ok(true),
        }
    }

    fn compressed(&self, choice: Choice, pool: &str) -> Result<bool, Unfit> {
        match (choice, self.first_lacking(&[Feature::Lz4, Feature::Zstd])) {
            (Choice::Always, Some(feature)) => Err(needs("compressed", feature, pool)),
            (Choice::Never, _) | (Choice::Auto, Some(_)) => Ok(false),
            (_, None) => Ok(true),
        }
    }

    /// Without `-e` ZFS sends embedded blocks as ordinary ones, which are a few bytes more, and the target embeds them again.
    fn embedded(&self, choice: Choice, pool: &str) -> Result<bool, Unfit> {
        if choice != Choice::Always {
            return Ok(false);
        }
        if self.into_encrypted {
            return Err(Unfit::Embedded);
        }
        match self.first_lacking(&[Feature::Embedded, Feature::Lz4]) {
            Some(feature) => Err(needs("embedded", feature, pool)),
            None => Ok(true),
        }
    }
}

fn needs(option: &'static str, feature: Feature, pool: &str) -> Unfit {
    Unfit::OptionNeeds { option, feature, pool: pool.to_owned() }
}

/// The flags of a plain stream into `pool`.
pub fn plain(wish: &SendFlags, given: &Given<'_>, pool: &str) -> Result<Flags, Unfit> {
    let large_block = given.large_block(wish.large_block, pool)?;
    Ok(Flags {
        large_block,
        compressed: given.compressed(wish.compressed, pool)?,
        embedded: given.embedded(wish.embedded, pool)?,
        begins_small: !large_block && given.history != History::Small,
    })
}

/// Whether `pool` can take a raw stream. What the pool of the source has, this dataset need not have: its properties tell.
pub fn raw(given: &Given<'_>, stored: Stored, pool: &str) -> Result<(), Unfit> {
    let needed = [
        (Feature::Encryption, true),
        (Feature::Lz4, true),
        (Feature::LargeBlocks, stored.large_blocks),
        (Feature::Zstd, stored.zstd),
    ];
    match needed.into_iter().find(|(feature, used)| *used && given.lacks(*feature)) {
        Some((feature, _)) => Err(Unfit::RawNeeds { feature, pool: pool.to_owned() }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "send_flags_tests.rs"]
mod tests;
