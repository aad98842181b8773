use super::{Follow, Following, follow};
use crate::model::code::Coded;
use crate::plan::renamed::tests::{found, there};
use crate::plan::swap::{Change, There};

fn planned(sources: &str, targets: &str) -> (Following, There) {
    let mut targets_then = there(targets);
    let following = follow(&found(sources, targets), &mut targets_then, false);
    (following, targets_then)
}

/// The steps, groups parted by `|`, then what is stuck.
fn shown(following: &Following) -> String {
    let short = |name: &dyn ToString| name.to_string().replace("_ferro_arriving", "+");
    let step = |step: &Follow| match step {
        Follow::CreateParent(name, plain) => format!("create {name}{}", if *plain { " plain" } else { "" }),
        Follow::Change(Change::Rename(_, from, to)) => format!("{} {}", short(from), short(to)),
        Follow::Change(Change::Create(name)) => format!("make {}", short(name)),
        Follow::Change(Change::Destroy(name)) => format!("destroy {}", short(name)),
    };
    let group = |group: &super::Group| group.steps.iter().map(step).collect::<Vec<_>>().join(", ");
    let groups = following.groups.iter().map(group).collect::<Vec<_>>().join(" | ");
    let stuck = following.stuck.iter().map(|(source, why)| format!("; {source} {}", why.code()));
    groups + &stuck.collect::<String>()
}

#[test]
fn replicas_follow_by_the_name_beside_their_place() {
    for (sources, targets, expected) in [
        ("t 1; t/new 2 @a", "v/t 11; v/t/old 12 of=2 @a", "v/t/old v/t/new+, v/t/new+ v/t/new"),
        // What lies below comes along; what was renamed below it goes on from there.
        (
            "t 1; t/new 2 @a; t/new/c 3 @c; t/new/e 4 @d",
            "v/t 11; v/t/old 12 of=2 @a; v/t/old/c 13 of=3 @c; v/t/old/d 14 of=4 @d",
            "v/t/old v/t/new+, v/t/new+ v/t/new | v/t/new/d v/t/new/e+, v/t/new/e+ v/t/new/e",
        ),
        // Names that were swapped, or went round.
        (
            "t 1; t/a 2 @a; t/b 3 @b",
            "v/t 11; v/t/a 12 of=3 @b; v/t/b 13 of=2 @a",
            "v/t/b v/t/a+, v/t/a v/t/b+, v/t/a+ v/t/a, v/t/b+ v/t/b",
        ),
        // A chain.
        (
            "t 1; t/b 2 @a; t/c 3 @b",
            "v/t 11; v/t/a 12 of=2 @a; v/t/b 13 of=3 @b",
            "v/t/a v/t/b+, v/t/b v/t/c+, v/t/b+ v/t/b, v/t/c+ v/t/c",
        ),
        // Parents that are missing are made; a placeholder gives way, and what lies below it stays there.
        (
            "t 1; t/x 5; t/x/new 2 @a",
            "v/t 11; v/t/old 12 of=2 @a",
            "create v/t/x, v/t/old v/t/x/new+, v/t/x/new+ v/t/x/new",
        ),
        (
            "t 1; t/new 2 @a; t/new/c 3 @c",
            "v/t 11; v/t/old 12 of=2 @a; v/t/new 14 empty; v/t/new/c 13 of=3 @c",
            "v/t/old v/t/new+, v/t/new/c v/t/new+/c, destroy v/t/new, v/t/new+ v/t/new",
        ),
        // Both have something of that name below them.
        (
            "t 1; t/new 2 @a; t/new/c 3 @c",
            "v/t 11; v/t/old 12 of=2 @a; v/t/old/c 15 of=9 @x; v/t/new 14 empty; v/t/new/c 13 of=3 @c",
            "; t/new renamed_place_taken",
        ),
        // Into itself.
        ("t 1; t/a 5; t/a/b 2 @a", "v/t 11; v/t/a 12 of=2 @a", "; t/a/b renamed_below_itself"),
        // A dataset that was moved out of what took its name.
        (
            "t 1; t/a 3 @b; t/b 2 @a",
            "v/t 11; v/t/a 12 of=2 @a; v/t/a/x 13 of=3 @b",
            "v/t/a/x v/t/a+, v/t/a v/t/b+, v/t/a+ v/t/a, v/t/b+ v/t/b",
        ),
    ] {
        let (following, _) = planned(sources, targets);
        assert_eq!(shown(&following), expected, "{sources} onto {targets}");
    }
}

#[test]
fn nothing_leaves_its_key() {
    // Below the same key it may go anywhere; and with a key of its own, too.
    let moves = "v/t/old v/t/new+, v/t/new+ v/t/new";
    let inherits = "v 10 key=v; v/t 11 key=v; v/t/old 12 of=2 key=v @a";
    assert_eq!(shown(&planned("t 1; t/new 2 @a", inherits).0), moves);
    let own = "v 10; v/t 11; v/t/old 12 of=2 key=v/t/old @a; v/t/old/c 13 key=v/t/old @c";
    assert_eq!(shown(&planned("t 1; t/new 2 @a", own).0), moves);
    let leaves = "v 10; v/t 11; v/t/k 12 key=v/t/k; v/t/k/old 13 of=2 key=v/t/k @a";
    assert_eq!(shown(&planned("t 1; t/k 4; t/new 2 @a", leaves).0), "; t/new child_keeps_key");
    let below = "v 10; v/t 11; v/t/k 12 key=v/t/k; v/t/k/old 13 of=2 @a; v/t/k/old/c 14 key=v/t/k @c";
    assert_eq!(shown(&planned("t 1; t/k 4; t/new 2 @a", below).0), "; t/new child_keeps_key");
}

#[test]
fn what_is_there_then_is_known_and_what_it_was_called() {
    let (following, then) = planned(
        "t 1; t/new 2 @a; t/new/c 3 @c; t/z 4 @z",
        "v/t 11; v/t/old 12 of=2 @a; v/t/old/c 13 of=3 @c; v/t/z 14 of=4 @z",
    );
    assert_eq!(then.keys().map(ToString::to_string).collect::<Vec<_>>(), ["v/t", "v/t/new", "v/t/new/c", "v/t/z"]);
    for (name, before) in [
        ("v/t/new", "v/t/old"),
        ("v/t/new@a", "v/t/old@a"),
        ("v/t/new/c@c", "v/t/old/c@c"),
        ("v/t/new2@a", "v/t/new2@a"),
        ("v/t/z@z", "v/t/z@z"),
    ] {
        assert_eq!(following.name_before(name), before);
    }
    assert_eq!(following.replica_before(&"v/t/new/c".parse().unwrap()), Some(&"v/t/old/c".parse().unwrap()));
    assert_eq!(following.replica_before(&"v/t/z".parse().unwrap()), None);
    let (none, _) = planned("t 1; t/a 2 @a", "v/t 11; v/t/a 12 of=2 @a");
    assert_eq!(none, Following::default());
}

#[test]
fn names_that_get_too_long_are_seen_before() {
    let long = "l".repeat(240);
    let (following, then) = planned(&format!("t 1; t/{long} 2 @a"), "v/t 11; v/t/old 12 of=2 @a");
    assert_eq!(shown(&following), format!("; t/{long} name_too_long"));
    assert_eq!(then, there("v/t 11; v/t/old 12 of=2 @a"));
}
