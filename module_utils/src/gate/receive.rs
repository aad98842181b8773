//! Serves `zfs receive`: reads what comes record by record, and hands on only what can change nothing but its target.
//!
//! The head of a package is replaced by an empty one. So of what libzfs does with packages (renaming, destroying, looking for guids in the
//! whole pool) nothing is left to a sender, whatever he writes into one.

use super::allowlist::{Permit, Receiving};
use super::child::{End, ask, command, ended_as, not_run};
use super::denied::{Denial, Denied};
use crate::exec::runner::{is_root, nonblocking, wait};
use crate::exec::scripts::Script;
use crate::exec::stderr::{Cause, cause};
use crate::model::marks::{PLACEHOLDER, REPLICA};
use crate::model::{DatasetName, Kind};
use crate::plan::swap::EMPTY;
use crate::stream::inlet::{Inlet, Moved, Stopped};
use crate::stream::reader::Standing;
use crate::stream::record::Begin;
use nix::poll::{PollFd, PollFlags};
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, ChildStdin, Stdio};

/// The most that moves at once.
const CHUNK: usize = 1 << 20;

/// Receives what comes on standard input.
pub fn receive(what: &Receiving, permit: &Permit) -> Result<End, Denied> {
    let mut intake = Intake { argv: &permit.argv, what, there: None, receiver: None };
    if permit.script != Some(Script::Decompress) {
        return intake.serve(io::stdin().as_fd());
    }
    let zstd = Script::decompressor().argv().to_vec();
    match command(&zstd).stdout(Stdio::piped()).spawn() {
        Ok(mut child) => {
            let plain = child.stdout.take().ok_or("zstd has no output")?;
            let served = intake.serve(plain.as_fd());
            // Nobody reads it any more: it ends.
            drop(plain);
            child.wait().map_err(|error| Denial::CannotTell.because(format!("zstd: {error}")))?;
            served
        }
        Err(error) => Ok(not_run(&zstd, &error)),
    }
}

/// What there is of the target when a stream begins.
#[derive(Debug, Default, PartialEq, Eq)]
struct There {
    exists: bool,
    /// It bears our mark itself, so it was made without data.
    is_placeholder: bool,
    /// Bytes that are in it.
    written: u64,
    /// A receive was interrupted.
    is_partial: bool,
    /// Of its snapshots.
    guids: HashSet<u64>,
}

struct Intake<'a> {
    argv: &'a [String],
    what: &'a Receiving,
    there: Option<There>,
    receiver: Option<Child>,
}

impl Intake<'_> {
    fn serve(&mut self, from: BorrowedFd<'_>) -> Result<End, Denied> {
        nonblocking(from).map_err(|error| failed(&error))?;
        let served = self.pass_on(from);
        // Its input is closed: what it has so far can be resumed. Where we refused, what it says is an echo of that.
        let status = self.receiver.take().map(|mut receiver| ended_as(self.argv, receiver.wait()));
        served.map(|end| end.or(status).unwrap_or_else(|| End::Ended(0, String::new())))
    }

    /// Hands on what may be, until there is no more; gives how it ended, where no receiver is left to tell.
    fn pass_on(&mut self, from: BorrowedFd<'_>) -> Result<Option<End>, Denied> {
        let mut inlet = Inlet::default();
        let mut to: Option<ChildStdin> = None;
        loop {
            let moved = inlet.advance(&from, to.as_ref(), CHUNK).map_err(|stopped| match stopped {
                Stopped::Refused(reason) => refused(&reason),
                Stopped::Error(error) => failed(&error.into()),
            })?;
            match moved {
                Moved::Some(_) => {}
                Moved::Empty | Moved::Full => {
                    if pause(from, to.as_ref(), moved == Moved::Full).map_err(|error| failed(&error))? {
                        return Ok(None);
                    }
                }
                Moved::Begin(begin, standing) => {
                    let argv = self.admit(&begin, standing != Standing::Alone)?;
                    if standing != Standing::LaterInPackage {
                        match command(&argv).stdin(Stdio::piped()).spawn() {
                            Ok(mut receiver) => to = receiver.stdin.take().inspect(|_| self.receiver = Some(receiver)),
                            Err(error) => return Ok(Some(not_run(&argv, &error))),
                        }
                        if let Some(to) = &to {
                            nonblocking(to).map_err(|error| failed(&error))?;
                        }
                    }
                    inlet.accept();
                }
                Moved::Whole => to = None,
                // The receiver says itself why.
                Moved::Broken => return Ok(None),
                Moved::Ended => {
                    let whole = inlet.end_of_input();
                    // A receiver with half a stream says so itself.
                    return if self.receiver.is_some() {
                        Ok(None)
                    } else {
                        whole.map(|()| None).map_err(|reason| refused(&reason))
                    };
                }
            }
        }
    }

    /// The command that receives a stream that begins, or why it must not be received.
    fn admit(&mut self, begin: &Begin, packed: bool) -> Result<Vec<String>, Denied> {
        // Looked at only now that the stream has begun: however long the sender took for it, nothing can have changed since.
        let mut there = match self.there.take() {
            Some(there) => there,
            None => look(&self.what.target)?,
        };
        check(self.what, begin, packed, &there).map_err(|denied| refused_as(denied.code, &denied.message))?;
        let argv = if there.exists { self.argv.to_vec() } else { with_safe_settings(self.argv, begin.kind, is_root()) };
        there.exists = true;
        there.guids.insert(begin.to_guid);
        self.there = Some(there);
        Ok(argv)
    }
}

