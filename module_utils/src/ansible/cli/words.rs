//! What words without dashes mean, where they are not the name of a file with options.

use super::given::Given;
use crate::model::DatasetName;
use serde_json::{Value, json};

/// Reads the words of a program; none where the only one is a file.
pub type Words = fn(&[String]) -> Result<Option<Given>, String>;

/// One word at most: the file.
pub fn file(words: &[String]) -> Result<Option<Given>, String> {
    match words {
        [] | [_] => Ok(None),
        _ => Err(format!("expected one file with options, got {}: {}", words.len(), words.join(" "))),
    }
}

/// `[USER@]HOST:DATASET... [USER@]HOST:DATASET`, the last being the target. One word alone is the file.
pub fn sources_and_target(words: &[String]) -> Result<Option<Given>, String> {
    let Some((target_word, source_words @ [first, ..])) = words.split_last() else { return Ok(None) };
    let target = End::read(target_word)?;
    let sources = source_words.iter().map(|word| End::read(word)).collect::<Result<Vec<_>, _>>()?;
    let host = sources.first().and_then(|end| end.host.clone());
    if let Some((other, word)) = sources.iter().zip(source_words).find(|(end, _)| end.host != host) {
        let where_from = |host: &Option<String>| host.clone().unwrap_or_else(|| "this host".to_owned());
        let (ours, theirs) = (where_from(&host), where_from(&other.host));
        return Err(format!(
            "{first} is of {ours} and {word} is of {theirs}: one run has one source host, so start one for each. \
             The last word is the target"
        ));
    }
    let mut given = Given::default();
    let datasets: Vec<_> = sources.into_iter().map(|end| end.dataset).collect();
    given.by_word("source", json!(datasets), &source_words.join(" "))?;
    if let Some(host) = host {
        given.by_word("source_host", Value::String(host), first)?;
    }
    given.by_word("target", Value::String(target.dataset), target_word)?;
    if let Some(host) = target.host {
        given.by_word("target_host", Value::String(host), target_word)?;
    }
    Ok(Some(given))
}

/// `DATASET=POLICY`, or `DATASET/**=POLICY` with all below it. What has no `=` is the file.
pub fn datasets_with_policies(words: &[String]) -> Result<Option<Given>, String> {
    if let ([] | [_], false) = (words, words.iter().any(|word| is_pair(word))) {
        return Ok(None);
    }
    let pairs = words.iter().map(|word| pair(word)).collect::<Result<Vec<Value>, _>>()?;
    let mut given = Given::default();
    given.by_word("datasets", Value::Array(pairs), &words.join(" "))?;
    Ok(Some(given))
}

