//! What of each dataset is left when a job has done its work, for those who would have to list it all again to know.

use crate::exec::runner::Runner;
use crate::exec::ssh::Host;
use crate::plan::naming::Name;
use crate::plan::period::Interval;
use crate::zfs::commands::Zfs;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// Snapshots of one interval.
#[derive(Clone, Debug, Default)]
struct Ends {
    kept: u64,
    newest: String,
    oldest: String,
}

/// Snapshots of a dataset.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    total: u64,
    other: u64,
    intervals: [Ends; 6],
}

/// Snapshots of datasets, by their paths.
pub type Left = BTreeMap<String, Counted>;

impl Counted {
    /// One that is newer than all that were added before.
    pub fn add(&mut self, name: &str, parsed: &Name) {
        self.total += 1;
        let Name::Ours(_, interval) = parsed else {
            self.other += 1;
            return;
        };
        let ends = &mut self.intervals[*interval as usize];
        if ends.kept == 0 {
            ends.oldest.push_str(name);
        }
        ends.kept += 1;
        // There may be a million: no new text for each.
        ends.newest.clear();
        ends.newest.push_str(name);
    }

    fn telling(&self) -> impl Iterator<Item = &str> {
        let some = self.intervals.iter().filter(|ends| ends.kept > 0);
        some.flat_map(|ends| [ends.newest.as_str(), ends.oldest.as_str()])
    }

    fn shown(&self, dataset: &str, asked: &HashMap<String, Asked>) -> Value {
        let end = |name: &str| {
            let asked = asked.get(&format!("{dataset}@{name}"));
            let (guid, created_at) = (asked.map(|it| &it.guid), asked.map(|it| &it.created_at));
            json!({"snapshot": name, "guid": guid, "created_at": created_at})
        };
        let of = |interval: Interval| {
            let Ends { kept, newest, oldest } = &self.intervals[interval as usize];
            let ends = json!({"kept": kept, "newest": end(newest), "oldest": end(oldest)});
            (*kept > 0).then(|| (interval.to_string(), ends))
        };
        let intervals: Map<String, Value> = Interval::ALL.into_iter().filter_map(of).collect();
        json!({"total": self.total, "other": self.other, "intervals": intervals})
    }
}

/// What the listings do not tell.
struct Asked {
    guid: String,
    created_at: String,
}

/// More are not asked about: what is not known can be asked for by whoever wants to know.
const MOST: usize = 20_000;

/// The counts, with identity and time of the newest and oldest of each interval, which one question tells.
#[must_use]
pub fn shown(left: &Left, runner: &Runner) -> Value {
    let full = |(dataset, counted): (&String, &Counted)| {
        counted.telling().map(|name| format!("{dataset}@{name}")).collect::<Vec<_>>()
    };
    let mut names: Vec<String> = left.iter().flat_map(full).collect();
    names.dedup();
    let mut asked = HashMap::new();
    if names.len() <= MOST {
        let zfs = Zfs { host: &Host::Local, runner };
        let answer = zfs.snapshots(&names, "name,guid,creation", &mut |fields| {
            let [name, guid, creation] = fields else { return None };
            let created_at = Timestamp::from_second(creation.parse().ok()?).ok()?.to_string();
            asked.insert((*name).to_owned(), Asked { guid: (*guid).to_owned(), created_at });
            Some(())
        });
        if answer.is_err() {
            // Half an answer to nothing but a courtesy.
            asked.clear();
        }
    }
    let of = |(dataset, counted): (&String, &Counted)| (dataset.clone(), counted.shown(dataset, &asked));
    Value::Object(left.iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::{Counted, Left, shown};
    use crate::exec::runner::Runner;
    use crate::plan::naming::parse;
    use serde_json::json;

    #[test]
    fn what_cannot_be_asked_is_null() {
        let mut counted = Counted::default();
        for name in ["autosnap_2026-01-01_00:00:00_daily", "manual", "autosnap_2026-01-02_00:00:00_daily"] {
            counted.add(name, &parse("autosnap", name));
        }
        // No pool of that name can be there.
        let end = |day| json!({"snapshot": format!("autosnap_2026-01-0{day}_00:00:00_daily"), "guid": null, "created_at": null});
        let daily = json!({"kept": 2, "newest": end(2), "oldest": end(1)});
        let expected = json!({"log/a": {"total": 3, "other": 1, "intervals": {"daily": daily}}});
        assert_eq!(shown(&Left::from([("log/a".to_owned(), counted)]), &Runner::default()), expected);
    }
}
