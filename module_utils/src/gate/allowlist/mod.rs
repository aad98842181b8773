//! What the gate lets through: just what `zfs_replicate` says to a remote end, about datasets within the gate's own. Pure.

mod asking;
mod deleted;
mod names;
mod rules;
mod source;
mod target;

use super::command_line::split;
use super::denied::{Denial, Denied};
use crate::exec::scripts::Script;
use crate::model::ARRIVING;
use names::{needs_allow_rollback, wrong_mode};

pub use rules::{Condition, Mode, Permit, Receiving, Rules};

/// What a line asks for, or why it is refused.
pub fn permit(rules: &Rules, line: &str) -> Result<Permit, Denied> {
    let (script, argv) = split(line)?;
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let condition = match words[..] {
        _ if matches!(script, Some(Script::Bookmark | Script::RemoveBookmarks)) => rules.many(script, &words)?,
        // Who the gate runs as, and whether it can compress, so that a preflight can tell what is missing.
        ["id"] | ["zstd", "--version"] if script.is_none() => Condition::None,
        ["zfs", verb, ref rest @ ..] if fits(script, verb, rest) => rules.verb(verb, rest)?,
        ["zpool", "get", ref rest @ ..] if script.is_none() => rules.features(rest)?,
        _ => return Err(format!("the program {:?} is none that zfs_replicate runs here", words[0]).into()),
    };
    Ok(Permit { argv, script, condition })
}

/// Only streams are compressed, each in its own way.
fn fits(script: Option<Script>, verb: &str, args: &[&str]) -> bool {
    match script {
        None => true,
        Some(Script::Bookmark | Script::RemoveBookmarks | Script::CompressInput) => false,
        Some(Script::Compress) => verb == "send" && !args.iter().any(|arg| arg.starts_with("-nvP")),
        Some(Script::Decompress) => verb == "receive" && args.first() != Some(&"-A"),
    }
}

impl Rules {
    /// Each of many small commands must be permitted by itself.
    fn many(&self, script: Option<Script>, words: &[&str]) -> Result<Condition, Denied> {
        if self.mode != Mode::Send {
            return Err(Denial::WrongMode.because("bookmarks are nothing for a receiving end"));
        }
        if script == Some(Script::Bookmark) {
            words.chunks(2).try_for_each(|pair| self.bookmark(pair).map(drop))?;
        } else {
            words.chunks(1).try_for_each(|one| self.destroy_bookmark(one).map(drop))?;
        }
        Ok(Condition::None)
    }

    fn verb(&self, verb: &str, args: &[&str]) -> Result<Condition, Denied> {
        match (self.mode, verb) {
            (_, "list") => self.list(args),
            (_, "get") => self.get(args),
            (_, "allow") => self.allow(args),
            (_, "hold" | "release") => self.hold(args),
            (_, "holds") => self.holds(args),
            (Mode::Send, "send") => self.send(args),
            (Mode::Send, "bookmark") => self.bookmark(args),
            (Mode::Send, "destroy") => self.destroy_bookmark(args),
            (Mode::Receive, "receive") => self.receive(args),
            (Mode::Receive, "create") => self.create(args),
            (Mode::Receive, "inherit") => self.inherit(args),
            (Mode::Receive, "set") if args.first().is_some_and(|setting| Self::is_mark_of_deleted(setting)) => {
                self.mark_deleted(args)
            }
            (Mode::Receive, "set") => self.mark(args),
            (Mode::Receive, "rename") if Self::is_to_deleted(args) => self.set_deleted_aside(args),
            (Mode::Receive, "destroy") => self.destroy(args),
            (Mode::Receive, "rename") if Self::is_to_beside(args) => self.follow(args),
            (Mode::Receive, "rename") if args.iter().any(|name| name.contains(ARRIVING)) => {
                self.put_in_place(args).map_err(|denied| self.or_rollback(verb, denied))
            }
            (Mode::Receive, "rollback") if self.allow_rollback => self.rollback(args),
            (Mode::Receive, "rename") if self.allow_rollback => self.rename(args),
            (Mode::Receive, "rollback" | "rename") => Err(needs_allow_rollback(verb)),
            (Mode::Send, _) => Err(wrong_mode(verb, "sending")),
            (Mode::Receive, _) => Err(wrong_mode(verb, "receiving")),
        }
    }

    /// Snapshots where they may be lost; a placeholder; and what has no source any more.
    fn destroy(&self, args: &[&str]) -> Result<Condition, Denied> {
        let are_snapshots = args.iter().any(|name| name.contains('@'));
        match self.allow_delete {
            _ if are_snapshots && self.allow_rollback => self.destroy_snapshots(args),
            Some(after) => self.destroy_deleted(args, after),
            None if are_snapshots => Err(needs_allow_rollback("destroy")),
            None => self.destroy_placeholder(args).map_err(|denied| self.or_rollback("destroy", denied)),
        }
    }

    /// Why something about placeholders is refused: where nothing else of the kind is let through, that says more.
    fn or_rollback(&self, verb: &str, denied: Denied) -> Denied {
        if self.allow_rollback { denied } else { needs_allow_rollback(verb) }
    }
}

#[cfg(test)]
mod renamed_tests;
#[cfg(test)]
mod tests;
