//! The commands that the gate runs, and what it tells the other end of how they ended.

use super::denied::{Denial, Denied};
use crate::exec::cmd::Cmd;
use crate::exec::runner::{Output, Runner};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};

/// How serving ended, where no other program has taken our place.
#[derive(Debug)]
pub enum End {
    /// Not done; nothing has happened.
    Refused(Denied),
    /// A command ran and ended with this exit status, after it, or we, said these words on standard error.
    Ended(u8, String),
}

/// The exit status of a refusal: what shells give for what may not be run.
pub const REFUSED: u8 = 126;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How a command ended.
pub(super) fn ended_as(argv: &[String], status: io::Result<ExitStatus>) -> End {
    match status {
        Ok(status) => ended(status.code().or_else(|| status.signal().map(|signal| 128 + signal)), String::new()),
        Err(error) => not_run(argv, &error),
    }
}

/// Asks `zfs`: the same one that [`command`] would run.
pub(super) fn ask(args: &[&str]) -> Result<Output, Denied> {
    let output = Runner::default().output(&Cmd::new("zfs").args(args).with_only_path(PATH));
    output.map_err(|error| Denial::CannotTell.because(format!("zfs cannot be asked: {error}")))
}

/// A command with nothing in its environment that ssh or the login brings along.
pub(super) fn command(argv: &[String]) -> Command {
    let (program, args) = argv.split_first().map_or(("false", &[][..]), |(program, args)| (program.as_str(), args));
    let mut command = Command::new(program);
    command.args(args).env_clear().env("LC_ALL", "C").env("PATH", PATH);
    command
}

/// Becomes the command; returns only where that fails.
pub(super) fn become_it(argv: &[String]) -> End {
    let error = command(argv).stdin(Stdio::null()).exec();
    not_run(argv, &error)
}

/// A command that could not be started.
pub(super) fn not_run(argv: &[String], error: &io::Error) -> End {
    let program = argv.first().map_or("", String::as_str);
    match error.kind() {
        // The words and the exit status of a shell, which the other end understands.
        io::ErrorKind::NotFound => End::Ended(127, format!("{program}: command not found")),
        _ => End::Ended(REFUSED, format!("{program}: {error}")),
    }
}

/// A command that ended with `code`, or by a signal, after these words.
pub(super) fn ended(code: Option<i32>, words: String) -> End {
    End::Ended(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1), words)
}

#[cfg(test)]
mod tests {
    use super::PATH;
    use crate::exec::cmd::Cmd;

    #[test]
    fn what_it_asks_has_nothing_of_the_logins_environment() {
        let output = Cmd::new("env").with_only_path(PATH).local().output().unwrap();
        let mut names: Vec<_> =
            output.stdout.split(|byte| *byte == b'\n').filter_map(|line| line.split(|b| *b == b'=').next()).collect();
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        assert_eq!(names, [&b"LC_ALL"[..], b"PATH"]);
    }
}
