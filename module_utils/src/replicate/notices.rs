//! What a run that went well should not be silent about: sources without snapshots, patterns that match nothing, bookmarks of no use.
//! Pure.

use super::chosen;
use super::gather::Sides;
use super::orphans::orphaned;
use super::request::Request;
use crate::model::bookmark_name::BookmarkName;
use crate::model::glob::Globs;
use crate::model::{Dataset, DatasetName};
use crate::plan::conflict::Names;
use std::collections::BTreeSet;

/// What is to be said about the sources and what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// Each of them, for people.
    pub warnings: Vec<String>,
    /// No snapshot of any source is wanted, although there are some: whoever counts successes must not count this.
    pub nothing_wanted: bool,
}

/// Looks at what there is on the source.
#[must_use]
pub fn notices(request: &Request, sides: &Sides) -> Notices {
    let mut warnings = Vec::new();
    let bare = without_snapshots(sides);
    match &bare[..] {
        [] => {}
        [one] => warnings.push(format!("{one} has no snapshots: nothing was sent")),
        many => warnings.push(format!(
            "{} datasets have no snapshots: nothing was sent of {}",
            many.len(),
            Names(bare.clone())
        )),
    }
    let snapshots: Vec<&str> = sides.sources.values().flat_map(Dataset::snapshots).map(|s| s.name.as_str()).collect();
    let datasets: Vec<&str> = sides.listed.keys().map(DatasetName::as_str).collect();
    let wish = &request.wish;
    for (option, globs, texts, what) in [
        ("snapshots.include", &wish.include, &snapshots, "snapshot"),
        ("snapshots.exclude", &wish.exclude, &snapshots, "snapshot"),
        ("exclude", &request.exclude, &datasets, "dataset"),
    ] {
        warnings.extend(matching_nothing(option, globs, texts, what));
    }
    let is_listed = |root: &DatasetName| sides.listed.contains_key(root);
    warnings.extend(chosen::warnings(request, &sides.not_chosen, &sides.sources, &is_listed));
    warnings.extend(abandoned(request, sides));
    let nothing_wanted = !snapshots.is_empty() && !snapshots.iter().any(|name| wish.wants(name));
    Notices { warnings, nothing_wanted }
}

/// Bookmarks for places on the target that no source is sent to any more, as after a rename of the source: `keep_unreplicated` of
/// `zfs_prune` keeps all snapshots since them.
fn abandoned(request: &Request, sides: &Sides) -> Vec<String> {
    let orphans = orphaned(request, sides);
    let mut warnings = Vec::new();
    for source in sides.sources.values() {
        for bookmark in source.versions.iter().filter(|version| !version.is_snapshot()) {
            let Ok(BookmarkName { target, .. }) = bookmark.name.parse() else { continue };
            let place = orphans.iter().find(|orphan| target.is_of_place(orphan.name.as_str()));
            let Some(orphan) = place else { continue };
            warnings.push(format!(
                "{0}#{1} is for {2}, which no source is sent to any more, so keep_unreplicated keeps all snapshots of {0} since \
                 then. If {0} was renamed, rename {2} alike; else destroy the bookmark (zfs destroy '{0}#{1}')",
                source.name, bookmark.name, orphan.name
            ));
        }
    }
    warnings
}

/// Sources that have no snapshots, and nothing below them has any: what only holds others together is no news.
fn without_snapshots(sides: &Sides) -> Vec<String> {
    let full = sides.sources.values().filter(|dataset| dataset.snapshots().next().is_some());
    // With all above them: one walk, however many datasets there are.
    let at_or_above: BTreeSet<DatasetName> =
        full.flat_map(|dataset| std::iter::once(dataset.name.clone()).chain(dataset.name.ancestors())).collect();
    sides.sources.keys().filter(|name| !at_or_above.contains(*name)).map(ToString::to_string).collect()
}

fn matching_nothing(option: &str, globs: &Globs, texts: &[&str], what: &str) -> Vec<String> {
    if texts.is_empty() {
        return Vec::new();
    }
    let idle = globs.matching_none(texts);
    idle.map(|pattern| format!("option {option}: {pattern:?} matches no {what} of the source")).collect()
}
