//! What a person reads of a delegation: a line for each grant that changes, and a last line that sums up. Pure.

use super::execute::Report;
use crate::terminal::table::{Cell, Columns, Tone, many};

/// A line for each grant that was, or would be, given or taken away, and for each dataset that has all as wanted.
#[must_use]
pub fn lines(reports: &[Report], check: bool, color: bool) -> Vec<String> {
    let rows: Vec<Vec<Cell>> = reports.iter().flat_map(|report| rows(report, check)).collect();
    let columns = Columns::of(&rows);
    rows.iter().map(|row| columns.line(row, color)).collect()
}

fn rows(report: &Report, check: bool) -> Vec<Vec<Cell>> {
    let dataset = || Cell::from(report.dataset.as_str());
    let (lost, won) = report.differences();
    let (take, give) = if check { ("would take", "would grant") } else { ("took", "granted") };
    let lost = lost.map(|line| vec![Cell::new(take, Tone::Warning), dataset(), Cell::from(line.as_str())]);
    let won = won.map(|line| vec![Cell::new(give, Tone::Good), dataset(), Cell::from(line.as_str())]);
    let mut rows: Vec<_> = lost.chain(won).collect();
    match &report.error {
        Some(error) => rows.push(vec![Cell::new("failed", Tone::Bad), dataset(), Cell::from(error.report().place())]),
        None if rows.is_empty() => rows.push(vec![Cell::from("as wanted"), dataset()]),
        None => {}
    }
    rows
}

/// The last line.
#[must_use]
pub fn closing(reports: &[Report], check: bool) -> (Tone, String) {
    let failed = reports.iter().filter(|report| report.error.is_some()).count();
    let changed = reports.iter().filter(|report| report.error.is_none() && report.before != report.after).count();
    let counts = [
        (changed, if check { "would change" } else { "changed" }),
        (reports.len() - changed - failed, "as wanted"),
        (failed, "failed"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let (head, tone) = match (failed > 0, check) {
        (true, _) => ("failed", Tone::Bad),
        (false, true) => ("check", Tone::Good),
        (false, false) => ("done", Tone::Good),
    };
    (tone, format!("{head}: {}: {}", many(reports.len(), "dataset"), counts.join(", ")))
}
