//! What it takes to bring one dataset's snapshots to its target, or why that must not be done.

use super::clones::from_origin;
use super::common::{Common, common_base, newer_on_target};
use super::conflict::{Conflict, Names, NoCommon};
use super::resume::{Discard, Useless, discard, resumable};
use super::send_flags::Flags;
use super::steps::{Step, StepKind, steps};
use super::swap::{self, There};
use super::transfer::{Clearing, Key, Origin, PartialPlan, Plan, Replaces, Transfer};
use super::window::{candidates, keep_newest};
use super::wish::{Initial, OnDiverged, Wish};
use crate::model::{Dataset, DatasetName, MAX_NAME, Version};
use std::collections::{BTreeSet, HashMap};

/// Where a dataset goes.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its name there.
    pub name: &'a DatasetName,
    /// What the target has, by name.
    pub there: &'a There,
    /// What is added to the name of what is set aside.
    pub stamp: &'a str,
    /// Datasets of the target that are received raw, or will be, so their keys are not loaded there unless somebody does it by hand.
    pub raw: &'a BTreeSet<DatasetName>,
    /// Those that are not there yet, but will have arrived when it is this one's turn.
    pub coming: &'a BTreeSet<DatasetName>,
    /// What it becomes a clone of, if it is new there.
    pub origin: Option<&'a Origin>,
}

impl Place<'_> {
    fn dataset(&self) -> Option<&Dataset> {
        self.there.get(self.name)
    }

    fn below(&self) -> impl Iterator<Item = &Dataset> {
        self.there.values().filter(|other| other.name.below(self.name).is_some_and(|path| !path.is_empty()))
    }
}

/// Plans one dataset.
pub fn plan(source: &Dataset, place: &Place<'_>, wish: &Wish) -> Result<Plan, Conflict> {
    let target = place.dataset();
    let common = target.and_then(|target| common_base(source, target));
    as_it_is(source, target, common, place, wish).or_else(|conflict| match (wish.on_diverged, target, common) {
        (OnDiverged::Rollback, Some(target), Some(common)) => {
            rolled_back(source, target, common, place, wish, conflict)
        }
        (OnDiverged::SetAside, Some(target), _) => set_aside(source, target, place, wish, conflict),
        _ => Err(conflict),
    })
}

/// The plan if the target is taken back to the newest common snapshot; the conflict where that would not help.
fn rolled_back(
    source: &Dataset,
    target: &Dataset,
    common: Common<'_>,
    place: &Place<'_>,
    wish: &Wish,
    conflict: Conflict,
) -> Result<Plan, Conflict> {
    let (_, twin) = common;
    let newer = newer_on_target(target, twin);
    if newer.is_empty() && target.written == 0 {
        return Err(conflict);
    }
    let mut after = Dataset { written: 0, ..target.clone() };
    after.versions.retain(|version| version.createtxg <= twin.createtxg);
    let mut plan = as_it_is(source, Some(&after), Some(common), place, wish)?;
    if let Plan::Send(transfer) = &mut plan {
        let destroyed = newer.iter().map(|snapshot| snapshot.name.clone()).collect();
        transfer.clearing = Some(Clearing::Rollback { to: twin.name.clone(), destroyed, written: target.written });
    }
    Ok(plan)
}

/// The plan if the target is renamed; a pool cannot be.
fn set_aside(
    source: &Dataset,
    target: &Dataset,
    place: &Place<'_>,
    wish: &Wish,
    reason: Conflict,
) -> Result<Plan, Conflict> {
    if target.name.parent().is_none() || !reason.is_about_the_target() {
        return Err(reason);
    }
    // What arrives has its place only when its first snapshot is there: until then, all that lies below stays where it is.
    let name = format!("{}_diverged_{}", target.name, place.stamp);
    let to = name.parse().map_err(|_| Conflict::NameTooLong { name: name.clone() })?;
    fits_below(place, &name)?;
    let mut plan = as_it_is(source, None, None, place, wish)?;
    if let Plan::Send(transfer) = &mut plan {
        transfer.replaces = Replaces::Beside(beside(source, target, place, (transfer.raw, Some(&to)))?);
        transfer.clearing = Some(Clearing::SetAside { to, reason });
    }
    Ok(plan)
}