fn refused(reason: &str) -> Denied {
    refused_as(Denial::StreamNotAllowed, reason)
}

fn refused_as(code: Denial, reason: &str) -> Denied {
    code.because(format!("the stream is refused: {reason}"))
}

fn failed(error: &io::Error) -> Denied {
    Denial::CannotTell.because(format!("the stream: {error}"))
}

/// Waits until something can be moved again; true if the receiver has closed its end.
fn pause(from: BorrowedFd<'_>, to: Option<&ChildStdin>, is_full: bool) -> io::Result<bool> {
    let (read, write) =
        if is_full { (PollFlags::empty(), PollFlags::POLLOUT) } else { (PollFlags::POLLIN, PollFlags::empty()) };
    let mut fds = vec![PollFd::new(from, read)];
    fds.extend(to.map(|to| PollFd::new(to.as_fd(), write)));
    wait(&mut fds, None)?;
    let has =
        |fd: Option<&PollFd<'_>>, flags| fd.and_then(PollFd::revents).is_some_and(|events| events.intersects(flags));
    let (readable, broken) = (has(fds.first(), PollFlags::POLLIN), has(fds.get(1), PollFlags::POLLERR));
    if let (true, false, false, Some(to)) = (readable, is_full, broken, to) {
        // There is something, so if it did not move, the receiver took nothing.
        wait(&mut [PollFd::new(to.as_fd(), PollFlags::POLLOUT)], None)?;
    }
    Ok(broken)
}

/// Whether a stream may be received onto what is there.
fn check(what: &Receiving, begin: &Begin, packed: bool, there: &There) -> Result<(), Denied> {
    let denied = |message: String| Err(Denial::StreamNotAllowed.because(message));
    let target = &what.target;
    if begin.clone && !what.of_origin {
        return denied(
            "it is a clone's stream, whose origin is not named and would be looked for in the whole pool".into(),
        );
    }
    if what.of_origin && (packed || what.forced || begin.from_guid == 0) {
        return denied("`receive -o origin` is for one stream that builds upon that".to_owned());
    }
    if what.of_origin && there.exists && !there.is_partial {
        return denied(format!("{target} exists, so it cannot become a clone"));
    }
    if what.forced && (packed || begin.from_guid != 0) {
        return denied("`receive -F` is for one full stream only".to_owned());
    }
    if what.forced
        && what.over_placeholder
        && !(there.is_placeholder && there.guids.is_empty() && there.written <= EMPTY)
    {
        return Err(Denial::AllowRollbackMissing.because(format!(
            "`receive -F` needs a gate with --allow-rollback, as {target} is not an empty dataset made by zfs_replicate"
        )));
    }
    if there.guids.contains(&begin.to_guid) {
        return denied(format!("{target} has its snapshot with guid {} already", begin.to_guid));
    }
    if begin.resuming && !there.is_partial {
        return denied(format!("{target} has no interrupted receive that it could resume"));
    }
    // What a clone builds upon must be its origin: the kernel looks at nothing else.
    if begin.from_guid != 0 && !what.of_origin && !there.guids.contains(&begin.from_guid) {
        let lacks = if there.exists { "does not have" } else { "cannot have, as it does not exist" };
        return denied(format!("it builds upon a snapshot with guid {}, which {target} {lacks}", begin.from_guid));
    }
    Ok(())
}

