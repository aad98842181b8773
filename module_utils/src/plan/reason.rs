//! Why a snapshot stays.

/// Why a snapshot stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the newest of its dataset.
    Newest,
    /// It is among the newest of its interval that the policy keeps.
    Retained,
    /// It does not have our prefix.
    Foreign,
    /// It has our prefix, but no date and interval that we would write.
    Unparsable,
    /// An option protects its name.
    Protected,
    /// It has clones.
    Cloned,
    /// It is held.
    Held,
    /// A replication may need it.
    ReplicationBase,
    /// Not every target has got it.
    Unreplicated,
    /// It is younger than `keep_within`.
    Young,
    /// It came from another host, and is too young to go for lack of a place.
    TooYoung,
    /// It came from another host, and arrived too lately to have a place, or to go for lack of one.
    RecentArrival,
    /// It came from another host, and says that it was taken at a time that is yet to come.
    Future,
    /// ZFS would not destroy it: in use.
    Busy,
}

impl Reason {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 14] = [
        Self::Newest,
        Self::Retained,
        Self::Foreign,
        Self::Unparsable,
        Self::Protected,
        Self::Cloned,
        Self::Held,
        Self::ReplicationBase,
        Self::Unreplicated,
        Self::Young,
        Self::TooYoung,
        Self::RecentArrival,
        Self::Future,
        Self::Busy,
    ];

    /// Its word in results.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Retained => "retained",
            Self::Foreign => "foreign",
            Self::Unparsable => "unparsable",
            Self::Protected => "protected",
            Self::Cloned => "cloned",
            Self::Held => "held",
            Self::ReplicationBase => "replication_base",
            Self::Unreplicated => "unreplicated",
            Self::Young => "keep_within",
            Self::TooYoung => "too_young",
            Self::RecentArrival => "recent_arrival",
            Self::Future => "future",
            Self::Busy => "busy",
        }
    }
}

/// A set of reasons; empty means that the snapshot may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons(u16);

impl Reasons {
    /// Adds one.
    pub fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u16;
    }

    /// Adds one where it holds.
    pub fn add_if(&mut self, reason: Reason, holds: bool) {
        if holds {
            self.add(reason);
        }
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if it is among them.
    #[must_use]
    pub fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u16) != 0
    }

    /// True if there are no reasons but these.
    #[must_use]
    pub fn only(self, one: Reason, other: Reason) -> bool {
        self.0 & !(1 << one as u16 | 1 << other as u16) == 0
    }

    /// True for a snapshot that is none of ours to destroy, whatever else holds for it.
    #[must_use]
    pub fn not_ours(self) -> bool {
        self.contains(Reason::Foreign) || self.contains(Reason::Unparsable)
    }

    /// Their words.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        Reason::ALL.into_iter().filter(|reason| self.contains(*reason)).map(Reason::word).collect()
    }
}

impl From<Reason> for Reasons {
    fn from(reason: Reason) -> Self {
        Self(1 << reason as u16)
    }
}