fn as_it_is(
    source: &Dataset,
    target: Option<&Dataset>,
    common: Option<Common<'_>>,
    place: &Place<'_>,
    wish: &Wish,
) -> Result<Plan, Conflict> {
    let Some(target) = target.filter(|target| !target.is_only_partial()) else {
        return first(source, target, place, wish);
    };
    if source.kind != target.kind && !target.placeholder {
        return Err(Conflict::KindDiffers { source_kind: source.kind, target_kind: target.kind });
    }
    if target.snapshots().next().is_none() {
        let plan = first(source, Some(target), place, wish)?;
        if matches!(plan, Plan::Send(_)) && !target.placeholder {
            let below = Names(place.below().map(|dataset| dataset.name.to_string()).collect());
            return Err(Conflict::TargetInUse { target: target.name.clone(), guid: target.guid, below });
        }
        return Ok(plan);
    }
    let Some((base, twin)) = common else {
        if candidates(source, wish, 0).iter().all(|(_, wanted)| !wanted) {
            return Ok(nothing_wanted(source, wish, Some(target)));
        }
        return Err(Conflict::NoCommonSnapshot(Box::new(NoCommon {
            source: source.name.clone(),
            target: target.name.clone(),
            source_only: Names::of(source.snapshots()),
            target_only: Names::of(target.snapshots()),
            elsewhere: None,
        })));
    };
    let later = candidates(source, wish, base.createtxg);
    if !later.iter().any(|(_, wanted)| *wanted) {
        return Ok(Plan::UpToDate { base: base.clone(), discard: leftover(source, Some(base), &later, wish, target) });
    }
    check_names(place.name, &later)?;
    refuse_what_the_kernel_would(source, target, (base, twin), &later, wish.raw.applies_to(source))?;
    Ok(Plan::Send(transfer(source, (Some(base), None), &later, Some(target), Replaces::Nothing, wish)))
}

/// Nothing is to be sent, so what an interrupted receive left is of no use.
fn leftover(
    source: &Dataset,
    base: Option<&Version>,
    later: &[(&Version, bool)],
    wish: &Wish,
    on: &Dataset,
) -> Option<Discard> {
    let reason = resumable(source, base.map(|base| base.guid), later, on.partial.as_ref()?, wish).err();
    discard(on, reason.unwrap_or(Useless::ResumeOff))
}

fn nothing_wanted(source: &Dataset, wish: &Wish, on: Option<&Dataset>) -> Plan {
    let later = candidates(source, wish, 0);
    Plan::NoSnapshots { discard: on.and_then(|on| leftover(source, None, &later, wish, on)) }
}

fn first(source: &Dataset, target: Option<&Dataset>, place: &Place<'_>, wish: &Wish) -> Result<Plan, Conflict> {
    let mut wanted = candidates(source, wish, 0);
    if wish.initial == Initial::Latest {
        keep_newest(&mut wanted, 1);
    }
    let beside = place.name.arriving().ok().and_then(|name| place.there.get(&name));
    if !wanted.iter().any(|(_, wanted)| *wanted) {
        return Ok(nothing_wanted(source, wish, beside.filter(|beside| beside.is_only_partial()).or(target)));
    }
    check_names(place.name, &wanted)?;
    target.map_or(Ok(()), swap::check_empty)?;
    let key = key(source, place, wish)?;
    // What was begun whole goes on so.
    let mut begun = [target, beside].into_iter().flatten().filter_map(|there| there.partial.as_ref());
    let is_begun_whole = begun.any(|partial| resumable(source, None, &wanted, partial, wish).is_ok());
    let origin = place.origin.filter(|_| !key.plain && !is_begun_whole);
    let placeholder = target.filter(|target| target.placeholder);
    let replaces = match (placeholder, beside) {
        // By force, ZFS receives no clone.
        (Some(target), _) if origin.is_some() => beside_placeholder(source, target, place, wish)?,
        (Some(target), _) => over(source, target, place, wish)?,
        // The placeholder is gone already.
        (None, Some(beside)) if target.is_none() && beside.is_only_partial() => Replaces::Beside(beside.name.clone()),
        _ => Replaces::Nothing,
    };
    let on = match &replaces {
        Replaces::Beside(arriving) => {
            check_names(arriving, &wanted[..1])?;
            place.there.get(arriving)
        }
        _ => target,
    };
    Ok(Plan::Send(Transfer { key, ..transfer(source, (None, origin), &wanted, on, replaces, wish) }))
}

