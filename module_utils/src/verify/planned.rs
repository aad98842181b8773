//! What is compared of each replica, and in which order. Pure.

use super::choose::{self, NotComparable};
use super::gather::Sides;
use super::memory::{Memory, Pass, Remembered};
use super::report::{Report, Status};
use crate::exec::failure::ErrorReport;
use crate::exec::runner::Failure;
use crate::model::code::Coded;
use crate::model::{Dataset, DatasetName};
use crate::plan::mapping::Mapping;

/// One replica, and what is to be done about it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What is known so far.
    pub report: Report,
    /// What is remembered of it.
    pub remembered: Remembered,
    /// What is compared; none if nothing can be.
    pub work: Option<Work>,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// `DATASET@SNAPSHOT` of both sides.
    pub snapshots: [String; 2],
    /// Their guid.
    pub guid: u64,
    /// As they are stored, encrypted.
    pub raw: bool,
    /// Where it begins, and what it is of.
    pub pass: Pass,
    /// It begins where an earlier run was.
    pub goes_on: bool,
}

/// All replicas, in the order in which they have their turn.
#[must_use]
pub fn plan(sides: &Sides, mapping: &Mapping, memory: &Memory, now: i64) -> Vec<Planned> {
    let mut all: Vec<Planned> = sides.sources.values().map(|source| one(sides, mapping, memory, now, source)).collect();
    let missing = |source: &DatasetName| NotComparable::NoSource { source_name: source.to_string() };
    all.extend(sides.missing.iter().map(|source| not_comparable(known(mapping, memory, source), &missing(source))));
    let unclear = sides.not_chosen.refused.iter();
    all.extend(unclear.map(|(source, why)| not_comparable(known(mapping, memory, source), why)));
    all.extend(sides.refused.iter().map(|(source, failure)| refused(known(mapping, memory, source), failure)));
    // What was found to be wrong is looked at again at once; then what was not looked at for longest. The order of names decides last.
    all.sort_by_key(|planned| (planned.remembered.problem.is_none(), planned.remembered.looked_at));
    all
}

/// What is remembered of a dataset.
fn known(mapping: &Mapping, memory: &Memory, source: &DatasetName) -> Planned {
    let place = mapping.target_of(source);
    let target = place.as_ref().map_or_else(|unmapped| unmapped.name().to_owned(), ToString::to_string);
    let remembered = memory.of(source.as_str(), &target);
    let report = Report {
        source: source.to_string(),
        target,
        verified_at: remembered.verified_at,
        verified_snapshot: remembered.verified_snapshot.clone(),
        ..Report::default()
    };
    Planned { report, remembered, work: None }
}

fn not_comparable(mut planned: Planned, why: &(impl Coded + std::fmt::Display)) -> Planned {
    planned.report.status = Status::NotComparable;
    planned.report.error = Some(ErrorReport::of_plan(why));
    planned
}

/// What cannot even be looked at.
fn refused(mut planned: Planned, failure: &Failure) -> Planned {
    planned.report.status = Status::Failed;
    planned.report.error = Some(ErrorReport::from(failure));
    planned
}

fn one(sides: &Sides, mapping: &Mapping, memory: &Memory, now: i64, source: &Dataset) -> Planned {
    let mut planned = known(mapping, memory, &source.name);
    let at = planned.report.target.clone();
    if source.snapshots().next().is_none() {
        planned.report.status = Status::NoSnapshots;
        return planned;
    }
    let place = mapping.target_of(&source.name).ok();
    let is_at = |(root, _): &&(DatasetName, Failure)| place.as_ref().is_some_and(|place| place.below(root).is_some());
    if let Some((_, failure)) = sides.refused_targets.iter().find(is_at) {
        return refused(planned, failure);
    }
    let target = place.and_then(|place| sides.targets.get(&place));
    match work(sides, source, target, &at, planned.remembered.pass.as_ref(), now) {
        Ok(work) => {
            planned.report.snapshot = work.snapshots[0].split_once('@').map(|(_, snapshot)| snapshot.to_owned());
            planned.report.guid = Some(work.guid.to_string());
            planned.report.method = Some(if work.raw { "raw" } else { "plain" });
            planned.report.from_object = work.goes_on.then_some(work.pass.object);
            planned.work = Some(work);
        }
        Err(why) => return not_comparable(planned, &why),
    }
    planned
}

