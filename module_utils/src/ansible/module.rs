//! Ansible's conventions, and those of a person at a terminal: arguments in, one JSON object (or plain lines) out.
//!
//! This is the only file that reads the arguments or decides the exit status; it and task.rs are all that print.

use crate::ansible::args;
use crate::ansible::cli::help::{self, Usage};
use crate::ansible::cli::spec::Spec;
use crate::ansible::cli::words::Words;
use crate::ansible::cli::{Cli, Output, Run};
use crate::ansible::fault::{self, Fault};
use crate::ansible::misfit::Misfit;
use crate::ansible::outcome::{Outcome, Shown};
use crate::ansible::status_file::Record;
use crate::ansible::task::{Task, settle, sum_up};
use crate::ansible::validate;
use crate::exec::{atomic_file, clock, foreign, session};
use crate::terminal::look::Look;
use crate::terminal::table::{Cell, Tone};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// What `Args` of a module must be able to do.
#[cfg(not(feature = "argspec"))]
pub trait Arguments: DeserializeOwned {}
#[cfg(not(feature = "argspec"))]
impl<T: DeserializeOwned> Arguments for T {}
/// What `Args` of a module must be able to do.
#[cfg(feature = "argspec")]
pub trait Arguments: DeserializeOwned + schemars::JsonSchema {}
#[cfg(feature = "argspec")]
impl<T: DeserializeOwned + schemars::JsonSchema> Arguments for T {}

/// A program, and what sets it apart.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// What it does: the name goes before it.
    pub about: &'static str,
    /// Its options, as `make generate` wrote them.
    pub spec: &'static str,
    /// What words without dashes mean.
    pub words: Words,
    /// What only its help says.
    pub usage: Usage,
    /// It runs without any option, too.
    pub needs_no_file: bool,
    /// How it says that it could not do anything, if in its own way.
    pub failed: Option<fn(&str) -> Shown>,
}

/// Runs a module: reads its arguments, calls `run`, prints the result, gives the exit status. `check` says what is wrong with
/// arguments that have the right shape, and runs nothing.
pub fn main<A: Arguments, E: Display + AsRef<dyn Error>>(
    program: &Program,
    check: fn(A, Task) -> Result<(), String>,
    run: fn(A, Task) -> Result<Outcome, E>,
) -> ExitCode {
    main_as(program, std::env::args_os().skip(1).collect(), check, run)
}

/// The same for a program with options of its own, which are no longer in `argv`.
pub fn main_as<A: Arguments, E: Display + AsRef<dyn Error>>(
    program: &Program,
    argv: Vec<OsString>,
    check: impl Fn(A, Task) -> Result<(), String>,
    run: impl FnOnce(A, Task) -> Result<Outcome, E>,
) -> ExitCode {
    if let Some(status) = session::run() {
        return status;
    }
    let started = clock::now();
    let spec = match Spec::read(program.spec) {
        Ok(spec) => spec,
        Err(message) => return misused(program, started, &Fault::InternalError(message)),
    };
    if argv.is_empty() && !program.needs_no_file && io::stdout().is_terminal() {
        return help(program, &spec);
    }
    let cli = match Cli::parse(argv, &spec, program.words, program.needs_no_file) {
        Ok(Cli::Run(run)) => run,
        Ok(Cli::Help) => return help(program, &spec),
        Ok(Cli::Version) => return say(&format!("{} {}\n", program.name, env!("CARGO_PKG_VERSION"))),
        #[cfg(feature = "argspec")]
        Ok(Cli::Argspec) => return say(&format!("{:#}\n", crate::ansible::argspec::of::<A>(program.name))),
        Err(message) => return misused(program, started, &Fault::InvalidOption(message)),
    };
    let record = Record { program: program.name, result: cli.result.clone(), metrics: cli.metrics.clone(), started };
    let (output, debug, failed) = (cli.output, cli.debug, program.failed);
    let mut printer = Printer { output, check: cli.check, debug, record, failed };
    report_panics(printer.clone());
    // The plugin's way; a person's pipe may end early, as in `--text FILE | head`.
    if cli.file.as_deref() == Some(Path::new("-")) && cli.output == Output::Json {
        crate::exec::signals::hang_up_without_reader();
    }
    if cli.validate {
        return printer.validated(&cli, &validated(&cli, &spec, started, &check));
    }
    match arguments(cli, &spec, started) {
        Err(message) => printer.failure(&Fault::InvalidOption(message)),
        Ok((args, task)) => {
            printer.check = task.check_mode;
            match run(args, task) {
                Err(error) => printer.give_up(error.as_ref(), format!("{error:#}")),
                Ok(outcome) => printer.outcome(outcome),
            }
        }
    }
}

