//! Shows over HTTP whether the backups of this host are fine: page, JSON, metrics. Looks in the background, changes nothing.

mod api;
mod collect;
mod negotiate;
mod page;
mod router;
mod schedule;
mod serve;
mod settings;
mod store;
mod swagger;
mod view;

use anyhow::{Context, Result, anyhow, bail};
use lexopt::{Arg, Parser};
use module_utils::exec::{foreign, signals};
use module_utils::status::gather;
use sd_notify::NotifyState;
use serde_json::{Map, Value};
use settings::Settings;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use store::Store;
use tokio::signal::unix::{SignalKind, signal};
use view::Viewer;

/// That of musl gives memory back at once and asks for it anew at the next scrape, which is half of what a scrape costs.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

const USAGE: &str = "zfs_monitor: shows over HTTP whether the ZFS backups of this host are fine

  zfs_monitor [FILE]   with the options of FILE (JSON), or without any
  --check FILE         only see whether the options are right
  --validate FILE      the same, and say all that is wrong; - is standard input; exit 0 or 2
  --help, --version

Options are those of zfs_info, and listen, token_file, status_interval, dataset_interval, snapshot_interval,
kstat_only, swagger_ui. It listens at 127.0.0.1:10134 unless they say otherwise, or at the sockets that systemd hands over.
";

/// What the command line asks for.
enum Ask {
    Serve(Option<OsString>),
    Check(OsString),
    Validate(OsString),
    Say(String),
}

fn main() -> ExitCode {
    let done = ask().and_then(|ask| match ask {
        Ask::Serve(file) => serve(file).map(|()| ExitCode::SUCCESS),
        Ask::Check(file) => Settings::new(options(Some(file))?).map(|_| ExitCode::SUCCESS).map_err(anyhow::Error::msg),
        Ask::Validate(file) => validate(&file),
        Ask::Say(text) => {
            std::io::stdout().write_all(text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    });
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "zfs_monitor: {error:#}");
        ExitCode::FAILURE
    })
}

/// The exit status where options are wrong.
const USAGE_STATUS: u8 = 2;

/// Says all that is wrong with the options, and does nothing.
fn validate(file: &OsStr) -> Result<ExitCode> {
    let name = file.display();
    let text = if file == "-" { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    let text = text.with_context(|| format!("{name} cannot be read"))?;
    let misfits = match serde_json::from_str(&text) {
        Ok(Value::Object(options)) => settings::misfits(&options),
        Ok(_) => vec!["the options must be a JSON object".to_owned()],
        Err(error) => vec![format!("the options are not JSON: {error}")],
    };
    for misfit in &misfits {
        writeln!(std::io::stderr(), "error: {}", foreign::shown(&format!("{name}: {misfit}")))?;
    }
    if misfits.is_empty() {
        writeln!(std::io::stdout(), "{name}: the options are right")?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(USAGE_STATUS))
}

fn ask() -> Result<Ask> {
    let mut parser = Parser::from_env();
    let mut file = None;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Ask::Say(USAGE.to_owned())),
            Arg::Short('V') | Arg::Long("version") => {
                return Ok(Ask::Say(format!("zfs_monitor {}\n", env!("CARGO_PKG_VERSION"))));
            }
            #[cfg(feature = "openapi")]
            Arg::Long("openapi") => {
                return Ok(Ask::Say(api::document().context("the document cannot be written")? + "\n"));
            }
            Arg::Long("validate") => return Ok(Ask::Validate(parser.value()?)),
            Arg::Long("check") => return Ok(Ask::Check(parser.value()?)),
            Arg::Value(value) if file.is_none() => file = Some(value),
            other => return Err(anyhow!(other.unexpected()).context("see --help")),
        }
    }
    Ok(Ask::Serve(file))
}

fn options(file: Option<OsString>) -> Result<Map<String, Value>> {
    let Some(file) = file else { return Ok(Map::new()) };
    let name = file.display().to_string();
    let text = std::fs::read_to_string(&file).with_context(|| format!("{name} cannot be read"))?;
    serde_json::from_str(&text).with_context(|| format!("{name} holds no JSON object"))
}

fn serve(file: Option<OsString>) -> Result<()> {
    let settings = Settings::new(options(file)?).map_err(anyhow::Error::msg)?;
    let token = settings.token_file.as_deref().map(router::Token::read).transpose().map_err(anyhow::Error::msg)?;
    signals::catch().context("signals cannot be caught")?;
    let settings = Arc::new(settings);
    let store = Arc::new(Store::new(gather::read_jobs(&settings.request)));
    let viewer = Arc::new(Viewer::new(Arc::clone(&settings), Arc::clone(&store)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listeners = serve::listeners(&settings.listen).map_err(anyhow::Error::msg)?;
        if listeners.is_empty() {
            bail!("option listen: expected at least one address");
        }
        collect::start(&settings, &store);
        let slots = serve::slots();
        for listener in listeners {
            tokio::spawn(serve::serve(
                listener,
                router::router(Arc::clone(&viewer), token.clone(), &settings.swagger_ui),
                Arc::clone(&slots),
            ));
        }
        // Without systemd nobody wants to know.
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}