/// A dataset begins with a letter; a path can be written so that it does not.
fn is_pair(word: &str) -> bool {
    word.contains('=') && word.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn pair(word: &str) -> Result<Value, String> {
    let (dataset, policy) = word
        .split_once('=')
        .filter(|_| is_pair(word))
        .ok_or_else(|| format!("{word:?} is not DATASET=POLICY, such as tank/home=high"))?;
    let (dataset, below) = dataset.strip_suffix("/**").map_or((dataset, false), |dataset| (dataset, true));
    let dataset: DatasetName = dataset.parse().map_err(|error| format!("{word}: {error}"))?;
    if policy.is_empty() {
        return Err(format!("{word}: the policy is missing, as in {dataset}=high"));
    }
    Ok(json!({"dataset": dataset, "policy": policy, "snapshots_discover_children": below}))
}

/// One end of a replication.
#[derive(Debug, PartialEq, Eq)]
struct End {
    host: Option<String>,
    dataset: String,
}

impl End {
    /// A colon before the first slash ends the name of a host; names of datasets may have colons too, so what could be read in two ways
    /// is refused.
    fn read(word: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{word:?} is not [USER@]HOST:DATASET or DATASET: {why}");
        let (host, dataset) = match bracketed(word) {
            Some((host, rest)) => {
                let dataset =
                    rest.strip_prefix(':').ok_or_else(|| wrong("a colon and the dataset follow the address"))?;
                (Some(host), dataset)
            }
            None => match word.split('/').next().and_then(|pool| pool.split_once(':')) {
                Some((host, _)) => (Some(host.to_owned()), &word[host.len() + 1..]),
                None => (None, word),
            },
        };
        let pool = dataset.split('/').next().unwrap_or_default();
        if host.is_some() && pool.contains(':') {
            return Err(wrong(
                "there are two colons. An IPv6 address goes in brackets, a port into --ssh.port; a pool whose name has a colon is \
                 named with --source and --source-host, or --target and --target-host",
            ));
        }
        if host.as_deref().is_some_and(|host| host.is_empty() || host.starts_with(['@', '-']) || host.ends_with('@')) {
            return Err(wrong("the host is missing"));
        }
        if dataset.contains('@') {
            let why = if host.is_none() && !dataset.contains('/') {
                "a host is followed by a colon, and datasets are replicated, not single snapshots (--snapshots.include)"
            } else {
                "datasets are replicated, not single snapshots (--snapshots.include)"
            };
            return Err(wrong(why));
        }
        let dataset: DatasetName = dataset.parse().map_err(|error| wrong(&format!("{error}")))?;
        Ok(Self { host, dataset: dataset.to_string() })
    }
}

/// `USER@[ADDRESS]` without its brackets, which ssh does not take, and what follows.
fn bracketed(word: &str) -> Option<(String, &str)> {
    let (user, rest) = word.split_once('[')?;
    let (address, rest) = rest.split_once(']')?;
    (user.is_empty() || user.ends_with('@')).then(|| (format!("{user}{address}"), rest))
}

#[cfg(test)]
mod tests {
    use super::{Words, datasets_with_policies, file, sources_and_target};
    use crate::ansible::cli::spec::Spec;
    use serde_json::{Map, Value, json};

    fn read(words: Words, line: &[&str]) -> Result<Option<Value>, String> {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let given = words(&line)?;
        given.map(|given| given.over(&Spec::default(), Map::new()).map(Value::Object)).transpose()
    }

    #[test]
    fn sources_and_target_are_those_of_syncoid() {
        let ends = |line: &[&str]| read(sources_and_target, line);
        assert_eq!(ends(&["options.json"]), Ok(None));
        assert_eq!(
            ends(&["root@nas:tank", "vault/replicas"]),
            Ok(Some(json!({"source": ["tank"], "source_host": "root@nas", "target": "vault/replicas"})))
        );
        assert_eq!(
            ends(&["tank/a", "tank/b:c", "me@[fe80::1%eth0]:vault/x:y"]),
            Ok(Some(
                json!({"source": ["tank/a", "tank/b:c"], "target": "vault/x:y", "target_host": "me@fe80::1%eth0"})
            ))
        );
        assert_eq!(ends(&["[::1]:tank", "[::1]:home/me", "nas:vault"]).unwrap().unwrap()["source_host"], json!("::1"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (words, why) in [
            (
                &["nas:tank", "home", "vault"][..],
                "nas:tank is of nas and home is of this host: one run has one source host",
            ),
            (&["fe80::1:tank", "vault"], "An IPv6 address goes in brackets"),
            (&["nas:22:tank", "vault"], "a port into --ssh.port"),
            (&["root@nas", "vault"], "a host is followed by a colon"),
            (&["tank/a@monday", "vault"], "not single snapshots"),
            (&["nas:tank@monday", "vault"], "not single snapshots"),
            (&[":tank", "vault"], "the host is missing"),
            (&["root@:tank", "vault"], "the host is missing"),
            (&["-oProxyCommand=x:tank", "vault"], "the host is missing"),
            (&["nas:", "vault"], "it is empty"),
            (&["ssh://nas/tank", "vault"], "the pool's name starts with a letter"),
            (&["tank", "/srv/vault"], "the pool's name starts with a letter"),
            (&["[::1]tank", "vault"], "a colon and the dataset follow the address"),
        ] {
            let error = read(sources_and_target, words).unwrap_err();
            assert!(error.contains(why), "{words:?}: {error}");
        }
    }

    #[test]
    fn datasets_have_their_policies_behind_them() {
        let pairs = |line: &[&str]| read(datasets_with_policies, line);
        let dataset = |name: &str, policy: &str, below: bool| json!({"dataset": name, "policy": policy, "snapshots_discover_children": below});
        assert_eq!(
            pairs(&["tank=high", "home/**=my=own"]),
            Ok(Some(json!({"datasets": [dataset("tank", "high", false), dataset("home", "my=own", true)]})))
        );
        assert_eq!(pairs(&["tank=low"]), Ok(Some(json!({"datasets": [dataset("tank", "low", false)]}))));
        for file in ["options.json", "-", "./tank=high", "/etc/a=b"] {
            assert_eq!(pairs(&[file]), Ok(None), "{file}");
        }
        assert_eq!(
            pairs(&["tank=high", "home"]).unwrap_err(),
            "\"home\" is not DATASET=POLICY, such as tank/home=high"
        );
        assert_eq!(pairs(&["tank="]).unwrap_err(), "tank=: the policy is missing, as in tank=high");
        assert!(
            pairs(&["tank/*=high"]).unwrap_err().starts_with("tank/*=high: \"tank/*\" is not a valid dataset name")
        );
    }

    #[test]
    fn others_have_one_file() {
        assert_eq!(read(file, &["a"]), Ok(None));
        assert_eq!(read(file, &["a", "b"]).unwrap_err(), "expected one file with options, got 2: a b");
    }
}
