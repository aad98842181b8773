use super::{Base, Coming, NoOrigin, in_order, origin};
use crate::model::{Dataset, DatasetName, Partial, TokenContent, Version, VersionKind};
use crate::plan::replicate::{Place, plan};
use crate::plan::send_flags::{Flags, History};
use crate::plan::swap::There;
use crate::plan::transfer::{Clearing, Plan, Replaces, Transfer};
use crate::plan::wish::{Clones, RawMode, Wish};
use std::collections::{BTreeMap, BTreeSet};

/// `"#a @a @b"`: bookmarks and snapshots in order, each with the guid of its letter.
fn dataset(name: &str, points: &str) -> Dataset {
    let versions = points.split_whitespace().zip(1..).map(|(point, createtxg)| {
        let kind = if point.starts_with('@') { VersionKind::Snapshot } else { VersionKind::Bookmark };
        let name = point[1..].to_owned();
        let guid = u64::from(name.as_bytes()[0]);
        Version::listed(kind, name, guid, createtxg)
    });
    Dataset { versions: versions.collect(), ..Dataset::empty(name.parse().unwrap(), 1) }
}

fn clone_of(origin: &str) -> Dataset {
    Dataset { origin: Some(origin.to_owned()), ..dataset("t/c", "@x @y @z") }
}

fn place(name: &str) -> DatasetName {
    name.parse().unwrap()
}

fn planned(source: &Dataset, target: Option<&Dataset>) -> Transfer {
    let there: There = target.into_iter().map(|it| (it.name.clone(), it.clone())).collect();
    let none = BTreeSet::new();
    let name = place("v/o");
    let place = Place { name: &name, there: &there, stamp: "x", raw: &none, coming: &none, origin: None };
    match plan(source, &place, &Wish::default()) {
        Ok(Plan::Send(transfer)) => transfer,
        other => panic!("{other:?}"),
    }
}

/// From what a clone of t/o@b is sent: `FROM > ORIGIN`, with `later` where that arrives in the same run.
fn sent(base: &Dataset, there: Option<&Dataset>, coming: Coming<'_>, clones: Clones) -> String {
    let wish = Wish { clones, ..Wish::default() };
    match origin(&clone_of("t/o@b"), Some(Base { source: base, place: &place("v/o"), there, coming }), &wish) {
        Ok(Some(it)) => format!("{} > {}{}", it.from, it.snapshot, it.waits_for.map_or("", |_| " later")),
        Ok(None) => "whole".to_owned(),
        Err(no) => format!("{no:?}").split([' ', '{', '(']).next().unwrap().to_owned(),
    }
}

#[test]
fn a_clone_starts_from_the_newest_of_its_history_that_is_or_will_be_there() {
    let base = dataset("t/o", "#a @a @b @c");
    let at = |points: &str| dataset("v/o", points);
    for (there, expected) in [
        (at("@a @b"), "t/o@b > v/o@b"),
        (at("@b @c"), "t/o@b > v/o@b"),
        (at("@a"), "t/o@a > v/o@a"),
        (at("@aa"), "t/o@a > v/o@aa"),
        // Newer than the clone.
        (at("@c"), "NotThere"),
        (at(""), "NotThere"),
    ] {
        assert_eq!(sent(&base, Some(&there), Coming::Nothing, Clones::Auto), expected, "{there:?}");
    }
    assert_eq!(sent(&dataset("t/o", "#a @b"), Some(&at("@a")), Coming::Nothing, Clones::Auto), "t/o#a > v/o@a");
    assert_eq!(sent(&base, None, Coming::Nothing, Clones::Keep), "NotThere");
    assert_eq!(sent(&base, None, Coming::Refused, Clones::Auto), "Refused");
    assert_eq!(sent(&base, Some(&at("@a @b")), Coming::Refused, Clones::Auto), "t/o@b > v/o@b");
    assert_eq!(sent(&base, Some(&at("@a @b")), Coming::Nothing, Clones::Whole), "whole");
    assert_eq!(origin(&clone_of("t/o@b"), None, &Wish::default()), Err(NoOrigin::Unseen("t/o@b".to_owned())));
    assert_eq!(origin(&dataset("t/x", "@x"), None, &Wish::default()), Ok(None));
}

