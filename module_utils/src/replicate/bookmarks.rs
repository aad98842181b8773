//! Our bookmarks on the source: the newest snapshot that a target may have survives there whatever happens.

use super::planned::Entry;
use super::preflight::{NO_BOOKMARK, STAYS};
use super::request::Request;
use crate::exec::failure::Failure;
use crate::exec::foreign;
use crate::exec::stderr::{Cause, Complaint, complaints, reason};
use crate::model::bookmark_name::{BookmarkName, TargetTag};
use crate::model::summed::first;
use crate::model::{Dataset, DatasetName, Version};
use crate::plan::transfer::Plan;
use crate::zfs::commands::{Unmet, Zfs};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Condvar, Mutex, PoisonError};

/// Our bookmarks of what is about to be sent, made a little ahead of the streams: whenever we are killed, the newest snapshot that a
/// target may have is bookmarked, and survives its destruction on the source.
#[derive(Debug, Default)]
pub struct Bookmarks {
    /// By the source datasets, each with its place in `missing` if it is not there yet.
    of: BTreeMap<DatasetName, (Bookmark, Option<usize>)>,
    /// What to make: of which snapshot which bookmark.
    missing: Vec<[String; 2]>,
    made: Mutex<Made>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Made {
    /// So many of those that were missing have been tried.
    tried: usize,
    undone: Undone,
    /// Why the others will not be tried now.
    lost: Option<Failure>,
}

/// Bookmarks that could not be made or removed, by why, of several commands.
#[derive(Debug, Default)]
pub struct Undone(Vec<(String, Cause, Vec<String>)>);

impl Undone {
    /// More of them.
    pub fn add(&mut self, more: Self) {
        for (reason, cause, names) in more.0 {
            match self.0.iter_mut().find(|(other, ..)| *other == reason) {
                Some((.., all)) => all.extend(names),
                None => self.0.push((reason, cause, names)),
            }
        }
    }

    /// Those of one command.
    fn of(unmet: &Unmet) -> Self {
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Self(by_reason(unmet).into_iter().map(|(why, cause, names)| (why.to_owned(), cause, owned(names))).collect())
    }

    /// All of a command that failed as such.
    fn all(names: Vec<String>, failure: &Failure, begin: &str) -> Self {
        Self(vec![(format!("{begin}{}", failure.reason()), failure.cause, names)])
    }

