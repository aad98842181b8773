//! Mirrors deletions, where that is asked for: marks replicas whose sources are missing, and removes those that have been so for long
//! enough. It is the last thing that a run does, by a listing of its own: what is there is not what it was before hours of streams.

use super::gather::{self, Sides};
use super::holds;
use super::orphans::{self, Deletion, Orphan, Removed};
use super::report::Status;
use super::request::Request;
use crate::exec::failure::ErrorReport;
use crate::exec::runner::{Failure, Runner};
use crate::exec::signals;
use crate::model::code::Coded;
use crate::model::marks::{FED, MISSING};
use crate::model::{DatasetName, Kind};
use crate::plan::choice::is_excluded;
use crate::plan::deleted::{AllMarks, DeletedDatasets, Fate, Judged, Marks, Seen, Stays, judge};
use crate::plan::removal::{Blocked, InTheWay, Place, Removal, Removals, removals};
use crate::zfs::commands::Zfs;
use crate::zfs::deleted::REMOVE;
use crate::zfs::parse::Settings;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// A run, as far as mirroring deletions goes.
#[derive(Clone, Copy)]
pub struct Mirror<'a> {
    /// What is asked for.
    pub request: &'a Request,
    /// What runs the commands.
    pub runner: &'a Runner,
    /// Only say what would be done.
    pub dry: bool,
    /// Something of the run has failed.
    pub some_failed: bool,
    /// The guid of the target's pool, where holds are ours.
    pub target_pool: Option<u64>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Mirrored {
    /// All replicas without a source.
    pub orphans: Vec<Orphan>,
    /// Something was, or would be, changed.
    pub changed: bool,
    /// What could not be done.
    pub failures: Vec<String>,
    deletions: BTreeMap<DatasetName, Deletion>,
}

