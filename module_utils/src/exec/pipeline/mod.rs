//! `zfs send | zfs receive` with us between them: metered, limited, buffered, checked, stoppable, and judged when it fails.

mod pacer;
mod passage;
mod pump;
mod skip;
pub mod slots;
mod stopped;
mod wire;

use crate::exec::children::GivenUp;
use crate::exec::greeting::Greeting;
use crate::exec::limiter::Limiter;
use crate::exec::runner::{Attempt, Failure, Runner, end};
use crate::exec::scripts::Script;
use crate::exec::signals::Waker;
use crate::exec::stderr::Cause;
use crate::stream::inlet::Inlet;
use crate::stream::planned::Planned;
use pump::{Pump, Stopped};
use slots::{Slot, Slots, Ticket};
use std::cell::Cell;
use std::io;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use wire::Wire;

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
    /// How many flow at once.
    pub slots: Slots,
}

/// A stream that has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streamed {
    /// What passed.
    pub bytes: u64,
    /// How long it had to wait for others.
    pub waited: Duration,
}

/// What the pipe behind the sender holds: as much as stays in a processor's cache. Larger ones are slower (measured).
pub const SMALL_PIPE: u64 = 1 << 20;

/// Runs both ends until they are done.
///
/// With `planned`, the sender is not trusted: its stream is read record by record, and must be what was planned. Without, it passes as it
/// is. It flows when it is the turn of `ticket`; from then on `progress` is told of it.
pub fn run(
    runner: &Runner,
    flow: &Flow,
    ticket: &Ticket<'_>,
    (send, receive): (Attempt<'_>, Attempt<'_>),
    planned: Option<Planned>,
    progress: &mut dyn FnMut(u64),
) -> Result<Streamed, Failure> {
    let started = Instant::now();
    let ahead = || ticket.take(Some(flow.slots.patience));
    if flow.slots.are_brisk()
        && let Some(streamed) = flow_once(runner, flow, send, receive, planned.clone(), &ahead, progress)?
    {
        return Ok(streamed);
    }
    let stopped = || failure(Stopped::Signal, flow, &send, &receive);
    let slot = Cell::new(Some(ticket.take(None).ok_or_else(stopped)?));
    let waited = started.elapsed();
    let streamed = flow_once(runner, flow, send, receive, planned, &|| slot.take(), progress)?;
    streamed.map(|streamed| Streamed { waited, ..streamed }).ok_or_else(stopped)
}

/// Opens both ends, and runs them once there is a slot; none if that takes too long, and then nothing was done.
fn flow_once<'s>(
    runner: &Runner,
    flow: &Flow,
    send: Attempt<'_>,
    receive: Attempt<'_>,
    planned: Option<Planned>,
    take: &dyn Fn() -> Option<Slot<'s>>,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<Streamed>, Failure> {
    let waker = Waker::new().map_err(|error| send.not_run(&error))?;
    let checked = planned.map(|planned| (Inlet::default(), planned));
    let is_checked = checked.is_some();
    // The receiver first: if it cannot even start, nothing was read in vain.
    let mut receiver = spawn_receiver(runner, flow, &receive, is_checked).map_err(|error| receive.not_run(&error))?;
    let mut senders = match Senders::spawn(runner, flow, &send, is_checked) {
        Ok(senders) => senders,
        Err(error) => {
            drop(receiver.stdin.take());
            end(&mut receiver);
            return Err(send.not_run(&error));
        }
    };
    let wire = senders.wire.take();
    let greeting = Mutex::new(send.host.is_remote().then(Greeting::default));
    let before = wire.is_none().then_some(&greeting);
    let mut pump = Pump::new(flow, before, &waker, receiver, checked);
    let opened = Instant::now();
    let Some(slot) = take() else {
        pump.end(&mut senders);
        return Ok(None);
    };
    let waited = opened.elapsed();
    let result = std::thread::scope(|scope| {
        if let Some(wire) = &wire {
            scope.spawn(|| wire.carry(flow, &greeting));
        }
        let told = &mut |bytes| progress(wire.as_ref().map_or(bytes, Wire::bytes));
        let ended = pump.run(&mut senders, told);
        // While the receiver finishes, the next one may flow.
        drop(slot);
        let result = ended.and_then(|side| Ok((side, pump.reap(&mut senders)?)));
        // The sender's end is what ends the thread.
        result.map_err(|stopped| (stopped, pump.end(&mut senders)))
    });
    let bytes = wire.as_ref().map_or_else(|| pump.bytes(), Wire::bytes);
    let (ended, (sent, received)) =
        result.map_err(|(stopped, given_up)| with(&given_up, failure(stopped, flow, &send, &receive)))?;
    if ended == Side::Sender {
        // Before anybody is blamed: a stream that never began has no end.
        let greeting = greeting.lock().unwrap_or_else(PoisonError::into_inner);
        runner.greeted(send, greeting.as_ref(), sent, &senders.errors.text())?;
    }
    match blame(ended, sent, received) {
        Some(Side::Sender) => Err(send.failed(sent, &senders.errors.text())),
        Some(Side::Receiver) => Err(receive.failed(received, &pump.receive_errors.text())),
        None => match pump.is_whole() {
            Ok(()) => Ok(Some(Streamed { bytes, waited })),
            Err(reason) => Err(send.failure(None, format!("the stream is refused: {reason}"), Cause::UnexpectedStream)),
        },
    }
}

