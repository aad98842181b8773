//! What one end says, the other allows: each command that `zfs_replicate` can build for a dataset passes the gate of that dataset,
//! and the gate of its neighbour refuses it.

use super::allowlist::{Mode, Rules, permit};
use crate::exec::cmd::Cmd;
use crate::exec::runner::{Attempt, Runner};
use crate::exec::scripts::{Script, probe_zstd};
use crate::exec::ssh::{Host, Remote, SshOptions};
use crate::model::absence::Absence;
use crate::model::bookmark_name::{BookmarkName, TargetTag};
use crate::model::{DELETED, Dataset, DatasetName, Kind, ShortName};
use crate::plan::deleted::{DeletedDatasets, DeletedRules};
use crate::plan::mapping::Mapping;
use crate::plan::renamed::Renamed;
use crate::plan::selection::Selection;
use crate::plan::send_flags::{Flags, History};
use crate::plan::steps::{Step, StepKind};
use crate::plan::transfer::{Key, Origin, PartialPlan, Replaces, Transfer};
use crate::plan::wish::Wish;
use crate::replicate::commands;
use crate::replicate::request::Request;
use crate::zfs::commands::{SET_ASIDE, SWAP, Zfs};
use crate::zfs::deleted::REMOVE;
use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const OURS: &str = "tank/data";
/// Begins alike, and is another dataset.
const NEIGHBOUR: &str = "tank/database";

fn gate(mode: Mode, dataset: &str) -> Rules {
    // The mode's own extra: what `on_diverged` needs.
    let datasets = vec![dataset.parse().unwrap()];
    Rules {
        mode,
        datasets,
        allow_rollback: mode == Mode::Receive,
        allow_delete: None,
        allow_rename: false,
        raw_only: false,
    }
}

/// The lines that reach the other host while this is done. There is none, so each command fails, but not before it was said.
fn said(act: impl Fn(Zfs<'_>)) -> Vec<String> {
    let nowhere = SshOptions { options: vec!["ProxyCommand=false".to_owned()], ..SshOptions::default() };
    let host = Host::Remote(Remote::new("nowhere.invalid", &nowhere, Path::new("/nonexistent/socket")).unwrap());
    let runner = Runner::default();
    act(Zfs { host: &host, runner: &runner });
    let line = |ssh: &String| shell_words::split(ssh).unwrap().pop().unwrap();
    runner.commands().iter().map(line).collect()
}

/// What names no dataset. Where a token leads is looked at when it comes.
fn is_of_nobody(argv: &[String]) -> bool {
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    matches!(
        argv[..],
        ["id"] | ["zstd", "--version"] | ["zfs", "send", "-t" | "-nvPt", _] | ["zfs", "send", "-nvP", "-t", _]
    )
}

/// A line passes the gate of our dataset as it is, and the neighbour's gate not at all.
fn check(mode: Mode, line: &str) -> Result<(), String> {
    let permitted = permit(&gate(mode, OURS), line).map_err(|reason| format!("{mode:?} refuses {line}: {reason}"))?;
    if is_of_nobody(&permitted.argv) {
        return Ok(());
    }
    match permit(&gate(mode, NEIGHBOUR), line) {
        Err(_) => Ok(()),
        Ok(_) => Err(format!("{mode:?} of {NEIGHBOUR} lets {line} through")),
    }
}

/// A component of a name: all that ZFS allows.
fn component() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9 _.:-]{0,12}[a-zA-Z0-9]"
}

/// One or two components below our dataset.
fn path() -> impl Strategy<Value = DatasetName> {
    prop::collection::vec(component(), 1..3).prop_map(|parts| format!("{OURS}/{}", parts.join("/")).parse().unwrap())
}

fn flags() -> impl Strategy<Value = Flags> {
    any::<[bool; 4]>().prop_map(|[large_block, compressed, embedded, begins_small]| Flags {
        large_block,
        compressed,
        embedded,
        begins_small,
    })
}