/// Asks for the target and its snapshots, in one command.
fn look(target: &DatasetName) -> Result<There, Denied> {
    let columns = format!("name,guid,receive_resume_token,{PLACEHOLDER},written");
    let types = "filesystem,volume,snapshot";
    let output = ask(&["list", "-Hp", "-t", types, "-d", "1", "-o", &columns, target.as_str()])?;
    if output.status.success() {
        return read_there(target, &output.stdout)
            .ok_or_else(|| Denial::CannotTell.because(format!("`zfs list` said something unexpected of {target}")));
    }
    // Only that it does not exist is an answer.
    let missing = cause(&output.stderr) == Cause::DoesNotExist;
    if missing {
        return Ok(There::default());
    }
    Err(Denial::CannotTell.because(format!("{target} cannot be looked at: {}", output.stderr.trim())))
}

fn read_there(target: &DatasetName, stdout: &str) -> Option<There> {
    let name = target.as_str();
    let mut there = There { exists: true, ..There::default() };
    for line in stdout.lines() {
        let [full, guid, token, placeholder, written] = line.split('\t').collect::<Vec<_>>()[..] else { return None };
        if full == name {
            // Its own guid, or of earlier versions its name, not just any value: children inherit user properties.
            there.is_placeholder = placeholder == name || placeholder == guid;
            there.written = written.parse().unwrap_or(0);
            there.is_partial = token != "-" && !token.is_empty();
        } else if full.strip_prefix(name).is_some_and(|rest| rest.starts_with('@')) {
            there.guids.insert(guid.parse().ok()?);
        }
    }
    Some(there)
}

/// The command for a dataset that is not there yet, with what keeps it from being mounted or becoming a device here, and marks it as
/// a replica for those who prune.
fn with_safe_settings(argv: &[String], kind: Kind, is_root: bool) -> Vec<String> {
    let mut all = argv.to_vec();
    let at = all.len().saturating_sub(1);
    let sets =
        |property: &str| argv.windows(2).any(|pair| pair[0] == "-o" && pair[1].split('=').next() == Some(property));
    let own = match kind {
        Kind::Filesystem => Some("canmount=off"),
        // An account needs a permission of its own for this one: there, the dataset above has it (role backup_offsite).
        Kind::Volume => is_root.then_some("volmode=none"),
    };
    let mark = format!("{REPLICA}=pushed");
    let missing = own
        .into_iter()
        .chain([mark.as_str()])
        .filter(|setting| setting.split('=').next().is_some_and(|property| !sets(property)));
    all.splice(at..at, missing.flat_map(|setting| ["-o".to_owned(), setting.to_owned()]));
    all
}

#[cfg(test)]
mod tests {
    use super::{There, check, read_there, with_safe_settings};
    use crate::gate::allowlist::Receiving;
    use crate::model::{DatasetName, Kind};
    use crate::stream::record::Begin;

    fn target() -> DatasetName {
        "vault/in/a".parse().unwrap()
    }

    fn begin(from_guid: u64, to_guid: u64) -> Begin {
        Begin {
            dataset: "tank/a".parse().unwrap(),
            snapshot: "s".to_owned(),
            to_guid,
            from_guid,
            kind: Kind::Filesystem,
            raw: false,
            resuming: false,
            clone: false,
            payload: 0,
        }
    }

    fn there(guids: &[u64]) -> There {
        There { exists: true, guids: guids.iter().copied().collect(), ..There::default() }
    }

    fn asked(forced: bool) -> Receiving {
        Receiving { target: target(), forced, over_placeholder: forced, of_origin: false }
    }

    #[test]
    fn a_stream_must_fit_onto_its_target() {
        let plain = asked(false);
        assert_eq!(check(&plain, &begin(0, 5), false, &There::default()), Ok(()));
        assert_eq!(check(&plain, &begin(4, 5), true, &there(&[3, 4])), Ok(()));
        // Else libzfs would look for the guid in the whole pool.
        for there in [There::default(), there(&[]), there(&[3])] {
            assert!(
                check(&plain, &begin(4, 5), false, &there)
                    .unwrap_err()
                    .message
                    .contains("builds upon a snapshot with guid 4")
            );
        }
        // libzfs skips over such a stream by rules of its own.
        assert!(check(&plain, &begin(4, 3), false, &there(&[3, 4])).unwrap_err().message.contains("already"));
        let resumed = Begin { resuming: true, ..begin(0, 5) };
        assert!(
            check(&plain, &resumed, false, &There::default()).unwrap_err().message.contains("no interrupted receive")
        );
        assert_eq!(check(&plain, &resumed, false, &There { is_partial: true, ..there(&[]) }), Ok(()));
    }

