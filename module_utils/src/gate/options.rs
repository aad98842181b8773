//! The gate's own command line, which the administrator writes into `authorized_keys`.

use super::allowlist::{Mode, Rules};
use crate::model::units::Span;
use lexopt::Parser;
use lexopt::prelude::{Long, Short, ValueExt};
use std::ffi::{OsStr, OsString};

/// What the gate is asked to do.
#[derive(Debug)]
pub enum Task {
    /// Serve what ssh hands over.
    Serve(Rules),
    /// Tell what would be done with these lines; with those on standard input if there are none.
    Explain(Rules, Vec<String>),
    /// Print the usage.
    Help,
    /// Print the version.
    Version,
}

/// The usage.
pub const USAGE: &str = "\
Usage: zfs_gate --mode send --dataset DATASET [--dataset ...] [--raw-only]
       zfs_gate --mode receive --dataset DATASET [--dataset ...] [--allow-rollback] [--allow-rename] [--allow-delete AGE]
       zfs_gate ... --explain [COMMAND ...]

A forced command that lets ferro.zfs.zfs_replicate work through a key, and nothing else. In authorized_keys:

  command=\"/usr/local/bin/zfs_gate --mode send --dataset tank/data\",restrict ssh-ed25519 AAAA... backup

  --mode send       this end sends: list, send, hold, and bookmark within the datasets
  --mode receive    this end receives: list, create parents and receive within the datasets
  --dataset         a dataset, with all below it; may be given several times
  --allow-rollback  a receiving end may also lose snapshots and changes: receive -F, rollback, destroy of snapshots, setting aside
  --allow-rename    a receiving end may also rename replicas whose sources were renamed (renamed: follow)
  --allow-delete    a receiving end may also set aside or destroy replicas whose source has been gone for AGE, such as 30d, by this
                    host's clock and what is marked on the replica since then (deleted_datasets)
  --raw-only        encrypted datasets leave a sending end only as raw streams, also while their keys are loaded
  --explain         say of each COMMAND, or each line of standard input, whether it is allowed, and why not
  --version         print the version
  --help            print this

What is refused is told in one line on standard error and in the system's log (authpriv.warning). No shell is ever run.
";

/// Reads the command line, without the program's name.
pub fn parse<Word: Into<OsString>>(argv: impl IntoIterator<Item = Word>) -> Result<Task, String> {
    read(&mut Parser::from_args(argv)).map_err(|error| format!("{error}; see --help"))
}

fn read(parser: &mut Parser) -> Result<Task, lexopt::Error> {
    let mut mode = None;
    let mut datasets = Vec::new();
    let mut allow_rollback = false;
    let mut allow_delete: Option<Span> = None;
    let mut allow_rename = false;
    let mut raw_only = false;
    let mut explain: Option<Vec<String>> = None;
    while let Some(word) = parser.next()? {
        match word {
            Long("mode") => mode = Some(mode_of(&parser.value()?)?),
            Long("dataset") => {
                let dataset = parser.value()?.string()?;
                datasets.push(dataset.parse().map_err(|error| format!("--dataset: {error}"))?);
            }
            Long("allow-rollback") => allow_rollback = true,
            Long("allow-delete") => {
                let age = parser.value()?.string()?.parse();
                allow_delete = Some(age.map_err(|error| format!("--allow-delete: {error}"))?);
            }
            Long("allow-rename") => allow_rename = true,
            Long("raw-only") => raw_only = true,
            Short('h') | Long("help") => return Ok(Task::Help),
            Short('V') | Long("version") => return Ok(Task::Version),
            // What follows are commands, whatever they look like.
            Long("explain") => {
                explain = Some(parser.raw_args()?.map(|line| line.to_string_lossy().into_owned()).collect());
            }
            _ => return Err(word.unexpected()),
        }
    }
    let mode = mode.ok_or("--mode is missing")?;
    if datasets.is_empty() {
        return Err("--dataset is missing".into());
    }
    if raw_only && mode == Mode::Receive {
        return Err("--raw-only is for --mode send".into());
    }
    let allows = [("rollback", allow_rollback), ("rename", allow_rename), ("delete", allow_delete.is_some())];
    if let Some((what, _)) = allows.iter().find(|(_, given)| *given && mode == Mode::Send) {
        return Err(format!("--allow-{what} is for --mode receive").into());
    }
    let allow_delete = allow_delete.map(|age| age.0);
    let rules = Rules { mode, datasets, allow_rollback, allow_delete, allow_rename, raw_only };
    Ok(match explain {
        Some(lines) => Task::Explain(rules, lines),
        None => Task::Serve(rules),
    })
}

fn mode_of(value: &OsStr) -> Result<Mode, lexopt::Error> {
    match value.to_str() {
        Some("send") => Ok(Mode::Send),
        Some("receive") => Ok(Mode::Receive),
        _ => Err(format!("--mode is send or receive, not {}", value.display()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Task, parse};

    fn read(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_strict() {
        assert!(
            matches!(read("--mode send --dataset tank/a --dataset=tank/b"), Ok(Task::Serve(rules)) if rules.datasets.len() == 2)
        );
        assert!(
            matches!(read("--mode=receive --dataset t --explain a --b -c"), Ok(Task::Explain(_, lines)) if lines == ["a", "--b", "-c"])
        );
        for wrong in [
            "",
            "--mode send",
            "--dataset t",
            "--mode both --dataset t",
            "--mode send --dataset t/",
            "--mode send --dataset",
            "--mode send --dataset t --raw-only=yes",
            "--mode send --dataset t --explain=x",
            "--mode send --dataset t x",
            "x",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("--mode send --dataset t --allow-rollback").is_err());
        assert!(read("--mode receive --dataset t --raw-only").is_err());
        assert!(read("--mode send --dataset t --allow-rename").is_err());
        assert!(
            matches!(read("--mode receive --dataset t --allow-rename"), Ok(Task::Serve(rules)) if rules.allow_rename)
        );
        assert!(read("--mode send --dataset t --allow-delete 30d").is_err());
        assert!(read("--mode receive --dataset t --allow-delete soon").is_err());
        let month = std::time::Duration::from_hours(30 * 24);
        assert!(
            matches!(read("--mode receive --dataset t --allow-delete 30d"), Ok(Task::Serve(rules)) if rules.allow_delete == Some(month))
        );
        assert!(matches!(read("--mode send --dataset t --raw-only"), Ok(Task::Serve(rules)) if rules.raw_only));
    }
}
