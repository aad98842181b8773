//! What it takes to bring one dataset's snapshots to its target, or why that must not be done.

use super::steps::{Step, StepKind, steps};
use crate::glob::Globs;
use crate::model::{Dataset, Kind, Partial, Version};
use std::collections::HashMap;

/// What the user asked for, as far as planning goes.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Only matching snapshots are sent; empty means all.
    pub include: Globs,
    /// Matching snapshots are never sent.
    pub exclude: Globs,
    /// A first replication sends only the latest snapshot.
    pub initial_latest_only: bool,
    /// Only the latest snapshot is sent, ever.
    pub latest_only: bool,
    /// Whether streams are raw.
    pub raw: RawMode,
    /// Whether an interrupted receive is taken up again.
    pub resume: bool,
    /// What to do where source and target have gone apart.
    pub on_diverged: OnDiverged,
}

/// What to do where source and target have gone apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDiverged {
    /// Say so and leave them alone.
    #[default]
    Fail,
    /// Take the target back to the newest common snapshot.
    Rollback,
    /// Rename the target and start anew.
    SetAside,
}

impl Wish {
    fn wants(&self, snapshot: &str) -> bool {
        (self.include.is_empty() || self.include.matches(snapshot)) && !self.exclude.matches(snapshot)
    }
}

/// Whether streams are raw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawMode {
    /// Where the dataset is encrypted.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl RawMode {
    /// Whether the streams of `source` are raw.
    #[must_use]
    pub fn applies_to(self, source: &Dataset) -> bool {
        match self {
            Self::Auto => source.encrypted,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// What to do with one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The source has no snapshot that is wanted.
    NoSnapshots,
    /// The target has everything that is wanted.
    UpToDate {
        /// The newest common snapshot or bookmark of the source.
        base: Version,
    },
    /// Streams to send, in this order.
    Send(Transfer),
}

/// Streams to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The streams.
    pub steps: Vec<Step>,
    /// They are raw.
    pub raw: bool,
    /// The first one takes the place of an empty dataset that we made as a parent.
    pub over_placeholder: bool,
    /// What the target's interrupted receive needs first.
    pub partial: Option<PartialPlan>,
    /// What has to make way on the target, because an option asked for it by name.
    pub clearing: Option<Clearing>,
}

/// What has to make way on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clearing {
    /// These snapshots and whatever was written since `to`.
    Rollback {
        /// The newest common snapshot, by its name on the target.
        to: String,
        /// Snapshots of the target that are destroyed.
        destroyed: Vec<String>,
        /// Bytes written since the target's newest snapshot, which are lost too.
        written: u64,
    },
    /// The whole dataset, which keeps its data under another name.
    SetAside {
        /// Why.
        reason: String,
    },
}

/// What to do with what an interrupted receive left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartialPlan {
    /// Take it up again; that is the first step.
    Resume {
        /// The token to send with.
        token: String,
    },
    /// Throw it away, because it does not fit any more.
    Discard {
        /// Why.
        reason: String,
        /// How many bytes are lost.
        bytes: u64,
    },
}

