//! Moves a stream from its sender to its receiver, as far as its records may be handed on.
//!
//! Headers and small payloads are read, large payloads never enter this process: `splice` moves their pages from pipe to pipe. So memory
//! stays constant, and a stream of large blocks costs one read more for each of them.

use super::reader::{Next, Parser, Standing, Step};
use super::record::{Begin, Refused, package_head};
use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::unistd::{read, write};
use std::os::fd::AsFd;

/// What is read at once where payloads are small.
const BUFFER: usize = 128 << 10;

/// A payload from this size on is spliced; a smaller one costs less if it is read together with its neighbours.
const LARGE: u64 = 32 << 10;

/// What became of an attempt to move something.
#[derive(Debug, PartialEq, Eq)]
pub enum Moved {
    /// So many bytes came in from the sender, maybe none; there may be more to do at once.
    Some(usize),
    /// The sender has nothing at the moment.
    Empty,
    /// The receiver takes nothing at the moment.
    Full,
    /// A stream begins. Nothing of it moves until [`Inlet::accept`].
    Begin(Begin, Standing),
    /// The receiver has all that comes: its input is to be closed.
    Whole,
    /// The sender has closed its end.
    Ended,
    /// The receiver has closed its end.
    Broken,
}

/// Why nothing can be moved any more.
#[derive(Debug)]
pub enum Stopped {
    /// It must not be handed on.
    Refused(Refused),
    /// The system failed.
    Error(Errno),
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Errno> for Stopped {
    fn from(errno: Errno) -> Self {
        Self::Error(errno)
    }
}

/// What stands between a sender and its receiver.
#[derive(Debug, Default)]
pub struct Inlet {
    parser: Parser,
    /// Read, and not judged yet: from `at` on.
    input: Vec<u8>,
    at: usize,
    /// Judged, and not handed on yet: from `sent` on.
    output: Vec<u8>,
    sent: usize,
    /// The last header lies in `output`.
    is_whole: bool,
    /// A stream's first header waits to be accepted.
    held: Option<Standing>,
    /// The payload before was large, so the next one will be.
    is_large: bool,
}

impl Inlet {
    /// Moves what it can, of the sender's bytes at most `most`.
    pub fn advance(&mut self, from: &impl AsFd, to: Option<&impl AsFd>, most: usize) -> Result<Moved, Stopped> {
        loop {
            let unread = self.input.len() - self.at;
            let unsent = self.output.len() - self.sent;
            // Handed on before anything is waited for, and not in crumbs.
            if unsent > 0 && (unread == 0 || self.is_whole || unsent >= BUFFER) {
                let Some(to) = to else { return Ok(Moved::Broken) };
                match write(to, &self.output[self.sent..]) {
                    Ok(written) => self.sent += written,
                    Err(Errno::EAGAIN) => return Ok(Moved::Full),
                    Err(Errno::EPIPE) => return Ok(Moved::Broken),
                    Err(Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
                if self.sent == self.output.len() {
                    self.output.clear();
                    self.sent = 0;
                }
                continue;
            }
            if self.is_whole {
                self.is_whole = false;
                return Ok(Moved::Whole);
            }
            let mut rest = &self.input[self.at..];
            let step = if self.held.is_some() { Step::Need(0) } else { self.parser.step(&mut rest)? };
            self.at = self.input.len() - rest.len();
            match step {
                Step::Header(Next::Begin(begin, standing)) => {
                    self.held = Some(standing);
                    return Ok(Moved::Begin(begin, standing));
                }
                Step::Header(next) => self.judged(&next),
                Step::Payload(payload) if unread > 0 => self.pass_read(payload),
                Step::Payload(payload) if payload >= LARGE => {
                    let Some(to) = to else { return Ok(Moved::Broken) };
                    return self.splice(from, to, payload, most);
                }
                Step::Payload(_) => return self.fill(from, BUFFER.min(most)),
                Step::Need(_) if self.held.is_some() => return Ok(Moved::Empty),
                Step::Need(bytes) => return self.fill(from, if self.is_large { bytes } else { BUFFER }.min(most)),
            }
        }
    }

    /// Lets a stream that began go to its receiver.
    pub fn accept(&mut self) {
        if self.held.take() == Some(Standing::FirstOfPackage) {
            self.output.extend(package_head(self.parser.header()).concat());
        }
        self.output.extend_from_slice(self.parser.header());
    }

    /// What it means that the sender has ended: nothing, or that the stream is not whole.
    pub fn end_of_input(&self) -> Result<(), Refused> {
        self.parser.end_of_input()
    }

    fn judged(&mut self, next: &Next) {
        match next {
            Next::Begin(..) | Next::Drop => {}
            Next::Pass(payload) => {
                self.is_large = *payload >= LARGE;
                self.output.extend_from_slice(self.parser.header());
            }
            Next::End => {
                self.is_large = false;
                self.is_whole = true;
                self.output.extend_from_slice(self.parser.header());
            }
        }
    }

    /// Hands on what was already read of a payload.
    fn pass_read(&mut self, payload: u64) {
        let unread = self.input.len() - self.at;
        let taken = usize::try_from(payload).map_or(unread, |payload| payload.min(unread));
        self.output.extend_from_slice(&self.input[self.at..self.at + taken]);
        self.at += taken;
        self.parser.passed(taken as u64);
    }

    /// Reads more. Nothing unread is left when it is called.
    fn fill(&mut self, from: &impl AsFd, most: usize) -> Result<Moved, Stopped> {
        self.input.resize(most, 0);
        self.at = 0;
        let result = read(from, &mut self.input);
        self.input.truncate(result.unwrap_or(0));
        match result {
            Ok(0) => Ok(Moved::Ended),
            Ok(bytes) => Ok(Moved::Some(bytes)),
            Err(Errno::EAGAIN) => Ok(Moved::Empty),
            Err(Errno::EINTR) => Ok(Moved::Some(0)),
            Err(error) => Err(error.into()),
        }
    }

    fn splice(&mut self, from: &impl AsFd, to: &impl AsFd, payload: u64, most: usize) -> Result<Moved, Stopped> {
        let length = usize::try_from(payload).map_or(most, |payload| payload.min(most));
        let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
        match splice(from, None, to, None, length, flags) {
            Ok(0) => Ok(Moved::Ended),
            Ok(bytes) => {
                self.parser.passed(bytes as u64);
                Ok(Moved::Some(bytes))
            }
            // Or the receiver takes nothing: which of the two, the caller's poll tells.
            Err(Errno::EAGAIN) => Ok(Moved::Empty),
            Err(Errno::EPIPE) => Ok(Moved::Broken),
            Err(Errno::EINTR) => Ok(Moved::Some(0)),
            Err(error) => Err(error.into()),
        }
    }
}
