//! A run with whoever watches it: at a terminal, over a file, in a journal.

use anyhow::{Context, Result};
use module_utils::ansible::fault::Fault;
use module_utils::ansible::outcome::{Outcome, diff};
use module_utils::ansible::task::Task;
use module_utils::exec::lock::Lock;
use module_utils::exec::runner::Runner;
use module_utils::exec::stderr::Cause;
use module_utils::exec::turns::{self, Turns};
use module_utils::model::code::Coded;
use module_utils::replicate::dates;
use module_utils::replicate::execute::{self, Run};
use module_utils::replicate::hooked::Around;
use module_utils::replicate::lines::{self, Tell};
use module_utils::replicate::progress::course::State;
use module_utils::replicate::progress::{self, Progress, Watcher, lines as progress_lines};
use module_utils::replicate::request::Request;
use module_utils::replicate::{chosen, summary};
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

/// Replicates, and tells meanwhile how far it is.
pub fn replicate(
    request: &Request,
    runner: &Runner,
    task: Task,
    tell: &Tell<'_>,
    (around, file): (&Around<'_>, Option<PathBuf>),
) -> Result<Run> {
    file.as_deref().map(progress::prepare).transpose().map_err(Fault::InvalidOption)?;
    let live: &(dyn Fn(&State) + Sync) = &|state| task.live(&progress_lines::screen(state, task.width()));
    let line: &(dyn Fn(&str) + Sync) = &|line| task.info(line);
    let (has_terminal, is_text) = (task.has_terminal(), task.is_text());
    let watcher = Watcher { live: has_terminal.then_some(live), line: (is_text && !has_terminal).then_some(line) };
    let progress = Progress::new(file, watcher);
    let mut run = around.run(|| execute::replicate(request, runner, tell, &progress))?;
    if task.keeps_result {
        dates::add(request, runner, &mut run.reports);
    }
    Ok(run)
}

/// Waits until it is this run's turn among those of the host.
pub fn turn(turns: &Turns, task: Task) -> Result<Lock> {
    let told = |line: &str| task.info(line);
    turns::take(turns, &told).with_context(|| format!("runs cannot be counted in {}", turns.folder.display()))
}

/// What came of it.
pub fn outcome(run: &Run, runner: &Runner, task: Task, started: Instant) -> Outcome {
    let left_out = chosen::lines(&run.left_out);
    for note in left_out.into_iter().chain(lines::notes(&run.reports, &run.orphans)) {
        task.info(&note);
    }
    let sums = summary::summary(&run.reports, started.elapsed().as_secs_f64());
    let warnings: Vec<String> = runner.greetings().into_iter().chain(run.warnings.iter().cloned()).collect();
    let newest = || {
        let (before, after) = summary::newest(&run.reports);
        diff("newest snapshots", &before, &after)
    };
    let besides: Vec<String> = run.not_removed.iter().chain(&run.hook_failed).cloned().collect();
    let outcome = Outcome::new(run.changed, summary::failure_message(&run.reports, &besides))
        .with("datasets", json!(run.reports))
        .with("orphans", json!(run.orphans))
        .with("key_inheritance", json!(run.key_trees))
        .with("left_out", json!(run.left_out))
        .with("summary", json!(sums))
        .closing(lines::closing(&sums, &run.reports, (run.excluded, run.left_out.len()), task.check_mode))
        .told(task, runner, &warnings, newest);
    let outcome = if run.hooks.is_empty() { outcome } else { outcome.with("hooks", json!(run.hooks)) };
    let outcome = run.skipped.iter().fold(outcome, |told, why| told.skipped(Cause::HookFailed.code(), why));
    Outcome { is_idle: run.nothing_wanted || run.skipped.is_some(), ..outcome }
}
