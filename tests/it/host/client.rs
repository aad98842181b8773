//! What `zfs` and `zpool` of a host are: has the fake do it that already runs. A script begins with
//! `#!CLIENT SOCKET FOLDER`: who serves it, and where it lies if no mount is in the way. The kernel
//! hands both over as one word, before the script's path and its words.

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::ffi::OsString;
use std::io::{Error, IoSlice, Read as _, Result, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let (Some(first), Some(script)) = (words.next(), words.next()) else {
        return Err(Error::other("this runs as a script of tests/it/host/server.rs only"));
    };
    let first = first.to_string_lossy();
    let (socket, folder) = first.split_once(' ').unwrap_or_default();
    let script = Path::new(folder).join(Path::new(&script).file_name().unwrap_or_default());
    let words: Vec<Vec<u8>> = [script.into_os_string()].into_iter().chain(words).map(OsString::into_vec).collect();
    let status = served(UnixStream::connect(socket)?, &words.join(&0))?;
    Ok(ExitCode::from(status))
}

/// As tests/fleet/fake_zfs/server.py has it.
fn served(mut server: UnixStream, words: &[u8]) -> Result<u8> {
    let length = u32::try_from(words.len()).map_err(Error::other)?.to_le_bytes();
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let files = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut with = SendAncillaryBuffer::new(&mut space);
    with.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(&server, &[IoSlice::new(&length)], &mut with, SendFlags::empty())?;
    server.write_all(words)?;
    let mut status = [0];
    server.read_exact(&mut status)?;
    Ok(status[0])
}