impl Mirror<'_> {
    /// Looks at both sides again, and carries out what is due.
    pub fn of_new_look(&self) -> Result<Mirrored, Failure> {
        self.of(&gather::list(self.request, self.runner)?)
    }

    /// Carries out, or says, what is due by this look at both sides.
    pub fn of(&self, sides: &Sides) -> Result<Mirrored, Failure> {
        let request = self.request;
        let marks = read(self.target().marks(&self.places(sides))?);
        let seen = Seen {
            orphans: orphans::orphaned(request, sides),
            sources: &sides.sources,
            listed: &sides.listed,
            targets: &sides.targets,
            mapping: &request.mapping,
            roots: &request.roots,
            named: &request.named,
            is_excluded: &|name| is_excluded(&request.exclude, &request.named, name),
            marks: &marks,
            now: request.now,
        };
        let judged = judge(&seen, request.deleted.after);
        let orphans = orphans::orphans(request, sides, self.target())?;
        let mut done = Mirrored { orphans, ..Mirrored::default() };
        if self.mark(&judged, &mut done) {
            self.remove(sides, &judged, &mut done)?;
        }
        done.finish();
        Ok(done)
    }

    fn target(&self) -> Zfs<'_> {
        Zfs { host: &self.request.target, runner: self.runner }
    }

    /// Where the roots land that the sending side has.
    fn places(&self, sides: &Sides) -> Vec<DatasetName> {
        let is_there = |root: &&DatasetName| sides.listed.contains_key(*root);
        let targets =
            self.request.roots.iter().filter(is_there).filter_map(|root| self.request.mapping.target_of(root).ok());
        targets.filter(|target| sides.targets.contains_key(target)).collect()
    }

    /// Brings all marks up to date; false where that cannot be done, and so nothing is certain.
    fn mark(&self, judged: &Judged, done: &mut Mirrored) -> bool {
        let target = self.target();
        let marked = || {
            for (guid, names) in &judged.fed {
                target.mark_fed(&names.iter().map(ToString::to_string).collect::<Vec<_>>(), *guid)?;
            }
            judged.found.iter().try_for_each(|name| target.unmark_missing(name))?;
            let noticed = judged.fates.iter().filter_map(|(name, fate)| match fate {
                Fate::Noticed(absence) => Some((name, absence)),
                _ => None,
            });
            noticed.into_iter().try_for_each(|(name, absence)| target.mark_missing(name, absence))
        };
        let result = if self.dry { Ok(()) } else { marked() };
        for (name, fate) in &judged.fates {
            done.deletions.insert(name.clone(), self.of_fate(fate, result.as_ref().err()));
            done.changed |= result.is_ok() && matches!(fate, Fate::Noticed(_));
        }
        done.changed |= result.is_ok() && !(judged.fed.is_empty() && judged.found.is_empty());
        if let Err(failure) = &result {
            done.failures.push(format!("deletions are not mirrored, for replicas could not be marked: {failure}"));
        }
        result.is_ok()
    }

    fn of_fate(&self, fate: &Fate, failed: Option<&Failure>) -> Deletion {
        let status = if self.dry { Status::Planned } else { Status::Ok };
        match fate {
            Fate::Stays(stays) => {
                let since = match stays {
                    Stays::Recent { since } => Some(since.as_second()),
                    _ => None,
                };
                kept(stays, since)
            }
            Fate::Noticed(absence) => {
                let noticed = Deletion::of(Removed::Mark, status, Some(absence.since.as_second()));
                failed.map_or(noticed, |failure| failed_of(Removed::Mark, None, failure))
            }
            Fate::Due { since } => Deletion::of(Removed::Keep, Status::Skipped, Some(since.as_second())),
        }
    }

    fn remove(&self, sides: &Sides, judged: &Judged, done: &mut Mirrored) -> Result<(), Failure> {
        let due = judged.fates.iter().filter_map(|(name, fate)| match fate {
            Fate::Due { since } => Some((name.clone(), *since)),
            _ => None,
        });
        let due: BTreeMap<DatasetName, Timestamp> = due.collect();
        if due.is_empty() {
            return Ok(());
        }
        let (what, action) = (self.request.deleted.what, self.action());
        let names: BTreeSet<DatasetName> = due.keys().cloned().collect();
        if self.some_failed {
            for (name, since) in &due {
                done.deletions.insert(name.clone(), kept(&Blocked::RunFailed, Some(since.as_second())));
            }
            return Ok(());
        }
        let way = if action == Removed::Destroy { self.in_the_way(&names)? } else { InTheWay::default() };
        let fed = orphans::fed(self.request, sides);
        let place =
            Place { targets: &sides.targets, target: &self.request.mapping.target, stamp: &sides.stamp, fed: &fed };
        let removals = removals(&names, &place, &way, (what, self.request.deleted.most));
        for (name, blocked) in &removals.blocked {
            let since = due.get(name).map(|since| since.as_second());
            let deletion = if blocked.is_failure() { refused(action, since, blocked) } else { kept(blocked, since) };
            done.deletions.insert(name.clone(), deletion);
        }
        self.carry_out(sides, &removals, &due, done);
        Ok(())
    }

    /// What keeps replicas from being destroyed. Our own holds do not: they were for a source that is no more.
    fn in_the_way(&self, names: &BTreeSet<DatasetName>) -> Result<InTheWay, Failure> {
        let (target, all) = (self.target(), names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut way = InTheWay { mounted: target.mounted(&all)?, ..InTheWay::default() };
        let kept = target.kept(&all)?;
        let held: Vec<String> = kept.iter().filter(|kept| kept.holds > 0).map(|kept| kept.snapshot.clone()).collect();
        let ours = self.our_holds(&held)?;
        for kept in kept {
            if kept.holds > u64::from(ours.contains(&kept.snapshot)) {
                way.held.insert(kept.dataset.clone(), kept.snapshot.clone());
            }
            if kept.cloned {
                way.cloned.insert(kept.dataset, kept.snapshot);
            }
        }
        Ok(way)
    }

    fn our_holds(&self, held: &[String]) -> Result<Vec<String>, Failure> {
        match self.target_pool.filter(|_| self.request.holds && !held.is_empty()) {
            Some(pool) => self.target().holds(held, &holds::tag(self.request, pool)),
            None => Ok(Vec::new()),
        }
    }

    fn carry_out(
        &self,
        sides: &Sides,
        removals: &Removals,
        due: &BTreeMap<DatasetName, Timestamp>,
        done: &mut Mirrored,
    ) {
        let mut ended: BTreeMap<DatasetName, Result<Option<DatasetName>, Failure>> = BTreeMap::new();
        for step in &removals.steps {
            if signals::received().is_some() {
                break;
            }
            let (Removal::Destroy(name, _) | Removal::DestroyPlaceholder(name) | Removal::SetAside(name, _)) = step;
            let below = ended.iter().find(|(below, ended)| ended.is_err() && below.below(name).is_some());
            let result = match below {
                Some((_, Err(failure))) => Err(failure.clone()),
                _ if self.dry => Ok(()),
                _ => self.take(sides, step),
            };
            done.changed |= result.is_ok();
            let to = if let Removal::SetAside(_, to) = step { Some(to.clone()) } else { None };
            ended.insert(name.clone(), result.map(|()| to));
        }
        let status = if self.dry { Status::Planned } else { Status::Ok };
        for name in &removals.going {
            // What is below goes along with what is moved. What was not come to any more stays.
            let along = || ended.iter().find(|(step, _)| self.moves() && name.below(step).is_some());
            let Some((step, result)) = ended.get_key_value(name).or_else(along) else { continue };
            let since = due.get(name).map(|since| since.as_second());
            let deletion = match result {
                Err(failure) => failed_of(self.action(), since, failure),
                Ok(to) => {
                    let aside = to.as_ref().and_then(|to| name.moved(step, to)?.ok());
                    let set_aside = aside.map(|aside| aside.to_string());
                    Deletion { set_aside, ..Deletion::of(self.action(), status, since) }
                }
            };
            done.deletions.insert(name.clone(), deletion);
        }
    }

    fn moves(&self) -> bool {
        self.request.deleted.what == DeletedDatasets::SetAside
    }

    fn action(&self) -> Removed {
        if self.moves() { Removed::SetAside } else { Removed::Destroy }
    }

    fn take(&self, sides: &Sides, step: &Removal) -> Result<(), Failure> {
        let target = self.target();
        match step {
            Removal::DestroyPlaceholder(name) => target.destroy_empty(name),
            Removal::Destroy(name, snapshots) => {
                if sides.targets.get(name).is_some_and(|dataset| dataset.partial.is_some()) {
                    target.discard_partial(name)?;
                }
                if let Some(pool) = self.target_pool.filter(|_| self.request.holds) {
                    let tag = holds::tag(self.request, pool);
                    let all: Vec<String> = snapshots.iter().map(|snapshot| format!("{name}@{snapshot}")).collect();
                    target.release(&tag, &target.holds(&all, &tag)?)?;
                }
                target.destroy_replica(name, snapshots)
            }
            Removal::SetAside(from, to) => {
                let kind = sides.targets.get(from).map_or(Kind::Filesystem, |dataset| dataset.kind);
                if let Some(place) = to.parent() {
                    let above = sides.targets.get(&self.request.mapping.target);
                    target.create_parent(&place, above.is_some_and(|above| above.locked))?;
                }
                target.rename(REMOVE, kind, from, to)
            }
        }
    }
}

