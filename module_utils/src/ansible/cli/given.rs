//! Options given as flags or words, and what they change in those of a file.

use super::spec::{Found, Kind, Spec};
use crate::model::suggest::nearest;
use lexopt::{Parser, ValueExt};
use serde_json::{Map, Value};
use std::ffi::OsString;

/// Options of a module that stand on the command line, each by its place in the JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    options: Vec<One>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct One {
    path: Vec<String>,
    value: Value,
    /// The flag, or the words that said it.
    by: String,
}

impl Given {
    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.options.is_empty()
    }

    /// True if something of that option is among them.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|one| one.path.first().is_some_and(|name| name == option))
    }

    /// Adds what words other than flags say.
    pub fn by_word(&mut self, option: &str, value: Value, word: &str) -> Result<(), String> {
        self.put(vec![option.to_owned()], value, word.to_owned())
    }

    /// Adds the flag of that name with its value, which stands behind it. `known` are the flags that every program has.
    pub fn by_flag(&mut self, spec: &Spec, name: &str, parser: &mut Parser, known: &[&str]) -> Result<(), String> {
        let found = spec.find(name).ok_or_else(|| unknown(spec, name, known))?;
        let flag = format!("--{name}");
        if found.option.kind == Kind::Bool && !found.is_key {
            let value = yes_or_no(&flag, found.is_negated, parser)?;
            return self.put(found.path, value, flag);
        }
        let value = parser.value().map_err(|_| format!("{flag} wants a value"))?;
        let text = value.string().map_err(|_| format!("{flag}: its value is no UTF-8"))?;
        self.value(spec, found, text, flag)
    }

    fn value(&mut self, spec: &Spec, found: Found<'_>, text: String, flag: String) -> Result<(), String> {
        match found.option.kind {
            Kind::List => {
                let elements = elements(&flag, text)?;
                if let Some(one) = self.options.iter_mut().find(|one| one.path == found.path && one.by == flag)
                    && let Value::Array(all) = &mut one.value
                {
                    all.extend(elements);
                    return Ok(());
                }
                self.put(found.path, Value::Array(elements), flag)
            }
            Kind::Dict if !found.is_key && text.trim_start().starts_with('{') => {
                let value = serde_json::from_str(&text).map_err(|error| format!("{flag}: this is no JSON: {error}"))?;
                self.put(found.path, value, flag)
            }
            Kind::Dict if !found.is_key => {
                let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
                let (key, value) = pair.ok_or_else(|| format!("{flag}: expected KEY=VALUE, got {text:?}"))?;
                let flag = format!("{}.{key}", flag.trim_start_matches('-'));
                let found = spec.find(&flag).ok_or_else(|| unknown(spec, &flag, &[]))?;
                self.value(spec, found, value.to_owned(), format!("--{flag}"))
            }
            _ => self.put(found.path, Value::String(text), flag),
        }
    }

    /// Adds others, which say something else.
    pub fn join(&mut self, others: Self) -> Result<(), String> {
        others.options.into_iter().try_for_each(|One { path, value, by }| self.put(path, value, by))
    }

    fn put(&mut self, path: Vec<String>, value: Value, by: String) -> Result<(), String> {
        if let Some(other) = self.options.iter().find(|one| one.path == path) {
            return Err(if other.by == by {
                format!("{by} is given twice")
            } else {
                format!("{} and {by} say the same thing: give one of them", other.by)
            });
        }
        self.options.push(One { path, value, by });
        Ok(())
    }

    /// These options over those of a file. In a dict only what is named here changes: of what the file has, or else of the default.
    pub fn over(mut self, spec: &Spec, mut base: Map<String, Value>) -> Result<Map<String, Value>, String> {
        // A whole dict before what changes in it.
        self.options.sort_by_key(|one| one.path.len());
        for One { path, value, by } in self.options {
            let default = spec.options.iter().find(|option| Some(&option.name) == path.first());
            if let (Some(option), 2..) = (default, path.len())
                && base.get(&option.name).is_none_or(Value::is_null)
                && option.default.is_object()
            {
                base.insert(option.name.clone(), option.default.clone());
            }
            set(&mut base, &path, value).map_err(|()| {
                format!("{by} cannot be put into what the file says of {}: write that as a JSON object", path[0])
            })?;
        }
        Ok(base)
    }
}

