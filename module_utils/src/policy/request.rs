//! What both policy modules are told: datasets, policies and the prefix, all checked before any command runs.

use super::count::Count;
use crate::model::{DatasetName, check_version_name};
use crate::plan::period::{FREQUENTLY_MINUTES, Interval};
use crate::plan::policy::{self, BUILT_IN, Declared, Policy, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A dataset as `zfs_datasets_with_policy` returns it.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DatasetArg {
    /// Its path.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "DATASET")))]
    dataset: String,
    /// The name of its policy.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "POLICY")))]
    policy: String,
    /// Whether children that are not listed have the same policy. They are looked for each time. Of several listed ancestors
    /// the nearest counts.
    #[serde(default)]
    snapshots_discover_children: bool,
}

/// A policy as the user writes it: what is left out is 0.
#[derive(Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PolicyArg {
    frequently: Count,
    hourly: Count,
    daily: Count,
    weekly: Count,
    monthly: Count,
    yearly: Count,
    #[serde(skip_serializing_if = "Option::is_none")]
    autosnap: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    autoprune: Option<bool>,
}

impl PolicyArg {
    fn policy(&self, frequently_minutes: u32) -> Policy {
        let given = [&self.frequently, &self.hourly, &self.daily, &self.weekly, &self.monthly, &self.yearly];
        // A policy that says nothing does nothing. Were it pruned, all snapshots of its datasets would go.
        let says_something = given.iter().any(|count| count.is_some());
        let counts = Interval::ALL.map(|interval| given[interval as usize].of(interval, frequently_minutes));
        Policy::new(counts, self.autosnap.unwrap_or(says_something), self.autoprune.unwrap_or(says_something))
    }
}

/// Policies by name.
pub type Policies = BTreeMap<String, PolicyArg>;

/// The policies that are there if nothing else is said.
#[must_use]
pub fn built_in() -> Policies {
    let arg = |policy: Policy| PolicyArg {
        frequently: Count::Number(policy.count(Interval::Frequently)),
        hourly: Count::Number(policy.count(Interval::Hourly)),
        daily: Count::Number(policy.count(Interval::Daily)),
        weekly: Count::Number(policy.count(Interval::Weekly)),
        monthly: Count::Number(policy.count(Interval::Monthly)),
        yearly: Count::Number(policy.count(Interval::Yearly)),
        autosnap: Some(policy.autosnap),
        autoprune: Some(policy.autoprune),
    };
    BUILT_IN.into_iter().map(|(name, policy)| (name.to_owned(), arg(policy))).collect()
}

/// Which intervals to look at. It is an option of the module as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// All of them.
    Due,
    /// Parts of a day.
    Frequently,
    /// Hours.
    Hourly,
    /// Days.
    Daily,
    /// Weeks, which begin on Monday.
    Weekly,
    /// Months.
    Monthly,
    /// Years.
    Yearly,
}

impl Which {
    /// True for an interval that it is, or that is among them.
    #[must_use]
    pub fn includes(self, interval: Interval) -> bool {
        self == Self::Due || self.to_string() == interval.to_string()
    }
}

/// Its word, as the option takes it.
impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The default prefix.
#[must_use]
pub fn prefix() -> String {
    "autosnap".to_owned()
}

/// Puts datasets and policies together. The user's policies are added to the built-in ones, or replace those of the same name.
pub fn table(datasets: &[DatasetArg], policies: &Policies, frequently_minutes: u32) -> Result<Table, String> {
    let own = policies.iter().map(|(name, policy)| (name.clone(), policy.policy(frequently_minutes)));
    let known: BTreeMap<String, Policy> =
        BUILT_IN.into_iter().map(|(name, policy)| (name.to_owned(), policy)).chain(own).collect();
    let mut table = Table::default();
    for (number, arg) in (1..).zip(datasets) {
        let wrong = |key: &str, error: String| format!("option datasets.{number}{key}: {error}");
        let dataset: DatasetName = arg.dataset.parse().map_err(|e| wrong(".dataset", format!("{e}")))?;
        let policy = policy::find(&known, &arg.policy).map_err(|e| wrong(".policy", format!("{dataset}: {e}")))?;
        let declared = Declared {
            policy: *policy,
            policy_name: arg.policy.clone(),
            discover_children: arg.snapshots_discover_children,
        };
        table.declare(dataset, declared).map_err(|e| wrong("", e))?;
    }
    Ok(table)
}

/// Checks the prefix.
pub fn check_prefix(prefix: &str) -> Result<(), String> {
    check_version_name(prefix).map_err(|error| format!("option prefix: {error}"))
}

