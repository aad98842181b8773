use super::{Answers, Listings, Questions, questions};
use crate::model::glob::Globs;
use crate::model::{Dataset, Partial, Version, VersionKind};
use crate::plan::mapping::Mapping;
use crate::plan::swap::There;
use crate::plan::wish::{RawMode, Wish};
use std::collections::HashMap;

/// Datasets, one on each line: a name, `encrypted` and `token=T` where it is so, and from oldest to newest its versions, `@NAME` or
/// `#NAME`. What has the same name has the same guid.
fn there(text: &str) -> There {
    let datasets = text.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let mut words = line.split_whitespace();
        let mut dataset = Dataset::empty(words.next().unwrap().parse().unwrap(), 1);
        for (word, createtxg) in words.zip(1..) {
            if word == "encrypted" {
                dataset.encrypted = true;
            } else if let Some(token) = word.strip_prefix("token=") {
                let content = Err("it was not decoded".to_owned());
                dataset.partial = Some(Partial { token: token.to_owned(), content, bytes: 0 });
            } else {
                let kind = if word.starts_with('@') { VersionKind::Snapshot } else { VersionKind::Bookmark };
                let (name, guid) = (word[1..].to_owned(), u64::from(word.as_bytes()[1]));
                dataset.versions.push(Version::listed(kind, name, guid, createtxg));
            }
        }
        (dataset.name.clone(), dataset)
    });
    datasets.collect()
}

fn ask(sources: &str, targets: &str, wish: &Wish) -> Questions {
    let mapping = Mapping { target: "v".parse().unwrap(), strip_prefix: None };
    questions(Listings { sources: &there(sources), targets: &there(targets), mapping: &mapping }, wish)
}

/// In one line: what is asked, and whether anything may have to be sent.
fn asked(sources: &str, targets: &str, wish: &Wish) -> String {
    let Questions { source_ivsets, target_ivsets, written, created, tokens, something_to_send } =
        ask(sources, targets, wish);
    let tokens: Vec<String> = tokens.into_iter().collect();
    let parts = [
        ("ivset", source_ivsets),
        ("ivset", target_ivsets),
        ("written", written),
        ("created", created),
        ("token", tokens),
    ];
    let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
    let mut parts: Vec<String> = parts.map(|(what, names)| format!("{what} {}", names.join(" "))).collect();
    parts.extend(something_to_send.then(|| "send".to_owned()));
    parts.join(", ")
}

#[test]
fn only_what_decides_is_asked() {
    let wish = Wish::default();
    for (sources, targets, expected) in [
        // Nothing there, or nothing in common: the listings tell all.
        ("t/a @1", "v", "send"),
        ("t/a", "v", ""),
        ("t/a @1", "v/t/a @2", "send"),
        // Nothing new.
        ("t/a encrypted @1", "v/t/a encrypted @1 @2", ""),
        ("t/a @1 @2", "v/t/a @1", "send"),
        // Snapshots of the target alone are in the way only if they hold something.
        ("t/a @1 @2", "v/t/a @1 @x @y", "written v/t/a@x v/t/a@y, send"),
        ("t/a #1 @2", "v/t/a @1 @x", "written v/t/a@x, send"),
        // Of what is encrypted it must be known how the base was received; a raw stream stops at any newer snapshot.
        ("t/a encrypted @1 @2", "v/t/a encrypted @1 @x", "ivset t/a@1, ivset v/t/a@1, send"),
        ("t/a encrypted #1 @2", "v/t/a @1", "ivset t/a#1, ivset v/t/a@1, send"),
        // One that has nothing new does not keep another from being asked about.
        ("t/a @1\n t/b @1 @2", "v/t/a @1 @x\n v/t/b @1 @x", "written v/t/b@x, send"),
    ] {
        assert_eq!(asked(sources, targets, &wish), expected, "{sources} onto {targets}");
    }
}

#[test]
fn what_is_not_wanted_is_not_asked_about() {
    let exclude = |globs: &[&str]| Wish { exclude: Globs::new(globs).unwrap(), ..Wish::default() };
    assert_eq!(asked("t/a @1 @2", "v/t/a @1 @x", &exclude(&["2"])), "");
    assert_eq!(asked("t/a @1 @2 @3", "v/t/a @1 @x", &exclude(&["2"])), "written v/t/a@x, send");
    assert_eq!(asked("t/a @1", "v", &exclude(&["*"])), "");
    let plain = Wish { raw: RawMode::Never, ..Wish::default() };
    assert_eq!(
        asked("t/a encrypted @1 @2", "v/t/a @1 @x", &plain),
        "ivset t/a@1, ivset v/t/a@1, written v/t/a@x, send"
    );
}

#[test]
fn tokens_are_decoded_where_a_source_lands_or_arrives() {
    let wish = Wish::default();
    let targets = "v/t/a token=1 @1\n v/t/a_ferro_arriving token=2\n v/t/b token=3\n v/other token=4";
    assert_eq!(asked("t/a @1", targets, &wish), "token 1 2");
    assert_eq!(asked("t/a @1\n t/b @1", targets, &wish), "token 1 2 3, send");
    // Also with nothing to send, or to resume: what is discarded is told with its size.
    assert_eq!(asked("t/a", targets, &Wish { resume: false, ..wish }), "token 1 2");
}

#[test]
fn answers_go_where_they_were_asked() {
    let (mut sources, mut targets) = (there("t/a #1 @1 @2"), there("v/t/a token=T @1 @x"));
    let number = |name: &str, value| HashMap::from([(name.to_owned(), value)]);
    let answers = Answers {
        created: number("t/a@2", 44),
        source_ivsets: number("t/a@1", 11),
        target_ivsets: number("v/t/a@1", 12),
        written: number("v/t/a@x", 13),
        tokens: HashMap::from([("T".to_owned(), (Err("no longer exists".to_owned()), 14))]),
    };
    answers.add_to(&mut sources, &mut targets);
    let facts = |there: &There| {
        let versions = there.values().flat_map(|dataset| &dataset.versions);
        versions.map(|version| (version.signed(), version.asked.ivset, version.asked.written)).collect::<Vec<_>>()
    };
    let named = |name: &str, ivset, written| (name.to_owned(), ivset, written);
    assert_eq!(facts(&sources), [named("#1", None, None), named("@1", Some(11), None), named("@2", None, None)]);
    assert_eq!(facts(&targets), [named("@1", Some(12), None), named("@x", None, Some(13))]);
    let partial = targets.into_values().next().unwrap().partial.unwrap();
    assert_eq!((partial.content, partial.bytes), (Err("no longer exists".to_owned()), 14));
}
