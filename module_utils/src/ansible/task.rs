//! How a module was asked to run, and what it tells a person meanwhile.

use super::cli::Output;
use crate::exec::foreign;
use jiff::Timestamp;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// How a module was asked to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Task {
    /// Plan and report, but run only commands that read.
    pub check_mode: bool,
    /// The caller wants `diff` in the result.
    pub diff: bool,
    /// When it began.
    pub now: Timestamp,
    /// Ansible's `-v` count; 3 and more adds every command to the result.
    pub verbosity: u8,
    /// Its result is kept in a file, for those who look later.
    pub keeps_result: bool,
    /// Who reads the output.
    pub(super) output: Output,
}

impl Task {
    /// Tells a person what just happened. Silent under Ansible and with `--quiet`.
    #[allow(clippy::print_stdout, reason = "one of two files that print")]
    pub fn info(&self, line: &str) {
        if self.output == Output::Text {
            let clear = if LIVE.swap(false, Ordering::SeqCst) { CLEAR_LINE } else { "" };
            println!("{clear}* {}", foreign::shown(line));
        }
    }

    /// Shows a person how far it is, in place of the line before; only where the output is a terminal.
    #[allow(clippy::print_stdout, reason = "one of two files that print")]
    pub fn live(&self, line: &str) {
        print!("{CLEAR_LINE}{}", foreign::shown(line));
        let _ = io::stdout().flush();
        LIVE.store(true, Ordering::SeqCst);
    }

    /// True where [`Task::live`] makes sense.
    #[must_use]
    pub fn has_terminal(&self) -> bool {
        self.output == Output::Text && io::stdout().is_terminal()
    }

    /// True where a person watches: `--text` without `--quiet`.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.output == Output::Text
    }
}

/// Back to the first column, and nothing of the old line stays.
const CLEAR_LINE: &str = "\r\x1b[K";

/// A live line stands there.
static LIVE: AtomicBool = AtomicBool::new(false);
