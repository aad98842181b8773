//! One screen for a person: the verdict, what is wrong and what to do, pools, backups, datasets and jobs. What is on it is decided here, for
//! terminal and page alike. Pure.

use super::ages::{age, span};
use super::checks::course;
use super::checks::{Severity, Verdict};
use super::model::{At, Dataset, Job, Pool, PoolState, Replica, ScanState, Verification};
use super::report::Status;
use crate::exec::foreign;
use crate::model::units::ByteSize;
use crate::plan::period::Interval;
pub use crate::terminal::table::{Cell, Table, Tone};
use std::fmt::Write as _;

/// Rows of a table; who wants them all reads JSON.
const ROWS: usize = 40;

/// Cells of a bar.
const BAR: u64 = 20;

/// All that is to be seen.
pub struct Screen<'a> {
    /// The verdict.
    pub verdict: Cell,
    /// This host.
    pub host: String,
    /// When it was looked at.
    pub at: At,
    /// What is wrong, the worst first.
    pub problems: Vec<Shown<'a>>,
    /// How many more problems there are.
    pub more_problems: usize,
    /// The tables.
    pub sections: Vec<Section>,
}

/// A problem.
pub struct Shown<'a> {
    /// How bad it is.
    pub severity: Cell,
    /// What it is about.
    pub subject: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// What to do.
    pub advice: &'a str,
}

/// A table with its title.
pub struct Section {
    /// The title.
    pub title: &'static str,
    /// Names of columns; none where the cells say what they are.
    pub heading: Option<Vec<Cell>>,
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
    /// How many more rows there are.
    pub more: usize,
}

impl Section {
    fn new(title: &'static str, heading: Option<Vec<Cell>>, rows: impl Iterator<Item = Vec<Cell>>) -> Self {
        let mut rows: Vec<Vec<Cell>> = rows.collect();
        let more = rows.len().saturating_sub(ROWS);
        rows.truncate(ROWS);
        Self { title, heading: heading.filter(|_| !rows.is_empty()), rows, more }
    }
}

impl<'a> Screen<'a> {
    /// What is to be seen of a status.
    #[must_use]
    pub fn new(status: &'a Status) -> Self {
        let tone = match status.verdict {
            Verdict::Ok => Tone::Good,
            Verdict::Warning => Tone::Warning,
            Verdict::Unknown => Tone::Unknown,
            Verdict::Critical => Tone::Bad,
        };
        Self {
            verdict: Cell::new(status.verdict.word(), tone),
            host: foreign::clean(&status.host),
            at: status.facts.collected_at,
            problems: problems(status),
            more_problems: status.problems.len().saturating_sub(ROWS),
            sections: sections(status),
        }
    }

    /// As text. With `color` it has the sequences that a terminal makes colours of.
    #[must_use]
    pub fn text(&self, color: bool) -> String {
        let mut text = format!("{}  {}  {}\n", self.verdict.shown(color), self.host, self.at);
        for Shown { severity, subject, message, advice } in &self.problems {
            let said = foreign::shown(&format!("{subject}: {message}"));
            let _ = writeln!(text, "\n{} {said}", severity.padded(8).shown(color));
            let _ = writeln!(text, "         -> {}", foreign::shown(advice));
        }
        if self.more_problems > 0 {
            let _ = writeln!(text, "\n  and {} more: see the JSON", self.more_problems);
        }
        for section in &self.sections {
            let title = Cell::new(&section.title.to_ascii_uppercase(), Tone::Title);
            let _ = writeln!(text, "\n{}", title.shown(color));
            if section.rows.is_empty() {
                text.push_str("  none\n");
            }
            let rows: Vec<&Vec<Cell>> = section.heading.iter().chain(&section.rows).collect();
            text.push_str(&Table(&rows).shown(color));
            if section.more > 0 {
                let _ = writeln!(text, "  and {} more: see the JSON", section.more);
            }
        }
        text
    }
}

fn problems(status: &Status) -> Vec<Shown<'_>> {
    let problems = status.problems.iter().take(ROWS);
    let shown = problems.map(|problem| {
        let (word, tone) = match problem.severity {
            Severity::Critical => ("critical", Tone::Bad),
            Severity::Unknown => ("unknown", Tone::Unknown),
            Severity::Warning => ("warning", Tone::Warning),
            Severity::Info => ("info", Tone::Plain),
        };
        Shown {
            severity: Cell::new(word, tone),
            subject: &problem.subject,
            message: &problem.message,
            advice: &problem.advice,
        }
    });
    shown.collect()
}

fn sections(status: &Status) -> Vec<Section> {
    let now = status.facts.collected_at.0;
    let mut sections = Vec::new();
    if let Some(pools) = &status.facts.pools {
        sections.push(Section::new("Pools", None, pools.iter().map(|pool| pool_row(pool, now))));
    }
    if let Some(replicas) = status.facts.replication.as_ref().filter(|all| !all.is_empty()) {
        let rows = sorted(replicas, |replica| replica.overdue);
        sections.push(Section::new("Backups", None, rows.map(|replica| replica_row(replica, now))));
    }
    if let Some(datasets) = &status.facts.datasets {
        let shown = datasets.iter().filter(|dataset| dataset.snapshots.is_some());
        let worth: Vec<&Dataset> = shown.filter(|dataset| dataset.policy.is_some() || has_any(dataset)).collect();
        let rows =
            sorted(&worth, |dataset| dataset.snapshots.as_ref().is_some_and(super::model::Snapshots::is_overdue));
        sections.push(Section::new("Datasets", Some(heading()), rows.map(|dataset| dataset_row(dataset, now))));
    }
    if let Some(jobs) = &status.facts.jobs {
        sections.push(Section::new("Jobs", None, jobs.iter().map(|job| job_row(job, now))));
    }
    sections
}

