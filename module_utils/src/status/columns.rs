//! One line of a listing, column by column. Pure, and strict: what is not understood is an error, never a guess.

use crate::zfs::parse::{Unexpected, unexpected};

/// The columns of a line that have not been read yet.
pub struct Columns<'a> {
    fields: std::str::SplitN<'a, char>,
    wrong: (&'static str, &'static str, &'a str),
}

impl<'a> Columns<'a> {
    /// A line of `command`, which was asked for `columns`. The last may hold tabs.
    pub fn of(command: &'static str, columns: &'static str, line: &'a str) -> Result<Self, Unexpected> {
        let count = columns.split(',').count();
        let row = Self { fields: line.splitn(count, '\t'), wrong: (command, columns, line) };
        if line.splitn(count, '\t').count() == count { Ok(row) } else { Err(row.wrong()) }
    }

    /// The error that says what this line should have been.
    pub fn wrong(&self) -> Unexpected {
        let (command, columns, line) = self.wrong;
        unexpected(command, columns, line)
    }

    /// The next one as it is.
    pub fn text(&mut self) -> Result<&'a str, Unexpected> {
        self.fields.next().ok_or_else(|| {
            let (command, columns, line) = self.wrong;
            unexpected(command, columns, line)
        })
    }

    /// The next one as a word; none for `-`.
    pub fn word(&mut self) -> Result<Option<String>, Unexpected> {
        self.text().map(|text| (text != "-").then(|| text.to_owned()))
    }

    /// The next one as a number; none where there is none. A few versions print units in spite of `-p`.
    pub fn number(&mut self) -> Result<Option<u64>, Unexpected> {
        match self.text()?.trim_end_matches(['%', 'x']) {
            "-" | "none" => Ok(None),
            digits => digits.parse().map(Some).map_err(|_| self.wrong()),
        }
    }

    /// The next one as a ratio: `1.00` or `1.00x`.
    pub fn ratio(&mut self) -> Result<Option<f64>, Unexpected> {
        match self.text()?.trim_end_matches('x') {
            "-" => Ok(None),
            digits => digits.parse().map(Some).map_err(|_| self.wrong()),
        }
    }

    /// The next one as yes or no; none where that makes no sense.
    pub fn switch(&mut self) -> Result<Option<bool>, Unexpected> {
        Ok(match self.text()? {
            "on" | "yes" => Some(true),
            "off" | "no" => Some(false),
            _ => None,
        })
    }
}
