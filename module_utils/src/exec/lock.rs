//! Runs that must not meet: `flock`, so that no lock outlives its process, however it ends.
//!
//! By default what is locked is the place where datasets land. Each run has a file of its own that names its places; whoever comes
//! later reads those of the runs that are there. A file that nobody locks is what a killed run has left.

use crate::exec::signals;
use crate::model::DatasetName;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A lock that is held until this is dropped; its file is removed then.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: Flock<File>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held, so that nobody else's file can be meant.
        let _ = fs::remove_file(&self.path);
    }
}

/// A dataset and all below it, on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    host: String,
    dataset: DatasetName,
}

/// The run that is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its lock.
    pub path: PathBuf,
    /// What both want; none where the lock does not tell.
    place: Option<Place>,
}

impl Place {
    /// A dataset on the host at an ssh destination; on this one if there is none. Which user logs in there makes no difference.
    #[must_use]
    pub fn new(destination: Option<&str>, port: Option<u16>, dataset: DatasetName) -> Self {
        let host = destination.map_or("localhost", |name| name.strip_prefix("ssh://").unwrap_or(name));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host).to_ascii_lowercase();
        let port = port.filter(|port| *port != 22).map_or_else(String::new, |port| format!(":{port}"));
        Self { host: format!("{host}{port}"), dataset }
    }

    /// True if one lies at or below the other.
    fn meets(&self, other: &Self) -> bool {
        let below = |a: &DatasetName, b: &DatasetName| a.below(b).is_some();
        self.host == other.host && (below(&self.dataset, &other.dataset) || below(&other.dataset, &self.dataset))
    }

    fn read(line: &str) -> Option<Self> {
        let (host, dataset) = line.split_once(' ')?;
        Some(Self { host: host.to_owned(), dataset: dataset.parse().ok()? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.host, self.dataset)
    }
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(Place { host, dataset }) => write!(f, "another run into {dataset} on {host} holds the lock")?,
            None => f.write_str("another run holds the lock")?,
        }
        write!(f, " {}", self.path.display())
    }
}

/// How often it is looked again, where a lock is waited for.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes the lock at `path`, or tells who holds it. With `wait`, waits for it instead.
pub fn acquire(path: &Path, wait: bool) -> io::Result<Result<Lock, Other>> {
    until_free(wait, || {
        match Flock::lock(opened(OpenOptions::new().create(true), path)?, FlockArg::LockExclusiveNonblock) {
            Ok(file) if is_still_at(&file, path) => Ok(Some(Ok(Lock { path: path.to_owned(), _file: file }))),
            // Whoever held it removed the file after we had opened it: ours is no lock that others would see.
            Ok(_) => Ok(None),
            Err((_, Errno::EWOULDBLOCK)) => Ok(Some(Err(Other { path: path.to_owned(), place: None }))),
            Err((_, error)) => Err(error.into()),
        }
    })
}

/// Takes the lock on places, in a folder that is ours alone; or tells which run has one of them, or one that lies above or below. With `wait`,
/// waits for its end instead.
pub fn acquire_places(folder: &Path, program: &str, places: &[Place], wait: bool) -> io::Result<Result<Lock, Other>> {
    until_free(wait, || {
        let _turn = turn(folder)?;
        if let Some(other) = in_the_way(folder, program, places)? {
            return Ok(Some(Err(other)));
        }
        let lines: Vec<_> = places.iter().map(ToString::to_string).collect();
        Ok(Some(Ok(new_lock(&folder.join(file_name(program, places)), &(lines.join("\n") + "\n"))?)))
    })
}

/// A lock on a new file that says `text`. For who has the [`turn`] in its folder.
pub(super) fn new_lock(path: &Path, text: &str) -> io::Result<Lock> {
    let mut file = opened(OpenOptions::new().create_new(true), path)?;
    file.write_all(text.as_bytes())?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => Ok(Lock { path: path.to_owned(), _file: file }),
        Err((_, error)) => Err(error.into()),
    }
}

/// A file that a run locks. One that nobody locks any more is removed, and none.
pub(super) fn held(path: &Path) -> io::Result<Option<File>> {
    let or_ended = |error: io::Error| (error.kind() == io::ErrorKind::NotFound).then_some(()).ok_or(error);
    let file = match opened(&mut OpenOptions::new(), path) {
        Ok(file) => file,
        Err(error) => return or_ended(error).map(|()| None),
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(_left_behind) => fs::remove_file(path).or_else(or_ended).map(|()| None),
        Err((file, Errno::EWOULDBLOCK)) => Ok(Some(file)),
        Err((_, error)) => Err(error.into()),
    }
}

/// Tries until there is a lock; without `wait`, until it is known who holds it.
fn until_free(
    wait: bool,
    mut attempt: impl FnMut() -> io::Result<Option<Result<Lock, Other>>>,
) -> io::Result<Result<Lock, Other>> {
    loop {
        match attempt()? {
            Some(Err(_)) if wait => pause()?,
            Some(result) => return Ok(result),
            None => {}
        }
    }
}

pub(super) fn pause() -> io::Result<()> {
    if signals::received().is_some() {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped while waiting for other runs"));
    }
    std::thread::sleep(PAUSE);
    Ok(())
}

fn opened(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Another user's link in a folder that all may write must not lead us elsewhere.
    options.read(true).write(true).truncate(false).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW).open(path)
}

fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(ours), Ok(theirs)) => (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()),
        _ => false,
    }
}

/// One at a time looks who is there and adds itself: the folder itself is locked for that moment.
pub(super) fn turn(folder: &Path) -> io::Result<Flock<File>> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Flock::lock(File::open(folder)?, FlockArg::LockExclusiveNonblock) {
            Ok(turn) => return Ok(turn),
            Err((_, Errno::EWOULDBLOCK)) if Instant::now() < deadline => pause()?,
            Err((_, Errno::EWOULDBLOCK)) => {
                let words = format!("another process keeps {} locked", folder.display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
            Err((_, error)) => return Err(error.into()),
        }
    }
}

/// The run that has one of these places. What killed runs have left is removed on the way.
fn in_the_way(folder: &Path, program: &str, places: &[Place]) -> io::Result<Option<Other>> {
    let mut found = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !(name.starts_with(program) && name.ends_with(".lock")) {
            continue;
        }
        let Some(mut file) = held(&path)? else { continue };
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        if meets(&text, places) {
            let place = common(&text, places);
            found = Some(Other { path, place });
        }
    }
    Ok(found)
}

/// True if the run whose lock says `text` is in the way of these places. One that names none keeps everybody off.
fn meets(text: &str, places: &[Place]) -> bool {
    let names_none = text.is_empty() || text.lines().any(|line| Place::read(line).is_none());
    names_none || common(text, places).is_some()
}

/// What the run whose lock says `text` has in common with these places.
fn common(text: &str, places: &[Place]) -> Option<Place> {
    text.lines().filter_map(Place::read).find(|place| places.iter().any(|ours| ours.meets(place)))
}

/// For people who look what runs: the host and the first place. The process makes it unique.
fn file_name(program: &str, places: &[Place]) -> String {
    const MOST: usize = 180;
    let first = places.first().map(ToString::to_string).unwrap_or_default();
    let clean = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' };
    let first: String = first.chars().map(clean).take(MOST).collect();
    format!("{program}-{first}.{}.lock", std::process::id())
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
