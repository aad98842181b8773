//! What there is on a host, as the fake keeps it and as tests write it: one line for each dataset.

use super::Host;
use serde_json::{Map, Value, json};
use std::fs;

/// Fields of a dataset in the fake's state; everything else is a property.
const FIELDS: [&str; 4] = ["type", "written", "origin", "keystatus"];

/// The time at which all runs are.
pub const NOW: &str = "2026-06-15T10:20:30Z";

impl Host {
    fn guid(&self, what: String) -> u64 {
        let mut known = self.known.borrow_mut();
        let place = known.iter().position(|other| *other == what).unwrap_or_else(|| {
            known.push(what);
            known.len() - 1
        });
        100 + place as u64
    }

    fn txg(&self) -> u64 {
        self.txg.set(self.txg.get() + 1);
        self.txg.get()
    }

    pub(super) fn datasets(&self, text: &str) -> Value {
        let mut all = Map::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap();
            let pool = name.split('/').next().unwrap();
            if pool != name && !all.contains_key(pool) {
                all.extend(self.datasets(pool).as_object().unwrap().clone());
            }
            let mut dataset = json!({"guid": self.guid(name.to_owned()), "txg": self.txg(), "creation": ten_days_ago(), "properties": {}, "versions": [], "grants": {}});
            for word in words {
                match word.split_once('=') {
                    _ if word.starts_with(['@', '#']) => {
                        let version = self.version(name, word);
                        dataset["versions"].as_array_mut().unwrap().push(version);
                    }
                    Some((field, value)) if FIELDS.contains(&field) => dataset[field] = json!(value),
                    Some((property, value)) => dataset["properties"][property] = json!(value),
                    None => panic!("{word} in {line}"),
                }
            }
            all.insert(name.to_owned(), dataset);
        }
        all.into()
    }

    fn version(&self, dataset: &str, word: &str) -> Value {
        let (word, holds) = word.strip_suffix(')').and_then(|word| word.split_once('(')).unwrap_or((word, ""));
        let (word, txg) = word.split_once('^').map_or((word, None), |(word, txg)| (word, Some(txg.parse().unwrap())));
        let (word, written) = word.split_once('+').unwrap_or((word, "0"));
        let (name, same) = word.split_once('=').unwrap_or((word, &word[1..]));
        let guid = self.guid(format!("{}@{same}", last(dataset)));
        let holds: Vec<&str> = holds.split(',').filter(|tag| !tag.is_empty()).collect();
        let txg = txg.unwrap_or_else(|| self.txg());
        json!({"name": name, "guid": guid, "txg": txg, "creation": ten_days_ago(), "holds": holds, "written": written})
    }

    /// Lines as [`Self::new`] takes them, of all hosts.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = self.lines_of("");
        for host in fs::read_dir(self.path("hosts")).into_iter().flatten() {
            let name = host.unwrap().file_name().into_string().unwrap();
            lines.extend(self.lines_of(&format!("hosts/{name}")).iter().map(|line| format!("{name}: {line}")));
        }
        lines
    }

    fn lines_of(&self, host: &str) -> Vec<String> {
        let state: Value =
            serde_json::from_str(&fs::read_to_string(self.path(host).join("state.json")).unwrap()).unwrap();
        let mut lines: Vec<String> = Vec::new();
        for (name, dataset) in state["datasets"].as_object().unwrap() {
            let mut words = vec![name.clone()];
            let fields = FIELDS.iter().filter_map(|field| Some(format!("{field}={}", dataset.get(*field)?.as_str()?)));
            words.extend(fields);
            words
                .extend(dataset.get("partial").map(|partial| format!("partial={}", partial["name"].as_str().unwrap())));
            let properties = dataset["properties"].as_object().unwrap().iter();
            words.extend(properties.map(|(property, value)| format!("{property}={}", value.as_str().unwrap())));
            words.extend(dataset["versions"].as_array().unwrap().iter().map(|version| self.shown(name, version)));
            for (kind, holders) in dataset["grants"].as_object().unwrap() {
                let held = |(who, held): (&String, &Value)| {
                    (held != &json!([])).then(|| format!("{kind}:{who}:{held}").replace([' ', '"'], ""))
                };
                words.extend(holders.as_object().unwrap().iter().filter_map(held));
            }
            lines.push(words.join(" "));
        }
        lines.sort();
        lines
    }

    fn shown(&self, dataset: &str, version: &Value) -> String {
        let (name, guid) = (version["name"].as_str().unwrap(), version["guid"].as_u64().unwrap());
        let known = self.known.borrow();
        let same =
            usize::try_from(guid).ok().and_then(|guid| known.get(guid.checked_sub(100)?)).map_or("new", String::as_str);
        let own = format!("{}@{}", last(dataset), &name[1..]);
        let same = if same == own { String::new() } else { format!("={}", last(same).rsplit('@').next().unwrap()) };
        let holds: Vec<&str> = version["holds"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        let holds = if holds.is_empty() { String::new() } else { format!("({})", holds.join(",")) };
        format!("{name}{same}{holds}")
    }

    /// Changes what there is, in ways that no command has.
    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("state.json");
        let mut state: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut state);
        fs::write(&path, state.to_string()).unwrap();
    }

    /// Makes all snapshots and bookmarks as old as that, in seconds since 1970.
    pub fn created(&self, seconds: i64) {
        self.edit(|state| {
            for dataset in state["datasets"].as_object_mut().unwrap().values_mut() {
                for version in dataset["versions"].as_array_mut().unwrap() {
                    version["creation"] = json!(seconds);
                }
            }
        });
    }

    /// The full names of all datasets, snapshots and bookmarks.
    pub fn names(&self) -> Vec<String> {
        let mut all = Vec::new();
        self.edit(|state| {
            for (name, dataset) in state["datasets"].as_object().unwrap() {
                all.push(name.clone());
                let versions = dataset["versions"].as_array().unwrap();
                all.extend(versions.iter().map(|version| format!("{name}{}", version["name"].as_str().unwrap())));
            }
        });
        all
    }
}

fn last(dataset: &str) -> &str {
    dataset.rsplit('/').next().unwrap_or(dataset)
}

/// The properties of a pool.
pub fn pool(guid: &Value) -> Value {
    let mut all = json!({"guid": guid.to_string(), "health": "ONLINE"});
    for name in ["large_blocks", "lz4_compress", "zstd_compress", "embedded_data", "encryption", "extensible_dataset"] {
        all[format!("feature@{name}")] = json!("enabled");
    }
    all
}

/// [`NOW`] in seconds since 1970.
pub fn now() -> i64 {
    NOW.parse::<jiff::Timestamp>().unwrap().as_second()
}

fn ten_days_ago() -> i64 {
    now() - 10 * 24 * 3600
}
