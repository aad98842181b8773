//! Says whether the backups of this host are fine: pools, snapshots against policy, jobs and replication. Reads only.

use anyhow::{Context, Result};
use module_utils::ansible::fault::Fault;
use module_utils::ansible::module::{self, Program};
use module_utils::ansible::outcome::{Outcome, Shown};
use module_utils::ansible::task::Task;
use module_utils::exec::signals;
use module_utils::exec::timezone;
use module_utils::status::coverage::Now;
use module_utils::status::gather::gather;
use module_utils::status::model::Part;
use module_utils::status::options::Options;
use module_utils::status::report::{self, Status};
use module_utils::status::screen::Screen;
use module_utils::status::{metrics, nagios};
use serde_json::{Map, json};
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::process::ExitCode;

const USAGE: &str =
    "  --nagios        print one line with figures for Nagios and the like; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
  --only PARTS    with --nagios: only these, of pools,scrub,errors,capacity,snapshots,jobs,replication
                  Without FILE everything is looked at, by the policies of the jobs that are installed
";

fn main() -> ExitCode {
    let (front, rest) = Front::split(std::env::args_os().skip(1));
    let program = Program {
        name: "zfs_info",
        about: "says whether the ZFS backups of this host are fine",
        usage: USAGE,
        needs_no_file: true,
        failed: front.nagios.then_some(unknown),
    };
    module::main_as(program, rest, |args, task| run(args, task, &front))
}

fn unknown(why: &str) -> Shown {
    shown(nagios::unknown(why))
}

fn shown((text, status): (String, u8)) -> Shown {
    Shown { text, status }
}

/// How the answer is wanted, by options that only this program has.
#[derive(Debug)]
struct Front {
    nagios: bool,
    only: Option<Result<Vec<Part>, String>>,
}

impl Front {
    /// Takes them off the command line.
    fn split(mut words: impl Iterator<Item = OsString>) -> (Self, Vec<OsString>) {
        let mut front = Self { nagios: false, only: None };
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--nagios") => front.nagios = true,
                Some("--only") => front.only = Some(parts(words.next().as_deref().and_then(OsStr::to_str))),
                Some(text) if text.starts_with("--only=") => front.only = Some(parts(text.strip_prefix("--only="))),
                _ => rest.push(word),
            }
        }
        (front, rest)
    }

    /// The parts to judge; none for those that the options ask for.
    fn parts(&self) -> Result<Option<Vec<Part>>, String> {
        match &self.only {
            None => Ok(None),
            Some(_) if !self.nagios => Err("--only goes with --nagios; see --help".to_owned()),
            Some(only) => only.clone().map(Some),
        }
    }
}

fn parts(list: Option<&str>) -> Result<Vec<Part>, String> {
    let known = Part::ALL.map(Part::word).join(",");
    let list = list.ok_or_else(|| format!("--only wants parts, of {known}"))?;
    let part = |word: &str| Part::from_word(word).ok_or_else(|| format!("--only: {word:?} is none of {known}"));
    list.split(',').map(part).collect()
}

fn run(args: Options, task: Task, front: &Front) -> Result<Outcome> {
    signals::catch().context("signals cannot be caught")?;
    let (zone, warning) = timezone::local();
    let limits = args.limits();
    let parts = front.parts().map_err(Fault::InvalidOption)?.unwrap_or_else(|| args.parts());
    let now = Now { at: task.now.as_second(), zone };
    let request = args.into_request(front.only.is_some().then_some(parts.as_slice())).map_err(Fault::InvalidOption)?;
    let (facts, commands) = gather(&request, &now);
    if let Some(signal) = signals::received() {
        anyhow::bail!("stopped by {signal}");
    }
    let status = Status::new(report::hostname(), facts, &limits, &parts);
    let mut body = Map::from_iter([("ferro_zfs".to_owned(), json!(status))]);
    if let Some(warning) = warning {
        body.insert("warnings".to_owned(), json!([warning]));
    }
    if task.verbosity >= 3 {
        body.insert("commands".to_owned(), json!(commands));
    }
    let shown = match (front.nagios, task.is_text()) {
        (true, _) => Some(shown(nagios::answer(&status, &limits))),
        (false, true) => Some(Shown { text: Screen::new(&status).text(has_color()), status: 0 }),
        (false, false) => None,
    };
    Ok(Outcome { body, shown, metrics: Some(metrics::text(&status)), ..Outcome::default() })
}

/// On a terminal, unless <https://no-color.org> says otherwise.
fn has_color() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
