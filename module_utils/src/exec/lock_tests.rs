//! Which runs exclude each other.

use super::{Place, acquire, acquire_places, file_name, meets};
use std::fs::{self, File};
use std::path::Path;

fn place(text: &str) -> Place {
    let (host, dataset) = text.split_once(':').unwrap_or(("", text));
    Place::new(Some(host).filter(|host| !host.is_empty()), None, dataset.parse().unwrap())
}

fn places(text: &str) -> Vec<Place> {
    text.split(' ').map(place).collect()
}

#[test]
fn only_one_holds_it_and_no_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.lock");
    let first = acquire(&path, false).unwrap();
    assert!(first.is_ok());
    let other = acquire(&path, false).unwrap().unwrap_err();
    assert_eq!(other.to_string(), format!("another run holds the lock {}", path.display()));
    drop(first);
    assert!(!path.exists());
    assert!(acquire(&path, true).unwrap().is_ok());
}

#[test]
fn a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.lock");
    std::os::unix::fs::symlink(folder.path().join("victim"), &path).unwrap();
    assert!(acquire(&path, false).is_err());
    assert!(!folder.path().join("victim").exists());
}

#[test]
fn places_exclude_each_other_where_one_lies_at_or_below_the_other() {
    for (ours, theirs, expected) in [
        ("usb1/tank", "usb2/tank", false),
        ("vault/a", "vault/b", false),
        ("vault/a", "vault/ab", false),
        ("vault/a", "vault/a", true),
        ("vault/a", "vault/a/b/c", true),
        ("vault", "vault/a", true),
        ("nas:vault/a", "vault/a", false),
        ("root@NAS:vault/a", "backup@nas:vault", true),
        ("nas:vault/a", "other:vault/a", false),
        ("vault/a vault/b", "vault/x vault/b/y", true),
    ] {
        let (ours, theirs) = (places(ours), places(theirs));
        let text = theirs.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(meets(&text, &ours), expected, "{ours:?} {theirs:?}");
    }
    let other = Place::new(Some("ssh://u@nas"), Some(2222), "vault/my data".parse().unwrap());
    assert_eq!(other.to_string(), "nas:2222 vault/my data");
    assert_eq!(Place::read(&other.to_string()), Some(other));
}

fn hold(folder: &Path, text: &str) -> Result<super::Lock, String> {
    acquire_places(folder, "zfs_replicate", &places(text), false).unwrap().map_err(|other| other.to_string())
}

#[test]
fn runs_into_disjoint_places_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = hold(folder.path(), "usb1/tank").unwrap();
    // In one process the name is not unique; another run would have another number.
    fs::rename(&first.path, folder.path().join("zfs_replicate-first.lock")).unwrap();
    let second = hold(folder.path(), "usb2/tank").unwrap();
    let refused = hold(folder.path(), "usb1/tank/a").unwrap_err();
    assert!(refused.starts_with("another run into usb1/tank on localhost holds the lock "), "{refused}");
    drop((first, second));
    assert!(hold(folder.path(), "usb1").is_ok());
}

#[test]
fn what_a_killed_run_has_left_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let (left, foreign) = (folder.path().join("zfs_replicate-x.1.lock"), folder.path().join("zfs_prune.lock"));
    fs::write(&left, "localhost vault\n").unwrap();
    fs::write(&foreign, "").unwrap();
    let held = hold(folder.path(), "vault/a").unwrap();
    assert_eq!(fs::read_to_string(&held.path).unwrap(), "localhost vault/a\n");
    assert!(!left.exists() && foreign.exists());
    drop(held);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_lock_that_names_no_place_keeps_everybody_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zfs_replicate.lock");
    let flock = nix::fcntl::Flock::lock(File::create(&path).unwrap(), nix::fcntl::FlockArg::LockExclusive).unwrap();
    assert_eq!(hold(folder.path(), "vault").unwrap_err(), format!("another run holds the lock {}", path.display()));
    drop(flock);
    assert!(hold(folder.path(), "vault").is_ok());
}

#[test]
fn names_are_for_people() {
    let pid = std::process::id();
    let name = file_name("zfs_replicate", &[Place::new(Some("u@re:2/../x"), None, "vault/my data".parse().unwrap())]);
    assert_eq!(name, format!("zfs_replicate-re-2-..-x-vault-my-data.{pid}.lock"));
    let long = Place::new(None, None, format!("vault/{}", "x".repeat(240)).parse().unwrap());
    assert!(file_name("zfs_replicate", &[long]).len() < 255);
}
