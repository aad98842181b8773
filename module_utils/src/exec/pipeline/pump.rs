//! Moves bytes from a sender to its receiver until one of them ends.
//!
//! The bytes of large blocks never enter this process: `splice` moves pages from one pipe to the other, so memory and time do not grow
//! with the stream. The buffer is the pipe in front of the receiver, made as large as the kernel allows.

use super::skip::{Skipped, skip};
use super::{Flow, SMALL_PIPE, Senders, Side};
use crate::exec::children::{GivenUp, end_all};
use crate::exec::greeting::Greeting;
use crate::exec::runner::{drained, nonblocking, wait};
use crate::exec::signals::{self, Waker};
use crate::exec::tail::Tail;
use crate::stream::inlet::{self, Inlet, Moved};
use crate::stream::planned::Planned;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SpliceFFlags, fcntl, splice};
use nix::poll::{PollFd, PollFlags};
use std::io;
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most that one `splice` moves.
const CHUNK: usize = 1 << 20;

/// A stream that has moved so much is long: it is worth waiting for more than one record at a time.
const LONG: u64 = 4 << 20;

/// How often progress is told at least.
const LOOK: Duration = Duration::from_secs(1);

/// What is worth waking up for: waking up for each record costs more than moving it. Small enough that a pipe of [`SMALL_PIPE`] neither
/// runs full nor empty meanwhile.
const WORTH: std::ops::RangeInclusive<u64> = 256 << 10..=512 << 10;

/// How long a flowing stream may gather in a pipe until it is worth it; `poll` counts in milliseconds.
const NAPS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(8);

/// Why a stream was given up.
pub enum Stopped {
    /// We were asked to stop.
    Signal,
    /// No byte came for too long.
    Stalled,
    /// The receiver has everything, and does not end.
    Unfinished,
    /// What comes must not be handed on.
    Refused(String),
    /// The system failed.
    Error(io::Error),
}

impl<E: Into<io::Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Error(error.into())
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

/// What an attempt to move something came to.
enum Passed {
    /// Nothing more can be moved for now.
    Blocked(Blocked),
    /// One of them has closed its end.
    Ended(Side),
}

/// A sender's stream on its way.
pub struct Pump<'a> {
    /// Bytes that came from the sender.
    pub bytes: u64,
    /// What the receiver said.
    pub receive_errors: Tail,
    flow: &'a Flow,
    /// What comes before the stream. None where what passes here is decompressed: it is read elsewhere, and the limit kept there.
    greeting: Option<&'a Mutex<Option<Greeting>>>,
    waker: &'a Waker,
    receiver: Child,
    /// None once the receiver has all that comes.
    to: Option<ChildStdin>,
    checked: Option<(Inlet, Planned)>,
}

impl<'a> Pump<'a> {
    /// To `receiver`.
    pub fn new(
        flow: &'a Flow,
        greeting: Option<&'a Mutex<Option<Greeting>>>,
        waker: &'a Waker,
        mut receiver: Child,
        checked: Option<(Inlet, Planned)>,
    ) -> Self {
        let to = receiver.stdin.take();
        let receive_errors = Tail::default();
        Self { bytes: 0, receive_errors, flow, greeting, waker, receiver, to, checked }
    }

    /// Moves bytes until one side ends, and says which.
    pub fn run(&mut self, senders: &mut Senders, progress: &mut dyn FnMut(u64)) -> Result<Side, Stopped> {
        let from = senders.output().ok_or_else(|| io::Error::other("a child without a pipe"))?;
        nonblocking(&from)?;
        enlarge(&from, SMALL_PIPE);
        nonblocking_errors(&senders.sender)?;
        self.open()?;
        let mut last_byte = Instant::now();
        let mut nap = Duration::ZERO;
        loop {
            if signals::received().is_some() {
                return Err(Stopped::Signal);
            }
            let before = self.bytes;
            let passed = self.move_some(&from)?;
            progress(self.bytes);
            let mut blocked = match passed {
                Passed::Blocked(blocked) => blocked,
                Passed::Ended(side) => {
                    self.to = None;
                    return Ok(side);
                }
            };
            let moved = self.bytes - before;
            if moved > 0 {
                last_byte = Instant::now();
                if matches!(blocked, Blocked::Empty | Blocked::Full) && self.bytes > LONG {
                    nap = next_nap(nap, moved);
                    blocked = if nap.is_zero() { blocked } else { Blocked::Napping(nap) };
                }
            }
            // Who watches wants to see that nothing moves, too.
            let patience = self.flow.stall.checked_sub(last_byte.elapsed()).ok_or(Stopped::Stalled)?.min(LOOK);
            if self.sleep(&from, senders, blocked, patience)? {
                self.to = None;
                return Ok(Side::Receiver);
            }
        }
    }

