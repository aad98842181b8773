//! What the lines on standard error mean: those that are ZFS's, ssh's, the shell's or our gate's own, and no others.
//!
//! One table for the whole program. Whatever else is there (a banner of sshd, a warning of ssh, what startup files print, the
//! name of a dataset) is shown and decides nothing. Exit status decides success; this only explains failure.

use super::complaints::COMPLAINTS;
use crate::exec::cmd::BEGIN;
use regex::bytes::{Captures, Regex, RegexBuilder};
use std::sync::{LazyLock, OnceLock};

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

/// A row of the table. A program meets one or two complaints in its life, so a pattern is compiled only for a line that has its literal.
struct Row {
    literal: String,
    pattern: &'static str,
    compiled: OnceLock<Option<Regex>>,
    cause: Cause,
}

impl Row {
    fn captures<'a>(&self, line: &'a str) -> Option<Captures<'a>> {
        if !line.contains(&self.literal) {
            return None;
        }
        // A pattern that is none is met by the test of the table, not by users.
        self.compiled.get_or_init(|| compile(&whole(self.pattern))).as_ref()?.captures(line.as_bytes())
    }
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let row = |&(pattern, cause): &(&'static str, Cause)| Row {
        literal: literal(pattern),
        pattern,
        compiled: OnceLock::new(),
        cause,
    };
    COMPLAINTS.iter().map(row).collect()
});

static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let cannot = "(?:internal error: )?(?:warning: )?cannot [a-z ]+ ";
    compile(&format!("^{cannot}(?:'(?<quoted>[^']+)'|snapshot (?<bare>[^' ][^']*?)): (?<reason>.+)$"))
});

/// Of bytes where the pattern allows it: automata of what is UTF-8 are several times as large.
fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(!pattern.is_ascii()).build().ok()
}

/// The longest text that is in each line which a pattern fits. What is in groups and classes does not count.
fn literal(pattern: &str) -> String {
    let (mut longest, mut now, mut depth) = (String::new(), String::new(), 0);
    let mut chars = pattern.replace("NAME", "()").chars().collect::<Vec<_>>().into_iter();
    while let Some(next) = chars.next() {
        let plain = match next {
            '\\' => chars.next().filter(|escaped| !escaped.is_alphanumeric()),
            '[' => chars.find(|inner| *inner == ']').and(None),
            '(' | ')' => {
                depth += if next == '(' { 1 } else { -1 };
                None
            }
            // The character before may be missing.
            '?' | '*' => now.pop().and(None),
            '.' | '+' | '|' | '^' | '$' => None,
            plain => Some(plain),
        };
        if let Some(plain) = plain.filter(|_| depth == 0) {
            now.push(plain);
            continue;
        }
        if now.len() > longest.len() {
            longest.clone_from(&now);
        }
        now.clear();
    }
    if now.len() > longest.len() { now } else { longest }
}

/// A group of what a pattern found.
fn group<'a>(found: &Captures<'a>, name: &str) -> Option<&'a str> {
    std::str::from_utf8(found.name(name)?.as_bytes()).ok()
}

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
    TABLE.iter().enumerate().find_map(|(rank, row)| {
        let dataset = group(&row.captures(line)?, "dataset").or_else(|| named(line));
        Some(Complaint { line, cause: row.cause, dataset, rank })
    })
}

/// What a line says of whatever it names: `permission denied` of `cannot open 'tank/a': permission denied`.
#[must_use]
pub fn reason(line: &str) -> &str {
    let found = NAMED.as_ref().and_then(|named| named.captures(line.as_bytes()));
    found.and_then(|found| group(&found, "reason")).unwrap_or(line)
}

/// What a line names, where its row does not say: `cannot open 'tank/a': ...`, `cannot destroy snapshot tank/a@x: ...`.
fn named(line: &str) -> Option<&str> {
    let found = NAMED.as_ref()?.captures(line.as_bytes())?;
    group(&found, "quoted").or_else(|| group(&found, "bare"))
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
