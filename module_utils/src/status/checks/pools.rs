//! Checks of pools: whether they work, are whole, are read now and then, and have room.

use super::{Found, Severity};
use crate::status::ages::{age, span};
use crate::status::model::{Facts, Limits, Pool, PoolState, Role, ScanFunction, ScanState, Vdev};

fn pools(facts: &Facts) -> impl Iterator<Item = &Pool> {
    facts.pools.iter().flatten()
}

/// Whether pools, their devices and their keys are there.
pub fn state(facts: &Facts, found: &mut Found) {
    for name in &facts.missing_pools {
        let message = format!("pool {name} is not imported");
        found.add(Severity::Critical, "pool_missing", name, message, &format!("zpool import {name}"));
    }
    for pool in pools(facts) {
        let name = &pool.name;
        let (what, advice) = match &pool.state {
            PoolState::Online => (None, String::new()),
            PoolState::Suspended => (
                Some("SUSPENDED: it has lost its devices and takes nothing more".to_owned()),
                format!("bring the devices back, then `zpool clear {name}`; commands about it may hang until then"),
            ),
            other => (Some(other.to_string()), format!("zpool status -v {name}")),
        };
        if let Some(what) = what {
            let said = pool.status.as_ref().and_then(|status| status.message.as_deref());
            let message = said.map_or_else(|| what.clone(), |said| format!("{what}: {said}"));
            found.add(Severity::Critical, "pool_state", name, message, &advice);
        }
        for vdev in vdevs(pool).filter(|vdev| !vdev.is_healthy()) {
            let message = format!("{} device {} is {}", vdev.class, vdev.name, vdev.state);
            let then = if vdev.is_spare_in_use() {
                "replace the device that it stands for, or `zpool detach` the one of the two that is to go"
            } else {
                "`zpool online` or `zpool replace`"
            };
            let advice = format!("zpool status -v {name}; then {then}");
            found.add(Severity::Warning, "vdev_unhealthy", name, message, &advice);
        }
    }
    keys(facts, found);
}

fn vdevs(pool: &Pool) -> impl Iterator<Item = &Vdev> {
    pool.status.iter().flat_map(|status| &status.vdevs)
}

/// What is received raw needs no key here.
fn keys(facts: &Facts, found: &mut Found) {
    let locked = facts.datasets.iter().flatten().filter(|dataset| dataset.key_loaded == Some(false));
    for dataset in locked.filter(|dataset| dataset.role != Role::Replica && !dataset.placeholder) {
        let message = "its key is not loaded, so nobody can read or write it".to_owned();
        found.add(Severity::Info, "key_not_loaded", &dataset.name, message, &format!("zfs load-key {}", dataset.name));
    }
}

/// When pools were last read as a whole.
pub fn scrub(facts: &Facts, limits: &Limits, found: &mut Found) {
    for pool in pools(facts) {
        let Some(last) = pool.unscrubbed_since() else { continue };
        let scan = pool.status.as_ref().and_then(|status| status.scan.as_ref());
        let old = age(facts.collected_at.0, last.0);
        if old > limits.scrub_max_age {
            let what = match scan.map(|scan| (scan.function, scan.state)) {
                None => "it was never scrubbed, and is",
                Some((ScanFunction::Scrub, ScanState::Finished)) => "its last scrub is",
                Some((ScanFunction::Scrub, _)) => "its last scrub was stopped, and that is",
                Some(_) => "there was no scrub since its last resilver, and that is",
            };
            let message = format!("{what} {} old, at most {} is allowed", span(old), span(limits.scrub_max_age));
            let advice = format!("zpool scrub {}; let a timer do it each month", pool.name);
            found.add(Severity::Warning, "scrub_overdue", &pool.name, message, &advice).since = Some(last);
        }
    }
}

/// What could not be read or written, or was damaged.
pub fn errors(facts: &Facts, found: &mut Found) {
    for pool in pools(facts) {
        let (name, Some(status)) = (&pool.name, &pool.status) else { continue };
        if let Some(count) = status.data_errors.filter(|count| *count > 0) {
            let message = format!("{count} data errors: files or blocks are damaged for good");
            let advice = format!("zpool status -v {name} names them; restore them from a snapshot or a replica");
            found.add(Severity::Critical, "data_errors", name, message, &advice);
        }
        for vdev in vdevs(pool).filter(|vdev| vdev.errors() > 0) {
            let of = |count: Option<u64>| count.unwrap_or(0);
            let (read, write, checksum) = (of(vdev.read_errors), of(vdev.write_errors), of(vdev.checksum_errors));
            let message = format!("device {}: {read} read, {write} write, {checksum} checksum errors", vdev.name);
            let advice =
                format!("look at the disk and its cable (smartctl), `zpool scrub {name}`, then `zpool clear {name}`");
            found.add(Severity::Warning, "vdev_errors", name, message, &advice);
        }
        let scan = status.scan.as_ref();
        if let Some(count) = scan.and_then(|scan| scan.errors).filter(|count| *count > 0) {
            let message = format!("the last scan found {count} errors that it could not repair");
            found.add(Severity::Warning, "scrub_errors", name, message, &format!("zpool status -v {name}"));
        }
    }
}

/// How full pools and quotas are.
pub fn capacity(facts: &Facts, limits: &Limits, found: &mut Found) {
    for pool in pools(facts) {
        let Some(percent) = pool.properties.capacity_percent else { continue };
        let severity = match percent {
            _ if percent >= limits.capacity_critical => Severity::Critical,
            _ if percent >= limits.capacity_warning => Severity::Warning,
            _ => continue,
        };
        let advice = "remove what is not needed, keep fewer snapshots, or add devices";
        found.add(severity, "pool_filling_up", &pool.name, format!("{percent} % full"), advice);
    }
    for dataset in facts.datasets.iter().flatten() {
        let (Some(used), Some(quota)) = (dataset.space.used_bytes, dataset.space.quota_bytes) else { continue };
        if u128::from(used) * 10 > u128::from(quota) * 9 {
            let percent = u128::from(used) * 100 / u128::from(quota);
            let message = format!("{percent} % of its quota is used");
            let advice = format!("zfs set quota=... {}; snapshots count, too", dataset.name);
            found.add(Severity::Warning, "quota_nearly_reached", &dataset.name, message, &advice);
        }
    }
}
