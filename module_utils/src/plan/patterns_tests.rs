use super::{Pattern, patterns};
use crate::plan::period::Interval::{self, Daily, Frequently, Hourly};
use jiff::civil::{DateTime, date};
use proptest::prelude::*;

fn read(word: &str, name: &str) -> Option<(DateTime, Option<Interval>)> {
    patterns(word).unwrap().iter().find_map(|pattern| pattern.read(name))
}

#[test]
fn the_names_of_tools_are_known() {
    let minute = date(2026, 11, 27).at(2, 5, 0, 0);
    let second = date(2026, 11, 27).at(2, 5, 1, 0);
    for (word, name, clock, interval) in [
        ("sanoid", "autosnap_2026-11-27_02:05:01_hourly", second, Some(Hourly)),
        ("sanoid:old", "old_2026-11-27_02:05:01_daily", second, Some(Daily)),
        ("pyznap", "pyznap_2026-11-27_02:05:01_frequent", second, Some(Frequently)),
        ("zfs-auto-snapshot", "zfs-auto-snap_hourly-2026-11-27-0205", minute, Some(Hourly)),
        ("zfs-auto-snapshot", "zfs-auto-snap_frequent-2026-11-27-0205", minute, Some(Frequently)),
        ("zfs-auto-snapshot", "zfs-auto-snap-2026-11-27-0205", minute, None),
        ("zfs_autobackup:offsite", "offsite-20261127020501", second, None),
        ("zfs_autobackup:offsite=daily", "offsite-20261127020501", second, Some(Daily)),
        ("zrepl", "zrepl_20261127_020501_000", second, None),
        ("zrepl", "zrepl_2026-11-27_02:05:01", second, None),
        ("zrepl", "zrepl_2026-11-27T02:05:01.123Z", second, None),
        ("zrepl:pve_=hourly", "pve_20261127_020501_000", second, Some(Hourly)),
        ("truenas", "auto-2026-11-27_02-05", minute, None),
        ("%Y%m%d", "20261127", date(2026, 11, 27).at(0, 0, 0, 0), None),
        ("{interval}.%d.%m.%Y", "daily.27.11.2026", date(2026, 11, 27).at(0, 0, 0, 0), Some(Daily)),
    ] {
        assert_eq!(read(word, name), Some((clock, interval)), "{word} {name}");
    }
}

#[test]
fn what_no_tool_would_write_is_not_read() {
    for (word, name) in [
        ("zfs-auto-snapshot", "zfs-auto-snap_01-2026-11-27-0205"),
        ("zfs-auto-snapshot", "zfs-auto-snap_hourly-2026-11-27-020"),
        ("zfs-auto-snapshot", "zfs-auto-snap_hourly-2026-11-27-02051"),
        ("zfs-auto-snapshot", "zfs-auto-snap_hourly-2026-02-30-0205"),
        ("zfs_autobackup:offsite", "offsite2-20261127020501"),
        ("zfs_autobackup:offsite", "offsite-2026112702050"),
        ("zfs_autobackup:offsite", "offsite-+0261127020501"),
        ("zrepl", "zrepl_20261127_020501_"),
        ("zrepl", "zrepl_20261127_020501_000_x"),
        ("sanoid", "autosnap_2026-11-27_02:05:01_Hourly"),
        ("sanoid", "autosnap_2026-11-27_02:05:0ä_hourly"),
        ("truenas", "auto-2026-11-27_24-05"),
    ] {
        assert_eq!(read(word, name), None, "{word} {name}");
    }
}

#[test]
fn wrong_words_say_what_is_wrong() {
    for (word, why) in [
        (
            "zrepel",
            "\"zrepel\" is neither a pattern with a date, such as \"zrepel-%Y-%m-%d\", nor a tool; there are zrepl, ",
        ),
        ("zfs_autobackup", "say how its names begin: \"zfs_autobackup:NAME\""),
        ("x-%Y-%m", "\"x-%Y-%m\": it has no %d, so it would not say of which day a snapshot is"),
        ("x-%Y-%m-%q", "\"x-%Y-%m-%q\": expected %Y, %m, %d, %H, %M, %S, %f or {interval}, got \"%q\""),
        ("x-%Y-%m-%d%", "\"x-%Y-%m-%d%\": expected %Y, %m, %d, %H, %M, %S, %f or {interval}, got \"% \""),
        ("x/%Y-%m-%d", "\"x/%Y-%m-%d\": "),
        ("%Y%Y-%m-%d", "\"%Y%Y-%m-%d\": each part of a date"),
        ("x{interval}%Y-%m-%d", "\"x{interval}%Y-%m-%d\": what follows %f or {interval}"),
        ("%Y-%m-%d=dayly", "\"dayly\" is no interval such as daily"),
        ("sanoid=daily", "names of \"sanoid\" say their interval themselves, so leave out \"=daily\""),
    ] {
        let said = patterns(word).unwrap_err();
        assert!(said.starts_with(why), "{said}");
    }
}

proptest! {
    #[test]
    fn any_name_can_be_held_against_any_pattern(name in "[a-z0-9_:.ä-]{0,40}") {
        for word in ["sanoid", "zrepl", "zfs-auto-snapshot", "zfs_autobackup:a", "{interval}-%f-%Y%m%d"] {
            for pattern in patterns(word).unwrap() {
                let _ = pattern.read(&name);
            }
        }
    }

    #[test]
    fn any_text_is_a_pattern_or_an_error(text in "[%a-zYHMSä{}-]{0,20}") {
        let _ = text.parse::<Pattern>();
    }
}
