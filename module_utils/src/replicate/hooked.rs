//! A replication between the commands of hooks.

use super::execute::Run;
use crate::exec::failure::Failure;
use crate::exec::hook::{Hook, HookOptions, HookReport, Hooks, OnFailure};
use crate::exec::runner::Runner;
use crate::exec::signals;

/// The hooks of a run, and what they are told of it.
pub struct Around<'a> {
    /// The commands.
    hooks: Hooks,
    /// Datasets of the source, one a line, and that of the target.
    ends: [String; 2],
    /// Their hosts; empty where it is this one.
    hosts: [String; 2],
    /// Remembers what was run.
    runner: &'a Runner,
    /// For whoever watches.
    tell: &'a dyn Fn(&str),
}

impl<'a> Around<'a> {
    /// Checks the options.
    pub fn new(
        options: &HookOptions,
        ends: [String; 2],
        hosts: [&Option<String>; 2],
        runner: &'a Runner,
        tell: &'a dyn Fn(&str),
    ) -> Result<Self, String> {
        let hooks = options.hooks().map_err(|error| format!("option hooks.{error}"))?;
        let hosts = hosts.map(|host| host.clone().unwrap_or_default());
        Ok(Self { hooks, ends, hosts, runner, tell })
    }

    /// What would be run.
    #[must_use]
    pub fn planned(&self) -> Vec<HookReport> {
        let planned: Vec<HookReport> = self.hooks.planned(None).collect();
        for hook in &planned {
            (self.tell)(&format!("would run {}", hook.command));
        }
        planned
    }

    /// Runs `work` between them. What comes after is run whatever became of it, and of what comes before.
    pub fn run(&self, work: impl FnOnce() -> Result<Run, Failure>) -> Result<Run, Failure> {
        let mut reports = Vec::new();
        let before = self.hooks.before.as_ref().and_then(|hook| self.run_hook(hook, None, &mut reports));
        let is_left_out = before.is_some() && self.is_fatal();
        let result = match before {
            Some(failure) if self.hooks.on_failure == OnFailure::Fail || signals::received().is_some() => Err(failure),
            Some(failure) if is_left_out => Ok(Run { skipped: Some(failure.to_string()), ..Run::default() }),
            Some(failure) => work().map(|mut run| {
                run.warnings.push(failure.to_string());
                run
            }),
            None => work(),
        };
        let outcome = match &result {
            _ if is_left_out => "not_run",
            Ok(run) if run.is_complete() => "succeeded",
            _ => "failed",
        };
        let after = self.hooks.after.as_ref().and_then(|hook| self.run_hook(hook, Some(outcome), &mut reports));
        match (result, after) {
            (Ok(run), after) => Ok(self.with_after(Run { hooks: reports, ..run }, after)),
            (Err(failure), Some(after)) => {
                (self.tell)(&after.to_string());
                Err(failure)
            }
            (Err(failure), None) => Err(failure),
        }
    }

    /// True where nothing is replicated once what comes before has failed.
    fn is_fatal(&self) -> bool {
        self.hooks.on_failure != OnFailure::Continue || signals::received().is_some()
    }

    fn with_after(&self, mut run: Run, failure: Option<Failure>) -> Run {
        match failure {
            Some(failure) if self.hooks.on_failure == OnFailure::Fail => run.hook_failed = Some(failure.to_string()),
            Some(failure) => run.warnings.push(failure.to_string()),
            None => {}
        }
        run
    }

    fn run_hook(&self, hook: &Hook, outcome: Option<&str>, reports: &mut Vec<HookReport>) -> Option<Failure> {
        let ([source, target], [source_host, target_host]) = (&self.ends, &self.hosts);
        let mut env: Vec<(&str, &str)> =
            vec![("SOURCE", source), ("SOURCE_HOST", source_host), ("TARGET", target), ("TARGET_HOST", target_host)];
        env.extend(outcome.map(|outcome| ("OUTCOME", outcome)));
        let (report, failure) = hook.run(None, &env, self.runner, self.tell);
        reports.push(report);
        failure
    }
}
