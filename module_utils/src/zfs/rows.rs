//! Lines of `zfs list` and its like, read as they come: there may be a million of them.

use super::commands::Zfs;
use super::parse::unexpected;
use crate::exec::cmd::Cmd;
use crate::exec::limits::Expect;
use crate::exec::runner::{Attempt, Failure};
use crate::exec::stderr::{Cause, only_missing};
use std::process::Stdio;

/// What is done with the fields of a line; none if it is not understood.
pub type ReadRow<'a> = dyn FnMut(&[&str]) -> Option<()> + 'a;

impl Zfs<'_> {
    /// Runs a command that prints a line for each of many things, and reads them one by one. What does not exist is left out.
    pub(super) fn rows(&self, cmd: &Cmd, columns: &'static str, read: &mut ReadRow<'_>) -> Result<(), Failure> {
        let attempt = Attempt { stage: "list", host: self.host, cmd };
        let mut lines = Lines { rest: Vec::new(), wrong: None, read };
        let (status, stderr) =
            self.runner.stream_of(attempt, Expect::Listing, Stdio::null(), &mut |bytes| lines.push(bytes))?;
        lines.end();
        let answered = status.success() || (status.code() == Some(1) && only_missing(&stderr));
        if !answered {
            return Err(attempt.failed(status, &stderr));
        }
        match lines.wrong {
            None => Ok(()),
            Some(line) => {
                let words = unexpected("zfs list", columns, &line).to_string();
                Err(attempt.failure(None, words, Cause::Unexpected))
            }
        }
    }
}

/// Puts bytes together to lines and fields.
struct Lines<'a, 'b> {
    rest: Vec<u8>,
    wrong: Option<String>,
    read: &'a mut ReadRow<'b>,
}

impl Lines<'_, '_> {
    fn push(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            if self.rest.is_empty() {
                self.line(&bytes[..end]);
            } else {
                let mut line = std::mem::take(&mut self.rest);
                line.extend_from_slice(&bytes[..end]);
                self.line(&line);
            }
            bytes = &bytes[end + 1..];
        }
        self.rest.extend_from_slice(bytes);
    }

    /// A line without an end is no line: whatever printed it was cut off.
    fn end(&mut self) {
        if !self.rest.is_empty() {
            self.wrong.get_or_insert(String::from_utf8_lossy(&self.rest).into_owned());
        }
    }

    fn line(&mut self, line: &[u8]) {
        const MOST: usize = 4;
        let mut fields = [""; MOST];
        let mut count = 0;
        let text = std::str::from_utf8(line).ok();
        for field in text.into_iter().flat_map(|text| text.split('\t')) {
            if count < MOST {
                fields[count] = field;
            }
            count += 1;
        }
        let understood = if (1..=MOST).contains(&count) { (self.read)(&fields[..count]) } else { None };
        if understood.is_none() {
            self.wrong.get_or_insert(String::from_utf8_lossy(line).into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn lines_are_found_wherever_the_bytes_are_cut() {
        let text = "tank\t1\ntank/a b@x\t2\n\t\n";
        for size in 1..text.len() {
            let mut seen = Vec::new();
            let mut read = |fields: &[&str]| {
                seen.push(fields.join("|"));
                Some(())
            };
            let mut lines = Lines { rest: Vec::new(), wrong: None, read: &mut read };
            text.as_bytes().chunks(size).for_each(|bytes| lines.push(bytes));
            lines.end();
            assert_eq!(lines.wrong, None);
            assert_eq!(seen, ["tank|1", "tank/a b@x|2", "|"]);
        }
    }

    #[test]
    fn what_is_cut_off_or_has_too_many_fields_is_wrong() {
        for text in ["tank\t1", "a\tb\tc\td\te\n"] {
            let mut read = |_: &[&str]| Some(());
            let mut lines = Lines { rest: Vec::new(), wrong: None, read: &mut read };
            lines.push(text.as_bytes());
            lines.end();
            assert_eq!(lines.wrong.as_deref(), Some(text.trim_end()));
        }
    }
}