fn request(target: &DatasetName, settings: &[(&str, &str)], exclude: &[&str]) -> Request {
    let own = |text: &&str| (*text).to_owned();
    Request {
        roots: vec![target.clone()],
        named: Vec::new(),
        mapping: Mapping { target: target.clone(), strip_prefix: None },
        source: Host::Local,
        target: Host::Local,
        recursive: true,
        exclude: crate::model::glob::Globs::default(),
        selection: Selection::default(),
        children_only: false,
        wish: Wish { resume: true, ..Wish::default() },
        receive_properties: settings.iter().map(|(name, value)| (own(name), own(value))).collect(),
        receive_exclude: exclude.iter().map(own).collect(),
        send_properties: false,
        require_encrypted_target: false,
        bookmarks: true,
        holds: true,
        parallel: 1,
        flow: Request::flow(0, None, Duration::ZERO, false, (false, 1)),
        retries: 0,
        deleted: DeletedRules { what: DeletedDatasets::Report, after: Duration::ZERO, most: 0 },
        renamed: Renamed::Report,
        now: jiff::Timestamp::UNIX_EPOCH,
        retry_delay: Duration::ZERO,
    }
}

fn transfer(raw: bool, flags: Flags, replaces: Replaces) -> Transfer {
    let token = PartialPlan::Resume { token: "1-abc-f8-789c".to_owned() };
    Transfer {
        steps: Vec::new(),
        raw,
        flags,
        resumable: true,
        replaces,
        origin: None,
        key: Key { plain: !raw, plain_parents: false },
        partial: Some(token),
        clearing: None,
    }
}

fn steps(from: &str, to: &str) -> Vec<Step> {
    let step = |kind, from: Option<String>| Step { kind, from, to: to.to_owned(), to_guid: 2, snapshots: 1 };
    vec![
        step(StepKind::Full, None),
        step(StepKind::Incremental, Some(format!("@{from}"))),
        step(StepKind::Incremental, Some(format!("#{from}"))),
        step(StepKind::Intermediates, Some(format!("@{from}"))),
        step(StepKind::Resume, None),
    ]
}

/// A clone of a snapshot of another dataset, which is sent from that or its bookmark.
fn origin(base: &DatasetName, snapshot: &str, sign: char) -> (Origin, Step) {
    let from = format!("{base}{sign}{snapshot}");
    let (kind, to) = (StepKind::Clone, "first".to_owned());
    let step = Step { kind, from: Some(from.clone()), to, to_guid: 2, snapshots: 1 };
    let (snapshot, history) = (format!("{base}@{snapshot}"), History::None);
    (Origin { from, guid: 1, snapshot, encrypted: false, history, waits_for: None }, step)
}

fn source(name: &DatasetName, kind: Kind, guid: u64) -> Dataset {
    Dataset { kind, ..Dataset::empty(name.clone(), guid) }
}

