//! Files that a reader sees as they were or as they are, never half-written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Puts `text` in the place of what is at `path`. In a folder that all may write, nobody's link is followed.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    // What a run that was killed has left, or somebody's link.
    let _ = fs::remove_file(&name);
    let mut new = File::options().write(true).create_new(true).open(&name)?;
    new.write_all(text.as_bytes())?;
    fs::rename(&name, path)
}

#[cfg(test)]
mod tests {
    use super::replace;
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
}