/// Why a dataset must not be replicated as it is. Every one names both sides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Not one snapshot in common.
    #[error(
        "source and target have no snapshot in common, so nothing incremental is possible: source has {source_only}; target has \
         {target_only}. If the target is this dataset's replica, it was recreated or its common snapshots were destroyed on the \
         source: rename the target out of the way (zfs rename) and run again, or let on_diverged: set_aside do that"
    )]
    NoCommonSnapshot {
        /// Snapshots of the source.
        source_only: String,
        /// Snapshots of the target.
        target_only: String,
    },
    /// The target went its own way after the common snapshot.
    #[error(
        "the target has diverged: the newest common snapshot is {common}, after it the target alone has {target_only} and the \
         source alone has {source_only}. If nobody needs what only the target has, destroy it there, or let on_diverged: rollback do that; set_aside keeps it under \
         another name"
    )]
    Diverged {
        /// The newest common snapshot.
        common: String,
        /// Snapshots of the target after it.
        target_only: String,
        /// Snapshots of the source after it.
        source_only: String,
    },
    /// The target was written to.
    #[error(
        "the target was written to: {written} bytes since its snapshot {common}. Keep a copy if they matter, then roll the \
         target back to that snapshot, or let on_diverged: rollback do that; readonly=on and canmount=off prevent it from happening again"
    )]
    Modified {
        /// The newest common snapshot.
        common: String,
        /// Bytes written since.
        written: u64,
    },
    /// A snapshot with this name but another guid is already there.
    #[error(
        "the target already has another snapshot named @{name} (guid {target_guid}, the source's is {source_guid}). \
         Rename or destroy the one on the target"
    )]
    NameTaken {
        /// The snapshot's name.
        name: String,
        /// The source's guid.
        source_guid: u64,
        /// The target's guid.
        target_guid: u64,
    },
    /// The target exists, has no snapshots and was not made by us.
    #[error(
        "the target exists, has no snapshots and was not made by this module, so it may hold data of its own. \
         If it is empty and not needed, destroy it; otherwise choose another target"
    )]
    TargetInUse,
    /// An encrypted stream cannot take the place of a plain parent.
    #[error(
        "the target is an unencrypted parent made for its children, and ZFS cannot replace it with a raw encrypted dataset. \
         Rename it out of the way with its children (zfs rename), run again, then move the children below the new one"
    )]
    RawOverPlaceholder,
    /// Filesystem on one side, volume on the other.
    #[error("the source is a {source_kind} but the target is a {target_kind}")]
    KindDiffers {
        /// What the source is.
        source_kind: &'static str,
        /// What the target is.
        target_kind: &'static str,
    },
    /// Raw streams onto a plain history.
    #[error(
        "the target's history was received plain (its {common} has another IV set than the source's), so a raw stream does not \
         fit onto it. Choose raw: never for this target, or start a new one"
    )]
    RawOntoPlain {
        /// The newest common snapshot.
        common: String,
    },
    /// Plain streams onto a raw history.
    #[error(
        "the target's history was received raw (its {common} has the source's IV set); a plain stream would break every later \
         raw one. Choose raw: auto for this target, or start a new one"
    )]
    PlainOntoRaw {
        /// The newest common snapshot.
        common: String,
    },
}

/// The newest version of the source that the target has too, with the target's snapshot of it.
///
/// Snapshots and bookmarks compete in one list by createtxg: an old common snapshot never hides a newer common bookmark.
#[must_use]
pub fn common_base<'a>(source: &'a Dataset, target: &'a Dataset) -> Option<(&'a Version, &'a Version)> {
    let there: HashMap<u64, &Version> = target.snapshots().map(|snapshot| (snapshot.guid, snapshot)).collect();
    // A snapshot sorts after its bookmark, so it is met first: of the two it can do more.
    source.versions.iter().rev().find_map(|version| Some((version, *there.get(&version.guid)?)))
}

/// Snapshots of the target that are newer than `base`.
#[must_use]
pub fn newer_on_target<'a>(target: &'a Dataset, base: &Version) -> Vec<&'a Version> {
    target.snapshots().filter(|snapshot| snapshot.createtxg > base.createtxg).collect()
}

/// Plans one dataset. `target` is what is there now, if anything.
pub fn plan(source: &Dataset, target: Option<&Dataset>, wish: &Wish) -> Result<Plan, Conflict> {
    as_it_is(source, target, wish).or_else(|conflict| match (wish.on_diverged, target) {
        (OnDiverged::Rollback, Some(target)) => rolled_back(source, target, wish, conflict),
        (OnDiverged::SetAside, Some(target)) => set_aside(source, target, wish, conflict),
        _ => Err(conflict),
    })
}