/// The failure of a stream that was given up.
fn failure(stopped: Stopped, flow: &Flow, send: &Attempt<'_>, receive: &Attempt<'_>) -> Failure {
    let seconds = flow.stall.as_secs();
    match stopped {
        Stopped::Signal => send.not_run(&io::Error::from(io::ErrorKind::Interrupted)),
        Stopped::Stalled => {
            send.failure(None, format!("no byte for {seconds} seconds (stall_timeout)"), Cause::ConnectionLost)
        }
        Stopped::Unfinished => {
            let words = format!("it did not end within {seconds} seconds (stall_timeout) after the last byte");
            receive.failure(None, words, Cause::Other)
        }
        Stopped::Refused(reason) => {
            send.failure(None, format!("the stream is refused: {reason}"), Cause::UnexpectedStream)
        }
        Stopped::Error(error) => send.not_run(&error),
    }
}

/// The failure, with the processes that are still there.
fn with(given_up: &[GivenUp], mut failure: Failure) -> Failure {
    let said = std::mem::take(&mut failure.stderr);
    failure.stderr = given_up.iter().fold(said, |said, stays| format!("{said}; {stays}"));
    failure
}

/// A checked stream is decompressed here, so a receiver of this host gets it plain, and one of another host compressed anew.
fn spawn_receiver(runner: &Runner, flow: &Flow, receive: &Attempt<'_>, checked: bool) -> io::Result<Child> {
    let cmd = match (flow.zstd, checked) {
        (false, _) => receive.here(),
        (true, true) if !receive.host.is_remote() => receive.here(),
        (true, false) => receive.host.run(&Script::Decompress.of(receive.cmd.argv())),
        (true, true) => {
            let there = receive.host.run(&Script::Decompress.of(receive.cmd.argv()));
            Script::CompressInput.of(there.argv())
        }
    };
    runner.spawn(&cmd, Stdio::piped(), Stdio::null())
}

/// The sender and, where its stream has to be decompressed here, the program that does it.
struct Senders {
    /// `zfs send`, or the `ssh` that runs it.
    sender: Child,
    /// What decompresses.
    zstd: Option<Child>,
    /// The way between the two.
    wire: Option<Wire>,
    errors: crate::exec::tail::Tail,
}

impl Senders {
    fn spawn(runner: &Runner, flow: &Flow, send: &Attempt<'_>, checked: bool) -> io::Result<Self> {
        let cmd = if flow.zstd { send.host.run(&Script::Compress.of(send.cmd.argv())) } else { send.here() };
        let sender = runner.spawn(&cmd, Stdio::null(), Stdio::piped())?;
        let mut all = Self { sender, zstd: None, wire: None, errors: crate::exec::tail::Tail::default() };
        if flow.zstd && checked {
            match runner.spawn(&Script::decompressor(), Stdio::piped(), Stdio::piped()) {
                Ok(mut zstd) => {
                    all.wire = Wire::new(all.sender.stdout.take(), zstd.stdin.take());
                    all.zstd = Some(zstd);
                }
                Err(error) => {
                    all.end();
                    return Err(error);
                }
            }
        }
        Ok(all)
    }

