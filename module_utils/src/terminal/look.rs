//! What the output goes to.

use std::ffi::OsString;
use std::os::fd::AsFd;

/// How output may look. The default is that of a file, a pipe and a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Colours.
    pub color: bool,
    /// Lines that are written over.
    pub live: bool,
    /// How many characters a line takes, where that is known.
    pub width: Option<usize>,
}

impl Look {
    /// What that output is, by the environment of this process.
    #[must_use]
    pub fn of(output: &impl AsFd) -> Self {
        if !rustix::termios::isatty(output) {
            return Self::default();
        }
        let width = rustix::termios::tcgetwinsize(output).map_or(0, |size| usize::from(size.ws_col));
        Self::of_terminal(width, std::env::var_os)
    }

    /// A terminal that does not say what it is gets nothing but lines. <https://no-color.org>
    fn of_terminal(width: usize, variable: impl Fn(&'static str) -> Option<OsString>) -> Self {
        let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
        let is_dumb = !is_set("TERM") || variable("TERM").is_some_and(|term| term == "dumb");
        Self { color: !is_dumb && !is_set("NO_COLOR"), live: !is_dumb, width: (width > 0).then_some(width) }
    }
}

#[cfg(test)]
mod tests {
    use super::Look;
    use std::ffi::OsString;

    fn look(width: usize, set: &[(&str, &str)]) -> Look {
        let find = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| OsString::from(value));
        Look::of_terminal(width, find)
    }

    #[test]
    fn colours_are_for_terminals_that_have_them_and_people_who_want_them() {
        let all = Look { color: true, live: true, width: Some(80) };
        assert_eq!(look(80, &[("TERM", "xterm")]), all);
        assert_eq!(look(80, &[("TERM", "xterm"), ("NO_COLOR", "")]), all);
        assert_eq!(look(80, &[("TERM", "xterm"), ("NO_COLOR", "1")]), Look { color: false, ..all });
        assert_eq!(look(0, &[("TERM", "dumb")]), Look::default());
        assert_eq!(look(80, &[]), Look { color: false, live: false, width: Some(80) });
    }

    #[test]
    fn a_file_is_no_terminal() {
        assert_eq!(Look::of(&tempfile::tempfile().unwrap()), Look::default());
    }
}
