//! Series of pools and their devices.

use super::{Families, flag};
use crate::status::model::{Part, Pool, PoolState, ScanFunction, ScanState};
use crate::status::report::Status;

pub fn add(status: &Status, families: &mut Families) {
    for pool in status.facts.pools.iter().flatten() {
        state(pool, families);
        space(pool, families);
        scan(pool, families);
        vdevs(pool, families);
        families.gauge(
            "ferro_zfs_datasets_unmanaged",
            "Datasets that no policy speaks of.",
            &[("pool", &pool.name)],
            pool.unmanaged.len(),
        );
    }
    missing(status, families);
}

/// What could be read, by part.
pub fn parts(status: &Status, families: &mut Families) {
    for part in Part::ALL {
        let failed = status.facts.unreadable.iter().filter(|one| one.part == part).count();
        families.gauge(
            "ferro_zfs_collector_success",
            "1 if all of it could be read.",
            &[("collector", part.word())],
            flag(failed == 0),
        );
    }
}

/// What is not there has no other series that could say so.
fn missing(status: &Status, families: &mut Families) {
    for name in &status.facts.missing_pools {
        families.gauge(
            "ferro_zfs_pool_missing",
            "1 for a pool that is named, or that a policy speaks of, and that is not imported.",
            &[("pool", name)],
            1_u8,
        );
    }
    for name in &status.facts.missing_datasets {
        let labels = [("pool", name.split('/').next().unwrap_or(name)), ("dataset", name.as_str())];
        families.gauge(
            "ferro_zfs_dataset_missing",
            "1 for a dataset that a policy lists and that does not exist.",
            &labels,
            1_u8,
        );
    }
}

fn state(pool: &Pool, families: &mut Families) {
    for word in PoolState::WORDS {
        let labels = [("pool", pool.name.as_str()), ("state", word)];
        families.gauge(
            "zfs_pool_state",
            "1 for the state that the pool is in.",
            &labels,
            flag(pool.state.word() == word),
        );
    }
    let properties = &pool.properties;
    if let (Some(guid), Some(readonly)) = (&properties.guid, properties.readonly) {
        let ashift = properties.ashift.map_or_else(String::new, |ashift| ashift.to_string());
        let labels = [
            ("pool", pool.name.as_str()),
            ("guid", guid),
            ("readonly", if readonly { "on" } else { "off" }),
            ("failmode", properties.failmode.as_deref().unwrap_or_default()),
            ("ashift", &ashift),
        ];
        families.gauge("zfs_pool_info", "1; the labels say what the pool is.", &labels, 1_u8);
    }
}

fn space(pool: &Pool, families: &mut Families) {
    let labels = [("pool", pool.name.as_str())];
    let properties = &pool.properties;
    for (name, help, value) in [
        ("zfs_pool_size_bytes", "All there is.", properties.size_bytes),
        ("zfs_pool_allocated_bytes", "In use.", properties.allocated_bytes),
        ("zfs_pool_free_bytes", "Not in use.", properties.free_bytes),
        ("zfs_pool_freeing_bytes", "Being freed.", properties.freeing_bytes),
        ("zfs_pool_leaked_bytes", "Lost.", properties.leaked_bytes),
        ("zfs_pool_checkpoint_bytes", "Held by a checkpoint.", properties.checkpoint_bytes),
    ] {
        families.known(name, help, &labels, value);
    }
    let ratio = properties.fragmentation_percent.map(|percent| percent as f64 / 100.0);
    families.known("zfs_pool_fragmentation_ratio", "How far free space is in pieces.", &labels, ratio);
    families.known(
        "zfs_pool_deduplication_ratio",
        "What deduplication saves.",
        &labels,
        properties.deduplication_ratio,
    );
    families.known(
        "zfs_pool_readonly",
        "1 if it was imported to be read only.",
        &labels,
        properties.readonly.map(flag),
    );
}

fn scan(pool: &Pool, families: &mut Families) {
    let Some(status) = &pool.status else { return };
    let labels = [("pool", pool.name.as_str())];
    families.known("zfs_pool_data_errors", "Files and blocks that are damaged for good.", &labels, status.data_errors);
    let scan = status.scan.as_ref();
    let finished = scan.filter(|scan| scan.state == ScanState::Finished);
    // After a resilver ZFS no longer says when the last scrub was, and while one runs neither.
    let last = match scan {
        None => Some(0),
        Some(scan) => scan.finished_at.map(|at| at.0).filter(|_| scan.state == ScanState::Finished),
    };
    families.known(
        "zfs_pool_scrub_last_finished_timestamp_seconds",
        "When the last scrub or resilver ended; 0 if there was none.",
        &labels,
        last,
    );
    families.known(
        "ferro_zfs_pool_unscrubbed_since_timestamp_seconds",
        "Since when it was not read as a whole: its last scan, or when it was made.",
        &labels,
        pool.unscrubbed_since().map(|at| at.0),
    );
    families.known(
        "zfs_pool_scrub_last_errors",
        "What the last scrub or resilver could not repair.",
        &labels,
        scan.and_then(|scan| scan.errors),
    );
    families.known(
        "zfs_pool_scrub_last_repaired_bytes",
        "What the last scrub or resilver repaired.",
        &labels,
        finished.and_then(|scan| scan.repaired_bytes),
    );
    for (function, word) in [(ScanFunction::Scrub, "scrub"), (ScanFunction::Resilver, "resilver")] {
        let running = scan.is_some_and(|scan| scan.function == function && scan.state == ScanState::Running);
        let labels = [("pool", pool.name.as_str()), ("function", word)];
        families.gauge("zfs_pool_scan_running", "1 while it runs.", &labels, flag(running));
    }
    families.known(
        "zfs_pool_scan_examined_bytes",
        "Looked at so far.",
        &labels,
        scan.and_then(|scan| scan.examined_bytes),
    );
    families.known("zfs_pool_scan_total_bytes", "To look at.", &labels, scan.and_then(|scan| scan.total_bytes));
}

fn vdevs(pool: &Pool, families: &mut Families) {
    // Two spares of the same name cannot be told apart, and a series may be there once only.
    let mut seen = std::collections::HashSet::new();
    for vdev in
        pool.status.iter().flat_map(|status| &status.vdevs).filter(|vdev| seen.insert((vdev.name.as_str(), vdev.class)))
    {
        let labels = [("pool", pool.name.as_str()), ("vdev", &vdev.name), ("class", vdev.class)];
        families.gauge("zfs_vdev_healthy", "1 if nothing is wrong with it now.", &labels, flag(vdev.is_healthy()));
        for (name, help, count) in [
            ("zfs_vdev_read_errors_total", "Reads that failed, since import or zpool clear.", vdev.read_errors),
            ("zfs_vdev_write_errors_total", "Writes that failed, since import or zpool clear.", vdev.write_errors),
            (
                "zfs_vdev_checksum_errors_total",
                "Blocks that were not what was written, since import or zpool clear.",
                vdev.checksum_errors,
            ),
        ] {
            families.counter(name, help, &labels, count);
        }
    }
}
