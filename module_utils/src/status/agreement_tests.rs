//! The same facts as problems and as series. Kept in a file, by which tests/unit/monitoring holds the expressions of alerts.yml against the
//! checks here. `FERRO_WRITE=1 cargo test -p module_utils agreement` writes it anew.

use super::checks::Severity;
use super::metrics;
use super::model::{
    At, Confirmed, Dataset, Facts, Job, OfInterval, Part, Pool, PoolState, Replica, Role, Scan, ScanFunction,
    ScanState, Snapshots, Space, Unreadable, Vdev, Verification,
};
use super::sample::{DAY, HOUR, NOW, ago, dataset, status};
use crate::model::bookmark_name::TargetTag;
use crate::plan::period::Interval;
use serde_json::{Value, json};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/unit/monitoring/agreement.json");

type Case = (&'static str, Box<dyn Fn(&mut Facts)>);

fn case(name: &'static str, change: impl Fn(&mut Facts) + 'static) -> Case {
    (name, Box::new(change))
}

fn of_pool(name: &'static str, change: impl Fn(&mut Pool) + 'static) -> Case {
    case(name, move |facts| change(&mut facts.pools.as_mut().unwrap()[0]))
}

fn of_vdev(name: &'static str, change: impl Fn(&mut Vdev) + 'static) -> Case {
    of_pool(name, move |pool| change(&mut pool.status.as_mut().unwrap().vdevs[1]))
}

fn of_scan(name: &'static str, change: impl Fn(&mut Scan) + 'static) -> Case {
    of_pool(name, move |pool| change(pool.status.as_mut().unwrap().scan.as_mut().unwrap()))
}

fn of_dataset(name: &'static str, change: impl Fn(&mut Dataset) + 'static) -> Case {
    case(name, move |facts| change(&mut facts.datasets.as_mut().unwrap()[0]))
}

fn of_snapshots(name: &'static str, change: impl Fn(&mut Snapshots) + 'static) -> Case {
    of_dataset(name, move |dataset| change(dataset.snapshots.as_mut().unwrap()))
}

fn of_job(name: &'static str, change: impl Fn(&mut Job) + 'static) -> Case {
    case(name, move |facts| change(&mut facts.jobs.as_mut().unwrap()[0]))
}

fn of_replica(name: &'static str, change: impl Fn(&mut Replica) + 'static) -> Case {
    case(name, move |facts| change(&mut facts.replication.as_mut().unwrap()[0]))
}

/// As whoever gathers says it: both, or none.
fn late(of: &mut OfInterval, at: Option<At>) {
    (of.overdue_at, of.overdue) = (at, at.is_some_and(|at| NOW > at.0));
}

fn pools() -> Vec<Case> {
    let mut cases: Vec<Case> = ["DEGRADED", "FAULTED", "OFFLINE", "REMOVED", "UNAVAIL", "SPLIT"]
        .into_iter()
        .map(|word| of_pool(word, move |pool| pool.state = PoolState::from_word(word)))
        .collect();
    cases.extend([84, 85, 94, 95, 100].map(|percent| {
        of_pool("room", move |pool| {
            let properties = &mut pool.properties;
            properties.capacity_percent = Some(percent);
            properties.allocated_bytes = Some(percent * 10_000 + 9_999);
            properties.free_bytes = Some(990_001_u64.saturating_sub(percent * 10_000));
        })
    }));
    cases.extend([
        case("suspended", |facts| {
            let pool = &mut facts.pools.as_mut().unwrap()[0];
            (pool.state, pool.status) = (PoolState::Suspended, None);
            facts.datasets = Some(Vec::new());
        }),
        case("missing pool", |facts| facts.missing_pools = vec!["vault".to_owned()]),
        of_vdev("faulted device", |vdev| vdev.state = "FAULTED".to_owned()),
        of_vdev("spare in use", |vdev| (vdev.class, vdev.state) = ("spare", "INUSE".to_owned())),
        of_vdev("spare without counts", |vdev| {
            (vdev.read_errors, vdev.write_errors, vdev.checksum_errors) = (None, None, None);
        }),
        of_vdev("read error", |vdev| vdev.read_errors = Some(1)),
        of_vdev("write error", |vdev| (vdev.write_errors, vdev.read_errors) = (Some(2), None)),
        of_vdev("checksum error", |vdev| vdev.checksum_errors = Some(3)),
        of_pool("data errors", |pool| pool.status.as_mut().unwrap().data_errors = Some(2)),
        of_scan("scrub with errors", |scan| scan.errors = Some(4)),
        of_scan("scrub with errors so far", |scan| (scan.state, scan.errors) = (ScanState::Running, Some(4))),
        of_pool("no policy for two", |pool| pool.unmanaged = vec!["tank/x".to_owned(), "tank/y".to_owned()]),
        case("no policy at all", |facts| {
            facts.pools.as_mut().unwrap()[0].unmanaged = vec!["tank".to_owned(), "tank/data".to_owned()];
            let dataset = &mut facts.datasets.as_mut().unwrap()[0];
            (dataset.policy, dataset.declared, dataset.role, dataset.snapshots) = (None, false, Role::None, None);
            facts.has_policies = false;
        }),
    ]);
    cases
}

fn scrubs() -> Vec<Case> {
    vec![
        of_scan("scrubbed 39 days ago", |scan| scan.finished_at = ago(39 * DAY)),
        of_scan("scrubbed 41 days ago", |scan| scan.finished_at = ago(41 * DAY)),
        of_scan("resilvered 41 days ago", |scan| {
            (scan.function, scan.finished_at) = (ScanFunction::Resilver, ago(41 * DAY));
        }),
        of_scan("scrub runs", |scan| {
            (scan.state, scan.started_at, scan.finished_at) = (ScanState::Running, ago(50 * DAY), None);
        }),
        of_scan("scrub paused", |scan| {
            (scan.state, scan.started_at, scan.finished_at) = (ScanState::Paused, ago(50 * DAY), None);
        }),
        of_scan("scrub canceled", |scan| {
            (scan.state, scan.finished_at) = (ScanState::Canceled, ago(50 * DAY));
        }),
        of_pool("never scrubbed", |pool| pool.status.as_mut().unwrap().scan = None),
        of_pool("never scrubbed, and young", |pool| {
            pool.status.as_mut().unwrap().scan = None;
            pool.created_at = ago(DAY);
        }),
    ]
}

fn datasets() -> Vec<Case> {
    let quota = |quota: u64| of_dataset("quota", move |dataset| dataset.space.quota_bytes = Some(quota));
    let confirmed = |name: &'static str, created_at: Option<At>, is_newest: bool| {
        of_dataset(name, move |dataset| {
            let (target_id, bookmark) = (TargetTag::new(1, "vault"), "b".to_owned());
            dataset.confirmed = vec![Confirmed { target_id, bookmark, created_at, is_newest }];
        })
    };
    let locked = |name: &'static str, role: Role| {
        of_dataset(name, move |dataset| {
            (dataset.encryption, dataset.key_loaded, dataset.role) =
                (Some("aes-256-gcm".to_owned()), Some(false), role);
            dataset.snapshots = None;
        })
    };
    vec![
        quota(1_112),
        quota(1_111),
        locked("locked", Role::None),
        locked("locked source", Role::Source),
        locked("locked replica", Role::Replica),
        confirmed("target is silent", ago(4 * DAY), false),
        confirmed("target has all", ago(4 * DAY), true),
        confirmed("target was heard of", ago(2 * DAY), false),
        confirmed("target has something", None, false),
        case("missing dataset", |facts| facts.missing_datasets = vec!["tank/gone".to_owned()]),
    ]
}

