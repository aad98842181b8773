//! A command that failed, or that was not even tried: what is told of it, to people and as data.

use super::cause::Cause;
use super::foreign;
use super::ssh::Host;
use super::stderr::reason;
use crate::model::code::Coded;
use serde::Serialize;
use std::fmt;

/// A command that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Failure {
    /// What was attempted: `list`, `send`, `receive`, ...
    pub stage: &'static str,
    /// Where it ran.
    pub host: Box<str>,
    /// The command, shell-quoted; empty if none was run.
    pub command: Box<str>,
    /// Its exit status; none if a signal ended it or it never started.
    pub rc: Option<i32>,
    /// What it said last.
    pub stderr: String,
    /// What else was on standard error, such as a banner: shown, and of no meaning.
    pub aside: Box<str>,
    /// What that means.
    pub cause: Cause,
    /// The code of a refusal of ours, which says more than the cause.
    pub refusal: Option<&'static str>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stage)?;
        if &*self.host != "localhost" {
            write!(f, " on {}", self.host)?;
        }
        f.write_str(" failed")?;
        if !self.command.is_empty() {
            write!(f, ": `{}`", self.command)?;
        }
        if let Some(rc) = self.rc {
            write!(f, " ended with exit status {rc}")?;
        }
        if !self.stderr.is_empty() {
            write!(f, ": {}", foreign::quoted(&self.stderr))?;
        }
        match self.cause.advice() {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}

impl Failure {
    /// The code: that of the refusal, or of the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.refusal.unwrap_or_else(|| self.cause.code())
    }

    /// Why it failed, without the command and the names in it, and what to do: the same for all that fail alike.
    #[must_use]
    pub fn reason(&self) -> String {
        let said = self.stderr.lines().next().map_or("", reason);
        match self.cause.advice() {
            Some(advice) => format!("{said} ({advice})"),
            None => said.to_owned(),
        }
    }

    /// All that was on standard error: what explains it first.
    #[must_use]
    pub fn all_said(&self) -> String {
        [self.stderr.as_str(), &self.aside].join("\n").trim().to_owned()
    }

    /// A refusal of ours, before any command.
    #[must_use]
    pub fn refusal(stage: &'static str, host: &Host, refusal: &(impl Coded + fmt::Display)) -> Self {
        Self {
            stage,
            host: host.name().into(),
            command: Box::default(),
            rc: None,
            stderr: refusal.to_string(),
            aside: Box::default(),
            cause: Cause::Other,
            refusal: Some(refusal.code()),
        }
    }
}

/// A failure or a refusal in the JSON of a result: the same for all modules.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorReport {
    /// What was attempted.
    pub stage: &'static str,
    /// What it is, for programs.
    pub code: &'static str,
    /// Where.
    pub host: Option<Box<str>>,
    /// The command.
    pub command: Option<Box<str>>,
    /// Its exit status.
    pub rc: Option<i32>,
    /// What it said, and behind that whatever else was there to be read.
    pub stderr: String,
    /// What that means, and what to do.
    pub caused_by: Option<String>,
}

/// One entry of the list `failures` of a result.
#[derive(Clone, Debug, Serialize)]
pub struct FailedDataset {
    /// The dataset.
    pub dataset: String,
    /// Why.
    #[serde(flatten)]
    pub error: ErrorReport,
}

impl From<&Failure> for ErrorReport {
    fn from(failure: &Failure) -> Self {
        Self {
            stage: failure.stage,
            code: failure.code(),
            host: Some(failure.host.clone()),
            command: (!failure.command.is_empty()).then(|| failure.command.clone()),
            rc: failure.rc,
            stderr: failure.all_said(),
            caused_by: failure.cause.advice().map(str::to_owned),
        }
    }
}

impl ErrorReport {
    /// In which step of the work, where, and what it is, in a few words: `receive on root@nas: no_space`.
    #[must_use]
    pub fn place(&self) -> String {
        let host = self.host.as_deref().filter(|host| *host != "localhost");
        let host = host.map(|host| format!(" on {host}")).unwrap_or_default();
        format!("{}{host}: {}", self.stage, self.code)
    }

    /// A refusal of the planner, which ran no command for it.
    #[must_use]
    pub fn of_plan(refusal: &(impl Coded + fmt::Display)) -> Self {
        Self {
            stage: "plan",
            code: refusal.code(),
            host: None,
            command: None,
            rc: None,
            stderr: String::new(),
            caused_by: Some(refusal.to_string()),
        }
    }
}
