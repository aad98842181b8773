//! Clones and their origins: from what each is sent, given what has been planned before it. Pure.

use super::gather::Sides;
use super::refusal::Refusal;
use super::request::Request;
use crate::model::{Dataset, DatasetName};
use crate::plan::clones::{Base, Coming, NoOrigin, NotKept, origin, origin_of};
use crate::plan::transfer::{Origin, Plan};
use crate::plan::wish::Clones;
use std::collections::BTreeSet;

/// What a clone is sent from, given what has been planned so far, which its origin is among; `encrypted` are the targets that are
/// encrypted when that is done.
pub fn origin_for<'a>(
    request: &Request,
    sides: &Sides,
    source: &Dataset,
    planned: &dyn Fn(&DatasetName) -> Option<&'a Result<Plan, Refusal>>,
    encrypted: &BTreeSet<DatasetName>,
) -> Result<Option<Origin>, NoOrigin> {
    let found =
        origin_of(source).and_then(|(name, _)| sides.origins.base(request, (&sides.sources, &sides.targets), &name));
    let base = found.as_ref().map(|(base, place, there)| Base {
        source: base,
        place,
        there: *there,
        coming: match planned(&base.name) {
            Some(Err(_)) => Coming::Refused,
            Some(Ok(Plan::Send(transfer))) => Coming::Streams(transfer, encrypted.contains(place)),
            _ => Coming::Nothing,
        },
    });
    origin(source, base, &request.wish)
}

/// What becomes of a plan that sends a clone whole, and why it does.
pub fn whole(
    request: &Request,
    plan: Result<Plan, Refusal>,
    source: &Dataset,
    origin: Result<Option<Origin>, NoOrigin>,
) -> (Result<Plan, Refusal>, Option<NoOrigin>) {
    let is_whole = matches!(&plan, Ok(Plan::Send(transfer)) if transfer.is_whole());
    let reason = match origin {
        Err(reason) => Some(reason),
        Ok(Some(origin)) => Some(NoOrigin::BelowLocked(origin.from)),
        Ok(None) => None,
    };
    match reason.filter(|_| is_whole && source.origin.is_some()) {
        None => (plan, None),
        Some(reason) if reason.may_pass() => (Err(Refusal::NoOrigin(reason)), None),
        Some(reason) if request.wish.clones == Clones::Keep => (Err(Refusal::NotKept(NotKept(reason))), None),
        Some(reason) => (plan, Some(reason)),
    }
}
