use super::{Pairs, Seen, may_have_strayed, movable, pairs, strayed};
use crate::model::bookmark_name::{BookmarkName, TargetTag};
use crate::model::code::Coded;
use crate::model::{Dataset, DatasetName, Version, VersionKind};
use crate::plan::mapping::Mapping;
use crate::plan::swap::There;
use std::collections::BTreeMap;

/// Datasets, parted by `;`: a name, its guid, `of=GUID` where it is marked as a replica, `empty` for a placeholder, and from oldest to
/// newest its versions, `@NAME` or `#NAME`. What has the same name has the same guid.
pub(in crate::plan) fn there(text: &str) -> There {
    let dataset = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, guid) = (words.next().unwrap(), words.next().unwrap());
        let mut dataset = Dataset::empty(name.parse().unwrap(), guid.parse().unwrap());
        for (word, createtxg) in words.zip(1..) {
            if word == "empty" {
                dataset.placeholder = true;
            } else if let Some(of) = word.strip_prefix("of=") {
                dataset.replica_of = Some(of.parse().unwrap());
            } else if let Some(root) = word.strip_prefix("key=") {
                (dataset.encrypted, dataset.encryption_root) = (true, Some(root.parse().unwrap()));
            } else {
                let kind = if word.starts_with('@') { VersionKind::Snapshot } else { VersionKind::Bookmark };
                let (name, guid) = (word[1..].to_owned(), u64::from(word.as_bytes()[1]));
                let version = Version::listed(kind, name, guid, createtxg);
                dataset.versions.push(version);
            }
        }
        (dataset.name.clone(), dataset)
    };
    text.split(';').map(str::trim).filter(|line| !line.is_empty()).map(dataset).collect()
}

pub(in crate::plan) fn found(sources: &str, targets: &str) -> Pairs {
    let (sources, targets) = (there(sources), there(targets));
    let listed: BTreeMap<DatasetName, u64> = sources.values().map(|one| (one.name.clone(), one.guid)).collect();
    let mapping = Mapping { target: "v".parse().unwrap(), strip_prefix: None };
    let roots = ["t".parse().unwrap()];
    pairs(&Seen { sources: &sources, listed: &listed, roots: &roots, targets: &targets, mapping: &mapping })
}

fn shown(pairs: &Pairs) -> Vec<String> {
    let of = pairs.of.iter().map(|(source, pair)| format!("{source}: {} to {}", pair.replica, pair.place));
    of.chain(pairs.ambiguous.iter().map(|(source, stuck)| format!("{source}: {}", stuck.code()))).collect()
}

#[test]
fn a_replica_of_a_renamed_source_is_known_by_guid() {
    for (sources, targets, expected) in [
        // By its mark; and without one, where what it was called is gone.
        ("t 1; t/new 2 @a @b", "v/t 11; v/t/old 12 of=2 @a", "t/new: v/t/old to v/t/new"),
        ("t 1; t/new 2 @a @b", "v/t 11; v/t/old 12 @a", "t/new: v/t/old to v/t/new"),
        // A bookmark is proof enough, and so is an older one.
        ("t 1; t/new 2 #a @b", "v/t 11; v/t/old 12 of=2 @a", "t/new: v/t/old to v/t/new"),
        // Another dataset has the old name now.
        ("t 1; t/old 3 @x; t/new 2 @a", "v/t 11; v/t/old 12 of=2 @a", "t/new: v/t/old to v/t/new"),
        ("t 1; t/old 3 @x; t/new 2 @a", "v/t 11; v/t/old 12 @a", "t/new: v/t/old to v/t/new"),
        // Names that were swapped.
        (
            "t 1; t/a 2 @a; t/b 3 @b",
            "v/t 11; v/t/a 12 of=3 @b; v/t/b 13 of=2 @a",
            "t/a: v/t/b to v/t/a, t/b: v/t/a to v/t/b",
        ),
        // Of the two that it once fed, the one that got further.
        ("t 1; t/new 2 @a @b", "v/t 11; v/t/o 12 of=2 @a; v/t/p 13 of=2 @a @b", "t/new: v/t/p to v/t/new"),
        ("t 1; t/new 2 @a", "v/t 11; v/t/o 12 of=2 @a; v/t/p 13 of=2 @a", "t/new: renamed_ambiguous"),
    ] {
        assert_eq!(shown(&found(sources, targets)).join(", "), expected, "{sources} onto {targets}");
    }
}