/// The plan if the target is taken back to the newest common snapshot; the conflict where that would not help.
fn rolled_back(source: &Dataset, target: &Dataset, wish: &Wish, conflict: Conflict) -> Result<Plan, Conflict> {
    let Some((_, twin)) = common_base(source, target) else { return Err(conflict) };
    let newer = newer_on_target(target, twin);
    if newer.is_empty() && target.written == 0 {
        return Err(conflict);
    }
    let mut after = Dataset { written: 0, ..target.clone() };
    after.versions.retain(|version| version.createtxg <= twin.createtxg);
    let mut plan = as_it_is(source, Some(&after), wish)?;
    if let Plan::Send(transfer) = &mut plan {
        let destroyed = newer.iter().map(|snapshot| snapshot.name.clone()).collect();
        transfer.clearing = Some(Clearing::Rollback { to: twin.name.clone(), destroyed, written: target.written });
    }
    Ok(plan)
}

/// The plan if the target is renamed; a pool cannot be.
fn set_aside(source: &Dataset, target: &Dataset, wish: &Wish, conflict: Conflict) -> Result<Plan, Conflict> {
    if target.name.parent().is_none() {
        return Err(conflict);
    }
    let mut plan = as_it_is(source, None, wish)?;
    if let Plan::Send(transfer) = &mut plan {
        transfer.clearing = Some(Clearing::SetAside { reason: conflict.to_string() });
    }
    Ok(plan)
}

fn as_it_is(source: &Dataset, target: Option<&Dataset>, wish: &Wish) -> Result<Plan, Conflict> {
    let raw = wish.raw.applies_to(source);
    let Some(target) = target.filter(|target| !only_partial(target)) else {
        return Ok(first(source, target, wish, raw));
    };
    if source.kind != target.kind && !target.placeholder {
        let word = |kind| if kind == Kind::Volume { "volume" } else { "filesystem" };
        return Err(Conflict::KindDiffers { source_kind: word(source.kind), target_kind: word(target.kind) });
    }
    if target.snapshots().next().is_none() {
        return match first(source, Some(target), wish, raw) {
            Plan::Send(_) if !target.placeholder => Err(Conflict::TargetInUse),
            Plan::Send(_) if source.encrypted && raw && !target.encrypted => Err(Conflict::RawOverPlaceholder),
            plan => Ok(plan),
        };
    }
    let Some((base, twin)) = common_base(source, target) else {
        if candidates(source, wish, 0).iter().all(|(_, wanted)| !wanted) {
            return Ok(Plan::NoSnapshots);
        }
        return Err(Conflict::NoCommonSnapshot {
            source_only: names(source.snapshots()),
            target_only: names(target.snapshots()),
        });
    };
    let later = candidates(source, wish, base.createtxg);
    if !later.iter().any(|(_, wanted)| *wanted) {
        return Ok(Plan::UpToDate { base: base.clone() });
    }
    // `zfs send -w` of what is not encrypted is an ordinary stream.
    refuse_what_the_kernel_would(source, target, (base, twin), &later, raw && source.encrypted)?;
    Ok(Plan::Send(transfer(source, Some(base), &later, target.partial.as_ref(), wish, raw, false)))
}

fn first(source: &Dataset, target: Option<&Dataset>, wish: &Wish, raw: bool) -> Plan {
    let mut wanted = candidates(source, wish, 0);
    if wish.initial_latest_only {
        keep_latest_only(&mut wanted);
    }
    if !wanted.iter().any(|(_, wanted)| *wanted) {
        return Plan::NoSnapshots;
    }
    let partial = target.and_then(|target| target.partial.as_ref());
    let over_placeholder = target.is_some_and(|target| target.placeholder);
    Plan::Send(transfer(source, None, &wanted, partial, wish, raw, over_placeholder))
}

