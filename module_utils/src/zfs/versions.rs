//! Listings of snapshots and bookmarks.

use super::parse::{Unexpected, unexpected};
use crate::model::{DatasetName, Version, VersionKind, check_version_name};
use std::collections::HashMap;

/// The columns that [`read`] reads: only those that ZFS knows without opening each snapshot.
pub const COLUMNS: &str = "name,guid,createtxg";

/// Reads `zfs list -Hp -t snapshot,bookmark -o COLUMNS` into the versions of each dataset, oldest first.
pub fn read(stdout: &str) -> Result<HashMap<DatasetName, Vec<Version>>, Unexpected> {
    let mut listing = Listing::default();
    for line in stdout.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        listing.row(&fields).ok_or_else(|| unexpected("zfs list", COLUMNS, line))?;
    }
    Ok(listing.sorted())
}

/// The same, line by line: a listing may have a million of them.
#[derive(Debug, Default)]
pub struct Listing {
    all: HashMap<DatasetName, Vec<Version>>,
    /// Of the dataset that the last line was about; most lines are about the same as the one before.
    current: Option<(DatasetName, Vec<Version>)>,
}

impl Listing {
    /// Takes the fields of a line; none if they are not understood.
    pub fn row(&mut self, fields: &[&str]) -> Option<()> {
        let [full, guid, createtxg] = fields else { return None };
        let (dataset, kind, name) = split_version(full)?;
        check_version_name(name).ok()?;
        let version = Version::listed(kind, name.to_owned(), guid.parse().ok()?, createtxg.parse().ok()?);
        match &mut self.current {
            Some((current, versions)) if current.as_str() == dataset => versions.push(version),
            _ => {
                self.put_away();
                let dataset: DatasetName = dataset.parse().ok()?;
                let mut versions = self.all.remove(&dataset).unwrap_or_default();
                versions.push(version);
                self.current = Some((dataset, versions));
            }
        }
        Some(())
    }

    /// The versions of each dataset, oldest first.
    #[must_use]
    pub fn sorted(mut self) -> HashMap<DatasetName, Vec<Version>> {
        self.put_away();
        for versions in self.all.values_mut() {
            versions.sort_unstable_by(|a, b| (a.createtxg, a.kind, &a.name).cmp(&(b.createtxg, b.kind, &b.name)));
        }
        self.all
    }

    fn put_away(&mut self) {
        if let Some((dataset, mut versions)) = self.current.take() {
            versions.shrink_to_fit();
            self.all.insert(dataset, versions);
        }
    }
}

fn split_version(full: &str) -> Option<(&str, VersionKind, &str)> {
    let at = full.find(['@', '#'])?;
    let kind = if full.as_bytes()[at] == b'@' { VersionKind::Snapshot } else { VersionKind::Bookmark };
    Some((&full[..at], kind, &full[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::model::{DatasetName, check_version_name};
    use proptest::prelude::{any, prop, prop_assert, proptest};

    #[test]
    fn versions_are_sorted_by_createtxg_with_the_bookmark_first() {
        let all = read("t/a@z\t3\t7\nt/a@a\t9\t12\nt/a#z\t3\t7\nt/b@x y\t1\t1\n").unwrap();
        let shown: Vec<_> = all[&"t/a".parse().unwrap()].iter().map(crate::model::Version::signed).collect();
        assert_eq!(shown, ["#z", "@z", "@a"]);
        assert_eq!(all[&"t/b".parse().unwrap()][0].name, "x y");
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(read("tank\t1\t2\n").is_err());
        assert!(read("tank@a\t1\n").is_err());
        assert!(read("tank@a@b\t1\t2\n").is_err());
    }

    proptest! {
        #[test]
        fn what_is_taken_for_a_version_is_one_of_a_dataset(text in any::<String>(), fields in prop::collection::vec("[a-z0-9@#/. -]{0,9}", 1..9)) {
            let line = fields.join("\t");
            for output in [text.as_str(), line.as_str(), &format!("{line}\n{text}\n")] {
                for (dataset, of_dataset) in read(output).unwrap_or_default() {
                    prop_assert!(dataset.as_str().parse::<DatasetName>().is_ok());
                    for version in of_dataset {
                        prop_assert!(check_version_name(&version.name).is_ok());
                    }
                }
            }
        }
    }
}
