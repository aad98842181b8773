use super::{Severity, Verdict, judge};
use crate::model::bookmark_name::TargetTag;
use crate::plan::period::Interval;
use crate::status::model::{Confirmed, Facts, Part, PoolState, Role, ScanFunction, ScanState, Unreadable};
use crate::status::sample::{DAY, HOUR, LIMITS, ago, dataset, facts, pool, problems};

/// Severity, check, subject and message of each.
fn told(change: impl FnOnce(&mut Facts)) -> Vec<(Severity, &'static str, String, String)> {
    problems(change).into_iter().map(|it| (it.severity, it.check, it.subject, it.message)).collect()
}

fn one(change: impl FnOnce(&mut Facts)) -> (Severity, &'static str) {
    let told = told(change);
    assert_eq!(told.len(), 1, "{told:?}");
    (told[0].0, told[0].1)
}

fn first_pool(facts: &mut Facts) -> &mut crate::status::model::Pool {
    &mut facts.pools.as_mut().unwrap()[0]
}

fn first_dataset(facts: &mut Facts) -> &mut crate::status::model::Dataset {
    &mut facts.datasets.as_mut().unwrap()[0]
}

#[test]
fn all_is_well() {
    assert_eq!(told(|_| {}), []);
    assert_eq!(Verdict::of(&[]), Verdict::Ok);
}

#[test]
fn states_of_pools() {
    use Severity::{Critical, Warning};
    for (word, check) in
        [("DEGRADED", "pool_state"), ("FAULTED", "pool_state"), ("UNAVAIL", "pool_state"), ("SPLIT", "pool_state")]
    {
        assert_eq!(one(|facts| first_pool(facts).state = PoolState::from_word(word)), (Critical, check), "{word}");
    }
    // Of a suspended pool nothing else is known, and that is said.
    let suspended = told(|facts| {
        *first_pool(facts) = crate::status::model::Pool { state: PoolState::Suspended, status: None, ..pool() };
        facts.datasets = Some(Vec::new());
    });
    let checks: Vec<_> = suspended.iter().map(|(severity, check, ..)| (*severity, *check)).collect();
    assert_eq!(checks, [(Critical, "pool_state"), (Severity::Unknown, "snapshots_unknown")]);
    assert_eq!(one(|facts| facts.missing_pools = vec!["vault".to_owned()]), (Critical, "pool_missing"));
    let device = |change: fn(&mut crate::status::model::Vdev)| {
        one(|facts| change(&mut first_pool(facts).status.as_mut().unwrap().vdevs[1]))
    };
    assert_eq!(device(|vdev| vdev.state = "FAULTED".to_owned()), (Warning, "vdev_unhealthy"));
    assert_eq!(device(|vdev| vdev.checksum_errors = Some(3)), (Warning, "vdev_errors"));
    assert_eq!(
        one(|facts| first_pool(facts).status.as_mut().unwrap().data_errors = Some(1)),
        (Critical, "data_errors")
    );
    assert_eq!(one(|facts| first_pool(facts).properties.capacity_percent = Some(85)), (Warning, "pool_filling_up"));
    assert_eq!(one(|facts| first_pool(facts).properties.capacity_percent = Some(95)), (Critical, "pool_filling_up"));
    assert_eq!(one(|facts| first_dataset(facts).space.quota_bytes = Some(1_100)), (Warning, "quota_nearly_reached"));
    assert_eq!(one(|facts| first_dataset(facts).key_loaded = Some(false)), (Severity::Info, "key_not_loaded"));
}

#[test]
fn a_scrub_is_overdue_however_that_is_known() {
    let overdue = (Severity::Warning, "scrub_overdue");
    let scan = |change: fn(&mut crate::status::model::Scan)| {
        problems(|facts| change(first_pool(facts).status.as_mut().unwrap().scan.as_mut().unwrap())).len()
    };
    assert_eq!(scan(|scan| scan.finished_at = ago(39 * DAY)), 0);
    assert_eq!(scan(|scan| scan.finished_at = ago(41 * DAY)), 1);
    let running = |scan: &mut crate::status::model::Scan| {
        scan.state = ScanState::Running;
        (scan.started_at, scan.finished_at) = (ago(50 * DAY), None);
    };
    assert_eq!(scan(running), 0);
    assert_eq!(one(|facts| first_pool(facts).status.as_mut().unwrap().scan = None), overdue);
    let resilvered = |facts: &mut Facts| {
        let scan = first_pool(facts).status.as_mut().unwrap().scan.as_mut().unwrap();
        (scan.function, scan.finished_at) = (ScanFunction::Resilver, ago(41 * DAY));
    };
    assert_eq!(one(resilvered), overdue);
    let young = |facts: &mut Facts| {
        first_pool(facts).status.as_mut().unwrap().scan = None;
        first_pool(facts).created_at = ago(DAY);
    };
    assert_eq!(told(young), []);
}

