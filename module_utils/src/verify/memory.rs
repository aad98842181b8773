//! What is remembered from run to run: when each replica was verified last, and how far the pass is that is under way.

use super::report::Status;
use crate::exec::atomic_file;
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// A place in a snapshot up to which the two sides are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// The snapshot.
    pub snapshot: String,
    /// Its guid.
    pub guid: u64,
    /// When the pass began, in seconds since 1970.
    pub since: i64,
    /// The object.
    pub object: u64,
    /// From where in it on.
    pub offset: u64,
    /// Bytes that were compared up to there.
    pub bytes: u64,
}

/// Of one replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The source.
    pub source: String,
    /// The replica.
    pub target: String,
    /// When a pass last ended that found no difference.
    pub verified_at: Option<i64>,
    /// The snapshot that was verified then.
    pub verified_snapshot: Option<String>,
    /// When it was last looked at.
    pub looked_at: Option<i64>,
    /// The pass that is under way.
    pub pass: Option<Pass>,
    /// What was wrong when it was last looked at.
    pub problem: Option<Status>,
}

/// Of all replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Each of them.
    pub replicas: Vec<Remembered>,
}

impl Memory {
    /// What the file has; nothing where there is none.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |why: String| {
            let path = path.display();
            format!(
                "option state_file: {path} {why}; remove it if it is of no use: everything counts as not verified then"
            )
        };
        let mut text = String::new();
        match atomic_file::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
            Ok(file) => file.take(64 << 20).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?,
        };
        serde_json::from_str(&text).map_err(|error| wrong(format!("does not hold what an earlier run left ({error})")))
    }

    /// Replaces the file.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string(self).map_err(|error| error.to_string())?;
        let wrong = |error| format!("{} cannot be written: {error}", path.display());
        atomic_file::replace(path, &(text + "\n")).map_err(wrong)
    }

    /// What is known of a replica.
    #[must_use]
    pub fn of(&self, source: &str, target: &str) -> Remembered {
        let found = self.replicas.iter().find(|one| one.source == source && one.target == target);
        found.cloned().unwrap_or_else(|| Remembered {
            source: source.to_owned(),
            target: target.to_owned(),
            ..Remembered::default()
        })
    }

    /// Remembers it.
    pub fn keep(&mut self, remembered: Remembered) {
        let same = |one: &Remembered| one.source == remembered.source && one.target == remembered.target;
        self.replicas.retain(|one| !same(one));
        self.replicas.push(remembered);
        self.replicas.sort_by(|a, b| (&a.source, &a.target).cmp(&(&b.source, &b.target)));
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, Remembered};

    #[test]
    fn what_was_kept_is_read_again_and_what_is_no_memory_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        assert_eq!(Memory::read(&path).unwrap(), Memory::default());
        let mut memory = Memory::default();
        for (source, at) in [("b", 5), ("a", 6), ("b", 7)] {
            memory.keep(Remembered { verified_at: Some(at), looked_at: Some(at), ..memory.of(source, "t") });
        }
        memory.write(&path).unwrap();
        let read = Memory::read(&path).unwrap();
        assert_eq!(read, memory);
        assert_eq!(["a", "b", "c"].map(|source| read.of(source, "t").verified_at), [Some(6), Some(7), None]);
        std::fs::write(&path, "{\"replicas\": 7}").unwrap();
        let wrong = Memory::read(&path).unwrap_err();
        assert!(wrong.contains("does not hold what an earlier run left") && wrong.contains("remove it"), "{wrong}");
    }
}
