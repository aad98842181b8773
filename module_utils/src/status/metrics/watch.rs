//! Series of what looks again and again: how its own looking goes, and the process that does it.

use super::{Families, flag};
use crate::status::ages::age;
use crate::status::model::At;

/// One thing that is looked at again and again.
#[derive(Clone, Debug)]
pub struct Collector {
    /// What.
    pub name: &'static str,
    /// Of which pool; empty if of none.
    pub pool: String,
    /// Whether the last time went well; none before the first has ended.
    pub success: Option<bool>,
    /// How long the last time took, in seconds.
    pub seconds: Option<f64>,
    /// When it last went well.
    pub last_success_at: Option<At>,
    /// Since when it runs; none if it does not.
    pub running_since: Option<At>,
}

/// The watcher itself.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The moment.
    pub now: i64,
    /// What it looks at.
    pub collectors: Vec<Collector>,
    /// When the process began.
    pub started_at: Option<f64>,
    /// Memory that it occupies.
    pub resident_bytes: Option<u64>,
}

pub(super) fn add(watch: &Watch, families: &mut Families) {
    for collector in &watch.collectors {
        let labels = [("collector", collector.name), ("pool", collector.pool.as_str())];
        families.known(
            "ferro_zfs_collector_success",
            "1 if all of it could be read.",
            &labels,
            collector.success.map(flag),
        );
        families.known(
            "ferro_zfs_collector_duration_seconds",
            "How long it took the last time.",
            &labels,
            collector.seconds,
        );
        families.gauge(
            "ferro_zfs_collector_last_success_timestamp_seconds",
            "When it could last be read; 0 if never.",
            &labels,
            collector.last_success_at.map_or(0, |at| at.0),
        );
        families.gauge(
            "ferro_zfs_collector_running_seconds",
            "For how long it has been waited for; 0 if it is not.",
            &labels,
            collector.running_since.map_or(0, |since| age(watch.now, since.0)),
        );
    }
    // As every exporter names them: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
    families.known("process_start_time_seconds", "When this process began.", &[], watch.started_at);
    families.known("process_resident_memory_bytes", "Memory that this process occupies.", &[], watch.resident_bytes);
}