fn has_any(dataset: &Dataset) -> bool {
    dataset.snapshots.as_ref().is_some_and(|snapshots| snapshots.total > 0)
}

/// What is bad first, so that it is seen where not all is shown.
fn sorted<T>(all: &[T], is_bad: impl Fn(&T) -> bool) -> impl Iterator<Item = &T> {
    let (bad, good): (Vec<&T>, Vec<&T>) = all.iter().partition(|one| is_bad(one));
    bad.into_iter().chain(good)
}

fn plain(text: impl AsRef<str>) -> Cell {
    Cell::new(text.as_ref(), Tone::Plain)
}

fn ago(now: i64, at: Option<At>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| span(age(now, at.0)))
}

fn pool_row(pool: &Pool, now: i64) -> Vec<Cell> {
    let tone = if pool.state == PoolState::Online { Tone::Good } else { Tone::Bad };
    let properties = &pool.properties;
    let bar = properties.capacity_percent.map_or_else(|| plain(""), |percent| Cell::bar(percent, BAR));
    let size = match (properties.allocated_bytes, properties.size_bytes) {
        (Some(used), Some(size)) => format!("{} of {}", ByteSize(used), ByteSize(size)),
        _ => String::new(),
    };
    let fragmentation =
        properties.fragmentation_percent.map_or_else(String::new, |percent| format!("frag {percent} %"));
    let scrub = match &pool.status {
        None => "scrub unknown".to_owned(),
        Some(status) => match &status.scan {
            None => "never scrubbed".to_owned(),
            Some(scan) if scan.state == ScanState::Running => format!("{:?} running", scan.function).to_lowercase(),
            Some(scan) => {
                format!("{:?} {} ago", scan.function, ago(now, scan.finished_at.or(scan.started_at))).to_lowercase()
            }
        },
    };
    vec![plain(&pool.name), Cell::new(&pool.health, tone), bar, plain(size), plain(fragmentation), plain(scrub)]
}

fn replica_row(replica: &Replica, now: i64) -> Vec<Cell> {
    let tone = if replica.overdue { Tone::Bad } else { Tone::Good };
    let newest = ago(now, replica.newest.as_ref().and_then(|newest| newest.created_at));
    let sent = replica.last_bytes.map_or_else(String::new, |bytes| format!(", {}", ByteSize(bytes)));
    let mut row = vec![
        plain(&replica.name),
        plain(course(replica)),
        Cell::new(&format!("{newest} of {}", span(replica.max_age_seconds)), tone),
        plain(format!("last run {}{sent}", replica.status)),
    ];
    row.extend(replica.verification.as_ref().map(|verification| verified(verification, now)));
    row
}

/// Whether it is what its source is, where a job looks.
fn verified(verification: &Verification, now: i64) -> Cell {
    let last = match verification.verified_at {
        Some(_) => format!("verified {} ago", ago(now, verification.verified_at)),
        None => "not verified yet".to_owned(),
    };
    match verification.status.as_str() {
        status @ ("differs" | "unreadable") => Cell::new(&format!("{status}, {last}"), Tone::Bad),
        "not_comparable" => Cell::new(&format!("not comparable, {last}"), Tone::Warning),
        _ => plain(last),
    }
}

/// The letters of the seeds' card.
fn heading() -> Vec<Cell> {
    let mut row = vec![plain("dataset"), plain("policy")];
    row.extend(Interval::ALL.map(|interval| plain(interval.to_string()[..1].to_ascii_uppercase())));
    row.push(plain("newest"));
    row
}

fn dataset_row(dataset: &Dataset, now: i64) -> Vec<Cell> {
    let role = if dataset.role == super::model::Role::Replica { " (replica)" } else { "" };
    let mut row = vec![plain(&dataset.name), plain(format!("{}{role}", dataset.policy.as_deref().unwrap_or("-")))];
    let Some(snapshots) = &dataset.snapshots else { return row };
    for interval in Interval::ALL {
        let cell = match snapshots.intervals.get(&interval) {
            None => plain("-"),
            Some(of) if of.wanted == 0 => plain(of.kept.to_string()),
            Some(of) => {
                let tone = match (of.overdue, of.kept < of.expected) {
                    (true, _) => Tone::Bad,
                    (false, true) => Tone::Warning,
                    (false, false) => Tone::Good,
                };
                Cell::new(&format!("{}/{}", of.kept, of.wanted), tone)
            }
        };
        row.push(cell);
    }
    let tone = if snapshots.is_overdue() { Tone::Bad } else { Tone::Plain };
    row.push(Cell::new(&ago(now, snapshots.newest.as_ref().and_then(|newest| newest.created_at)), tone));
    row
}

fn job_row(job: &Job, now: i64) -> Vec<Cell> {
    let failed = job.last_run.as_ref().is_some_and(|run| run.failed);
    let (word, tone) = match (job.running, job.overdue, failed) {
        (_, true, _) => ("overdue", Tone::Bad),
        (_, _, true) => ("failed", Tone::Warning),
        (Some(true), ..) => ("running", Tone::Good),
        _ if job.last_run.is_none() => ("never ran", Tone::Plain),
        _ => ("ok", Tone::Good),
    };
    let last = job.last_run.as_ref().and_then(|run| run.finished_at);
    let next = match job.next_run_at {
        Some(at) if at.0 > now => format!("next in {}", span(age(at.0, now))),
        _ => String::new(),
    };
    vec![
        plain(&job.name),
        Cell::new(word, tone),
        plain(format!("last run {}", ago(now, last))),
        plain(format!("last success {}", ago(now, job.last_success_at))),
        plain(next),
    ]
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
