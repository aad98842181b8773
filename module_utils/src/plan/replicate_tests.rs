use super::Place;
use crate::model::glob::Globs;
use crate::model::{Dataset, DatasetName, Partial, TokenContent, Version, VersionKind};
use crate::plan::conflict::Conflict;
use crate::plan::send_flags::History;
use crate::plan::swap::There;
use crate::plan::transfer::{Clearing, PartialPlan, Plan};
use crate::plan::wish::{Initial, OnDiverged, RawMode, Wish};
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeSet;

/// Plans one dataset, whose target is all that there is.
fn plan(source: &Dataset, target: Option<&Dataset>, wish: &Wish) -> Result<Plan, Conflict> {
    plan_among(source, "backup/a", &there(target.into_iter().cloned()), wish)
}

fn plan_among(source: &Dataset, name: &str, there: &There, wish: &Wish) -> Result<Plan, Conflict> {
    plan_below(source, name, there, &[], wish)
}

/// With the datasets of the target that are raw replicas, or will be.
fn plan_below(source: &Dataset, name: &str, there: &There, raw: &[&str], wish: &Wish) -> Result<Plan, Conflict> {
    let raw: BTreeSet<DatasetName> = raw.iter().map(|name| name.parse().unwrap()).collect();
    let coming = raw.iter().filter(|name| there.get(name).is_none_or(|there| there.placeholder)).cloned().collect();
    let name = name.parse().unwrap();
    super::plan(
        source,
        &Place { name: &name, there, stamp: "20260102T030405Z", raw: &raw, coming: &coming, origin: None },
        wish,
    )
}

fn there(datasets: impl IntoIterator<Item = Dataset>) -> There {
    datasets.into_iter().map(|dataset| (dataset.name.clone(), dataset)).collect()
}

/// `"#a=1 @b=2 @c"`: bookmarks and snapshots in order; the guid is the number, or else made from the name.
fn dataset(name: &str, points: &str) -> Dataset {
    let versions = points.split_whitespace().zip(1..).map(|(point, txg)| {
        let (sign, rest) = point.split_at(1);
        let (name, guid) = match rest.split_once('=') {
            Some((name, guid)) => (name, guid.parse().unwrap()),
            None => (rest, u64::from(rest.bytes().next().unwrap())),
        };
        let kind = if sign == "@" { VersionKind::Snapshot } else { VersionKind::Bookmark };
        Version::listed(kind, name.to_owned(), guid, txg)
    });
    Dataset { versions: versions.collect(), ..Dataset::empty(name.parse().unwrap(), 1) }
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
        Ok(Plan::NoSnapshots { discard }) => {
            format!("no snapshots{}", if discard.is_some() { ", discard" } else { "" })
        }
        Ok(Plan::UpToDate { base, discard }) => {
            format!("up to date at {}{}", base.signed(), if discard.is_some() { ", discard" } else { "" })
        }
        Ok(Plan::Send(transfer)) => {
            let steps = transfer.steps.iter().map(|step| {
                let from = step.from.clone().unwrap_or_default();
                format!("{} {from} {}", step.kind.word(), step.to).replace("  ", " ")
            });
            steps.collect::<Vec<_>>().join(", ")
        }
        Err(conflict) => format!("{conflict:?}").split([' ', '{', '(']).next().unwrap().to_owned(),
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
    let latest = Wish { initial: Initial::Latest, ..wish() };
    assert_eq!(shown(plan(&all, None, &latest)), "full d2");
    let never_between = Wish { latest_only: true, ..wish() };
    assert_eq!(shown(plan(&source("@a @b @c"), Some(&target("@a")), &never_between)), "incremental @a c");
}

