use super::{candidates, passed_over};
use crate::model::glob::Globs;
use crate::model::{Dataset, Version, VersionKind};
use crate::plan::swap::There;
use crate::plan::transfer::Plan;
use crate::plan::wish::{Initial, Wish};
use std::collections::BTreeSet;

/// `"a^100 b c^50"`: snapshots from oldest to newest, taken at that second, where it is known.
fn source(points: &str) -> Dataset {
    let version = |(point, createtxg): (&str, u64)| {
        let (name, created) = point.split_once('^').map_or((point, None), |(name, at)| (name, at.parse().ok()));
        let guid = u64::from(name.as_bytes()[0]);
        let kind = VersionKind::Snapshot;
        let mut version = Version::listed(kind, name.to_owned(), guid, createtxg);
        version.asked.created = created;
        version
    };
    let versions = points.split_whitespace().zip(1..).map(version).collect();
    Dataset { versions, ..Dataset::empty("tank/a".parse().unwrap(), 1) }
}

fn newest(count: usize) -> Wish {
    Wish { newest: Some(count), resume: true, ..Wish::default() }
}

fn since(seconds: i64) -> Wish {
    Wish { since: Some(seconds), resume: true, ..Wish::default() }
}

fn wanted(points: &str, wish: &Wish) -> String {
    let source = source(points);
    let all = candidates(&source, wish, 0);
    all.iter().filter(|(_, wanted)| *wanted).map(|(version, _)| version.name.as_str()).collect()
}

#[test]
fn the_newest_and_those_since_are_wanted() {
    for (points, wish, expected) in [
        ("a b c", newest(2), "bc"),
        ("a b c", newest(9), "abc"),
        ("a^1 b^5 c^9", since(5), "bc"),
        ("a^1 b^5 c^9", since(0), "abc"),
        // The newest goes, however old: nothing is without a copy because of its age.
        ("a^1 b^2 c^3", since(100), "c"),
        // A clock may have been wrong: each is judged by itself, and of which no age is known goes.
        ("a^9 b^1 c^9 d e^1 f^9", since(5), "acdf"),
        ("a^1 b^5 c^6 d^7", Wish { newest: Some(2), ..since(5) }, "cd"),
        // By name first: neither number nor age counts what is not wanted anyway.
        ("a b x y", Wish { exclude: Globs::new(&["x", "y"]).unwrap(), ..newest(1) }, "b"),
        ("a^1 b^2 x^9", Wish { exclude: Globs::new(&["x"]).unwrap(), ..since(5) }, "b"),
        ("a b c", Wish { latest_only: true, ..newest(2) }, "c"),
    ] {
        assert_eq!(wanted(points, &wish), expected, "{points}");
    }
}

fn planned(ours: &Dataset, theirs: Option<&str>, wish: &Wish) -> (Plan, Option<Dataset>) {
    let name = "backup/a".parse().unwrap();
    let theirs = theirs.map(|points| Dataset { name: "backup/a".parse().unwrap(), ..source(points) });
    let there: There = theirs.clone().into_iter().map(|theirs| (theirs.name.clone(), theirs)).collect();
    let none = BTreeSet::new();
    let place = crate::plan::replicate::Place {
        name: &name,
        there: &there,
        stamp: "x",
        raw: &none,
        coming: &none,
        origin: None,
    };
    (crate::plan::replicate::plan(ours, &place, wish).unwrap(), theirs)
}

/// The streams, and what is left out.
fn streams(ours: &str, theirs: Option<&str>, wish: &Wish) -> String {
    let ours = source(ours);
    let (plan, theirs) = planned(&ours, theirs, wish);
    let mut parts = match &plan {
        Plan::Send(transfer) => transfer
            .steps
            .iter()
            .map(|step| format!("{}{}-{}", step.kind.word(), step.from.as_deref().unwrap_or(""), step.to))
            .collect::<Vec<_>>(),
        _ => vec!["nothing".to_owned()],
    };
    let over = passed_over(&ours, theirs.as_ref(), &plan, wish);
    parts.extend(over.map(|over| format!("without {} {}..{}", over.snapshots, over.oldest, over.newest)));
    parts.join(" ")
}

#[test]
fn chains_stay_whole() {
    for (ours, theirs, wish, expected) in [
        ("a b c d", None, newest(2), "full-c incremental@c-d without 2 a..b"),
        ("a b c d", None, Wish { initial: Initial::Latest, ..newest(2) }, "full-d without 2 a..b"),
        // The base is what both have, wanted or not.
        ("a b c d", Some("a"), newest(1), "incremental@a-d without 2 b..c"),
        ("a b c d", Some("a"), newest(2), "incremental@a-c incremental@c-d without 1 b..b"),
        ("a b c d", Some("a b c"), newest(3), "incremental@c-d"),
        ("a b c d", Some("a b c d"), newest(1), "nothing"),
        ("a^1 b^2 c^8 d^9", None, since(5), "full-c incremental@c-d without 2 a..b"),
        ("a^1 b^2 c^3", Some("a"), since(5), "incremental@a-c without 1 b..b"),
        ("a^1 b^2 c^3", Some("c"), since(5), "nothing"),
    ] {
        let shown = streams(ours, theirs, &wish);
        assert_eq!(shown.replace("intermediates@c-d", "incremental@c-d"), expected, "{ours} onto {theirs:?}");
    }
}
