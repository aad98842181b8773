//! Who may do what on a dataset: what `zfs allow` grants, and changes of it.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Names of permissions; those that start with `@` are names of sets.
pub type Permissions = BTreeSet<String>;

/// Who a permission is granted to. An id without a name is kept as its digits, which `zfs allow` takes as well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// `-u`
    User(String),
    /// `-g`
    Group(String),
    /// `-e`
    Everyone,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::Everyone => f.write_str("everyone"),
        }
    }
}

/// Where a granted permission counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reach {
    /// On the dataset itself.
    pub local: bool,
    /// On all datasets below it.
    pub descendents: bool,
}

impl Reach {
    /// On the dataset and all below it.
    pub const BOTH: Self = Self { local: true, descendents: true };
    /// On the dataset alone.
    pub const LOCAL: Self = Self { local: true, descendents: false };
    /// Below the dataset only.
    pub const DESCENDENTS: Self = Self { local: false, descendents: true };

    /// Counts somewhere.
    #[must_use]
    pub fn is_any(self) -> bool {
        self.local || self.descendents
    }

    /// Where either counts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { local: self.local || other.local, descendents: self.descendents || other.descendents }
    }

    /// Where this counts and the other does not.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self { local: self.local && !other.local, descendents: self.descendents && !other.descendents }
    }
}

/// Where permissions count. It is an option of the module as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// On the dataset and all below it.
    #[default]
    Both,
    /// On the dataset alone.
    Local,
    /// On what is below the dataset, now or later.
    Descendents,
}

impl From<Scope> for Reach {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Both => Self::BOTH,
            Scope::Local => Self::LOCAL,
            Scope::Descendents => Self::DESCENDENTS,
        }
    }
}

/// All that is granted on one dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// `@name` and what is in it.
    pub sets: BTreeMap<String, Permissions>,
    /// What the maker of a new dataset below may do with it.
    pub create_time: Permissions,
    /// Who may do what, and where.
    pub who: BTreeMap<Who, BTreeMap<String, Reach>>,
}

/// One `zfs allow` or `zfs unallow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Grants; false takes away.
    pub allow: bool,
    /// To whom.
    pub subject: Subject,
    /// What; never empty.
    pub permissions: Permissions,
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A set's content.
    Set(String),
    /// Permissions of makers of datasets.
    CreateTime,
    /// Users, and where.
    Users(Vec<String>, Reach),
    /// Groups, and where.
    Groups(Vec<String>, Reach),
    /// Everyone, and where.
    Everyone(Reach),
}

/// True for what may stand where a permission or a set is named.
#[must_use]
pub fn is_permission(name: &str) -> bool {
    let bare = name.strip_prefix('@').unwrap_or(name);
    !bare.is_empty()
        && bare.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || name.starts_with('@'))
        && bare.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c))
}
