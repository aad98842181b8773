//! What the jobs `snapshot` and `prune` left of what they listed, so that nobody has to list it again (`policy/kept.rs` writes it). Pure.

use super::jobs::{Known, at};
use super::model::{At, OfInterval, Snapshot, Snapshots};
use crate::plan::period::Interval;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

#[derive(Deserialize)]
struct Dataset {
    total: u64,
    other: u64,
    intervals: BTreeMap<Interval, OfOne>,
}

#[derive(Deserialize)]
struct OfOne {
    kept: u64,
    newest: End,
    oldest: End,
}

#[derive(Deserialize)]
struct End {
    snapshot: String,
    guid: Option<String>,
    created_at: Option<String>,
}

/// Snapshots by dataset, with the end of the run that listed them.
#[derive(Debug, Default)]
pub struct Kept(HashMap<String, (At, Snapshots)>);

impl Kept {
    /// Of both jobs, whichever ran last. What is not understood is not used: it is listed then.
    #[must_use]
    pub fn of_jobs(jobs: &BTreeMap<String, Known>) -> Self {
        let mut kept: HashMap<String, (At, Snapshots)> = HashMap::new();
        for known in ["snapshot", "prune"].iter().filter_map(|name| jobs.get(*name)) {
            let Some(result) = &known.result else { continue };
            let (Some(finished), Some(Value::Object(datasets))) = (at(result, "finished"), result.get("kept")) else {
                continue;
            };
            for (name, dataset) in datasets {
                let Ok(dataset) = Dataset::deserialize(dataset) else { continue };
                if kept.get(name).is_none_or(|(before, _)| *before <= finished) {
                    kept.insert(name.clone(), (finished, read(dataset)));
                }
            }
        }
        Self(kept)
    }

    /// How a dataset stood after that moment; none if no job has listed it since.
    #[must_use]
    pub fn after(&self, dataset: &str, moment: At) -> Option<&Snapshots> {
        self.0.get(dataset).filter(|(finished, _)| *finished > moment).map(|(_, snapshots)| snapshots)
    }
}

fn read(dataset: Dataset) -> Snapshots {
    let of = |(interval, of): (Interval, OfOne)| {
        let (newest, oldest) = (Some(end(of.newest)), Some(end(of.oldest)));
        (interval, Box::new(OfInterval { kept: of.kept, newest, oldest, ..OfInterval::default() }))
    };
    let there: BTreeMap<Interval, Box<OfInterval>> = dataset.intervals.into_iter().map(of).collect();
    let none = Interval::ALL.into_iter().map(|interval| (interval, Box::default()));
    let newest = there.values().filter_map(|of| of.newest.clone()).max_by_key(|newest| newest.created_at);
    let intervals = none.chain(there).collect();
    Snapshots { total: dataset.total, other: dataset.other, newest, intervals }
}

fn end(end: End) -> Snapshot {
    let moment = end.created_at.and_then(|text| text.parse::<Timestamp>().ok());
    Snapshot { name: end.snapshot, guid: end.guid.unwrap_or_default(), created_at: moment.map(At::from) }
}

#[cfg(test)]
mod tests {
    use super::Kept;
    use crate::plan::period::Interval;
    use crate::status::jobs::Known;
    use crate::status::model::At;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn known(finished: i64, total: u64) -> Known {
        let end = json!({"snapshot": "s", "guid": "7", "created_at": "1970-01-01T00:01:40Z"});
        let daily = json!({"kept": 2, "newest": end, "oldest": {"snapshot": "r", "guid": null, "created_at": null}});
        let kept =
            json!({"tank/a": {"total": total, "other": 1, "intervals": {"daily": daily}}, "tank/b": {"total": "many"}});
        let Value::Object(result) = json!({"finished": finished, "kept": kept}) else { unreachable!() };
        Known { result: Some(result), ..Known::default() }
    }

    #[test]
    fn the_last_run_counts_and_only_for_what_is_older() {
        let jobs = BTreeMap::from([("snapshot".to_owned(), known(50, 3)), ("prune".to_owned(), known(40, 9))]);
        let kept = Kept::of_jobs(&jobs);
        assert!(kept.after("tank/a", At(50)).is_none() && kept.after("tank/b", At(0)).is_none());
        let found = kept.after("tank/a", At(49)).unwrap();
        assert_eq!((found.total, found.other, found.intervals.len()), (3, 1, 6));
        assert_eq!(found.newest.as_ref().unwrap().created_at, Some(At(100)));
        assert_eq!(found.intervals[&Interval::Daily].oldest.as_ref().unwrap().created_at, None);
    }
}