#[test]
fn what_arrives_in_the_same_run_counts() {
    let base = dataset("t/o", "@a @b @c");
    let first = planned(&base, None);
    assert_eq!(sent(&base, None, Coming::Streams(&first, false), Clones::Auto), "t/o@b > v/o@b later");
    let there = dataset("v/o", "@a");
    let more = planned(&base, Some(&there));
    assert_eq!(sent(&base, Some(&there), Coming::Streams(&more, false), Clones::Auto), "t/o@b > v/o@b later");
    // What is there is renamed before, so only what arrives counts.
    let reason = crate::plan::conflict::Conflict::NameTooLong { name: String::new() };
    let aside = Transfer { clearing: Some(Clearing::SetAside { to: place("v/o_x"), reason }), ..first };
    let old = dataset("v/o", "@b");
    assert_eq!(sent(&base, Some(&old), Coming::Streams(&aside, false), Clones::Auto), "t/o@b > v/o@b later");
}

#[test]
fn raw_and_plain_do_not_mix_and_keys_must_be_there() {
    let ivset = |mut dataset: Dataset, ivset: u64| {
        dataset.encrypted = true;
        dataset.versions.iter_mut().for_each(|version| version.asked.ivset = Some(ivset));
        dataset
    };
    let base = ivset(dataset("t/o", "@b"), 1);
    let from = |raw: RawMode, there: &Dataset| {
        let source = Dataset { encrypted: true, ..clone_of("t/o@b") };
        let base = Base { source: &base, place: &place("v/o"), there: Some(there), coming: Coming::Nothing };
        origin(&source, Some(base), &Wish { raw, ..Wish::default() }).map(|origin| origin.unwrap().encrypted)
    };
    let (raw, plain) = (ivset(dataset("v/o", "@b"), 1), ivset(dataset("v/o", "@b"), 2));
    assert_eq!(from(RawMode::Auto, &raw), Ok(true));
    assert_eq!(from(RawMode::Auto, &Dataset { locked: true, ..raw.clone() }), Ok(true));
    assert_eq!(from(RawMode::Never, &plain), Ok(true));
    assert_eq!(from(RawMode::Never, &dataset("v/o", "@b")), Ok(false));
    assert!(matches!(from(RawMode::Auto, &plain), Err(NoOrigin::OtherMode { raw: true, .. })));
    assert!(matches!(from(RawMode::Auto, &dataset("v/o", "@b")), Err(NoOrigin::OtherMode { raw: true, .. })));
    assert!(matches!(from(RawMode::Never, &raw), Err(NoOrigin::OtherMode { raw: false, .. })));
    assert!(matches!(from(RawMode::Never, &Dataset { locked: true, ..plain }), Err(NoOrigin::Locked { .. })));
}

/// The steps of a clone of t/o@b, and what it replaces.
fn steps(target: Option<Dataset>) -> String {
    let there: There = target.into_iter().map(|it| (it.name.clone(), it)).collect();
    let (base, at) = (dataset("t/o", "@a @b"), dataset("v/o", "@a @b"));
    let base = Base { source: &base, place: &place("v/o"), there: Some(&at), coming: Coming::Nothing };
    let wish = Wish { resume: true, ..Wish::default() };
    let origin = origin(&clone_of("t/o@b"), Some(base), &wish).unwrap();
    let (name, none) = (place("v/c"), BTreeSet::new());
    let place = Place { name: &name, there: &there, stamp: "x", raw: &none, coming: &none, origin: origin.as_ref() };
    let Plan::Send(transfer) = plan(&clone_of("t/o@b"), &place, &wish).unwrap() else { return "nothing".to_owned() };
    let beside = if matches!(transfer.replaces, Replaces::Beside(_)) { ", beside" } else { "" };
    let steps: Vec<String> = transfer
        .steps
        .iter()
        .map(|step| format!("{} {} {}", step.kind.word(), step.from.as_deref().unwrap_or("-"), step.to))
        .collect();
    steps.join(", ") + beside
}

