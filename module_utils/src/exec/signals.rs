//! Signals that ask for an end, and a pipe that wakes whoever waits in `poll`.

use nix::errno::Errno;
use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::SigId;
use signal_hook::low_level::{pipe, unregister};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

const ENDING: [(i32, &str); 3] = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT"), (SIGHUP, "SIGHUP")];

/// Milliseconds between two empty lines.
const SIGN_OF_LIFE: u16 = 5000;

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

/// Hangs up on itself once nobody waits for the result any more; until then prints an empty line every few seconds.
///
/// Ctrl-C, `timeout:` and a lost connection end what waits on the controller, and tell nobody: Ansible leaves its ssh behind,
/// which learns that its reader is gone when it has something to write, and sshd then closes its end of standard output.
/// Without this the module would go on unseen, as pipelined Python modules do.
pub fn hang_up_without_reader() {
    std::thread::spawn(|| {
        let mut stdout = io::stdout();
        loop {
            // No events: what is left are the conditions of which poll always tells.
            let mut watched = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
            let heard = match poll(&mut watched, SIGN_OF_LIFE) {
                // White space around a JSON object belongs to it.
                Ok(0) => stdout.write_all(b"\n").and_then(|()| stdout.flush()).is_ok(),
                Ok(_) => false,
                Err(error) => error == Errno::EINTR,
            };
            if !heard {
                break;
            }
        }
        let _ = kill(Pid::this(), Signal::SIGHUP);
    });
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
