use super::{Topics, messages};
use crate::status::model::{Facts, Job, LastRun, Part, Unreadable};
use crate::status::sample::{HOUR, NOW, ago, dataset, job, status};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn topics() -> Topics {
    Topics {
        prefix: "home/zfs".to_owned(),
        discovery: Some("homeassistant".to_owned()),
        host: "my.nas-1".to_owned(),
        expire_after: 900,
        by_server: false,
    }
}

fn said_by(topics: &Topics, change: impl FnOnce(&mut Facts)) -> BTreeMap<String, Value> {
    messages(&status(change), topics).into_iter().collect()
}

fn said(change: impl FnOnce(&mut Facts)) -> BTreeMap<String, Value> {
    said_by(&topics(), change)
}

#[test]
fn cards_get_the_fields_that_they_know() {
    let said = said(|_| {});
    let counts = json!({"frequently": 0, "hourly": 24, "daily": 3, "weekly": 0, "monthly": 0, "yearly": 0});
    let retention = json!({"frequently": 0, "hourly": 24, "daily": 14, "weekly": 0, "monthly": 0, "yearly": 0});
    let checked_at = ago(0).unwrap().to_string();
    assert_eq!(
        said["home/zfs/my.nas-1/snapshots"],
        json!({
            "ok": true, "problems": [], "stale": [], "healthy": ["tank/data"],
            "datasets": [{
                "dataset": "tank/data", "policy": "high", "counts": counts, "retention": retention, "newest_at": ago(600),
            }],
            "host": "my.nas-1", "server": "my.nas-1", "checked_at": checked_at,
        })
    );
    assert_eq!(
        said["home/zfs/nas/backups"],
        json!({
            "ok": true, "problems": [], "missing_datasets": [], "stale_datasets": [], "healthy_datasets": ["tank/data"],
            "pulled_at": ago(HOUR), "last_success_at": ago(HOUR), "failure": null,
            "host": "nas", "server": "my.nas-1", "checked_at": checked_at,
        })
    );
    assert_eq!(
        (&said["home/zfs/my.nas-1/status"]["ok"], &said["home/zfs/my.nas-1/status"]["verdict"]),
        (&json!(true), &json!("ok"))
    );
    assert_eq!(said["home/zfs/my.nas-1/availability"], "online");
}

#[test]
fn home_assistant_believes_nothing_that_is_old() {
    let config = &said(|_| {})["homeassistant/binary_sensor/zfs_snapshots_my_nas_1/config"];
    assert_eq!(
        (&config["device_class"], &config["expire_after"], &config["unique_id"]),
        (&json!("safety"), &json!(900), &json!("zfs_snapshots_my_nas_1"))
    );
    assert_eq!(
        (&config["state_topic"], &config["json_attributes_topic"]),
        (&json!("home/zfs/my.nas-1/snapshots"), &json!("home/zfs/my.nas-1/snapshots"))
    );
    let template =
        "{{ 'OFF' if value_json.ok and as_timestamp(now()) - as_timestamp(value_json.checked_at, 0) < 900 else 'ON' }}";
    assert_eq!(config["value_template"], template);
    let of_client = &said(|_| {})["homeassistant/binary_sensor/zfs_backups_nas/config"];
    assert_eq!(of_client["device"]["identifiers"], json!(["ferro_zfs_nas"]));
    assert_eq!(of_client["availability_topic"], "home/zfs/my.nas-1/availability");
    let plain = said_by(&Topics { discovery: None, ..topics() }, |_| {});
    assert!(plain.keys().all(|topic| topic.starts_with("home/zfs/")), "{plain:?}");
}

#[test]
fn two_servers_of_a_client_do_not_speak_for_each_other() {
    let said = said_by(&Topics { by_server: true, ..topics() }, |_| {});
    assert!(said.contains_key("home/zfs/nas/backups/my.nas-1") && !said.contains_key("home/zfs/nas/backups"));
    assert!(said.contains_key("homeassistant/binary_sensor/zfs_backups_nas_my_nas_1/config"));
    assert!(said.contains_key("home/zfs/my.nas-1/snapshots"), "of itself there is only one");
}

#[test]
fn a_pull_that_failed_or_never_ran_is_not_ok() {
    let failed = LastRun { failed: true, message: Some("no route".to_owned()), ..job().last_run.unwrap() };
    let said_failed = said(|facts| facts.jobs = Some(vec![Job { last_run: Some(failed), ..job() }]));
    let of = &said_failed["home/zfs/nas/backups"];
    assert_eq!((&of["ok"], &of["failure"]), (&json!(false), &json!("no route")));
    assert_eq!(said_failed["home/zfs/my.nas-1/snapshots"]["ok"], true);
    let never = said(|facts| {
        facts.jobs = Some(vec![Job { last_run: None, last_success_at: None, overdue: true, ..job() }]);
        let replicas = facts.replication.as_mut().unwrap();
        (replicas[0].newest, replicas[0].overdue) = (None, true);
    });
    let of = &never["home/zfs/nas/backups"];
    assert_eq!(
        (&of["ok"], &of["pulled_at"], &of["missing_datasets"]),
        (&json!(false), &Value::Null, &json!(["tank/data"]))
    );
    let stale = said(|facts| facts.replication.as_mut().unwrap()[0].overdue = true);
    assert_eq!(
        (&stale["home/zfs/nas/backups"]["ok"], &stale["home/zfs/nas/backups"]["stale_datasets"]),
        (&json!(false), &json!(["tank/data"]))
    );
}

#[test]
fn what_could_not_be_read_is_not_ok() {
    let unreadable = |part: Part| Unreadable {
        part,
        subject: "pool tank".to_owned(),
        message: "no".to_owned(),
        advice: "x".to_owned(),
    };
    let of_snapshots = said(|facts| {
        facts.datasets = None;
        facts.unreadable = vec![unreadable(Part::Snapshots)];
    });
    assert_eq!(of_snapshots["home/zfs/my.nas-1/snapshots"]["ok"], false);
    assert_eq!(of_snapshots["home/zfs/my.nas-1/status"]["verdict"], "unknown");
    let of_jobs = said(|facts| facts.unreadable = vec![unreadable(Part::Jobs)]);
    assert_eq!(of_jobs["home/zfs/nas/backups"]["ok"], false);
}

#[test]
fn pushes_and_old_snapshots_are_told() {
    let mut old = dataset();
    old.snapshots.as_mut().unwrap().intervals.values_mut().next().unwrap().overdue = true;
    let said = said(|facts| {
        facts.datasets = Some(vec![old]);
        facts.jobs = Some(vec![Job { name: "push@off".to_owned(), ..job() }]);
    });
    let snapshots = &said["home/zfs/my.nas-1/snapshots"];
    assert_eq!(
        (&snapshots["ok"], &snapshots["stale"], &snapshots["healthy"]),
        (&json!(false), &json!(["tank/data"]), &json!([]))
    );
    assert_eq!(said["home/zfs/off/pushes"]["pushed_at"], json!(ago(HOUR)));
    assert_eq!(said["home/zfs/off/pushes"]["checked_at"], json!(crate::status::model::At(NOW)));
}
