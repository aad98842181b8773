//! How many runs go on at once: whoever comes takes the next number, and goes on when fewer than so many of those before it are left.
//!
//! A run's number is the name of a file of its own that it keeps locked with `flock`, so that none outlives its process, however it
//! ends.

use crate::exec::lock::{Lock, held, new_lock, pause, turn};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Who goes on at once with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turns {
    /// Runs that name the same folder count together. It is made if only itself is missing.
    pub folder: PathBuf,
    /// At most so many of them go on at once.
    pub runs: usize,
    /// After so long a run goes on though it is not its turn, so that runs that take weeks keep nobody waiting for ever.
    pub patience: Duration,
}

const EXTENSION: &str = "run";

/// Waits for the turn of this run, which lasts until what is given is dropped. `tell` gets one line if there is anything to wait for.
pub fn take(turns: &Turns, tell: &dyn Fn(&str)) -> io::Result<Lock> {
    make(&turns.folder)?;
    let (number, lock) = queue(&turns.folder)?;
    let deadline = Instant::now() + turns.patience;
    let mut told = false;
    loop {
        let before = before(&turns.folder, number)?;
        if before < turns.runs {
            return Ok(lock);
        }
        if Instant::now() >= deadline {
            tell(&format!("{before} runs that came before go on still; this one waits no longer"));
            return Ok(lock);
        }
        if !told {
            tell(&format!("waits for its turn: {before} runs came before, and {} may go on at once", turns.runs));
            told = true;
        }
        pause()?;
    }
}

fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The next number, and the lock on its file.
fn queue(folder: &Path) -> io::Result<(u64, Lock)> {
    let _turn = turn(folder)?;
    let number = others(folder)?.into_iter().max().unwrap_or_default() + 1;
    Ok((number, new_lock(&folder.join(format!("{number:010}.{EXTENSION}")), "")?))
}

fn before(folder: &Path, number: u64) -> io::Result<usize> {
    let _turn = turn(folder)?;
    Ok(others(folder)?.into_iter().filter(|other| *other < number).count())
}

/// The numbers of the runs that are there, for who has the [`turn`]. What killed runs have left is removed on the way.
fn others(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let Some(number) = number.filter(|_| path.extension().is_some_and(|end| end == EXTENSION)) else { continue };
        if held(&path)?.is_some() {
            found.push(number);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Turns, take};
    use std::cell::RefCell;
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    fn turns(folder: &Path, runs: usize, patience: Duration) -> Turns {
        Turns { folder: folder.join("turns"), runs, patience }
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn whoever_came_first_goes_first_and_no_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let two = turns(folder.path(), 2, LONG);
        let first = take(&two, &|line| panic!("{line}")).unwrap();
        let second = take(&two, &|line| panic!("{line}")).unwrap();
        let (said, heard) = mpsc::channel();
        let wait = |name: &'static str| {
            let (two, said) = (two.clone(), said.clone());
            let (queued, is_queued) = mpsc::channel();
            let waits = thread::spawn(move || {
                let lock = take(&two, &|line| queued.send(line.to_owned()).unwrap()).unwrap();
                said.send(name).unwrap();
                lock
            });
            (waits, is_queued.recv().unwrap())
        };
        let (third, line) = wait("third");
        assert_eq!(line, "waits for its turn: 2 runs came before, and 2 may go on at once");
        let (fourth, line) = wait("fourth");
        assert_eq!(line, "waits for its turn: 3 runs came before, and 2 may go on at once");
        drop(second);
        assert_eq!(heard.recv().unwrap(), "third");
        drop(first);
        assert_eq!(heard.recv().unwrap(), "fourth");
        drop((third.join().unwrap(), fourth.join().unwrap()));
        assert_eq!(fs::read_dir(&two.folder).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_run_has_left_counts_no_more_and_what_is_no_number_never() {
        let folder = tempfile::tempdir().unwrap();
        let one = turns(folder.path(), 1, LONG);
        fs::create_dir(&one.folder).unwrap();
        for name in ["0000000007.run", "notes.run", "3.txt"] {
            fs::write(one.folder.join(name), "").unwrap();
        }
        let _held = take(&one, &|line| panic!("{line}")).unwrap();
        let mut left: Vec<_> = fs::read_dir(&one.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["0000000001.run", "3.txt", "notes.run"]);
    }

    #[test]
    fn patience_ends() {
        let folder = tempfile::tempdir().unwrap();
        let one = turns(folder.path(), 1, Duration::ZERO);
        let _first = take(&one, &|line| panic!("{line}")).unwrap();
        let told = RefCell::new(Vec::new());
        let _second = take(&one, &|line| told.borrow_mut().push(line.to_owned())).unwrap();
        assert_eq!(told.into_inner(), ["1 runs that came before go on still; this one waits no longer"]);
    }
}