    #[test]
    fn a_clone_builds_upon_the_origin_that_is_named_and_is_new() {
        let named = Receiving { of_origin: true, ..asked(false) };
        let clone = Begin { clone: true, ..begin(4, 5) };
        assert_eq!(check(&named, &clone, false, &There::default()), Ok(()));
        // From a bookmark of the origin, ZFS does not say that it is a clone's.
        assert_eq!(check(&named, &begin(4, 5), false, &There::default()), Ok(()));
        let resumed = Begin { resuming: true, ..clone.clone() };
        assert_eq!(check(&named, &resumed, false, &There { is_partial: true, ..there(&[]) }), Ok(()));
        for (what, begin, packed, there, why) in [
            (asked(false), &clone, false, There::default(), "whose origin is not named"),
            (asked(false), &clone, false, there(&[4]), "whose origin is not named"),
            (named.clone(), &begin(0, 5), false, There::default(), "that builds upon that"),
            (named.clone(), &clone, true, There::default(), "one stream"),
            (Receiving { forced: true, ..named.clone() }, &clone, false, There::default(), "one stream"),
            (named, &clone, false, there(&[4]), "cannot become a clone"),
        ] {
            assert!(check(&what, begin, packed, &there).unwrap_err().message.contains(why), "{why}");
        }
    }

    #[test]
    fn by_force_only_a_full_stream_and_only_over_a_placeholder() {
        let forced = asked(true);
        let placeholder = There { is_placeholder: true, ..there(&[]) };
        assert_eq!(check(&forced, &begin(0, 5), false, &placeholder), Ok(()));
        assert!(check(&forced, &begin(0, 5), true, &placeholder).is_err());
        assert!(check(&forced, &begin(4, 5), false, &There { guids: [4].into(), ..placeholder }).is_err());
        let full = There { is_placeholder: true, written: 2 << 20, ..there(&[]) };
        assert!(check(&forced, &begin(0, 5), false, &full).is_err(), "what is in it would be lost");
        assert!(check(&forced, &begin(0, 5), false, &there(&[])).unwrap_err().message.contains("--allow-rollback"));
        let rollback = Receiving { over_placeholder: false, ..forced };
        assert_eq!(check(&rollback, &begin(0, 5), false, &there(&[])), Ok(()));
        assert!(check(&rollback, &begin(4, 5), false, &there(&[4])).is_err());
    }

    #[test]
    fn the_target_is_told_from_its_children() {
        let listing = "vault/in/a\t77\t-\tvault/in/a\t9\nvault/in/a@s1\t4\t-\tvault/in/a\t3\nvault/in/a/child\t9\t1-ab\tvault/in/a\t8\n";
        let expected = There { is_placeholder: true, written: 9, ..there(&[4]) };
        assert_eq!(read_there(&target(), listing), Some(expected));
        assert!(!read_there(&target(), "vault/in/a\t77\t-\tvault/in\t0\n").unwrap().is_placeholder);
        assert!(!read_there(&target(), "vault/in/a\t77\t-\t78\t0\n").unwrap().is_placeholder);
        assert!(read_there(&target(), "vault/in/a\t77\t-\t77\t0\n").unwrap().is_placeholder);
        assert_eq!(read_there(&target(), "vault/in/a\t77\n"), None);
    }

    #[test]
    fn what_is_new_is_not_mounted_and_is_known_as_a_replica() {
        let argv = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<String>>();
        let with = |words: &str, kind, root| with_safe_settings(&argv(words), kind, root).join(" ");
        assert_eq!(
            with("zfs receive -u -o readonly=on vault/a", Kind::Filesystem, false),
            "zfs receive -u -o readonly=on -o canmount=off -o ferro.zfs:replica=pushed vault/a"
        );
        let all = "zfs receive -u -o canmount=noauto -o ferro.zfs:replica=7 vault/a";
        assert_eq!(with(all, Kind::Filesystem, true), all);
        assert_eq!(
            with("zfs receive -u -o ferro.zfs:replica=7 v/a", Kind::Volume, true),
            "zfs receive -u -o ferro.zfs:replica=7 -o volmode=none v/a"
        );
        assert_eq!(
            with("zfs receive -u -o ferro.zfs:replica=7 v/a", Kind::Volume, false),
            "zfs receive -u -o ferro.zfs:replica=7 v/a"
        );
    }
}
