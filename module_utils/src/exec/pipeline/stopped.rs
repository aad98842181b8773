//! Why a stream was given up.

use crate::stream::inlet;
use std::io;

/// Why a stream was given up.
pub enum Stopped {
    /// We were asked to stop.
    Signal,
    /// No byte came for too long.
    Stalled,
    /// The receiver has everything, and does not end.
    Unfinished,
    /// What comes must not be handed on.
    Refused(String),
    /// The system failed.
    Error(io::Error),
}

impl<E: Into<io::Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl From<inlet::Stopped> for Stopped {
    fn from(stopped: inlet::Stopped) -> Self {
        match stopped {
            inlet::Stopped::Refused(reason) => Self::Refused(reason),
            inlet::Stopped::Error(error) => Self::Error(error.into()),
        }
    }
}
