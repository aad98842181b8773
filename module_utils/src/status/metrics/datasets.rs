//! Series of datasets and their snapshots.

use super::{Families, Label, flag};
use crate::plan::period::Interval;
use crate::status::model::{Dataset, OfInterval, Snapshot, Snapshots};
use crate::status::report::Status;
use std::collections::BTreeMap;

pub fn add(status: &Status, families: &mut Families) {
    let mut allowed: BTreeMap<Interval, u64> = BTreeMap::new();
    for dataset in status.facts.datasets.iter().flatten() {
        space(dataset, families);
        about(dataset, families);
        for (interval, of) in dataset.snapshots.iter().flat_map(Snapshots::each) {
            allowed.extend(of.max_age_seconds.map(|seconds| (interval, seconds)));
        }
    }
    for (interval, seconds) in allowed {
        let interval = interval.to_string();
        let labels = [("interval", interval.as_str())];
        families.gauge(
            "ferro_zfs_snapshot_max_age_seconds",
            "How old the newest snapshot of that interval may be.",
            &labels,
            seconds,
        );
    }
}

fn space(dataset: &Dataset, families: &mut Families) {
    let labels = [("pool", dataset.pool.as_str()), ("dataset", &dataset.name)];
    let space = &dataset.space;
    for (name, help, value) in [
        ("zfs_dataset_used_bytes", "Used, with all below.", space.used_bytes),
        ("zfs_dataset_available_bytes", "Left.", space.available_bytes),
        ("zfs_dataset_referenced_bytes", "Referred to.", space.referenced_bytes),
        ("zfs_dataset_logical_used_bytes", "Used, before compression.", space.logical_used_bytes),
        ("zfs_dataset_used_by_dataset_bytes", "Used by the dataset itself.", space.used_by_dataset_bytes),
        ("zfs_dataset_used_by_snapshots_bytes", "Used by its snapshots.", space.used_by_snapshots_bytes),
        ("zfs_dataset_written_bytes", "Written since its newest snapshot.", space.written_bytes),
        ("zfs_dataset_quota_bytes", "The most that may be used.", space.quota_bytes),
        ("zfs_dataset_volume_size_bytes", "Size of a volume.", space.volume_size_bytes),
    ] {
        families.known(name, help, &labels, value);
    }
    families.known("zfs_dataset_compression_ratio", "What compression saves.", &labels, space.compression_ratio);
    families.known(
        "zfs_dataset_key_loaded",
        "1 if the key of an encrypted dataset is loaded.",
        &labels,
        dataset.key_loaded.map(flag),
    );
    families.gauge(
        "zfs_dataset_partial_receive",
        "1 if an interrupted receive can be resumed.",
        &labels,
        flag(dataset.partial_receive),
    );
}

fn about(dataset: &Dataset, families: &mut Families) {
    let (pool, name, role) = (dataset.pool.as_str(), dataset.name.as_str(), dataset.role.word());
    let yes = |is: Option<bool>| is.map_or("", |is| if is { "yes" } else { "no" });
    let labels = [
        ("pool", pool),
        ("dataset", name),
        ("kind", dataset.kind),
        ("encryption", dataset.encryption.as_deref().unwrap_or("off")),
        ("readonly", yes(dataset.readonly)),
        ("mounted", yes(dataset.mounted)),
    ];
    families.gauge("zfs_dataset_info", "1; the labels say what the dataset is.", &labels, 1_u8);
    let labels = [
        ("pool", pool),
        ("dataset", name),
        ("policy", dataset.policy.as_deref().unwrap_or_default()),
        ("declared", yes(Some(dataset.declared))),
        ("role", role),
    ];
    families.gauge("ferro_zfs_dataset_policy_info", "1; the labels say which policy the dataset has.", &labels, 1_u8);
    for confirmed in &dataset.confirmed {
        let target = confirmed.target_id.to_string();
        let labels = [("pool", pool), ("dataset", name), ("target_id", target.as_str())];
        families.known(
            "ferro_zfs_confirmed_timestamp_seconds",
            "When the newest snapshot was taken that the target is known to have.",
            &labels,
            confirmed.created_at.map(|at| at.0),
        );
        families.gauge(
            "ferro_zfs_confirmed_newest",
            "1 if the target is known to have the newest there is.",
            &labels,
            flag(confirmed.is_newest),
        );
    }
    if let Some(snapshots) = &dataset.snapshots {
        counts(dataset, snapshots, families);
    }
}

fn counts(dataset: &Dataset, snapshots: &Snapshots, families: &mut Families) {
    let role = dataset.role.word();
    for (interval, of) in snapshots.each() {
        let word = interval.to_string();
        let labels =
            [("pool", dataset.pool.as_str()), ("dataset", &dataset.name), ("interval", word.as_str()), ("role", role)];
        families.gauge("ferro_zfs_snapshots", "Snapshots of that interval.", &labels, of.kept);
        if of.wanted > 0 {
            families.gauge("ferro_zfs_snapshots_wanted", "How many the policy keeps.", &labels, of.wanted);
            families.gauge("ferro_zfs_snapshots_expected", "How many there can be by now.", &labels, of.expected);
        }
        families.known(
            "ferro_zfs_snapshot_compliance_ratio",
            "Kept of what can be there; 0 when overdue.",
            &labels,
            of.compliance(),
        );
        times(&labels, of, families);
        let is_finest = snapshots.finest_wanted().is_some_and(|(finest, _)| finest == interval);
        let labels = [
            ("pool", dataset.pool.as_str()),
            ("dataset", &dataset.name),
            ("interval", word.as_str()),
            ("finest", if is_finest { "yes" } else { "no" }),
        ];
        families.known(
            "ferro_zfs_snapshot_overdue_timestamp_seconds",
            "From when on the next snapshot of that interval is overdue; 0 if nobody knows.",
            &labels,
            of.overdue_at.map(|at| at.0),
        );
    }
    let labels = [("pool", dataset.pool.as_str()), ("dataset", &dataset.name), ("interval", "other"), ("role", role)];
    families.gauge("ferro_zfs_snapshots", "Snapshots of that interval.", &labels, snapshots.other);
}

/// What is wanted and not there has the time 0: never. What is there and of which nobody knows the time has none.
fn times(labels: &[Label<'_>], of: &OfInterval, families: &mut Families) {
    let at = |snapshot: &Option<Snapshot>| match snapshot {
        None => (of.wanted > 0).then_some(0),
        Some(snapshot) => snapshot.created_at.map(|at| at.0),
    };
    families.known(
        "ferro_zfs_snapshot_newest_timestamp_seconds",
        "When the newest was taken; 0 if there is none.",
        labels,
        at(&of.newest),
    );
    families.known(
        "ferro_zfs_snapshot_oldest_timestamp_seconds",
        "When the oldest was taken; 0 if there is none.",
        labels,
        at(&of.oldest),
    );
}
