//! From a sender to the program here that decompresses what it sends: metered and limited as it came over the network.

use super::Flow;
use super::passage::CHUNK;
use super::skip::{Skipped, skip};
use crate::exec::greeting::Greeting;
use crate::exec::signals;
use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The way from one to the other.
#[derive(Debug)]
pub struct Wire {
    ends: Mutex<Option<(ChildStdout, ChildStdin)>>,
    bytes: AtomicU64,
}

impl Wire {
    /// The way between these two, if there are both.
    pub fn new(from: Option<ChildStdout>, to: Option<ChildStdin>) -> Option<Self> {
        Some(Self { ends: Mutex::new(Some((from?, to?))), bytes: AtomicU64::new(0) })
    }

    /// The bytes that have passed.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Carries until one of the two closes its end. Whoever stops the stream ends both programs, and so this.
    pub fn carry(&self, flow: &Flow, greeting: &Mutex<Option<Greeting>>) {
        let Some((from, to)) = self.ends.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if !matches!(skip(greeting, &from), Ok(Skipped::All)) {
            return;
        }
        while signals::received().is_none() {
            let limiter =
                || flow.limiter.as_ref().map(|limiter| limiter.lock().unwrap_or_else(PoisonError::into_inner));
            let length = match limiter().map(|mut limiter| limiter.take(CHUNK, Instant::now())) {
                None => CHUNK,
                Some(Ok(length)) => length,
                Some(Err(wait)) => {
                    std::thread::sleep(wait);
                    continue;
                }
            };
            match splice(&from, None, &to, None, length, SpliceFFlags::SPLICE_F_MOVE) {
                Ok(0) => return,
                Ok(moved) => {
                    self.bytes.fetch_add(moved as u64, Ordering::Relaxed);
                    if let Some(mut limiter) = limiter() {
                        limiter.spend(moved);
                    }
                }
                Err(Errno::EINTR) => {}
                // Closed by the other side, whose exit status says why.
                Err(_) => return,
            }
        }
    }
}
