//! Signals that ask for an end, and a pipe that wakes whoever waits in `poll`.

use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::SigId;
use signal_hook::low_level::{pipe, unregister};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

const ENDING: [(i32, &str); 3] = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGHUP, "SIGHUP")];

static RECEIVED: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// From now on SIGTERM, SIGINT and SIGHUP no longer end the process: whoever waits sees them through [`received`].
pub fn catch() -> io::Result<()> {
    let flag = RECEIVED.get_or_init(Arc::default);
    for (signal, _) in ENDING {
        let number = usize::try_from(signal).unwrap_or(usize::MAX);
        signal_hook::flag::register_usize(signal, Arc::clone(flag), number)?;
    }
    Ok(())
}

/// The signal that asked for an end, if one did.
#[must_use]
pub fn received() -> Option<&'static str> {
    let number = RECEIVED.get()?.load(Ordering::SeqCst);
    ENDING.iter().find(|(signal, _)| usize::try_from(*signal) == Ok(number)).map(|(_, name)| *name)
}

/// Becomes readable when a child ends or a signal asks for an end.
#[derive(Debug)]
pub struct Waker {
    read: UnixStream,
    registered: Vec<SigId>,
}

impl Waker {
    /// Starts listening.
    pub fn new() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        let mut waker = Self { read, registered: Vec::new() };
        for signal in [SIGCHLD, SIGTERM, SIGINT, SIGHUP] {
            waker.registered.push(pipe::register(signal, write.try_clone()?)?);
        }
        Ok(waker)
    }

    /// Forgets what woke it so far.
    pub fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.read).read(&mut bytes), Ok(n) if n > 0) {}
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            unregister(id);
        }
    }
}
