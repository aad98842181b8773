//! Features of pools that decide what streams they can take.

use std::collections::HashMap;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Blocks larger than 128 KiB.
    LargeBlocks,
    /// Compression by lz4.
    Lz4,
    /// Compression by zstd.
    Zstd,
    /// Blocks so small that they are kept in their pointers.
    Embedded,
    /// Encryption.
    Encryption,
    /// Datasets that remember more, such as how far an interrupted receive has come.
    Extensible,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::LargeBlocks, Self::Lz4, Self::Zstd, Self::Embedded, Self::Encryption, Self::Extensible];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LargeBlocks => "large_blocks",
            Self::Lz4 => "lz4_compress",
            Self::Zstd => "zstd_compress",
            Self::Embedded => "embedded_data",
            Self::Encryption => "encryption",
            Self::Extensible => "extensible_dataset",
        }
    }

    /// The property of a pool.
    #[must_use]
    pub fn property(self) -> String {
        format!("feature@{}", self.name())
    }

    /// The properties of all, as `zpool get` is asked for them.
    #[must_use]
    pub fn properties() -> String {
        Self::ALL.map(Self::property).join(",")
    }
}

/// How far a feature is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not at all, or this ZFS does not know it.
    Disabled,
    /// It may be used, and is not.
    Enabled,
    /// It is used.
    Active,
}

/// The features of one pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features(pub HashMap<Feature, State>);

impl Features {
    /// How far one is there.
    #[must_use]
    pub fn state(&self, feature: Feature) -> State {
        self.0.get(&feature).copied().unwrap_or(State::Disabled)
    }

    /// True if nothing is disabled, so that any stream can be taken.
    #[must_use]
    pub fn are_all_there(&self) -> bool {
        Feature::ALL.iter().all(|feature| self.state(*feature) != State::Disabled)
    }
}
