//! Commands of the user's before and after our work: without a shell, bounded in time, ended with all that they started.

use super::children::{self, GivenUp};
use super::cmd::Cmd;
use super::failure::Failure;
use super::runner::{self, Attempt, Runner};
use super::signals::{self, Waker};
use super::ssh::Host;
use super::stderr::Cause;
use super::tail::Tail;
use crate::model::units::Span;
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What the failure of a hook does. It is a suboption of modules as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// What the hook was to come before is not done, and the task fails.
    #[default]
    Fail,
    /// It is not done, with a warning.
    Skip,
    /// It is done all the same, with a warning.
    Continue,
}

/// Commands before and after something. It is an option of modules as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct HookOptions {
    /// A program by its full path, and its arguments, that is run before. No shell reads it.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "WORD")))]
    pub before: Vec<String>,
    /// The same for what is run after, whatever became of it: also where O(hooks.before) has failed, which may have done half of its work.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "WORD")))]
    pub after: Vec<String>,
    /// How long each of them may take. Then it is ended with all that it started, and has failed.
    pub timeout: Span,
    /// What is done where one of them fails.
    pub on_failure: OnFailure,
}

impl Default for HookOptions {
    fn default() -> Self {
        Self { before: Vec::new(), after: Vec::new(), timeout: Span::seconds(60), on_failure: OnFailure::Fail }
    }
}

/// When a hook is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before.
    Before,
    /// After.
    After,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// A command of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    phase: Phase,
    cmd: Cmd,
    timeout: Duration,
}

/// The commands before and after something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before.
    pub before: Option<Hook>,
    /// After.
    pub after: Option<Hook>,
    /// What the failure of one does.
    pub on_failure: OnFailure,
}

/// How a hook went, or in check mode that it would be run.
#[derive(Clone, Debug, Serialize)]
pub struct HookReport {
    /// The dataset that it is for, if it is for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// When.
    pub phase: Phase,
    /// The command.
    pub command: String,
    /// How it ended: `planned`, `ok` or `failed`.
    pub status: &'static str,
    /// Why it failed, with what it printed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl HookOptions {
    /// Checks them, as far as that can be done without running them.
    pub fn hooks(&self) -> Result<Hooks, String> {
        if self.timeout.0.is_zero() {
            return Err("timeout: a hook needs some time".to_owned());
        }
        let hook = |phase: Phase, argv: &[String]| {
            let Some(program) = argv.first() else { return Ok(None) };
            if !program.starts_with('/') {
                let word = phase.word();
                return Err(format!("{word}: {program:?} is no full path, and no shell looks for it"));
            }
            if argv.iter().any(|word| word.contains('\0')) {
                return Err(format!("{}: there is a NUL in it", phase.word()));
            }
            Ok(Cmd::of(argv).map(|cmd| Hook { phase, cmd, timeout: self.timeout.0 }))
        };
        let (before, after) = (hook(Phase::Before, &self.before)?, hook(Phase::After, &self.after)?);
        Ok(Hooks { before, after, on_failure: self.on_failure })
    }
}

impl Hooks {
    /// True where there is nothing to run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }

    /// What would be run.
    pub fn planned(&self, dataset: Option<&str>) -> impl Iterator<Item = HookReport> {
        [&self.before, &self.after].into_iter().flatten().map(move |hook| hook.report(dataset, "planned", None))
    }
}

impl Hook {
    /// What is told of it.
    #[must_use]
    pub fn report(&self, dataset: Option<&str>, status: &'static str, failure: Option<&Failure>) -> HookReport {
        HookReport {
            dataset: dataset.map(str::to_owned),
            phase: self.phase,
            command: self.cmd.to_string(),
            status,
            error: failure.map(ToString::to_string),
        }
    }

    /// Runs it to its end and tells how that was. `env` is added to our environment, each name behind `FERRO_ZFS_`.
    ///
    /// What comes after is also run where we have been asked to stop, and then it has its time: whatever was frozen must not stay so.
    pub fn run(
        &self,
        dataset: Option<&str>,
        env: &[(&str, &str)],
        runner: &Runner,
        tell: &dyn Fn(&str),
    ) -> (HookReport, Option<Failure>) {
        let Err(failure) = self.try_run(env, runner) else {
            tell(&format!("ran {} hook: {}", self.phase.word(), self.cmd));
            return (self.report(dataset, "ok", None), None);
        };
        (self.report(dataset, "failed", Some(&failure)), Some(failure))
    }

