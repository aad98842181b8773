//! Running commands: to the end, stoppable, with what they said kept.

use crate::cmd::Cmd;
use crate::signals::{self, Waker};
use crate::ssh::Host;
use crate::tail::Tail;
use crate::zfs::stderr::{Cause, cause};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::Serialize;
use std::fmt;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A command that failed.
#[derive(Clone, Debug, Serialize, thiserror::Error)]
pub struct Failure {
    /// What was attempted: `list`, `send`, `receive`, ...
    pub stage: &'static str,
    /// Where it ran.
    pub host: String,
    /// The command, shell-quoted; empty if none was run.
    pub command: String,
    /// Its exit status; none if a signal ended it or it never started.
    pub rc: Option<i32>,
    /// What it said last.
    pub stderr: String,
    /// What that means.
    #[serde(skip)]
    pub cause: Cause,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stage)?;
        if self.host != "localhost" {
            write!(f, " on {}", self.host)?;
        }
        f.write_str(" failed")?;
        if !self.command.is_empty() {
            write!(f, ": `{}`", self.command)?;
        }
        if let Some(rc) = self.rc {
            write!(f, " ended with exit status {rc}")?;
        }
        if !self.stderr.is_empty() {
            write!(f, ": {}", self.stderr)?;
        }
        match self.cause.advice() {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}

impl Failure {
    /// A refusal in words of ours, before any command.
    #[must_use]
    pub fn refusal(stage: &'static str, host: &Host, words: String) -> Self {
        Self {
            stage,
            host: host.name().to_owned(),
            command: String::new(),
            rc: None,
            stderr: words,
            cause: Cause::Other,
        }
    }
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// Standard output.
    pub stdout: String,
    /// The end of standard error.
    pub stderr: String,
    /// How it ended.
    pub status: ExitStatus,
}

/// Runs commands and remembers them.
#[derive(Debug, Default)]
pub struct Runner {
    log: Mutex<Vec<String>>,
}

impl Runner {
    /// Every command so far, in the order of their start, shell-quoted.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts a command in a process group of its own, so that Ctrl-C reaches only us and we decide who ends when.
    pub fn spawn(&self, cmd: &Cmd, stdin: Stdio, stdout: Stdio) -> io::Result<Child> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(cmd.to_string());
        cmd.local().stdin(stdin).stdout(stdout).stderr(Stdio::piped()).process_group(0).spawn()
    }

    /// Runs a command to its end, whatever that is.
    pub fn output(&self, cmd: &Cmd) -> io::Result<Output> {
        let mut stdout = Vec::new();
        let (status, stderr) = self.stream(cmd, Stdio::null(), &mut |bytes| stdout.extend_from_slice(bytes))?;
        Ok(Output { stdout: String::from_utf8_lossy(&stdout).into_owned(), stderr, status })
    }

    /// Runs a command to its end and hands on what it prints as it comes, for output too large to be kept. Gives how it ended
    /// and the end of standard error.
    pub fn stream(&self, cmd: &Cmd, stdin: Stdio, sink: &mut dyn FnMut(&[u8])) -> io::Result<(ExitStatus, String)> {
        let waker = Waker::new()?;
        let mut child = self.spawn(cmd, stdin, Stdio::piped())?;
        let mut stderr = Tail::default();
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        for fd in [out.as_ref().map(AsFd::as_fd), err.as_ref().map(AsFd::as_fd)].into_iter().flatten() {
            nonblocking(fd)?;
        }
        loop {
            // Asked before reading: what an ended child wrote is all there to be read.
            let ended = child.try_wait()?;
            if drained(&mut out, sink) {
                out = None;
            }
            if drained(&mut err, &mut |bytes| stderr.push(bytes)) {
                err = None;
            }
            if let Some(status) = ended {
                return Ok((status, stderr.text()));
            }
            if signals::received().is_some() {
                end(&mut child);
                return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped"));
            }
            let mut fds = vec![PollFd::new(waker.as_fd(), PollFlags::POLLIN)];
            fds.extend(out.as_ref().map(|out| PollFd::new(out.as_fd(), PollFlags::POLLIN)));
            fds.extend(err.as_ref().map(|err| PollFd::new(err.as_fd(), PollFlags::POLLIN)));
            wait(&mut fds, None)?;
            drop(fds);
            waker.clear();
        }
    }
}

