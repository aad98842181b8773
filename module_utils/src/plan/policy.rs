//! Policies, and which dataset has which: declared ones their own, undeclared ones that of the nearest declared ancestor.

use super::period::Interval;
use crate::model::DatasetName;
use crate::model::suggest::by_similarity;
use std::collections::BTreeMap;

/// How many snapshots of each interval a policy keeps, and what is done with datasets that have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    counts: [u32; 6],
    /// Snapshots are taken.
    pub autosnap: bool,
    /// Snapshots are pruned.
    pub autoprune: bool,
}

impl Policy {
    /// A policy with counts in the order of [`Interval::ALL`].
    #[must_use]
    pub const fn new(counts: [u32; 6], autosnap: bool, autoprune: bool) -> Self {
        Self { counts, autosnap, autoprune }
    }

    /// How many snapshots of an interval stay; none of it are taken if that is 0.
    #[must_use]
    pub const fn count(&self, interval: Interval) -> u32 {
        self.counts[interval as usize]
    }
}

/// The policies that are always there.
pub const BUILT_IN: [(&str, Policy); 4] = [
    ("none", Policy::new([0, 0, 0, 0, 0, 0], false, false)),
    ("low", Policy::new([0, 3, 7, 0, 1, 0], true, true)),
    ("high", Policy::new([0, 24, 14, 0, 1, 1], true, true)),
    ("critical", Policy::new([0, 36, 30, 0, 3, 5], true, true)),
];

/// What was said about one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its policy.
    pub policy: Policy,
    /// The name of that.
    pub policy_name: String,
    /// Children that are not declared have it too.
    pub discover_children: bool,
}

/// What was said about all datasets.
#[derive(Clone, Debug, Default)]
pub struct Table {
    declared: BTreeMap<DatasetName, Declared>,
}

impl Table {
    /// Adds a dataset. Saying the same of it twice is fine, saying another thing is an error.
    pub fn declare(&mut self, dataset: DatasetName, what: Declared) -> Result<(), String> {
        match self.declared.get(&dataset) {
            Some(before) if *before != what => Err(format!("{dataset} is listed twice, and differently")),
            _ => {
                self.declared.insert(dataset, what);
                Ok(())
            }
        }
    }

    /// The declared datasets.
    pub fn datasets(&self) -> impl Iterator<Item = &DatasetName> {
        self.declared.keys()
    }

    /// What was said about a dataset itself.
    #[must_use]
    pub fn declared(&self, dataset: &DatasetName) -> Option<&Declared> {
        self.declared.get(dataset)
    }

    /// What holds for a dataset that exists; none if it is not managed.
    #[must_use]
    pub fn of(&self, dataset: &DatasetName) -> Option<&Declared> {
        if let Some(own) = self.declared.get(dataset) {
            return Some(own);
        }
        let nearest = dataset.ancestors().find_map(|ancestor| self.declared.get(&ancestor))?;
        nearest.discover_children.then_some(nearest)
    }

    /// The datasets of each pool below which all others lie: enough to list.
    #[must_use]
    pub fn roots(&self) -> BTreeMap<String, Vec<DatasetName>> {
        let mut roots: BTreeMap<String, Vec<DatasetName>> = BTreeMap::new();
        for dataset in self.declared.keys() {
            if !dataset.ancestors().any(|ancestor| self.declared.contains_key(&ancestor)) {
                roots.entry(dataset.pool().to_owned()).or_default().push(dataset.clone());
            }
        }
        roots
    }
}

/// The policy of that name, or an error that names those there are, the most similar first.
pub fn find<'a>(policies: &'a BTreeMap<String, Policy>, name: &str) -> Result<&'a Policy, String> {
    policies.get(name).ok_or_else(|| {
        let known = by_similarity(name, policies.keys().map(String::as_str));
        format!("unknown policy {name:?}; there are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, Declared, Table, find};
    use crate::model::DatasetName;

    fn name(text: &str) -> DatasetName {
        text.parse().unwrap()
    }

    fn table(lines: &[(&str, &str, bool)]) -> Table {
        let policies = BUILT_IN.map(|(name, policy)| (name.to_owned(), policy)).into();
        let mut table = Table::default();
        for (dataset, policy, discover_children) in lines {
            let declared = Declared {
                policy: *find(&policies, policy).unwrap(),
                policy_name: (*policy).to_owned(),
                discover_children: *discover_children,
            };
            table.declare(name(dataset), declared).unwrap();
        }
        table
    }

    #[test]
    fn the_nearest_declared_ancestor_decides() {
        let table = table(&[
            ("tank/a", "critical", true),
            ("tank/a/logs", "none", false),
            ("tank/a/db", "high", true),
            ("tank/b", "low", false),
        ]);
        for (dataset, expected) in [
            ("tank", None),
            ("tank/a", Some("critical")),
            ("tank/a/new", Some("critical")),
            ("tank/a/new/deeper", Some("critical")),
            ("tank/ab", None),
            ("tank/a/logs", Some("none")),
            // logs hands nothing down, and nothing further up counts.
            ("tank/a/logs/new", None),
            ("tank/a/db/new", Some("high")),
            ("tank/b/new", None),
        ] {
            assert_eq!(table.of(&name(dataset)).map(|it| it.policy_name.as_str()), expected, "{dataset}");
        }
    }

    #[test]
    fn only_what_lies_on_top_is_listed() {
        let table = table(&[
            ("tank/a/x", "low", false),
            ("tank/a", "low", true),
            ("fast", "low", false),
            ("tank/ab", "low", false),
        ]);
        let roots = table.roots();
        assert_eq!(roots["tank"], [name("tank/a"), name("tank/ab")]);
        assert_eq!(roots["fast"], [name("fast")]);
    }

    #[test]
    fn contradictions_are_refused() {
        let mut table = table(&[("tank/a", "critical", true)]);
        let same = table.declared(&name("tank/a")).unwrap().clone();
        assert_eq!(table.declare(name("tank/a"), same.clone()), Ok(()));
        let other = Declared { discover_children: false, ..same };
        assert_eq!(table.declare(name("tank/a"), other).unwrap_err(), "tank/a is listed twice, and differently");
    }

    #[test]
    fn an_unknown_policy_names_the_nearest_first() {
        let policies = BUILT_IN.map(|(name, policy)| (name.to_owned(), policy)).into();
        assert_eq!(
            find(&policies, "hihg").unwrap_err(),
            "unknown policy \"hihg\"; there are high, low, none, critical"
        );
        assert_eq!(
            find(&policies, "Critical").unwrap_err(),
            "unknown policy \"Critical\"; there are critical, high, low, none"
        );
    }
}
