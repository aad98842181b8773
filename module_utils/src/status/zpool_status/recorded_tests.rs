//! What real pools printed, by OpenZFS version (tests/it/fixtures/record_pools.py): text and JSON give the same facts.

use super::{json, text};
use crate::status::model::{PoolStatus, ScanFunction, ScanState};
use crate::status::{zfs_list, zpool_list};
use proptest::prelude::{any, proptest};
use std::fs;
use std::path::PathBuf;

fn versions() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/it/fixtures/pools");
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// A case as each version and each form has it.
fn recorded(case: &str) -> Vec<(String, PoolStatus)> {
    let mut all = Vec::new();
    for version in versions() {
        let read = |ending: &str| fs::read_to_string(version.join(format!("{case}.{ending}"))).ok();
        let name = version.file_name().unwrap().to_string_lossy().into_owned();
        all.push((format!("{name} text"), text(&read("txt").unwrap(), "tank").unwrap()));
        all.extend(read("json").map(|said| (format!("{name} json"), json(&said, "tank").unwrap())));
    }
    assert!(all.len() >= 3, "there are recordings of 2.1 and 2.3");
    all
}

/// What a text says only roughly, left out.
fn exact(mut status: PoolStatus) -> PoolStatus {
    if let Some(scan) = &mut status.scan {
        (scan.repaired_bytes, scan.examined_bytes, scan.total_bytes) = (None, None, None);
        // The text of a scrub that is over does not say when it began, nor that of one that runs or was stopped what it found.
        scan.errors = scan.errors.filter(|_| scan.state == ScanState::Finished);
        scan.started_at = scan.started_at.filter(|_| scan.finished_at.is_none());
    }
    status
}

const CASES: [&str; 17] = [
    "well",
    "never",
    "offline",
    "faulted",
    "repaired",
    "damaged",
    "resilvered",
    "scrubbing",
    "paused",
    "canceled",
    "spaces",
    "spare",
    "replacing",
    "rebuilt",
    "removed",
    "lost",
    "dedup",
];

#[test]
fn text_and_json_of_one_pool_say_the_same() {
    for version in versions() {
        for case in CASES {
            let read = |ending: &str| fs::read_to_string(version.join(format!("{case}.{ending}"))).ok();
            let Some(as_json) = read("json") else { continue };
            let (as_json, as_text) = (json(&as_json, "tank").unwrap(), text(&read("txt").unwrap(), "tank").unwrap());
            assert_eq!(exact(as_text), exact(as_json), "{} {case}", version.display());
        }
    }
}

fn vdevs(status: &PoolStatus) -> Vec<(&str, &str, &str)> {
    status.vdevs.iter().map(|vdev| (vdev.name.as_str(), vdev.class, vdev.state.as_str())).collect()
}

#[test]
fn devices_of_every_class() {
    for (version, status) in recorded("well") {
        let expected = [
            ("mirror-0", "data", "ONLINE"),
            ("/big/a", "data", "ONLINE"),
            ("/big/b", "data", "ONLINE"),
            ("/big/c", "log", "ONLINE"),
            ("/big/d", "cache", "ONLINE"),
            ("/big/e", "spare", "AVAIL"),
        ];
        assert_eq!(vdevs(&status), expected, "{version}");
        assert!(status.vdevs.iter().all(|vdev| vdev.is_healthy() && vdev.errors() == 0), "{version}");
        assert_eq!((status.data_errors, status.message), (Some(0), None), "{version}");
    }
    for (version, status) in recorded("spaces") {
        assert_eq!(vdevs(&status), [("/big/my disks/one 1", "data", "ONLINE")], "{version}");
    }
    for (version, status) in recorded("faulted") {
        let bad: Vec<_> =
            status.vdevs.iter().filter(|vdev| !vdev.is_healthy()).map(|vdev| vdev.name.as_str()).collect();
        assert_eq!(bad, ["raidz1-0", "/big/b"], "{version}");
        assert_eq!(status.vdevs.iter().filter(|vdev| vdev.class == "special").count(), 3, "{version}");
        assert!(status.message.unwrap().starts_with("One or more devices are faulted"), "{version}");
        assert!(status.action.is_some());
    }
    for (version, status) in recorded("offline") {
        assert_eq!(vdevs(&status)[2], ("/big/b", "data", "OFFLINE"), "{version}");
    }
}