/// Where what arrives at `place` for the first time has its key from. ZFS encrypts it with that of the dataset above it, unless it is
/// received raw or told otherwise; and makes placeholders so, too.
fn key(source: &Dataset, place: &Place<'_>, wish: &Wish) -> Result<Key, Conflict> {
    let is_missing = |name: &DatasetName| !place.there.contains_key(name) && !place.coming.contains(name);
    let missing = place.name.ancestors().take_while(is_missing).last();
    let Some(above) = place.name.ancestors().find(|name| !is_missing(name)) else { return Ok(Key::default()) };
    let there = place.there.get(&above);
    let is_locked = place.coming.contains(&above) || there.is_none_or(|there| there.locked);
    let raw = wish.raw.applies_to(source);
    if is_locked && place.raw.contains(&above) {
        return Ok(Key { plain: !raw, plain_parents: true });
    }
    let Some(there) = there.filter(|there| there.locked) else {
        return Ok(Key { plain: false, plain_parents: wish.plain_placeholders });
    };
    let root = there.encryption_root.clone().unwrap_or_else(|| above.clone());
    match missing.filter(|_| !wish.plain_placeholders) {
        Some(what) => Err(Conflict::TargetLocked { what, root, is_placeholder: true }),
        None if !raw => Err(Conflict::TargetLocked { what: place.name.clone(), root, is_placeholder: false }),
        None => Ok(Key { plain: false, plain_parents: wish.plain_placeholders }),
    }
}

/// How a first stream takes the place of a placeholder.
fn over(source: &Dataset, target: &Dataset, place: &Place<'_>, wish: &Wish) -> Result<Replaces, Conflict> {
    let raw = wish.raw.applies_to(source);
    if !target.encrypted && !raw {
        return Ok(Replaces::Placeholder);
    }
    beside_placeholder(source, target, place, wish)
}

fn beside_placeholder(
    source: &Dataset,
    target: &Dataset,
    place: &Place<'_>,
    wish: &Wish,
) -> Result<Replaces, Conflict> {
    if target.name.parent().is_none() {
        return Err(Conflict::PoolIsPlaceholder { target: target.name.clone() });
    }
    Ok(Replaces::Beside(beside(source, target, place, (wish.raw.applies_to(source), None))?))
}

/// Where the first stream goes while the target still has its place, which it gives up later; with `aside`, for that name.
fn beside(
    source: &Dataset,
    target: &Dataset,
    place: &Place<'_>,
    (raw, aside): (bool, Option<&DatasetName>),
) -> Result<DatasetName, Conflict> {
    let arriving = target
        .name
        .arriving()
        .map_err(|_| Conflict::NameTooLong { name: format!("{}{}", target.name, crate::model::ARRIVING) })?;
    if let Some(other) = place.there.get(&arriving).filter(|other| !other.is_only_partial()) {
        let has = Names::of(other.snapshots());
        return Err(Conflict::ArrivingInUse { target: target.name.clone(), arriving, has });
    }
    fits_below(place, arriving.as_str())?;
    swap::changes(&target.name, &swap::arrived(source, &arriving, target, raw), aside, place.there)?;
    Ok(arriving)
}

/// Whether the names of these snapshots are short enough for the target.
fn check_names(target: &DatasetName, later: &[(&Version, bool)]) -> Result<(), Conflict> {
    let wanted = later.iter().filter(|(_, wanted)| *wanted);
    match wanted.map(|(version, _)| version).find(|version| target.as_str().len() + 1 + version.name.len() > MAX_NAME) {
        Some(version) => Err(Conflict::NameTooLong { name: format!("{target}{}", version.signed()) }),
        None => Ok(()),
    }
}