impl Mirrored {
    /// Tells of each replica what became of it.
    fn finish(&mut self) {
        let mut failures: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for orphan in &mut self.orphans {
            let name: Option<DatasetName> = orphan.target.parse().ok();
            orphan.deletion = name.and_then(|name| self.deletions.remove(&name));
            let failed = orphan.deletion.as_ref().filter(|deletion| deletion.status == Status::Failed);
            // Where none could be marked, that is told once.
            if let Some(deletion) = failed.filter(|deletion| deletion.action != Removed::Mark) {
                failures.entry(deletion.reason.clone().unwrap_or_default()).or_default().push(orphan.target.clone());
            }
        }
        self.failures.extend(failures.into_iter().map(|(reason, targets)| format!("{}: {reason}", targets.join(", "))));
    }
}

fn kept(why: &(impl Coded + Display), since: Option<i64>) -> Deletion {
    Deletion { code: Some(why.code()), reason: Some(why.to_string()), ..Deletion::of(Removed::Keep, Status::Ok, since) }
}

fn refused(action: Removed, since: Option<i64>, why: &(impl Coded + Display)) -> Deletion {
    let error = Some(ErrorReport::of_plan(why));
    Deletion { reason: Some(why.to_string()), error, ..Deletion::of(action, Status::Failed, since) }
}

fn failed_of(action: Removed, since: Option<i64>, failure: &Failure) -> Deletion {
    let error = Some(ErrorReport::from(failure));
    Deletion { reason: Some(failure.to_string()), error, ..Deletion::of(action, Status::Failed, since) }
}

/// What the marks say; what cannot be read says nothing.
fn read(settings: Settings) -> AllMarks {
    let marks = |settings: Vec<(String, String)>| {
        let value = |name: &str| settings.iter().find(|(property, _)| property == name).map(|(_, value)| value);
        Marks {
            fed: value(FED).and_then(|value| value.parse().ok()),
            missing: value(MISSING).map(|value| value.parse().ok()),
        }
    };
    settings.into_iter().map(|(name, settings)| (name, marks(settings))).collect()
}