#[test]
fn stopped_snapshots_are_critical_by_age_alone() {
    let stop = |facts: &mut Facts| {
        let snapshots = first_dataset(facts).snapshots.as_mut().unwrap();
        let hourly = snapshots.intervals.get_mut(&Interval::Hourly).unwrap();
        hourly.overdue = true;
        hourly.newest.as_mut().unwrap().created_at = ago(130 * DAY);
    };
    let [(severity, check, subject, message)] = &told(stop)[..] else { panic!("one problem") };
    assert_eq!((*severity, *check, subject.as_str()), (Severity::Critical, "snapshot_overdue", "tank/data"));
    assert_eq!(message, "its newest hourly snapshot is 4 months old (@h24), at most 2 h is allowed");
    let daily = |facts: &mut Facts| {
        first_dataset(facts).snapshots.as_mut().unwrap().intervals.get_mut(&Interval::Daily).unwrap().overdue = true;
    };
    assert_eq!(one(daily), (Severity::Warning, "snapshot_overdue"));
    let many = |facts: &mut Facts| {
        first_dataset(facts).snapshots.as_mut().unwrap().intervals.get_mut(&Interval::Hourly).unwrap().kept = 59;
    };
    assert_eq!(one(many), (Severity::Warning, "snapshots_piling_up"));
    assert_eq!(
        one(|facts| facts.missing_datasets = vec!["tank/x".to_owned()]),
        (Severity::Critical, "dataset_missing")
    );
    assert_eq!(one(|facts| first_pool(facts).unmanaged = vec!["tank/x".to_owned()]), (Severity::Info, "unmanaged"));
}

#[test]
fn jobs_and_replicas() {
    let job = |change: fn(&mut crate::status::model::Job)| one(|facts| change(&mut facts.jobs.as_mut().unwrap()[0]));
    assert_eq!(job(|job| job.overdue = true), (Severity::Critical, "job_overdue"));
    assert_eq!(job(|job| job.last_run.as_mut().unwrap().failed = true), (Severity::Warning, "job_failed"));
    assert_eq!(job(|job| job.timer_active = Some(false)), (Severity::Warning, "job_timer_inactive"));
    let replica = |change: fn(&mut crate::status::model::Replica)| {
        one(|facts| change(&mut facts.replication.as_mut().unwrap()[0]))
    };
    assert_eq!(replica(|replica| replica.overdue = true), (Severity::Critical, "replica_overdue"));
    assert_eq!(replica(|replica| replica.status = "failed".to_owned()), (Severity::Warning, "replica_failed"));
    assert_eq!(
        replica(|replica| replica.status = "no_snapshots".to_owned()),
        (Severity::Warning, "replica_without_snapshots")
    );
    let confirmed = |is_newest: bool| {
        told(|facts| {
            let (target_id, bookmark) = (TargetTag::new(1, "vault"), "b".to_owned());
            first_dataset(facts).confirmed =
                vec![Confirmed { target_id, bookmark, created_at: ago(4 * DAY), is_newest }];
        })
    };
    assert_eq!(confirmed(false)[0].1, "target_silent");
    assert_eq!(confirmed(true), []);
}

#[test]
fn what_is_not_known_is_never_fine() {
    let unreadable = |part: Part| Unreadable {
        part,
        subject: "pool tank".to_owned(),
        message: "no".to_owned(),
        advice: "x".to_owned(),
    };
    for part in Part::ALL {
        let found = problems(|facts| facts.unreadable = vec![unreadable(part)]);
        assert_eq!((found.len(), Verdict::of(&found)), (1, Verdict::Unknown), "{part:?}");
    }
    // Each check that hangs on it says so, even if it is asked alone.
    let mut facts = facts();
    facts.unreadable = vec![unreadable(Part::Pools)];
    for (part, verdict) in
        [(Part::Scrub, Verdict::Unknown), (Part::Replication, Verdict::Unknown), (Part::Jobs, Verdict::Ok)]
    {
        assert_eq!(Verdict::of(&judge(&facts, &LIMITS, &[part])), verdict, "{part:?}");
    }
    let critical = problems(|facts| {
        facts.unreadable = vec![unreadable(Part::Jobs)];
        facts.missing_pools = vec!["x".to_owned()];
    });
    assert_eq!(Verdict::of(&critical), Verdict::Critical);
}

#[test]
fn who_looks_at_nothing_does_not_say_that_all_is_well() {
    let nothing = |facts: &mut Facts| {
        facts.pools = Some(Vec::new());
        facts.datasets = Some(Vec::new());
        facts.jobs = Some(Vec::new());
        facts.replication = Some(Vec::new());
        facts.has_policies = false;
    };
    assert_eq!(one(nothing), (Severity::Unknown, "nothing_monitored"));
    let mut no_policy = facts();
    no_policy.has_policies = false;
    assert_eq!(Verdict::of(&judge(&no_policy, &LIMITS, &[Part::Snapshots])), Verdict::Unknown);
    assert_eq!(Verdict::of(&judge(&no_policy, &LIMITS, &[Part::Pools])), Verdict::Ok);
}

#[test]
fn the_worst_comes_first() {
    let found = problems(|facts| {
        first_pool(facts).unmanaged = vec!["tank/x".to_owned()];
        first_pool(facts).properties.capacity_percent = Some(90);
        facts.jobs.as_mut().unwrap()[0].overdue = true;
        let mut other = dataset();
        (other.role, other.snapshots) = (Role::None, None);
        facts.datasets.as_mut().unwrap().push(other);
    });
    let severities: Vec<_> = found.iter().map(|problem| problem.severity).collect();
    assert_eq!(severities, [Severity::Critical, Severity::Warning, Severity::Info]);
    assert_eq!(found[0].since, ago(HOUR));
}
