//! A command of another host over the connection that `ssh` holds already, by the protocol of its own clients: to start `ssh` only to be told to use that
//! connection takes ten times as long as to start us.
//!
//! It is a process like the `ssh` that it stands for, with the same name, standard streams and exit status, so whoever starts, watches or ends one need
//! not know the difference. Where it is sure that the command has not begun, and everything is not as expected, it goes on as `ssh` itself.
//!
//! <https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.mux>

use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::ffi::OsString;
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Names the socket of the connection, and makes our program one that runs a command over it.
const SOCKET: &str = "FERRO_ZFS_SSH_SOCKET";

/// Our program can be started so: its `main` begins with [`run`].
static IS_OFFERED: AtomicBool = AtomicBool::new(false);

/// Runs the command of this process if that is what it was started for; gives its exit status then.
pub fn run() -> Option<ExitCode> {
    let Some(socket) = std::env::var_os(SOCKET) else {
        IS_OFFERED.store(true, Ordering::Relaxed);
        return None;
    };
    let argv: Vec<OsString> = std::env::args_os().collect();
    // `pgrep` and `ps` find it by this name.
    let _ = nix::sys::prctl::set_name(c"ssh");
    let session = argv.last().and_then(|command| Session::open(Path::new(&socket), command.to_str()?).ok());
    let status = session.map_or_else(|| ssh_itself(&argv), Session::end);
    Some(ExitCode::from(status))
}

/// Goes on as `ssh`; gives an exit status only where that fails.
fn ssh_itself(argv: &[OsString]) -> u8 {
    let error = Command::new("ssh").args(argv.iter().skip(1)).env_remove(SOCKET).exec();
    let _ = writeln!(io::stderr(), "ssh: {error}");
    LOST
}

/// Stands for `ssh`, whose arguments it takes and of which the last is what runs there, over the connection with that socket; none if there is none.
#[must_use]
pub fn over(socket: &Path) -> Option<Command> {
    // Not our file by its name: what has taken its place meanwhile is another program.
    let ourselves = Path::new("/proc/self/exe");
    if !IS_OFFERED.load(Ordering::Relaxed) || !socket.exists() || !ourselves.exists() {
        return None;
    }
    let mut command = Command::new(ourselves);
    command.env(SOCKET, socket);
    Some(command)
}

/// Ends the connection that has its socket there; false where that was not understood.
#[must_use]
pub fn dismiss(socket: &Path) -> bool {
    let ask = || -> io::Result<bool> {
        let mut holder = greeted(socket)?;
        holder.write_all(&packet(&[Field::Number(TERMINATE), Field::Number(0)]))?;
        Ok(number(&read(&mut holder)?, 0) == Some(DONE))
    };
    ask().unwrap_or(false)
}

/// How long is waited for an answer that needs no other host.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `ssh` ends with when it has lost the connection.
const LOST: u8 = 255;

const VERSION: u32 = 4;
const HELLO: u32 = 1;
const NEW_SESSION: u32 = 0x1000_0002;
const TERMINATE: u32 = 0x1000_0005;
const DONE: u32 = 0x8000_0001;
const EXIT_MESSAGE: u32 = 0x8000_0004;
const SESSION_OPENED: u32 = 0x8000_0006;

/// No key is for ssh itself.
const NO_ESCAPE: u32 = u32::MAX;

/// The longest that is read; none that we expect has a hundred.
const LONGEST: u32 = 1 << 16;

/// A command that has begun.
struct Session {
    holder: UnixStream,
}

impl Session {
    /// Has the command run with our standard streams. An error means that it has not begun.
    fn open(socket: &Path, command: &str) -> io::Result<Self> {
        let mut holder = greeted(socket)?;
        // From here on the other host has its say.
        holder.set_read_timeout(None)?;
        holder.write_all(&new_session(command))?;
        send(&holder, io::stdin().as_fd())?;
        send(&holder, io::stdout().as_fd())?;
        send(&holder, io::stderr().as_fd())?;
        match read(&mut holder).map(|answer| number(&answer, 0)) {
            // Denied, or refused by the other end, which lets only so many share a connection.
            Ok(answer) if answer != Some(SESSION_OPENED) => Err(io::ErrorKind::ConnectionRefused.into()),
            // If there is no answer, it may have begun; the end comes at once.
            _ => Ok(Self { holder }),
        }
    }

    /// Waits for the end of the command and of all that it prints; gives its exit status.
    fn end(mut self) -> u8 {
        let mut status = None;
        while let Ok(message) = read(&mut self.holder) {
            if number(&message, 0) == Some(EXIT_MESSAGE) {
                status = number(&message, 2).and_then(|status| u8::try_from(status).ok());
            }
        }
        status.unwrap_or(LOST)
    }
}

/// Whoever holds the connection, once both have said that they speak this protocol; it has to answer soon.
fn greeted(socket: &Path) -> io::Result<UnixStream> {
    let mut holder = UnixStream::connect(socket)?;
    holder.set_read_timeout(Some(PATIENCE))?;
    holder.write_all(&packet(&[Field::Number(HELLO), Field::Number(VERSION)]))?;
    let greeting = read(&mut holder)?;
    if number(&greeting, 0) != Some(HELLO) || number(&greeting, 1) != Some(VERSION) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(holder)
}

/// What a message is made of.
enum Field<'a> {
    Number(u32),
    Text(&'a str),
}

