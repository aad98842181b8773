//! Pumps a sender's stream to its receiver until one side ends: waits, paces, listens to what both say.
//!
//! The buffer is the pipe in front of the receiver, made as large as the kernel allows.

use super::pacer::Pacer;
use super::passage::{Blocked, Passage, Passed};
pub use super::stopped::Stopped;
use super::{Flow, SMALL_PIPE, Senders, Side};
use crate::exec::children::{GivenUp, end_all};
use crate::exec::greeting::Greeting;
use crate::exec::runner::{drained, nonblocking, wait};
use crate::exec::signals::{self, Waker};
use crate::exec::tail::Tail;
use crate::stream::inlet::Inlet;
use crate::stream::planned::Planned;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags};
use std::io;
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often progress is told at least.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A sender's stream on its way.
pub struct Pump<'a> {
    /// What the receiver said.
    pub receive_errors: Tail,
    passage: Passage<'a>,
    flow: &'a Flow,
    waker: &'a Waker,
    receiver: Child,
}

impl<'a> Pump<'a> {
    /// To `receiver`.
    pub fn new(
        flow: &'a Flow,
        greeting: Option<&'a Mutex<Option<Greeting>>>,
        waker: &'a Waker,
        receiver: Child,
        checked: Option<(Inlet, Planned)>,
    ) -> Self {
        let passage = Passage::new(flow, greeting, checked);
        Self { receive_errors: Tail::default(), passage, flow, waker, receiver }
    }

    /// Moves bytes until one side ends, and says which.
    pub fn run(&mut self, senders: &mut Senders, progress: &mut dyn FnMut(u64)) -> Result<Side, Stopped> {
        let from = self.open(senders)?;
        let mut pacer = Pacer::default();
        let mut last_byte = Instant::now();
        loop {
            if signals::received().is_some() {
                return Err(Stopped::Signal);
            }
            let before = self.passage.bytes;
            let passed = self.passage.advance(&from)?;
            progress(self.passage.bytes);
            let moved = self.passage.bytes - before;
            if moved > 0 {
                last_byte = Instant::now();
            }
            let ended = match passed {
                Passed::Blocked(blocked) => {
                    // Who watches wants to see that nothing moves, too.
                    let left = self.flow.stall.checked_sub(last_byte.elapsed()).ok_or(Stopped::Stalled)?;
                    let blocked = pacer.after(blocked, moved, self.passage.bytes);
                    let is_broken = self.wait(&from, senders, blocked, left.min(PROGRESS_INTERVAL))?;
                    is_broken.then_some(Side::Receiver)
                }
                Passed::Ended(side) => Some(side),
            };
            if let Some(side) = ended {
                self.passage.to = None;
                return Ok(side);
            }
        }
    }

    /// Makes ready what is read and written without waiting; gives where the stream comes out.
    fn open(&mut self, senders: &mut Senders) -> Result<ChildStdout, Stopped> {
        let from = senders.output().ok_or_else(|| io::Error::other("a child without a pipe"))?;
        nonblocking(&from)?;
        enlarge(&from, SMALL_PIPE);
        nonblocking_errors(&senders.sender)?;
        self.passage.to = self.receiver.stdin.take();
        if let Some(to) = &self.passage.to {
            nonblocking(to)?;
            enlarge(to, self.flow.buffer);
        }
        nonblocking_errors(&self.receiver)?;
        Ok(from)
    }

    /// Waits until something can be moved again; true if the receiver has closed its end, so that nobody will ever read what comes.
    fn wait(
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
        let to = &self.passage.to;
        let mut fds = vec![PollFd::new(self.waker.as_fd(), PollFlags::POLLIN)];
        fds.extend(to.as_ref().map(|to| PollFd::new(to.as_fd(), write)));
        fds.extend(read.then(|| PollFd::new(from.as_fd(), PollFlags::POLLIN)));
        fds.extend(errors_of(&senders.sender));
        fds.extend(errors_of(&self.receiver));
        wait(&mut fds, Some(timeout))?;
        let broken = to.is_some() && fds[1].revents().is_some_and(|events| events.contains(PollFlags::POLLERR));
        drop(fds);
        self.waker.clear();
        self.listen(senders);
        Ok(broken)
    }

    /// Waits for both ends, and gives how they ended.
    pub fn reap(&mut self, senders: &mut Senders) -> Result<(ExitStatus, ExitStatus), Stopped> {
        let received = self.wait_until(senders, |_, receiver| receiver.try_wait())?;
        let sent = self.wait_until(senders, |senders, _| {
            let sent = senders.sender.try_wait()?;
            let decompressed = senders.zstd.as_mut().map(Child::try_wait).transpose()?;
            // What does not decompress was broken on its way; the receiver has noticed, too.
            Ok(sent.filter(|_| decompressed.is_none_or(|status| status.is_some())))
        })?;
        Ok((sent, received))
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
        self.passage.to = None;
        drop(self.receiver.stdin.take());
        drop(senders.sender.stdout.take());
        let mut all = vec![&mut senders.sender, &mut self.receiver];
        all.extend(&mut senders.zstd);
        end_all(&mut all)
    }

    /// Bytes that came from the sender.
    pub fn bytes(&self) -> u64 {
        self.passage.bytes
    }

    /// Whether all that was planned has come, and nothing else.
    pub fn is_whole(&self) -> Result<(), String> {
        self.passage.is_whole()
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

fn errors_of(child: &Child) -> Option<PollFd<'_>> {
    child.stderr.as_ref().map(|errors| PollFd::new(errors.as_fd(), PollFlags::POLLIN))
}

fn nonblocking_errors(child: &Child) -> io::Result<()> {
    child.stderr.as_ref().map(nonblocking).transpose().map(drop)
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
