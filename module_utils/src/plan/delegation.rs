//! From the grants that are there to those that are wanted, in the fewest commands.

use crate::model::permissions::{Change, Grants, Permissions, Reach, Subject, Who};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is wanted of one dataset.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Who is concerned.
    pub who: Vec<Who>,
    /// What they may do. Empty with [`State::Absent`]: all that they may do.
    pub permissions: Permissions,
    /// Where.
    pub reach: Reach,
    /// What makers of datasets may do with them.
    pub create_time: Permissions,
    /// Sets and what is in them. An empty one with [`State::Absent`]: the whole set.
    pub sets: BTreeMap<String, Permissions>,
    /// What is to become of all that.
    pub state: State,
}

/// What becomes of permissions. It is an option of the module as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// They are granted; what else is granted stays.
    #[default]
    Present,
    /// They are taken away. Without O(permissions) and O(jobs), all that those users, groups or everyone have in this scope.
    Absent,
    /// They are granted, and nothing else is granted on these datasets to those users, groups or everyone. Others keep what they have.
    Exact,
}

/// The grants as they should be.
#[must_use]
pub fn after(before: &Grants, wanted: &Wanted) -> Grants {
    let mut after = before.clone();
    for who in &wanted.who {
        let mut held = after.who.remove(who).unwrap_or_default();
        match wanted.state {
            State::Present => {
                for name in &wanted.permissions {
                    let reach = held.entry(name.clone()).or_default();
                    *reach = reach.and(wanted.reach);
                }
            }
            State::Exact => held = wanted.permissions.iter().map(|name| (name.clone(), wanted.reach)).collect(),
            State::Absent => {
                for (name, reach) in &mut held {
                    if wanted.permissions.is_empty() || wanted.permissions.contains(name) {
                        *reach = reach.without(wanted.reach);
                    }
                }
            }
        }
        held.retain(|_, reach| reach.is_any());
        if !held.is_empty() {
            after.who.insert(who.clone(), held);
        }
    }
    // Nothing asked for means untouched, with State::Exact too.
    if !wanted.create_time.is_empty() {
        after.create_time = changed(&before.create_time, &wanted.create_time, wanted.state);
    }
    for (set, permissions) in &wanted.sets {
        let held = after.sets.remove(set).unwrap_or_default();
        let whole = permissions.is_empty() && wanted.state == State::Absent;
        let held = if whole { Permissions::new() } else { changed(&held, permissions, wanted.state) };
        if !held.is_empty() {
            after.sets.insert(set.clone(), held);
        }
    }
    after
}

fn changed(before: &Permissions, wanted: &Permissions, state: State) -> Permissions {
    match state {
        State::Present => before | wanted,
        State::Absent => before - wanted,
        State::Exact => wanted.clone(),
    }
}

/// The changes that lead from one to the other. Granted is before anything is taken away, so that nobody lacks meanwhile what
/// is only said differently.
#[must_use]
pub fn changes(before: &Grants, after: &Grants) -> Vec<Change> {
    let mut all = one_way(before, after, true);
    // Sets go last: what refers to them has gone by then.
    all.extend(one_way(after, before, false).into_iter().rev());
    all
}

/// What `to` has and `from` lacks, as grants or as their withdrawal.
fn one_way(from: &Grants, to: &Grants, allow: bool) -> Vec<Change> {
    let mut all = Vec::new();
    let mut add = |subject: Subject, permissions: Permissions| {
        if !permissions.is_empty() {
            all.push(Change { allow, subject, permissions });
        }
    };
    let none = Permissions::new();
    for (set, permissions) in &to.sets {
        add(Subject::Set(set.clone()), permissions - from.sets.get(set).unwrap_or(&none));
    }
    add(Subject::CreateTime, &to.create_time - &from.create_time);
    for reach in [Reach::LOCAL, Reach::DESCENDENTS, Reach::BOTH] {
        let mut users: BTreeMap<Permissions, Vec<String>> = BTreeMap::new();
        let mut groups: BTreeMap<Permissions, Vec<String>> = BTreeMap::new();
        for (who, held) in &to.who {
            let old = |name: &String| from.who.get(who).and_then(|held| held.get(name)).copied().unwrap_or_default();
            let lacking = |(name, held): (&String, &Reach)| (held.without(old(name)) == reach).then(|| name.clone());
            let permissions: Permissions = held.iter().filter_map(lacking).collect();
            match who {
                Who::User(name) => users.entry(permissions).or_default().push(name.clone()),
                Who::Group(name) => groups.entry(permissions).or_default().push(name.clone()),
                Who::Everyone => add(Subject::Everyone(reach), permissions),
            }
        }
        for (permissions, names) in users {
            add(Subject::Users(names, reach), permissions);
        }
        for (permissions, names) in groups {
            add(Subject::Groups(names, reach), permissions);
        }
    }
    all
}

