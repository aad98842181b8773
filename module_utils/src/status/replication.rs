//! Each dataset on its way from a source to a target, and how new what the target has is. Pure.

use super::coverage::length;
use super::jobs::{Known, ReplicateOptions, at};
use super::model::{At, Dataset, Job, Replica, Role, Snapshot};
use super::snapshots::Times;
use crate::model::DatasetName;
use crate::model::bookmark_name::BookmarkName;
use crate::model::glob::Globs;
use crate::plan::choice::is_excluded;
use crate::plan::mapping::{Mapping, without_overlaps};
use crate::plan::period::Interval;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Where nothing tells how often snapshots are taken.
const UNKNOWN_INTERVAL: Interval = Interval::Daily;

/// What is here, by name.
pub type Here<'a> = HashMap<&'a str, &'a Dataset>;

/// A job of `zfs_replicate` with its names read.
pub struct Course {
    options: ReplicateOptions,
    sources: Vec<DatasetName>,
    mapping: Mapping,
    exclude: Globs,
}

impl Course {
    /// Reads names and globs.
    pub fn new(options: ReplicateOptions) -> Result<Self, String> {
        let parse = |name: &String| name.parse::<DatasetName>().map_err(|error| error.to_string());
        let strip_prefix = options.strip_prefix.as_ref().filter(|prefix| !prefix.is_empty()).map(parse).transpose()?;
        Ok(Self {
            sources: options.source.iter().map(parse).collect::<Result<_, _>>()?,
            mapping: Mapping { target: parse(&options.target)?, strip_prefix },
            exclude: Globs::new(&options.exclude)?,
            options,
        })
    }

    fn direction(&self) -> &'static str {
        match (&self.options.source_host, &self.options.target_host) {
            (None, None) => "local",
            (Some(_), None) => "pull",
            (None, Some(_)) => "push",
            (Some(_), Some(_)) => "relay",
        }
    }

    /// The name that a pair has on this host; none if it is on neither side.
    fn local<'n>(&self, source: &'n str, target: &'n str) -> Option<&'n str> {
        match self.direction() {
            "pull" | "local" => Some(target),
            "push" => Some(source),
            _ => None,
        }
    }

    fn includes(&self, source: &DatasetName) -> bool {
        let is_root = self.sources.contains(source);
        if self.options.children_only && without_overlaps(&self.sources, self.options.recursive).contains(source) {
            return false;
        }
        let is_below = || self.options.recursive && self.sources.iter().any(|root| source.below(root).is_some());
        !is_excluded(&self.exclude, &self.sources, source) && (is_root || is_below())
    }

    /// Where a target comes from.
    fn source_of(&self, target: &DatasetName) -> Option<DatasetName> {
        let path = target.below(&self.mapping.target)?;
        match &self.mapping.strip_prefix {
            Some(prefix) => prefix.join(path).ok(),
            None => path.parse().ok(),
        }
    }

    /// All pairs: those that are listed, those that the last run had, and those that are here; but not those that the last run left out,
    /// as they said so.
    fn pairs(&self, result: &Reports, left_out: &BTreeSet<&str>, here: &Here<'_>) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut add = |source: &DatasetName| {
            if let Ok(target) = self.mapping.target_of(source) {
                pairs.push((source.to_string(), target.to_string()));
            }
        };
        self.sources.iter().filter(|source| self.includes(source)).for_each(&mut add);
        let names = here.keys().filter_map(|name| name.parse::<DatasetName>().ok());
        for name in names.filter(|name| !here[name.as_str()].placeholder) {
            match self.direction() {
                "pull" | "local" if here[name.as_str()].role == Role::Replica => {
                    self.source_of(&name).filter(|source| self.includes(source)).iter().for_each(&mut add);
                }
                "push" if self.includes(&name) => add(&name),
                _ => {}
            }
        }
        // What is gone on purpose is no replica any more.
        let is_there =
            |(_, report): &(&(String, String), &Map<String, Value>)| report.get("status") != Some(&"vanished".into());
        pairs.extend(result.iter().filter(is_there).map(|(pair, _)| pair.clone()));
        pairs.retain(|pair| !left_out.contains(pair.0.as_str()) || result.contains_key(pair));
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }
}

