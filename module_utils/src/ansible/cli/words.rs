//! What words without dashes mean, where they are not the name of a file with options.

use super::given::Given;
use crate::model::DatasetName;
use serde_json::{Value, json};
use std::path::Path;

/// Reads the words of a program; none where the only one is a file.
pub type Words = fn(&[String], Beside<'_>) -> Result<Option<Given>, String>;

/// What stands beside words, and what there is of them.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    /// The options.
    pub given: &'a Given,
    /// Whether there is a file of that name.
    pub is_file: &'a dyn Fn(&str) -> bool,
}

impl Beside<'_> {
    /// A word alone is the file, and what can only be a file's name is, whether it is there or not.
    fn is_a_file(&self, word: &str) -> bool {
        let is_json = Path::new(word).extension().is_some_and(|kind| kind.eq_ignore_ascii_case("json"));
        is_path(word) || is_json || (self.is_file)(word)
    }
}

/// What no dataset can be called.
fn is_path(word: &str) -> bool {
    word.is_empty() || word == "-" || word.starts_with(['/', '.'])
}

/// One word at most: the file.
pub fn file(words: &[String], beside: Beside<'_>) -> Result<Option<Given>, String> {
    match words {
        [] => Ok(None),
        [word] if beside.is_a_file(word) => Ok(None),
        [word] => Err(format!(
            "there is no file {word}. A word is the FILE with options; what stands in it can also be given by the options that --help lists"
        )),
        _ => Err(format!("expected one file with options, got {}: {}", words.len(), words.join(" "))),
    }
}

/// `[USER@]HOST:DATASET... [USER@]HOST:DATASET`, the last being the target. One word alone is the file.
pub fn sources_and_target(words: &[String], beside: Beside<'_>) -> Result<Option<Given>, String> {
    let (target_word, source_words, first) = match words {
        [] => return Ok(None),
        [word] if beside.is_a_file(word) => return Ok(None),
        [word] => return Err(alone(word, beside.given)),
        [first, .., last] => (last, &words[..words.len() - 1], first),
    };
    if let Some(file) = words.iter().find(|word| is_path(word)) {
        return Err(format!(
            "{file} can only be a FILE with options, and that stands alone: beside it, datasets are named with --source and --target"
        ));
    }
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

/// `[USER@]HOST:DATASET` or `DATASET`: what is looked at.
pub fn one_dataset(words: &[String], _: Beside<'_>) -> Result<Option<Given>, String> {
    let [word] = words else {
        let count = words.len();
        return Err(format!(
            "--list wants one dataset, DATASET or [USER@]HOST:DATASET, got {count}: {}",
            words.join(" ")
        ));
    };
    let end = End::read(word)?;
    let mut given = Given::default();
    given.by_word("target", Value::String(end.dataset), word)?;
    if let Some(host) = end.host {
        given.by_word("target_host", Value::String(host), word)?;
    }
    Ok(Some(given))
}

/// One end of two.
fn alone(word: &str, given: &Given) -> String {
    if let Err(why) = End::read(word) {
        return format!("there is no file {word}, and {why}");
    }
    if given.has("target") || given.has("source") {
        return format!(
            "{word} stands alone, so it would be the FILE with options, and there is none of that name. Give both ends as words, as in \
             `root@nas:tank vault/replicas`, or both as options, --source and --target"
        );
    }
    format!(
        "the target is missing: say below which dataset {word} shall land, as in: zfs_replicate {word} vault/replicas\n\
         (a word alone would be a FILE with options, and there is none of that name)"
    )
}

/// `DATASET=POLICY`, or `DATASET/**=POLICY` with all below it. What has no `=` is the file.
pub fn datasets_with_policies(words: &[String], beside: Beside<'_>) -> Result<Option<Given>, String> {
    match words {
        [] => return Ok(None),
        [word] if !is_pair(word) && beside.is_a_file(word) => return Ok(None),
        [word] if !is_pair(word) => {
            return Err(format!(
                "there is no file {word}. A dataset is followed by its policy, as in {word}=high, or '{word}/**=high' with all below it"
            ));
        }
        _ => {}
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
    use super::{Beside, Words, datasets_with_policies, file, one_dataset, sources_and_target};
    use crate::ansible::cli::given::Given;
    use crate::ansible::cli::spec::Spec;
    use serde_json::{Map, Value, json};

    fn read(words: Words, line: &[&str]) -> Result<Option<Value>, String> {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        let beside = Beside { given: &Given::default(), is_file: &|word| word == "options" };
        let given = words(&line, beside)?;
        given.map(|given| given.over(&Spec::default(), Map::new()).map(Value::Object)).transpose()
    }

    #[test]
    fn sources_and_target_are_those_of_syncoid() {
        let ends = |line: &[&str]| read(sources_and_target, line);
        for file in ["options.json", "-", "/etc/options", "./tank", "options"] {
            assert_eq!(ends(&[file]), Ok(None), "{file}");
        }
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
            (&["tank", "/srv/vault"], "/srv/vault can only be a FILE with options, and that stands alone"),
            (&["o.json", "-", "vault"], "- can only be a FILE with options"),
            (
                &["root@nas:tank"],
                "the target is missing: say below which dataset root@nas:tank shall land, as in: zfs_replicate root@nas:tank",
            ),
            (&["vault"], "the target is missing: say below which dataset vault shall land"),
            (&["root@nas"], "there is no file root@nas, and \"root@nas\" is not [USER@]HOST:DATASET or DATASET"),
            (&["[::1]tank", "vault"], "a colon and the dataset follow the address"),
        ] {
            let error = read(sources_and_target, words).unwrap_err();
            assert!(error.contains(why), "{words:?}: {error}");
        }
    }

    #[test]
    fn one_dataset_is_looked_at() {
        let one = |line: &[&str]| read(one_dataset, line);
        assert_eq!(one(&["vault/x"]), Ok(Some(json!({"target": "vault/x"}))));
        assert_eq!(one(&["root@nas:vault"]), Ok(Some(json!({"target": "vault", "target_host": "root@nas"}))));
        for wrong in [&[][..], &["a", "b"]] {
            assert!(one(wrong).unwrap_err().starts_with("--list wants one dataset"), "{wrong:?}");
        }
        assert!(one(&["/etc/x.json"]).unwrap_err().contains("is not [USER@]HOST:DATASET or DATASET"));
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
        for file in ["options.json", "options", "-", "./tank=high", "/etc/a=b"] {
            assert_eq!(pairs(&[file]), Ok(None), "{file}");
        }
        assert_eq!(
            pairs(&["tank=high", "home"]).unwrap_err(),
            "\"home\" is not DATASET=POLICY, such as tank/home=high"
        );
        assert!(pairs(&["tank"]).unwrap_err().contains("followed by its policy, as in tank=high, or 'tank/**=high'"));
        assert_eq!(pairs(&["tank="]).unwrap_err(), "tank=: the policy is missing, as in tank=high");
        assert!(
            pairs(&["tank/*=high"]).unwrap_err().starts_with("tank/*=high: \"tank/*\" is not a valid dataset name")
        );
    }

    #[test]
    fn others_have_one_file() {
        assert_eq!(read(file, &["options"]), Ok(None));
        assert!(read(file, &["tank"]).unwrap_err().starts_with("there is no file tank. "));
        assert_eq!(read(file, &["a", "b"]).unwrap_err(), "expected one file with options, got 2: a b");
    }
}
