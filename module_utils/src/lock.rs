//! One run at a time for each pair of hosts: `flock`, so that no lock outlives its process, however it ends.

use crate::signals;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A lock that is held until this is dropped; its file is removed then.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: Flock<File>,
}

/// Takes the lock at `path`, or gives none if another process holds it. With `wait`, waits for it instead.
pub fn acquire(path: &Path, wait: bool) -> io::Result<Option<Lock>> {
    const PAUSE: Duration = Duration::from_millis(200);
    loop {
        // Another user's link in a folder that all may write must not lead us elsewhere.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
        match Flock::lock(options.open(path)?, FlockArg::LockExclusiveNonblock) {
            Ok(file) if is_still_at(&file, path) => return Ok(Some(Lock { path: path.to_owned(), _file: file })),
            // Whoever held it removed the file after we had opened it: ours is no lock that others would see.
            Ok(_) => {}
            Err((_, Errno::EWOULDBLOCK)) if !wait => return Ok(None),
            Err((_, Errno::EWOULDBLOCK)) if signals::received().is_some() => {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped while waiting for the lock"));
            }
            Err((_, Errno::EWOULDBLOCK)) => std::thread::sleep(PAUSE),
            Err((_, error)) => return Err(error.into()),
        }
    }
}

fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(ours), Ok(theirs)) => (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()),
        _ => false,
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held, so that nobody else's file can be meant.
        let _ = fs::remove_file(&self.path);
    }
}

/// The folder for locks and sockets: the first of these that we may write.
#[must_use]
pub fn runtime_folder() -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let candidates = [Some(PathBuf::from("/run/lock")), own];
    let writable = |folder: &PathBuf| nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok();
    candidates.into_iter().flatten().find(writable).unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// The lock of a pair of hosts. Whatever is not a letter, digit, dot or hyphen becomes a hyphen.
#[must_use]
pub fn path_for(program: &str, source_host: &str, target_host: &str) -> PathBuf {
    let clean = |host: &str| {
        host.chars().map(|c| if c.is_ascii_alphanumeric() || ".-".contains(c) { c } else { '-' }).collect::<String>()
    };
    let user = nix::unistd::geteuid();
    let user = if user.is_root() { String::new() } else { format!("-uid{user}") };
    runtime_folder().join(format!("{program}-{}-to-{}{user}.lock", clean(source_host), clean(target_host)))
}

#[cfg(test)]
mod tests {
    use super::{acquire, path_for};

    #[test]
    fn only_one_holds_it_and_no_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = acquire(&path, false).unwrap();
        assert!(first.is_some());
        assert!(acquire(&path, false).unwrap().is_none());
        drop(first);
        assert!(!path.exists());
        assert!(acquire(&path, true).unwrap().is_some());
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        std::os::unix::fs::symlink(folder.path().join("victim"), &path).unwrap();
        assert!(acquire(&path, false).is_err());
        assert!(!folder.path().join("victim").exists());
    }

    #[test]
    fn hosts_are_sanitised() {
        let path = path_for("zfs_replicate", "localhost", "server@re mote:2/../x");
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("zfs_replicate-localhost-to-server-re-mote-2-..-x"), "{name}");
    }
}