/// The reports of a result, by source and target.
type Reports = BTreeMap<(String, String), Map<String, Value>>;

/// A list of a result.
fn list<'a>(known: &'a Known, key: &str) -> &'a [Value] {
    known.result.as_ref().and_then(|result| result.get(key)?.as_array()).map_or(&[], Vec::as_slice)
}

/// Sources that say of themselves that they are not to be replicated.
fn left_out(known: &Known) -> BTreeSet<&str> {
    list(known, "left_out").iter().filter_map(|one| one.get("source")?.as_str()).collect()
}

fn reports(known: &Known) -> Reports {
    let word = |report: &Map<String, Value>, key: &str| report.get(key).and_then(Value::as_str).map(str::to_owned);
    let pair = |report: &Value| {
        let report = report.as_object()?;
        Some(((word(report, "source")?, word(report, "target")?), report.clone()))
    };
    list(known, "datasets").iter().filter_map(pair).collect()
}

/// When the snapshot was taken that a report says the target has. Its job has asked while it was there; it may be gone from here.
fn created(report: &Map<String, Value>) -> Option<At> {
    report.get("to_created")?.as_str()?.parse::<Timestamp>().ok().map(At::from)
}

/// Snapshots of this host whose times tell how new a target is.
#[must_use]
pub fn questions(course: &Course, known: &Known) -> Vec<String> {
    let question = |((source, target), report): (&(String, String), &Map<String, Value>)| {
        let to = report.get("to").and_then(Value::as_str).filter(|_| created(report).is_none())?;
        Some(format!("{}@{}", course.local(source, target)?, to.trim_start_matches('@')))
    };
    reports(known).iter().filter_map(question).collect()
}

/// What the replicas of a job are judged by.
pub struct Evidence<'a> {
    /// The job.
    pub job: &'a Job,
    /// What is known of it.
    pub known: &'a Known,
    /// The datasets of this host.
    pub here: &'a Here<'a>,
    /// When snapshots of this host were taken, pool by pool.
    pub times: &'a [&'a Times],
    /// Length of the shortest interval.
    pub frequently_minutes: u32,
    /// The moment.
    pub now: i64,
}

/// The replicas of a job.
#[must_use]
pub fn replicas(course: &Course, evidence: &Evidence<'_>) -> Vec<Replica> {
    let (reports, none) = (reports(evidence.known), Map::new());
    let pairs = course.pairs(&reports, &left_out(evidence.known), evidence.here);
    pairs.into_iter().map(|pair| replica(course, evidence, reports.get(&pair).unwrap_or(&none), &pair)).collect()
}

/// One of them, with what the last run said about it, which is empty if it said nothing.
fn replica(course: &Course, evidence: &Evidence<'_>, last: &Map<String, Value>, pair: &(String, String)) -> Replica {
    let Evidence { job, known, here, now, .. } = evidence;
    let (source, target) = pair;
    let local = course.local(source, target).and_then(|name| here.get(name).copied());
    let newest = newest(course, pair, last, local, evidence.times);
    let word = |key: &str| last.get(key).and_then(Value::as_str);
    let number = |key: &str| last.get(key).and_then(Value::as_u64);
    let (status, is_bare) = (word("status").unwrap_or("never"), word("action") == Some("no_snapshots"));
    let is_ok = status == "ok";
    let of_source = local.filter(|_| course.direction() == "push").and_then(|source| source.snapshots.as_ref());
    let name = |snapshot: Option<&Snapshot>| snapshot.map(|snapshot| snapshot.name.clone());
    let has_newest = of_source.is_none_or(|all| name(all.newest.as_ref()) == name(newest.as_ref()));
    // Where the source is here, it is known whether it has anything newer.
    let nothing_newer = is_ok && has_newest && of_source.is_some_and(|all| !all.is_overdue());
    let max_age_seconds = job.max_age_seconds + length(finest(local), evidence.frequently_minutes);
    let since = since(course, target, newest.as_ref(), job, here);
    let overdue_at = (!nothing_newer && !is_bare).then(|| since.map_or(At::EVER, |since| since.plus(max_age_seconds)));
    let finished = known.result.as_ref().and_then(|result| at(result, "finished"));
    Replica {
        name: job.name.clone(),
        direction: course.direction(),
        source_host: course.options.source_host.clone(),
        source: source.clone(),
        target_host: course.options.target_host.clone(),
        target: target.clone(),
        newest,
        up_to_date: is_ok && has_newest,
        status: if is_ok && is_bare { "no_snapshots" } else { status }.to_owned(),
        error: last.get("error").and_then(said),
        last_bytes: number("bytes"),
        last_snapshots: number("snapshots"),
        last_seconds: last.get("seconds").and_then(Value::as_f64),
        last_run_at: finished.filter(|_| !last.is_empty()),
        last_success_at: if is_ok { finished } else { job.last_success_at },
        max_age_seconds,
        overdue_at,
        overdue: overdue_at.is_some_and(|at| *now > at.0),
        verification: None,
    }
}

