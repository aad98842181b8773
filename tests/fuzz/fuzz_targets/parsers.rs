//! Whatever a program prints, a file holds or a person writes: nothing that reads it panics or takes long, and what is
//! written again is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use module_utils::exec::greeting::Greeting;
use module_utils::exec::{foreign, stderr};
use module_utils::model::absence::Absence;
use module_utils::model::bookmark_name::BookmarkName;
use module_utils::model::glob::Globs;
use module_utils::model::since::Since;
use module_utils::model::units::{ByteSize, Span};
use module_utils::model::{DatasetName, ShortName};
use module_utils::plan::naming;
use module_utils::plan::patterns::Pattern;
use module_utils::policy::count::Count;
use module_utils::status::answers::Marks;
use module_utils::status::{snapshots, timers, zfs_list, zpool_list, zpool_status};
use module_utils::zfs::{allow, parse, versions};
use std::fmt::Display;
use std::str::FromStr;

/// What is read and written again reads the same.
fn again<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert!(read.to_string().parse::<T>().is_ok_and(|same| same == read), "{text:?}");
    }
}

fn words(text: &str) {
    again::<DatasetName>(text);
    again::<ShortName>(text);
    again::<Absence>(text);
    again::<BookmarkName>(text);
    let _ = (text.parse::<ByteSize>(), text.parse::<Span>(), text.parse::<Since>(), text.parse::<Count>());
    let _ = (text.parse::<Pattern>(), naming::parse("autosnap", text), naming::other_prefix(text));
    if let Ok(globs) = Globs::new(&[text]) {
        let _ = globs.matches("tank/data") | globs.matches(text);
    }
}

fn listings(text: &str) {
    let dataset: DatasetName = "tank/data".parse().unwrap();
    for columns in 0..4 {
        let _ = parse::datasets(text, columns);
    }
    let _ = (parse::holds(text, "ferro"), parse::numbers(text), parse::settings(text), parse::locked(text));
    let _ = (parse::estimate(text), parse::sent(text), parse::token(text), parse::token_bytes(text));
    let _ = (versions::read(text), allow::known(text), Marks::read(text), timers::read(text));
    if let Ok(blocks) = allow::allow(text, &dataset) {
        let _ = allow::own(&blocks, &dataset);
    }
    let _ = (zfs_list::read(text, "tank"), zpool_list::read(text, "tank"));
    let _ = (zpool_status::text(text, "tank"), zpool_status::json(text, "tank"));
    let mut tally = snapshots::Tally::new("autosnap");
    for line in text.lines() {
        tally.add(&line.split('\t').collect::<Vec<_>>());
    }
    let _ = (tally.telling(), tally.bookmarks());
}

/// What another host says is shown without what steers a terminal.
fn complaints(text: &str) {
    let _ = (stderr::own(text), stderr::heard(text), stderr::cause(text), stderr::only_missing(text));
    let (own, other) = stderr::sorted(text, true);
    let _ = (stderr::complaints(&own).count(), stderr::complaints(&other).count());
    let _ = foreign::shortened(text, 40);
    for shown in [foreign::clean(text), foreign::quoted(text), foreign::shown(text)] {
        assert!(!shown.contains('\u{1b}'), "{text:?}");
    }
}

/// In whatever pieces it comes.
fn greeting(bytes: &[u8]) {
    let (mut whole, mut pieces) = (Greeting::default(), Greeting::default());
    let rest = whole.push(bytes);
    let of_pieces: Vec<u8> = bytes.chunks(7).flat_map(|piece| pieces.push(piece).to_vec()).collect();
    assert!(rest == of_pieces && whole.is_over() == pieces.is_over() && whole.text() == pieces.text());
}

fuzz_target!(|bytes: &[u8]| {
    greeting(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    words(text);
    listings(text);
    complaints(text);
});
