//! What stands in the place where a dataset is to land, and what encrypts it there.

use super::{dataset, encrypted, plan, plan_among, plan_below, shown, source, there, wish};
use crate::model::{Dataset, Partial, TokenContent};
use crate::plan::conflict::Conflict;
use crate::plan::swap::There;
use crate::plan::transfer::{Plan, Replaces};
use crate::plan::wish::{RawMode, Wish};

fn placeholder(name: &str) -> Dataset {
    Dataset { placeholder: true, ..dataset(name, "") }
}

fn replaces(planned: Result<Plan, Conflict>) -> String {
    match planned {
        Ok(Plan::Send(transfer)) => match transfer.replaces {
            Replaces::Nothing => "nothing".to_owned(),
            Replaces::Placeholder => "by force".to_owned(),
            Replaces::Beside(name) => name.to_string(),
        },
        other => shown(other),
    }
}

#[test]
fn a_placeholder_gives_way() {
    let plain = Wish { raw: RawMode::Never, ..wish() };
    let secret = || encrypted(source("@a"), "tank/a");
    let under_key = || encrypted(placeholder("backup/a"), "backup");
    for (source, theirs, wish, expected) in [
        (source("@a"), placeholder("backup/a"), wish(), "by force"),
        (source("@a"), under_key(), wish(), "backup/a_ferro_arriving"),
        (secret(), placeholder("backup/a"), wish(), "backup/a_ferro_arriving"),
        (secret(), under_key(), wish(), "backup/a_ferro_arriving"),
        (secret(), under_key(), plain.clone(), "backup/a_ferro_arriving"),
        (secret(), placeholder("backup/a"), plain, "by force"),
    ] {
        assert_eq!(replaces(plan(&source, Some(&theirs), &wish)), expected);
    }
    let planned = plan_among(&secret(), "backup", &there([placeholder("backup")]), &wish());
    assert_eq!(replaces(planned), "PoolIsPlaceholder");
}

#[test]
fn what_is_below_a_placeholder_must_be_able_to_move() {
    let secret = encrypted(source("@a"), "tank/a");
    let below = |child: Dataset| there([encrypted(placeholder("backup/a"), "backup"), child]);
    for (child, expected) in [
        (dataset("backup/a/c", "@a"), "backup/a_ferro_arriving"),
        (encrypted(dataset("backup/a/c", "@a"), "backup/a/c"), "backup/a_ferro_arriving"),
        (encrypted(placeholder("backup/a/c"), "backup"), "backup/a_ferro_arriving"),
        (encrypted(dataset("backup/a/c", "@a"), "backup"), "ChildKeepsKey"),
        (dataset(&format!("backup/a/{}", "c".repeat(240)), "@a"), "NameTooLong"),
    ] {
        assert_eq!(replaces(plan_among(&secret, "backup/a", &below(child.clone()), &wish())), expected, "{child:?}");
    }
    // All have the key of the one above.
    let child = encrypted(dataset("backup/a/c", "@a"), "backup");
    let planned = plan_among(&secret, "backup/a", &below(child), &Wish { raw: RawMode::Never, ..wish() });
    assert_eq!(replaces(planned), "backup/a_ferro_arriving");
}

#[test]
fn a_placeholder_with_data_does_not_give_way() {
    let full = |name: &str| Dataset { written: 5 << 20, ..placeholder(name) };
    let ours = source("@a=1 @b=2");
    let secret = encrypted(source("@a"), "tank/a");
    for place in [full("backup/a"), encrypted(full("backup/a"), "backup")] {
        assert_eq!(shown(plan_among(&ours, "backup/a", &there([place.clone()]), &wish())), "PlaceholderWritten");
        assert_eq!(shown(plan_among(&secret, "backup/a", &there([place]), &wish())), "PlaceholderWritten");
    }
    assert_eq!(shown(plan_among(&ours, "backup", &there([full("backup")]), &wish())), "PlaceholderWritten");
    let few = Dataset { written: 200 << 10, ..placeholder("backup") };
    assert_eq!(shown(plan_among(&ours, "backup", &there([few]), &wish())), "full a, incremental @a b");
    let aside = Wish { on_diverged: crate::plan::wish::OnDiverged::SetAside, ..wish() };
    let kept = plan_among(&ours, "backup/a", &there([full("backup/a")]), &aside);
    assert_eq!(replaces(kept), "backup/a_ferro_arriving");
}

