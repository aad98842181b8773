//! Serves one command: looks at what only ZFS or the stream can tell, then runs it by its words. No shell is ever run.

use super::allowlist::{Condition, Permit, Rules, permit};
use super::child::{End, ask, become_it, command, ended, ended_as, not_run};
use super::command_line::awaits_begin;
use super::deleted::{check_deleted, check_mark};
use super::denied::{Denial, Denied};
use super::receive::receive;
use crate::exec::cmd::BEGIN;
use crate::exec::scripts::Script;
use crate::model::DatasetName;
use crate::model::marks::PLACEHOLDER;
use crate::zfs::parse;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::Stdio;

/// Serves what ssh handed over in `SSH_ORIGINAL_COMMAND`. Returns only if it did not, or could not, become the command.
pub fn serve(rules: &Rules, line: Option<&OsStr>) -> End {
    match line.map(OsStr::to_str) {
        None => {
            End::Refused(Denial::NoCommand.because("there is no command: this key serves zfs_replicate, not people"))
        }
        Some(None) => End::Refused(Denial::NoCommand.because("the command is not plain text")),
        Some(Some(line)) => permit(rules, line)
            .and_then(|permit| {
                if awaits_begin(line) {
                    begin();
                }
                run(rules, &permit)
            })
            .unwrap_or_else(End::Refused),
    }
}

/// As `sh` would do it: what follows is the command's own, and not of the login shell that started us.
fn begin() {
    // Who does not listen learns it from the command.
    let _ = writeln!(io::stdout(), "{BEGIN}").and_then(|()| io::stdout().flush());
    let _ = writeln!(io::stderr(), "{BEGIN}");
}

fn run(rules: &Rules, permit: &Permit) -> Result<End, Denied> {
    match &permit.condition {
        Condition::None => Ok(just_run(permit)),
        Condition::Token(token) => {
            let output = ask(&["send", "-nvPt", token])?;
            if !output.status.success() {
                return Ok(ended(output.status.code(), output.stderr));
            }
            check_token(rules, &format!("{}\n{}", output.stdout, output.stderr))?;
            Ok(send(permit))
        }
        Condition::Encryption(dataset) => {
            check_plain(dataset)?;
            Ok(send(permit))
        }
        Condition::GivesWay(place) => {
            check_placeholder(place)?;
            check_beside(place)?;
            Ok(just_run(permit))
        }
        Condition::Mark { place, guid } => {
            let is = check_placeholder(place)?;
            if is != *guid {
                let message = format!("the guid of {place} is {is}, so its mark cannot be {guid}");
                return Err(Denial::NoPlaceholder.because(message));
            }
            Ok(just_run(permit))
        }
        Condition::Missing { place, absence } => {
            check_mark(place, absence)?;
            Ok(just_run(permit))
        }
        Condition::Deleted { place, after } => {
            // What gives way to what has arrived is another matter.
            if check_placeholder(place).and_then(|_| check_beside(place)).is_err() {
                check_deleted(place, *after)?;
            }
            Ok(just_run(permit))
        }
        Condition::Receive(what) => receive(what, permit),
    }
}

/// What a token names, and what ZFS finds for it, must both lie within: ZFS looks for the guid in the whole pool if the name does
/// not have it.
fn check_token(rules: &Rules, output: &str) -> Result<(), Denied> {
    let content = parse::token(output).map_err(|error| error.to_string())?;
    let sent = parse::sent(output);
    if sent.is_empty() {
        return Err(Denial::CannotTell.because("ZFS does not tell what the resume token would send"));
    }
    for snapshot in sent.iter().map(String::as_str).chain([content.to_name.as_str()]) {
        let (dataset, _) =
            snapshot.split_once('@').ok_or_else(|| format!("the resume token is of {snapshot:?}, no snapshot"))?;
        let dataset: DatasetName = dataset.parse().map_err(|error| format!("the resume token: {error}"))?;
        rules.within(&dataset).map_err(|denied| {
            let message = format!("the resume token would send {snapshot}: {}", denied.message);
            denied.code.because(message)
        })?;
        if rules.raw_only && !content.raw {
            check_plain(&dataset)?;
        }
    }
    Ok(())
}

/// Whether the plain text of a dataset may leave: not if it is encrypted.
fn check_plain(dataset: &DatasetName) -> Result<(), Denied> {
    let encryption = ask(&["get", "-Hp", "-o", "value", "encryption", dataset.as_str()])?;
    match encryption.stdout.trim() {
        "off" | "-" if encryption.status.success() => Ok(()),
        _ if encryption.status.success() => {
            let message =
                format!("{dataset} is encrypted, and leaves only as a raw stream here (--raw-only): use raw: auto");
            Err(Denial::RawOnly.because(message))
        }
        _ => {
            let said = encryption.stderr.trim();
            Err(Denial::CannotTell.because(format!("{dataset} cannot be looked at: {said}")))
        }
    }
}