/// Whether all that is below the target can have `to` in front of its name instead.
fn fits_below(place: &Place<'_>, to: &str) -> Result<(), Conflict> {
    for dataset in place.below() {
        let longest = dataset.snapshots().map(Version::signed).max_by_key(String::len).unwrap_or_default();
        let path = dataset.name.below(place.name).unwrap_or_default();
        let name = format!("{to}/{path}{longest}");
        if name.len() > MAX_NAME {
            return Err(Conflict::NameTooLong { name });
        }
    }
    Ok(())
}

fn transfer(
    source: &Dataset,
    (base, origin): (Option<&Version>, Option<&Origin>),
    later: &[(&Version, bool)],
    on: Option<&Dataset>,
    replaces: Replaces,
    wish: &Wish,
) -> Transfer {
    let raw = wish.raw.applies_to(source);
    let anew = |partial, replaces| {
        let key = Key::default();
        let flags = Flags::default();
        let (steps, origin) = (from_origin(steps(base, later), origin), origin.cloned());
        Transfer { steps, raw, flags, resumable: true, replaces, origin, key, partial, clearing: None }
    };
    let Some((on, partial)) = on.and_then(|on| Some((on, on.partial.as_ref()?))) else { return anew(None, replaces) };
    let from = origin.map(|origin| origin.guid).or(base.map(|base| base.guid));
    match resumable(source, from, later, partial, wish) {
        Err(reason) => anew(discard(on, reason).map(PartialPlan::Discard), replaces),
        Ok(index) => {
            let (to, _) = later[index];
            let resumed = Step {
                kind: StepKind::Resume,
                from: origin.map(|origin| origin.from.clone()).or(base.map(Version::signed)),
                to: to.name.clone(),
                to_guid: to.guid,
                snapshots: 1,
            };
            let rest = steps(Some(to), &later[index + 1..]);
            Transfer {
                steps: std::iter::once(resumed).chain(rest).collect(),
                partial: Some(PartialPlan::Resume { token: partial.token.clone() }),
                ..anew(None, replaces)
            }
        }
    }
}

/// The rules of `zfs receive` without `-F`, predicted before the first byte.
/// Source: `recv_begin_check_existing_impl` in OpenZFS, module/zfs/dmu_recv.c.
fn refuse_what_the_kernel_would(
    source: &Dataset,
    target: &Dataset,
    (base, twin): (&Version, &Version),
    later: &[(&Version, bool)],
    raw: bool,
) -> Result<(), Conflict> {
    let there: HashMap<&str, u64> =
        target.snapshots().map(|snapshot| (snapshot.name.as_str(), snapshot.guid)).collect();
    for (snapshot, _) in later.iter().filter(|(_, wanted)| *wanted) {
        if let Some(&target_guid) = there.get(snapshot.name.as_str()) {
            return Err(Conflict::NameTaken { name: snapshot.name.clone(), source_guid: snapshot.guid, target_guid });
        }
    }
    let newer = newer_on_target(target, twin);
    // Newer snapshots that hold nothing do no harm, except to a raw stream, which needs its base to be the very newest.
    if !newer.is_empty() && (raw || newer.iter().any(|snapshot| snapshot.asked.written != Some(0))) {
        let source_only = source.snapshots().filter(|snapshot| snapshot.createtxg > base.createtxg);
        return Err(Conflict::Diverged {
            common: twin.signed(),
            target_only: Names::of(newer),
            source_only: Names::of(source_only),
        });
    }
    if target.written > 0 {
        return Err(Conflict::Modified { common: twin.signed(), written: target.written });
    }
    match (base.asked.ivset, twin.asked.ivset) {
        (Some(ours), theirs) if raw && theirs != Some(ours) => Err(Conflict::RawOntoPlain { common: twin.signed() }),
        (Some(ours), Some(theirs)) if !raw && theirs == ours => Err(Conflict::PlainOntoRaw { common: twin.signed() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "replicate_tests.rs"]
mod tests;
