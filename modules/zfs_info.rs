//! Says whether the backups of this host are fine: pools, snapshots against policy, jobs and replication. Reads only.

use anyhow::{Context, Result};
use module_utils::ansible::cli::help::Usage;
use module_utils::ansible::cli::words::file;
use module_utils::ansible::fault::Fault;
use module_utils::ansible::module::{self, Program};
use module_utils::ansible::outcome::{Outcome, Shown};
use module_utils::ansible::task::Task;
use module_utils::exec::signals;
use module_utils::exec::timezone;
use module_utils::status::coverage::Now;
use module_utils::status::gather::gather;
use module_utils::status::model::Part;
use module_utils::status::mqtt::{self, Topics};
use module_utils::status::options::Options;
use module_utils::status::report::{self, Status};
use module_utils::status::screen::Screen;
use module_utils::status::{metrics, nagios};
use serde_json::{Map, json};
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

const USAGE: Usage = Usage {
    lines: &[
        "[OPTION]...         without any, everything is looked at, by the policies of the jobs that are installed",
        "[OPTION]... FILE    FILE holds options as JSON, - is standard input; flags win",
    ],
    examples: &[
        ("--text", "Shows how pools, snapshots, jobs and replication are."),
        ("--nagios --only pools,jobs", "Answers a monitoring system in one line."),
    ],
    own: &[
        ("nagios", "Print one line with figures for Nagios and the like; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."),
        ("only PARTS", "With --nagios: only these, of pools,scrub,errors,capacity,snapshots,jobs,replication."),
        ("mqtt-payload", "Print what is published over MQTT, a line for each message: its topic, a tab, its payload."),
        ("mqtt-prefix PREFIX", "What topics begin with (default homeinfra/monitoring/zfs)."),
        (
            "mqtt-discovery PREFIX",
            "Where Home Assistant looks for what there is (default homeassistant; empty: it is not told).",
        ),
        ("mqtt-host NAME", "What this host is called there (default its host name)."),
        ("mqtt-expire SECONDS", "What is older is not believed any more (default 900)."),
        (
            "mqtt-by-server",
            "Topics of backups end with the name of this host, for clients that several hosts pull from.",
        ),
    ],
};

fn main() -> ExitCode {
    let (front, rest) = Front::split(std::env::args_os().skip(1));
    let program = Program {
        name: "zfs_info",
        about: "says whether the ZFS backups of this host are fine",
        spec: include_str!("spec/zfs_info.json"),
        words: file,
        usage: USAGE,
        needs_no_file: true,
        failed: front.nagios.then_some(unknown),
    };
    module::main_as(&program, rest, |args, _| front.check(args), |args, task| run(args, task, &front))
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
    /// Messages are wanted.
    mqtt: bool,
    topics: Result<Topics, String>,
}

impl Front {
    /// Takes them off the command line.
    fn split(mut words: impl Iterator<Item = OsString>) -> (Self, Vec<OsString>) {
        let mut front = Self { nagios: false, only: None, mqtt: false, topics: Ok(topics()) };
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            let text = word.to_str().unwrap_or_default();
            let (option, given) = text.split_once('=').map_or((text, None), |(option, given)| (option, Some(given)));
            match (option, given) {
                ("--nagios", None) => front.nagios = true,
                ("--mqtt-payload", None) => front.mqtt = true,
                ("--mqtt-by-server", None) => front.topics = front.topics.map(|all| Topics { by_server: true, ..all }),
                ("--only" | "--mqtt-prefix" | "--mqtt-discovery" | "--mqtt-host" | "--mqtt-expire", _) => {
                    let next = if given.is_none() { words.next() } else { None };
                    front.take(option, given.or_else(|| next.as_deref().and_then(OsStr::to_str)));
                }
                _ => rest.push(word),
            }
        }
        (front, rest)
    }

    /// An option with a value.
    fn take(&mut self, option: &str, value: Option<&str>) {
        if option == "--only" {
            self.only = Some(parts(value));
            return;
        }
        let Ok(mut topics) = self.topics.clone() else { return };
        let set = |topics: &mut Topics| -> Result<(), String> {
            let value = value.ok_or("it wants a value")?;
            match option {
                "--mqtt-discovery" if value.is_empty() => topics.discovery = None,
                "--mqtt-expire" => {
                    topics.expire_after = value.parse().map_err(|_| format!("{value:?} is no number"))?;
                }
                "--mqtt-discovery" => topics.discovery = Some(topic(value)?),
                "--mqtt-host" => topics.host = topic(value)?,
                _ => topics.prefix = topic(value)?,
            }
            Ok(())
        };
        self.topics = set(&mut topics).map(|()| topics).map_err(|why| format!("{option}: {why}; see --help"));
    }

    /// What is wrong with options; here there is nothing to answer in another way.
    fn check(&self, args: Options) -> Result<(), String> {
        if self.nagios || self.mqtt {
            return Err("--validate looks at nothing: leave out --nagios and --mqtt-payload".to_owned());
        }
        self.parts()?;
        args.into_request(None).map(drop)
    }

    /// The parts to judge; none for those that the options ask for.
    fn parts(&self) -> Result<Option<Vec<Part>>, String> {
        if self.nagios && self.mqtt {
            return Err("--nagios and --mqtt-payload are two ways to answer: give one of them".to_owned());
        }
        self.topics.as_ref().map_err(Clone::clone)?;
        match &self.only {
            None => Ok(None),
            Some(_) if !self.nagios => Err("--only goes with --nagios; see --help".to_owned()),
            Some(only) => only.clone().map(Some),
        }
    }
}

fn topics() -> Topics {
    Topics {
        prefix: "homeinfra/monitoring/zfs".to_owned(),
        discovery: Some("homeassistant".to_owned()),
        host: report::hostname(),
        expire_after: 900,
        by_server: false,
    }
}

/// A part of a topic. MQTT itself takes more; a line does not.
fn topic(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !text.is_empty() && text.chars().all(fits) { Ok(text.to_owned()) } else { Err(format!("{text:?} is no topic")) }
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
        (false, _) if front.mqtt => Some(Shown { text: messages(&status, front), status: 0 }),
        (false, true) => Some(Shown { text: Screen::new(&status).text(task.look.color), status: 0 }),
        (false, false) => None,
    };
    Ok(Outcome { body, shown, metrics: Some(metrics::text(&status)), ..Outcome::default() })
}

/// A line for each message. JSON has no line ends, and topics no tabs.
fn messages(status: &Status, front: &Front) -> String {
    let topics = front.topics.clone().unwrap_or_else(|_| topics());
    let line = |(topic, payload): (String, serde_json::Value)| match payload.as_str() {
        Some(word) => format!("{topic}\t{word}\n"),
        None => format!("{topic}\t{payload}\n"),
    };
    mqtt::messages(status, &topics).into_iter().map(line).collect()
}
