//! Why a module could not do its work at all: with a code, where there is nothing else to report.

use crate::exec::failure::{ErrorReport, Failure};
use crate::model::code::{Coded, codes};
use std::error::Error;

/// Why a module could not do its work at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An option, or the command line, is not what it must be.
    #[error("{0}")]
    InvalidOption(String),
    /// Another run holds the lock.
    #[error("{0}")]
    Locked(String),
    /// The host does not give what the module needs for itself, such as a place for its lock.
    #[error("{0}")]
    CannotStart(String),
    /// A defect of ours.
    #[error("internal error, please report it: {0}")]
    InternalError(String),
}

codes! {
    Fault {
        InvalidOption => "invalid_option",
        Locked => "locked",
        CannotStart => "cannot_start",
        InternalError => "internal_error",
    }
}

/// The code of what a module gave up with, and what is told of it if it is a failure. Whatever says no more than that is of this
/// host: a file, a signal.
#[must_use]
pub fn coded(error: &(dyn Error + 'static)) -> (&'static str, Option<ErrorReport>) {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return (fault.code(), None);
        }
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return (failure.code(), Some(ErrorReport::from(failure)));
        }
        next = error.source();
    }
    (Fault::CannotStart(String::new()).code(), None)
}

#[cfg(test)]
mod tests {
    use super::{Fault, coded};
    use crate::exec::failure::Failure;
    use crate::exec::ssh::Host;
    use std::io;

    #[test]
    fn whatever_a_module_gives_up_with_has_a_code() {
        let code = |error: &(dyn std::error::Error + 'static)| {
            let (code, report) = coded(error);
            (code, report.map(|report| report.stage))
        };
        assert_eq!(code(&Fault::Locked("held".to_owned())), ("locked", None));
        let defect = Fault::InternalError("index out of bounds".to_owned());
        assert_eq!(code(&defect), ("internal_error", None));
        assert_eq!(defect.to_string(), "internal error, please report it: index out of bounds");
        assert_eq!(code(&io::Error::other("no room")), ("cannot_start", None));
        let failure = Failure::refusal("list", &Host::Local, &Fault::InvalidOption("x".to_owned()));
        assert_eq!(code(&failure), ("invalid_option", Some("list")));
    }
}