#[test]
fn what_stands_beside_is_resumed_or_in_the_way() {
    let beside = |points: &str, partial: bool| {
        let content = TokenContent {
            to_name: "tank/a@a".to_owned(),
            to_guid: 1,
            from_guid: None,
            raw: false,
            large_blocks: false,
        };
        let partial = partial.then(|| Partial { token: "1-x".to_owned(), content: Ok(content), bytes: 9 });
        Dataset { partial, ..dataset("backup/a_ferro_arriving", points) }
    };
    let place = || encrypted(placeholder("backup/a"), "backup");
    let ours = source("@a=1 @b=2");
    for (there, expected) in [
        (there([place(), beside("", true)]), "resume a, incremental @a b"),
        // The placeholder went between the two last steps, or by hand.
        (there([beside("", true)]), "resume a, incremental @a b"),
        (there([place(), beside("@x", false)]), "ArrivingInUse"),
        (there([place(), beside("", false)]), "ArrivingInUse"),
    ] {
        let planned = plan_among(&ours, "backup/a", &there, &wish());
        assert_eq!(shown(planned.clone()), expected);
        if planned.is_ok() {
            assert_eq!(replaces(planned), "backup/a_ferro_arriving");
        }
    }
    let planned = plan_among(&source(""), "backup/a", &there([place(), beside("", true)]), &wish());
    assert_eq!(shown(planned), "no snapshots, discard");
}

#[test]
fn where_the_key_comes_from() {
    let root = |locked| Dataset { locked, ..encrypted(dataset("backup", ""), "backup") };
    let replica = |locked| Dataset { locked, ..encrypted(dataset("backup/e", "@a"), "backup/e") };
    let plain = source("@a");
    let secret = encrypted(source("@a"), "tank");
    let off = Wish { plain_placeholders: true, ..wish() };
    let key = |source: &Dataset, name: &str, there: There, raw: &[&str], wish: &Wish| match plan_below(
        source, name, &there, raw, wish,
    ) {
        Ok(Plan::Send(transfer)) => match (transfer.key.plain, transfer.key.plain_parents) {
            (true, _) => "off".to_owned(),
            (false, true) => "inherited, parents off".to_owned(),
            (false, false) => "inherited".to_owned(),
        },
        other => shown(other),
    };
    for (source, name, there, raw, wish, expected) in [
        // The backup's own dataset, with its key loaded and without.
        (&plain, "backup/a", there([root(false)]), &[][..], wish(), "inherited"),
        (&plain, "backup/a", there([root(true)]), &[], wish(), "TargetLocked"),
        (&plain, "backup/a", there([root(true)]), &[], off.clone(), "TargetLocked"),
        (&secret, "backup/a", there([root(true)]), &[], wish(), "inherited"),
        // Placeholders need its key, too, unless they are told not to.
        (&secret, "backup/p/a", there([root(true)]), &[], wish(), "TargetLocked"),
        (&secret, "backup/p/a", there([root(true)]), &[], off.clone(), "inherited, parents off"),
        (&secret, "backup/p/a", there([root(false)]), &[], wish(), "inherited"),
        // Below a replica that is raw, or will be when it is this one's turn.
        (&plain, "backup/e/a", there([root(false), replica(true)]), &["backup/e"], wish(), "off"),
        (&plain, "backup/e/a", there([root(false)]), &["backup/e"], wish(), "off"),
        (&secret, "backup/e/p/a", there([root(false), replica(true)]), &["backup/e"], wish(), "inherited, parents off"),
        (
            &plain,
            "backup/e/a",
            there([root(false), encrypted(placeholder("backup/e"), "backup")]),
            &["backup/e"],
            wish(),
            "off",
        ),
        // Somebody has loaded its key.
        (&plain, "backup/e/a", there([root(false), replica(false)]), &["backup/e"], wish(), "inherited"),
    ] {
        assert_eq!(key(source, name, there, raw, &wish), expected, "{name}");
    }
}
