//! What a delegation is asked to do, all checked that can be without ZFS.

use super::vocabulary::check_shape;
use crate::delegate::accounts::{Database, resolve};
use crate::exec::runner::Runner;
use crate::model::DatasetName;
use crate::model::permissions::{Permissions, Scope, Who};
use crate::plan::delegation::{State, Wanted};
use crate::plan::jobs::Job;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The options of the module. Their doc comments are what `ansible-doc` shows.
#[derive(Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Datasets on which permissions are granted.
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Where", "metavar" = "DATASET")))]
    pub dataset: Vec<String>,
    /// Users, by name or id. One of O(users), O(groups) and O(everyone) is needed, unless O(create_time) or O(sets) is given.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "Who", "metavar" = "USER")))]
    pub users: Vec<String>,
    /// Groups, by name or id.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "GROUP")))]
    pub groups: Vec<String>,
    /// Every user of the host.
    #[serde(default)]
    pub everyone: bool,
    /// Permissions such as V(send) or V(snapshot), properties such as V(compression), and sets such as V(@backup). The manual
    /// page C(zfs-allow) lists them.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "What", "metavar" = "PERMISSION")))]
    pub permissions: Vec<String>,
    /// Named lists of just the permissions that a job needs. They add to O(permissions).
    #[serde(default)]
    pub jobs: Vec<Job>,
    /// Where the permissions count.
    #[serde(default)]
    pub scope: Scope,
    /// Permissions that the maker of a new dataset gets on it (C(zfs allow -c)). With O(state=exact) an empty list leaves them as
    /// they are.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "PERMISSION")))]
    pub create_time: Vec<String>,
    /// Permission sets: a dictionary of names, which start with C(@), and lists of permissions (C(zfs allow -s)). Sets that are
    /// not named stay as they are, whatever O(state) says. With O(state=absent) an empty list removes the whole set.
    #[serde(default)]
    pub sets: BTreeMap<String, Vec<String>>,
    /// What becomes of the permissions.
    #[serde(default)]
    #[cfg_attr(feature = "argspec", schemars(extend("group" = "How")))]
    pub state: State,
}

/// A checked request.
#[derive(Debug)]
pub struct Request {
    /// Where.
    pub datasets: Vec<DatasetName>,
    /// What, the same for each.
    pub wanted: Wanted,
    /// `destroy` was granted explicitly.
    pub destroys: bool,
}

impl Args {
    /// All that can be checked without asking who there is. Returns the datasets.
    pub fn check(&self) -> Result<BTreeSet<DatasetName>, String> {
        let named = |name: &String| name.parse::<DatasetName>().map_err(|error| format!("option dataset: {error}"));
        let datasets = self.dataset.iter().map(named).collect::<Result<BTreeSet<_>, _>>()?;
        self.check_names()?;
        self.check_together()?;
        Ok(datasets)
    }

    /// Names of permissions and sets must look like some.
    fn check_names(&self) -> Result<(), String> {
        check_shape("permissions", &self.permissions)?;
        check_shape("create_time", &self.create_time)?;
        for (set, permissions) in &self.sets {
            check_shape("sets", permissions)?;
            check_shape("sets", [set])?;
            if !set.starts_with('@') {
                return Err(format!("option sets: the name of a set starts with @, as in \"@{set}\""));
            }
            if permissions.is_empty() && self.state != State::Absent {
                return Err(format!("option sets: {set} is empty; a whole set is removed with state: absent"));
            }
        }
        Ok(())
    }