    fn has(&self, name: &String) -> bool {
        self.0.iter().any(|(.., names)| names.contains(name))
    }
}

/// Our bookmark of what is about to be sent to one target.
#[derive(Debug)]
pub struct Bookmark(BookmarkName);

/// So many are made before the first stream, then twice as many each time: each command costs a round trip, and no stream waits for long.
const FIRST: usize = 4;

impl Bookmarks {
    /// Those of all that is to be sent. `pool` is the guid of the target's pool.
    #[must_use]
    pub fn planned(entries: &[Entry<'_>], pool: u64) -> Self {
        let mut all = Self::default();
        for entry in entries {
            let Ok(Plan::Send(transfer)) = &entry.plan else { continue };
            let Some(to) = transfer.steps.last() else { continue };
            let source = &entry.source.name;
            let name = BookmarkName { target: TargetTag::new(pool, entry.target.as_str()), snapshot: to.to_guid };
            let exists = ours(entry.source).any(|(_, there)| there == name);
            let place = (!exists).then(|| {
                all.missing.push([format!("{source}@{}", to.to), format!("{source}#{name}")]);
                all.missing.len() - 1
            });
            all.of.insert(source.clone(), (Bookmark(name), place));
        }
        all
    }

    /// Makes them, in the order of the datasets.
    pub fn make(&self, zfs: Zfs<'_>) {
        let (mut rest, mut size) = (&self.missing[..], FIRST);
        while !rest.is_empty() {
            let now = &rest[..size.min(rest.len())];
            let result = zfs.bookmark(now);
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            let tried = match result {
                Ok(unmet) => {
                    made.undone.add(Undone::of(&unmet));
                    now.len()
                }
                // The next try may make them.
                Err(failure) if failure.cause.is_unanswered() => {
                    made.lost = Some(failure);
                    0
                }
                // It would be no other with those after them.
                Err(failure) => {
                    let names = rest.iter().map(|[_, name]| name.clone()).collect();
                    made.undone.add(Undone::all(names, &failure, "cannot create bookmarks: "));
                    rest.len()
                }
            };
            made.tried += tried;
            let is_over = made.lost.is_some();
            drop(made);
            self.moved.notify_all();
            if is_over {
                return;
            }
            (rest, size) = (&rest[tried..], 2 * size);
        }
    }

    /// That of a dataset, once it is there; none where it cannot be made. Where a lost connection kept it from being made, nothing may
    /// be sent: the snapshot could be pruned on the source as soon as the target has it, and nothing would be left in common.
    pub fn once_made(&self, source: &DatasetName) -> Result<Option<&Bookmark>, Failure> {
        let Some((bookmark, place)) = self.of.get(source) else { return Ok(None) };
        let Some(place) = *place else { return Ok(Some(bookmark)) };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        while made.tried <= place {
            if let Some(failure) = &made.lost {
                return Err(failure.clone());
            }
            made = self.moved.wait(made).unwrap_or_else(PoisonError::into_inner);
        }
        Ok((!made.undone.has(&self.missing[place][1])).then_some(bookmark))
    }

    /// What could not be made, one warning for each cause.
    #[must_use]
    pub fn warnings(&self) -> Vec<(Cause, String)> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |(reason, cause, names): &(String, Cause, Vec<String>)| {
            let is_one = |[_, name]: &&[String; 2]| names.contains(name);
            let kept: Vec<&str> = self.missing.iter().filter(is_one).map(|[snapshot, _]| snapshot.as_str()).collect();
            (*cause, format!("{NO_BOOKMARK}: {} ({})", foreign::quoted(reason), first(&kept)))
        };
        made.undone.0.iter().map(warning).collect()
    }
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
    for (cause, warning) in of_those_that_stay(&sweep(zfs, &gone)) {
        warn(cause, warning);
    }
}

/// Removes our older bookmarks, once newer ones have taken their place; gives those that stay.
#[must_use]
pub fn sweep(zfs: Zfs<'_>, superseded: &[String]) -> Undone {
    match zfs.destroy_bookmarks(superseded) {
        Ok(unmet) => Undone::of(&unmet),
        Err(failure) => Undone::all(superseded.to_vec(), &failure, ""),
    }
}

/// What of them stays, one warning for each cause.
#[must_use]
pub fn of_those_that_stay(undone: &Undone) -> Vec<(Cause, String)> {
    // What is gone already is no news.
    let stays = undone.0.iter().filter(|(_, cause, _)| *cause != Cause::DoesNotExist);
    stays
        .map(|(reason, cause, names)| (*cause, format!("{STAYS}: {} ({})", foreign::quoted(reason), first(names))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Undone, by_reason, of_those_that_stay};
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

    #[test]
    fn each_command_has_its_own_reasons_and_the_same_one_is_said_once() {
        let refused = |name: &str| {
            let reasons = format!("cannot destroy bookmark '{name}': permission denied\n");
            Undone::of(&Unmet { names: vec![name.to_owned()], reasons })
        };
        let lost =
            |name: &str| Undone(vec![("the line is cut".to_owned(), Cause::ConnectionLost, vec![name.to_owned()])]);
        let mut all = Undone::default();
        for more in [refused("a#1"), lost("b#1"), refused("c#1"), lost("d#1")] {
            all.add(more);
        }
        let said = of_those_that_stay(&all);
        assert_eq!(said.len(), 2);
        assert!(said[0].0 == Cause::Permission && said[0].1.ends_with("permission denied (a#1, c#1)"), "{said:?}");
        assert!(said[1].0 == Cause::ConnectionLost && said[1].1.ends_with("the line is cut (b#1, d#1)"), "{said:?}");
    }
}