/// True if we run as root.
#[must_use]
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Makes reads answer at once.
pub fn nonblocking(fd: impl AsFd) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Waits until one of `fds` is ready, or for the time given.
pub fn wait(fds: &mut [PollFd], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = match timeout {
        None => PollTimeout::NONE,
        // Rounded up, or else the last millisecond would be spent in a busy loop.
        Some(timeout) => PollTimeout::try_from(timeout + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX),
    };
    match poll(fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads all there is without waiting; true at the end of the stream.
pub fn drained(stream: &mut Option<impl Read>, sink: &mut dyn FnMut(&[u8])) -> bool {
    let Some(stream) = stream else { return false };
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(n) => sink(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

/// Ends a child with all that it started, politely first, and reaps it.
pub fn end(child: &mut Child) {
    const PATIENCE: Duration = Duration::from_secs(5);
    // Each child leads a group of its own.
    let group = i32::try_from(child.id()).map(Pid::from_raw);
    if let (Ok(None), Ok(group)) = (child.try_wait(), group) {
        let _ = killpg(group, Signal::SIGTERM);
    }
    let deadline = Instant::now() + PATIENCE;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() > deadline {
            let _ = group.map(|group| killpg(group, Signal::SIGKILL));
            let _ = child.wait();
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A command that is meant to run on a host, and what it is for: all that a failure has to tell.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What is attempted: `list`, `send`, `receive`, ...
    pub stage: &'static str,
    /// Where.
    pub host: &'a Host,
    /// The command as it is for that host.
    pub cmd: &'a Cmd,
}

impl Attempt<'_> {
    /// The command to spawn here.
    #[must_use]
    pub fn here(&self) -> Cmd {
        self.host.run(self.cmd)
    }

    /// A failure of how it ended.
    #[must_use]
    pub fn failed(&self, status: ExitStatus, stderr: &str) -> Failure {
        let mut stderr = stderr.to_owned();
        if let (Some(signal), true) = (status.signal(), stderr.is_empty()) {
            stderr = format!("killed by signal {signal}");
        }
        let cause = match (cause(&stderr), status.code()) {
            (Cause::Other, Some(127)) => Cause::ZfsMissing,
            // 255 is ssh's own; `zfs` uses it too, but then it says why.
            // No status at all means that ssh itself was killed.
            (Cause::Other, Some(255) | None) if self.host.is_remote() => Cause::ConnectionLost,
            (cause, _) => cause,
        };
        self.failure(status.code(), stderr, cause)
    }

    /// A failure of not even starting, or of not being waited for.
    #[must_use]
    pub fn not_run(&self, error: &io::Error) -> Failure {
        let program = if self.host.is_remote() { "ssh" } else { self.cmd.program() };
        match (signals::received(), error.kind()) {
            (Some(signal), _) => self.failure(None, format!("stopped by {signal}"), Cause::Stopped),
            (None, io::ErrorKind::NotFound) => {
                let cause = if program == "zfs" { Cause::ZfsMissing } else { Cause::Other };
                self.failure(None, format!("{program} is not installed or not in PATH"), cause)
            }
            (None, _) => self.failure(None, error.to_string(), Cause::Other),
        }
    }

    /// A failure with words of ours.
    #[must_use]
    pub fn failure(&self, rc: Option<i32>, stderr: String, cause: Cause) -> Failure {
        Failure {
            stage: self.stage,
            host: self.host.name().to_owned(),
            command: self.cmd.to_string(),
            rc,
            stderr,
            cause,
        }
    }
}

impl Runner {
    /// Runs an attempt to its end and gives what it printed; anything but exit status 0 is a failure.
    pub fn run(&self, attempt: Attempt<'_>) -> Result<Output, Failure> {
        let output = self.output(&attempt.here()).map_err(|error| attempt.not_run(&error))?;
        if output.status.success() { Ok(output) } else { Err(attempt.failed(output.status, &output.stderr)) }
    }

    /// Runs a command whose outcome nobody waits for, even while everything else is being stopped.
    pub fn clean_up(&self, cmd: &Cmd) {
        if let Ok(mut child) = self.spawn(cmd, Stdio::null(), Stdio::null()) {
            drop(child.stderr.take());
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Runner;
    use crate::cmd::Cmd;

    #[test]
    fn output_is_kept_and_the_command_remembered() {
        let runner = Runner::default();
        let output = runner.output(&Cmd::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str(), output.status.code()), ("out\n", "err", Some(3)));
        assert_eq!(runner.commands(), ["sh -c 'echo out; echo err >&2; exit 3'"]);
    }

    #[test]
    fn more_than_a_pipe_holds_is_no_deadlock() {
        let runner = Runner::default();
        let output =
            runner.output(&Cmd::new("sh").args(["-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"]));
        assert_eq!(output.unwrap().stdout.len(), 300_000);
    }

    #[test]
    fn a_background_process_that_keeps_the_pipe_open_does_not_hold_us_up() {
        let started = std::time::Instant::now();
        let output = Runner::default().output(&Cmd::new("sh").args(["-c", "sleep 20 & echo done"])).unwrap();
        assert_eq!(output.stdout, "done\n");
        assert!(started.elapsed().as_secs() < 10);
    }
}