#[test]
fn the_first_step_starts_from_the_origin() {
    let partial = |from_guid: Option<u64>| {
        let content =
            TokenContent { to_name: "t/c@x".to_owned(), to_guid: 120, from_guid, raw: false, large_blocks: false };
        Partial { token: "1-a".to_owned(), content: Ok(content), bytes: 1 }
    };
    let there = |partial| Some(Dataset { partial: Some(partial), ..dataset("v/c", "") });
    let placeholder = Dataset { placeholder: true, ..dataset("v/c", "") };
    for (target, expected) in [
        (None, "clone t/o@b x, intermediates @x z"),
        // ZFS receives no clone by force.
        (Some(placeholder), "clone t/o@b x, intermediates @x z, beside"),
        (there(partial(Some(98))), "resume t/o@b x, intermediates @x z"),
        // What was begun whole before there was this option goes on so, and so does what is there.
        (there(partial(None)), "resume - x, intermediates @x z"),
        (there(partial(Some(7))), "clone t/o@b x, intermediates @x z"),
        (Some(dataset("v/c", "@x")), "intermediates @x z"),
    ] {
        assert_eq!(steps(target.clone()), expected, "{target:?}");
    }
}

#[test]
fn large_blocks_go_on_as_those_of_the_origin() {
    let base = dataset("t/o", "@b");
    let history = |there: Option<&Dataset>, coming| {
        let base = Base { source: &base, place: &place("v/o"), there, coming };
        origin(&clone_of("t/o@b"), Some(base), &Wish::default()).unwrap().unwrap().history
    };
    let there = dataset("v/o", "@b");
    let ours = Dataset { replica_of: Some(1), ..there.clone() };
    let small = Dataset { small_blocks: true, ..ours.clone() };
    for (there, expected) in [(&there, History::Unknown), (&ours, History::Large), (&small, History::Small)] {
        assert_eq!(history(Some(there), Coming::Nothing), expected);
    }
    let large = planned(&base, None);
    let split = Transfer { flags: Flags { large_block: false, ..Flags::default() }, ..large.clone() };
    assert_eq!(history(None, Coming::Streams(&large, false)), History::Large);
    assert_eq!(history(None, Coming::Streams(&split, false)), History::Small);
}

/// `"t/a t/b=t/c"`: datasets, and of which one they are clones.
fn ordered(all: &str) -> String {
    let parse = |word: &str| {
        let (name, origin) = word.split_once('=').map_or((word, None), |(name, of)| (name, Some(format!("{of}@s"))));
        let dataset = Dataset { origin, ..dataset(name, "@s") };
        (dataset.name.clone(), dataset)
    };
    let sources: BTreeMap<DatasetName, Dataset> = all.split(' ').map(parse).collect();
    in_order(&sources).iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn origins_come_first_and_parents_before_children() {
    for (all, expected) in [
        ("t/a t/b", "t/a t/b"),
        ("t/a=t/b t/b", "t/b t/a"),
        ("t/a=t/b t/b=t/c t/c", "t/c t/b t/a"),
        ("t/a=t/z t/a/x t/z", "t/z t/a t/a/x"),
        ("t/a=other/b", "t/a"),
        // Moved below its own clone; and two of them into each other.
        ("t/a=t/a/b t/a/b", "t/a t/a/b"),
        ("t/a=t/b/x t/a/y t/b=t/a/y t/b/x", "t/a t/a/y t/b t/b/x"),
    ] {
        assert_eq!(ordered(all), expected, "{all}");
    }
}
