//! What the gate would do with a line, in words. Pure.

use super::allowlist::{Condition, Rules, permit};
use super::command_line::awaits_begin;
use crate::exec::cmd::login_shell_prefix;

/// The verdict on a line: whether it is allowed, and the words for it. The constant beginning that `zfs_replicate` gives all its commands
/// may be left out here.
#[must_use]
pub fn explain(rules: &Rules, line: &str) -> (bool, String) {
    let is_whole = line.starts_with("env ") || awaits_begin(line);
    let whole = if is_whole { line.to_owned() } else { format!("{}{line}", login_shell_prefix()) };
    match permit(rules, &whole) {
        Err(reason) => (false, format!("refused: {line}: {reason}")),
        Ok(permit) => (true, format!("allowed: {line}{}", condition(&permit.condition))),
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::None => String::new(),
        Condition::Token(_) => " (if the snapshot that the token stands for is within the datasets)".to_owned(),
        Condition::Encryption(dataset) => format!(" (if {dataset} is not encrypted)"),
        Condition::GivesWay(place) => {
            format!(
                " (if {place} is an empty dataset made by zfs_replicate, and what takes its place has arrived beside it)"
            )
        }
        Condition::Mark { place, guid } => {
            format!(" (if {place} is an empty dataset made by zfs_replicate, with the guid {guid})")
        }
        Condition::Missing { place, .. } => {
            format!(" (if the mark is of {place} as it is, and the clocks of both ends agree)")
        }
        Condition::Deleted { place, after } => {
            let days = after.as_secs() / 86_400;
            format!(" (if {place}, with all below it, has been marked as without a source for {days} days)")
        }
        Condition::Receive(what) => {
            let empty =
                if what.over_placeholder { ", and the target is an empty dataset made by zfs_replicate" } else { "" };
            format!(" (if it is one plain stream after the other, the first of which fits onto the target{empty})")
        }
    }
}