fn transfer(
    source: &Dataset,
    base: Option<&Version>,
    later: &[(&Version, bool)],
    partial: Option<&Partial>,
    wish: &Wish,
    raw: bool,
    over_placeholder: bool,
) -> Transfer {
    let partial = partial.map(|partial| (partial, resumable(source, base, later, partial, wish, raw)));
    match partial {
        Some((partial, Ok(index))) => {
            let (to, _) = later[index];
            let resumed = Step {
                kind: StepKind::Resume,
                from: base.map(Version::signed),
                to: to.name.clone(),
                to_guid: to.guid,
                snapshots: 1,
            };
            let rest = steps(Some(to), &later[index + 1..]);
            let partial = Some(PartialPlan::Resume { token: partial.token.clone() });
            Transfer {
                steps: std::iter::once(resumed).chain(rest).collect(),
                raw,
                over_placeholder,
                partial,
                clearing: None,
            }
        }
        Some((partial, Err(reason))) => {
            let bytes = partial.content.as_ref().map_or(0, |content| content.bytes);
            let partial = Some(PartialPlan::Discard { reason, bytes });
            Transfer { steps: steps(base, later), raw, over_placeholder, partial, clearing: None }
        }
        None => Transfer { steps: steps(base, later), raw, over_placeholder, partial: None, clearing: None },
    }
}

/// Where in `later` the interrupted stream ends, or why it is of no use.
fn resumable(
    source: &Dataset,
    base: Option<&Version>,
    later: &[(&Version, bool)],
    partial: &Partial,
    wish: &Wish,
    raw: bool,
) -> Result<usize, String> {
    if !wish.resume {
        return Err("resume is off".to_owned());
    }
    let content = partial.content.as_ref().map_err(Clone::clone)?;
    let index = later.iter().position(|(version, _)| version.guid == content.to_guid).ok_or_else(|| {
        format!("it ends with {}, which {} does not have to send any more", content.to_name, source.name)
    })?;
    let to = later[index].0;
    let full_name = format!("{}@{}", source.name, to.name);
    if content.to_name != full_name {
        return Err(format!("it names {}, but that guid is {full_name}", content.to_name));
    }
    if content.from_guid != base.map(|base| base.guid) {
        return Err("it starts from another snapshot than the newest common one".to_owned());
    }
    if !wish.wants(&to.name) || later[..index].iter().any(|(_, wanted)| *wanted) {
        return Err(format!("it ends with {full_name}, which is not what is wanted next"));
    }
    // Whether a stream of unencrypted data is raw makes no difference to what arrives.
    if source.encrypted && content.raw != raw {
        return Err(if content.raw { "it is raw, plain is wanted" } else { "it is plain, raw is wanted" }.to_owned());
    }
    Ok(index)
}

/// The source's snapshots after `txg`, each with whether it is wanted.
fn candidates<'a>(source: &'a Dataset, wish: &Wish, txg: u64) -> Vec<(&'a Version, bool)> {
    let mut all: Vec<_> = source
        .snapshots()
        .filter(|snapshot| snapshot.createtxg > txg)
        .map(|snapshot| (snapshot, wish.wants(&snapshot.name)))
        .collect();
    if wish.latest_only {
        keep_latest_only(&mut all);
    }
    all
}

