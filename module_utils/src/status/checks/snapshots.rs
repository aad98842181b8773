//! Checks of snapshots against policy.

use super::{Found, Severity};
use crate::plan::period::Interval;
use crate::status::ages::{age, span};
use crate::status::model::{Dataset, Facts, OfInterval, PoolState, Role};

/// More snapshots than this in one pool make everything slow.
const TOO_MANY: u64 = 20_000;

/// How many names a message shows.
const SHOWN: usize = 5;

/// Whether each dataset has what its policy wants.
pub fn against_policy(facts: &Facts, found: &mut Found) {
    for name in &facts.missing_datasets {
        let message = "a policy lists it, and it does not exist".to_owned();
        let advice = "create it, correct its name in the inventory, or take it out";
        found.add(Severity::Critical, "dataset_missing", name, message, advice);
    }
    for pool in facts.pools.iter().flatten().filter(|pool| pool.state == PoolState::Suspended) {
        let message = "its snapshots cannot be listed: it is suspended".to_owned();
        let advice = format!("bring its devices back, then `zpool clear {}`", pool.name);
        found.add(Severity::Unknown, "snapshots_unknown", &pool.name, message, &advice);
    }
    let now = facts.collected_at.0;
    for dataset in facts.datasets.iter().flatten() {
        overdue(dataset, now, found);
        piling_up(dataset, found);
    }
    for pool in facts.pools.iter().flatten() {
        if facts.has_policies && !pool.unmanaged.is_empty() {
            let count = pool.unmanaged.len();
            let what = if count == 1 { "1 dataset has".to_owned() } else { format!("{count} datasets have") };
            let message = format!("{what} no policy: {}", some(&pool.unmanaged));
            let advice = "give each a policy in the zfs tree; `none` says that nothing is to be taken";
            found.add(Severity::Info, "unmanaged", &pool.name, message, advice);
        }
        let of_pool = facts.datasets.iter().flatten().filter(|dataset| dataset.pool == pool.name);
        let total: u64 = of_pool.filter_map(|dataset| Some(dataset.snapshots.as_ref()?.total)).sum();
        if total > TOO_MANY {
            let message = format!("{total} snapshots: listing and destroying them takes long");
            found.add(Severity::Info, "too_many_snapshots", &pool.name, message, "keep fewer");
        }
    }
}

fn some(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// One problem for each dataset: critical if the shortest interval that is wanted is overdue, for then nothing is taken at all.
fn overdue(dataset: &Dataset, now: i64, found: &mut Found) {
    let Some(snapshots) = &dataset.snapshots else { return };
    let late: Vec<(Interval, &OfInterval)> = snapshots.each().filter(|(_, of)| of.overdue).collect();
    let Some((interval, of)) = late.first() else { return };
    let is_finest = snapshots.finest_wanted().is_some_and(|(finest, _)| finest == *interval);
    let severity = if is_finest { Severity::Critical } else { Severity::Warning };
    let allowed = span(of.max_age_seconds.unwrap_or(0));
    let newest = of.newest.as_ref();
    let created = newest.and_then(|newest| newest.created_at);
    let mut message = match (newest, created) {
        (Some(newest), Some(at)) if at.0 > now => {
            format!("its newest {interval} snapshot is dated {} ahead (@{})", span(age(at.0, now)), newest.name)
        }
        (Some(newest), Some(at)) => {
            format!(
                "its newest {} snapshot is {} old (@{}), at most {allowed} is allowed",
                interval,
                span(age(now, at.0)),
                newest.name
            )
        }
        (Some(newest), None) => {
            format!("nobody knows when its newest {} snapshot was taken (@{})", interval, newest.name)
        }
        (None, _) => format!("it has no {interval} snapshot, although there was time for one"),
    };
    if late.len() > 1 {
        let others: Vec<String> = late[1..].iter().map(|(interval, _)| interval.to_string()).collect();
        message = format!("{message}; also overdue: {}", others.join(", "));
    }
    let advice = "systemctl status ferro-zfs-snapshot.timer; journalctl -u ferro-zfs-snapshot";
    found.add(severity, "snapshot_overdue", &dataset.name, message, advice).since = created.or(dataset.created_at);
}

/// Pruning has stopped, where this host prunes by that policy.
fn piling_up(dataset: &Dataset, found: &mut Found) {
    if dataset.role == Role::None {
        return;
    }
    let Some(snapshots) = &dataset.snapshots else { return };
    let many = |(_, of): &(Interval, &OfInterval)| of.wanted > 0 && of.kept > 2 * of.wanted + 10;
    let many: Vec<String> = snapshots
        .each()
        .filter(many)
        .map(|(interval, of)| format!("{} {}, of which {} are wanted", of.kept, interval, of.wanted))
        .collect();
    if !many.is_empty() {
        let advice = "systemctl status ferro-zfs-prune.timer; `zfs_prune --check --text` says why snapshots stay";
        found.add(Severity::Warning, "snapshots_piling_up", &dataset.name, many.join("; "), advice);
    }
}
