//! A forced command for `authorized_keys`: lets `zfs_replicate` work on some datasets, and nobody do anything else.

use module_utils::gate::allowlist::Rules;
use module_utils::gate::child::{End, REFUSED};
use module_utils::gate::explain::explain;
use module_utils::gate::options::{self, Task, USAGE};
use module_utils::gate::serve::serve;
use module_utils::gate::syslog;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Task::Help) => say(io::stdout(), USAGE, 0),
        Ok(Task::Version) => say(io::stdout(), &format!("zfs_gate {}\n", env!("CARGO_PKG_VERSION")), 0),
        Ok(Task::Explain(rules, lines)) => explain_all(&rules, lines),
        Ok(Task::Serve(rules)) => {
            let line = std::env::var_os("SSH_ORIGINAL_COMMAND");
            match serve(&rules, line.as_deref()) {
                End::Ended(status, words) if words.is_empty() => ExitCode::from(status),
                End::Ended(status, words) => say(io::stderr(), &format!("{}\n", words.trim_end()), status),
                End::Refused(denied) => {
                    let reason = denied.to_string();
                    let line = line.unwrap_or_default();
                    let from = std::env::var("SSH_CONNECTION").unwrap_or_default();
                    let from = from.split(' ').next().unwrap_or_default();
                    syslog::warn(&format!("refused: {reason}; from {from}: {}", line.to_string_lossy()));
                    let reason: String = reason.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
                    say(io::stderr(), &format!("zfs_gate: refused: {reason}\n"), REFUSED)
                }
            }
        }
        Err(error) => {
            // Whoever connects is not who can mend it.
            syslog::warn(&format!("wrong options in authorized_keys: {error}"));
            say(io::stderr(), &format!("zfs_gate: {error}\n"), REFUSED)
        }
    }
}

fn explain_all(rules: &Rules, mut lines: Vec<String>) -> ExitCode {
    if lines.is_empty() {
        let text = io::read_to_string(io::stdin()).unwrap_or_default();
        lines = text.lines().map(str::to_owned).collect();
    }
    let verdicts: Vec<(bool, String)> = lines.iter().map(|line| explain(rules, line)).collect();
    let text: String = verdicts.iter().flat_map(|(_, words)| [words.as_str(), "\n"]).collect();
    say(io::stdout(), &text, u8::from(verdicts.iter().any(|(allowed, _)| !allowed)))
}

/// Nobody is left to tell when the other end is gone.
fn say(mut to: impl Write, text: &str, status: u8) -> ExitCode {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    ExitCode::from(status)
}
