//! Which commands come before and after the snapshots of which datasets, checked before any of them runs. Pure.

use crate::exec::hook::Hooks;
use crate::model::DatasetName;
use crate::plan::policy::Table;
use std::collections::BTreeMap;

/// The hooks by the datasets that they are for, with all below these.
pub type ByDataset = BTreeMap<DatasetName, Hooks>;

/// Checks that hooks are for datasets of which snapshots are taken: one that never runs would leave its database as it is, unnoticed.
pub fn check(hooks: &ByDataset, table: &Table) -> Result<(), String> {
    let is_known = |place: &DatasetName| {
        table.of(place).is_some() || table.datasets().any(|declared| declared.below(place).is_some())
    };
    for (place, hooks) in hooks {
        if hooks.is_empty() {
            return Err(format!("option hooks.{place}: neither before nor after is given"));
        }
        if !is_known(place) {
            return Err(format!("option hooks.{place}: the option datasets has nothing there, so it would never run"));
        }
    }
    Ok(())
}
