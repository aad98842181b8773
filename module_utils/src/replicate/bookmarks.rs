//! Our bookmarks on the source: the newest snapshot that a target may have survives there whatever happens.

use super::planned::Entry;
use super::preflight::{NO_BOOKMARK, STAYS};
use super::request::Request;
use crate::exec::foreign;
use crate::exec::stderr::{Cause, Complaint, complaints, reason};
use crate::model::bookmark_name::{BookmarkName, TargetTag};
use crate::model::summed::first;
use crate::model::{Dataset, DatasetName, Version};
use crate::plan::transfer::Plan;
use crate::zfs::commands::{Unmet, Zfs};
use std::collections::{BTreeMap, HashMap};

/// Our bookmarks of what is about to be sent, by the source datasets.
pub type Bookmarks = BTreeMap<DatasetName, Bookmark>;

/// Our bookmark of what is about to be sent to one target.
#[derive(Debug)]
pub struct Bookmark(BookmarkName);

/// Bookmarks what is about to be sent, for all datasets at once. Done before, not after: whenever we are killed, the newest snapshot
/// that a target may have is bookmarked, and survives its destruction on the source. `pool` is the guid of the target's pool.
pub fn before(zfs: Zfs<'_>, entries: &[Entry<'_>], pool: u64, warn: &mut dyn FnMut(Cause, String)) -> Bookmarks {
    let mut bookmarks = Bookmarks::new();
    let mut missing = Vec::new();
    for entry in entries {
        let Ok(Plan::Send(transfer)) = &entry.plan else { continue };
        let Some(to) = transfer.steps.last() else { continue };
        let source = &entry.source.name;
        let name = BookmarkName { target: TargetTag::new(pool, entry.target.as_str()), snapshot: to.to_guid };
        let exists = ours(entry.source).any(|(_, there)| there == name);
        if !exists {
            missing.push([format!("{source}@{}", to.to), format!("{source}#{name}")]);
        }
        bookmarks.insert(source.clone(), Bookmark(name));
    }
    let unmet = match zfs.bookmark(&missing) {
        Ok(unmet) => unmet,
        Err(failure) => Unmet {
            names: missing.iter().map(|[_, name]| name.clone()).collect(),
            reasons: format!("cannot create bookmarks: {}", failure.reason()),
        },
    };
    bookmarks.retain(|source, bookmark| !unmet.names.contains(&format!("{source}#{}", bookmark.0)));
    for (reason, cause, names) in by_reason(&unmet) {
        let kept: Vec<&str> =
            missing.iter().filter(|[_, name]| names.contains(&name.as_str())).map(|[s, _]| s.as_str()).collect();
        warn(cause, format!("{NO_BOOKMARK}: {} ({})", foreign::quoted(reason), first(&kept)));
    }
    bookmarks
}

/// What could not be done, by why. Of very many only the last are explained: the others fail for the same reason, as far as is known.
fn by_reason(unmet: &Unmet) -> Vec<(&str, Cause, Vec<&str>)> {
    let all: Vec<Complaint<'_>> = complaints(&unmet.reasons).collect();
    let named: HashMap<&str, (&str, Cause)> =
        all.iter().filter_map(|it| Some((it.dataset?, (reason(it.line), it.cause)))).collect();
    let rest = all.last().map_or((unmet.reasons.trim(), Cause::Other), |it| (reason(it.line), it.cause));
    let mut reasons: Vec<(&str, Cause, Vec<&str>)> = Vec::new();
    for name in unmet.names.iter().map(String::as_str) {
        let (why, cause) = named.get(name).copied().unwrap_or(rest);
        match reasons.iter_mut().find(|(other, ..)| *other == why) {
            Some((.., names)) => names.push(name),
            None => reasons.push((why, cause, vec![name])),
        }
    }
    reasons
}

impl Bookmark {
    /// Our bookmarks of `source` for the same target that are not needed once this one's snapshot has arrived, in full.
    #[must_use]
    pub fn supersedes(&self, source: &Dataset) -> Vec<String> {
        let older = ours(source).filter(|(_, name)| name.target == self.0.target && *name != self.0);
        older.map(|(bookmark, _)| format!("{}#{}", source.name, bookmark.name)).collect()
    }
}

