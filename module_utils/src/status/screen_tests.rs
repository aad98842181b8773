use super::Screen;
use crate::plan::period::Interval;
use crate::status::nagios;
use crate::status::sample::{DAY, LIMITS, ago, status};

fn screen(status: &crate::status::report::Status, color: bool) -> String {
    Screen::new(status).text(color)
}

fn red() -> crate::status::report::Status {
    status(|facts| {
        let snapshots = facts.datasets.as_mut().unwrap()[0].snapshots.as_mut().unwrap();
        let hourly = snapshots.intervals.get_mut(&Interval::Hourly).unwrap();
        hourly.overdue = true;
        hourly.newest.as_mut().unwrap().created_at = ago(130 * DAY);
        facts.pools.as_mut().unwrap()[0].properties.capacity_percent = Some(90);
    })
}

#[test]
fn one_screen() {
    let expected = "\
CRITICAL  nas  2027-01-15T08:00:00Z

critical tank/data: its newest hourly snapshot is 4 months old (@h24), at most 2 h is allowed
         -> systemctl status ferro-zfs-snapshot.timer; journalctl -u ferro-zfs-snapshot

warning  tank: 90 % full
         -> remove what is not needed, keep fewer snapshots, or add devices

POOLS
  tank  ONLINE  [##################..]  90 %  410 KiB of 977 KiB  frag 7 %  scrub 10 d ago

BACKUPS
  pull@nas  backup@nas:tank/data -> vault/nas/tank/data  2 h of 5 h  last run ok, 4.9 KiB

DATASETS
  dataset    policy  F  H      D     W  M  Y  newest
  tank/data  high    -  24/24  3/14  -  -  -  10 min

JOBS
  pull@nas  ok  last run 60 min  last success 60 min  next in 60 min
";
    assert_eq!(screen(&red(), false), expected);
    let colored = screen(&red(), true);
    assert!(colored.starts_with("\u{1b}[1;31mCRITICAL\u{1b}[0m  nas"), "{colored}");
    let plain = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    assert_eq!(plain.replace_all(&colored, ""), expected);
}

#[test]
fn nothing_from_elsewhere_steers_the_terminal() {
    let text = screen(
        &status(|facts| {
            let job = &mut facts.jobs.as_mut().unwrap()[0];
            job.last_run.as_mut().unwrap().failed = true;
            job.last_run.as_mut().unwrap().message = Some("\u{1b}[2J\nOK all is well".to_owned());
            facts.pools.as_mut().unwrap()[0].health = "\u{9b}31m".to_owned();
        }),
        false,
    );
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("OK all")), "{text}");
}

#[test]
fn one_line_for_nagios() {
    let (text, exit) = nagios::answer(&red(), &LIMITS);
    let figures = "'tank_used'=90%;85;95;0;100 'tank_data_errors'=0;;0;0 overdue=1;;;0 critical=1;;;0 unknown=0;;;0 warnings=1;;;0";
    let first = "tank/data: its newest hourly snapshot is 4 months old (@h24), at most 2 h is allowed; tank: 90 % full";
    assert_eq!(text.lines().next().unwrap(), format!("ZFS CRITICAL - {first} | {figures}"));
    assert_eq!((text.lines().count(), exit), (3, 2));
    assert!(text.lines().skip(1).all(|line| !line.contains('|')));
    let (text, exit) = nagios::answer(&status(|_| {}), &LIMITS);
    assert!(text.starts_with("ZFS OK - 1 pool, 1 dataset, 1 job, 1 replica | 'tank_used'=42%"), "{text}");
    assert_eq!(exit, 0);
    assert_eq!(nagios::unknown("a|b\nc"), ("ZFS UNKNOWN - a/b c\n".to_owned(), 3));
    let warning = status(|facts| facts.pools.as_mut().unwrap()[0].properties.capacity_percent = Some(90));
    assert_eq!(nagios::answer(&warning, &LIMITS).1, 1);
}
