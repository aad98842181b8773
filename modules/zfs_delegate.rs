//! Grants users, groups and everyone just the ZFS permissions that they need, and takes away the rest.

use anyhow::Result;
use module_utils::ansible::cli::help::Usage;
use module_utils::ansible::cli::words::file;
use module_utils::ansible::fault::Fault;
use module_utils::ansible::module::{self, Program};
use module_utils::ansible::outcome::{Outcome, diff};
use module_utils::ansible::task::Task;
use module_utils::delegate::execute::{self, Report};
use module_utils::delegate::lines::{closing, lines};
use module_utils::delegate::request::{Args, Request};
use module_utils::exec::failure::FailedDataset;
use module_utils::exec::runner::Runner;
use module_utils::exec::signals;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

fn main() -> ExitCode {
    module::main(&PROGRAM, |args: Args, _| args.check().map(drop), run)
}

const PROGRAM: Program = Program {
    name: "zfs_delegate",
    about: "grants users and groups just the ZFS permissions that they need",
    spec: include_str!("spec/zfs_delegate.json"),
    words: file,
    usage: Usage {
        lines: &["[OPTION]...", "[OPTION]... FILE    FILE holds options as JSON, - is standard input; flags win"],
        examples: &[
            (
                "--dataset tank --users backup --jobs replicate_source",
                "Lets backup replicate tank to elsewhere, without root.",
            ),
            ("--check --dataset tank --users backup --state absent", "Shows what backup would lose."),
        ],
        own: &[],
    },
    needs_no_file: false,
    failed: None,
};

fn run(args: Args, task: Task) -> Result<Outcome> {
    signals::catch()?;
    let runner = Runner::default();
    let request = Request::new(args, &runner).map_err(Fault::InvalidOption)?;
    let reports = execute::run(&request, &runner, task.check_mode);
    for line in lines(&reports, task.check_mode, task.look.color) {
        task.row(&line);
    }
    Ok(outcome(&reports, &runner, task))
}

fn outcome(reports: &[Report], runner: &Runner, task: Task) -> Outcome {
    let is_changed = |report: &&Report| report.before != report.after;
    let by_dataset = |lines: fn(&Report) -> &Vec<String>| -> Map<String, Value> {
        reports.iter().map(|report| (report.dataset.to_string(), json!(lines(report)))).collect()
    };
    let diffs = || {
        let changed = reports.iter().filter(is_changed);
        changed.map(|it| diff(&format!("zfs allow {}", it.dataset), &it.before, &it.after)).collect()
    };
    let warnings: Vec<String> = reports.iter().flat_map(|report| report.warnings.clone()).collect();
    let failure = |report: &Report| Some(format!("{}: {}", report.dataset, report.error.as_ref()?));
    let failures: Vec<String> = reports.iter().filter_map(failure).collect();
    let failed = |report: &Report| {
        let error = report.error.as_ref()?.report();
        Some(FailedDataset { dataset: report.dataset.to_string(), error })
    };
    Outcome::new(reports.iter().any(|report| is_changed(&report)), (!failures.is_empty()).then(|| failures.join("\n")))
        .with("before", by_dataset(|report| &report.before))
        .with("after", by_dataset(|report| &report.after))
        .with("failures", json!(reports.iter().filter_map(failed).collect::<Vec<_>>()))
        .closing(closing(reports, task.check_mode))
        .told(task, runner, &warnings, diffs)
}
