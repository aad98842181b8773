//! Running commands: to the end, stoppable, with what they said kept.

use crate::exec::children::{GivenUp, all_end_within};
pub use crate::exec::children::{end, end_all};
use crate::exec::cmd::Cmd;
pub use crate::exec::failure::Failure;
use crate::exec::foreign;
use crate::exec::greeting::Greeting;
use crate::exec::limits::{Exceeded, Expect, Meter, SILENCE};
use crate::exec::signals::{self, Waker};
use crate::exec::ssh::Host;
use crate::exec::stderr::{Cause, cause, sorted};
use crate::exec::tail::Tail;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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
#[derive(Debug)]
pub struct Runner {
    log: Mutex<Vec<String>>,
    /// What login shells have printed, by their hosts.
    greetings: Mutex<BTreeMap<String, String>>,
    silence: Duration,
    /// Children that even SIGKILL did not end.
    given_up: Mutex<Vec<Child>>,
}

impl Default for Runner {
    fn default() -> Self {
        Self::with_silence(SILENCE)
    }
}

/// Why a command was not waited for to its end.
#[derive(Debug, thiserror::Error)]
#[error("{}{}", .limit.map_or_else(|| "stopped".to_owned(), |limit| limit.to_string()), .given_up.map_or_else(String::new, |stays| format!("; {stays}")))]
struct Unfinished {
    /// The limit that it passed; none where we were asked to stop.
    limit: Option<Exceeded>,
    given_up: Option<GivenUp>,
}

impl Runner {
    /// A runner that gives up what says nothing for so long.
    #[must_use]
    pub fn with_silence(silence: Duration) -> Self {
        Self { log: Mutex::default(), greetings: Mutex::default(), silence, given_up: Mutex::default() }
    }

