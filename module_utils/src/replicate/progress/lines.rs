//! How progress looks: one line for programs, journals and Ansible; a bar with a line for each stream at a terminal. Pure.

use super::course::{Lane, State, percent};
use crate::exec::foreign;
use crate::model::units::ByteSize;
use crate::terminal::clock::hms;
use std::time::Duration;

/// The longest bar, and the shortest that still says something.
const BARS: [usize; 3] = [30, 20, 10];

/// In one line: `1.2 GiB of 2.9 GiB (42 %), 3 of 9 datasets, 98.3 MiB/s, 0:00:17 to go: tank/home@tuesday and 2 more`.
#[must_use]
pub fn line(state: &State) -> String {
    let percent = state.percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
    let mut parts = vec![format!("{}{percent}", amount(state.bytes, state.bytes_estimated))];
    parts.extend(datasets(state));
    parts.push(rate(state.rate));
    parts.extend(to_go(state));
    let more = if state.parallel > 1 { format!(" and {} more", state.parallel - 1) } else { String::new() };
    foreign::clean(&format!("{}: {}@{}{more}", parts.join(", "), state.dataset, state.to))
}

/// At a terminal whose lines are so wide: all of the run, and below that each stream where there is more than one dataset.
#[must_use]
pub fn screen(state: &State, width: usize) -> Vec<String> {
    // Behind the last column some terminals begin a new line.
    let width = width.saturating_sub(1);
    let mut lines = vec![total(state, width)];
    if state.of > 1 || state.parallel > 1 {
        lines.extend(state.lanes.iter().map(|lane| of_lane(lane, width)));
    }
    lines
}

/// As much of it as fits, the most important last to go.
fn total(state: &State, width: usize) -> String {
    let fitting = |parts: &[Option<String>]| {
        let line = parts.iter().flatten().map(String::as_str).collect::<Vec<_>>().join("  ");
        (line.chars().count() <= width).then_some(line)
    };
    let amount = Some(amount(state.bytes, state.bytes_estimated));
    let (rate, to_go) = (Some(rate(state.rate)), to_go(state));
    let percent = state.percent.map(|percent| format!("{percent:>3} %"));
    let name = (state.of <= 1).then(|| foreign::clean(&format!("{}@{}", state.dataset, state.to)));
    let count = datasets(state);
    let bar = |cells: usize| state.percent.map(|percent| bar(percent, cells));
    let whole = |cells: Option<usize>, name: Option<String>| {
        [cells.and_then(bar), percent.clone(), amount.clone(), count.clone(), rate.clone(), to_go.clone(), name]
    };
    let with_name = BARS.iter().find_map(|cells| fitting(&whole(Some(*cells), name.clone())));
    let without = || BARS.iter().find_map(|cells| fitting(&whole(Some(*cells), None)));
    with_name
        .or_else(without)
        .or_else(|| fitting(&whole(None, None)))
        .or_else(|| fitting(&[percent.clone(), amount.clone(), to_go.clone()]))
        .or_else(|| fitting(&[percent.clone(), to_go.clone()]))
        .or_else(|| fitting(&[percent.clone().or_else(|| amount.clone())]))
        .unwrap_or_default()
}

fn of_lane(lane: &Lane, width: usize) -> String {
    let share = lane.bytes_estimated.filter(|estimated| *estimated > 0).map(|of| percent(lane.bytes, of));
    let share = share.map_or_else(|| "     ".to_owned(), |percent| format!("{percent:>3} %"));
    let numbers = format!("  {share}  {}  {}", amount(lane.bytes, lane.bytes_estimated), rate(lane.rate));
    let name = foreign::clean(&format!("{}@{}", lane.dataset, lane.to));
    let line = format!("{numbers}  {name}");
    if line.chars().count() <= width {
        return line;
    }
    // Of a name the end says most.
    let room = width.saturating_sub(numbers.chars().count() + 4);
    let skip = name.chars().count().saturating_sub(room);
    let end: String = name.chars().skip(skip).collect();
    if room > 0 { format!("{numbers}  ..{end}") } else { numbers.chars().take(width).collect() }
}

/// `1.2 GiB of 2.9 GiB`. What is more than was estimated is told without it.
fn amount(bytes: u64, estimated: Option<u64>) -> String {
    match estimated.filter(|estimated| *estimated > bytes) {
        Some(estimated) => format!("{} of {}", ByteSize(bytes), ByteSize(estimated)),
        None => ByteSize(bytes).to_string(),
    }
}

fn datasets(state: &State) -> Option<String> {
    (state.of > 1).then(|| format!("{} of {} datasets", state.done, state.of))
}

fn rate(rate: u64) -> String {
    format!("{}/s", ByteSize(rate))
}

fn to_go(state: &State) -> Option<String> {
    state.eta.map(|eta| format!("{} to go", hms(eta)))
}

fn bar(percent: u64, cells: usize) -> String {
    let full = usize::try_from(percent).unwrap_or(0).min(100) * cells / 100;
    format!("[{}{}]", "#".repeat(full), ".".repeat(cells - full))
}

/// When a journal is told how far it is, after so long: soon at first, then ever more seldom.
#[must_use]
pub fn next(elapsed: Duration) -> Duration {
    elapsed + elapsed.clamp(Duration::from_mins(1), Duration::from_mins(15))
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
