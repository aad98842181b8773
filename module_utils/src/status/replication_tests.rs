#![allow(clippy::needless_pass_by_value, reason = "what json! makes is handed on")]

use super::{Course, Evidence, Here, questions, replicas};
use crate::model::bookmark_name::{BookmarkName, TargetTag};
use crate::plan::period::Interval;
use crate::status::jobs::{Known, ReplicateOptions};
use crate::status::model::{Confirmed, Dataset, Job, OfInterval, Replica, Role, Snapshots};
use crate::status::sample::{DAY, HOUR, NOW, ago, dataset, job, snapshot};
use crate::status::snapshots::Times;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn options(more: Value) -> ReplicateOptions {
    let mut all = json!({"source": ["tank"], "target": "vault/nas"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

fn known(datasets: Value) -> Known {
    let result = json!({"finished": NOW - HOUR, "last_success": NOW - HOUR, "datasets": datasets});
    Known { result: result.as_object().cloned(), ..Known::default() }
}

/// A dataset whose newest snapshot, an hourly one, was taken so long ago; none if it has none.
fn here(name: &str, role: Role, seconds: Option<i64>) -> Dataset {
    let newest = seconds.map(|seconds| snapshot("newest", seconds));
    let hourly = OfInterval { kept: 1, newest: newest.clone(), ..OfInterval::default() };
    let intervals =
        if newest.is_some() { BTreeMap::from([(Interval::Hourly, Box::new(hourly))]) } else { BTreeMap::new() };
    let snapshots = Some(Snapshots { total: u64::from(newest.is_some()), other: 0, newest, intervals });
    let pool = name.split('/').next().unwrap().to_owned();
    Dataset { name: name.to_owned(), pool, role, policy: None, snapshots, ..dataset() }
}

fn found(options: ReplicateOptions, known: &Known, all: &[Dataset], times: &Times, job: &Job) -> Vec<Replica> {
    let here: Here<'_> = all.iter().map(|dataset| (dataset.name.as_str(), dataset)).collect();
    replicas(
        &Course::new(options).unwrap(),
        &Evidence { job, known, here: &here, times: &[times], frequently_minutes: 15, now: NOW },
    )
}

fn short(replica: &Replica) -> (&str, &str, &str, bool) {
    (&replica.source, &replica.target, &replica.status, replica.overdue)
}

#[test]
fn a_pull_is_judged_by_what_has_arrived_here() {
    let all = [
        here("vault", Role::None, None),
        here("vault/nas/tank", Role::Replica, Some(2 * HOUR)),
        here("vault/nas/tank/old", Role::Replica, Some(130 * DAY)),
        here("vault/nas/tank/out/x", Role::Replica, Some(130 * DAY)),
        here("vault/other", Role::Replica, Some(130 * DAY)),
    ];
    let report = json!([
        {"source": "tank", "target": "vault/nas/tank", "status": "ok", "action": "incremental", "to": "newest", "bytes": 7},
        {"source": "tank/gone", "target": "vault/nas/tank/gone", "status": "vanished"},
    ]);
    let replicas = found(
        options(json!({"source_host": "nas", "exclude": ["tank/out"]})),
        &known(report),
        &all,
        &Times::new(),
        &job(),
    );
    // The child is found although the last run does not speak of it, as after one that failed to connect.
    let expected = [("tank", "vault/nas/tank", "ok", false), ("tank/old", "vault/nas/tank/old", "never", true)];
    assert_eq!(replicas.iter().map(short).collect::<Vec<_>>(), expected);
    // Of the job, and an hour for the finest interval.
    assert_eq!(replicas[0].max_age_seconds, 15_000 + 3_600);
    assert_eq!((replicas[0].direction, replicas[0].last_bytes), ("pull", Some(7)));
}

#[test]
fn what_is_not_replicated_is_not_missed() {
    let all = [
        here("tank", Role::Source, Some(60)),
        here("tank/off", Role::Source, Some(60)),
        here("tank/on", Role::Source, Some(60)),
        here("tank/out", Role::Source, Some(60)),
        here("tank/out/named", Role::Source, Some(60)),
    ];
    let mut known = known(json!([{"source": "tank/on", "target": "vault/nas/tank/on", "status": "failed"}]));
    let off = json!([{"source": "tank/off", "property": "ferro.zfs:replicate", "value": "off"}, {"source": "tank/on"}]);
    known.result.as_mut().unwrap().insert("left_out".into(), off);
    let options = options(json!({
        "source": ["tank", "tank/out/named"], "target_host": "off", "children_only": true, "exclude": ["tank/out"]
    }));
    let replicas = found(options, &known, &all, &Times::new(), &job());
    // What was tried nevertheless is told.
    assert_eq!(replicas.iter().map(|one| one.source.as_str()).collect::<Vec<_>>(), ["tank/on", "tank/out/named"]);
    let options = ReplicateOptions { children_only: false, ..self::options(json!({"target_host": "off"})) };
    let named = ReplicateOptions {
        source: vec!["tank".into(), "tank/out/named".into()],
        exclude: vec!["tank/out".into()],
        ..options
    };
    let replicas = found(named, &known, &all, &Times::new(), &job());
    assert_eq!(
        replicas.iter().map(|one| one.source.as_str()).collect::<Vec<_>>(),
        ["tank", "tank/on", "tank/out/named"]
    );
}

#[test]
fn what_is_declared_has_a_line_from_the_first_moment() {
    let all = [here("vault", Role::None, None)];
    let fresh = Job { declared_at: ago(60), last_success_at: None, last_run: None, ..job() };
    let of = |job: &Job| found(options(json!({"source_host": "nas"})), &Known::default(), &all, &Times::new(), job);
    assert_eq!(of(&fresh).iter().map(short).collect::<Vec<_>>(), [("tank", "vault/nas/tank", "never", false)]);
    // The job says that all is well, and nothing has ever arrived.
    let late = Job { declared_at: ago(30 * DAY), ..job() };
    assert!(of(&late)[0].overdue && of(&late)[0].newest.is_none());
}

#[test]
fn a_push_is_judged_by_what_its_source_has() {
    let options = || options(json!({"target_host": "off", "strip_prefix": "tank"}));
    let report = |to: &str, status: &str| json!([{"source": "tank", "target": "vault/nas", "status": status, "action": "up_to_date", "to": to}]);
    let course = Course::new(options()).unwrap();
    assert_eq!(questions(&course, &known(report("@newest", "ok"))), ["tank@newest"]);
    let times = |seconds: i64| {
        Times::from([
            ("tank@newest".to_owned(), ago(seconds).unwrap()),
            ("tank@older".to_owned(), ago(seconds).unwrap()),
        ])
    };
    let of = |source: Dataset, to: &str, status: &str, seconds: i64| {
        found(options(), &known(report(to, status)), &[source], &times(seconds), &job()).remove(0)
    };
    let source = |seconds: i64| here("tank", Role::Source, Some(seconds));
    // There is nothing newer that could be sent.
    let same = of(source(30 * DAY), "newest", "ok", 30 * DAY);
    assert_eq!((same.up_to_date, same.overdue), (true, false));
    let behind = of(source(60), "older", "failed", 30 * DAY);
    assert_eq!((behind.up_to_date, behind.overdue, behind.newest.unwrap().name.as_str()), (false, true, "older"));
    assert!(!of(source(60), "older", "failed", 2 * HOUR).overdue);
}

#[test]
fn a_push_is_judged_by_what_its_job_has_asked_where_the_source_has_pruned_it() {
    let options = || options(json!({"target_host": "off"}));
    let created = ago(2 * HOUR).unwrap().to_string();
    let report = json!([{"source": "tank", "target": "vault/nas/tank", "status": "ok", "to": "gone", "to_created": created, "to_guid": "42"}]);
    let all = [here("tank", Role::Source, Some(60))];
    let replica = found(options(), &known(report.clone()), &all, &Times::new(), &job()).remove(0);
    let newest = replica.newest.unwrap();
    assert_eq!((newest.created_at, newest.guid.as_str()), (ago(2 * HOUR), "42"));
    // Nothing that is known is asked for again.
    assert!(questions(&Course::new(options()).unwrap(), &known(report)).is_empty());
}

#[test]
fn a_push_whose_result_is_lost_is_known_by_its_bookmark() {
    let mut source = here("tank", Role::Source, Some(60));
    let bookmark = |place: &str| BookmarkName { target: TargetTag::new(7, place), snapshot: 255 };
    let confirmed = |place: &str, seconds: i64| Confirmed {
        target_id: bookmark(place).target,
        bookmark: bookmark(place).to_string(),
        created_at: ago(seconds),
        is_newest: false,
    };
    source.confirmed = vec![confirmed("vault/nas/tank", 2 * HOUR), confirmed("elsewhere", 60)];
    let replicas = found(options(json!({"target_host": "off"})), &Known::default(), &[source], &Times::new(), &job());
    let newest = replicas[0].newest.as_ref().unwrap();
    assert_eq!((newest.created_at, newest.guid.as_str(), replicas[0].overdue), (ago(2 * HOUR), "255", false));
}

#[test]
fn what_has_no_snapshots_is_told_so() {
    let report =
        json!([{"source": "tank", "target": "vault/nas/tank", "status": "ok", "action": "no_snapshots", "to": null}]);
    let all = [here("vault", Role::None, None)];
    let replicas = found(options(json!({"source_host": "nas"})), &known(report), &all, &Times::new(), &job());
    assert_eq!(short(&replicas[0]), ("tank", "vault/nas/tank", "no_snapshots", false));
}

#[test]
fn neither_side_is_here() {
    let options = || options(json!({"source_host": "nas", "target_host": "off"}));
    let report = json!([{"source": "tank", "target": "vault/nas/tank", "status": "ok", "to": "x", "to_created": ago(2 * HOUR).unwrap().to_string()}]);
    let replicas = found(options(), &known(report), &[], &Times::new(), &job());
    assert_eq!((replicas[0].direction, replicas[0].newest.as_ref().unwrap().created_at), ("relay", ago(2 * HOUR)));
    assert!(questions(&Course::new(options()).unwrap(), &Known::default()).is_empty());
}