    /// The children that were given up since this was last asked. The kernel holds them, and whoever starts more of their kind may get
    /// more of them.
    #[must_use]
    pub fn take_given_up(&self) -> Vec<Child> {
        std::mem::take(&mut self.given_up.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every command so far, in the order of their start, shell-quoted.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers a command that somebody else runs.
    pub fn note(&self, cmd: &Cmd) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(cmd.to_string());
    }

    /// Starts a command in a process group of its own, so that Ctrl-C reaches only us and we decide who ends when.
    pub fn spawn(&self, cmd: &Cmd, stdin: Stdio, stdout: Stdio) -> io::Result<Child> {
        self.start(cmd, stdin, stdout, Stdio::piped())
    }

    fn start(&self, cmd: &Cmd, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> io::Result<Child> {
        self.note(cmd);
        cmd.local().stdin(stdin).stdout(stdout).stderr(stderr).process_group(0).spawn()
    }

    /// Runs a command of which a few lines are expected to its end, whatever that is.
    pub fn output(&self, cmd: &Cmd) -> io::Result<Output> {
        self.all_of(cmd, Expect::Answer)
    }

    /// Runs a command to its end, whatever that is, and keeps all that it prints.
    pub fn all_of(&self, cmd: &Cmd, expect: Expect) -> io::Result<Output> {
        let mut stdout = Vec::new();
        let (status, stderr) = self.stream(cmd, expect, Stdio::null(), &mut |bytes| stdout.extend_from_slice(bytes))?;
        Ok(Output { stdout: text(stdout), stderr, status })
    }

    /// Runs a command to its end and hands on what it prints as it comes, for output too large to be kept. Gives how it ended
    /// and the end of standard error.
    pub fn stream(
        &self,
        cmd: &Cmd,
        expect: Expect,
        stdin: Stdio,
        sink: &mut dyn FnMut(&[u8]),
    ) -> io::Result<(ExitStatus, String)> {
        let waker = Waker::new()?;
        let mut child = self.spawn(cmd, stdin, Stdio::piped())?;
        let mut meter = Meter::new(expect.limits(self.silence), Instant::now());
        let mut stderr = Tail::default();
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        for fd in [out.as_ref().map(AsFd::as_fd), err.as_ref().map(AsFd::as_fd)].into_iter().flatten() {
            nonblocking(fd)?;
        }
        loop {
            // Asked before reading: what an ended child wrote is all there to be read.
            let ended = child.try_wait()?;
            let now = Instant::now();
            let mut take = |bytes: &[u8]| {
                meter.printed(bytes, now);
                sink(bytes);
            };
            if drained(&mut out, &mut take) {
                out = None;
            }
            let mut hear = |bytes: &[u8]| {
                meter.complained(bytes, now);
                stderr.push(bytes);
            };
            if drained(&mut err, &mut hear) {
                err = None;
            }
            let left = meter.left(now);
            if let (Some(status), false) = (ended, matches!(left, Err(Exceeded::Bytes(_) | Exceeded::Lines(_)))) {
                return Ok((status, stderr.text()));
            }
            let patience = match (signals::received(), left) {
                (None, Ok(patience)) => patience,
                (signal, left) => {
                    let limit = left.err().filter(|_| signal.is_none());
                    let given_up = end(&mut child);
                    if given_up.is_some() {
                        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).push(child);
                    }
                    return Err(io::Error::other(Unfinished { limit, given_up }));
                }
            };
            let mut fds = vec![PollFd::new(waker.as_fd(), PollFlags::POLLIN)];
            fds.extend(out.as_ref().map(|out| PollFd::new(out.as_fd(), PollFlags::POLLIN)));
            fds.extend(err.as_ref().map(|err| PollFd::new(err.as_fd(), PollFlags::POLLIN)));
            wait(&mut fds, Some(patience))?;
            drop(fds);
            waker.clear();
        }
    }
}

/// Not copied where it is plain text: it may be large.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
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

/// Reads what there is without waiting, but no more than a pipe holds: who writes endlessly must not keep us here. True at the end of the
/// stream.
pub fn drained(stream: &mut Option<impl Read>, sink: &mut dyn FnMut(&[u8])) -> bool {
    const READS: usize = 64;
    let Some(stream) = stream else { return false };
    let mut buffer = [0; 16 * 1024];
    for _ in 0..READS {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(n) => sink(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
    false
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
        let (mut own, aside) = sorted(stderr, self.host.is_remote());
        if let (Some(signal), true) = (status.signal(), own.is_empty()) {
            own = format!("killed by signal {signal}");
        }
        let cause = match (cause(&own), status.code()) {
            (Cause::Other, Some(127)) => Cause::ZfsMissing,
            // 255 is ssh's own; `zfs` uses it too, but then it says why.
            // No status at all means that ssh itself was killed.
            (Cause::Other, Some(255) | None) if self.host.is_remote() => Cause::ConnectionLost,
            (cause, _) => cause,
        };
        Failure { aside: aside.into(), ..self.failure(status.code(), own, cause) }
    }

    /// A failure of a login shell that ended without having run the command, which it would have told us first.
    #[must_use]
    pub fn not_begun(&self, status: ExitStatus, stderr: &str, chatter: &str) -> Failure {
        let failed = self.failed(status, stderr);
        // What the gate or ssh says explains it; `zfs` can have said nothing.
        if failed.cause != Cause::Other && failed.cause != Cause::ZfsMissing {
            return failed;
        }
        let said = [chatter, failed.stderr.as_str()].into_iter().filter(|said| !said.is_empty());
        let said = said.collect::<Vec<_>>().join("\n");
        let said = if said.is_empty() { "nothing".to_owned() } else { said };
        let words =
            format!("the login shell of {} printed this instead of running the command: {said}", self.host.name());
        Failure { stderr: words, cause: Cause::LoginShell, ..failed }
    }

    /// A failure of not even starting, or of not being waited for.
    #[must_use]
    pub fn not_run(&self, error: &io::Error) -> Failure {
        let program = if self.host.is_remote() { "ssh" } else { self.cmd.program() };
        let unfinished = error.get_ref().and_then(|inner| inner.downcast_ref::<Unfinished>());
        if let Some(Unfinished { limit: Some(limit), .. }) = unfinished {
            let cause = if limit.is_of_time() { Cause::NoAnswer } else { Cause::TooMuch };
            return self.failure(None, error.to_string(), cause);
        }
        match (signals::received(), error.kind()) {
            (Some(signal), _) => {
                let stays = unfinished.and_then(|unfinished| unfinished.given_up);
                let stays = stays.map_or_else(String::new, |stays| format!("; {stays}"));
                self.failure(None, format!("stopped by {signal}{stays}"), Cause::Stopped)
            }
            (None, io::ErrorKind::NotFound) => {
                let cause = if program == "zfs" { Cause::ZfsMissing } else { Cause::ProgramMissing };
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
            host: self.host.name().into(),
            command: self.cmd.to_string().into(),
            rc,
            stderr,
            aside: Box::default(),
            cause,
            refusal: None,
        }
    }
}

impl Runner {
    /// Runs an attempt to its end and gives the few lines that it printed; anything but exit status 0 is a failure.
    pub fn run(&self, attempt: Attempt<'_>) -> Result<Output, Failure> {
        self.expect(attempt, Expect::Answer)
    }

    /// Runs an attempt of which so much is expected to its end; anything but exit status 0 is a failure.
    pub fn expect(&self, attempt: Attempt<'_>, expect: Expect) -> Result<Output, Failure> {
        let output = self.output_of(attempt, expect)?;
        if output.status.success() { Ok(output) } else { Err(attempt.failed(output.status, &output.stderr)) }
    }

    /// Runs an attempt to its end, whatever that is.
    pub fn output_of(&self, attempt: Attempt<'_>, expect: Expect) -> Result<Output, Failure> {
        let mut stdout = Vec::new();
        let (status, stderr) =
            self.stream_of(attempt, expect, Stdio::null(), &mut |bytes| stdout.extend_from_slice(bytes))?;
        Ok(Output { stdout: text(stdout), stderr, status })
    }

    /// Runs an attempt to its end, whatever that is, and hands on what the command prints, without what the login shell of
    /// another host has printed before.
    pub fn stream_of(
        &self,
        attempt: Attempt<'_>,
        expect: Expect,
        stdin: Stdio,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(ExitStatus, String), Failure> {
        let mut greeting = attempt.host.is_remote().then(Greeting::default);
        let mut own = |bytes: &[u8]| {
            let rest = greeting.as_mut().map_or(bytes, |greeting| greeting.push(bytes));
            if !rest.is_empty() {
                sink(rest);
            }
        };
        let ended = self.stream(&attempt.here(), expect, stdin, &mut own);
        let (status, stderr) = ended.map_err(|error| attempt.not_run(&error))?;
        self.greeted(attempt, greeting.as_ref(), status, &stderr)?;
        Ok((status, stderr))
    }

    /// Remembers what a login shell printed; fails where it never ran the command.
    pub fn greeted(
        &self,
        attempt: Attempt<'_>,
        greeting: Option<&Greeting>,
        status: ExitStatus,
        stderr: &str,
    ) -> Result<(), Failure> {
        let Some(greeting) = greeting else { return Ok(()) };
        if !greeting.is_over() {
            return Err(attempt.not_begun(status, stderr, &greeting.text()));
        }
        let text = greeting.text();
        if !text.is_empty() {
            let mut greetings = self.greetings.lock().unwrap_or_else(PoisonError::into_inner);
            greetings.entry(attempt.host.name().to_owned()).or_insert(text);
        }
        Ok(())
    }

    /// A warning for each host whose login shell prints something before the output of commands.
    #[must_use]
    pub fn greetings(&self) -> Vec<String> {
        let greetings = self.greetings.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |(host, text): (&String, &String)| {
            format!(
                "the login shell of {host} prints this before the command's output: {}. It is left out here, but breaks scp, \
                 rsync and the like; let its startup files print only where there is a terminal",
                foreign::quoted(text)
            )
        };
        greetings.iter().map(warning).collect()
    }

    /// Runs commands whose outcome nobody waits for, all at once, even while everything else is being stopped.
    pub fn clean_up(&self, commands: &[Cmd]) {
        const PATIENCE: Duration = Duration::from_secs(3);
        // Not a pipe that nobody reads: ssh would die of its first warning, and not do what it is there for.
        let start = |cmd: &Cmd| self.start(cmd, Stdio::null(), Stdio::null(), Stdio::null()).ok();
        let mut children: Vec<Child> = commands.iter().filter_map(start).collect();
        let mut children: Vec<&mut Child> = children.iter_mut().collect();
        if !all_end_within(&mut children, PATIENCE) {
            end_all(&mut children);
        }
    }
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