    /// Where its stream comes out.
    fn output(&mut self) -> Option<std::process::ChildStdout> {
        self.zstd.as_mut().unwrap_or(&mut self.sender).stdout.take()
    }

    fn end(&mut self) {
        drop(self.sender.stdout.take());
        end(&mut self.sender);
        if let Some(zstd) = &mut self.zstd {
            end(zstd);
        }
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

#[cfg(test)]
mod tests {
    use super::slots::Slots;
    use super::{Flow, run};
    use crate::exec::cmd::Cmd;
    use crate::exec::limiter::Limiter;
    use crate::exec::runner::{Attempt, Failure, Runner};
    use crate::exec::ssh::Host;
    use std::path::Path;
    use std::sync::Mutex;
    use std::time::{Duration, Instant};
    use tempfile::TempDir;

    fn flow() -> Flow {
        Flow { buffer: 1 << 20, limiter: None, stall: Duration::from_secs(20), zstd: false, slots: Slots::new(1) }
    }

    fn piped(flow: &Flow, send: &str, receive: &str) -> Result<u64, Failure> {
        let (send, receive) = (Cmd::new("sh").args(["-c", send]), Cmd::new("sh").args(["-c", receive]));
        let send = Attempt { stage: "send", host: &Host::Local, cmd: &send };
        let receive = Attempt { stage: "receive", host: &Host::Local, cmd: &receive };
        run(&Runner::default(), flow, &flow.slots.queue(), (send, receive), None, &mut |_| {})
            .map(|streamed| streamed.bytes)
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

    /// A folder of the test, and flows whose last one was short.
    fn brisk(patience: Duration) -> (TempDir, Flow) {
        let mut flow = flow();
        flow.slots.patience = patience;
        piped(&flow, "true", "cat >/dev/null").unwrap();
        (tempfile::tempdir().unwrap(), flow)
    }

    fn wait_for(file: &Path) {
        while !file.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_next_is_opened_while_one_flows() {
        let (folder, flow) = brisk(Duration::from_secs(20));
        let [first, next] = ["first", "next"].map(|name| folder.path().join(name));
        std::thread::scope(|scope| {
            let until = format!("touch {}; until [ -e {} ]; do sleep 0.01; done", first.display(), next.display());
            let flow = &flow;
            let flows = scope.spawn(move || piped(flow, &until, "cat >/dev/null"));
            wait_for(&first);
            let bytes = piped(flow, &format!("touch {}; printf some", next.display()), "cat >/dev/null");
            assert_eq!((bytes.unwrap(), flows.join().unwrap().unwrap()), (4, 0));
        });
    }

    #[test]
    fn who_has_waited_too_long_is_opened_again_when_it_is_his_turn() {
        let (folder, flow) = brisk(Duration::from_millis(50));
        let [opened, arrived] = ["opened", "arrived"].map(|name| folder.path().join(name));
        let ticket = flow.slots.queue();
        let slot = ticket.take(None).unwrap();
        std::thread::scope(|scope| {
            let send = format!("echo >>{}; printf some", opened.display());
            let receive = format!("cat >>{}", arrived.display());
            let flow = &flow;
            let waits = scope.spawn(move || {
                let (send, receive) = (Cmd::new("sh").args(["-c", &send]), Cmd::new("sh").args(["-c", &receive]));
                let send = Attempt { stage: "send", host: &Host::Local, cmd: &send };
                let receive = Attempt { stage: "receive", host: &Host::Local, cmd: &receive };
                let told = std::cell::Cell::new(0);
                let progress = &mut |_| told.set(told.get() + 1);
                let streamed = run(&Runner::default(), flow, &flow.slots.queue(), (send, receive), None, progress);
                assert!(told.get() > 0);
                streamed.unwrap()
            });
            wait_for(&opened);
            std::thread::sleep(Duration::from_millis(200));
            drop(slot);
            let streamed = waits.join().unwrap();
            assert_eq!(streamed.bytes, 4);
            assert!(streamed.waited >= Duration::from_millis(200), "{streamed:?}");
        });
        assert_eq!(std::fs::read_to_string(&opened).unwrap(), "\n\n");
        assert_eq!(std::fs::read_to_string(&arrived).unwrap(), "some");
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