/// A placeholder, which has no snapshot and bears our mark itself: children of such a parent inherit it. Gives its guid.
fn check_placeholder(place: &DatasetName) -> Result<u64, Denied> {
    let name = place.as_str();
    let said = ask(&["get", "-Hp", "-o", "property,value,source", &format!("guid,{PLACEHOLDER}"), name])?;
    let snapshots = ask(&["list", "-Hp", "-t", "snapshot", "-o", "name", "-d", "1", name])?;
    let is_empty = said.status.success() && snapshots.status.success() && snapshots.stdout.is_empty();
    is_empty.then(|| marked(&said.stdout)).flatten().ok_or_else(|| {
        Denial::NoPlaceholder.because(format!(
            "this is for empty datasets made by zfs_replicate, or needs a gate with --allow-rollback, and {place} is not one"
        ))
    })
}

/// The guid of what bears our mark, by the lines of `zfs get`. Only [`super::allowlist`] lets a mark be set here, and that to a name
/// or guid of its own: so one that is local is its own, whatever it has been renamed to since.
fn marked(said: &str) -> Option<u64> {
    let fields: Vec<Vec<&str>> = said.lines().map(|line| line.split('\t').collect()).collect();
    match [fields.first()?.as_slice(), fields.get(1)?.as_slice()] {
        [["guid", guid, _], [PLACEHOLDER, value, "local"]] if *value != "-" => guid.parse().ok(),
        _ => None,
    }
}

/// What is to take the place must be there, beside it or beside one above it.
fn check_beside(place: &DatasetName) -> Result<(), Denied> {
    let names: Vec<DatasetName> =
        std::iter::once(place.clone()).chain(place.ancestors()).filter_map(|name| name.arriving().ok()).collect();
    let all = ["list", "-Hp", "-t", "filesystem,volume", "-o", "name"];
    let said = ask(&all.into_iter().chain(names.iter().map(DatasetName::as_str)).collect::<Vec<_>>())?;
    // What does not exist is left out.
    if said.stdout.is_empty() {
        Err(Denial::NoPlaceholder.because(format!("nothing has arrived that would take the place of {place}")))
    } else {
        Ok(())
    }
}

fn just_run(permit: &Permit) -> End {
    match permit.script {
        Some(Script::Bookmark) => each("bookmark", permit.argv.chunks(2)),
        Some(Script::RemoveBookmarks) => each("destroy", permit.argv.chunks(1)),
        _ => send(permit),
    }
}

/// Runs `zfs VERB` for each of the arguments, and names on standard output the last of those that failed, as the script does.
fn each<'a>(verb: &str, all: impl Iterator<Item = &'a [String]>) -> End {
    let mut failed = String::new();
    for args in all {
        let argv = [&words(&["zfs", verb])[..], args].concat();
        match command(&argv).stdin(Stdio::null()).stdout(Stdio::null()).status() {
            Ok(status) if status.success() => {}
            Ok(_) => failed.extend(args.last().map(|name| format!("{name}\n"))),
            Err(error) => return not_run(&argv, &error),
        }
    }
    // Who does not listen learns it from standard error.
    let _ = io::stdout().write_all(failed.as_bytes());
    End::Ended(0, String::new())
}

/// Becomes the command, or runs it with `zstd` behind it.
fn send(permit: &Permit) -> End {
    if permit.script != Some(Script::Compress) {
        return become_it(&permit.argv);
    }
    let mut sender = match command(&permit.argv).stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
        Ok(sender) => sender,
        Err(error) => return not_run(&permit.argv, &error),
    };
    let plain = sender.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let zstd = words(&["zstd", "-qc"]);
    match command(&zstd).stdin(plain).spawn() {
        Ok(mut zstd) => {
            let _ = zstd.wait();
            ended_as(&permit.argv, sender.wait())
        }
        Err(error) => {
            // Nobody reads what it sends: it ends by itself.
            let _ = sender.wait();
            not_run(&zstd, &error)
        }
    }
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::check_token;
    use crate::gate::allowlist::{Mode, Rules};

    #[test]
    fn a_token_is_judged_by_what_zfs_would_send() {
        let rules = Rules {
            mode: Mode::Send,
            datasets: vec!["tank/data".parse().unwrap()],
            allow_rollback: false,
            allow_delete: None,
            allow_rename: false,
            raw_only: false,
        };
        let output = |to_name: &str, sent: &str| {
            let head = format!("resume token contents:\nnvlist version: 0\n\ttoguid = 0x5\n\ttoname = {to_name}\n");
            format!("{head}full\t{sent}\t12912\nsize\t12912\n")
        };
        assert!(check_token(&rules, &output("tank/data@s", "tank/data@s")).is_ok());
        assert!(check_token(&rules, &output("tank/database@s", "tank/data@s")).is_err());
        // The name is ours, but the guid was found elsewhere.
        let error = check_token(&rules, &output("tank/data@s", "tank/secret@s")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the resume token would send tank/secret@s: tank/secret is not within its datasets [outside_datasets]"
        );
        assert!(check_token(&rules, "\ttoguid = 0x5\n\ttoname = tank/data@s\n").is_err());
    }
}