/// The bookmarks of a dataset that are ours.
fn ours(source: &Dataset) -> impl Iterator<Item = (&Version, BookmarkName)> {
    let bookmarks = source.versions.iter().filter(|version| !version.is_snapshot());
    bookmarks.filter_map(|bookmark| Some((bookmark, bookmark.name.parse().ok()?)))
}

/// Gives our bookmarks of sources whose replicas were renamed the names that belong to their new places: `before` has what those were
/// called. What stays keeps snapshots from being pruned.
pub fn take_along(
    zfs: Zfs<'_>,
    request: &Request,
    sources: &BTreeMap<DatasetName, Dataset>,
    before: &BTreeMap<DatasetName, DatasetName>,
    warn: &mut dyn FnMut(Cause, String),
) {
    let (mut made, mut stale) = (Vec::new(), Vec::new());
    for source in sources.values() {
        let Ok(place) = request.mapping.target_of(&source.name) else { continue };
        let Some(old) = before.get(&place) else { continue };
        for (bookmark, name) in ours(source).filter(|(_, name)| name.target.is_of_place(old.as_str())) {
            let new = BookmarkName { target: name.target.at(place.as_str()), ..name };
            // Of a bookmark ZFS makes another only since 2.0.
            let snapshot = source.snapshots().find(|snapshot| snapshot.guid == bookmark.guid);
            let from = snapshot.unwrap_or(bookmark).signed();
            made.push([format!("{}{from}", source.name), format!("{}#{new}", source.name)]);
            stale.push(format!("{}#{}", source.name, bookmark.name));
        }
    }
    let unmet = match zfs.bookmark(&made) {
        Ok(unmet) => unmet,
        Err(failure) => return warn(failure.cause, format!("{STAYS}: {}", foreign::quoted(&failure.reason()))),
    };
    for (reason, cause, names) in by_reason(&unmet) {
        warn(cause, format!("{STAYS}: {} ({})", foreign::quoted(reason), first(&names)));
    }
    let is_made = |(pair, _): &(&[String; 2], &String)| !unmet.names.contains(&pair[1]);
    let gone: Vec<String> = made.iter().zip(&stale).filter(is_made).map(|(_, stale)| stale.clone()).collect();
    sweep(zfs, &gone, warn);
}

/// Removes our older bookmarks, once newer ones have taken their place.
pub fn sweep(zfs: Zfs<'_>, superseded: &[String], warn: &mut dyn FnMut(Cause, String)) {
    match zfs.destroy_bookmarks(superseded) {
        Ok(unmet) => {
            // What is gone already is no news.
            for (reason, cause, names) in
                by_reason(&unmet).into_iter().filter(|(_, cause, _)| *cause != Cause::DoesNotExist)
            {
                warn(cause, format!("{STAYS}: {} ({})", foreign::quoted(reason), first(&names)));
            }
        }
        Err(failure) => {
            warn(failure.cause, format!("{STAYS}: {} ({})", foreign::quoted(&failure.reason()), first(superseded)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::by_reason;
    use crate::exec::stderr::Cause;
    use crate::zfs::commands::Unmet;

    #[test]
    fn what_fails_alike_is_said_once() {
        let names: Vec<String> = (0..150).map(|number| format!("tank/{number}#ferro_1")).collect();
        let says = |why: &str, names: &[String]| {
            names.iter().map(|name| format!("cannot create bookmark '{name}': {why}\n")).collect::<Vec<_>>().concat()
        };
        // The first lines were too many to be kept.
        let reasons = format!(
            "...ferro_1': pool is read-only\n{}{}",
            says("out of space", &names[140..141]),
            says("pool is read-only", &names[100..140])
        );
        let unmet = Unmet { names, reasons };
        let summed: Vec<_> =
            by_reason(&unmet).into_iter().map(|(why, cause, names)| (why, cause, names.len())).collect();
        assert_eq!(summed, [("pool is read-only", Cause::ReadOnly, 149), ("out of space", Cause::NoSpace, 1)]);
    }
}
