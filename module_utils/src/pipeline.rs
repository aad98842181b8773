//! `zfs send | zfs receive` with us between them: metered, limited, buffered, stoppable, and judged when it fails.
//!
//! The bytes never enter this process: `splice` moves pages from one pipe to the other, so memory and time do not grow with the
//! stream. The buffer is the pipe in front of the receiver, made as large as the kernel allows.

use crate::limiter::Limiter;
use crate::process::{Attempt, Failure, Runner, drained, end, nonblocking, wait};
use crate::scripts::Script;
use crate::signals::{self, Waker};
use crate::tail::Tail;
use crate::zfs::stderr::Cause;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SpliceFFlags, fcntl, splice};
use nix::poll::{PollFd, PollFlags};
use std::io;
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What steers a stream.
#[derive(Debug)]
pub struct Flow {
    /// Bytes that may wait between sender and receiver.
    pub buffer: u64,
    /// A limit that all streams of a run share.
    pub limiter: Option<Mutex<Limiter>>,
    /// A stream without a byte for this long is given up.
    pub stall: Duration,
    /// Streams are compressed on their way, by `zstd` at both ends.
    pub zstd: bool,
}

/// The most that one `splice` moves.
const CHUNK: usize = 1 << 20;

/// What the pipe behind the sender holds: as much as stays in a processor's cache. Larger ones are slower (measured).
pub const SMALL_PIPE: u64 = 1 << 20;

/// A stream that has moved so much is long: it is worth waiting for more than one record at a time.
const LONG: u64 = 4 << 20;

/// How often progress is told at least.
const LOOK: Duration = Duration::from_secs(1);

/// What is worth waking up for: waking up for each record costs more than moving it. Small enough that a pipe of [`SMALL_PIPE`] neither
/// runs full nor empty meanwhile.
const WORTH: std::ops::RangeInclusive<u64> = 256 << 10..=512 << 10;

/// How long a flowing stream may gather in a pipe until it is worth it; `poll` counts in milliseconds.
const NAPS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(8);

/// Runs both ends until they are done and gives the bytes that passed.
pub fn run(
    runner: &Runner,
    flow: &Flow,
    send: Attempt<'_>,
    receive: Attempt<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, Failure> {
    let waker = Waker::new().map_err(|error| send.not_run(&error))?;
    let here = |attempt: &Attempt<'_>, script: Script| {
        if flow.zstd { attempt.host.run(&script.of(attempt.cmd.argv())) } else { attempt.here() }
    };
    // The receiver first: if it cannot even start, nothing was read in vain.
    let receiver = runner.spawn(&here(&receive, Script::Decompress), Stdio::piped(), Stdio::null());
    let mut receiver = receiver.map_err(|error| receive.not_run(&error))?;
    let sender = runner.spawn(&here(&send, Script::Compress), Stdio::null(), Stdio::piped());
    let mut sender = match sender {
        Ok(sender) => sender,
        Err(error) => {
            drop(receiver.stdin.take());
            end(&mut receiver);
            return Err(send.not_run(&error));
        }
    };
    let mut stream = Stream { bytes: 0, send_errors: Tail::default(), receive_errors: Tail::default() };
    let result = stream.pump(flow, &waker, &mut sender, &mut receiver, progress);
    drop(sender.stdout.take());
    drop(receiver.stdin.take());
    let ended = match result {
        Ok(ended) => ended,
        Err(stopped) => {
            end(&mut sender);
            // Its input is closed now: what it has so far can be resumed.
            end(&mut receiver);
            return Err(match stopped {
                Stopped::Signal => send.not_run(&io::Error::from(io::ErrorKind::Interrupted)),
                Stopped::Stalled => send.failure(
                    None,
                    format!("no byte for {} seconds (stall_timeout)", flow.stall.as_secs()),
                    Cause::ConnectionLost,
                ),
                Stopped::Error(error) => send.not_run(&error),
            });
        }
    };
    let statuses = stream.reap(&waker, &mut sender, &mut receiver);
    let (sent, received) = statuses.map_err(|error| {
        end(&mut sender);
        end(&mut receiver);
        send.not_run(&error)
    })?;
    match blame(ended, sent, received) {
        None => Ok(stream.bytes),
        Some(Side::Sender) => Err(send.failed(sent, &stream.send_errors.text())),
        Some(Side::Receiver) => Err(receive.failed(received, &stream.receive_errors.text())),
    }
}

