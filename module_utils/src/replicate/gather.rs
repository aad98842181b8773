//! What is really there, on both sides: a constant number of commands, whatever the number of datasets and snapshots.

use super::commands::applies;
use super::features::{self, PoolFeatures};
use super::listing::{self, sides_of};
use super::origins::{self, Origins};
use super::refusal::Obstacle;
use super::request::Request;
use super::strayed;
use crate::exec::clock::utc_stamp;
use crate::exec::runner::{Failure, Runner};
use crate::exec::stderr::Cause;
use crate::model::{Dataset, DatasetName};
use crate::plan::choice::{NotChosen, choose};
use crate::plan::following::{Following, follow};
use crate::plan::questions::{Answers, Listings, questions};
use crate::plan::renamed::{Pairs, Renamed, Seen, pairs};
use crate::plan::swap::{self, Swap, There};
use crate::plan::wish::OnDiverged;
use crate::zfs::commands::Zfs;
use crate::zfs::parse::Settings;
use crate::zfs::properties;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Both sides.
#[derive(Debug, Default)]
pub struct Sides {
    /// Source datasets that are to be sent, parents before children.
    pub sources: BTreeMap<DatasetName, Dataset>,
    /// What there is of their targets and, where a target is missing, of its ancestors.
    pub targets: There,
    /// All datasets that the source was found to have, with their guids: also those that are left out.
    pub listed: BTreeMap<DatasetName, u64>,
    /// What is not to be sent.
    pub not_chosen: NotChosen,
    /// Roots that the source does not let us see.
    pub refused: Vec<(DatasetName, Failure)>,
    /// Places on the target that it does not let us see.
    pub refused_targets: Vec<(DatasetName, Failure)>,
    /// Roots that do not exist on the source.
    pub missing_roots: Vec<DatasetName>,
    /// Of the targets, those beyond the places of what is asked for: replicas of what was renamed.
    pub strayed: BTreeSet<DatasetName>,
    /// Properties of the sources that are set on their targets, by `send_properties`.
    pub properties: Settings,
    /// Pools of these that are not imported.
    pub missing_pools: BTreeSet<String>,
    /// Origins of new clones that are not among what is sent.
    pub origins: Origins,
    /// Swaps of an earlier run that are to be finished first. `targets` is what it will be then.
    pub swaps: Vec<Swap>,
    /// Replicas that follow their renamed sources before anything else. `targets` is what it will be then.
    pub following: Following,
    /// What is added to the name of what is set aside.
    pub stamp: String,
    /// Identifies the target pool, in the names of our bookmarks.
    pub target_pool: Option<u64>,
    /// What streams the pools can have and take, where something is to be sent.
    pub features: PoolFeatures,
}

impl Sides {
    /// True for a dataset at or below a place that the target does not let us see.
    #[must_use]
    pub fn is_refused_target(&self, target: &DatasetName) -> Option<&Failure> {
        self.refused_targets.iter().find(|(root, _)| target.below(root).is_some()).map(|(_, failure)| failure)
    }

    /// Sources that were renamed, with their replicas.
    #[must_use]
    pub fn renamed(&self, request: &Request) -> Pairs {
        let Self { sources, listed, targets, .. } = self;
        pairs(&Seen { sources, listed, targets, roots: &request.roots, mapping: &request.mapping })
    }

    /// True if both sides are of one pool: something has the same name and guid on both.
    #[must_use]
    pub fn are_of_one_pool(&self) -> bool {
        self.listed.iter().any(|(name, guid)| self.targets.get(name).is_some_and(|there| there.guid == *guid))
    }

    /// What may stand beside the targets of roots that have something to send and no real target yet. Below a root it is listed with it.
    fn may_stand_beside(&self, request: &Request) -> Vec<DatasetName> {
        let may_set_aside = request.wish.on_diverged == OnDiverged::SetAside;
        let is_missing = |source: &Dataset| {
            let target = request.mapping.target_of(&source.name);
            source.snapshots().next().is_some() && target.is_ok_and(|target| !self.targets.contains_key(&target))
        };
        // What is below may have gone ahead to what is beside.
        let has_gone_ahead = |root: &DatasetName| {
            self.sources.values().any(|source| source.name.below(root).is_some() && is_missing(source))
        };
        let has_place = |target: &DatasetName| self.targets.get(target).is_none_or(|place| place.placeholder);
        let sends = |root: &&DatasetName| self.sources.get(root).is_some_and(|s| s.snapshots().next().is_some());
        let sending = request.roots.iter().filter(sends);
        let targets = sending.filter_map(|root| {
            let target = request.mapping.target_of(root).ok()?;
            (has_place(&target) || may_set_aside || has_gone_ahead(root)).then_some(target)
        });
        let is_seen = |target: &DatasetName| self.is_refused_target(target).is_none();
        targets
            .filter(move |target| target.parent().is_some() && is_seen(target))
            .filter_map(|target| target.arriving().ok())
            .collect()
    }
}