#[test]
fn replicas_beyond_are_known_by_bookmarks() {
    let bookmarked = |source: &str, place: &str| {
        let mut sources = there(source);
        let target = TargetTag::new(7, place);
        for version in sources.values_mut().flat_map(|one| &mut one.versions).filter(|one| !one.is_snapshot()) {
            version.name = BookmarkName { target, snapshot: version.guid }.to_string();
        }
        sources
    };
    let mapping = Mapping { target: "v".parse().unwrap(), strip_prefix: None };
    for (source, place, beyond, expected) in [
        // A pool that was imported by another name.
        ("new 2 #a @b", "v/old", "v/old 12 @a; v/old/c 13; v/other 14 @a", "v/old v/old/c"),
        // Nothing of what the bookmark is of is there; what is there is not what it is of; another job sends it there.
        ("new 2 #a @b", "v/old", "v/old 12 @x", ""),
        ("new 2 #a @b", "v/older", "v/old 12 @a", ""),
        ("t/new 2 #a @b", "v/x/t/new", "v/x/t/new 12 @a", ""),
    ] {
        let sources = bookmarked(source, place);
        assert!(may_have_strayed(&sources, &there(""), &mapping));
        let found = strayed(&sources, &there(beyond));
        assert_eq!(found.iter().map(DatasetName::as_str).collect::<Vec<_>>().join(" "), expected, "{source} {beyond}");
    }
    // What never was replicated, or has its place, is not looked for.
    assert!(!may_have_strayed(&there("new 2 #a @b"), &there(""), &mapping));
    assert!(!may_have_strayed(&bookmarked("new 2 #a @b", "v/old"), &there("v/new 12"), &mapping));
}

#[test]
fn what_is_not_proven_is_not_found() {
    for (sources, targets) in [
        // It has its place, or arrives there.
        ("t 1; t/new 2 @a", "v/t 11; v/t/old 12 of=2 @a; v/t/new 13 of=2 @a"),
        ("t 1; t/new 2 @a", "v/t 11; v/t/old 12 of=2 @a; v/t/new_ferro_arriving 13 of=2 @a"),
        // It is of another dataset, as after `zfs promote`, or a copy of one.
        ("t 1; t/new 2 @a", "v/t 11; v/t/old 12 of=3 @a"),
        ("t 1; t/new 2 @a; t/copy 3 @a", "v/t 11; v/t/old 12 @a"),
        // Its source is there, and feeds it.
        ("t 1; t/old 3 @a; t/new 2 @a", "v/t 11; v/t/old 12 of=2 @a"),
        // Nothing in common, though it says so.
        ("t 1; t/new 2 @b", "v/t 11; v/t/old 12 of=2 @a"),
        // Set aside on purpose, or outside of what is looked at.
        ("t 1; t/new 2 @a", "v/t 11; v/t/old_diverged_x 12 of=2 @a"),
        ("t 1; t/new 2 @a", "v/t 11; v/ferro_deleted 13; v/ferro_deleted/t:old_x 12 of=2 @a"),
        ("t 1; t/new 2 @a", "v/t 11; v/s/old 12 @a"),
        ("t 1; t/new 2", "v/t 11; v/t/old 12 of=2 @a"),
    ] {
        assert_eq!(shown(&found(sources, targets)), [""; 0], "{sources} onto {targets}");
    }
}

#[test]
fn what_cannot_have_its_place_stays_with_all_that_hangs_on_it() {
    let stuck = |sources: &str, targets: &str| {
        let (of, stuck) = movable(&found(sources, targets), &there(targets));
        let of = of.keys().map(|source| format!("{source}: goes"));
        of.chain(stuck.iter().map(|(source, why)| format!("{source}: {}", why.code()))).collect::<Vec<_>>().join(", ")
    };
    // A replica without a source has the place.
    assert_eq!(stuck("t 1; t/a 2 @b", "v/t 11; v/t/a 12 of=9 @x; v/t/b 13 of=2 @b"), "t/a: renamed_place_taken");
    // So the one that would have followed into the place of the first stays, too.
    assert_eq!(
        stuck("t 1; t/a 2 @b; t/b 3 @c", "v/t 11; v/t/a 12 of=9 @x; v/t/b 13 of=2 @b; v/t/c 14 of=3 @c"),
        "t/a: renamed_place_taken, t/b: renamed_place_taken"
    );
    assert_eq!(
        stuck("t 1; t/a 2 @b; t/a/x 3 @c", "v/t 11; v/t/a 12 of=9 @x; v/t/b 13 of=2 @b; v/t/b/x 14 of=3 @c"),
        "t/a: renamed_place_taken, t/a/x: renamed_above"
    );
    // A placeholder gives way, and so does what moves itself.
    assert_eq!(
        stuck("t 1; t/a 2 @a; t/b 3 @b; t/c 4 @c", "v/t 11; v/t/a 12 of=3 @b; v/t/b 13 of=4 @c; v/t/c 14 of=2 @a"),
        "t/a: goes, t/b: goes, t/c: goes"
    );
    assert_eq!(stuck("t 1; t/a 2 @a", "v/t 11; v/t/a 12 empty; v/t/o 13 of=2 @a"), "t/a: goes");
}