/// Since when the target has nothing newer. What has nothing yet has had its time since the job was set up; where it is not known what
/// the target has, its last run tells.
fn since(course: &Course, target: &str, newest: Option<&Snapshot>, job: &Job, here: &Here<'_>) -> Option<At> {
    let pool = target.split('/').next().unwrap_or(target);
    let is_listed = matches!(course.direction(), "pull" | "local") && here.contains_key(pool);
    match newest {
        Some(newest) => newest.created_at,
        None if is_listed => job.declared_at,
        None => job.last_success_at.max(job.declared_at),
    }
}

/// What a run said about why it failed.
pub(super) fn said(error: &Value) -> Option<String> {
    let of = |key: &str| error.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    of("caused_by").or_else(|| of("stderr")).map(str::to_owned)
}

/// The newest snapshot that both have: the one that the last run says, where this host can tell when it was taken; else, where the
/// target is here, the newest that it has, for whoever received it.
fn newest(
    course: &Course,
    (source, target): &(String, String),
    report: &Map<String, Value>,
    local: Option<&Dataset>,
    times: &[&Times],
) -> Option<Snapshot> {
    let to = report.get("to").and_then(Value::as_str).map(|to| to.trim_start_matches('@'));
    let guid = |key: &str| report.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let told = to.and_then(|to| {
        let here = || {
            let name = format!("{}@{to}", course.local(source, target)?);
            times.iter().find_map(|of_pool| of_pool.get(&name)).copied()
        };
        let created = created(report).or_else(here)?;
        Some(Snapshot { name: to.to_owned(), guid: guid("to_guid"), created_at: Some(created) })
    });
    let of_target = || local.filter(|_| course.direction() != "push")?.snapshots.as_ref()?.newest.clone();
    // The bookmark on the source stays where the result is that of a later run that failed, or is lost.
    let bookmarked = || {
        let confirmed = local.filter(|_| course.direction() == "push")?.confirmed.iter();
        let newest = confirmed.filter(|one| one.target_id.is_of_place(target)).max_by_key(|one| one.created_at)?;
        let guid =
            newest.bookmark.parse().map_or_else(|_| String::new(), |name: BookmarkName| name.snapshot.to_string());
        Some(Snapshot { name: format!("#{}", newest.bookmark), guid, created_at: newest.created_at })
    };
    match report.get("status").and_then(Value::as_str) {
        Some("ok") => told.or_else(of_target),
        _ => of_target().or(told),
    }
    .or_else(bookmarked)
}

/// The shortest interval that snapshots come in.
fn finest(local: Option<&Dataset>) -> Interval {
    let Some(snapshots) = local.and_then(|dataset| dataset.snapshots.as_ref()) else { return UNKNOWN_INTERVAL };
    let kept = || snapshots.each().find(|(_, of)| of.kept > 0).map(|(interval, _)| interval);
    snapshots.finest_wanted().map(|(interval, _)| interval).or_else(kept).unwrap_or(UNKNOWN_INTERVAL)
}

#[cfg(test)]
#[path = "replication_tests.rs"]
mod tests;
