//! Our holds, with `holds: true`: what a target needs next can be destroyed by nobody, on either side.
//!
//! While it is sent, all that may arrive is held on the source; afterwards the newest common snapshot on both sides, and nothing
//! else. Whatever a run that was killed has left is found and released by the next one that succeeds.

use super::gather::Sides;
use super::planned::Entry;
use super::request::Request;
use crate::exec::foreign;
use crate::exec::runner::{Failure, Runner};
use crate::exec::stderr::Cause;
use crate::model::bookmark_name::TargetTag;
use crate::model::{Dataset, DatasetName};
use crate::plan::transfer::{Plan, Transfer};
use crate::zfs::commands::Zfs;
use std::collections::{BTreeMap, BTreeSet};

/// Which snapshots bear our hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    tag: String,
    source: Held,
    target: Held,
}

/// By their datasets.
type Held = BTreeMap<DatasetName, BTreeSet<String>>;

/// What is to be held and released, in full names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    hold: BTreeSet<String>,
    release: BTreeSet<String>,
}

/// The tag of a run's holds: one for all of it, so that one command can hold or release for all its datasets.
#[must_use]
pub fn tag(request: &Request, pool: u64) -> String {
    let prefix = request.mapping.strip_prefix.as_ref().map_or("", DatasetName::as_str);
    TargetTag::new(pool, &format!("{} {prefix}", request.mapping.target)).to_string()
}

impl Holds {
    /// Looks at both sides. Costs one listing of each, and one command for each that has anybody's holds.
    pub fn look(request: &Request, sides: &Sides, runner: &Runner) -> Result<Option<Self>, Failure> {
        let Some(pool) = sides.target_pool.filter(|_| request.holds) else { return Ok(None) };
        let tag = tag(request, pool);
        let targets = request.roots.iter().filter_map(|root| request.mapping.target_of(root).ok());
        let targets: Vec<_> = targets.filter(|target| sides.is_refused_target(target).is_none()).collect();
        let is_refused = |root: &&DatasetName| sides.refused.iter().any(|(refused, _)| refused == *root);
        let roots: Vec<_> = request.roots.iter().filter(|root| !is_refused(root)).cloned().collect();
        let look = |host, roots: &[DatasetName]| {
            let zfs = Zfs { host, runner };
            let mut held = Held::new();
            for snapshot in zfs.held(roots, request.recursive, &tag)? {
                let parts = snapshot.split_once('@').and_then(|(dataset, name)| Some((dataset.parse().ok()?, name)));
                if let Some((dataset, name)) = parts {
                    held.entry(dataset).or_default().insert(name.to_owned());
                }
            }
            Ok(held)
        };
        let (source, target) = (look(&request.source, &roots)?, look(&request.target, &targets)?);
        Ok(Some(Self { tag, source, target }))
    }

    /// The tag of a run's holds.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Holds, before anything is sent, all of the source that may be the target's newest at any moment from now on, and says whether
    /// there was anything to hold. A backup that is not held is better than none, so what cannot be held is a warning, and its
    /// predecessor stays held; but where only the connection was lost, the next try holds it.
    pub fn hold_first(
        &mut self,
        zfs: Zfs<'_>,
        entries: &[Entry<'_>],
        warnings: &mut Vec<String>,
    ) -> Result<bool, Failure> {
        let mut coming = Held::new();
        for entry in entries {
            let Ok(Plan::Send(transfer)) = &entry.plan else { continue };
            let held = self.source.get(&entry.source.name);
            let names = sent(entry.source, transfer).filter(|name| !held.is_some_and(|held| held.contains(*name)));
            coming.entry(entry.source.name.clone()).or_default().extend(names.map(str::to_owned));
        }
        let full = |(dataset, names): (&DatasetName, &BTreeSet<String>)| {
            names.iter().map(|name| format!("{dataset}@{name}")).collect::<Vec<_>>()
        };
        let names: BTreeSet<String> = coming.iter().flat_map(full).collect();
        let is_any = !names.is_empty();
        match hold(zfs, &self.tag, names) {
            Ok(()) => {
                for (dataset, names) in coming {
                    self.source.entry(dataset).or_default().extend(names);
                }
            }
            Err(failure) if failure.cause.is_unanswered() => return Err(failure),
            Err(failure) => warnings.push(warning(&failure)),
        }
        Ok(is_any)
    }

    /// What the target of a rollback loses although we hold it.
    #[must_use]
    pub fn in_the_way(&self, target: &DatasetName, destroyed: &[String]) -> BTreeSet<String> {
        let held = self.target.get(target);
        let ours = destroyed.iter().filter(|name| held.is_some_and(|held| held.contains(*name)));
        ours.map(|name| format!("{target}@{name}")).collect()
    }

    /// Once both sides have `kept`, the newest common snapshot by its name on each: hold that, release the others.
    #[must_use]
    pub fn after(&self, source: (&DatasetName, Option<&str>), target: (&DatasetName, Option<&str>)) -> [Changes; 2] {
        [(&self.source, source), (&self.target, target)].map(|(side, (dataset, kept))| {
            let none = BTreeSet::new();
            let held = side.get(dataset).unwrap_or(&none);
            let full = |name: &str| format!("{dataset}@{name}");
            Changes {
                hold: kept.into_iter().filter(|name| !held.contains(*name)).map(full).collect(),
                // Without a snapshot to keep, as where only a bookmark is left, what is held is all there is to fall back to.
                release: held.iter().filter(|name| kept.is_some_and(|kept| kept != *name)).map(|n| full(n)).collect(),
            }
        })
    }

    /// What a dataset that is up to date needs: nothing, but after a run that was killed, or where holds are new.
    #[must_use]
    pub fn of_up_to_date(&self, source: &Dataset, target: &Dataset, guid: u64) -> [Changes; 2] {
        let name =
            |dataset: &Dataset| dataset.snapshots().find(|snapshot| snapshot.guid == guid).map(|s| s.name.clone());
        let (ours, theirs) = (name(source), name(target));
        self.after((&source.name, ours.as_deref()), (&target.name, theirs.as_deref()))
    }
}

/// Snapshots of `source` after the base, up to the last that is sent.
fn sent<'a>(source: &'a Dataset, transfer: &Transfer) -> impl Iterator<Item = &'a str> {
    let named = |signed: &str| source.versions.iter().find(|version| version.signed() == signed).map(|v| v.createtxg);
    let base = transfer.steps.first().and_then(|step| named(step.from.as_deref()?)).unwrap_or(0);
    let last = transfer.steps.last().and_then(|step| named(&format!("@{}", step.to))).unwrap_or(0);
    source.snapshots().filter(move |s| base < s.createtxg && s.createtxg <= last).map(|s| s.name.as_str())
}

