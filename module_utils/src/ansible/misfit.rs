//! What is wrong with an argument, and where.

use std::fmt;

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into a dict.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => write!(f, "{}", index + 1),
        }
    }
}

/// What is wrong with an argument, and where: `option ssh.port: expected an integer, got "often"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The way to it; none where it is about all of them.
    pub path: Vec<Step>,
    /// What is wrong.
    pub message: String,
}

impl Misfit {
    /// As the user would name it: `datasets.2.policy` is that of the second.
    #[must_use]
    pub fn option(&self) -> String {
        self.path.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "option {}: {}", self.option(), self.message)
        }
    }
}