/// One line for each permission, sorted: what a diff compares.
#[must_use]
pub fn lines(grants: &Grants) -> Vec<String> {
    let mut all = Vec::new();
    for (set, permissions) in &grants.sets {
        all.extend(permissions.iter().map(|name| format!("set {set}: {name}")));
    }
    all.extend(grants.create_time.iter().map(|name| format!("create time: {name}")));
    for (who, held) in &grants.who {
        all.extend(held.iter().map(|(name, reach)| format!("{who}: {name}{}", place(*reach))));
    }
    all.sort();
    all
}

fn place(reach: Reach) -> &'static str {
    match (reach.local, reach.descendents) {
        (true, false) => " (local)",
        (false, true) => " (descendents)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{State, Wanted, after, changes, lines};
    use crate::model::permissions::{Change, Grants, Permissions, Reach, Subject, Who};
    use proptest::prelude::{Just, Strategy, prop, prop_assert_eq, prop_oneof, proptest};
    use std::collections::BTreeMap;

    fn names(text: &str) -> Permissions {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn held(who: &str, permissions: &str, reach: Reach) -> Grants {
        let held = names(permissions).into_iter().map(|name| (name, reach)).collect();
        Grants { who: [(Who::User(who.to_owned()), held)].into(), ..Grants::default() }
    }

    fn wanted(who: &[&str], permissions: &str, reach: Reach, state: State) -> Wanted {
        let who = who.iter().map(|who| Who::User((*who).to_owned())).collect();
        Wanted { who, permissions: names(permissions), reach, create_time: names(""), sets: BTreeMap::new(), state }
    }

    fn change(allow: bool, users: &[&str], reach: Reach, permissions: &str) -> Change {
        let users = users.iter().map(|user| (*user).to_owned()).collect();
        Change { allow, subject: Subject::Users(users, reach), permissions: names(permissions) }
    }

    #[test]
    fn present_adds_only_what_is_missing() {
        let before = held("a", "hold send", Reach::LOCAL);
        let both = wanted(&["a", "b"], "send snapshot", Reach::BOTH, State::Present);
        assert_eq!(
            changes(&before, &after(&before, &both)),
            [
                change(true, &["a"], Reach::DESCENDENTS, "send"),
                change(true, &["b"], Reach::BOTH, "send snapshot"),
                change(true, &["a"], Reach::BOTH, "snapshot"),
            ]
        );
        let local = wanted(&["a"], "send", Reach::LOCAL, State::Present);
        assert_eq!(after(&before, &local), before);
    }

    #[test]
    fn users_who_need_the_same_share_a_command() {
        let before = Grants::default();
        let two = wanted(&["a", "b"], "hold send", Reach::BOTH, State::Present);
        assert_eq!(changes(&before, &after(&before, &two)), [change(true, &["a", "b"], Reach::BOTH, "hold send")]);
    }

    #[test]
    fn exact_takes_away_the_rest() {
        let before = held("a", "hold send", Reach::BOTH);
        let exact = wanted(&["a"], "send snapshot", Reach::LOCAL, State::Exact);
        let then = after(&before, &exact);
        assert_eq!(lines(&then), ["user a: send (local)", "user a: snapshot (local)"]);
        assert_eq!(
            changes(&before, &then),
            [
                change(true, &["a"], Reach::LOCAL, "snapshot"),
                change(false, &["a"], Reach::BOTH, "hold"),
                change(false, &["a"], Reach::DESCENDENTS, "send"),
            ]
        );
    }

    #[test]
    fn absent_is_what_is_named_or_all() {
        let before = held("a", "hold send", Reach::BOTH);
        let hold = wanted(&["a"], "hold snapshot", Reach::BOTH, State::Absent);
        assert_eq!(lines(&after(&before, &hold)), ["user a: send"]);
        let below = wanted(&["a"], "hold", Reach::DESCENDENTS, State::Absent);
        assert_eq!(lines(&after(&before, &below)), ["user a: hold (local)", "user a: send"]);
        let all = wanted(&["a", "z"], "", Reach::BOTH, State::Absent);
        assert_eq!(after(&before, &all), Grants::default());
    }

    #[test]
    fn sets_and_create_time_are_only_touched_when_named() {
        let before = Grants {
            sets: [("@a".to_owned(), names("hold send")), ("@b".to_owned(), names("send"))].into(),
            create_time: names("destroy mount"),
            ..Grants::default()
        };
        let mut wish = wanted(&[], "", Reach::BOTH, State::Exact);
        assert_eq!(after(&before, &wish), before);
        wish.sets = [("@a".to_owned(), names("send"))].into();
        wish.create_time = names("mount");
        assert_eq!(lines(&after(&before, &wish)), ["create time: mount", "set @a: send", "set @b: send"]);
        wish.state = State::Absent;
        wish.sets = [("@a".to_owned(), names("")), ("@b".to_owned(), names("hold"))].into();
        assert_eq!(lines(&after(&before, &wish)), ["create time: destroy", "set @b: send"]);
    }

    fn some_permissions() -> impl Strategy<Value = Permissions> {
        prop::collection::btree_set(
            prop::sample::select(vec!["send", "hold", "@x", "mount"]).prop_map(str::to_owned),
            1..4,
        )
    }

    fn some_grants() -> impl Strategy<Value = Grants> {
        let who = prop_oneof![
            Just(Who::Everyone),
            Just(Who::User("a".into())),
            Just(Who::User("b".into())),
            Just(Who::Group("a".into())),
        ];
        let reach = prop_oneof![Just(Reach::LOCAL), Just(Reach::DESCENDENTS), Just(Reach::BOTH)];
        let held = prop::collection::btree_map(
            prop::sample::select(vec!["send", "hold", "@x"]).prop_map(str::to_owned),
            reach,
            1..4,
        );
        let sets = prop::collection::btree_map(
            prop::sample::select(vec!["@x", "@y"]).prop_map(str::to_owned),
            some_permissions(),
            0..3,
        );
        let create = prop::option::of(some_permissions()).prop_map(Option::unwrap_or_default);
        (sets, create, prop::collection::btree_map(who, held, 0..4)).prop_map(|(sets, create_time, who)| Grants {
            sets,
            create_time,
            who,
        })
    }

    /// What `zfs` does with a change.
    fn carry_out(grants: &mut Grants, change: &Change) {
        let list = |held: &mut Permissions| {
            *held = if change.allow { &*held | &change.permissions } else { &*held - &change.permissions };
        };
        let mut who = |who: Who, reach: Reach| {
            for name in &change.permissions {
                let held = grants.who.entry(who.clone()).or_default().entry(name.clone()).or_default();
                *held = if change.allow { held.and(reach) } else { held.without(reach) };
            }
        };
        match change.subject.clone() {
            Subject::Set(name) => list(grants.sets.entry(name).or_default()),
            Subject::CreateTime => list(&mut grants.create_time),
            Subject::Users(names, reach) => names.into_iter().for_each(|name| who(Who::User(name), reach)),
            Subject::Groups(names, reach) => names.into_iter().for_each(|name| who(Who::Group(name), reach)),
            Subject::Everyone(reach) => who(Who::Everyone, reach),
        }
        grants.sets.retain(|_, held| !held.is_empty());
        grants.who.values_mut().for_each(|held| held.retain(|_, reach| reach.is_any()));
        grants.who.retain(|_, held| !held.is_empty());
    }

    proptest! {
        #[test]
        fn the_changes_lead_there(before in some_grants(), then in some_grants()) {
            let mut grants = before.clone();
            for change in changes(&before, &then) {
                carry_out(&mut grants, &change);
            }
            prop_assert_eq!(&grants, &then);
            prop_assert_eq!(changes(&then, &grants), []);
        }
    }
}
