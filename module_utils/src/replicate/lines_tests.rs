use super::{Lines, Told, closing, notes};
use crate::exec::failure::Failure;
use crate::exec::ssh::Host;
use crate::replicate::refusal::Obstacle;
use crate::replicate::report::{Action, DatasetError, DatasetReport, Discarded, RolledBack, Status, StepReport};
use crate::replicate::summary::summary;
use crate::terminal::look::Look;
use crate::terminal::table::Tone;

fn report(name: &str, action: Action, to: Option<&str>) -> DatasetReport {
    let source = if name.is_empty() { "tank".to_owned() } else { format!("tank/{name}") };
    let error = DatasetError::from(&failure());
    let report = DatasetReport::of_error(&source, &format!("vault/{source}"), error);
    DatasetReport { error: None, status: Status::Ok, action: Some(action), to: to.map(str::to_owned), ..report }
}

fn sent(name: &str, action: Action, snapshots: usize, bytes: u64, seconds: f64) -> DatasetReport {
    let step = StepReport { from: None, to: "tuesday".to_owned(), kind: "full", bytes_estimated: Some(bytes) };
    DatasetReport { steps: vec![step], snapshots, bytes, seconds, ..report(name, action, Some("tuesday")) }
}

fn failure() -> Failure {
    Failure::refusal("receive", &Host::Local, &Obstacle::PoolMissing("vault".to_owned()))
}

fn failed(name: &str) -> DatasetReport {
    DatasetReport::of_error(&format!("tank/{name}"), &format!("vault/tank/{name}"), DatasetError::from(&failure()))
}

fn all() -> Vec<DatasetReport> {
    vec![
        sent("", Action::Full, 2, 64 << 10, 0.4),
        sent("home", Action::Incremental, 12, 6 << 28, 72.3),
        report("x", Action::UpToDate, Some("monday")),
        report("y", Action::NoSnapshots, None),
        failed("z"),
    ]
}

fn screen(reports: &[DatasetReport], look: Look) -> String {
    let lines = Lines::new(look);
    assert_eq!(lines.of(Told::Planned(reports)), None);
    let line = |report| lines.of(Told::Done { report, again: false }).unwrap();
    reports.iter().flat_map(|report| ["* ".to_owned(), line(report), "\n".to_owned()]).collect()
}

const WIDE: &str = "\
* sent          tank       -> vault/tank       @tuesday  full           2 snapshots  64.0 KiB  in 0.4 s
* sent          tank/home  -> vault/tank/home  @tuesday  incremental   12 snapshots   1.5 GiB  in 0:01:12
* up to date    tank/x     -> vault/tank/x     @monday
* no snapshots  tank/y     -> vault/tank/y
* failed        tank/z     -> vault/tank/z     receive: pool_missing
";

const NARROW: &str = "\
* sent          tank -> vault/tank
                @tuesday  full           2 snapshots  64.0 KiB  in 0.4 s
* sent          tank/home -> vault/tank/home
                @tuesday  incremental   12 snapshots   1.5 GiB  in 0:01:12
* up to date    tank/x -> vault/tank/x
                @monday
* no snapshots  tank/y -> vault/tank/y
* failed        tank/z -> vault/tank/z
                receive: pool_missing
";

#[test]
fn a_line_for_each_dataset_and_two_where_one_is_too_long() {
    assert_eq!(screen(&all(), Look::default()), WIDE);
    assert_eq!(screen(&all(), Look { width: Some(200), ..Look::default() }), WIDE);
    assert_eq!(screen(&all(), Look { width: Some(80), ..Look::default() }), NARROW);
    // Where nothing is sent, little room is enough.
    let idle = [report("x", Action::UpToDate, Some("monday"))];
    assert_eq!(
        screen(&idle, Look { width: Some(60), ..Look::default() }),
        "* up to date    tank/x  -> vault/tank/x  @monday\n"
    );
    let colored = screen(&all(), Look { color: true, live: true, width: Some(200) });
    assert!(colored.starts_with("* \u{1b}[32msent        \u{1b}[0m  tank       -> "), "{colored:?}");
    assert!(colored.contains("* \u{1b}[1;31mfailed      \u{1b}[0m  tank/z"), "{colored:?}");
    let escapes = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    assert_eq!(escapes.replace_all(&colored, ""), WIDE);
}

