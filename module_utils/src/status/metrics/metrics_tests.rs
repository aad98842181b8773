use super::text;
use crate::plan::period::Interval;
use crate::status::sample::{NOW, dataset, status};
use std::collections::HashSet;

#[test]
fn the_format_is_that_of_prometheus() {
    let text = text(&status(|facts| facts.pools.as_mut().unwrap()[0].name = "a\"b\\".to_owned()));
    let (mut families, mut series) = (HashSet::new(), HashSet::new());
    let mut current = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            current = help.split(' ').next().unwrap().to_owned();
            assert!(families.insert(current.clone()), "{current} twice");
            assert!(help.len() > current.len() + 1, "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let word = if current.ends_with("_total") { "counter" } else { "gauge" };
            assert_eq!(kind, format!("{current} {word}"));
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert_eq!(name.split('{').next().unwrap(), current, "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(series.insert(name.to_owned()), "{name} twice");
        }
    }
    assert!(text.contains("zfs_pool_state{pool=\"a\\\"b\\\\\",state=\"online\"} 1\n"), "{text}");
    for name in ["zfs_pool_health", "zfs_snapshot_count"] {
        assert!(!families.contains(name), "users of two exporters give {name} opposite meanings");
    }
}

#[test]
fn times_and_never_and_unknown() {
    let text = text(&status(|facts| {
        let snapshots = facts.datasets.as_mut().unwrap()[0].snapshots.as_mut().unwrap();
        snapshots.intervals.get_mut(&Interval::Daily).unwrap().newest = None;
        snapshots.intervals.get_mut(&Interval::Hourly).unwrap().oldest.as_mut().unwrap().created_at = None;
        facts.replication.as_mut().unwrap()[0].newest = None;
        facts.jobs.as_mut().unwrap()[0].last_run = None;
        facts.jobs.as_mut().unwrap()[0].last_success_at = None;
    }));
    let value = |series: &str| text.lines().find_map(|line| line.strip_prefix(series)).map(str::trim);
    let labels =
        |interval: &str| format!("{{pool=\"tank\",dataset=\"tank/data\",interval=\"{interval}\",role=\"source\"}}");
    let newest = "ferro_zfs_snapshot_newest_timestamp_seconds";
    assert_eq!(value(&format!("{newest}{}", labels("hourly"))), Some((NOW - 600).to_string().as_str()));
    assert_eq!(value(&format!("{newest}{}", labels("daily"))), Some("0"));
    assert_eq!(value(&format!("ferro_zfs_snapshot_oldest_timestamp_seconds{}", labels("hourly"))), None);
    let job = "{program=\"zfs_replicate\",name=\"pull@nas\"}";
    assert_eq!(value(&format!("ferro_zfs_last_success_timestamp_seconds{job}")), Some("0"));
    assert_eq!(value(&format!("ferro_zfs_success{job}")), None);
    assert_eq!(value(&format!("ferro_zfs_sent_bytes_total{job}")), Some("900"));
    let replica = "{name=\"pull@nas\",source_host=\"backup@nas\",source=\"tank/data\",target_host=\"\",target=\"vault/nas/tank/data\"}";
    assert_eq!(value(&format!("ferro_zfs_replica_newest_timestamp_seconds{replica}")), Some("0"));
    assert_eq!(value("ferro_zfs_snapshot_max_age_seconds{interval=\"hourly\"}"), Some("7200"));
}

#[test]
fn too_many_datasets_are_told_by_one_series() {
    let text = text(&status(|facts| facts.datasets = Some(vec![dataset(); 2_001])));
    assert!(!text.contains("zfs_dataset_used_bytes"));
    assert!(text.contains("ferro_zfs_datasets_without_series 2001\n"));
}