    fn try_run(&self, env: &[(&str, &str)], runner: &Runner) -> Result<(), Failure> {
        let is_stopped_before = signals::received().is_some();
        let stops = || signals::received().filter(|_| !is_stopped_before);
        let mut said = Tail::default();
        let ended = self.spawn(env, runner).and_then(|(mut child, mut output)| {
            let waker = Waker::new()?;
            let deadline = Instant::now() + self.timeout;
            loop {
                // Asked before reading: what an ended child wrote is all there to be read.
                let ended = child.try_wait()?;
                if runner::drained(&mut output, &mut |bytes| said.push(bytes)) {
                    output = None;
                }
                let left = deadline.saturating_duration_since(Instant::now());
                if let Some(status) = ended {
                    return Ok(Ended::Itself(status));
                }
                if stops().is_some() || left.is_zero() {
                    let given_up = end_with_all(&mut child);
                    runner::drained(&mut output, &mut |bytes| said.push(bytes));
                    return Ok(Ended::ByUs(stops(), given_up));
                }
                let mut fds = vec![PollFd::new(waker.as_fd(), PollFlags::POLLIN)];
                fds.extend(output.as_ref().map(|output| PollFd::new(output.as_fd(), PollFlags::POLLIN)));
                runner::wait(&mut fds, Some(left))?;
                drop(fds);
                waker.clear();
            }
        });
        self.judge(ended, last(&said.text()))
    }

    /// Standard output and standard error are one, for people.
    fn spawn(&self, env: &[(&str, &str)], runner: &Runner) -> io::Result<(Child, Option<io::PipeReader>)> {
        runner.note(&self.cmd);
        let (reader, writer) = io::pipe()?;
        let argv = self.cmd.argv();
        let mut command = Command::new(self.cmd.program());
        command.args(&argv[1..]).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
        command.env("FERRO_ZFS_PHASE", self.phase.word());
        command.envs(env.iter().map(|(name, value)| (format!("FERRO_ZFS_{name}"), value)));
        let child = command.spawn()?;
        // Its own ends of the pipe go with it, so that the end can be seen.
        drop(command);
        runner::nonblocking(reader.as_fd())?;
        Ok((child, Some(reader)))
    }

    fn judge(&self, ended: io::Result<Ended>, said: &str) -> Result<(), Failure> {
        let attempt = Attempt { stage: "hook", host: &Host::Local, cmd: &self.cmd };
        let failure = |rc: Option<i32>, why: String, cause: Cause| {
            let words = [why.as_str(), said].into_iter().filter(|words| !words.is_empty());
            let words = words.collect::<Vec<_>>().join(": ");
            attempt.failure(rc, words, cause)
        };
        let gone = |given_up: Option<GivenUp>| given_up.map_or_else(String::new, |stays| format!("; {stays}"));
        match ended {
            Ok(Ended::Itself(status)) if status.success() => Ok(()),
            Ok(Ended::Itself(status)) => {
                let killed = status.signal().map_or_else(String::new, |signal| format!("killed by signal {signal}"));
                Err(failure(status.code(), killed, Cause::HookFailed))
            }
            Ok(Ended::ByUs(Some(signal), given_up)) => {
                Err(failure(None, format!("stopped by {signal}{}", gone(given_up)), Cause::Stopped))
            }
            Ok(Ended::ByUs(None, given_up)) => {
                let why =
                    format!("it did not end within {}, and was ended with all that it started", Span(self.timeout));
                Err(failure(None, format!("{why}{}", gone(given_up)), Cause::HookFailed))
            }
            Err(error) => Err(failure(None, format!("it could not be run: {error}"), Cause::HookFailed)),
        }
    }
}

/// As much of what a hook printed last as people read.
fn last(said: &str) -> &str {
    const SHOWN: usize = 2000;
    said.char_indices().rev().nth(SHOWN - 1).map_or(said, |(begin, _)| &said[begin..])
}

enum Ended {
    Itself(ExitStatus),
    /// For that signal; without one because its time was over.
    ByUs(Option<&'static str>, Option<GivenUp>),
}

/// Ends a hook with all that it started and that is still of its group. As long as the hook itself has not been waited for, nobody else
/// can get the number of the group.
fn end_with_all(child: &mut Child) -> Option<GivenUp> {
    const PATIENCE: Duration = Duration::from_secs(3);
    const PAUSE: Duration = Duration::from_millis(5);
    if let Ok(pid) = i32::try_from(child.id()).map(Pid::from_raw) {
        // It may be gone by now.
        let _ = killpg(pid, Signal::SIGTERM);
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let until = Instant::now() + PATIENCE;
        while matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::StillAlive)) && Instant::now() < until {
            std::thread::sleep(PAUSE);
        }
        let _ = killpg(pid, Signal::SIGKILL);
    }
    children::end(child)
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
