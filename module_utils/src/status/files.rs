//! The files that say what jobs there are and how they went: /etc/ferro-zfs/**.json and /var/lib/ferro-zfs/**.json.

use super::model::At;
use crate::exec::atomic_file;
use jiff::Timestamp;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The largest file that is read.
const LARGEST: u64 = 16 << 20;

/// The most files that are read: nobody has as many jobs.
const MOST: usize = 2_000;

/// How deep folders are looked into.
const DEPTH: usize = 3;

/// A file that is there.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path within the folder, without `.json`.
    pub name: String,
    /// When it was written.
    pub written_at: Option<At>,
    /// What is in it, or why that cannot be read.
    pub text: Result<String, String>,
}

/// The files of a folder and of those below it, sorted by name. A folder that is not there has none.
pub fn all(folder: &Path) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    walk(folder, "", DEPTH, &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn walk(folder: &Path, within: &str, depth: usize, found: &mut Vec<Found>) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("{} cannot be read: {error}", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(wrong(error)),
    };
    for entry in entries {
        let entry = entry.map_err(wrong)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth > 0 {
            walk(&entry.path(), &format!("{within}{name}/"), depth - 1, found)?;
        } else if let Some(stem) = name.strip_suffix(".json").filter(|_| !is_folder) {
            if found.len() >= MOST {
                return Err(format!("{} has more than {MOST} files", folder.display()));
            }
            found.push(read(&entry.path(), format!("{within}{stem}")));
        }
    }
    Ok(())
}

fn read(path: &Path, name: String) -> Found {
    let wrong = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let mut found = Found { name, written_at: None, text: Ok(String::new()) };
    let file = match atomic_file::open(path) {
        Ok(file) => file,
        Err(error) => return Found { text: Err(wrong(error)), ..found },
    };
    let modified = file.metadata().and_then(|metadata| metadata.modified()).ok();
    found.written_at = modified.and_then(|time| Timestamp::try_from(time).ok()).map(At::from);
    let mut text = String::new();
    found.text = match file.take(LARGEST + 1).read_to_string(&mut text) {
        Ok(size) if size as u64 > LARGEST => Err(format!("{} is larger than 16 MiB", path.display())),
        Ok(_) => Ok(text),
        Err(error) => Err(wrong(error)),
    };
    found
}

#[cfg(test)]
mod tests {
    use super::all;
    use std::fs;

    #[test]
    fn what_is_not_there_is_no_fault_and_what_cannot_be_read_is() {
        let folder = tempfile::tempdir().unwrap();
        assert!(all(&folder.path().join("none")).unwrap().is_empty());
        fs::create_dir_all(folder.path().join("pull")).unwrap();
        fs::write(folder.path().join("snapshot.json"), "{}").unwrap();
        fs::write(folder.path().join("pull/nas.json"), "[]").unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("x.json")).unwrap();
        nix::unistd::mkfifo(&folder.path().join("y.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::File::create(folder.path().join("z.json")).unwrap().set_len((16 << 20) + 1).unwrap();
        let found = all(folder.path()).unwrap();
        let names: Vec<_> = found.iter().map(|file| (file.name.as_str(), file.text.is_ok())).collect();
        assert_eq!(names, [("pull/nas", true), ("snapshot", true), ("x", false), ("y", false), ("z", false)]);
        assert!(found[1].written_at.is_some());
    }
}
