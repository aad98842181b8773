//! What the installed jobs say about snapshots: which datasets they take and prune, by which policy. Pure.

use super::coverage::Said;
use super::jobs::{Known, PolicyOptions};
use crate::model::DatasetName;
use crate::plan::policy::Table;
use crate::policy::request;
use std::collections::BTreeMap;

/// Of the jobs `snapshot` and `prune`; what is wrong with their options is an error that names the job.
pub fn of_jobs(jobs: &BTreeMap<String, Known>, factor: f64) -> Result<Said, String> {
    let mut said = Said { factor, ..Said::nothing() };
    let options = |name: &str| -> Result<Option<(PolicyOptions, Table)>, String> {
        let Some(options) = jobs.get(name).and_then(Known::policy) else { return Ok(None) };
        let wrong = |error: String| format!("options of job {name}: {error}");
        let options = options.map_err(wrong)?;
        let table = request::table(&options.datasets, &options.policies, options.frequently_minutes).map_err(wrong)?;
        Ok(Some((options, table)))
    };
    if let Some((options, table)) = options("prune")? {
        said.replicas = names(&options.replicas)?;
        said.prefix = options.prefix;
        said.frequently_minutes = options.frequently_minutes;
        said.pruned = table;
    }
    if let Some((options, table)) = options("snapshot")? {
        said.prefix = options.prefix;
        said.frequently_minutes = options.frequently_minutes;
        said.skip_unchanged = options.skip_unchanged;
        said.taken = table;
    }
    Ok(said)
}

/// Reads names of datasets.
pub fn names(names: &[String]) -> Result<Vec<DatasetName>, String> {
    names.iter().map(|name| name.parse().map_err(|error| format!("option replicas: {error}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::of_jobs;
    use crate::status::jobs::Known;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn known(options: Value) -> Known {
        let Value::Object(options) = options else { panic!("{options}") };
        Known { options: Some(options), ..Known::default() }
    }

    #[test]
    fn both_jobs_have_their_say() {
        let snapshot = json!({"datasets": [{"dataset": "tank", "policy": "vm"}], "policies": {"vm": {"hourly": "5"}}, "skip_unchanged": true, "utc": false});
        let prune = json!({"datasets": [{"dataset": "vault", "policy": "low"}], "replicas": ["vault/backups"], "max_destroy": "50%", "prefix": "p"});
        let jobs = BTreeMap::from([("snapshot".to_owned(), known(snapshot)), ("prune".to_owned(), known(prune))]);
        let said = of_jobs(&jobs, 2.0).unwrap();
        assert!(said.has_policies() && said.skip_unchanged);
        assert_eq!(said.listed().map(ToString::to_string).collect::<Vec<_>>(), ["tank", "vault"]);
        assert_eq!((said.prefix.as_str(), said.replicas.len()), ("autosnap", 1));
        assert!(!of_jobs(&BTreeMap::new(), 2.0).unwrap().has_policies());
        let wrong = known(json!({"datasets": [{"dataset": "tank", "policy": "nne"}]}));
        let error = of_jobs(&BTreeMap::from([("prune".to_owned(), wrong)]), 2.0).unwrap_err();
        assert!(error.starts_with("options of job prune: option datasets.1.policy: tank: unknown policy"), "{error}");
    }
}