#[test]
fn newer_snapshots_on_the_target_are_harmless_only_if_empty() {
    let ours = source("@a @b");
    let mut theirs = target("@a @x");
    theirs.versions[1].asked.written = Some(0);
    assert_eq!(shown(plan(&ours, Some(&theirs), &wish())), "incremental @a b");
    // Without encryption there is nothing raw about a raw stream.
    assert_eq!(shown(plan(&ours, Some(&theirs), &Wish { raw: RawMode::Always, ..wish() })), "incremental @a b");
    let secret = encrypted(source("@a @b"), "tank");
    assert_eq!(shown(plan(&secret, Some(&theirs), &wish())), "Diverged");
    theirs.versions[1].asked.written = Some(1);
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
fn nothing_raw_about_what_is_not_encrypted() {
    // `-w` means `-e`, which an encrypted target refuses (openzfs/zfs#12480).
    for raw in [RawMode::Auto, RawMode::Always, RawMode::Never] {
        for (source, is_raw) in [(source("@a"), false), (encrypted(source("@a"), "tank"), raw != RawMode::Never)] {
            let Ok(Plan::Send(transfer)) = plan(&source, None, &Wish { raw, ..wish() }) else { panic!() };
            assert_eq!(transfer.raw, is_raw, "{raw:?}");
        }
    }
}

fn encrypted(dataset: Dataset, root: &str) -> Dataset {
    Dataset { encrypted: true, encryption_root: Some(root.parse().unwrap()), ..dataset }
}

#[test]
fn names_that_get_too_long_are_refused_before_the_first_byte() {
    let long = "x".repeat(247);
    let ours = source(&format!("@a=1 @{long}=2"));
    assert_eq!(shown(plan(&ours, Some(&target("@a=1")), &wish())), "NameTooLong");
    assert_eq!(shown(plan(&ours, None, &wish())), "NameTooLong");
    // Not wanted, not in the way.
    let wanted = Wish { exclude: Globs::new(&["x*"]).unwrap(), ..wish() };
    assert_eq!(shown(plan(&ours, None, &wanted)), "full a");
    // What is set aside gets a longer name, and so does all below it.
    let aside = Wish { on_diverged: OnDiverged::SetAside, ..wish() };
    let child = dataset(&format!("backup/a/{}", "c".repeat(240)), "@a");
    let planned = plan_among(&source("@b"), "backup/a", &there([target("@z"), child]), &aside);
    assert_eq!(shown(planned), "NameTooLong");
}

proptest! {
    /// Wherever a name ends up too long, nothing is sent; and what is planned has only names that ZFS takes.
    #[test]
    fn no_planned_name_is_too_long(length in 200..255usize, below in 1..60usize, encrypt in any::<bool>(), aside in any::<bool>()) {
        let name = format!("backup/{}", "t".repeat(length - 7));
        let place = Dataset { placeholder: !aside, ..dataset(&name, if aside { "@z" } else { "" }) };
        let child = format!("{name}/{}", "c".repeat(below));
        let Ok(child) = child.parse() else { return Ok(()) };
        let child = Dataset { name: child, ..dataset("x", "") };
        let place = if encrypt { encrypted(place, "backup") } else { place };
        let wish = Wish { on_diverged: if aside { OnDiverged::SetAside } else { OnDiverged::Fail }, ..wish() };
        if let Ok(Plan::Send(transfer)) = plan_among(&source("@a"), &name, &there([place, child.clone()]), &wish) {
            let target = name.parse().unwrap();
            let to = match &transfer.clearing { Some(Clearing::SetAside { to, .. }) => to, _ => transfer.landing(&target) };
            let path = child.name.below(&target).unwrap();
            prop_assert!(to.join(path).is_ok() && to.as_str().len() + 2 <= 255);
        }
    }

    /// Nothing is sent twice and nothing is left out, whatever the two sides have in common.
    #[test]
    fn what_was_interrupted_is_resumed_or_discarded_never_ignored(points in prop::collection::vec(0..3u8, 1..6), at in 0..6u64) {
        let ours: Vec<String> = (1..).zip(&points).filter(|(_, on)| **on != 1).map(|(n, _)| format!("@s{n}={n}")).collect();
        let theirs: Vec<String> = (1..).zip(&points).filter(|(_, on)| **on == 1 || **on == 2).map(|(n, _)| format!("@s{n}={n}")).collect();
        let content = TokenContent { to_name: format!("tank/a@s{at}"), to_guid: at, from_guid: None, raw: false, large_blocks: false };
        let partial = Some(Partial { token: "1-x".to_owned(), content: Ok(content), bytes: 9 });
        let theirs = Dataset { partial, ..target(&theirs.join(" ")) };
        match plan(&source(&ours.join(" ")), Some(&theirs), &wish()) {
            Ok(Plan::Send(transfer)) => prop_assert!(transfer.partial.is_some()),
            Ok(plan) => prop_assert_eq!(plan.leftover().map(|left| left.bytes), Some(9)),
            Err(_) => {}
        }
    }
}

#[test]
fn raw_and_plain_do_not_mix() {
    let with_ivset = |mut dataset: Dataset, ivset| {
        dataset.encrypted = true;
        dataset.versions[0].asked.ivset = Some(ivset);
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
        let content =
            TokenContent { to_name: to.to_owned(), to_guid: guid, from_guid, raw: false, large_blocks: false };
        Some(Partial { token: "1-x".to_owned(), content: Ok(content), bytes: 9 })
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
            (Some(PartialPlan::Discard(discard)), Some(why)) => {
                assert_eq!((discard.bytes, discard.on.as_str()), (9, "backup/a"));
                assert!(discard.reason.to_string().contains(why), "{}", discard.reason);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_history_is_known_by_its_mark() {
    let ours = source("@a=1 @b=2");
    let history = |there: Option<&Dataset>| match plan(&ours, there, &wish()) {
        Ok(Plan::Send(transfer)) => transfer.history(&ours, there),
        _ => panic!("there is something to send"),
    };
    let replica = |replica_of, small_blocks| Dataset { replica_of, small_blocks, ..target("@a=1") };
    assert_eq!(history(None), History::None);
    assert_eq!(history(Some(&replica(Some(ours.guid), false))), History::Large);
    assert_eq!(history(Some(&replica(Some(ours.guid), true))), History::Small);
    // Inherited from the replica above, whose source is another.
    assert_eq!(history(Some(&replica(Some(99), true))), History::Unknown);
    assert_eq!(history(Some(&replica(None, false))), History::Unknown);
    // What an interrupted first receive left goes on as it began.
    let partial = |large_blocks, small_blocks| {
        let to_name = "tank/a@a".to_owned();
        let content = TokenContent { to_name, to_guid: 1, from_guid: None, raw: false, large_blocks };
        let partial = Some(Partial { token: "1-x".to_owned(), content: Ok(content), bytes: 9 });
        Dataset { partial, replica_of: Some(ours.guid), small_blocks, ..target("") }
    };
    assert_eq!(history(Some(&partial(true, false))), History::Large);
    assert_eq!(history(Some(&partial(false, true))), History::Small);
    // Nothing large was in it yet.
    assert_eq!(history(Some(&partial(false, false))), History::None);
}

#[path = "replicate_place_tests.rs"]
mod places;
