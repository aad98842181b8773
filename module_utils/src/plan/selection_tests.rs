use super::{Selected, Selection, Unselected, select};
use crate::model::code::Coded;
use crate::model::{Dataset, DatasetName};
use std::collections::BTreeMap;

/// `tank off` on each line: a dataset and its values, `-` where it has none.
fn sources(text: &str) -> BTreeMap<DatasetName, Dataset> {
    let dataset = |line: &str| {
        let mut words = line.split_whitespace();
        let name: DatasetName = words.next().unwrap().parse().unwrap();
        let selection = words.map(str::to_owned).collect();
        (name.clone(), Dataset { selection, ..Dataset::empty(name, 1) })
    };
    text.split(';').map(dataset).collect()
}

fn selected(text: &str, properties: &[&str], opt_in: bool, named: &[&str]) -> Selected {
    let named: Vec<DatasetName> = named.iter().map(|name| name.parse().unwrap()).collect();
    let properties = properties.iter().map(|name| (*name).to_owned()).collect();
    select(&sources(text), &Selection { properties, opt_in }, &named)
}

fn chosen(selected: &Selected) -> Vec<&str> {
    selected.chosen.iter().map(DatasetName::as_str).collect()
}

fn left_out(selected: &Selected) -> Vec<String> {
    let told = |one: &super::LeftOut| one.said.as_ref().map_or(String::new(), ToString::to_string);
    selected.left_out.iter().map(|one| format!("{}: {}", one.source, told(one))).collect()
}

#[test]
fn off_leaves_out_what_has_it_and_on_brings_back() {
    let all = selected("tank -; tank/a off; tank/a/b off; tank/a/c on; tank/b -", &["x:y"], false, &["tank"]);
    assert_eq!(chosen(&all), ["tank", "tank/a/c", "tank/b"]);
    assert_eq!(
        left_out(&all),
        ["tank/a: x:y=off, set on tank/a,", "tank/a/b: x:y=off, set on tank/a,"],
        "what is handed down is told where it is set"
    );
    assert!(all.refused.is_empty());
}

#[test]
fn values_mean_the_same_in_any_case_and_by_other_names() {
    for (value, is_chosen) in
        [("on", true), ("YES", true), ("true", true), ("-", true), ("off", false), ("No", false), ("FALSE", false)]
    {
        let all = selected(&format!("tank {value}; tank/x on"), &["x:y"], false, &["tank"]);
        assert_eq!(all.chosen.contains(&"tank".parse().unwrap()), is_chosen, "{value}");
    }
}

#[test]
fn what_nobody_understands_fails_by_itself() {
    let all = selected("tank -; tank/a backup1,backup2; tank/b -", &["syncoid:sync"], false, &["tank"]);
    assert_eq!(chosen(&all), ["tank", "tank/b"]);
    let [(name, unclear)] = &all.refused[..] else { panic!("{all:?}") };
    assert_eq!((name.as_str(), unclear.code()), ("tank/a", "selection_unclear"));
    assert!(unclear.to_string().starts_with("syncoid:sync=backup1,backup2, set on tank/a, is neither on, yes or true"));
}

#[test]
fn the_first_property_that_is_set_counts() {
    let all = selected("tank - false; tank/a on false; tank/b - true", &["x:y", "z:z"], false, &["tank"]);
    assert_eq!(chosen(&all), ["tank/a", "tank/b"]);
    assert_eq!(left_out(&all), ["tank: z:z=false, set on tank,"]);
}

#[test]
fn with_opt_in_only_what_says_so_is_sent() {
    let all = selected("tank -; tank/a on; tank/a/b on; tank/a/c off; tank/b -", &["x:y"], true, &["tank"]);
    assert_eq!(chosen(&all), ["tank/a", "tank/a/b"]);
    assert_eq!(left_out(&all), ["tank: ", "tank/a/c: x:y=off, set on tank/a/c,", "tank/b: "]);
    assert!(all.refused.is_empty());
}

#[test]
fn what_was_named_never_drops_out_in_silence() {
    let code =
        |all: &Selected| all.refused.iter().map(|(name, why)| format!("{name} {}", why.code())).collect::<Vec<_>>();
    let off = selected("tank/a off; tank/a/b off; tank/c -", &["x:y"], false, &["tank/a", "tank/c"]);
    assert_eq!(code(&off), ["tank/a named_but_left_out"]);
    assert_eq!(left_out(&off), ["tank/a/b: x:y=off, set on tank/a or above it,"]);
    let Unselected::Named { said, .. } = &off.refused[0].1 else { panic!("{off:?}") };
    assert!(said.or_above, "what is above was not listed");
    let child = selected("tank off; tank/a off; tank/b on", &["x:y"], false, &["tank", "tank/a"]);
    assert_eq!(code(&child), ["tank/a named_but_left_out"], "of tank something is sent");
    let none = selected("tank -; tank/a -", &["x:y"], true, &["tank"]);
    assert_eq!(code(&none), ["tank none_selected"]);
    assert!(none.refused[0].1.to_string().contains("`zfs set x:y=on tank`"));
    let unclear = selected("tank off; tank/a perhaps", &["x:y"], false, &["tank"]);
    assert_eq!(code(&unclear), ["tank/a selection_unclear"], "that fails already");
}

#[test]
fn without_properties_all_are_sent() {
    assert_eq!(chosen(&selected("tank; tank/a", &[], false, &["tank"])), ["tank", "tank/a"]);
}