fn work(
    sides: &Sides,
    source: &Dataset,
    target: Option<&Dataset>,
    place: &str,
    pass: Option<&Pass>,
    now: i64,
) -> Result<Work, NotComparable> {
    let common = choose::common(source, target, place, pass)?;
    let target = target.ok_or_else(|| NotComparable::NoReplica { target: place.to_owned() })?;
    let snapshots = [format!("{}@{}", source.name, common.source.name), format!("{place}@{}", common.target.name)];
    let ivset = |side: usize| sides.ivsets[side].get(&snapshots[side]).copied();
    let raw = choose::is_raw(source, target, ivset(0), ivset(1))?;
    let guid = common.source.guid;
    let begun = pass.cloned();
    let goes_on = begun.is_some();
    let anew = Pass { snapshot: String::new(), guid, since: now, object: 0, offset: 0, bytes: 0 };
    let pass = Pass { snapshot: common.source.name.clone(), guid, ..begun.unwrap_or(anew) };
    Ok(Work { snapshots, guid, raw, pass, goes_on })
}

#[cfg(test)]
mod tests {
    use super::{Planned, plan};
    use crate::model::{Dataset, Version, VersionKind};
    use crate::plan::mapping::Mapping;
    use crate::verify::gather::Sides;
    use crate::verify::memory::{Memory, Pass, Remembered};
    use crate::verify::report::Status;

    fn dataset(name: &str, guids: &[u64]) -> (crate::model::DatasetName, Dataset) {
        let mut dataset = Dataset::empty(name.parse().unwrap(), 99);
        let version = |guid: &u64| Version::listed(VersionKind::Snapshot, format!("s{guid}"), *guid, *guid);
        dataset.versions = guids.iter().map(version).collect();
        (dataset.name.clone(), dataset)
    }

    fn planned(memory: &Memory) -> Vec<Planned> {
        let sides = Sides {
            sources: [
                dataset("t", &[]),
                dataset("t/a", &[1, 2]),
                dataset("t/b", &[3]),
                dataset("t/c", &[4]),
                dataset("t/d", &[5]),
            ]
            .into(),
            targets: [dataset("v/t/a", &[1, 2]), dataset("v/t/b", &[3]), dataset("v/t/c", &[9])].into(),
            ..Sides::default()
        };
        let mapping = Mapping { target: "v".parse().unwrap(), strip_prefix: None };
        plan(&sides, &mapping, memory, 1000)
    }

    fn told(all: &[Planned]) -> Vec<(&str, Status, Option<u64>)> {
        all.iter().map(|one| (one.report.source.as_str(), one.report.status, one.report.from_object)).collect()
    }

    #[test]
    fn each_has_its_turn_and_what_was_wrong_comes_first() {
        let mut memory = Memory::default();
        let first = planned(&memory);
        assert_eq!(
            told(&first),
            [
                ("t", Status::NoSnapshots, None),
                ("t/a", Status::Waiting, None),
                ("t/b", Status::Waiting, None),
                ("t/c", Status::NotComparable, None),
                ("t/d", Status::NotComparable, None)
            ]
        );
        let work = first[1].work.as_ref().unwrap();
        assert_eq!((work.snapshots[1].as_str(), work.guid, work.goes_on), ("v/t/a@s2", 2, false));
        let codes = first[3..].iter().map(|one| one.report.error.as_ref().unwrap().code);
        assert_eq!(codes.collect::<Vec<_>>(), ["no_common_snapshot", "no_replica"]);
        let pass = Pass { snapshot: "s1".into(), guid: 1, since: 7, object: 50, offset: 0, bytes: 9 };
        let seen = |source: &str, at| Remembered { looked_at: Some(at), ..memory.of(source, &format!("v/{source}")) };
        let (a, b) = (Remembered { pass: Some(pass), ..seen("t/a", 20) }, seen("t/b", 10));
        let d = Remembered { problem: Some(Status::NotComparable), ..seen("t/d", 30) };
        for one in [a, b, d] {
            memory.keep(one);
        }
        let next = planned(&memory);
        let order: Vec<&str> = next.iter().map(|one| one.report.source.as_str()).collect();
        assert_eq!(order, ["t/d", "t", "t/c", "t/b", "t/a"]);
        let work = next[4].work.as_ref().unwrap();
        assert_eq!((work.snapshots[0].as_str(), next[4].report.from_object), ("t/a@s1", Some(50)));
        assert_eq!((work.pass.since, work.pass.bytes), (7, 9));
    }
}
