//! Checks of jobs, and of what other pools have got.

use super::{Found, Severity};
use crate::status::ages::{age, span};
use crate::status::jobs::unit;
use crate::status::model::{Facts, Job, Limits, Replica, Verification};

/// How much of a job's message is shown.
const SHOWN: usize = 300;

/// Whether jobs run, and do what they should.
pub fn jobs(facts: &Facts, found: &mut Found) {
    for job in facts.jobs.iter().flatten() {
        one_job(job, facts.collected_at.0, found);
    }
}

fn one_job(job: &Job, now: i64, found: &mut Found) {
    let advice = format!("journalctl -u '{}'", unit(&job.name));
    let failed = job.last_run.as_ref().filter(|run| run.failed);
    if job.overdue {
        let allowed = span(job.max_age_seconds);
        let message = match job.last_success_at {
            Some(at) => format!("its last success is {} old, at most {allowed} is allowed", span(age(now, at.0))),
            None => format!("it never did what it should, and {allowed} have passed since it was set up"),
        };
        let running = if job.running == Some(true) { "; it runs now" } else { "" };
        let problem = found.add(Severity::Critical, "job_overdue", &job.name, message + running, &advice);
        problem.since = job.last_success_at.or(job.declared_at);
    }
    if let Some(run) = failed {
        let said = crate::exec::foreign::shortened(run.message.as_deref().unwrap_or("it said nothing"), SHOWN);
        let message = format!("its last run failed: {}", said.replace('\n', "; "));
        found.add(Severity::Warning, "job_failed", &job.name, message, &advice).since = run.finished_at;
    }
    if job.declared && job.timer_active == Some(false) {
        let message = "its timer is not active, so nothing will start it".to_owned();
        let advice = format!("systemctl enable --now '{}.timer'", unit(&job.name));
        found.add(Severity::Warning, "job_timer_inactive", &job.name, message, &advice);
    }
}

/// Whether targets have what is new.
pub fn replication(facts: &Facts, limits: &Limits, found: &mut Found) {
    for replica in facts.replication.iter().flatten() {
        one_replica(replica, facts.collected_at.0, found);
    }
    silent(facts, limits, found);
}

fn one_replica(replica: &Replica, now: i64, found: &mut Found) {
    let subject = format!("{}: {}", replica.name, course(replica));
    let advice = format!("journalctl -u '{}'", unit(&replica.name));
    if replica.overdue {
        let allowed = span(replica.max_age_seconds);
        let created = replica.newest.as_ref().and_then(|newest| newest.created_at);
        let why = if replica.status == "ok" { ", and the source had nothing newer" } else { "" };
        let message = match created {
            Some(at) => {
                format!("newest common snapshot is {} old{why}, at most {allowed} is allowed", span(age(now, at.0)))
            }
            None => format!("no common snapshot is known, and {allowed} have passed"),
        };
        let problem = found.add(Severity::Critical, "replica_overdue", &subject, message, &advice);
        problem.since = created.or(replica.last_success_at);
    }
    if replica.is_failed() {
        let said = crate::exec::foreign::shortened(replica.error.as_deref().unwrap_or(&replica.status), SHOWN);
        let message = format!(
            "the last run {} for it: {}",
            if replica.status == "failed" { "failed" } else { "was skipped" },
            said.replace('\n', "; ")
        );
        found.add(Severity::Warning, "replica_failed", &subject, message, &advice).since = replica.last_run_at;
    }
    if let Some(verification) = &replica.verification {
        verified(verification, &subject, found);
    }
    if replica.is_without_snapshots() {
        let message = "the source has no snapshots, so nothing was sent".to_owned();
        let advice = "give the source a policy, or take it out of what is replicated";
        found.add(Severity::Warning, "replica_without_snapshots", &subject, message, advice);
    }
}

/// Whether it is what its source is.
fn verified(verification: &Verification, subject: &str, found: &mut Found) {
    let said = crate::exec::foreign::shortened(verification.error.as_deref().unwrap_or(&verification.status), SHOWN);
    let said = said.replace('\n', "; ");
    let last = verification
        .verified_snapshot
        .as_ref()
        .map_or_else(String::new, |snapshot| format!("; it was whole when @{snapshot} was compared"));
    if verification.is_bad() {
        let advice = "look at `zpool status -v` of both pools; docs/verify.md says what to do";
        let message = format!("its comparison with the source went wrong: {said}{last}");
        let problem = found.add(Severity::Critical, "replica_differs", subject, message, advice);
        problem.since = verification.last_run_at;
    } else if verification.is_not_comparable() {
        let advice = "docs/errors.md explains what it says";
        let message = format!("it could not be compared with the source: {said}{last}");
        let problem = found.add(Severity::Warning, "replica_not_verified", subject, message, advice);
        problem.since = verification.last_run_at;
    }
}

/// `nas:tank/data -> vault/backups/nas/tank/data`
#[must_use]
pub fn course(replica: &Replica) -> String {
    let end = |host: &Option<String>, dataset: &str| {
        host.as_ref().map_or_else(|| dataset.to_owned(), |host| format!("{host}:{dataset}"))
    };
    let (source, target) = (end(&replica.source_host, &replica.source), end(&replica.target_host, &replica.target));
    format!("{source} -> {target}")
}

/// A target that fetched from here, and does not any more.
fn silent(facts: &Facts, limits: &Limits, found: &mut Found) {
    for dataset in facts.datasets.iter().flatten() {
        for confirmed in dataset.confirmed.iter().filter(|confirmed| !confirmed.is_newest) {
            let Some(at) = confirmed.created_at else { continue };
            let old = age(facts.collected_at.0, at.0);
            if old > limits.confirmed_max_age {
                let allowed = span(limits.confirmed_max_age);
                let message = format!(
                    "target {} has nothing newer than {} of it, at most {allowed} is allowed",
                    confirmed.target_id,
                    span(old)
                );
                let advice = format!(
                    "look at the job that sends it; if nothing feeds that target any more, destroy its bookmarks: zfs list -t bookmark {}",
                    dataset.name
                );
                found.add(Severity::Warning, "target_silent", &dataset.name, message, &advice).since = Some(at);
            }
        }
    }
}
