use super::screen::text;
use super::{Answers, Replica, Role, replicas};
use crate::model::{Dataset, Version, VersionKind};
use crate::terminal::look::Look;
use crate::zfs::parse;
use Role::{Placeholder, SetAside, Unmarked};
use std::collections::HashMap;

const NOW: i64 = 1_800_000_000;

/// As `zfs list` prints it: name, encryption, key, written, token, placeholder and replica.
fn dataset(fields: [&str; 7], snapshots: &[&str]) -> (Dataset, bool) {
    let [name, encryption, key, written, token, placeholder, replica] = fields;
    let line = [name, "filesystem", "7", encryption, "-", key, written, "-", token, placeholder, replica].join("\t");
    let (mut dataset, token) = parse::datasets(&line, 0).unwrap().remove(0);
    let version = |(number, name): (usize, &&str)| {
        Version::listed(VersionKind::Snapshot, (*name).to_owned(), number as u64, number as u64)
    };
    dataset.versions = snapshots.iter().enumerate().map(version).collect();
    (dataset, token.is_some())
}

fn all() -> Vec<Replica> {
    let datasets = [
        dataset(["vault/r", "off", "-", "0", "-", "-", "-"], &[]),
        dataset(["vault/r/tank", "off", "-", "0", "-", "7", "-"], &[]),
        dataset(["vault/r/tank/home", "off", "-", "0", "-", "-", "11"], &["a", "b", "c"]),
        dataset(["vault/r/tank/home/made_here", "off", "-", "0", "-", "-", "11"], &[]),
        dataset(["vault/r/tank/vm", "aes-256-gcm", "unavailable", "4096", "1-x", "-", "12"], &["a"]),
        dataset(["vault/r/tank_diverged_x", "off", "-", "0", "-", "-", "13"], &["old"]),
    ];
    let of = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let now = u64::try_from(NOW).unwrap();
    let created = of(&[
        ("vault/r/tank/home@a", now - 90 * 86_400),
        ("vault/r/tank/home@c", now - 600),
        ("vault/r/tank/vm@a", now - 7200),
    ]);
    let used = of(&[("vault/r", 3 << 30), ("vault/r/tank/home", 1 << 30), ("vault/r/tank/vm", 2048)]);
    let sources = HashMap::from([(11, "tank/home".to_owned())]);
    replicas(&datasets, &Answers { used, created, sources, now: NOW })
}

#[test]
fn what_is_known_of_each() {
    let all = all();
    let roles: Vec<Role> = all.iter().map(|replica| replica.role).collect();
    assert_eq!(roles, [Unmarked, Placeholder, Role::Replica, Unmarked, Role::Replica, SetAside]);
    let home = &all[2];
    assert_eq!((home.source.as_deref(), home.source_guid.as_deref()), (Some("tank/home"), Some("11")));
    assert_eq!(home.newest.as_ref().unwrap().age, Some(600));
    assert_eq!(all[3].source_guid, None, "a mark of what lies above is not its own");
    assert_eq!((all[4].key_loaded, all[4].partial), (Some(false), true));
}

#[test]
fn a_line_for_each() {
    let screen = text(&all(), Look::default());
    let lines: Vec<&str> = screen.lines().collect();
    assert_eq!(
        lines,
        [
            "  dataset                      from       snapshots  newest     oldest    used     state",
            "  vault/r                      -          0          -          -         3.0 GiB  not marked as a replica",
            "  vault/r/tank                 -          0          -          -         ?        placeholder",
            "  vault/r/tank/home            tank/home  3          10 min @c  2 months  1.0 GiB",
            "  vault/r/tank/home/made_here  -          0          -          -         ?        not marked as a replica",
            "  vault/r/tank/vm              guid 12    1          2 h @a     2 h       2.0 KiB  encrypted, key not loaded, partial receive, 4.0 KiB written since",
            "  vault/r/tank_diverged_x      guid 13    1          ? @old     ?         ?        set aside",
            "",
            "2 replicas, 1 placeholder, 2 without a mark, 1 set aside, 1 with a partial receive, 5 snapshots, 3.0 GiB",
        ]
    );
    // Where there is no room, the age alone says how fresh it is.
    let narrow = text(&all(), Look { width: Some(80), ..Look::default() });
    assert!(narrow.contains("  tank/home  3          10 min  2 months  1.0 GiB\n"), "{narrow}");
    let colored = text(&all(), Look { color: true, live: true, width: Some(200) });
    assert!(colored.contains("\u{1b}[33mencrypted, key not loaded, partial"), "{colored}");
}
