//! One stream's way through us: from the sender's pipe into that of its receiver, as much at a time as either has or takes.
//!
//! The bytes of large blocks never enter this process: `splice` moves pages from one pipe to the other, so memory and time do not grow
//! with the stream.

use super::skip::{Skipped, skip};
use super::stopped::Stopped;
use super::{Flow, Side};
use crate::exec::greeting::Greeting;
use crate::exec::limiter::Limiter;
use crate::exec::runner::wait;
use crate::stream::inlet::{Inlet, Moved};
use crate::stream::planned::Planned;
use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::poll::{PollFd, PollFlags};
use std::io;
use std::os::fd::AsFd;
use std::process::{ChildStdin, ChildStdout};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most that one `splice` moves.
pub const CHUNK: usize = 1 << 20;

/// Why nothing moves at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
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
pub enum Passed {
    /// Nothing more can be moved for now.
    Blocked(Blocked),
    /// One of them has closed its end.
    Ended(Side),
}

/// The way, and what is looked at on it.
pub struct Passage<'a> {
    /// Bytes that came from the sender.
    pub bytes: u64,
    /// The receiver's input; none once it has all that comes.
    pub to: Option<ChildStdin>,
    /// What reads the stream, and what it must be; none where it is trusted.
    checked: Option<(Inlet, Planned)>,
    flow: &'a Flow,
    /// What comes before the stream. None where what passes here is decompressed: it is read elsewhere, and the limit kept there.
    greeting: Option<&'a Mutex<Option<Greeting>>>,
}

impl<'a> Passage<'a> {
    /// A way to nobody yet.
    pub fn new(
        flow: &'a Flow,
        greeting: Option<&'a Mutex<Option<Greeting>>>,
        checked: Option<(Inlet, Planned)>,
    ) -> Self {
        Self { bytes: 0, to: None, checked, flow, greeting }
    }

    /// Moves until there is nothing to move, and says why.
    pub fn advance(&mut self, from: &ChildStdout) -> Result<Passed, Stopped> {
        // Signals, progress and standard error want a look in between.
        const ROUNDS: usize = 64;
        match self.greeting.map_or(Ok(Skipped::All), |greeting| skip(greeting, from))? {
            Skipped::All => {}
            Skipped::Some => return Ok(Passed::Blocked(Blocked::Empty)),
            Skipped::End => return Ok(Passed::Ended(Side::Sender)),
        }
        let mut limiter = self.limiter();
        for _ in 0..ROUNDS {
            let length = match limiter.as_mut().map(|limiter| limiter.take(CHUNK, Instant::now())) {
                None => CHUNK,
                Some(Ok(length)) => length,
                Some(Err(wait)) => return Ok(Passed::Blocked(Blocked::Limited(wait))),
            };
            match self.move_one(from, length)? {
                Moved::Some(moved) => {
                    self.bytes += moved as u64;
                    if let Some(limiter) = limiter.as_mut() {
                        limiter.spend(moved);
                    }
                }
                Moved::Begin(..) => {}
                Moved::Whole => self.to = None,
                Moved::Empty if is_readable(from)? => return Ok(Passed::Blocked(Blocked::Full)),
                Moved::Empty => return Ok(Passed::Blocked(Blocked::Empty)),
                Moved::Full => return Ok(Passed::Blocked(Blocked::Full)),
                Moved::Ended => return Ok(Passed::Ended(Side::Sender)),
                Moved::Broken => return Ok(Passed::Ended(Side::Receiver)),
            }
        }
        Ok(Passed::Blocked(Blocked::Empty))
    }

    fn limiter(&self) -> Option<MutexGuard<'a, Limiter>> {
        let limiter = self.flow.limiter.as_ref().filter(|_| self.greeting.is_some());
        limiter.map(|limiter| limiter.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Moves at most `length` bytes. What begins is looked at before any of it passes.
    fn move_one(&mut self, from: &ChildStdout, length: usize) -> Result<Moved, Stopped> {
        let Some((inlet, planned)) = &mut self.checked else { return splice_all(from, self.to.as_ref(), length) };
        let moved = inlet.advance(from, self.to.as_ref(), length)?;
        if let Moved::Begin(begin, _) = &moved {
            planned.check(begin).map_err(Stopped::Refused)?;
            inlet.accept();
        }
        Ok(moved)
    }

    /// Whether all that was planned has come, and nothing else.
    pub fn is_whole(&self) -> Result<(), String> {
        let Some((inlet, planned)) = &self.checked else { return Ok(()) };
        inlet.end_of_input()?;
        if planned.expects_more() { Err("it ends before the snapshot that was asked for".to_owned()) } else { Ok(()) }
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

fn is_readable(from: &ChildStdout) -> io::Result<bool> {
    let mut fds = [PollFd::new(from.as_fd(), PollFlags::POLLIN)];
    wait(&mut fds, Some(Duration::ZERO))?;
    Ok(fds[0].revents().is_some_and(|events| !events.is_empty()))
}
