//! Carries out what it takes until a dataset has the place of its placeholder, or its children are below it again.

use super::refusal::Obstacle;
use crate::exec::runner::Failure;
use crate::model::code::Coded;
use crate::model::{Dataset, DatasetName};
use crate::plan::swap::{self, Change, There};
use crate::zfs::commands::{SWAP, Zfs};
use std::fmt::Display;

/// Makes the changes, one after the other, up to the first that fails.
pub fn make(target: Zfs<'_>, changes: &[Change]) -> Result<(), Failure> {
    changes.iter().try_for_each(|change| match change {
        Change::Rename(kind, from, to) => target.rename(SWAP, *kind, from, to),
        Change::Create(name) => target.create_parent(name, true),
        Change::Destroy(name) => target.destroy_placeholder(name),
    })
}

/// What has arrived beside takes its place; a replica that has that is set aside by the name `aside`. What is there is asked anew:
/// it need not be what it was before hours of receiving.
pub fn put_in_place(
    target: Zfs<'_>,
    arriving: &DatasetName,
    place: &DatasetName,
    aside: Option<&DatasetName>,
) -> Result<(), Failure> {
    let there = listed(target, &[place.clone(), arriving.clone()])?;
    let Some(new) = there.get(arriving) else {
        return Err(refusal(target, &Obstacle::ArrivalVanished(arriving.clone())));
    };
    // Whatever became of the placeholder meanwhile: only what is one gives way.
    if aside.is_none() && there.get(place).is_some_and(|place| !place.placeholder) {
        let (place, arriving) = (place.clone(), arriving.clone());
        return Err(refusal(target, &Obstacle::PlaceTaken { place, arriving }));
    }
    make(target, &swap::changes(place, new, aside, &there).map_err(|conflict| refusal(target, &conflict))?)
}

fn listed(target: Zfs<'_>, roots: &[DatasetName]) -> Result<There, Failure> {
    let rows: Vec<Dataset> = target.datasets(roots, true)?.into_iter().map(|(dataset, _)| dataset).collect();
    Ok(rows.into_iter().map(|dataset| (dataset.name.clone(), dataset)).collect())
}

fn refusal(target: Zfs<'_>, refusal: &(impl Coded + Display)) -> Failure {
    Failure::refusal(SWAP, target.host, refusal)
}
