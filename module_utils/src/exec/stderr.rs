//! What the lines on standard error mean: those that are ZFS's, ssh's, the shell's or our gate's own, and no others.
//!
//! One table for the whole program. Whatever else is there (a banner of sshd, a warning of ssh, what startup files print, the
//! name of a dataset) is shown and decides nothing. Exit status decides success; this only explains failure.

use super::complaints::COMPLAINTS;
use crate::exec::cmd::BEGIN;
use regex::Regex;
use std::sync::LazyLock;

pub use super::cause::Cause;

/// A line that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complaint<'a> {
    /// The line.
    pub line: &'a str,
    /// What it means.
    pub cause: Cause,
    /// The dataset, snapshot or bookmark that it names.
    pub dataset: Option<&'a str>,
    /// Its place in the table, where the more telling ones stand first.
    rank: usize,
}

static TABLE: LazyLock<Vec<(Regex, Cause)>> = LazyLock::new(|| {
    // A pattern that is none is met by the test of the table, not by users.
    let rows = COMPLAINTS.iter().filter_map(|(pattern, cause)| Some((Regex::new(&whole(pattern)).ok()?, *cause)));
    rows.collect()
});

static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let cannot = "(?:internal error: )?(?:warning: )?cannot [a-z ]+ ";
    Regex::new(&format!("^{cannot}(?:'(?<quoted>[^']+)'|snapshot (?<bare>[^' ][^']*?)): (?<reason>.+)$")).ok()
});

/// The pattern for a whole line. `NAME` is whatever ZFS names.
fn whole(pattern: &str) -> String {
    format!("^(?:{})$", pattern.replace("NAME", "(?<dataset>[^']+)"))
}

/// What the command itself said: after our line, where a login shell was between.
#[must_use]
pub fn own(stderr: &str) -> &str {
    heard(stderr).map_or(stderr, |(_, own)| own).trim()
}

/// What came before our line, and what after it; none without such a line.
#[must_use]
pub fn heard(stderr: &str) -> Option<(&str, &str)> {
    let (before, rest) = stderr.split_once(BEGIN)?;
    (rest.is_empty() || rest.starts_with('\n')).then(|| (before.trim(), rest.trim()))
}

/// What the command itself said, and what else there is. Where no command was begun on another host, what is understood explains
/// it, and the rest is a banner or the like.
#[must_use]
pub fn sorted(stderr: &str, is_remote: bool) -> (String, String) {
    if let Some((before, own)) = heard(stderr) {
        return (own.to_owned(), before.to_owned());
    }
    let (own, rest): (Vec<&str>, Vec<&str>) = stderr.lines().partition(|line| complaint(line).is_some());
    if own.is_empty() || rest.is_empty() || !is_remote {
        return (stderr.trim().to_owned(), String::new());
    }
    (own.join("\n"), rest.join("\n").trim().to_owned())
}

/// The lines that are understood.
pub fn complaints(stderr: &str) -> impl Iterator<Item = Complaint<'_>> {
    own(stderr).lines().filter_map(complaint)
}

fn complaint(line: &str) -> Option<Complaint<'_>> {
    let line = line.trim_end();
    TABLE.iter().enumerate().find_map(|(rank, (pattern, cause))| {
        let found = pattern.captures(line)?;
        let dataset = found.name("dataset").map(|name| name.as_str()).or_else(|| named(line));
        Some(Complaint { line, cause: *cause, dataset, rank })
    })
}

/// What a line says of whatever it names: `permission denied` of `cannot open 'tank/a': permission denied`.
#[must_use]
pub fn reason(line: &str) -> &str {
    let found = NAMED.as_ref().and_then(|named| named.captures(line));
    found.and_then(|found| found.name("reason")).map_or(line, |reason| reason.as_str())
}

/// What a line names, where its row does not say: `cannot open 'tank/a': ...`, `cannot destroy snapshot tank/a@x: ...`.
fn named(line: &str) -> Option<&str> {
    let found = NAMED.as_ref()?.captures(line)?;
    found.name("quoted").or_else(|| found.name("bare")).map(|name| name.as_str())
}

/// Why a command failed, as far as it said so.
#[must_use]
pub fn cause(stderr: &str) -> Cause {
    complaints(stderr).min_by_key(|complaint| complaint.rank).map_or(Cause::Other, |complaint| complaint.cause)
}

/// True where all it has to complain of is that names do not exist.
#[must_use]
pub fn only_missing(stderr: &str) -> bool {
    let mut complaints = complaints(stderr).peekable();
    complaints.peek().is_some() && complaints.all(|complaint| complaint.cause == Cause::DoesNotExist)
}

#[cfg(test)]
#[path = "stderr_tests.rs"]
mod tests;