fn set(map: &mut Map<String, Value>, path: &[String], value: Value) -> Result<(), ()> {
    let (name, rest) = path.split_first().ok_or(())?;
    if rest.is_empty() {
        map.insert(name.clone(), value);
        return Ok(());
    }
    let within = map.entry(name.clone()).or_insert(Value::Null);
    if within.is_null() {
        *within = Value::Object(Map::new());
    }
    set(within.as_object_mut().ok_or(())?, rest, value)
}

/// One occurrence is one element; a JSON list is several.
fn elements(flag: &str, text: String) -> Result<Vec<Value>, String> {
    if !text.trim_start().starts_with('[') {
        return Ok(vec![Value::String(text)]);
    }
    serde_json::from_str(&text).map_err(|_| {
        let quoted = Value::Array(vec![Value::String(text)]);
        format!(
            "{flag}: what begins with [ is a JSON list, and this is none. If it is one value, write it so: '{quoted}'"
        )
    })
}

/// A flag alone is a yes. Nobody shall think that the word behind it were its value.
fn yes_or_no(flag: &str, is_negated: bool, parser: &mut Parser) -> Result<Value, String> {
    match parser.optional_value() {
        Some(_) if is_negated => Err(format!("{flag} takes no value: it says no already")),
        Some(value) => {
            let text = value.string().map_err(|_| format!("{flag}: its value is no UTF-8"))?;
            Ok(Value::String(text))
        }
        None => match parser.try_raw_args().and_then(|words| words.peek().and_then(is_answer)) {
            Some(word) => Err(format!(
                "{flag} {word}: a yes or no goes behind =, as in {flag}={word}, or before it, as in --no-…"
            )),
            None => Ok(Value::Bool(!is_negated)),
        },
    }
}

fn is_answer(word: &std::ffi::OsStr) -> Option<String> {
    let word = word.to_str()?.to_ascii_lowercase();
    ["yes", "no", "true", "false", "on", "off", "1", "0"].contains(&word.as_str()).then_some(word)
}

fn unknown(spec: &Spec, name: &str, known: &[&str]) -> String {
    let flags = spec.flags();
    let negated = flags.iter().filter(|(_, option)| option.kind == Kind::Bool).map(|(flag, _)| format!("no-{flag}"));
    let all: Vec<String> = flags.iter().map(|(flag, _)| flag.clone()).chain(negated).collect();
    let all = all.iter().map(String::as_str).chain(known.iter().copied());
    let meant = nearest(&name.replace('_', "-"), all);
    let question = meant.map(|flag| format!("; did you mean --{flag}?")).unwrap_or_default();
    format!("there is no option --{name}{question}")
}

