//! Why a snapshot stays.

use bitflags::bitflags;

bitflags! {
    /// Why a snapshot stays; without a reason it may go. In results each has its name in small letters.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Reasons: u16 {
        /// It is the newest of its dataset.
        const NEWEST = 1;
        /// It is among the newest of its interval that the policy keeps.
        const RETAINED = 1 << 1;
        /// It does not have our prefix.
        const FOREIGN = 1 << 2;
        /// It has our prefix, but no date and interval that we would write.
        const UNPARSABLE = 1 << 3;
        /// An option protects its name.
        const PROTECTED = 1 << 4;
        /// It has clones.
        const CLONED = 1 << 5;
        /// It is held.
        const HELD = 1 << 6;
        /// A replication may need it.
        const REPLICATION_BASE = 1 << 7;
        /// Not every target has got it.
        const UNREPLICATED = 1 << 8;
        /// It is younger than `keep_within`.
        const KEEP_WITHIN = 1 << 9;
        /// It came from another host, and is too young to go for lack of a place.
        const TOO_YOUNG = 1 << 10;
        /// It came from another host, and arrived too lately to have a place, or to go for lack of one.
        const RECENT_ARRIVAL = 1 << 11;
        /// It came from another host, and says that it was taken at a time that is yet to come.
        const FUTURE = 1 << 12;
        /// ZFS would not destroy it: in use.
        const BUSY = 1 << 13;
        /// Its name has a date and no interval, and the date is before that of an older snapshot.
        const MISDATED = 1 << 14;
    }
}

impl Reasons {
    /// True for a snapshot that is none of ours to destroy, whatever else holds for it.
    #[must_use]
    pub fn not_ours(self) -> bool {
        self.intersects(Self::FOREIGN | Self::UNPARSABLE)
    }

    /// Their words.
    #[must_use]
    pub fn words(self) -> Vec<String> {
        self.iter_names().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Reasons;

    #[test]
    fn words_come_in_order() {
        let some = Reasons::KEEP_WITHIN | Reasons::NEWEST | Reasons::REPLICATION_BASE;
        assert_eq!(some.words(), ["newest", "replication_base", "keep_within"]);
        assert_eq!(Reasons::default().words(), [""; 0]);
        assert!((Reasons::HELD | Reasons::FOREIGN).not_ours() && !some.not_ours());
    }
}