fn snapshots() -> Vec<Case> {
    let late_of = |name: &'static str, intervals: &'static [Interval], at: Option<At>| {
        of_snapshots(name, move |snapshots| {
            for interval in intervals {
                late(snapshots.intervals.get_mut(interval).unwrap(), at);
            }
        })
    };
    let kept = |name: &'static str, role: Role, kept: u64| {
        of_dataset(name, move |dataset| {
            dataset.role = role;
            dataset.snapshots.as_mut().unwrap().intervals.get_mut(&Interval::Daily).unwrap().kept = kept;
        })
    };
    vec![
        late_of("hourly overdue", &[Interval::Hourly], ago(1)),
        late_of("hourly due just now", &[Interval::Hourly], ago(0)),
        late_of("daily overdue", &[Interval::Daily], ago(HOUR)),
        late_of("all overdue", &[Interval::Hourly, Interval::Daily], ago(130 * DAY)),
        late_of("nobody knows since when", &[Interval::Hourly], Some(At::EVER)),
        of_snapshots("nothing was written", |snapshots| {
            let hourly = snapshots.intervals.get_mut(&Interval::Hourly).unwrap();
            hourly.newest.as_mut().unwrap().created_at = ago(130 * DAY);
            late(hourly, None);
        }),
        kept("as many as are borne", Role::Source, 38),
        kept("too many of a source", Role::Source, 39),
        kept("too many of a replica", Role::Replica, 39),
        kept("too many of nobody's", Role::None, 39),
        of_snapshots("too many in the pool", |snapshots| {
            (snapshots.other, snapshots.total) = (19_974, 20_001);
        }),
    ]
}