/// One end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Sender,
    Receiver,
}

/// Whose failure it is. Who closed its end of the stream first is the cause; what the other then says is an echo: a receiver
/// whose sender failed calls the stream incomplete, a sender whose receiver failed dies of a broken pipe.
fn blame(first_to_end: Side, sent: ExitStatus, received: ExitStatus) -> Option<Side> {
    match (first_to_end, sent.success(), received.success()) {
        (_, true, true) => None,
        (Side::Sender, false, _) | (_, false, true) => Some(Side::Sender),
        (Side::Receiver, _, false) | (Side::Sender, true, false) => Some(Side::Receiver),
    }
}

enum Stopped {
    Signal,
    Stalled,
    Error(io::Error),
}

impl<E: Into<io::Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

struct Stream {
    bytes: u64,
    send_errors: Tail,
    receive_errors: Tail,
}

impl Stream {
    /// Moves bytes until one side ends, and says which.
    fn pump(
        &mut self,
        flow: &Flow,
        waker: &Waker,
        sender: &mut Child,
        receiver: &mut Child,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Side, Stopped> {
        let (Some(from), Some(to)) = (sender.stdout.take(), receiver.stdin.take()) else {
            return Err(io::Error::other("a child without a pipe").into());
        };
        nonblocking(&from)?;
        nonblocking(&to)?;
        enlarge(&from, SMALL_PIPE);
        enlarge(&to, flow.buffer);
        for errors in [sender.stderr.as_ref().map(AsFd::as_fd), receiver.stderr.as_ref().map(AsFd::as_fd)] {
            errors.map(nonblocking).transpose()?;
        }
        let mut last_byte = Instant::now();
        let mut blocked = Blocked::Empty;
        let mut nap = Duration::ZERO;
        loop {
            if signals::received().is_some() {
                return Err(Stopped::Signal);
            }
            let before = self.bytes;
            if let Some(side) = self.move_some(flow, &from, &to, &mut blocked)? {
                progress(self.bytes);
                return Ok(side);
            }
            let moved = self.bytes - before;
            if moved > 0 {
                last_byte = Instant::now();
                if matches!(blocked, Blocked::Empty | Blocked::Full) && self.bytes > LONG {
                    nap = next_nap(nap, moved);
                    blocked = if nap.is_zero() { blocked } else { Blocked::Napping(nap) };
                }
            }
            progress(self.bytes);
            // Who watches wants to see that nothing moves, too.
            let patience = flow.stall.checked_sub(last_byte.elapsed()).ok_or(Stopped::Stalled)?.min(LOOK);
            let timeout = match blocked {
                Blocked::Limited(wait) | Blocked::Napping(wait) => patience.min(wait),
                Blocked::Empty | Blocked::Full => patience,
            };
            let (read, write) = match blocked {
                Blocked::Empty => (PollFlags::POLLIN, PollFlags::empty()),
                Blocked::Full => (PollFlags::empty(), PollFlags::POLLOUT),
                Blocked::Limited(_) | Blocked::Napping(_) => (PollFlags::empty(), PollFlags::empty()),
            };
            let mut fds = vec![PollFd::new(waker.as_fd(), PollFlags::POLLIN), PollFd::new(to.as_fd(), write)];
            if !read.is_empty() {
                fds.push(PollFd::new(from.as_fd(), read));
            }
            fds.extend(sender.stderr.as_ref().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
            fds.extend(receiver.stderr.as_ref().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
            wait(&mut fds, Some(timeout))?;
            // The receiver's end is closed: nobody will ever read what is still coming.
            let broken = fds[1].revents().is_some_and(|events| events.contains(PollFlags::POLLERR));
            drop(fds);
            waker.clear();
            self.listen(sender, receiver);
            if broken {
                return Ok(Side::Receiver);
            }
        }
    }

    /// Splices until there is nothing to move, and says why; or says which side ended.
    fn move_some(
        &mut self,
        flow: &Flow,
        from: &ChildStdout,
        to: &ChildStdin,
        blocked: &mut Blocked,
    ) -> Result<Option<Side>, Stopped> {
        // Signals, progress and standard error want a look in between.
        const ROUNDS: usize = 64;
        let mut limiter = flow.limiter.as_ref().map(|limiter| limiter.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in 0..ROUNDS {
            let length = match limiter.as_mut().map(|limiter| limiter.take(CHUNK, Instant::now())) {
                None => CHUNK,
                Some(Ok(length)) => length,
                Some(Err(wait)) => {
                    *blocked = Blocked::Limited(wait);
                    return Ok(None);
                }
            };
            let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
            match splice(from, None, to, None, length, flags) {
                Ok(0) => return Ok(Some(Side::Sender)),
                Ok(moved) => {
                    self.bytes += moved as u64;
                    if let Some(limiter) = limiter.as_mut() {
                        limiter.spend(moved);
                    }
                }
                Err(Errno::EAGAIN) => {
                    *blocked = if is_readable(from)? { Blocked::Full } else { Blocked::Empty };
                    return Ok(None);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EPIPE) => return Ok(Some(Side::Receiver)),
                Err(error) => return Err(error.into()),
            }
        }
        *blocked = Blocked::Empty;
        Ok(None)
    }

    /// Waits for both ends, stopping them where we are asked to.
    fn reap(
        &mut self,
        waker: &Waker,
        sender: &mut Child,
        receiver: &mut Child,
    ) -> io::Result<(ExitStatus, ExitStatus)> {
        loop {
            let ended = (sender.try_wait()?, receiver.try_wait()?);
            self.listen(sender, receiver);
            if let (Some(sent), Some(received)) = ended {
                return Ok((sent, received));
            }
            if signals::received().is_some() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let mut fds = vec![PollFd::new(waker.as_fd(), PollFlags::POLLIN)];
            fds.extend(sender.stderr.as_ref().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
            fds.extend(receiver.stderr.as_ref().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
            wait(&mut fds, None)?;
            drop(fds);
            waker.clear();
        }
    }

    fn listen(&mut self, sender: &mut Child, receiver: &mut Child) {
        if drained(&mut sender.stderr, &mut |bytes| self.send_errors.push(bytes)) {
            sender.stderr = None;
        }
        if drained(&mut receiver.stderr, &mut |bytes| self.receive_errors.push(bytes)) {
            receiver.stderr = None;
        }
    }
}

/// Why nothing moves at the moment.
#[derive(Clone, Copy)]
enum Blocked {
    /// The sender has nothing yet.
    Empty,
    /// Something can be moved at any moment, but it is not worth it for so long.
    Napping(Duration),
    /// The receiver takes no more yet.
    Full,
    /// The limit is reached for so long.
    Limited(Duration),
}

/// The time after which so much will be there as is worth waking up for, going by how much it was after the last one. None for a stream
/// that fills a pipe in less than the shortest.
fn next_nap(nap: Duration, moved: u64) -> Duration {
    if moved < *WORTH.start() {
        (nap * 2).clamp(*NAPS.start(), *NAPS.end())
    } else if moved > *WORTH.end() {
        Some(nap / 2).filter(|half| half >= NAPS.start()).unwrap_or_default()
    } else {
        nap
    }
}

fn is_readable(from: &ChildStdout) -> io::Result<bool> {
    let mut fds = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
    wait(&mut fds, Some(Duration::ZERO))?;
    Ok(fds[0].revents().is_some_and(|events| !events.is_empty()))
}

/// Makes a pipe as large as wished, or as the kernel allows: beyond /proc/sys/fs/pipe-max-size only root may go.
fn enlarge(pipe: impl AsFd, wished: u64) {
    const LEAST: u64 = 64 * 1024;
    let mut size = wished.min(1 << 30);
    while size > LEAST {
        let Ok(int) = i32::try_from(size) else { return };
        if fcntl(pipe.as_fd(), FcntlArg::F_SETPIPE_SZ(int)).is_ok() {
            return;
        }
        size /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::{Flow, run};
    use crate::cmd::Cmd;
    use crate::limiter::Limiter;
    use crate::process::{Attempt, Failure, Runner};
    use crate::ssh::Host;
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    fn flow() -> Flow {
        Flow { buffer: 1 << 20, limiter: None, stall: Duration::from_secs(20), zstd: false }
    }

    fn piped(flow: &Flow, send: &str, receive: &str) -> Result<u64, Failure> {
        let (send, receive) = (Cmd::new("sh").args(["-c", send]), Cmd::new("sh").args(["-c", receive]));
        let send = Attempt { stage: "send", host: &Host::Local, cmd: &send };
        let receive = Attempt { stage: "receive", host: &Host::Local, cmd: &receive };
        run(&Runner::default(), flow, send, receive, &mut |_| {})
    }

    fn blamed(send: &str, receive: &str) -> (&'static str, Option<i32>, String) {
        let failure = piped(&flow(), send, receive).unwrap_err();
        (failure.stage, failure.rc, failure.stderr)
    }

    #[test]
    fn all_bytes_pass() {
        let receive = "test $(wc -c) = 50000000";
        assert_eq!(piped(&flow(), "head -c 50000000 /dev/zero", receive).unwrap(), 50_000_000);
        assert_eq!(piped(&flow(), "true", "cat >/dev/null").unwrap(), 0);
    }

    #[test]
    fn the_cause_is_blamed_not_its_echo() {
        let says = |what: &str| what.to_owned();
        assert_eq!(
            blamed("head -c 100000 /dev/zero; echo gone >&2; exit 2", "cat >/dev/null; echo incomplete >&2; exit 1"),
            ("send", Some(2), says("gone"))
        );
        assert_eq!(
            blamed("cat /dev/zero", "head -c 1000 >/dev/null; echo full >&2; exit 1"),
            ("receive", Some(1), says("full"))
        );
        assert_eq!(blamed("exit 0", "cat >/dev/null; echo bad >&2; exit 1"), ("receive", Some(1), says("bad")));
        assert_eq!(blamed("kill -9 $$", "cat >/dev/null; exit 1"), ("send", None, says("killed by signal 9")));
        // The receiver ends while the sender still has nothing to say.
        assert_eq!(blamed("sleep 1; cat /dev/zero", "echo no >&2; exit 1"), ("receive", Some(1), says("no")));
    }

    #[test]
    fn compressed_streams_are_whole_and_blamed_alike() {
        let zstd = Flow { zstd: true, ..flow() };
        let bytes = piped(&zstd, "head -c 50000000 /dev/zero", "test $(wc -c) = 50000000").unwrap();
        assert!(bytes < 100_000, "{bytes}");
        let failure = piped(&zstd, "echo some; echo gone >&2; exit 2", "cat >/dev/null; exit 1").unwrap_err();
        assert_eq!((failure.stage, failure.rc, failure.stderr.as_str()), ("send", Some(2), "gone"));
        let failure = piped(&zstd, "cat /dev/urandom", "head -c 9 >/dev/null; echo full >&2; exit 1").unwrap_err();
        assert_eq!((failure.stage, failure.rc), ("receive", Some(1)));
    }

    #[test]
    fn a_stalled_stream_is_given_up() {
        let flow = Flow { stall: Duration::from_millis(300), ..flow() };
        let failure = piped(&flow, "echo some; exec sleep 60", "cat >/dev/null").unwrap_err();
        assert_eq!(failure.stderr, "no byte for 0 seconds (stall_timeout)");
    }

    #[test]
    fn naps_follow_the_stream() {
        let settled = |bytes_per_millisecond: u64| {
            // Without a nap it wakes up for each record.
            let moved = |nap: Duration| u64::try_from(nap.as_millis()).unwrap() * bytes_per_millisecond;
            (0..20).fold(Duration::ZERO, |nap, _| super::next_nap(nap, moved(nap).max(128 << 10)))
        };
        assert_eq!(settled(1_000), Duration::from_millis(8));
        assert!((2..=4).contains(&settled(125_000).as_millis()));
        assert!(settled(4_000_000).as_millis() <= 1);
    }

    #[test]
    fn a_limit_is_kept() {
        let limiter = Some(Mutex::new(Limiter::new(2_000_000, Instant::now())));
        let started = Instant::now();
        piped(&Flow { limiter, ..flow() }, "head -c 1000000 /dev/zero", "cat >/dev/null").unwrap();
        let seconds = started.elapsed().as_secs_f64();
        assert!((0.4..2.0).contains(&seconds), "{seconds}");
    }
}
