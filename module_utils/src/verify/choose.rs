//! What of a replica can be compared with its source, and how. Pure.

use super::memory::Pass;
use crate::model::code::codes;
use crate::model::{Dataset, Version};

/// Why nothing can be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// The source is not there.
    #[error(
        "the source {source_name} does not exist. Check the option source, or whether it was renamed or its pool is missing"
    )]
    NoSource {
        /// What was named.
        source_name: String,
    },
    /// Nothing is there.
    #[error("the replica {target} does not exist. Replicate first (ferro.zfs.zfs_replicate)")]
    NoReplica {
        /// Where it should be.
        target: String,
    },
    /// A placeholder is there.
    #[error("{target} is a placeholder, with nothing of the source in it. Replicate first (ferro.zfs.zfs_replicate)")]
    Placeholder {
        /// The placeholder.
        target: String,
    },
    /// The two have nothing in common.
    #[error(
        "{source_name} and {target} have no snapshot in common, by guid: the newest of the source is @{newest}. A bookmark \
         is not enough to compare. Replicate first, and let both keep one snapshot until it is verified"
    )]
    NoCommonSnapshot {
        /// The source.
        source_name: String,
        /// The replica.
        target: String,
        /// The source's newest snapshot.
        newest: String,
    },
    /// They are encrypted in different ways, so what is in them is to be read, and a key is missing.
    #[error(
        "what {dataset} has stored is encrypted in another way than on the other side, and its key is not loaded there. Load \
         it for the time of the comparison (zfs load-key), or replicate raw, so that both can be compared as they are stored"
    )]
    KeyNotLoaded {
        /// The dataset that cannot be read.
        dataset: String,
    },
    /// It was destroyed while it was compared, or before.
    #[error("@{snapshot} was destroyed meanwhile: {said}. The next run compares a newer one")]
    Vanished {
        /// The snapshot.
        snapshot: String,
        /// What ZFS said.
        said: String,
    },
    /// A side does not send it.
    #[error("{said}")]
    Refused {
        /// What it said.
        said: String,
    },
}

codes! {
    NotComparable {
        NoSource => "source_missing",
        NoReplica => "no_replica",
        Placeholder => "no_replica",
        NoCommonSnapshot => "no_common_snapshot",
        KeyNotLoaded => "key_not_loaded",
        Vanished => "snapshot_vanished",
        Refused => "not_sent",
    }
}

/// The snapshot that is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common<'a> {
    /// Of the source.
    pub source: &'a Version,
    /// The same of the target, whatever it is called there.
    pub target: &'a Version,
}

/// The snapshot of a pass under way, where both still have it; else the newest that both have.
pub fn common<'a>(
    source: &'a Dataset,
    target: Option<&'a Dataset>,
    place: &str,
    pass: Option<&Pass>,
) -> Result<Common<'a>, NotComparable> {
    let target = target.ok_or_else(|| NotComparable::NoReplica { target: place.to_owned() })?;
    if target.placeholder {
        return Err(NotComparable::Placeholder { target: place.to_owned() });
    }
    let there = |guid: u64| target.snapshots().find(|snapshot| snapshot.guid == guid);
    let both = || source.snapshots().rev().filter_map(|source| Some(Common { source, target: there(source.guid)? }));
    let of_pass = pass.and_then(|pass| both().find(|common| common.source.guid == pass.guid));
    let newest = || source.snapshots().next_back().map(|newest| newest.name.clone()).unwrap_or_default();
    of_pass.or_else(|| both().next()).ok_or_else(|| NotComparable::NoCommonSnapshot {
        source_name: source.name.to_string(),
        target: place.to_owned(),
        newest: newest(),
    })
}