/// The options of the file and those of the command line, as one.
fn arguments<A: Arguments>(cli: Run, spec: &Spec, started: Timestamp) -> Result<(A, Task), String> {
    let (args, task) = merged(cli, spec, started)?;
    Ok((args::from_args(args).map_err(|error| error.to_string())?, task))
}

fn merged(cli: Run, spec: &Spec, started: Timestamp) -> Result<(Map<String, Value>, Task), String> {
    let text = cli.file.as_deref().map(|file| read(file, !cli.given.is_empty())).transpose()?;
    let (args, mut task) = split(text.as_deref().unwrap_or("{}"), started)?;
    task.check_mode |= cli.check;
    task.keeps_result = cli.result.is_some();
    task.verbosity = if cli.debug { task.verbosity.max(3) } else { task.verbosity };
    task.output = cli.output;
    if task.is_text() {
        task.look = Look::of(&io::stdout());
    }
    Ok((cli.given.over(spec, args)?, task))
}

/// All that is wrong with the options.
fn validated<A: Arguments>(
    cli: &Run,
    spec: &Spec,
    started: Timestamp,
    check: &dyn Fn(A, Task) -> Result<(), String>,
) -> Vec<Misfit> {
    match merged(cli.clone(), spec, started) {
        Err(message) => vec![Misfit { path: Vec::new(), message }],
        Ok((args, task)) => validate::misfits(&args, spec, &|args| check(args, task)),
    }
}

fn help(program: &Program, spec: &Spec) -> ExitCode {
    // Longer lines are hard to read.
    let width = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    let width = if width == 0 { 80 } else { width.min(110) };
    say(&help::text(program.name, program.about, spec, &program.usage, width))
}

/// Nobody but a person, or who wrote the script, writes a command line.
#[allow(clippy::print_stderr, reason = "one of two files that print")]
fn misused(program: &Program, started: Timestamp, fault: &Fault) -> ExitCode {
    let Program { name, failed, .. } = *program;
    if failed.is_some() {
        let record = Record { program: name, result: None, metrics: None, started };
        let printer = Printer { output: Output::Json, check: false, debug: false, record, failed };
        return printer.failure(fault);
    }
    eprintln!("{name}: {}\n{name} --help lists all options", foreign::shown(&fault.to_string()));
    ExitCode::from(USAGE)
}

/// The exit status where options are wrong, and so nothing was done.
const USAGE: u8 = 2;

/// Parts the arguments from what Ansible adds: whatever starts with `_ansible_`, known or not, is never an option.
fn split(text: &str, now: Timestamp) -> Result<(Map<String, Value>, Task), String> {
    let all: Map<String, Value> = match serde_json::from_str(text) {
        Ok(Value::Object(map)) => map,
        Ok(other) => return Err(format!("the arguments must be a JSON object, got {other}")),
        Err(error) => return Err(format!("the arguments are not JSON: {error}")),
    };
    let (internal, args): (Map<_, _>, Map<_, _>) = all.into_iter().partition(|(key, _)| key.starts_with("_ansible_"));
    let flag = |key: &str| internal.get(key).and_then(Value::as_bool).unwrap_or(false);
    let verbosity = internal.get("_ansible_verbosity").and_then(Value::as_u64).unwrap_or(0);
    let task = Task {
        check_mode: flag("_ansible_check_mode"),
        diff: flag("_ansible_diff"),
        verbosity: u8::try_from(verbosity).unwrap_or(u8::MAX),
        keeps_result: false,
        look: Look::default(),
        output: Output::Json,
        now,
    };
    Ok((args, task))
}

