//! What streams the pools of both ends can have and take: asked only where something is to be sent, and of the source only where that
//! decides anything.

use super::request::Request;
use crate::exec::runner::Failure;
use crate::plan::features::{Feature, Features, State};
use crate::plan::send_flags::{Choice, Stored};
use crate::plan::swap::There;
use crate::zfs::commands::Zfs;
use std::collections::{BTreeSet, HashMap};

/// What is known of the pools.
#[derive(Debug, Default)]
pub struct PoolFeatures {
    /// Of the target's.
    pub of_target: Option<Features>,
    /// Of the sources', by the pool's name.
    pub of: HashMap<String, Features>,
    /// What those sources store that are sent raw, by name.
    pub stored: HashMap<String, Stored>,
}

/// Asks: most often one command.
pub fn ask(
    request: &Request,
    source: Zfs<'_>,
    target: Zfs<'_>,
    sources: &There,
    targets: &There,
) -> Result<PoolFeatures, Failure> {
    let pool = request.mapping.target.pool();
    let Some(of_target) = target.features(&BTreeSet::from([pool]))?.remove(pool) else {
        return Ok(PoolFeatures::default());
    };
    let mut features = PoolFeatures { of_target: Some(of_target), ..PoolFeatures::default() };
    let Some(of_target) =
        features.of_target.as_ref().filter(|of_target| source_decides(request, sources, targets, of_target))
    else {
        return Ok(features);
    };
    features.of = source.features(&sources.keys().map(crate::model::DatasetName::pool).collect())?;
    let lacks = |feature| of_target.state(feature) == State::Disabled;
    if lacks(Feature::LargeBlocks) || lacks(Feature::Zstd) {
        let raw = sources.values().filter(|dataset| request.wish.raw.applies_to(dataset));
        let sent = raw.filter(|dataset| dataset.snapshots().next().is_some());
        features.stored = source.stored(&sent.map(|dataset| dataset.name.to_string()).collect::<Vec<_>>())?;
    }
    Ok(features)
}

/// Whether it matters what the source's pool has: where the target's lacks something, or may have large blocks in it or not.
fn source_decides(request: &Request, sources: &There, targets: &There, of_target: &Features) -> bool {
    let is_foreign = || {
        sources.values().any(|source| {
            let target = request.mapping.target_of(&source.name).ok();
            let there = target.and_then(|target| targets.get(&target));
            there.is_some_and(|there| there.replica_of != Some(source.guid) && there.snapshots().next().is_some())
        })
    };
    let large = of_target.state(Feature::LargeBlocks);
    !of_target.are_all_there()
        || request.wish.send_flags.large_block == Choice::Never && large == State::Active
        || large == State::Enabled && is_foreign()
}
