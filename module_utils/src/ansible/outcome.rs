//! What a module did: its own part of the result, and what all of them have in theirs.

use super::task::Task;
use crate::exec::runner::Runner;
use crate::terminal::table::Tone;
use serde_json::{Map, Value, json};

/// What a module did, or would do in check mode.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Something was, or in check mode would be, changed.
    pub changed: bool,
    /// Why the task failed, although every part of it was tried.
    pub failure: Option<String>,
    /// It did not fail, yet nothing of what it is for was done either: the time of the last success stays what it was.
    pub is_idle: bool,
    /// The rest of the result.
    pub body: Map<String, Value>,
    /// What only the file of `--result` has, in place of what is there by the same name.
    pub left: Map<String, Value>,
    /// What is printed in place of the JSON object or of lines.
    pub shown: Option<Shown>,
    /// The last line for a person, and how it went.
    pub closing: Option<(Tone, String)>,
    /// What is kept with `--metrics` in place of figures of this run.
    pub metrics: Option<String>,
}

/// What a program prints in its own way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// All of it.
    pub text: String,
    /// The exit status.
    pub status: u8,
}

/// What Ansible shows with `--diff`; many at once are a list of them.
#[must_use]
pub fn diff(header: &str, before: &[String], after: &[String]) -> Value {
    let text = |lines: &[String]| lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
    let mut diff = json!({"before": text(before), "after": text(after)});
    if !header.is_empty() {
        (diff["before_header"], diff["after_header"]) = (json!(header), json!(header));
    }
    diff
}

impl Outcome {
    /// An outcome of which nothing but that is known yet.
    #[must_use]
    pub fn new(changed: bool, failure: Option<String>) -> Self {
        Self { changed, failure, ..Self::default() }
    }

    /// Adds a part of the module's own.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.body.insert(key.to_owned(), value.into());
        self
    }

    /// Says that nothing was done, for a reason that is no failure.
    #[must_use]
    pub fn skipped(self, code: &str, why: &str) -> Self {
        let closing = (Tone::Warning, format!("skipped: {why}"));
        self.closing(closing).with("skipped", true).with("code", code).with("msg", why)
    }

    /// Adds what only the file of `--result` has.
    #[must_use]
    pub fn leaving(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.left.insert(key.to_owned(), value.into());
        self
    }

    /// Sums up for a person.
    #[must_use]
    pub fn closing(self, (tone, line): (Tone, String)) -> Self {
        Self { closing: Some((tone, line)), ..self }
    }

    /// Adds what every module says where there is something to say: the warnings, the difference if it was asked for, and with -vvv
    /// the commands.
    #[must_use]
    pub fn told(self, task: Task, runner: &Runner, warnings: &[String], diff: impl FnOnce() -> Value) -> Self {
        let told = if warnings.is_empty() { self } else { self.with("warnings", warnings) };
        let told = if task.diff { told.with("diff", diff()) } else { told };
        if task.verbosity >= 3 { told.with("commands", runner.commands()) } else { told }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Task, diff};
    use crate::exec::cmd::Cmd;
    use crate::exec::runner::Runner;
    use serde_json::{Value, json};

    fn told(task: Task, warnings: &[String]) -> Value {
        let runner = Runner::default();
        runner.output(&Cmd::new("true")).unwrap();
        let outcome = Outcome::new(true, None).with("created", 1).told(task, &runner, warnings, || diff("", &[], &[]));
        Value::Object(outcome.body)
    }

    #[test]
    fn only_what_was_asked_for_is_told() {
        assert_eq!(told(Task::default(), &[]), json!({"created": 1}));
        let all = Task { diff: true, verbosity: 3, ..Task::default() };
        let nothing = json!({"before": "", "after": ""});
        assert_eq!(
            told(all, &["odd".to_owned()]),
            json!({"created": 1, "warnings": ["odd"], "diff": nothing, "commands": ["true"]})
        );
    }

    #[test]
    fn a_diff_has_a_line_for_each() {
        let lines = |all: &[&str]| all.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            diff("tank", &lines(&["a"]), &lines(&["a", "b"])),
            json!({"before": "a\n", "after": "a\nb\n", "before_header": "tank", "after_header": "tank"})
        );
    }
}
