//! One side's stream, read by a thread of its own into digests; told one by one, stoppable at any time.

use crate::exec::children::all_end_within;
use crate::exec::greeting::Greeting;
use crate::exec::limiter::Limiter;
use crate::exec::runner::{Attempt, Failure, Runner, drained, end, nonblocking};
use crate::exec::signals;
use crate::exec::stderr::Cause;
use crate::exec::tail::Tail;
use crate::stream::content::{Digester, Item};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How much is read at once.
const BUFFER: usize = 128 << 10;

/// How many batches of digests may wait for the other side.
const BATCHES: usize = 16;

/// How often it is looked whether we are to stop.
const LOOK: Duration = Duration::from_millis(200);

/// What the thread has to tell at its end.
struct Told {
    greeting: Option<Greeting>,
    refused: Result<(), String>,
}

/// A stream that is being read.
pub struct Reading<'a> {
    runner: &'a Runner,
    attempt: Attempt<'a>,
    child: Child,
    errors: Tail,
    batches: Option<Receiver<Vec<Item>>>,
    thread: Option<JoinHandle<Told>>,
    /// Bytes that have come.
    bytes: Arc<AtomicU64>,
    stall: Duration,
    next: VecDeque<Item>,
    is_whole: bool,
}

impl<'a> Reading<'a> {
    /// Starts the command.
    pub fn start(
        runner: &'a Runner,
        attempt: Attempt<'a>,
        digester: Digester,
        limit: Option<u64>,
        stall: Duration,
    ) -> Result<Self, Failure> {
        let failed = |error: io::Error| attempt.not_run(&error);
        let mut child = runner.spawn(&attempt.here(), Stdio::null(), Stdio::piped()).map_err(failed)?;
        let (sender, batches) = sync_channel(BATCHES);
        let bytes = Arc::new(AtomicU64::new(0));
        let thread = child.stdout.take().map(|stdout| {
            let greeting = attempt.host.is_remote().then(Greeting::default);
            let limiter = limit.map(|rate| Limiter::new(rate, Instant::now()));
            let mut worker = Worker { stdout, greeting, limiter, digester, sender, bytes: Arc::clone(&bytes) };
            std::thread::spawn(move || {
                let refused = worker.work();
                Told { greeting: worker.greeting, refused }
            })
        });
        if let Some(errors) = &child.stderr {
            nonblocking(errors).map_err(failed)?;
        }
        let (errors, next) = (Tail::default(), VecDeque::new());
        Ok(Self { runner, attempt, child, errors, batches: Some(batches), thread, bytes, stall, next, is_whole: false })
    }

    /// The next digest; none once the stream is whole. Whatever keeps it from being whole is a failure.
    pub fn peek(&mut self) -> Result<Option<&Item>, Failure> {
        let (mut seen, mut since) = (self.bytes.load(Ordering::Relaxed), Instant::now());
        while self.next.is_empty() && !self.is_whole {
            if signals::received().is_some() {
                return Err(self.attempt.not_run(&io::Error::from(io::ErrorKind::Interrupted)));
            }
            self.listen();
            let received = self.batches.as_ref().map(|batches| batches.recv_timeout(LOOK));
            match received {
                Some(Ok(batch)) => self.next.extend(batch),
                Some(Err(RecvTimeoutError::Timeout)) => {
                    let bytes = self.bytes.load(Ordering::Relaxed);
                    if bytes != seen {
                        (seen, since) = (bytes, Instant::now());
                    } else if since.elapsed() > self.stall {
                        return Err(self.stalled());
                    }
                }
                Some(Err(RecvTimeoutError::Disconnected)) | None => self.finish()?,
            }
        }
        Ok(self.next.front())
    }

    /// Goes on to the one after.
    pub fn advance(&mut self) {
        self.next.pop_front();
    }

    /// The stream has ended. Is it whole?
    fn finish(&mut self) -> Result<(), Failure> {
        self.batches = None;
        let read = self.thread.take().and_then(|thread| thread.join().ok());
        let has_ended = all_end_within(&mut [&mut self.child], self.stall);
        self.listen();
        if !has_ended {
            return Err(self.stalled());
        }
        let status = self.child.wait().map_err(|error| self.attempt.not_run(&error))?;
        let (greeting, refused) = read.map_or((None, Ok(())), |read| (read.greeting, read.refused));
        let said = self.errors.text();
        self.runner.greeted(self.attempt, greeting.as_ref(), status, &said)?;
        match refused {
            // What ended early has its reason in how the sender ended.
            _ if !status.success() && !was_stopped_by_us(&refused) => Err(self.attempt.failed(status, &said)),
            Err(reason) => {
                let words = format!("the stream cannot be compared: {reason}");
                Err(self.attempt.failure(None, words, Cause::UnexpectedStream))
            }
            Ok(()) => {
                self.is_whole = true;
                Ok(())
            }
        }
    }

    fn stalled(&self) -> Failure {
        let seconds = self.stall.as_secs();
        self.attempt.failure(None, format!("no byte for {seconds} seconds (stall_timeout)"), Cause::ConnectionLost)
    }

    fn listen(&mut self) {
        let errors = &mut self.errors;
        if drained(&mut self.child.stderr, &mut |bytes| errors.push(bytes)) {
            self.child.stderr = None;
        }
    }
}

/// A sender whose stream we do not read to its end dies of a broken pipe.
fn was_stopped_by_us(refused: &Result<(), String>) -> bool {
    refused.as_ref().is_err_and(|reason| reason != EARLY)
}

/// What [`Digester::end_of_input`] says of a stream that is not whole.
const EARLY: &str = "it ends early";

impl Drop for Reading<'_> {
    /// However it ends, no process stays. The thread ends when it finds nobody who wants more, or no more comes: a shared connection to
    /// a host that does not answer may keep it from that for a while, and nobody waits for it.
    fn drop(&mut self) {
        self.batches = None;
        end(&mut self.child);
    }
}

/// What the thread has.
struct Worker {
    stdout: ChildStdout,
    greeting: Option<Greeting>,
    limiter: Option<Limiter>,
    digester: Digester,
    sender: SyncSender<Vec<Item>>,
    bytes: Arc<AtomicU64>,
}

impl Worker {
    /// Reads until the stream ends, or nobody wants more of it.
    fn work(&mut self) -> Result<(), String> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let room = self.room();
            let read = match self.stdout.read(&mut buffer[..room]) {
                Ok(0) => return self.digester.end_of_input(),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.to_string()),
            };
            if let Some(limiter) = &mut self.limiter {
                limiter.spend(read);
            }
            self.bytes.fetch_add(read as u64, Ordering::Relaxed);
            let bytes = &buffer[..read];
            let own = self.greeting.as_mut().map_or(bytes, |greeting| greeting.push(bytes));
            let mut batch = Vec::new();
            let digested = self.digester.push(own, &mut |item| batch.push(item));
            if !batch.is_empty() && self.sender.send(batch).is_err() {
                return Ok(());
            }
            digested?;
        }
    }

    /// How much may be read now; waits until it is something.
    fn room(&mut self) -> usize {
        let Some(limiter) = &mut self.limiter else { return BUFFER };
        loop {
            match limiter.take(BUFFER, Instant::now()) {
                Ok(room) => return room,
                Err(wait) => std::thread::sleep(wait),
            }
        }
    }
}
