//! A host on which all is well, for tests to make something wrong with.

use super::checks::{Problem, judge};
use super::model::{
    At, Dataset, Facts, Job, LastRun, Limits, OfInterval, Part, Pool, PoolProperties, PoolState, PoolStatus, Replica,
    Role, Scan, ScanFunction, ScanState, Snapshot, Snapshots, Space, Totals, Vdev,
};
use super::report::Status;
use crate::plan::period::Interval;
use std::collections::BTreeMap;

pub const NOW: i64 = 1_800_000_000;
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 86_400;

pub const LIMITS: Limits =
    Limits { capacity_warning: 85, capacity_critical: 95, scrub_max_age: 40 * 86_400, confirmed_max_age: 3 * 86_400 };

#[expect(clippy::unnecessary_wraps, reason = "times in facts are optional")]
pub fn ago(seconds: i64) -> Option<At> {
    Some(At(NOW - seconds))
}

pub fn pool() -> Pool {
    let vdev = |name: &str| Vdev {
        name: name.to_owned(),
        class: "data",
        state: "ONLINE".to_owned(),
        read_errors: Some(0),
        write_errors: Some(0),
        checksum_errors: Some(0),
    };
    let scan = Scan {
        function: ScanFunction::Scrub,
        state: ScanState::Finished,
        started_at: ago(10 * DAY + 60),
        finished_at: ago(10 * DAY),
        errors: Some(0),
        repaired_bytes: Some(0),
        examined_bytes: None,
        total_bytes: None,
    };
    Pool {
        name: "tank".to_owned(),
        state: PoolState::Online,
        health: "ONLINE".to_owned(),
        properties: PoolProperties {
            guid: Some("12345678901234567890".to_owned()),
            size_bytes: Some(1_000_000),
            allocated_bytes: Some(420_000),
            free_bytes: Some(580_000),
            capacity_percent: Some(42),
            fragmentation_percent: Some(7),
            deduplication_ratio: Some(1.0),
            readonly: Some(false),
            failmode: Some("wait".to_owned()),
            ashift: Some(12),
            ..PoolProperties::default()
        },
        status: Some(PoolStatus {
            scan: Some(scan),
            data_errors: Some(0),
            vdevs: vec![vdev("mirror-0"), vdev("sda"), vdev("sdb")],
            ..PoolStatus::default()
        }),
        created_at: ago(400 * DAY),
        unmanaged: Vec::new(),
    }
}

pub fn snapshot(name: &str, seconds: i64) -> Snapshot {
    Snapshot { name: name.to_owned(), guid: "77".to_owned(), created_at: ago(seconds) }
}

pub fn dataset() -> Dataset {
    let hourly = OfInterval {
        kept: 24,
        wanted: 24,
        expected: 24,
        newest: Some(snapshot("h24", 600)),
        oldest: Some(snapshot("h1", DAY)),
        max_age_seconds: Some(7_200),
        overdue_at: Some(At(NOW - 600 + 7_200)),
        overdue: false,
    };
    let daily = OfInterval {
        kept: 3,
        wanted: 14,
        expected: 3,
        newest: Some(snapshot("d3", 5 * HOUR)),
        oldest: Some(snapshot("d1", 2 * DAY)),
        max_age_seconds: Some(172_800),
        overdue_at: Some(At(NOW - 5 * HOUR + 172_800)),
        overdue: false,
    };
    Dataset {
        name: "tank/data".to_owned(),
        pool: "tank".to_owned(),
        kind: "filesystem",
        created_at: ago(400 * DAY),
        space: Space { used_bytes: Some(1_000), ..Space::default() },
        compression: Some("lz4".to_owned()),
        encryption: None,
        key_loaded: None,
        readonly: Some(false),
        mounted: Some(true),
        mountpoint: Some("/tank/data".to_owned()),
        partial_receive: false,
        placeholder: false,
        policy: Some("high".to_owned()),
        declared: true,
        role: Role::Source,
        snapshots: Some(Snapshots {
            total: 28,
            other: 1,
            newest: Some(snapshot("h24", 600)),
            intervals: BTreeMap::from([(Interval::Hourly, Box::new(hourly)), (Interval::Daily, Box::new(daily))]),
        }),
        confirmed: Vec::new(),
    }
}

pub fn job() -> Job {
    Job {
        name: "pull@nas".to_owned(),
        program: Some("zfs_replicate"),
        declared: true,
        declared_at: ago(100 * DAY),
        last_run: Some(LastRun {
            finished_at: ago(HOUR),
            seconds: Some(12.5),
            failed: false,
            message: None,
            summary: serde_json::Value::Null,
        }),
        last_success_at: ago(HOUR),
        next_run_at: Some(At(NOW + HOUR)),
        timer_active: Some(true),
        running: Some(false),
        max_age_seconds: 15_000,
        overdue_at: Some(At(NOW - HOUR + 15_000)),
        overdue: false,
        totals: Some(Totals { runs: 5, failed_runs: 1, sent_bytes: 900 }),
    }
}

pub fn replica() -> Replica {
    Replica {
        name: "pull@nas".to_owned(),
        direction: "pull",
        source_host: Some("backup@nas".to_owned()),
        source: "tank/data".to_owned(),
        target_host: None,
        target: "vault/nas/tank/data".to_owned(),
        newest: Some(snapshot("h24", 2 * HOUR)),
        up_to_date: true,
        status: "ok".to_owned(),
        error: None,
        last_bytes: Some(5_000),
        last_snapshots: Some(2),
        last_seconds: Some(1.5),
        last_run_at: ago(HOUR),
        last_success_at: ago(HOUR),
        max_age_seconds: 18_600,
        overdue_at: Some(At(NOW - 2 * HOUR + 18_600)),
        overdue: false,
        verification: None,
    }
}

pub fn facts() -> Facts {
    Facts {
        collected_at: At(NOW),
        pools: Some(vec![pool()]),
        missing_pools: Vec::new(),
        datasets: Some(vec![dataset()]),
        missing_datasets: Vec::new(),
        has_policies: true,
        jobs: Some(vec![job()]),
        replication: Some(vec![replica()]),
        unreadable: Vec::new(),
    }
}

/// The problems once something is changed.
pub fn problems(change: impl FnOnce(&mut Facts)) -> Vec<Problem> {
    let mut facts = facts();
    change(&mut facts);
    judge(&facts, &LIMITS, &Part::ALL)
}

pub fn status(change: impl FnOnce(&mut Facts)) -> Status {
    let mut facts = facts();
    change(&mut facts);
    Status::new("nas".to_owned(), facts, &LIMITS, &Part::ALL)
}
