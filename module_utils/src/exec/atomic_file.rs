//! Files that a reader sees as they were or as they are, never half-written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens what [`replace`] has left at `path`. Whoever owns the folder may have put something else there:
/// a link to a file of ours, or a pipe that never ends.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

/// Puts `text` in the place of what is at `path`. In a folder that all may write, nobody's link is followed.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    put(path, text, false)
}

/// The same for what nobody can write again: after a power cut it is the old text or the new one.
pub fn replace_durably(path: &Path, text: &str) -> io::Result<()> {
    put(path, text, true)
}

fn put(path: &Path, text: &str, durably: bool) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    // What a run that was killed has left, or somebody's link.
    let _ = fs::remove_file(&name);
    let mut new = File::options().write(true).create_new(true).open(&name)?;
    new.write_all(text.as_bytes())?;
    if durably {
        new.sync_all()?;
    }
    fs::rename(&name, path)
}

#[cfg(test)]
mod tests {
    use super::{open, replace};
    use std::fs;

    #[test]
    fn no_link_is_followed_and_nothing_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("x"), folder.path().join("victim"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("x.new")).unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        replace(&path, "text").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap(), fs::read_to_string(&victim).unwrap()),
            ("text".into(), "precious".into())
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link, pipe) = (folder.path().join("x"), folder.path().join("link"), folder.path().join("pipe"));
        fs::write(&path, "text").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(open(&path).is_ok());
        for other in [&link, &pipe, &folder.path().to_owned(), &folder.path().join("none")] {
            assert!(open(other).is_err(), "{}", other.display());
        }
    }
}