/// Lists both sides at once.
pub fn list(request: &Request, runner: &Runner) -> Result<Sides, Failure> {
    let source = Zfs { host: &request.source, runner };
    let target = Zfs { host: &request.target, runner };
    let target_roots: Vec<DatasetName> =
        request.roots.iter().filter_map(|root| request.mapping.target_of(root).ok()).collect();
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| sides_of(target, &target_roots, request.recursive, &[]));
        let ours = sides_of(source, &request.roots, request.recursive, &request.selection.properties);
        // A panic of the thread has been reported by the panic hook, which ends the process.
        (ours, theirs.join().unwrap_or_else(|_| Ok((There::new(), Vec::new()))))
    });
    let ((mut sources, refused), (theirs, refused_targets)) = (ours?, theirs?);
    let is_refused = |root: &DatasetName| refused.iter().any(|(refused, _)| refused == root);
    let missing = request.roots.iter().filter(|root| !sources.contains_key(root) && !is_refused(root));
    let missing_roots = missing.cloned().collect();
    let listed = sources.values().map(|dataset| (dataset.name.clone(), dataset.guid)).collect();
    let not_chosen = choose(request.choice(), &mut sources);
    let (stamp, targets) = (utc_stamp(request.now), theirs);
    let sides = Sides { sources, targets, listed, not_chosen, missing_roots, stamp, ..Sides::default() };
    Ok(Sides { refused, refused_targets, ..sides })
}

/// Lists both sides at once and asks what else planning needs. With `follows` it plans with replicas where they will be.
pub fn gather(request: &Request, runner: &Runner, follows: bool) -> Result<Sides, Failure> {
    let source = Zfs { host: &request.source, runner };
    let target = Zfs { host: &request.target, runner };
    let mut sides = list(request, runner)?;
    sides.missing_pools = missing_pools(source, &sides)?;
    add_ancestors(request, target, &mut sides)?;
    sides.strayed = strayed::look(request, target, &sides.sources, &mut sides.targets)?;
    if follows && request.renamed == Renamed::Follow {
        let pairs = sides.renamed(request);
        sides.following = follow(&pairs, &mut sides.targets, request.wish.plain_placeholders);
    }
    let Sides { sources, targets, stamp, .. } = &mut sides;
    let places = sources.values().filter_map(|source| Some((source, request.mapping.target_of(&source.name).ok()?)));
    let may_set_aside = request.wish.on_diverged == OnDiverged::SetAside;
    sides.swaps = swap::begun(places, targets, stamp, may_set_aside);
    sides.origins = origins::look(request, (source, &sides.sources), (target, &sides.targets), &sides.refused_targets)?;
    if ask(request, source, target, &mut sides)? {
        sides.features = features::ask(request, source, target, &sides.sources, &sides.targets)?;
    }
    if request.sets_properties() {
        sides.properties = properties_to_set(request, source, &sides)?;
    }
    Ok(sides)
}

/// Which pools of roots that are not there are not there either.
fn missing_pools(source: Zfs<'_>, sides: &Sides) -> Result<BTreeSet<String>, Failure> {
    let mut pools: BTreeSet<DatasetName> =
        sides.missing_roots.iter().filter_map(|root| root.pool().parse().ok()).collect();
    if pools.is_empty() {
        return Ok(BTreeSet::new());
    }
    match source.datasets(&pools.iter().cloned().collect::<Vec<_>>(), false) {
        Ok(there) => pools.retain(|pool| there.iter().all(|(dataset, _)| dataset.name != *pool)),
        // Above what its gate shows, nobody knows.
        Err(failure) if failure.cause == Cause::Refused => pools.clear(),
        Err(failure) => return Err(failure),
    }
    Ok(pools.iter().map(ToString::to_string).collect())
}

