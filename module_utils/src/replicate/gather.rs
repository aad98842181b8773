//! What is really there, on both sides: a constant number of commands, whatever the number of datasets and snapshots.

use super::request::Request;
use super::streams::applies;
use crate::model::{Dataset, DatasetName, Partial};
use crate::plan::replicate::{common_base, newer_on_target};
use crate::process::{Failure, Runner};
use crate::zfs::parse::Settings;
use crate::zfs::properties;
use crate::zfs::stderr::Cause;
use crate::zfs::verbs::Zfs;
use std::collections::{BTreeMap, BTreeSet, HashMap};

type Datasets = HashMap<DatasetName, Dataset>;

/// Both sides.
#[derive(Debug, Default)]
pub struct Sides {
    /// Source datasets that are to be sent, parents before children.
    pub sources: BTreeMap<DatasetName, Dataset>,
    /// What there is of their targets and, where a target is missing, of its ancestors.
    pub targets: HashMap<DatasetName, Dataset>,
    /// Roots that do not exist on the source, or that it does not let us see.
    pub missing_roots: Vec<DatasetName>,
    /// Properties of the sources that are set on their targets, by `send_properties`.
    pub properties: Settings,
    /// What the gate there said of those that it does not let us see.
    pub refused_roots: HashMap<DatasetName, Failure>,
    /// Identifies the target pool, in the names of our bookmarks.
    pub target_pool: Option<u64>,
}

/// Lists both sides at once and asks what else planning needs.
pub fn gather(request: &Request, runner: &Runner) -> Result<Sides, Failure> {
    let source = Zfs { host: &request.source, runner };
    let target = Zfs { host: &request.target, runner };
    let target_roots: Vec<DatasetName> =
        request.roots.iter().filter_map(|root| request.mapping.target_of(root).ok()).collect();
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| side(target, &target_roots, request.recursive));
        let ours = visible(source, &request.roots, request.recursive);
        // A panic of the thread has been reported by the panic hook, which ends the process.
        (ours, theirs.join().unwrap_or_else(|_| Ok(HashMap::new())))
    });
    let ((ours, refused_roots), theirs) = (ours?, theirs?);
    let missing_roots = request.roots.iter().filter(|root| !ours.contains_key(root)).cloned().collect();
    let sources: BTreeMap<_, _> =
        ours.into_iter().filter(|(name, _)| !Request::is_excluded(&request.exclude, &request.named, name)).collect();
    let mut sides = Sides { sources, targets: theirs, missing_roots, refused_roots, ..Sides::default() };
    add_ancestors(request, target, &mut sides)?;
    ask_about_bases(request, source, target, &mut sides)?;
    if request.sets_properties() {
        sides.properties = properties_to_set(request, source, &sides)?;
    }
    Ok(sides)
}

/// What a host has at `roots`, and which of them its gate does not let us see: one that an inventory names and its gate does not know yet
/// keeps no other from being sent. A gate refuses a whole command, so only then is it asked about each by itself.
fn visible(
    zfs: Zfs<'_>,
    roots: &[DatasetName],
    recursive: bool,
) -> Result<(Datasets, HashMap<DatasetName, Failure>), Failure> {
    let failure = match side(zfs, roots, recursive) {
        Err(failure) if failure.cause == Cause::Refused && roots.len() > 1 => failure,
        all => return all.map(|all| (all, HashMap::new())),
    };
    let ask = |root: &DatasetName| match zfs.datasets(std::slice::from_ref(root), false) {
        Err(failure) if failure.cause == Cause::Refused => Some(Ok((root.clone(), failure))),
        Err(failure) => Some(Err(failure)),
        Ok(_) => None,
    };
    let refused = roots.iter().filter_map(ask).collect::<Result<HashMap<_, _>, _>>()?;
    let allowed: Vec<DatasetName> = roots.iter().filter(|root| !refused.contains_key(root)).cloned().collect();
    // None is let through, or the command was refused for another reason than its roots.
    if refused.is_empty() || allowed.is_empty() {
        return Err(failure);
    }
    Ok((side(zfs, &allowed, recursive)?, refused))
}