fn keep_latest_only(all: &mut [(&Version, bool)]) {
    let latest = all.iter().rposition(|(_, wanted)| *wanted);
    for (index, (_, wanted)) in all.iter_mut().enumerate() {
        *wanted = Some(index) == latest;
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
    let there: HashMap<String, u64> =
        target.snapshots().map(|snapshot| (snapshot.name.clone(), snapshot.guid)).collect();
    for (snapshot, _) in later.iter().filter(|(_, wanted)| *wanted) {
        if let Some(&target_guid) = there.get(&snapshot.name) {
            return Err(Conflict::NameTaken { name: snapshot.name.clone(), source_guid: snapshot.guid, target_guid });
        }
    }
    let newer = newer_on_target(target, twin);
    // Newer snapshots that hold nothing do no harm, except to a raw stream, which needs its base to be the very newest.
    if !newer.is_empty() && (raw || newer.iter().any(|snapshot| snapshot.written != Some(0))) {
        let source_only = source.snapshots().filter(|snapshot| snapshot.createtxg > base.createtxg);
        return Err(Conflict::Diverged {
            common: twin.signed(),
            target_only: names(newer.into_iter()),
            source_only: names(source_only),
        });
    }
    if target.written > 0 {
        return Err(Conflict::Modified { common: twin.signed(), written: target.written });
    }
    match (base.ivset, twin.ivset) {
        (Some(ours), theirs) if raw && theirs != Some(ours) => Err(Conflict::RawOntoPlain { common: twin.signed() }),
        (Some(ours), Some(theirs)) if !raw && theirs == ours => Err(Conflict::PlainOntoRaw { common: twin.signed() }),
        _ => Ok(()),
    }
}

/// A first receive that was interrupted leaves a dataset that holds nothing else, and goes with what it left.
fn only_partial(target: &Dataset) -> bool {
    target.partial.is_some() && !target.placeholder && target.snapshots().next().is_none()
}

fn names<'a>(versions: impl Iterator<Item = &'a Version>) -> String {
    const SHOWN: usize = 5;
    let all: Vec<String> = versions.map(Version::signed).collect();
    match all.len() {
        0 => "none".to_owned(),
        n if n <= SHOWN => all.join(", "),
        n => format!("{} and {} more up to {}", all[..SHOWN - 1].join(", "), n - SHOWN, all[n - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Clearing, Conflict, OnDiverged, PartialPlan, Plan, RawMode, Wish, plan};
    use crate::glob::Globs;
    use crate::model::{Dataset, Kind, Partial, TokenContent, Version, VersionKind};

    /// `"#a=1 @b=2 @c"`: bookmarks and snapshots in order; the guid is the number, or else made from the name.
    fn dataset(name: &str, points: &str) -> Dataset {
        let versions = points.split_whitespace().zip(1..).map(|(point, txg)| {
            let (sign, rest) = point.split_at(1);
            let (name, guid) = match rest.split_once('=') {
                Some((name, guid)) => (name, guid.parse().unwrap()),
                None => (rest, u64::from(rest.bytes().next().unwrap())),
            };
            let kind = if sign == "@" { VersionKind::Snapshot } else { VersionKind::Bookmark };
            Version { kind, name: name.to_owned(), guid, createtxg: txg, ivset: None, written: None }
        });
        Dataset {
            name: name.parse().unwrap(),
            kind: Kind::Filesystem,
            guid: 1,
            encrypted: false,
            written: 0,
            partial: None,
            placeholder: false,
            replica_of: None,
            versions: versions.collect(),
        }
    }

    fn source(points: &str) -> Dataset {
        dataset("tank/a", points)
    }

    fn target(points: &str) -> Dataset {
        dataset("backup/a", points)
    }

    fn wish() -> Wish {
        Wish { resume: true, ..Wish::default() }
    }

    fn shown(plan: Result<Plan, Conflict>) -> String {
        match plan {
            Ok(Plan::NoSnapshots) => "no snapshots".to_owned(),
            Ok(Plan::UpToDate { base }) => format!("up to date at {}", base.signed()),
            Ok(Plan::Send(transfer)) => {
                let steps = transfer.steps.iter().map(|step| {
                    let from = step.from.clone().unwrap_or_default();
                    format!("{} {from} {}", step.kind.word(), step.to).replace("  ", " ")
                });
                steps.collect::<Vec<_>>().join(", ")
            }
            Err(conflict) => format!("{conflict:?}").split([' ', '{']).next().unwrap().to_owned(),
        }
    }

    #[test]
    fn histories() {
        for (ours, theirs, expected) in [
            ("", None, "no snapshots"),
            ("@a @b @c", None, "full a, intermediates @a c"),
            ("@a @b @c", Some("@a"), "intermediates @a c"),
            ("@a @b @c", Some("@b"), "incremental @b c"),
            ("@a @b", Some("@a @b"), "up to date at @b"),
            // Names are for people: renamed on either side, the guid still matches.
            ("@renamed=1 @b", Some("@a=1"), "incremental @renamed b"),
            // The newest common one counts, snapshot or bookmark (sanoid#602).
            ("@a #b=2 @c", Some("@a @x=2"), "incremental #b c"),
            ("#b=2 @b=2 @c", Some("@b=2"), "incremental @b c"),
            // Same name, other guid: not the same snapshot.
            ("@a=1", Some("@a=2"), "NoCommonSnapshot"),
            ("", Some("@a"), "no snapshots"),
            ("@a @b @c", Some("@a @x"), "Diverged"),
            ("@a @c=3", Some("@a @c=4"), "NameTaken"),
            // Nothing to send, so nothing can be lost: the target may keep what it has.
            ("@a", Some("@a @x"), "up to date at @a"),
            ("@a", Some(""), "TargetInUse"),
        ] {
            let theirs = theirs.map(target);
            assert_eq!(shown(plan(&source(ours), theirs.as_ref(), &wish())), expected, "{ours} onto {theirs:?}");
        }
    }

    #[test]
    fn what_is_wanted() {
        let only = |include: &[&str], exclude: &[&str]| Wish {
            include: Globs::new(include).unwrap(),
            exclude: Globs::new(exclude).unwrap(),
            ..wish()
        };
        let all = source("@d1 @h1 @h2 @d2");
        assert_eq!(shown(plan(&all, None, &only(&["d*"], &[]))), "full d1, incremental @d1 d2");
        assert_eq!(shown(plan(&all, None, &only(&[], &["h*"]))), "full d1, incremental @d1 d2");
        let latest = Wish { initial_latest_only: true, ..wish() };
        assert_eq!(shown(plan(&all, None, &latest)), "full d2");
        let never_between = Wish { latest_only: true, ..wish() };
        assert_eq!(shown(plan(&source("@a @b @c"), Some(&target("@a")), &never_between)), "incremental @a c");
    }

    #[test]
    fn newer_snapshots_on_the_target_are_harmless_only_if_empty() {
        let ours = source("@a @b");
        let mut theirs = target("@a @x");
        theirs.versions[1].written = Some(0);
        assert_eq!(shown(plan(&ours, Some(&theirs), &wish())), "incremental @a b");
        // Without encryption there is nothing raw about a raw stream.
        assert_eq!(shown(plan(&ours, Some(&theirs), &Wish { raw: RawMode::Always, ..wish() })), "incremental @a b");
        let secret = Dataset { encrypted: true, ..source("@a @b") };
        assert_eq!(shown(plan(&secret, Some(&theirs), &wish())), "Diverged");
        theirs.versions[1].written = Some(1);
        assert_eq!(shown(plan(&ours, Some(&theirs), &wish())), "Diverged");
    }

    #[test]
    fn a_target_that_was_written_to_is_refused() {
        let theirs = Dataset { written: 4096, ..target("@a") };
        assert_eq!(
            plan(&source("@a @b"), Some(&theirs), &wish()),
            Err(Conflict::Modified { common: "@a".into(), written: 4096 })
        );
    }

    #[test]
    fn what_diverged_gives_way_only_by_name() {
        let rollback = Wish { on_diverged: OnDiverged::Rollback, ..wish() };
        let aside = Wish { on_diverged: OnDiverged::SetAside, ..wish() };
        for (ours, theirs, written, by_rollback, by_setting_aside) in [
            ("@a @b", "@a @x", 0, "incremental @a b", "full a, incremental @a b"),
            ("@a @b", "@a", 7, "incremental @a b", "full a, incremental @a b"),
            ("@a=1 @b=2", "@a=1 @b=9", 0, "incremental @a b", "full a, incremental @a b"),
            // The name in the way is older than the common snapshot: going back to that would not free it.
            ("@a=1 @b=2", "@b=9 @a=1", 0, "NameTaken", "full a, incremental @a b"),
            ("@a=1", "@x=2", 0, "NoCommonSnapshot", "full a"),
            ("@a", "", 0, "TargetInUse", "full a"),
            // Nothing to send: nothing gives way.
            ("@a", "@a @x", 0, "up to date at @a", "up to date at @a"),
        ] {
            let theirs = Dataset { written, ..target(theirs) };
            assert_eq!(shown(plan(&source(ours), Some(&theirs), &rollback)), by_rollback, "{ours} onto {theirs:?}");
            assert_eq!(shown(plan(&source(ours), Some(&theirs), &aside)), by_setting_aside, "{ours} onto {theirs:?}");
        }
        let theirs = Dataset { written: 7, ..target("@a @x @y") };
        let Ok(Plan::Send(transfer)) = plan(&source("@a @b"), Some(&theirs), &rollback) else { panic!() };
        let destroyed = vec!["x".to_owned(), "y".to_owned()];
        assert_eq!(transfer.clearing, Some(Clearing::Rollback { to: "a".to_owned(), destroyed, written: 7 }));
    }

    #[test]
    fn a_placeholder_gives_way_but_not_to_raw() {
        let theirs = Dataset { placeholder: true, ..target("") };
        assert_eq!(shown(plan(&source("@a"), Some(&theirs), &wish())), "full a");
        let secret = Dataset { encrypted: true, ..source("@a") };
        assert_eq!(shown(plan(&secret, Some(&theirs), &wish())), "RawOverPlaceholder");
    }

    #[test]
    fn raw_and_plain_do_not_mix() {
        let with_ivset = |mut dataset: Dataset, ivset| {
            dataset.encrypted = true;
            dataset.versions[0].ivset = Some(ivset);
            dataset
        };
        let ours = with_ivset(source("@a @b"), 7);
        let plain = Wish { raw: RawMode::Never, ..wish() };
        for (ivset, wish, expected) in [
            (7, wish(), "incremental @a b"),
            (8, wish(), "RawOntoPlain"),
            (8, plain.clone(), "incremental @a b"),
            (7, plain, "PlainOntoRaw"),
        ] {
            assert_eq!(shown(plan(&ours, Some(&with_ivset(target("@a"), ivset)), &wish)), expected);
        }
        assert_eq!(shown(plan(&ours, Some(&target("@a")), &self::wish())), "RawOntoPlain");
    }

    #[test]
    fn an_interrupted_stream_is_resumed_only_if_it_is_the_next_one() {
        let token = |to: &str, guid, from_guid| {
            let content = TokenContent { to_name: to.to_owned(), to_guid: guid, from_guid, raw: false, bytes: 9 };
            Some(Partial { token: "1-x".to_owned(), content: Ok(content) })
        };
        let ours = source("@a=1 @b=2 @c=3");
        for (points, partial, expected, discarded) in [
            ("@a=1", token("tank/a@b", 2, Some(1)), "resume @a b, incremental @b c", None),
            ("", token("tank/a@a", 1, None), "resume a, intermediates @a c", None),
            ("@a=1", token("tank/a@c", 3, Some(1)), "intermediates @a c", Some("which is not what is wanted next")),
            ("@a=1", token("tank/a@b", 9, Some(1)), "intermediates @a c", Some("does not have to send any more")),
            ("@a=1", token("tank/other@b", 2, Some(1)), "intermediates @a c", Some("but that guid is tank/a@b")),
            ("@a=1", token("tank/a@b", 2, Some(7)), "intermediates @a c", Some("another snapshot")),
        ] {
            let theirs = Dataset { partial, ..target(points) };
            let planned = plan(&ours, Some(&theirs), &wish());
            assert_eq!(shown(planned.clone()), expected);
            let Ok(Plan::Send(transfer)) = planned else { panic!("{planned:?}") };
            match (transfer.partial, discarded) {
                (Some(PartialPlan::Resume { token }), None) => assert_eq!(token, "1-x"),
                (Some(PartialPlan::Discard { reason, bytes: 9 }), Some(why)) => {
                    assert!(reason.contains(why), "{reason}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