/// The default length of the `frequently` period.
#[must_use]
pub fn frequently_minutes() -> u32 {
    15
}

/// Checks the length of the `frequently` period.
pub fn check_frequently_minutes(minutes: u32) -> Result<(), String> {
    if FREQUENTLY_MINUTES.contains(&minutes) {
        return Ok(());
    }
    Err(format!("option frequently_minutes: expected 1 to 1440, got {minutes}"))
}

#[cfg(test)]
mod tests {
    use super::{Count, DatasetArg, Policies, PolicyArg, Which, built_in, check_prefix, table};
    use crate::ansible::args::from_args;
    use crate::plan::period::Interval;
    use serde_json::{Value, json};

    #[derive(serde::Deserialize)]
    struct Args {
        #[serde(default)]
        datasets: Vec<DatasetArg>,
        #[serde(default = "built_in")]
        policies: Policies,
    }

    fn read(args: Value) -> Result<crate::plan::policy::Table, String> {
        let Value::Object(args) = args else { panic!("{args}") };
        let args: Args = from_args(args).map_err(|e| e.to_string())?;
        table(&args.datasets, &args.policies, 15)
    }

    #[test]
    fn wrong_input_gives_one_clear_error() {
        let dataset = |name: &str, policy: &str| json!({"dataset": name, "policy": policy});
        for (args, message) in [
            (
                json!({"datasets": [dataset("tank", "low"), dataset("tank/a", "hihg")]}),
                "option datasets.2.policy: tank/a: unknown policy \"hihg\"; there are high, low, none, critical",
            ),
            (
                json!({"policies": {"high": {"hourly": -1}}}),
                "option policies.high.hourly: expected a number of snapshots, or a span such as 48h, 30d, 8w, 12mo or 5y, got -1",
            ),
            (
                json!({"policies": {"high": {"hourlie": 1}}}),
                "option policies.high.hourlie: unsupported option. Supported options are: autoprune, autosnap, daily, frequently, hourly, monthly, weekly, yearly; did you mean hourly?",
            ),
            (
                json!({"datasets": [dataset("tank@a", "low")]}),
                "option datasets.1.dataset: \"tank@a\" is not a valid dataset name: ZFS does not allow '@' in it",
            ),
            (
                json!({"datasets": [dataset("tank", "low"), dataset("tank", "high")]}),
                "option datasets.2: tank is listed twice, and differently",
            ),
            (json!({"datasets": [{"dataset": "tank"}]}), "option datasets.1: missing required option 'policy'"),
        ] {
            assert_eq!(read(args).unwrap_err(), message);
        }
        assert!(check_prefix("a/b").unwrap_err().starts_with("option prefix: "));
    }

    #[test]
    fn an_interval_includes_itself_and_due_includes_all() {
        use Which::{Daily, Due, Frequently, Hourly, Monthly, Weekly, Yearly};
        for (which, interval) in [Frequently, Hourly, Daily, Weekly, Monthly, Yearly].into_iter().zip(Interval::ALL) {
            let included = Interval::ALL.into_iter().filter(|other| which.includes(*other)).collect::<Vec<_>>();
            assert_eq!(included, [interval]);
            assert!(Due.includes(interval));
        }
    }

    #[test]
    fn own_policies_are_added_to_the_built_in_ones() {
        let table = read(json!({
            "datasets": [{"dataset": "t/a", "policy": "vm"}, {"dataset": "t/b", "policy": "high"}, {"dataset": "t/c", "policy": "critical"}],
            "policies": {"vm": {"daily": "2", "hourly": "48h"}, "high": {"hourly": 1}},
        }))
        .unwrap();
        let of = |name: &str| {
            let policy = table.of(&name.parse().unwrap()).unwrap().policy;
            crate::plan::period::Interval::ALL.map(|interval| policy.count(interval))
        };
        assert_eq!(of("t/a"), [0, 48, 2, 0, 0, 0]);
        assert_eq!(of("t/b"), [0, 1, 0, 0, 0, 0]);
        assert_eq!(of("t/c"), [0, 36, 30, 0, 3, 5]);
    }

    #[test]
    fn a_policy_that_says_nothing_destroys_nothing() {
        let policy = PolicyArg::default().policy(15);
        assert!(!policy.autosnap && !policy.autoprune);
        let policy = PolicyArg { daily: Count::Number(1), ..PolicyArg::default() }.policy(15);
        assert!(policy.autosnap && policy.autoprune);
    }
}