fn read(file: &Path, has_flags: bool) -> Result<String, String> {
    if file == Path::new("-") {
        let mut text = String::new();
        return match io::stdin().lock().read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(format!("the arguments on standard input cannot be read: {error}")),
        };
    }
    // Beside flags, a word may have been meant as something else.
    let hint = if has_flags { ". A word alone is a file with options; datasets have options of their own" } else { "" };
    std::fs::read_to_string(file)
        .map_err(|error| format!("the arguments file {} cannot be read: {error}{hint}", file.display()))
}

#[derive(Clone)]
struct Printer {
    output: Output,
    check: bool,
    debug: bool,
    record: Record,
    failed: Option<fn(&str) -> Shown>,
}

static PRINTED: AtomicBool = AtomicBool::new(false);

impl Printer {
    fn failure(&self, fault: &Fault) -> ExitCode {
        self.give_up(fault, fault.to_string())
    }

    /// Nothing was done; the reason is all there is to tell.
    fn give_up(&self, error: &(dyn Error + 'static), message: String) -> ExitCode {
        let (code, report) = fault::coded(error);
        let mut body = Map::from_iter([("code".to_owned(), json!(code))]);
        body.extend(report.map(|report| ("error".to_owned(), json!(report))));
        let shown = self.failed.map(|failed| failed(&message));
        self.outcome(Outcome { failure: Some(message), body, shown, ..Outcome::default() })
    }

    /// What is wrong with the options, and nothing else.
    #[allow(clippy::print_stderr, reason = "one of two files that print")]
    fn validated(&self, cli: &Run, misfits: &[Misfit]) -> ExitCode {
        let file = cli.file.as_ref().map_or_else(String::new, |file| format!("{}: ", file.display()));
        match (self.output, misfits) {
            (Output::Json, _) => print_once(&validate::result(misfits).to_string()),
            (Output::Text, []) => drop(say(&format!("{}\n", foreign::shown(&format!("{file}the options are right"))))),
            _ => misfits.iter().for_each(|misfit| eprintln!("error: {}", foreign::shown(&format!("{file}{misfit}")))),
        }
        if misfits.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) }
    }

    /// Keeps what later readers look for.
    fn keep(
        &self,
        mut result: Value,
        left: Map<String, Value>,
        is_idle: bool,
        metrics: Option<&str>,
    ) -> Result<(), String> {
        if let Value::Object(result) = &mut result {
            result.extend(left);
        }
        let (Some(metrics), Some(path)) = (metrics, &self.record.metrics) else {
            return self.record.keep(&result, is_idle);
        };
        Record { metrics: None, ..self.record.clone() }.keep(&result, is_idle)?;
        atomic_file::replace(path, metrics).map_err(|error| format!("{} cannot be written: {error}", path.display()))
    }

    /// What a person is told besides the result.
    #[allow(clippy::print_stderr, reason = "one of two files that print")]
    fn asides(&self, result: &Value) {
        let listed =
            |key: &str| result.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        if self.debug {
            for command in listed("commands") {
                say(&format!("  $ {}\n", foreign::shown(command)));
            }
        }
        let head = head("warning:", Tone::Warning);
        listed("warnings").for_each(|warning| eprintln!("{head} {}", foreign::shown(warning)));
    }

    #[allow(clippy::print_stderr, reason = "one of two files that print")]
    fn outcome(&self, outcome: Outcome) -> ExitCode {
        let outcome = presentable(outcome);
        settle();
        let failed = outcome.failure.is_some();
        let is_misuse = outcome.body.get("code").is_some_and(|code| code == "invalid_option");
        let mut result = Map::from_iter([("changed".to_owned(), json!(outcome.changed))]);
        if let Some(message) = &outcome.failure {
            result.insert("failed".to_owned(), json!(true));
            result.insert("msg".to_owned(), json!(message));
        }
        result.extend(outcome.body);
        let result = Value::Object(result);
        let text = result.to_string();
        if self.output == Output::Text {
            self.asides(&result);
            if let Some(closing) = &outcome.closing {
                sum_up(closing, failed);
            }
        }
        let kept = self.keep(result, outcome.left, self.check || outcome.is_idle, outcome.metrics.as_deref());
        if let Some(shown) = outcome.shown {
            return in_its_own_way(&shown, kept.err());
        }
        match (self.output, &outcome.failure) {
            (Output::Json, _) => print_once(&text),
            (Output::Text | Output::Quiet, Some(message)) => {
                eprintln!("{} {}", head("error:", Tone::Bad), foreign::shown(message));
            }
            (Output::Text | Output::Quiet, None) => {}
        }
        if let Err(message) = &kept {
            eprintln!("error: {message}");
        }
        match (failed || kept.is_err(), self.output) {
            (false, _) => ExitCode::SUCCESS,
            (true, Output::Text | Output::Quiet) if is_misuse => ExitCode::from(USAGE),
            (true, _) => ExitCode::FAILURE,
        }
    }
}

