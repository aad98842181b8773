//! The names of our bookmarks: `ferro_POOL_TARGET_SNAPSHOT`, on the source, one for each target.

use std::fmt;
use std::str::FromStr;

/// Tells targets apart, in the names of bookmarks and holds: `ferro_`, the guid of the pool, and a checksum of the place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetTag {
    pool: u64,
    place: u32,
}

impl TargetTag {
    /// The tag of a place in the pool with this guid.
    #[must_use]
    pub fn new(pool: u64, place: &str) -> Self {
        Self { pool, place: checksum(place) }
    }

    /// The tag of another place in the same pool.
    #[must_use]
    pub fn at(self, place: &str) -> Self {
        Self { place: checksum(place), ..self }
    }

    /// True if it may be that of this place, in whatever pool.
    #[must_use]
    pub fn is_of_place(self, place: &str) -> bool {
        self.place == checksum(place)
    }
}

impl fmt::Display for TargetTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ferro_{:016x}_{:08x}", self.pool, self.place)
    }
}

/// The name of a bookmark that says that a target has, or is about to have, the snapshot with this guid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BookmarkName {
    /// Which target it is about.
    pub target: TargetTag,
    /// The guid of the snapshot.
    pub snapshot: u64,
}

impl fmt::Display for BookmarkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{:016x}", self.target, self.snapshot)
    }
}

/// It is somebody else's bookmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bookmark is none of zfs_replicate's")]
pub struct NotOurs;

impl FromStr for BookmarkName {
    type Err = NotOurs;

    /// Reads just what [`fmt::Display`] writes.
    fn from_str(name: &str) -> Result<Self, NotOurs> {
        let fields: Vec<&str> = name.split('_').collect();
        let &["ferro", pool, place, snapshot] = fields.as_slice() else { return Err(NotOurs) };
        let number = |text: &str| u64::from_str_radix(text, 16).map_err(|_| NotOurs);
        let place = u32::try_from(number(place)?).map_err(|_| NotOurs)?;
        let read = Self { target: TargetTag { pool: number(pool)?, place }, snapshot: number(snapshot)? };
        if read.to_string() == name { Ok(read) } else { Err(NotOurs) }
    }
}

/// FNV-1a, 32 bits: short, stable across versions and machines, and nothing secret hangs on it.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::{BookmarkName, NotOurs, TargetTag, checksum};
    use proptest::prelude::*;

    #[test]
    fn tags_tell_places_apart() {
        // They never change, or all bookmarks would be orphaned.
        assert_eq!(checksum(""), 0x811c_9dc5);
        let tag = TargetTag::new(1, "backup/tank/data");
        assert_eq!(tag.to_string(), "ferro_0000000000000001_40a23b8d");
        assert!(tag.is_of_place("backup/tank/data") && !tag.is_of_place("backup/tank/date"));
        assert_ne!(TargetTag::new(1, "backup/a"), TargetTag::new(1, "backup/b"));
        assert_ne!(TargetTag::new(1, "backup/a"), TargetTag::new(2, "backup/a"));
    }

    #[test]
    fn only_our_bookmarks_are_ours() {
        let ours = "ferro_0123456789abcdef_01234567_fedcba9876543210";
        assert_eq!(ours.parse::<BookmarkName>().unwrap().target.to_string(), "ferro_0123456789abcdef_01234567");
        for other in [
            "ferro_x",
            "ferro_0123456789abcdef_01234567",
            &format!("{ours}_x"),
            &format!("x{ours}"),
            &ours.to_uppercase(),
            &ours.replace("abcdef", "ABCDEF"),
            &ours.replace("_0123", "_+123"),
            &ours.replace("_01234567", "_1234567"),
            &ours.replace("_01234567", "_101234567"),
            "manual",
            "",
        ] {
            assert_eq!(other.parse::<BookmarkName>(), Err(NotOurs), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(pool: u64, place: String, snapshot: u64) {
            let name = BookmarkName { target: TargetTag::new(pool, &place), snapshot };
            prop_assert_eq!(name.to_string().parse(), Ok(name));
        }
    }
}