/// A word as text.
pub(super) fn text(what: &str, word: OsString) -> Result<String, String> {
    word.into_string().map_err(|word| format!("{what}: {} is no UTF-8", word.display()))
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::sample;
    use super::Given;
    use lexopt::{Arg, Parser};
    use serde_json::{Value, json};

    fn given(words: &[&str]) -> Result<Given, String> {
        let (spec, mut given) = (sample(), Given::default());
        let mut parser = Parser::from_args(words);
        loop {
            let name = match parser.next().unwrap() {
                None => return Ok(given),
                Some(Arg::Long(name)) => name.to_owned(),
                Some(other) => panic!("{other:?}"),
            };
            given.by_flag(&spec, &name, &mut parser, &["check", "text"])?;
        }
    }

    fn over(words: &[&str], base: Value) -> Result<Value, String> {
        let Value::Object(base) = base else { panic!("an object") };
        given(words)?.over(&sample(), base).map(Value::Object)
    }

    #[test]
    fn flags_are_options() {
        let words = ["--source", "tank", "--source=home/a,b", "--target=vault", "--ssh.port", "22", "--no-recursive"];
        assert_eq!(
            over(&words, json!({})),
            Ok(json!({"source": ["tank", "home/a,b"], "target": "vault", "recursive": false, "ssh": {"port": "22"}}))
        );
        assert_eq!(
            over(&["--holds", "--recursive=no", "--raw=never"], json!({})),
            Ok(json!({"holds": true, "recursive": "no", "raw": "never"}))
        );
        assert_eq!(
            over(&["--source=[\"a\", \"[b]*\"]", "--source", "c"], json!({})),
            Ok(json!({"source": ["a", "[b]*", "c"]}))
        );
        assert_eq!(
            over(&["--datasets", "dataset=tank,policy=high"], json!({})),
            Ok(json!({"datasets": ["dataset=tank,policy=high"]}))
        );
        assert_eq!(
            over(&["--ssh", "port=22", "--ssh", "identity_file=/k=1"], json!({})),
            Ok(json!({"ssh": {"port": "22", "identity_file": "/k=1"}}))
        );
    }

    #[test]
    fn flags_change_only_what_they_name() {
        let file =
            json!({"target": "vault", "source": ["x"], "ssh": {"port": 1, "identity_file": "/k"}, "raw": "auto"});
        assert_eq!(
            over(&["--ssh.port=2", "--source=a", "--raw=never"], file),
            Ok(
                json!({"target": "vault", "source": ["a"], "ssh": {"port": "2", "identity_file": "/k"}, "raw": "never"})
            )
        );
        let words = ["--receive-properties", "sharenfs=rw=a,ro", "--receive-properties.canmount=off"];
        assert_eq!(
            over(&words, json!({})),
            Ok(json!({"receive_properties": {"readonly": "on", "sharenfs": "rw=a,ro", "canmount": "off"}}))
        );
        assert_eq!(
            over(&words, json!({"receive_properties": {"a": "b"}})),
            Ok(json!({"receive_properties": {"a": "b", "sharenfs": "rw=a,ro", "canmount": "off"}}))
        );
        assert_eq!(
            over(&["--receive-properties.x=y", "--receive-properties={}"], json!({})),
            Ok(json!({"receive_properties": {"x": "y"}}))
        );
        assert_eq!(
            over(&["--ssh.port=2"], json!({"ssh": "port=1"})).unwrap_err(),
            "--ssh.port cannot be put into what the file says of ssh: write that as a JSON object"
        );
    }

    #[test]
    fn what_is_not_meant_is_not_done() {
        for (words, message) in [
            (&["--target=a", "--target=b"][..], "--target is given twice"),
            (
                &["--source-host=a", "--source_host=b"],
                "--source-host and --source_host say the same thing: give one of them",
            ),
            (&["--recursive", "--no-recursive"], "--recursive and --no-recursive say the same thing: give one of them"),
            (&["--taget=a"], "there is no option --taget; did you mean --target?"),
            (&["--no-recursiv"], "there is no option --no-recursiv; did you mean --no-recursive?"),
            (&["--chekc"], "there is no option --chekc; did you mean --check?"),
            (&["--frobnicate"], "there is no option --frobnicate"),
            (&["--ssh.prot=1"], "there is no option --ssh.prot; did you mean --ssh.port?"),
            (&["--ssh", "prot=1"], "there is no option --ssh.prot; did you mean --ssh.port?"),
            (&["--no-holds=yes"], "--no-holds takes no value: it says no already"),
            (&["--target"], "--target wants a value"),
            (&["--receive-properties", "canmount"], "--receive-properties: expected KEY=VALUE, got \"canmount\""),
            (&["--holds", "no"], "--holds no: a yes or no goes behind =, as in --holds=no, or before it, as in --no-…"),
            (
                &["--source=[a-z]*"],
                "--source: what begins with [ is a JSON list, and this is none. If it is one value, write it so: \
                 '[\"[a-z]*\"]'",
            ),
        ] {
            assert_eq!(given(words).unwrap_err(), message);
        }
    }
}