impl Changes {
    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hold.is_empty() && self.release.is_empty()
    }

    /// Both.
    pub fn add(&mut self, more: Self) {
        self.hold.extend(more.hold);
        self.release.extend(more.release);
    }

    /// Holds, and only then releases. Gives what did not work, as warnings.
    #[must_use]
    pub fn apply(self, zfs: Zfs<'_>, tag: &str) -> Vec<String> {
        // What could not be held leaves its predecessor held.
        if let Err(failure) = hold(zfs, tag, self.hold) {
            return vec![warning(&failure)];
        }
        let released = zfs.release(tag, &self.release.into_iter().collect::<Vec<_>>());
        released.or_else(unless_gone).err().iter().map(warning).collect()
    }
}

fn hold(zfs: Zfs<'_>, tag: &str, names: BTreeSet<String>) -> Result<(), Failure> {
    zfs.hold(tag, &names.into_iter().collect::<Vec<_>>()).or_else(unless_gone)
}

/// What is gone needs no hold; another run may have been faster.
fn unless_gone(failure: Failure) -> Result<(), Failure> {
    if failure.cause == Cause::DoesNotExist { Ok(()) } else { Err(failure) }
}

fn warning(failure: &Failure) -> String {
    format!("holds are not as they should be: {}", foreign::quoted(&failure.reason()))
}

#[cfg(test)]
mod tests {
    use super::{Changes, Held, Holds};

    fn held(all: &[(&str, &[&str])]) -> Held {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        all.iter().map(|(dataset, snapshots)| (dataset.parse().unwrap(), names(snapshots))).collect()
    }

    fn words(changes: &Changes) -> String {
        let all = |sign: &str, names: &std::collections::BTreeSet<String>| {
            names.iter().map(|name| format!("{sign}{name}")).collect::<Vec<_>>()
        };
        [all("+", &changes.hold), all("-", &changes.release)].concat().join(" ")
    }

    #[test]
    fn only_the_newest_common_one_stays_held() {
        let holds = Holds {
            tag: "t".into(),
            source: held(&[("a", &["1", "2", "3"]), ("b", &["1"])]),
            target: held(&[("v/a", &["1"])]),
        };
        let (a, va) = ("a".parse().unwrap(), "v/a".parse().unwrap());
        let [source, target] = holds.after((&a, Some("3")), (&va, Some("3")));
        assert_eq!((words(&source).as_str(), words(&target).as_str()), ("-a@1 -a@2", "+v/a@3 -v/a@1"));
        // The source has only a bookmark of it any more.
        let [source, target] = holds.after((&a, None), (&va, Some("1")));
        assert!(source.is_empty() && target.is_empty());
        let fresh = Holds { tag: "t".into(), ..Holds::default() };
        let [source, target] = fresh.after((&a, Some("3")), (&va, Some("3")));
        assert_eq!((words(&source).as_str(), words(&target).as_str()), ("+a@3", "+v/a@3"));
    }
}