    /// It must be said who gets what, and where.
    fn check_together(&self) -> Result<(), &'static str> {
        let nobody = self.users.is_empty() && self.groups.is_empty() && !self.everyone;
        let nothing = self.permissions.is_empty() && self.jobs.is_empty();
        let alone = !self.create_time.is_empty() || !self.sets.is_empty();
        if self.dataset.is_empty() {
            return Err("option dataset: at least one is needed");
        }
        match (nobody, nothing) {
            (true, false) => Err("permissions and jobs are for somebody: one of users, groups and everyone is needed"),
            (true, true) if !alone => Err("one of users, groups, everyone, create_time and sets is needed"),
            (false, true) if self.state != State::Absent => Err(
                "users, groups or everyone need permissions or jobs; all that they have is taken away with state: absent",
            ),
            _ => Ok(()),
        }
    }

    /// Finds the users and groups.
    fn who(&self, runner: &Runner) -> Result<BTreeSet<Who>, String> {
        let resolved = |option: &str, database, names: &[String]| {
            let name =
                |name: &String| resolve(runner, database, name).map_err(|error| format!("option {option}: {error}"));
            names.iter().map(name).collect::<Result<Vec<_>, _>>()
        };
        let mut who: BTreeSet<Who> = BTreeSet::new();
        who.extend(resolved("users", Database::Users, &self.users)?.into_iter().map(Who::User));
        who.extend(resolved("groups", Database::Groups, &self.groups)?.into_iter().map(Who::Group));
        who.extend(self.everyone.then_some(Who::Everyone));
        Ok(who)
    }
}

impl Request {
    /// Checks what was given and finds the users and groups.
    pub fn new(given: Args, runner: &Runner) -> Result<Self, String> {
        let datasets = given.check()?;
        let who = given.who(runner)?;
        let destroys = given.jobs.contains(&Job::Prune) || given.permissions.iter().any(|name| name == "destroy");
        let of_jobs = given.jobs.iter().flat_map(|job| job.permissions());
        let permissions: Permissions = given.permissions.into_iter().chain(of_jobs).collect();
        let sets = given.sets.into_iter().map(|(name, list)| (name, list.into_iter().collect())).collect();
        let wanted = Wanted {
            who: who.into_iter().collect(),
            permissions,
            reach: given.scope.into(),
            create_time: given.create_time.into_iter().collect(),
            sets,
            state: given.state,
        };
        Ok(Self { datasets: datasets.into_iter().collect(), wanted, destroys })
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, Request};
    use crate::exec::runner::Runner;
    use crate::model::permissions::Scope;
    use crate::plan::delegation::State;
    use crate::plan::jobs::Job;
    use std::collections::BTreeMap;

    fn given(change: impl Fn(&mut Args)) -> Result<Request, String> {
        let mut given = Args {
            dataset: vec!["tank".into()],
            users: vec!["root".into()],
            groups: vec![],
            everyone: false,
            permissions: vec!["send".into()],
            jobs: vec![],
            scope: Scope::Both,
            create_time: vec![],
            sets: BTreeMap::new(),
            state: State::Present,
        };
        change(&mut given);
        Request::new(given, &Runner::default())
    }

    #[test]
    fn options_that_do_not_fit_together_are_refused() {
        let error = |change: fn(&mut Args)| given(change).unwrap_err();
        assert!(
            error(|g| g.dataset = vec!["-x".into()]).starts_with("option dataset: \"-x\" is not a valid dataset name")
        );
        assert!(error(|g| g.dataset = vec![]).starts_with("option dataset: at least one"));
        assert!(error(|g| g.permissions = vec!["a b".into()]).starts_with("option permissions: \"a b\" is neither"));
        assert!(error(|g| g.permissions = vec!["-u".into()]).starts_with("option permissions: \"-u\" is neither"));
        assert!(error(|g| g.permissions = vec![]).starts_with("users, groups or everyone need permissions or jobs"));
        assert!(error(|g| g.users = vec![]).starts_with("permissions and jobs are for somebody"));
        assert!(error(|g| (g.users, g.permissions) = (vec![], vec![])).starts_with("one of users, groups, everyone"));
        assert!(error(|g| g.sets = [("x".into(), vec!["send".into()])].into()).contains("starts with @, as in \"@x\""));
        assert!(error(|g| g.sets = [("@x".into(), vec![])].into()).contains("@x is empty"));
    }

    #[test]
    fn jobs_and_permissions_add_up() {
        let request = given(|given| given.jobs = vec![Job::Snapshot]).unwrap();
        assert_eq!(request.wanted.permissions, ["send", "snapshot"].map(str::to_owned).into());
        assert!(!request.destroys);
        assert!(given(|given| given.jobs = vec![Job::Prune]).unwrap().destroys);
    }
}