#[allow(clippy::print_stderr, reason = "one of two files that print")]
fn in_its_own_way(shown: &Shown, error: Option<String>) -> ExitCode {
    print_once(shown.text.trim_end());
    match error {
        None => ExitCode::from(shown.status),
        Some(error) => {
            eprintln!("error: {}", foreign::shown(&error));
            ExitCode::from(shown.status.max(1))
        }
    }
}

/// What a line on standard error begins with.
fn head(word: &str, tone: Tone) -> String {
    Cell::new(word, tone).shown(Look::of(&io::stderr()).color)
}

/// What Ansible prints for people, message and warnings, with nothing in it that steers their terminal, wherever it came from.
fn presentable(mut outcome: Outcome) -> Outcome {
    outcome.failure = outcome.failure.as_deref().map(foreign::clean);
    for warning in outcome.body.get_mut("warnings").and_then(Value::as_array_mut).into_iter().flatten() {
        *warning = warning.as_str().map_or_else(|| warning.clone(), |text| json!(foreign::clean(text)));
    }
    outcome
}

/// Exactly one JSON object, even when a thread panics while another prints.
fn print_once(result: &str) {
    if !PRINTED.swap(true, Ordering::SeqCst) {
        say(&format!("{result}\n"));
    }
}

fn say(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    // Nobody is left to tell when standard output is gone.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

/// A panic is a defect of ours; the caller still gets one JSON object that says so.
fn report_panics(printer: Printer) {
    std::panic::set_hook(Box::new(move |panic| {
        printer.failure(&Fault::InternalError(panic.to_string()));
        std::process::exit(printer.failed.map_or(1, |failed| i32::from(failed("").status)));
    }));
}

#[cfg(test)]
mod tests {
    use super::{Outcome, presentable, split};
    use jiff::Timestamp;
    use serde_json::{Map, json};

    #[test]
    fn what_people_read_steers_no_terminal() {
        let body = Map::from_iter([("warnings".to_owned(), json!(["a\u{1b}[1A\u{202e}b", "fine"]))]);
        let outcome = presentable(Outcome { failure: Some("no\u{9b}2J\r".to_owned()), body, ..Outcome::default() });
        assert_eq!(outcome.failure.as_deref(), Some("no?2J?"));
        assert_eq!(outcome.body["warnings"], json!(["a?[1A?b", "fine"]));
    }

    #[test]
    fn internal_keys_are_split_off_whatever_they_are() {
        let (args, task) = split(
            r#"{"source": "tank", "_ansible_check_mode": true, "_ansible_verbosity": 4, "_ansible_tomorrow": [1]}"#,
            Timestamp::UNIX_EPOCH,
        )
        .unwrap();
        assert_eq!(args.keys().collect::<Vec<_>>(), ["source"]);
        assert!(task.check_mode && !task.diff);
        assert_eq!(task.verbosity, 4);
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        assert_eq!(split("[1]", Timestamp::UNIX_EPOCH).unwrap_err(), "the arguments must be a JSON object, got [1]");
        assert!(split("tank", Timestamp::UNIX_EPOCH).unwrap_err().starts_with("the arguments are not JSON: "));
    }
}
