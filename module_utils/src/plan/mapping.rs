//! Where each source dataset lands.

use super::conflict::Conflict;
use crate::model::DatasetName;
use crate::model::code::codes;

/// The rule that turns a source path into a target path.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The dataset below which everything lands.
    pub target: DatasetName,
    /// What is removed from the source path before it is appended.
    pub strip_prefix: Option<DatasetName>,
}

/// Why a source has no place on the target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    /// It does not begin with what is to be removed.
    #[error("strip_prefix {prefix} does not fit source {dataset}, which is neither it nor below it")]
    Prefix {
        /// What is to be removed.
        prefix: DatasetName,
        /// The source.
        dataset: DatasetName,
    },
    /// ZFS does not take names of that length.
    #[error("{0}")]
    TooLong(Conflict),
}

codes! {
    Unmapped {
        Prefix => "prefix_does_not_fit",
        TooLong => "name_too_long",
    }
}

impl Unmapped {
    /// The name that the source would have there.
    #[must_use]
    pub fn name(&self) -> &str {
        if let Self::TooLong(Conflict::NameTooLong { name }) = self { name } else { "" }
    }
}

impl Mapping {
    /// The target path of `source`; an error if the prefix does not fit or the name would be too long.
    pub fn target_of(&self, source: &DatasetName) -> Result<DatasetName, Unmapped> {
        let path = match &self.strip_prefix {
            None => source.as_str(),
            Some(prefix) => source
                .below(prefix)
                .ok_or_else(|| Unmapped::Prefix { prefix: prefix.clone(), dataset: source.clone() })?,
        };
        // Both parts are valid names, so all that can be wrong with the two together is their length.
        self.target
            .join(path)
            .map_err(|_| Unmapped::TooLong(Conflict::NameTooLong { name: format!("{}/{path}", self.target) }))
    }

    /// The path that a source has, or would have, whose target is `target`.
    #[must_use]
    pub fn source_of(&self, target: &DatasetName) -> Option<DatasetName> {
        let path = target.below(&self.target)?;
        match &self.strip_prefix {
            Some(prefix) => prefix.join(path).ok(),
            None => path.parse().ok(),
        }
    }
}

/// Drops every root that another root already covers; the order of the rest is kept.
#[must_use]
pub fn without_overlaps(roots: &[DatasetName], recursive: bool) -> Vec<DatasetName> {
    let mut kept: Vec<DatasetName> = Vec::new();
    for (index, root) in roots.iter().enumerate() {
        let repeated = roots[..index].contains(root);
        let covered = recursive && roots.iter().any(|other| other != root && root.below(other).is_some());
        if !repeated && !covered {
            kept.push(root.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{Mapping, without_overlaps};
    use crate::model::DatasetName;

    fn name(text: &str) -> DatasetName {
        text.parse().unwrap()
    }

    #[test]
    fn the_path_is_appended_less_the_prefix() {
        for (strip, source, target) in [
            (None, "tank/data", "backup/tank/data"),
            (Some("tank"), "tank/data", "backup/data"),
            (Some("tank/data"), "tank/data", "backup"),
            (Some("tank/data"), "tank/data/a", "backup/a"),
        ] {
            let mapping = Mapping { target: name("backup"), strip_prefix: strip.map(name) };
            assert_eq!(mapping.target_of(&name(source)).unwrap(), name(target));
            assert_eq!(mapping.source_of(&name(target)), Some(name(source)));
            assert_eq!(mapping.source_of(&name("other")), None);
        }
        let mapping = Mapping { target: name("backup"), strip_prefix: Some(name("tank/data")) };
        assert!(mapping.target_of(&name("tank/database")).is_err());
    }

    #[test]
    fn a_name_that_gets_too_long_says_by_how_much() {
        let mapping = Mapping { target: name("backup"), strip_prefix: None };
        let long = format!("tank/{}", "a".repeat(250 - 7));
        assert!(mapping.target_of(&name(&long)).is_ok());
        let unmapped = mapping.target_of(&name(&format!("{long}bc"))).unwrap_err();
        assert_eq!(unmapped.name(), format!("backup/{long}bc"));
        let said = unmapped.to_string();
        assert!(
            said.contains("would have 257 bytes, of which ZFS takes 255: 2 too many. Choose a shorter target"),
            "{said}"
        );
    }

    #[test]
    fn overlapping_sources_count_once() {
        let roots: Vec<_> = ["tank/a", "tank", "tank/a/b", "tank", "tankard"].map(name).into();
        assert_eq!(without_overlaps(&roots, true), [name("tank"), name("tankard")]);
        assert_eq!(without_overlaps(&roots, false).len(), 4);
    }
}