fn jobs() -> Vec<Case> {
    let overdue = |name: &'static str, at: Option<At>| {
        of_job(name, move |job| (job.overdue_at, job.overdue) = (at, at.is_some_and(|at| NOW > at.0)))
    };
    vec![
        overdue("job overdue", ago(60)),
        overdue("nobody knows when the job was set up", Some(At::EVER)),
        of_job("job that never ran, set up just now", |job| (job.last_run, job.last_success_at) = (None, None)),
        of_job("result of a job that is gone", |job| {
            (job.declared, job.declared_at, job.overdue_at, job.overdue) = (false, None, None, false);
            (job.last_success_at, job.timer_active) = (ago(100 * DAY), Some(false));
        }),
        of_job("job failed", |job| job.last_run.as_mut().unwrap().failed = true),
        of_job("timer inactive", |job| job.timer_active = Some(false)),
        of_job("nobody knows of a timer", |job| job.timer_active = None),
    ]
}

fn replicas() -> Vec<Case> {
    let overdue = |name: &'static str, at: Option<At>| {
        of_replica(name, move |replica| {
            (replica.overdue_at, replica.overdue) = (at, at.is_some_and(|at| NOW > at.0));
        })
    };
    let ended = |word: &'static str| of_replica(word, move |replica| replica.status = word.to_owned());
    let verified = |name: &'static str, status: &'static str| {
        of_replica(name, move |replica| {
            let verified_at = ago(2 * DAY);
            replica.verification = Some(Verification {
                status: status.to_owned(),
                error: None,
                last_run_at: ago(HOUR),
                verified_at,
                verified_snapshot: Some("a".to_owned()),
            });
        })
    };
    vec![
        overdue("replica overdue", ago(60)),
        overdue("replica of what has nothing newer", None),
        ended("failed"),
        ended("skipped"),
        ended("vanished"),
        ended("never"),
        of_replica("no snapshots", |replica| {
            (replica.status, replica.newest, replica.overdue_at) = ("no_snapshots".to_owned(), None, None);
        }),
        verified("verified", "verified"),
        verified("it differs", "differs"),
        verified("it cannot be read", "unreadable"),
        verified("it cannot be compared", "not_comparable"),
        verified("the source did not answer", "failed"),
        of_replica("to another host", |replica| {
            (replica.source_host, replica.target_host) = (None, Some("backup@offsite".to_owned()));
            (replica.status, replica.overdue_at, replica.overdue) = ("failed".to_owned(), ago(60), true);
        }),
    ]
}

