//! What is asked about a few snapshots and bookmarks, beyond what listings say of all.

use std::ops::{Deref, DerefMut};

/// Answers about a version. Most are asked nothing, and there may be a million of them: so what nobody asked for takes no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked(Option<Box<Known>>);

/// What [`Asked`] has; none where it was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The initialisation vector set of an encrypted version. A raw stream fits only where it is equal on both sides; a
    /// plain receive of the same snapshot keeps the guid, yet makes a new set (openzfs/zfs#8758).
    pub ivset: Option<u64>,
    /// Bytes written between the snapshot before and this one.
    pub written: Option<u64>,
    /// When it was taken, in seconds since 1970.
    pub created: Option<u64>,
}

impl Deref for Asked {
    type Target = Known;

    fn deref(&self) -> &Known {
        const NOTHING: &Known = &Known { ivset: None, written: None, created: None };
        self.0.as_deref().unwrap_or(NOTHING)
    }
}

impl DerefMut for Asked {
    fn deref_mut(&mut self) -> &mut Known {
        self.0.get_or_insert_default()
    }
}
