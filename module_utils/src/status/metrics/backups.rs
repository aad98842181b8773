//! Series of jobs and of replication. Those that jobs write themselves with `--metrics` have the same names.

use super::{Families, Label, flag};
use crate::ansible::status_file::{FAILED_RUNS_TOTAL, RUNS_TOTAL, SENDER, SENT_BYTES_TOTAL, Series};
use crate::status::model::{Job, Replica, Totals};
use crate::status::report::Status;
use std::collections::BTreeMap;

pub fn add(status: &Status, families: &mut Families) {
    for job in status.facts.jobs.iter().flatten() {
        of_job(job, families);
    }
    let mut allowed: BTreeMap<&str, u64> = BTreeMap::new();
    for replica in status.facts.replication.iter().flatten() {
        of_replica(replica, families);
        let most = allowed.entry(&replica.name).or_default();
        *most = (*most).max(replica.max_age_seconds);
    }
    for (name, seconds) in allowed {
        families.gauge(
            "ferro_zfs_replica_max_age_seconds",
            "How old the newest common snapshot may be.",
            &[("name", name)],
            seconds,
        );
    }
}

fn of_job(job: &Job, families: &mut Families) {
    let labels = [("program", job.program.unwrap_or_default()), ("name", job.name.as_str())];
    let run = job.last_run.as_ref();
    let last = run.and_then(|run| run.finished_at).map_or(0, |at| at.0);
    families.gauge(
        "ferro_zfs_last_run_timestamp_seconds",
        "When the last run ended; 0 if it never ran.",
        &labels,
        last,
    );
    families.gauge(
        "ferro_zfs_last_success_timestamp_seconds",
        "When the last run ended that did all it should; 0 if none did.",
        &labels,
        job.last_success_at.map_or(0, |at| at.0),
    );
    families.known(
        "ferro_zfs_success",
        "1 if the last run did all it should.",
        &labels,
        run.map(|run| flag(!run.failed)),
    );
    families.known(
        "ferro_zfs_duration_seconds",
        "How long the last run took.",
        &labels,
        run.and_then(|run| run.seconds),
    );
    families.gauge("ferro_zfs_job_max_age_seconds", "How old the last success may be.", &labels, job.max_age_seconds);
    families.known(
        "ferro_zfs_job_overdue_timestamp_seconds",
        "From when on its next success is overdue; 0 if nobody knows.",
        &labels,
        job.overdue_at.map(|at| at.0),
    );
    families.known(
        "ferro_zfs_job_timer_active",
        "1 if a timer starts it.",
        &labels,
        job.timer_active.filter(|_| job.declared).map(flag),
    );
    families.known("ferro_zfs_job_running", "1 while it runs.", &labels, job.running.map(flag));
    totals(job, &labels, families);
}

fn totals(job: &Job, labels: &[Label<'_>], families: &mut Families) {
    let mut total = |(name, help): Series, figure: fn(&Totals) -> u64| {
        families.counter(name, help, labels, job.totals.as_ref().map(figure));
    };
    total(RUNS_TOTAL, |all| all.runs);
    total(FAILED_RUNS_TOTAL, |all| all.failed_runs);
    if job.program == Some(SENDER) {
        total(SENT_BYTES_TOTAL, |all| all.sent_bytes);
    }
}

fn of_replica(replica: &Replica, families: &mut Families) {
    let labels = [
        ("name", replica.name.as_str()),
        ("source_host", replica.source_host.as_deref().unwrap_or_default()),
        ("source", &replica.source),
        ("target_host", replica.target_host.as_deref().unwrap_or_default()),
        ("target", &replica.target),
    ];
    let newest = match &replica.newest {
        None => Some(0),
        Some(newest) => newest.created_at.map(|at| at.0),
    };
    families.known(
        "ferro_zfs_replica_newest_timestamp_seconds",
        "When the newest snapshot was taken that both have; 0 if there is none.",
        &labels,
        newest,
    );
    families.known(
        "ferro_zfs_replica_overdue_timestamp_seconds",
        "From when on something newer is overdue; 0 if nobody knows.",
        &labels,
        replica.overdue_at.map(|at| at.0),
    );
    families.gauge(
        "ferro_zfs_replica_without_snapshots",
        "1 if the source had no snapshots in the last run.",
        &labels,
        flag(replica.is_without_snapshots()),
    );
    verification(replica, &labels, families);
    let success = (replica.status != "never").then_some(flag(!replica.is_failed()));
    families.known("ferro_zfs_replica_success", "1 if the last run did all it should for it.", &labels, success);
    families.known("ferro_zfs_replica_last_bytes", "Bytes of the last run.", &labels, replica.last_bytes);
    families.known(
        "ferro_zfs_replica_last_duration_seconds",
        "How long the last run took for it.",
        &labels,
        replica.last_seconds,
    );
    families.gauge(
        "ferro_zfs_replica_last_success_timestamp_seconds",
        "When a run last did all it should for it; 0 if none did.",
        &labels,
        replica.last_success_at.map_or(0, |at| at.0),
    );
}

fn verification(replica: &Replica, labels: &[Label<'_>], families: &mut Families) {
    let of = replica.verification.as_ref();
    families.known(
        "ferro_zfs_replica_verified_timestamp_seconds",
        "When all of it was last found to be what the source is; 0 if never.",
        labels,
        of.map(|of| of.verified_at.map_or(0, |at| at.0)),
    );
    families.known(
        "ferro_zfs_replica_differs",
        "1 if the last comparison found that it is not what the source is, or that one of the two cannot be read.",
        labels,
        of.map(|of| flag(of.is_bad())),
    );
    families.known(
        "ferro_zfs_replica_not_comparable",
        "1 if it could not be compared with the source.",
        labels,
        of.map(|of| flag(of.is_not_comparable())),
    );
}