fn unknown() -> Vec<Case> {
    let unreadable = |part: Part| Unreadable {
        part,
        subject: "pool tank".to_owned(),
        message: "no".to_owned(),
        advice: "x".to_owned(),
    };
    let nothing = |facts: &mut Facts| {
        (facts.pools, facts.datasets) = (Some(Vec::new()), Some(Vec::new()));
        (facts.jobs, facts.replication) = (Some(Vec::new()), Some(Vec::new()));
        facts.has_policies = false;
    };
    let mut cases: Vec<Case> =
        Part::ALL.map(|part| case("unreadable", move |facts| facts.unreadable = vec![unreadable(part)])).into();
    cases.push(case("nothing", nothing));
    cases.push(case("nothing that can be read", move |facts| {
        nothing(facts);
        facts.unreadable = vec![unreadable(Part::Pools)];
    }));
    cases
}

/// Each has its series.
fn sizes() -> Space {
    let all = Some(1_000);
    Space {
        used_bytes: all,
        available_bytes: all,
        referenced_bytes: all,
        logical_used_bytes: all,
        used_by_dataset_bytes: all,
        used_by_snapshots_bytes: all,
        written_bytes: all,
        quota_bytes: Some(10_000),
        volume_size_bytes: all,
        compression_ratio: Some(1.5),
    }
}

/// Samples, without what explains them.
fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

/// What a case changes: problems, and series that are there more or not any more.
fn told((name, change): &Case, well: &[&str]) -> Value {
    let status = status(|facts| change(facts));
    let text = metrics::text(&status);
    let now = samples(&text);
    let problem =
        |it: &super::checks::Problem| json!({"check": it.check, "severity": it.severity, "subject": it.subject});
    json!({
        "case": name,
        "problems": status.problems.iter().map(problem).collect::<Vec<_>>(),
        "added": now.iter().filter(|line| !well.contains(line)).collect::<Vec<_>>(),
        "removed": well.iter().filter(|line| !now.contains(line)).collect::<Vec<_>>(),
    })
}

#[test]
fn agreement_with_alerts() {
    let text = metrics::text(&status(|_| {}));
    let well = samples(&text);
    let cases: Vec<Case> =
        [pools(), scrubs(), datasets(), snapshots(), jobs(), replicas(), unknown()].into_iter().flatten().collect();
    let full = metrics::text(&status(|facts| {
        let scan = facts.pools.as_mut().unwrap()[0].status.as_mut().unwrap().scan.as_mut().unwrap();
        (scan.examined_bytes, scan.total_bytes) = (Some(1), Some(2));
        let shown = ["missing pool", "missing dataset", "locked source", "target is silent", "it differs"];
        cases.iter().filter(|(name, _)| shown.contains(name)).for_each(|(_, change)| change(facts));
        facts.datasets.as_mut().unwrap()[0].space = sizes();
        facts.datasets.as_mut().unwrap().push(Dataset { name: "tank/more".to_owned(), ..dataset() });
    }));
    let kept = json!({
        "now": NOW,
        "text": full.lines().collect::<Vec<_>>(),
        "well": well,
        "cases": cases.iter().map(|case| told(case, &well)).collect::<Vec<_>>(),
    });
    let kept = serde_json::to_string_pretty(&kept).unwrap() + "\n";
    if std::env::var_os("FERRO_WRITE").is_some() {
        std::fs::write(KEPT, &kept).unwrap();
    }
    let before = std::fs::read_to_string(KEPT).unwrap_or_default();
    assert!(before == kept, "{KEPT} is of other checks or series: FERRO_WRITE=1 cargo test -p module_utils agreement");
    let info = json!(Severity::Info);
    assert_eq!(info, "info", "the words of severities are those of alerts.yml");
}
