//! How a module was asked to run, and what it tells a person meanwhile.

use super::cli::Output;
use crate::exec::foreign;
use crate::terminal::live;
use crate::terminal::look::Look;
use crate::terminal::table::{Cell, Tone};
use jiff::Timestamp;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// How what is printed may look.
    pub look: Look,
    /// Who reads the output.
    pub(super) output: Output,
}

impl Task {
    /// Tells a person what just happened. Silent under Ansible and with `--quiet`.
    pub fn info(&self, line: &str) {
        self.row(&foreign::shown(line));
    }

    /// The same for a line that was made of cells, in which nothing from elsewhere steers a terminal, only their colours do.
    #[allow(clippy::print_stdout, reason = "one of two files that print")]
    pub fn row(&self, line: &str) {
        if self.output == Output::Text {
            println!("{}* {line}", live::erase(LIVE.swap(0, Ordering::SeqCst)));
        }
    }

    /// Shows a person how far it is, in place of the lines before; only where the output is a terminal.
    #[allow(clippy::print_stdout, reason = "one of two files that print")]
    pub fn live(&self, lines: &[String]) {
        print!("{}", live::redraw(LIVE.swap(lines.len(), Ordering::SeqCst), lines));
        let _ = io::stdout().flush();
    }

    /// How wide the terminal is now.
    #[must_use]
    pub fn width(&self) -> usize {
        Look::of(&io::stdout()).width.unwrap_or(80)
    }

    /// True where [`Task::live`] makes sense.
    #[must_use]
    pub fn has_terminal(&self) -> bool {
        self.output == Output::Text && self.look.live
    }

    /// True where a person watches: `--text` without `--quiet`.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.output == Output::Text
    }
}

/// Takes live lines away, so that what is printed next begins in the first column.
pub(super) fn settle() {
    let lines = LIVE.swap(0, Ordering::SeqCst);
    if lines > 0 {
        let _ = io::stdout().write_all(live::erase(lines).as_bytes()).and_then(|()| io::stdout().flush());
    }
}

/// Prints the last line. The run may have failed beside all that it sums up, as for a hook.
#[allow(clippy::print_stdout, reason = "one of two files that print")]
pub(super) fn sum_up((tone, line): &(Tone, String), failed: bool) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (word, tone) = if failed { ("failed:", Tone::Bad) } else { (word, *tone) };
    println!("{} {}", Cell::new(word, tone).shown(Look::of(&io::stdout()).color), foreign::shown(rest));
}

/// How many live lines stand there.
static LIVE: AtomicUsize = AtomicUsize::new(0);