/// Whether the two are compared as they are stored, encrypted: that takes the same set of initialisation vectors, which only raw streams
/// keep. Else what is in them is compared, for which ZFS must be able to read it.
pub fn is_raw(
    source: &Dataset,
    target: &Dataset,
    ivset_of_source: Option<u64>,
    ivset_of_target: Option<u64>,
) -> Result<bool, NotComparable> {
    let are_encrypted = source.encrypted && target.encrypted;
    if are_encrypted && ivset_of_source.is_some() && ivset_of_source == ivset_of_target {
        return Ok(true);
    }
    match [source, target].into_iter().find(|dataset| dataset.locked) {
        Some(locked) => Err(NotComparable::KeyNotLoaded { dataset: locked.name.to_string() }),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::{NotComparable, common, is_raw};
    use crate::model::code::Coded;
    use crate::model::{Dataset, Version, VersionKind};
    use crate::verify::memory::Pass;

    /// `a=1 #b=2`: names with guids.
    fn dataset(name: &str, versions: &str) -> Dataset {
        let mut dataset = Dataset::empty(name.parse().unwrap(), 99);
        for (at, word) in versions.split_whitespace().enumerate() {
            let (name, guid) = word.split_once('=').unwrap();
            let kind = if name.starts_with('#') { VersionKind::Bookmark } else { VersionKind::Snapshot };
            let name = name.trim_start_matches('#').to_owned();
            let (guid, createtxg) = (guid.parse().unwrap(), at as u64);
            dataset.versions.push(Version::listed(kind, name, guid, createtxg));
        }
        dataset
    }

    fn chosen(source: &str, target: &str, pass: Option<u64>) -> Result<(String, String), &'static str> {
        let (source, target) = (dataset("tank", source), dataset("vault", target));
        let pass = pass.map(|guid| Pass { snapshot: String::new(), guid, since: 0, object: 1, offset: 0, bytes: 0 });
        common(&source, Some(&target), "vault", pass.as_ref())
            .map(|common| (common.source.name.clone(), common.target.name.clone()))
            .map_err(|why| why.code())
    }

    #[test]
    fn the_newest_that_both_have_by_guid_is_compared() {
        let named = |source: &str, target: &str| Ok((source.to_owned(), target.to_owned()));
        assert_eq!(chosen("a=1 b=2 c=3", "a=1 x=2", None), named("b", "x"));
        assert_eq!(chosen("a=1 b=2 c=3", "a=1 x=2", Some(1)), named("a", "a"));
        assert_eq!(chosen("a=1 b=2 c=3", "a=1 x=2", Some(3)), named("b", "x"));
        assert_eq!(chosen("a=1 #b=2", "b=2", None), Err("no_common_snapshot"));
        assert_eq!(chosen("a=1", "a=4", None), Err("no_common_snapshot"));
        let source = dataset("tank", "a=1");
        assert!(matches!(common(&source, None, "vault", None), Err(NotComparable::NoReplica { .. })));
        let placeholder = Dataset { placeholder: true, ..dataset("vault", "") };
        assert_eq!(common(&source, Some(&placeholder), "vault", None).unwrap_err().code(), "no_replica");
    }

    #[test]
    fn without_a_key_only_what_came_raw_can_be_compared() {
        let of = |encrypted, locked| Dataset { encrypted, locked, ..dataset("tank", "") };
        let (plain, open, locked) = (of(false, false), of(true, false), of(true, true));
        assert_eq!(is_raw(&plain, &plain, None, None), Ok(false));
        assert_eq!(is_raw(&locked, &locked, Some(5), Some(5)), Ok(true));
        assert_eq!(is_raw(&open, &locked, Some(5), Some(5)), Ok(true));
        assert_eq!(is_raw(&open, &open, Some(5), Some(6)), Ok(false));
        assert_eq!(is_raw(&open, &plain, Some(5), None), Ok(false));
        for (source, target) in [(&open, &locked), (&locked, &plain)] {
            assert_eq!(is_raw(source, target, Some(5), Some(6)).unwrap_err().code(), "key_not_loaded");
        }
    }
}