/// What made other monitors stumble: pools that are in order, or that are not although they are online.
#[test]
fn devices_that_come_and_go() {
    let not_well = |status: &PoolStatus| {
        let bad = status.vdevs.iter().filter(|vdev| !vdev.is_healthy());
        bad.map(|vdev| format!("{} {} {}", vdev.class, vdev.name, vdev.state)).collect::<Vec<_>>()
    };
    for case in ["replacing", "rebuilt", "removed", "dedup"] {
        for (version, status) in recorded(case) {
            assert_eq!(not_well(&status), [""; 0], "{version} {case}");
        }
    }
    for (version, status) in recorded("spare") {
        assert_eq!(not_well(&status), ["spare draid1-0-0 INUSE"], "{version}");
    }
    for (version, status) in recorded("lost") {
        let [group, gone, cache, spare] = &not_well(&status)[..] else { panic!("{version} {status:?}") };
        assert_eq!((group.as_str(), cache.as_str()), ("data mirror-0 DEGRADED", "cache /big/c UNAVAIL"), "{version}");
        assert_eq!(spare, "spare /big/e UNAVAIL", "{version}");
        assert!(gone.starts_with("data ") && gone.ends_with(" UNAVAIL"), "{version} {gone}");
    }
    for (version, status) in recorded("dedup") {
        assert_eq!(status.vdevs.iter().filter(|vdev| vdev.class == "dedup").count(), 3, "{version}");
    }
    for (version, status) in recorded("rebuilt") {
        assert_eq!(
            status.scan.unwrap().function,
            ScanFunction::Scrub,
            "{version}: that of the resilver is another line"
        );
    }
}

#[test]
fn errors_are_counted() {
    for (version, status) in recorded("repaired") {
        let b = status.vdevs.iter().find(|vdev| vdev.name == "/big/b").unwrap();
        assert!(b.checksum_errors.unwrap() > 0, "{version}");
        let scan = status.scan.unwrap();
        assert!(scan.repaired_bytes.unwrap() > 1 << 20, "{version}");
        assert_eq!((scan.errors, status.data_errors), (Some(0), Some(0)), "{version}");
    }
    for (version, status) in recorded("damaged") {
        assert!(status.data_errors.unwrap() > 0 && status.scan.unwrap().errors.unwrap() > 0, "{version}");
    }
}

#[test]
fn scans_in_every_state() {
    for (case, function, state) in [
        ("well", ScanFunction::Scrub, ScanState::Finished),
        ("resilvered", ScanFunction::Resilver, ScanState::Finished),
        ("scrubbing", ScanFunction::Scrub, ScanState::Running),
        ("paused", ScanFunction::Scrub, ScanState::Paused),
        ("canceled", ScanFunction::Scrub, ScanState::Canceled),
    ] {
        for (version, status) in recorded(case) {
            let scan = status.scan.unwrap();
            assert_eq!((scan.function, scan.state), (function, state), "{version} {case}");
            let ended = matches!(state, ScanState::Finished | ScanState::Canceled);
            assert_eq!(
                (scan.finished_at.is_some(), scan.started_at.is_some() || ended),
                (ended, true),
                "{version} {case}"
            );
            let recent = scan.finished_at.or(scan.started_at).unwrap().0;
            assert!(recent > 1_700_000_000, "{version} {case}");
        }
    }
    assert!(recorded("never").iter().all(|(_, status)| status.scan.is_none()));
}

#[test]
fn listings_are_read() {
    for version in versions() {
        for case in CASES {
            let said = fs::read_to_string(version.join(format!("{case}.list.txt"))).unwrap();
            let (properties, health) = zpool_list::read(&said, "tank").unwrap();
            let degraded = ["offline", "faulted", "lost"].contains(&case);
            assert_eq!(health, if degraded { "DEGRADED" } else { "ONLINE" }, "{} {case}", version.display());
            assert!(properties.size_bytes.unwrap() > 50 << 20 && properties.guid.is_some(), "{case}");
            assert!(
                properties.fragmentation_percent.is_some()
                    && properties.deduplication_ratio == Some(if case == "dedup" { 2.0 } else { 1.0 }),
                "{case}"
            );
            assert_eq!(properties.checkpoint_bytes.unwrap() > 0, case == "spaces", "{} {case}", version.display());
        }
        let datasets = zfs_list::read(&fs::read_to_string(version.join("datasets.txt")).unwrap(), "tank").unwrap();
        let of = |name: &str| datasets.iter().find(|dataset| dataset.name == name).unwrap();
        assert_eq!((of("tank/locked").key_loaded, of("tank/locked").mounted), (Some(false), Some(false)));
        assert_eq!(of("tank/quota").compression.as_deref(), Some("off"));
        assert_eq!(of("tank/quota").mountpoint.as_deref(), Some("/mnt/with space"));
        assert_eq!((of("tank/volume").kind, of("tank/volume").space.volume_size_bytes), ("volume", Some(10 << 20)));
        assert_eq!((of("tank/bare").mountpoint.as_deref(), of("tank").space.quota_bytes), (None, None));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(said in any::<String>(), cut in 0..400_usize) {
        let _ = (text(&said, "tank"), json(&said, "tank"), zpool_list::read(&said, "tank"), zfs_list::read(&said, "tank"));
        for version in versions() {
            let whole = fs::read_to_string(version.join("faulted.txt")).unwrap();
            let start = whole.get(..cut.min(whole.len())).unwrap_or_default();
            let _ = text(&format!("{start}{said}"), "tank");
        }
    }
}
