//! What a person reads of a run: a line for each dataset as it is done, what else there is to know, and a last line that sums up. Pure.

use super::orphans::Orphan;
use super::report::{Action, DatasetReport, Status};
use super::summary::Summary;
use crate::exec::foreign;
use crate::model::units::ByteSize;
use crate::terminal::clock::took;
use crate::terminal::look::Look;
use crate::terminal::table::{Cell, Columns, Tone, many};
use std::sync::OnceLock;

/// What happens in a run, as it does.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// These datasets it is about.
    Planned(&'a [DatasetReport]),
    /// One of them is done, for now or for good.
    Done {
        /// What came of it.
        report: &'a DatasetReport,
        /// It will be tried again.
        again: bool,
    },
    /// Something else.
    Note(&'a str),
}

/// Who is told what happens.
pub type Tell<'a> = dyn Fn(Told<'_>) + Sync + 'a;

/// Makes lines of what happens.
#[derive(Debug, Default)]
pub struct Lines {
    look: Look,
    layout: OnceLock<Layout>,
}

impl Lines {
    /// For that output.
    #[must_use]
    pub fn new(look: Look) -> Self {
        Self { look, layout: OnceLock::new() }
    }

    /// The lines of that, if there are any.
    #[must_use]
    pub fn of(&self, told: Told<'_>) -> Option<String> {
        match told {
            Told::Planned(reports) => {
                // Tries after the first keep to the columns of it.
                self.layout.get_or_init(|| Layout::new(reports, self.look));
                None
            }
            Told::Done { report, again } => {
                let layout = self.layout.get_or_init(|| Layout::new(std::slice::from_ref(report), self.look));
                let line = layout.line(report, again);
                // What goes well later is told nowhere else.
                let error = report.error.as_ref().filter(|_| again);
                Some(error.map_or_else(|| line.clone(), |error| format!("{line}\n  {}", foreign::shown(&error.line))))
            }
            Told::Note(note) => Some(foreign::shown(note)),
        }
    }
}

/// The longest of what is told of a dataset.
const WORDS: usize = "trying again".len();

/// The mark before a line, which is not ours to write.
const MARK: usize = 2;

/// What the columns behind the names are at least made for: they are not known before something was sent.
const DETAILS: [&str; 5] = ["@", "incremental", "999 snapshots", "1023 MiB", "in 59.9 s"];

/// Where the columns are.
#[derive(Debug)]
struct Layout {
    /// Of a line that has all.
    whole: Columns,
    /// Of the second line, where each dataset has two, because one would be longer than those of the terminal.
    second: Option<Columns>,
    color: bool,
}

impl Layout {
    fn new(reports: &[DatasetReport], look: Look) -> Self {
        let rows: Vec<_> = reports.iter().map(|report| names(report, &Cell::from("")).to_vec()).collect();
        let (mut whole, mut second) = (Columns::of(&rows), Columns::default());
        whole.widen(0, WORDS);
        let mut widen = |at: usize, width: usize| {
            whole.widen(3 + at, width);
            second.widen(at, width);
        };
        for report in reports.iter().filter(|report| report.error.is_none()) {
            widen(0, newest(report).chars().count());
            if report.is_change() {
                DETAILS.iter().enumerate().for_each(|(at, longest)| widen(at, longest.len()));
            }
        }
        let is_narrow = look.width.is_some_and(|width| MARK + whole.width() > width);
        Self { whole, second: is_narrow.then_some(second), color: look.color }
    }

    fn line(&self, report: &DatasetReport, again: bool) -> String {
        let color = self.color;
        let names = names(report, &word(report, again));
        let details = details(report);
        let Some(second) = &self.second else {
            return self.whole.line(&[&names[..], &details].concat(), color);
        };
        let first: Vec<String> = names.iter().map(|cell| cell.shown(color)).collect();
        let names = format!("{}  {}", first[0], first[1..].join(" "));
        let details = second.line(&details, color);
        if details.is_empty() { names } else { format!("{names}\n{}{details}", " ".repeat(MARK + WORDS + 2)) }
    }
}

/// What became of it, and what it is.
fn names(report: &DatasetReport, word: &Cell) -> [Cell; 3] {
    let target = if report.target.is_empty() { String::new() } else { format!("-> {}", report.target) };
    [word.padded(WORDS), Cell::from(report.source.as_str()), Cell::from(target)]
}

fn word(report: &DatasetReport, again: bool) -> Cell {
    let (word, tone) = match (report.status, report.action) {
        (Status::Failed | Status::Skipped, _) if again => ("trying again", Tone::Warning),
        (Status::Failed, _) => ("failed", Tone::Bad),
        (Status::Skipped, _) => ("skipped", Tone::Bad),
        (Status::Vanished, _) => ("gone", Tone::Warning),
        (Status::Planned, _) => ("would send", Tone::Good),
        (Status::Ok, Some(Action::UpToDate)) => ("up to date", Tone::Plain),
        (Status::Ok, Some(Action::NoSnapshots)) => ("no snapshots", Tone::Plain),
        (Status::Ok, _) => ("sent", Tone::Good),
    };
    Cell::new(word, tone)
}

