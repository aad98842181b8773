//! `zfs_replicate --list TARGET`: which replicas there are, and how fresh. Reads only.

use anyhow::{Context, Result};
use module_utils::ansible::fault::Fault;
use module_utils::ansible::outcome::{Outcome, Shown};
use module_utils::ansible::task::Task;
use module_utils::exec::connections::Connections;
use module_utils::exec::runner::Runner;
use module_utils::exec::signals;
use module_utils::exec::ssh::SshOptions;
use module_utils::model::DatasetName;
use module_utils::status::replicas::{self, screen};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

/// What of the options a listing has.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Args {
    target: String,
    target_host: Option<String>,
    #[serde(default)]
    ssh: SshOptions,
}

/// What is wrong with the options.
#[expect(clippy::needless_pass_by_value, reason = "all programs are asked alike")]
pub fn check(args: Args, _: Task) -> std::result::Result<(), String> {
    args.target.parse::<DatasetName>().map(drop).map_err(|error| format!("option target: {error}"))
}

pub fn run(args: Args, task: Task) -> Result<Outcome> {
    signals::catch().context("signals cannot be caught")?;
    let invalid = |option: &str, error: String| Fault::InvalidOption(format!("option {option}: {error}"));
    let Args { target, target_host, ssh } = args;
    let target: DatasetName = target.parse().map_err(|error| invalid("target", format!("{error}")))?;
    let runner = Runner::default();
    let mut connections = Connections::new(&runner);
    let host = connections.host(target_host.as_deref(), &ssh).map_err(|error| invalid("target_host", error))?;
    let replicas = replicas::look(&runner, &host, &target, task.now.as_second())?;
    let mut body = Map::from_iter([
        ("target".to_owned(), json!(target.as_str())),
        ("target_host".to_owned(), json!(target_host)),
        ("replicas".to_owned(), json!(replicas)),
    ]);
    if task.verbosity >= 3 {
        body.insert("commands".to_owned(), json!(runner.commands()));
    }
    let shown = task.is_text().then(|| Shown { text: screen::text(&replicas, task.look), status: 0 });
    Ok(Outcome { body, shown, ..Outcome::default() })
}