/// Without a terminal, a display or an agent; no environment goes along.
fn new_session(command: &str) -> Vec<u8> {
    use Field::{Number, Text};
    let (request, no) = (Number(0), || Number(0));
    let reserved = Text("");
    packet(&[
        Number(NEW_SESSION),
        request,
        reserved,
        no(),
        no(),
        no(),
        no(),
        Number(NO_ESCAPE),
        Text(""),
        Text(command),
    ])
}

fn packet(fields: &[Field<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    for field in fields {
        match field {
            Field::Number(number) => body.extend(number.to_be_bytes()),
            Field::Text(text) => {
                body.extend(length(text.as_bytes()));
                body.extend(text.as_bytes());
            }
        }
    }
    [&length(&body)[..], &body].concat()
}

/// The body of the next message.
fn read(holder: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    holder.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length as usize];
    holder.read_exact(&mut body)?;
    Ok(body)
}

/// The number at that place of a message that has only numbers before it.
fn number(message: &[u8], place: usize) -> Option<u32> {
    message.chunks_exact(4).nth(place)?.try_into().ok().map(u32::from_be_bytes)
}

/// Hands on one of our standard streams, with a byte that means nothing.
fn send(holder: &UnixStream, stream: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let streams = [stream];
    ancillary.push(SendAncillaryMessage::ScmRights(&streams));
    sendmsg(holder, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::empty())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{
        DONE, EXIT_MESSAGE, Field, HELLO, LOST, NEW_SESSION, SESSION_OPENED, Session, TERMINATE, VERSION, dismiss,
        number, packet, read,
    };
    use rustix::net::{RecvAncillaryBuffer, RecvFlags, recvmsg};
    use std::io::{IoSliceMut, Write};
    use std::mem::MaybeUninit;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;
    use std::thread;

    /// A byte, with one of the client's streams.
    fn stream(client: &UnixStream) -> usize {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        recvmsg(client, &mut [IoSliceMut::new(&mut [0])], &mut ancillary, RecvFlags::empty()).unwrap();
        ancillary.drain().count()
    }

    /// What comes of asking a holder of a connection that speaks this version and then does that.
    fn asked<T>(version: u32, holder: impl FnOnce(UnixStream) + Send, ask: impl FnOnce(&Path) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut client, _) = listener.accept().unwrap();
                client.write_all(&packet(&[Field::Number(HELLO), Field::Number(version)])).unwrap();
                assert_eq!(read(&mut client).unwrap(), [0, 0, 0, 1, 0, 0, 0, 4]);
                holder(client);
            });
            ask(&socket)
        })
    }

    /// What a holder says to a command, and what came of it: the exit status, or none where the command has not begun.
    fn held(version: u32, answer: impl Into<Option<u32>>, after: &[Vec<u8>]) -> Option<u8> {
        let answer = answer.into();
        let holder = |mut client: UnixStream| {
            let Ok(asked) = read(&mut client) else { return };
            assert_eq!(number(&asked, 0), Some(NEW_SESSION));
            assert!(asked.ends_with(b"\0\0\0\x08zfs list"), "{asked:?}");
            assert_eq!([stream(&client), stream(&client), stream(&client)], [1, 1, 1]);
            let Some(answer) = answer else { return };
            let opened = packet(&[Field::Number(answer), Field::Number(0), Field::Number(7)]);
            client.write_all(&[&[opened], after].concat().concat()).unwrap();
        };
        asked(version, holder, |socket| Session::open(socket, "zfs list").ok().map(Session::end))
    }

    fn exit(status: u32) -> Vec<u8> {
        packet(&[Field::Number(EXIT_MESSAGE), Field::Number(7), Field::Number(status)])
    }

    #[test]
    fn the_status_is_that_of_the_command_once_all_is_over() {
        assert_eq!(held(VERSION, SESSION_OPENED, &[exit(3)]), Some(3));
        let unknown = packet(&[Field::Number(0x8000_0008), Field::Number(7)]);
        assert_eq!(held(VERSION, SESSION_OPENED, &[unknown, exit(0)]), Some(0));
        // Whoever held the connection is gone.
        assert_eq!(held(VERSION, SESSION_OPENED, &[]), Some(LOST));
        assert_eq!(held(VERSION, SESSION_OPENED, &[exit(256)]), Some(LOST));
        // It may have begun, so it must not begin once more.
        assert_eq!(held(VERSION, None, &[]), Some(LOST));
    }

    #[test]
    fn what_is_not_as_expected_is_left_to_ssh() {
        assert_eq!(held(VERSION, 0x8000_0003, &[]), None);
        assert_eq!(held(VERSION, 0x8000_0002, &[]), None);
        assert_eq!(held(VERSION + 1, SESSION_OPENED, &[]), None);
        assert!(Session::open(Path::new("/nonexistent/socket"), "id").is_err());
    }

    #[test]
    fn a_connection_is_ended_where_its_holder_says_so() {
        let ended = |answer: u32| {
            let holder = |mut client: UnixStream| {
                assert_eq!(number(&read(&mut client).unwrap(), 0), Some(TERMINATE));
                client.write_all(&packet(&[Field::Number(answer), Field::Number(0)])).unwrap();
            };
            asked(VERSION, holder, dismiss)
        };
        assert!(ended(DONE));
        assert!(!ended(0x8000_0003));
        assert!(!dismiss(Path::new("/nonexistent/socket")));
    }
}