/// What either end is asked.
fn asked(dataset: &DatasetName, snapshot: &str, tag: &str) -> Vec<String> {
    let (one, version) = ([dataset.clone()], [format!("{dataset}@{snapshot}")]);
    let names = [dataset.to_string()];
    said(|zfs| {
        let _ = (zfs.datasets(&one, true), zfs.datasets(&one, false), zfs.versions(&one, true));
        let _ = (zfs.versions(&one, false), zfs.numbers("guid", &names), zfs.numbers("ivsetguid", &version));
        let _ = (
            zfs.numbers("creation", &version),
            zfs.numbers("written", &names),
            zfs.locked(&names),
            zfs.stored(&names),
            zfs.grants(dataset),
            zfs.marks(&one),
            zfs.mounted(&names),
            zfs.kept(&names),
        );
        let _ = (zfs.held(&one, true, tag), zfs.held(&one, false, tag), zfs.holds(&version, tag));
        let _ = (zfs.hold(tag, &version), zfs.release(tag, &version), zfs.stored_properties(&names));
        let (host, id) = (zfs.host, Cmd::new("id"));
        let _ = (zfs.runner.run(Attempt { stage: "", host, cmd: &id }), zfs.estimate(&probe_zstd()));
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn what_both_ends_are_asked_passes_their_gates(dataset in path(), snapshot in component(), pool: u64) {
        let lines = asked(&dataset, &snapshot, &TargetTag::new(pool, dataset.as_str()).to_string());
        prop_assert_eq!(lines.len(), 22);
        for (line, mode) in lines.iter().flat_map(|line| [(line, Mode::Send), (line, Mode::Receive)]) {
            prop_assert_eq!(check(mode, line), Ok(()));
        }
        // Of the pool: only what its datasets may be.
        let pools = said(|zfs| drop(zfs.features(&BTreeSet::from(["tank"]))));
        let target = said(|zfs| drop(zfs.numbers("guid", &["tank".to_owned()])));
        prop_assert!(permit(&gate(Mode::Send, OURS), &pools[0]).is_ok());
        prop_assert!(permit(&gate(Mode::Receive, OURS), &pools[0]).is_ok());
        prop_assert!(permit(&gate(Mode::Send, "other/data"), &pools[0]).is_err());
        prop_assert!(permit(&gate(Mode::Receive, OURS), &target[0]).is_ok());
        prop_assert!(permit(&gate(Mode::Receive, "other/data"), &target[0]).is_err());
    }

    #[test]
    fn what_the_source_is_told_passes_its_gate(dataset in path(), snapshot in component(), pool: u64, guid: u64) {
        let name = BookmarkName { target: TargetTag::new(pool, dataset.as_str()), snapshot: guid };
        let bookmark = format!("{dataset}#{name}");
        let pair = [format!("{dataset}@{snapshot}"), bookmark.clone()];
        let one = [dataset.clone()];
        let before = BookmarkName { target: TargetTag::new(pool, "elsewhere"), snapshot: guid };
        let other = [format!("{dataset}#{before}"), bookmark.clone()];
        let chosen = ["ferro.zfs:replicate", "com.sun:auto-snapshot", "syncoid:sync", "autobackup:x"].map(str::to_owned);
        let lines = said(|zfs| {
            let _ = (zfs.datasets_with(&one, true, &chosen), zfs.datasets_with(&one, false, &chosen), zfs.bookmark(std::slice::from_ref(&other)));
            let _ = (zfs.bookmark(&[pair.clone(), pair.clone()]), zfs.destroy_bookmarks(std::slice::from_ref(&bookmark)));
            let _ = zfs.token("1-abc-f8-789c");
        });
        prop_assert_eq!(lines.len(), 6);
        for line in &lines {
            prop_assert_eq!(check(Mode::Send, line), Ok(()));
        }
    }

    #[test]
    fn what_the_target_is_told_passes_its_gate(place in path(), child in component(), snapshot in component(), guid: u64) {
        let (arriving, below) = (place.arriving().unwrap(), place.join(&child).unwrap());
        let beside: DatasetName = format!("{place}_diverged_2026-11-26T02-00-00Z").parse().unwrap();
        let moved = below.moved(&place, &arriving).unwrap().unwrap();
        let lines = said(|zfs| {
            let _ = (zfs.create_parent(&place, false), zfs.create_parent(&place, true), zfs.mark_placeholder(&place, guid));
            let _ = (zfs.discard_partial(&place), zfs.unmark_placeholder(&place), zfs.destroy_placeholder(&place));
            let _ = zfs.destroy("roll back", &place, &[snapshot.as_str(), "x"].map(|name| name.parse::<ShortName>().unwrap()), false);
            let _ = zfs.roll_back(&place, &snapshot);
            for kind in [Kind::Filesystem, Kind::Volume] {
                let _ = (zfs.rename(SWAP, kind, &arriving, &place), zfs.rename(SWAP, kind, &below, &moved));
                let _ = zfs.rename(SET_ASIDE, kind, &place, &beside);
            }
        });
        prop_assert_eq!(lines.len(), 14);
        for line in &lines {
            prop_assert_eq!(check(Mode::Receive, line), Ok(()));
            prop_assert!(permit(&gate(Mode::Send, OURS), line).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn what_follows_a_rename_passes_a_gate_that_allows_it(place in path(), other in path()) {
        let arriving = place.arriving().unwrap();
        let lines = said(|zfs| {
            for kind in [Kind::Filesystem, Kind::Volume] {
                let _ = (zfs.rename(SWAP, kind, &other, &arriving), zfs.rename(SWAP, kind, &arriving, &place));
            }
        });
        let allowing = |dataset| Rules { allow_rollback: false, allow_rename: true, ..gate(Mode::Receive, dataset) };
        for line in &lines {
            prop_assert!(permit(&allowing(OURS), line).is_ok(), "{}", line);
            prop_assert!(permit(&allowing(NEIGHBOUR), line).is_err());
        }
    }

    #[test]
    fn what_mirrors_deletions_passes_a_gate_that_allows_it(place in path(), snapshot in component(), guid: u64) {
        let aside: DatasetName = format!("{OURS}/{DELETED}/x_20260615T102030Z").parse().unwrap();
        let absence = Absence { since: jiff::Timestamp::UNIX_EPOCH, dataset: guid, newest: guid };
        let lines = said(|zfs| {
            let _ = (zfs.mark_fed(&[place.to_string(), OURS.to_owned()], guid), zfs.mark_missing(&place, &absence));
            let _ = (zfs.unmark_missing(&place), zfs.create_parent(&aside.parent().unwrap(), false));
            let _ = (zfs.destroy_replica(&place, &[snapshot.parse().unwrap()]), zfs.destroy_empty(&place));
            for kind in [Kind::Filesystem, Kind::Volume] {
                let _ = zfs.rename(REMOVE, kind, &place, &aside);
            }
        });
        prop_assert_eq!(lines.len(), 8);
        let allowing = |dataset| Rules { allow_rollback: false, allow_delete: Some(Duration::ZERO), ..gate(Mode::Receive, dataset) };
        for line in &lines {
            prop_assert!(permit(&allowing(OURS), line).is_ok(), "{}", line);
            prop_assert!(permit(&allowing(NEIGHBOUR), line).is_err());
            prop_assert!(permit(&gate(Mode::Send, OURS), line).is_err());
        }
    }
}

proptest! {
    #[test]
    fn streams_pass_the_gates_of_their_ends(
        dataset in path(), names in (component(), component()), raw: bool, flags in flags(), volume: bool, guid: u64,
        replaces in prop::sample::select(vec![0, 1, 2])
    ) {
        let kind = if volume { Kind::Volume } else { Kind::Filesystem };
        let replaces = match replaces {
            0 => Replaces::Nothing,
            1 => Replaces::Placeholder,
            _ => Replaces::Beside(dataset.arriving().unwrap()),
        };
        let transfer = transfer(raw, flags, replaces);
        let request = request(&dataset, &[("canmount", "off"), ("readonly", "on"), ("volmode", "none"), ("atime", "off")], &["mountpoint"]);
        let source = source(&dataset, kind, guid);
        for step in steps(&names.0, &names.1) {
            let sent = [commands::send(&request, &dataset, &transfer, &step), commands::estimate(&request, &dataset, &transfer, &step)];
            let compressed = Script::Compress.of(sent[0].argv());
            for cmd in sent.iter().chain([&compressed]) {
                prop_assert_eq!(check(Mode::Send, &cmd.for_login_shell()), Ok(()));
            }
            let first = step.from.is_none();
            let received = commands::receive(&request, &source, &dataset, &transfer, first, &[("compression".to_owned(), "lz4".to_owned())]);
            for cmd in [&received, &Script::Decompress.of(received.argv())] {
                prop_assert_eq!(check(Mode::Receive, &cmd.for_login_shell()), Ok(()));
            }
        }
    }
}

proptest! {
    #[test]
    fn clones_pass_the_gates_of_their_ends(dataset in path(), base in path(), names in (component(), component()), raw: bool, flags in flags()) {
        for sign in ['@', '#'] {
            let (origin, step) = origin(&base, &names.0, sign);
            let transfer = Transfer { origin: Some(origin.clone()), ..transfer(raw, flags, Replaces::Nothing) };
            let request = request(&dataset, &[("canmount", "off"), ("readonly", "on")], &["mountpoint"]);
            let source = source(&dataset, Kind::Filesystem, 1);
            let (sent, estimated) = (commands::send(&request, &dataset, &transfer, &step), commands::estimate(&request, &dataset, &transfer, &step));
            let received = commands::receive(&request, &source, &dataset, &transfer, true, &[]);
            for (mode, cmd) in [(Mode::Send, &sent), (Mode::Send, &estimated), (Mode::Receive, &received)] {
                prop_assert_eq!(check(mode, &cmd.for_login_shell()), Ok(()));
                // Neither a clone within whose origin is without, nor the other way round.
                let line = cmd.for_login_shell().replacen(base.as_str(), &format!("{NEIGHBOUR}/x"), 1);
                prop_assert!(dataset == base || permit(&gate(mode, OURS), &line).is_err(), "{}", line);
                prop_assert!(permit(&gate(mode, NEIGHBOUR), &line).is_err(), "{}", line);
            }
        }
    }
}
