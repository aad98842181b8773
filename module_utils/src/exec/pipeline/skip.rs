//! What comes before a stream: whatever the login shell of the sender's host prints.

use crate::exec::greeting::Greeting;
use nix::errno::Errno;
use nix::unistd::read;
use std::io;
use std::process::ChildStdout;
use std::sync::{Mutex, PoisonError};

/// How far the way to the stream is clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// What comes now is the stream.
    All,
    /// There is nothing more to be read for now.
    Some,
    /// The sender ended before its stream had begun.
    End,
}

/// Reads what comes before a stream, and not one byte of the stream itself.
pub fn skip(greeting: &Mutex<Option<Greeting>>, from: &ChildStdout) -> io::Result<Skipped> {
    let mut greeting = greeting.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(greeting) = greeting.as_mut() else { return Ok(Skipped::All) };
    let mut buffer = [0; 64];
    while !greeting.is_over() {
        let room = greeting.room().min(buffer.len());
        match read(from, &mut buffer[..room]) {
            Ok(0) => return Ok(Skipped::End),
            Ok(length) => {
                greeting.push(&buffer[..length]);
            }
            Err(Errno::EAGAIN) => return Ok(Skipped::Some),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Skipped::All)
}