    /// Waits until something can be moved again; true if the receiver has closed its end, so that nobody will ever read what comes.
    fn sleep(
        &mut self,
        from: &ChildStdout,
        senders: &mut Senders,
        blocked: Blocked,
        patience: Duration,
    ) -> Result<bool, Stopped> {
        let (read, write, timeout) = match blocked {
            Blocked::Empty => (true, PollFlags::empty(), patience),
            Blocked::Full => (false, PollFlags::POLLOUT, patience),
            Blocked::Limited(wait) | Blocked::Napping(wait) => (false, PollFlags::empty(), patience.min(wait)),
        };
        let mut fds = vec![PollFd::new(self.waker.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.to.as_ref().map(|to| PollFd::new(to.as_fd(), write)));
        fds.extend(read.then(|| PollFd::new(from.as_fd(), PollFlags::POLLIN)));
        fds.extend(errors_of(&senders.sender));
        fds.extend(errors_of(&self.receiver));
        wait(&mut fds, Some(timeout))?;
        let broken = self.to.is_some() && fds[1].revents().is_some_and(|events| events.contains(PollFlags::POLLERR));
        drop(fds);
        self.waker.clear();
        self.listen(senders);
        Ok(broken)
    }

    /// Moves until there is nothing to move, and says why.
    fn move_some(&mut self, from: &ChildStdout) -> Result<Passed, Stopped> {
        // Signals, progress and standard error want a look in between.
        const ROUNDS: usize = 64;
        match self.greeting.map_or(Ok(Skipped::All), |greeting| skip(greeting, from))? {
            Skipped::All => {}
            Skipped::Some => return Ok(Passed::Blocked(Blocked::Empty)),
            Skipped::End => return Ok(Passed::Ended(Side::Sender)),
        }
        let limiter = self.flow.limiter.as_ref().filter(|_| self.greeting.is_some());
        let mut limiter = limiter.map(|limiter| limiter.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in 0..ROUNDS {
            let length = match limiter.as_mut().map(|limiter| limiter.take(CHUNK, Instant::now())) {
                None => CHUNK,
                Some(Ok(length)) => length,
                Some(Err(wait)) => return Ok(Passed::Blocked(Blocked::Limited(wait))),
            };
            let moved = match &mut self.checked {
                Some((inlet, _)) => inlet.advance(from, self.to.as_ref(), length)?,
                None => splice_all(from, self.to.as_ref(), length)?,
            };
            match moved {
                Moved::Some(moved) => {
                    self.bytes += moved as u64;
                    if let Some(limiter) = limiter.as_mut() {
                        limiter.spend(moved);
                    }
                }
                Moved::Empty if is_readable(from)? => return Ok(Passed::Blocked(Blocked::Full)),
                Moved::Empty => return Ok(Passed::Blocked(Blocked::Empty)),
                Moved::Full => return Ok(Passed::Blocked(Blocked::Full)),
                Moved::Begin(begin, _) => {
                    if let Some((inlet, planned)) = &mut self.checked {
                        planned.check(&begin).map_err(Stopped::Refused)?;
                        inlet.accept();
                    }
                }
                Moved::Whole => self.to = None,
                Moved::Ended => return Ok(Passed::Ended(Side::Sender)),
                Moved::Broken => return Ok(Passed::Ended(Side::Receiver)),
            }
        }
        Ok(Passed::Blocked(Blocked::Empty))
    }

    fn open(&self) -> io::Result<()> {
        if let Some(to) = &self.to {
            nonblocking(to)?;
            enlarge(to, self.flow.buffer);
        }
        nonblocking_errors(&self.receiver)
    }

    /// Waits for both ends, and gives how they ended.
    pub fn reap(&mut self, senders: &mut Senders) -> Result<(ExitStatus, ExitStatus), Stopped> {
        let received = self.wait_for_receiver(senders)?;
        let sent = self.wait_until(senders, |senders, _| {
            let sent = senders.sender.try_wait()?;
            let decompressed = senders.zstd.as_mut().map(Child::try_wait).transpose()?;
            // What does not decompress was broken on its way; the receiver has noticed, too.
            Ok(sent.filter(|_| decompressed.is_none_or(|status| status.is_some())))
        })?;
        Ok((sent, received))
    }

    fn wait_for_receiver(&mut self, senders: &mut Senders) -> Result<ExitStatus, Stopped> {
        self.wait_until(senders, |_, receiver| receiver.try_wait())
    }

    /// Waits for something to end, at most for as long as a stream may stall.
    fn wait_until(
        &mut self,
        senders: &mut Senders,
        ended: impl Fn(&mut Senders, &mut Child) -> io::Result<Option<ExitStatus>>,
    ) -> Result<ExitStatus, Stopped> {
        let since = Instant::now();
        loop {
            let status = ended(senders, &mut self.receiver)?;
            self.listen(senders);
            if let Some(status) = status {
                return Ok(status);
            }
            if signals::received().is_some() {
                return Err(Stopped::Signal);
            }
            let patience = self.flow.stall.checked_sub(since.elapsed()).ok_or(Stopped::Unfinished)?;
            let mut fds = vec![PollFd::new(self.waker.as_fd(), PollFlags::POLLIN)];
            fds.extend(errors_of(&senders.sender));
            fds.extend(errors_of(&self.receiver));
            wait(&mut fds, Some(patience))?;
            drop(fds);
            self.waker.clear();
        }
    }

    /// Ends both sides at once; gives what cannot be ended. The receiver's input is closed: what it has so far can be resumed.
    pub fn end(&mut self, senders: &mut Senders) -> Vec<GivenUp> {
        self.to = None;
        drop(senders.sender.stdout.take());
        let mut all = vec![&mut senders.sender, &mut self.receiver];
        all.extend(&mut senders.zstd);
        end_all(&mut all)
    }

    /// Whether all that was planned has come, and nothing else.
    pub fn is_whole(&self) -> Result<(), String> {
        let Some((inlet, planned)) = &self.checked else { return Ok(()) };
        inlet.end_of_input()?;
        if planned.expects_more() { Err("it ends before the snapshot that was asked for".to_owned()) } else { Ok(()) }
    }

    fn listen(&mut self, senders: &mut Senders) {
        if drained(&mut senders.sender.stderr, &mut |bytes| senders.errors.push(bytes)) {
            senders.sender.stderr = None;
        }
        if drained(&mut self.receiver.stderr, &mut |bytes| self.receive_errors.push(bytes)) {
            self.receiver.stderr = None;
        }
    }
}

impl From<inlet::Stopped> for Stopped {
    fn from(stopped: inlet::Stopped) -> Self {
        match stopped {
            inlet::Stopped::Refused(reason) => Self::Refused(reason),
            inlet::Stopped::Error(error) => Self::Error(error.into()),
        }
    }
}

/// Moves whatever comes.
fn splice_all(from: &ChildStdout, to: Option<&ChildStdin>, length: usize) -> Result<Moved, Stopped> {
    let Some(to) = to else { return Ok(Moved::Broken) };
    let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
    match splice(from, None, to, None, length, flags) {
        Ok(0) => Ok(Moved::Ended),
        Ok(moved) => Ok(Moved::Some(moved)),
        Err(Errno::EAGAIN) => Ok(Moved::Empty),
        Err(Errno::EINTR) => Ok(Moved::Some(0)),
        Err(Errno::EPIPE) => Ok(Moved::Broken),
        Err(error) => Err(error.into()),
    }
}

fn errors_of(child: &Child) -> Option<PollFd<'_>> {
    child.stderr.as_ref().map(|errors| PollFd::new(errors.as_fd(), PollFlags::POLLIN))
}

fn nonblocking_errors(child: &Child) -> io::Result<()> {
    child.stderr.as_ref().map(nonblocking).transpose().map(drop)
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
    use super::next_nap;
    use std::time::Duration;

    #[test]
    fn naps_follow_the_stream() {
        let settled = |bytes_per_millisecond: u64| {
            // Without a nap it wakes up for each record.
            let moved = |nap: Duration| u64::try_from(nap.as_millis()).unwrap() * bytes_per_millisecond;
            (0..20).fold(Duration::ZERO, |nap, _| next_nap(nap, moved(nap).max(128 << 10)))
        };
        assert_eq!(settled(1_000), Duration::from_millis(8));
        assert!((2..=4).contains(&settled(125_000).as_millis()));
        assert!(settled(4_000_000).as_millis() <= 1);
    }
}