fn side(zfs: Zfs<'_>, roots: &[DatasetName], recursive: bool) -> Result<HashMap<DatasetName, Dataset>, Failure> {
    let rows = zfs.datasets(roots, recursive)?;
    let mut versions = if rows.is_empty() { HashMap::new() } else { zfs.versions(roots, recursive)? };
    let with_versions = |(mut dataset, token): (Dataset, Option<String>)| {
        dataset.versions = versions.remove(&dataset.name).unwrap_or_default();
        dataset.partial = token.map(|token| Partial { token, content: Err("it was not decoded".to_owned()) });
        (dataset.name.clone(), dataset)
    };
    Ok(rows.into_iter().map(with_versions).collect())
}

/// Where a target is missing, its parents matter: which of them must be made, and whether they are encrypted.
fn add_ancestors(request: &Request, target: Zfs<'_>, sides: &mut Sides) -> Result<(), Failure> {
    let missing = sides.sources.keys().filter_map(|name| request.mapping.target_of(name).ok());
    let missing: Vec<DatasetName> = missing.filter(|name| !sides.targets.contains_key(name)).collect();
    let ancestors: BTreeSet<DatasetName> =
        missing.iter().flat_map(DatasetName::ancestors).filter(|name| !sides.targets.contains_key(name)).collect();
    if !ancestors.is_empty() {
        let rows = target.datasets(&ancestors.into_iter().collect::<Vec<_>>(), false)?;
        sides.targets.extend(rows.into_iter().map(|(dataset, _)| (dataset.name.clone(), dataset)));
    }
    let must_exist = if missing.contains(&request.mapping.target) {
        request.mapping.target.parent()
    } else {
        Some(request.mapping.target.clone())
    };
    match must_exist {
        Some(name) if !missing.is_empty() && !sides.targets.contains_key(&name) => {
            let words = format!("target {name} does not exist. Create it first: zfs create -p -o canmount=off {name}");
            Err(Failure::refusal("preflight", target.host, words))
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

/// Facts that only some datasets need, asked for all of them at once.
fn ask_about_bases(request: &Request, source: Zfs<'_>, target: Zfs<'_>, sides: &mut Sides) -> Result<(), Failure> {
    let mut source_bases = Vec::new();
    let mut target_bases = Vec::new();
    let mut newer = Vec::new();
    let mut something_to_send = false;
    for (name, ours) in &sides.sources {
        let theirs = request.mapping.target_of(name).ok().and_then(|target| sides.targets.get(&target));
        let Some((base, twin, theirs)) = theirs.and_then(|t| common_base(ours, t).map(|(base, twin)| (base, twin, t)))
        else {
            something_to_send |= ours.snapshots().next().is_some();
            continue;
        };
        if !ours.snapshots().any(|snapshot| snapshot.createtxg > base.createtxg) {
            continue;
        }
        something_to_send = true;
        if ours.encrypted {
            source_bases.push(format!("{name}{}", base.signed()));
            target_bases.push(format!("{}{}", theirs.name, twin.signed()));
        }
        newer.extend(
            newer_on_target(theirs, twin).iter().map(|snapshot| format!("{}{}", theirs.name, snapshot.signed())),
        );
    }
    let ask = |zfs: Zfs<'_>, property, names: &[String]| {
        if names.is_empty() { Ok(HashMap::new()) } else { zfs.numbers(property, names) }
    };
    let our_ivsets = ask(source, "ivsetguid", &source_bases)?;
    let their_ivsets = ask(target, "ivsetguid", &target_bases)?;
    let written = ask(target, "written", &newer)?;
    for ours in sides.sources.values_mut() {
        for version in &mut ours.versions {
            version.ivset = our_ivsets.get(&format!("{}{}", ours.name, version.signed())).copied();
        }
    }
    for theirs in sides.targets.values_mut() {
        for version in &mut theirs.versions {
            let full = format!("{}{}", theirs.name, version.signed());
            version.ivset = their_ivsets.get(&full).copied();
            version.written = written.get(&full).copied();
        }
        if let Some(partial) = &mut theirs.partial {
            partial.content = source.token(&partial.token)?;
        }
    }
    if (something_to_send && request.bookmarks) || request.holds {
        let pool = request.mapping.target.pool().to_owned();
        // The pool's own dataset may be listed already: then its guid is known.
        let listed = sides.targets.values().find(|dataset| dataset.name.as_str() == pool).map(|dataset| dataset.guid);
        sides.target_pool = match listed {
            Some(guid) => Some(guid),
            None => ask(target, "guid", std::slice::from_ref(&pool))?.get(&pool).copied(),
        };
    }
    Ok(())
}