#[test]
fn check_mode_says_would() {
    let planned = |known: bool| {
        let mut report = sent("", Action::Resume, 1, 64 << 10, 0.0);
        report.status = Status::Planned;
        if !known {
            (report.bytes, report.steps[0].bytes_estimated) = (0, None);
        }
        report
    };
    assert_eq!(
        screen(&[planned(true), planned(false)], Look::default()),
        "\
* would send    tank  -> vault/tank  @tuesday  resume          1 snapshot  64.0 KiB
* would send    tank  -> vault/tank  @tuesday  resume          1 snapshot   unknown
"
    );
    let reports = [planned(true), report("x", Action::UpToDate, None)];
    let line = closing(&summary(&reports, 0.1), &reports, (2, 0), true);
    let expected = "check: 4 datasets: 1 would be sent, 1 up to date, 2 excluded; 1 snapshot, about 64.0 KiB";
    assert_eq!(line, (Tone::Good, expected.to_owned()));
}

#[test]
fn what_is_tried_again_tells_why_in_full() {
    let lines = Lines::new(Look::default());
    let failed = failed("z");
    let line = lines.of(Told::Done { report: &failed, again: true }).unwrap();
    let (first, second) = line.split_once('\n').unwrap();
    assert_eq!(first, "trying again  tank/z  -> vault/tank/z  receive: pool_missing");
    assert!(second.starts_with("  receive failed: pool vault is not imported there"), "{second}");
    assert_eq!(lines.of(Told::Note("a\u{1b}\nb")).unwrap(), "a?\n  b");
}

#[test]
fn the_last_line_sums_up() {
    let reports = all();
    let line = closing(&summary(&reports, 73.0), &reports, (0, 0), false);
    let expected = "failed: 5 datasets: 2 sent, 1 up to date, 1 without snapshots, 1 failed; 14 snapshots, 1.5 GiB in 0:01:13 (21.0 MiB/s)";
    assert_eq!(line, (Tone::Bad, expected.to_owned()));
    let reports = [report("x", Action::UpToDate, None)];
    let line = closing(&summary(&reports, 0.2), &reports, (0, 0), false);
    assert_eq!(line, (Tone::Good, "done: 1 dataset: 1 up to date, in 0.2 s".to_owned()));
    let line = closing(&summary(&reports, 0.2), &reports, (2, 3), false);
    assert_eq!(line, (Tone::Good, "done: 6 datasets: 1 up to date, 2 excluded, 3 left out, in 0.2 s".to_owned()));
}

#[test]
fn what_had_to_make_way_is_told() {
    let mut one = sent("", Action::Incremental, 1, 1, 0.0);
    let away = RolledBack { to: "a".to_owned(), destroyed: vec!["b".to_owned(), "c".to_owned()], written: 4096 };
    one.rolled_back = Some(away);
    one.discarded = Some(Discarded { code: "x", reason: "it does not fit".to_owned(), bytes: 2048 });
    let mut planned = one.clone();
    planned.status = Status::Planned;
    planned.discarded = None;
    assert_eq!(
        notes(&[one, planned], &[]),
        [
            "vault/tank was rolled back to @a, 2 snapshots destroyed: @b, @c, 4.0 KiB written there are lost",
            "vault/tank: 2.0 KiB that an interrupted receive left was discarded: it does not fit",
            "vault/tank would be rolled back to @a, 2 snapshots destroyed: @b, @c, 4.0 KiB written there are lost",
        ]
    );
}
