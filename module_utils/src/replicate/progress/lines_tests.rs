use super::{line, next, screen};
use crate::replicate::progress::course::{Lane, State};
use std::time::Duration;

const MIB: u64 = 1 << 20;

const BAR: &str = "[#######.......................]";

fn lane(dataset: &str, bytes: u64, bytes_estimated: Option<u64>) -> Lane {
    Lane { dataset: dataset.to_owned(), to: "tuesday".to_owned(), bytes, bytes_estimated, rate: 10 * MIB }
}

fn state(lanes: &[Lane], of: usize) -> State {
    let (dataset, to) = (lanes[0].dataset.clone(), lanes[0].to.clone());
    let (bytes, bytes_estimated) = (500 * MIB, Some(2000 * MIB));
    let (percent, rate, eta, parallel) = (Some(25), 20 * MIB, Some(75), lanes.len());
    let (number, done, lanes) = (2, 1, lanes.to_vec());
    State { dataset, to, bytes, bytes_estimated, percent, rate, eta, parallel, number, done, of, lanes }
}

fn two() -> State {
    state(&[lane("tank/home", 100 * MIB, Some(400 * MIB)), lane("tank/a/rather/long/name", 7 * MIB, None)], 9)
}

#[test]
fn one_line_for_journals_and_programs() {
    assert_eq!(
        line(&two()),
        "500 MiB of 2.0 GiB (25 %), 1 of 9 datasets, 20.0 MiB/s, 0:01:15 to go: tank/home@tuesday and 1 more"
    );
    let only = State { bytes_estimated: None, percent: None, eta: None, ..state(&[lane("tank", 0, None)], 1) };
    assert_eq!(line(&only), "500 MiB, 20.0 MiB/s: tank@tuesday");
    let odd = State { dataset: "tank\u{1b}[2J".to_owned(), ..only };
    assert_eq!(line(&odd), "500 MiB, 20.0 MiB/s: tank?[2J@tuesday");
}

#[test]
fn a_bar_and_a_line_for_each_lane() {
    let total = format!("{BAR}   25 %  500 MiB of 2.0 GiB  1 of 9 datasets  20.0 MiB/s  0:01:15 to go");
    assert_eq!(
        screen(&two(), 110),
        [
            total.as_str(),
            "   25 %  100 MiB of 400 MiB  10.0 MiB/s  tank/home@tuesday",
            "         7.0 MiB  10.0 MiB/s  tank/a/rather/long/name@tuesday",
        ]
    );
}

#[test]
fn a_line_is_never_wider_than_the_terminal() {
    let all = [two(), state(&[lane("tank/home", 100 * MIB, Some(400 * MIB))], 1)];
    let unknown = State { bytes_estimated: None, percent: None, eta: None, ..two() };
    for state in all.iter().chain([&unknown]) {
        for width in 0..200 {
            let lines = screen(state, width);
            assert!(lines.iter().all(|line| line.chars().count() <= width.saturating_sub(1)), "{width}: {lines:?}");
        }
    }
    let only = format!("{BAR}   25 %  500 MiB of 2.0 GiB  20.0 MiB/s  0:01:15 to go  tank/home@tuesday");
    assert_eq!(screen(&all[1], 200), [only]);
    assert_eq!(
        screen(&two(), 41),
        [
            " 25 %  500 MiB of 2.0 GiB  0:01:15 to go",
            "   25 %  100 MiB of 400 MiB  10.0 MiB/s",
            "         7.0 MiB  10.0 MiB/s  ..@tuesday",
        ]
    );
    assert_eq!(screen(&two(), 12)[0], " 25 %");
    // What is over its estimate is told as it is.
    let over = state(&[lane("tank", 500 * MIB, Some(400 * MIB))], 2);
    assert_eq!(screen(&over, 100)[1], "   99 %  500 MiB  10.0 MiB/s  tank@tuesday");
}

#[test]
fn a_journal_hears_of_it_ever_more_seldom() {
    let mut at = Duration::ZERO;
    let minutes: Vec<u64> = (0..8)
        .map(|_| {
            at = next(at);
            at.as_secs() / 60
        })
        .collect();
    assert_eq!(minutes, [1, 2, 4, 8, 16, 31, 46, 61]);
}
