//! The gate's own command line, which the administrator writes into `authorized_keys`.

use super::allowlist::{Mode, Rules};

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
       zfs_gate --mode receive --dataset DATASET [--dataset ...] [--allow-rollback]
       zfs_gate ... --explain [COMMAND ...]

A forced command that lets ferro.zfs.zfs_replicate work through a key, and nothing else. In authorized_keys:

  command=\"/usr/local/bin/zfs_gate --mode send --dataset tank/data\",restrict ssh-ed25519 AAAA... backup

  --mode send       this end sends: list, send, hold, and bookmark within the datasets
  --mode receive    this end receives: list, create parents and receive within the datasets
  --dataset         a dataset, with all below it; may be given several times
  --allow-rollback  a receiving end may also lose snapshots and changes: receive -F, rollback, destroy of snapshots, setting aside
  --raw-only        encrypted datasets leave a sending end only as raw streams, also while their keys are loaded
  --explain         say of each COMMAND, or each line of standard input, whether it is allowed, and why not
  --version         print the version
  --help            print this

What is refused is told in one line on standard error and in the system's log (authpriv.warning). No shell is ever run.
";

/// Reads the command line, without the program's name.
pub fn parse(argv: &[String]) -> Result<Task, String> {
    let mut mode = None;
    let mut datasets = Vec::new();
    let mut allow_rollback = false;
    let mut raw_only = false;
    let mut explain = None;
    let mut rest = argv.iter();
    while let Some(word) = rest.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
            _ => (word.as_str(), None),
        };
        let mut value =
            || value.clone().or_else(|| rest.next().cloned()).ok_or_else(|| format!("{option} needs a value"));
        match option {
            "--mode" => {
                mode = Some(match value()?.as_str() {
                    "send" => Mode::Send,
                    "receive" => Mode::Receive,
                    other => return Err(format!("--mode is send or receive, not {other:?}")),
                });
            }
            "--dataset" => datasets.push(value()?.parse().map_err(|error| format!("--dataset: {error}"))?),
            "--allow-rollback" => allow_rollback = true,
            "--raw-only" => raw_only = true,
            "--help" | "-h" => return Ok(Task::Help),
            "--version" | "-V" => return Ok(Task::Version),
            "--explain" => {
                explain = Some(rest.by_ref().cloned().collect::<Vec<_>>());
            }
            other => return Err(format!("unknown option {other}; see --help")),
        }
    }
    let mode = mode.ok_or("--mode is missing; see --help")?;
    if datasets.is_empty() {
        return Err("--dataset is missing; see --help".to_owned());
    }
    if allow_rollback && mode == Mode::Send {
        return Err("--allow-rollback is for --mode receive".to_owned());
    }
    if raw_only && mode == Mode::Receive {
        return Err("--raw-only is for --mode send".to_owned());
    }
    let rules = Rules { mode, datasets, allow_rollback, raw_only };
    Ok(match explain {
        Some(lines) => Task::Explain(rules, lines),
        None => Task::Serve(rules),
    })
}

#[cfg(test)]
mod tests {
    use super::{Task, parse};

    fn read(line: &str) -> Result<Task, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_line_is_strict() {
        assert!(
            matches!(read("--mode send --dataset tank/a --dataset=tank/b"), Ok(Task::Serve(rules)) if rules.datasets.len() == 2)
        );
        assert!(
            matches!(read("--mode=receive --dataset t --explain a b"), Ok(Task::Explain(_, lines)) if lines == ["a", "b"])
        );
        for wrong in [
            "",
            "--mode send",
            "--dataset t",
            "--mode both --dataset t",
            "--mode send --dataset t/",
            "--mode send --dataset",
            "x",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("--mode send --dataset t --allow-rollback").is_err());
        assert!(read("--mode receive --dataset t --raw-only").is_err());
        assert!(matches!(read("--mode send --dataset t --raw-only"), Ok(Task::Serve(rules)) if rules.raw_only));
    }
}
