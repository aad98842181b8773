//! What the jobs of `zfs_verify` have found of replicas, from their results. Pure.

use super::jobs::{Known, at, is_verification};
use super::model::{At, Replica, Verification};
use super::replication::said;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// Source host, source, target host, target.
type Pair = [String; 4];

/// Adds it to the replicas that it is about.
pub fn add(known: &BTreeMap<String, Known>, replicas: &mut [Replica]) {
    let results = known.iter().filter(|(name, _)| is_verification(name)).filter_map(|(_, known)| known.result.as_ref());
    let found: HashMap<Pair, Verification> = results.flat_map(verifications).collect();
    for replica in replicas {
        let host = |host: &Option<String>| host.clone().unwrap_or_default();
        let (source, target) = (replica.source.clone(), replica.target.clone());
        let pair = [host(&replica.source_host), source, host(&replica.target_host), target];
        replica.verification = found.get(&pair).cloned();
    }
}

fn verifications(result: &Map<String, Value>) -> Vec<(Pair, Verification)> {
    let word = |of: &Map<String, Value>, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let host = |key: &str| word(result, key).unwrap_or_default();
    let one = |report: &Value| {
        let report = report.as_object()?;
        let pair = [host("source_host"), word(report, "source")?, host("target_host"), word(report, "target")?];
        let verification = Verification {
            status: word(report, "status")?,
            error: report.get("error").and_then(said),
            last_run_at: at(result, "finished"),
            verified_at: report.get("verified_at").and_then(Value::as_i64).map(At),
            verified_snapshot: word(report, "verified_snapshot"),
        };
        Some((pair, verification))
    };
    let all = result.get("datasets").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::verifications;
    use crate::status::model::At;
    use serde_json::{Value, json};

    #[test]
    fn what_a_run_found_is_known_by_its_pair() {
        let report = json!({"source": "tank", "target": "vault/tank", "status": "differs", "verified_at": 50,
            "verified_snapshot": "a", "error": {"stderr": "", "caused_by": "it differs"}});
        let Value::Object(result) = json!({"finished": 90, "source_host": "root@nas", "target_host": null,
            "datasets": [report, {"source": "x"}, 7]})
        else {
            unreachable!()
        };
        let found = verifications(&result);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, ["root@nas", "tank", "", "vault/tank"]);
        let of = &found[0].1;
        assert!(of.is_bad() && !of.is_not_comparable());
        assert_eq!(
            (of.error.as_deref(), of.last_run_at, of.verified_at),
            (Some("it differs"), Some(At(90)), Some(At(50)))
        );
    }
}
