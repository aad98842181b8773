//! Why the grants of a dataset are not as they should be, with a code.

use super::vocabulary::Unknown;
use crate::exec::failure::{ErrorReport, Failure};
use crate::model::code::{Coded, codes};

/// Why the grants of a dataset are not as they should be.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// A command failed.
    #[error("{0}")]
    Command(Box<Failure>),
    /// A command failed, and there is more known of it than it says.
    #[error("{0}: {1}")]
    Explained(Box<Failure>, Refusal),
    /// A permission cannot be granted here.
    #[error("{0}")]
    Unknown(#[from] Unknown),
    /// No command failed.
    #[error("{0}")]
    Refused(Refusal),
}

/// What no command says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// ZFS does not know a permission that its help does not list either way.
    #[error("most likely this ZFS is too old for {0}, which came with OpenZFS 2.4")]
    PermissionTooNew(&'static str),
    /// Other grants are there than were asked for.
    #[error("zfs took the commands, but what it shows now is not what was asked for:\n{0}")]
    GrantsDiffer(String),
}

codes! {
    Refusal {
        PermissionTooNew => "permission_too_new",
        GrantsDiffer => "grants_differ",
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Command(Box::new(failure))
    }
}

impl Problem {
    /// What is told of it.
    #[must_use]
    pub fn report(&self) -> ErrorReport {
        match self {
            Self::Command(failure) => ErrorReport::from(&**failure),
            Self::Explained(failure, refusal) => {
                let (code, caused_by) = (refusal.code(), Some(refusal.to_string()));
                ErrorReport { code, caused_by, ..ErrorReport::from(&**failure) }
            }
            Self::Unknown(unknown) => ErrorReport::of_plan(unknown),
            Self::Refused(refusal) => ErrorReport::of_plan(refusal),
        }
    }
}