/// Where a target is missing, its parents matter: which of them must be made, and whether they are encrypted. And what an earlier
/// run has begun to put beside it.
fn add_ancestors(request: &Request, target: Zfs<'_>, sides: &mut Sides) -> Result<(), Failure> {
    let missing = sides.sources.keys().filter_map(|name| request.mapping.target_of(name).ok());
    let missing: Vec<DatasetName> =
        missing.filter(|name| !sides.targets.contains_key(name) && sides.is_refused_target(name).is_none()).collect();
    let mut asked: BTreeSet<DatasetName> =
        missing.iter().flat_map(DatasetName::ancestors).filter(|name| !sides.targets.contains_key(name)).collect();
    let beside = sides.may_stand_beside(request);
    asked.extend(beside.iter().cloned());
    if !asked.is_empty() {
        let rows = target.datasets(&asked.into_iter().collect::<Vec<_>>(), false)?;
        sides.targets.extend(rows.into_iter().map(|(dataset, _)| (dataset.name.clone(), dataset)));
    }
    let beside: Vec<DatasetName> = beside.into_iter().filter(|name| sides.targets.contains_key(name)).collect();
    if !beside.is_empty() {
        sides.targets.extend(listing::side(target, &beside, true, &[])?);
    }
    let must_exist = if missing.contains(&request.mapping.target) {
        request.mapping.target.parent()
    } else {
        Some(request.mapping.target.clone())
    };
    match must_exist {
        // Whatever is below it, a pool that is not there comes first; `zfs create -p` makes none.
        _ if !missing.is_empty() && !sides.targets.keys().any(|name| name.pool() == request.mapping.target.pool()) => {
            let pool = request.mapping.target.pool().to_owned();
            Err(Failure::refusal("preflight", target.host, &Obstacle::PoolMissing(pool)))
        }
        Some(name) if !missing.is_empty() && !sides.targets.contains_key(&name) => {
            Err(Failure::refusal("preflight", target.host, &Obstacle::TargetMissing(name)))
        }
        _ => Ok(()),
    }
}

/// What is taken over from sources of which something may be sent.
fn properties_to_set(request: &Request, source: Zfs<'_>, sides: &Sides) -> Result<Settings, Failure> {
    let with_snapshots = sides.sources.values().filter(|dataset| dataset.snapshots().next().is_some());
    let names: Vec<String> = with_snapshots.map(|dataset| dataset.name.to_string()).collect();
    let mut all = source.stored_properties(&names)?;
    for (name, settings) in &mut all {
        let kind = sides.sources.get(name).map(|dataset| dataset.kind);
        settings.retain(|(property, value)| {
            let given = request.receive_properties.contains_key(property) || request.receive_exclude.contains(property);
            let fits = kind.is_some_and(|kind| applies(property, kind));
            !given && fits && properties::check_setting(&format!("{property}={value}")).is_ok()
        });
    }
    Ok(all)
}

/// Asks what planning needs beyond the listings, of all datasets at once. Gives whether something may have to be sent.
fn ask(request: &Request, source: Zfs<'_>, target: Zfs<'_>, sides: &mut Sides) -> Result<bool, Failure> {
    let Sides { sources, targets, origins, following, .. } = &mut *sides;
    let of_origins = origins.ivsets(request, sources, targets);
    let mut asked = questions(Listings { sources, targets, mapping: &request.mapping }, &request.wish);
    asked.source_ivsets.extend(of_origins.0);
    asked.target_ivsets.extend(of_origins.1);
    let decoded = |token: &String| Ok((token.clone(), source.token(token)?));
    let answers = Answers {
        source_ivsets: numbers(source, "ivsetguid", &asked.source_ivsets)?,
        target_ivsets: numbers_of_target(target, "ivsetguid", &asked.target_ivsets, following)?,
        written: numbers_of_target(target, "written", &asked.written, following)?,
        created: numbers(source, "creation", &asked.created)?,
        tokens: asked.tokens.iter().map(decoded).collect::<Result<_, Failure>>()?,
    };
    answers.clone().add_to(&mut origins.sources, &mut origins.targets);
    answers.add_to(sources, targets);
    if (asked.something_to_send && request.bookmarks) || request.holds {
        sides.target_pool = pool_guid(request.mapping.target.pool(), target, &sides.targets)?;
    }
    Ok(asked.something_to_send)
}

fn numbers(zfs: Zfs<'_>, property: &str, names: &[String]) -> Result<HashMap<String, u64>, Failure> {
    if names.is_empty() { Ok(HashMap::new()) } else { zfs.numbers(property, names) }
}

/// The same of what may have another name as yet.
fn numbers_of_target(
    target: Zfs<'_>,
    property: &str,
    names: &[String],
    following: &Following,
) -> Result<HashMap<String, u64>, Failure> {
    if following.groups.is_empty() {
        return numbers(target, property, names);
    }
    let before: Vec<String> = names.iter().map(|name| following.name_before(name)).collect();
    let answers = numbers(target, property, &before)?;
    Ok(names.iter().zip(&before).filter_map(|(name, before)| Some((name.clone(), *answers.get(before)?))).collect())
}

/// The guid of a pool's own dataset, which is known where that was listed.
fn pool_guid(pool: &str, target: Zfs<'_>, targets: &There) -> Result<Option<u64>, Failure> {
    match targets.values().find(|dataset| dataset.name.as_str() == pool) {
        Some(listed) => Ok(Some(listed.guid)),
        None => Ok(target.numbers("guid", &[pool.to_owned()])?.get(pool).copied()),
    }
}