fn newest(report: &DatasetReport) -> String {
    report.to.as_ref().map(|to| format!("@{to}")).unwrap_or_default()
}

/// What was sent, or why not.
fn details(report: &DatasetReport) -> Vec<Cell> {
    if let Some(error) = &report.error {
        // In full it stands at the end.
        return vec![Cell::from(error.error.place())];
    }
    let mut cells = vec![Cell::from(newest(report))];
    if report.status != Status::Vanished && report.is_change() {
        let is_planned = report.status == Status::Planned;
        let is_known = !is_planned || report.steps.iter().any(|step| step.bytes_estimated.is_some());
        let size = if is_known { ByteSize(report.bytes).to_string() } else { "unknown".to_owned() };
        let time = if is_planned { String::new() } else { format!("in {}", took(report.seconds)) };
        cells.extend([
            Cell::from(report.action.map_or("", Action::word)),
            Cell::from(snapshots(report.snapshots)).right(DETAILS[2].len()),
            Cell::from(size).right(DETAILS[3].len()),
            Cell::from(time),
        ]);
        let over = report.passed_over.as_ref().map(|over| format!("{} older left out", over.snapshots));
        cells.extend(over.map(Cell::from));
    }
    cells
}

fn snapshots(count: usize) -> String {
    many(count, "snapshot")
}

/// What happened beside the streams: replicas whose source is gone, and what had to make way.
#[must_use]
pub fn notes(reports: &[DatasetReport], orphans: &[Orphan]) -> Vec<String> {
    let mut notes: Vec<String> = orphans.iter().map(Orphan::line).collect();
    for report in reports {
        let target = &report.target;
        let was = if report.status == Status::Planned { "would be" } else { "was" };
        if let Some(away) = &report.rolled_back {
            let written = if away.written > 0 {
                format!(", {} written there are lost", ByteSize(away.written))
            } else {
                String::new()
            };
            let destroyed = if away.destroyed.is_empty() {
                String::new()
            } else {
                format!(", {} destroyed: @{}", snapshots(away.destroyed.len()), away.destroyed.join(", @"))
            };
            notes.push(format!("{target} {was} rolled back to @{}{destroyed}{written}", away.to));
        }
        if let Some(aside) = &report.set_aside {
            notes.push(format!("{target} {was} set aside as {}: {}", aside.name, aside.reason));
        }
        if let Some(discarded) = &report.discarded {
            let size = ByteSize(discarded.bytes);
            notes.push(format!(
                "{target}: {size} that an interrupted receive left {was} discarded: {}",
                discarded.reason
            ));
        }
    }
    notes
}

/// The last line: what was done, what not and why, how much and in what time.
#[must_use]
pub fn closing(
    summary: &Summary,
    reports: &[DatasetReport],
    (excluded, left_out): (usize, usize),
    check: bool,
) -> (Tone, String) {
    let would = if check { "would be sent" } else { "sent" };
    let skipped = reports.iter().filter(|report| report.status == Status::Skipped).count();
    let counts = [
        (summary.replicated, would),
        (summary.up_to_date, "up to date"),
        (summary.no_snapshots, "without snapshots"),
        (excluded, "excluded"),
        (left_out, "left out"),
        (summary.vanished, "gone meanwhile"),
        (skipped, "skipped"),
        (summary.failed - skipped, "failed"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let arrived = reports.iter().filter(|report| report.is_change()).map(|report| report.snapshots).sum();
    let moved = match (summary.replicated + summary.failed > 0, check) {
        (true, true) => format!("; {}, about {}", snapshots(arrived), ByteSize(summary.bytes)),
        (true, false) => format!(
            "; {}, {} in {}{}",
            snapshots(arrived),
            ByteSize(summary.bytes),
            took(summary.seconds),
            rate(summary)
        ),
        (false, true) => String::new(),
        (false, false) => format!(", in {}", took(summary.seconds)),
    };
    let (head, tone) = match (summary.failed > 0, check) {
        (true, _) => ("failed", Tone::Bad),
        (false, true) => ("check", Tone::Good),
        (false, false) => ("done", Tone::Good),
    };
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    (tone, format!("{head}: {}{counts}{moved}", many(summary.datasets + excluded + left_out, "dataset")))
}

/// Of a run of less than a minute it says more of ssh than of the line.
fn rate(summary: &Summary) -> String {
    if summary.seconds < 60.0 {
        return String::new();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
    let rate = (summary.bytes as f64 / summary.seconds) as u64;
    format!(" ({}/s)", ByteSize(rate))
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
