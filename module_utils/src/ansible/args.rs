//! A forgiving deserialiser: arguments behave as Ansible's own do, so that `Args` structs can be plain `serde`.
//!
//! `"yes"`/`"true"`/`1` are booleans, `"5"` an integer, `"a,b"` a list, `"a=1,b=2"` or a JSON text a dict, and null means
//! omitted. Every error names the option, the value and what is accepted.
//! Source: `check_type_*` of `ansible.module_utils.common.validation`.

use crate::ansible::misfit::{Misfit, Step};
use crate::model::suggest::nearest;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use std::fmt;

/// Reads `T` from the arguments of a module.
pub fn from_args<T: de::DeserializeOwned>(args: Map<String, Value>) -> Result<T, Misfit> {
    serde_path_to_error::deserialize(Lenient { value: Value::Object(args) }).map_err(|error| {
        let path = steps(error.path());
        let ArgError(message) = error.into_inner();
        Misfit { path, message }
    })
}

fn steps(path: &serde_path_to_error::Path) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(step).collect()
}

/// What is wrong with an argument.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct ArgError(String);

impl ArgError {
    fn expected(what: &str, got: &Value) -> Self {
        Self(format!("expected {what}, got {got}"))
    }
}

impl de::Error for ArgError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    /// Its name is the end of the path.
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut known: Vec<&str> = expected.to_vec();
        known.sort_unstable();
        let meant = did_you_mean(field, expected);
        Self::custom(format!("unsupported option. Supported options are: {}{meant}", known.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("missing required option '{field}'"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let meant = did_you_mean(variant, expected);
        Self::custom(format!("expected one of {}, got \"{variant}\"{meant}", expected.join(", ")))
    }
}

fn did_you_mean(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied()).map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}

struct Lenient {
    value: Value,
}

impl Lenient {
    fn boolean(&self) -> Result<bool, ArgError> {
        let word = match &self.value {
            Value::Bool(b) => return Ok(*b),
            Value::String(s) => s.trim().to_ascii_lowercase(),
            Value::Number(n) => n.to_string(),
            _ => String::new(),
        };
        match word.as_str() {
            "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Ok(true),
            "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Ok(false),
            _ => Err(ArgError::expected("a boolean (yes or no)", &self.value)),
        }
    }

    fn integer(&self) -> Result<i64, ArgError> {
        let parsed = match &self.value {
            Value::Number(n) => n.as_i64(),
            Value::String(s) => s.trim().parse().ok(),
            _ => None,
        };
        parsed.ok_or_else(|| ArgError::expected("an integer", &self.value))
    }

    fn text(self) -> Result<String, ArgError> {
        match self.value {
            Value::String(s) => Ok(s),
            Value::Number(n) => Ok(n.to_string()),
            // What YAML makes of an unquoted `on`: ZFS's word for it, not Python's `True`.
            Value::Bool(b) => Ok(if b { "on" } else { "off" }.to_owned()),
            other => Err(ArgError::expected("a string", &other)),
        }
    }

    fn list(self) -> Result<Vec<Value>, ArgError> {
        match self.value {
            Value::Array(items) => Ok(items),
            Value::String(s) if s.trim().is_empty() => Ok(Vec::new()),
            Value::String(s) => Ok(s.split(',').map(|item| Value::String(item.trim().to_owned())).collect()),
            Value::Number(n) => Ok(vec![Value::Number(n)]),
            other => Err(ArgError::expected("a list", &other)),
        }
    }

    fn dict(self) -> Result<Map<String, Value>, ArgError> {
        match self.value {
            Value::Object(map) => Ok(map),
            Value::String(s) if s.trim_start().starts_with('{') => match serde_json::from_str(&s) {
                Ok(map) => Ok(map),
                Err(_) => Err(ArgError::expected("a dict", &Value::String(s))),
            },
            Value::String(s) => key_value_pairs(&s).ok_or_else(|| ArgError::expected("a dict", &Value::String(s))),
            other => Err(ArgError::expected("a dict", &other)),
        }
    }
}

fn key_value_pairs(text: &str) -> Option<Map<String, Value>> {
    text.split([',', ' '])
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').map(|(k, v)| (k.to_owned(), Value::String(v.to_owned()))))
        .collect()
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
            let shown = self.value.to_string();
            let wrong = |_: ArgError| de::Error::custom(format!("expected an integer that fits here, got {shown}"));
            visitor.visit_i64(self.integer()?).map_err(wrong)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Lenient {
    type Error = ArgError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(b),
            Value::Number(_) => match self.integer() {
                Ok(n) => visitor.visit_i64(n),
                Err(_) => visitor.visit_f64(self.value.as_f64().unwrap_or_default()),
            },
            Value::String(s) => visitor.visit_string(s),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
        visitor.visit_bool(self.boolean()?)
    }

    integers!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
        let parsed = match &self.value {
            Value::Number(n) => n.as_f64(),
            Value::String(s) => s.trim().parse().ok(),
            _ => None,
        };
        visitor.visit_f64(parsed.ok_or_else(|| ArgError::expected("a number", &self.value))?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
        visitor.visit_seq(Items { items: self.list()?.into_iter() })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgError> {
        visitor.visit_map(Entries { entries: self.dict()?.into_iter(), value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgError> {
        match &self.value {
            Value::String(_) | Value::Bool(_) | Value::Number(_) => {
                visitor.visit_enum(self.text()?.into_deserializer())
            }
            other => Err(ArgError::expected(&format!("one of {}", variants.join(", ")), other)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgError> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! { i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any }
}

struct Items {
    items: std::vec::IntoIter<Value>,
}

impl<'de> de::SeqAccess<'de> for Items {
    type Error = ArgError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ArgError> {
        self.items.next().map(|value| seed.deserialize(Lenient { value })).transpose()
    }
}

struct Entries {
    entries: serde_json::map::IntoIter,
    value: Option<Value>,
}

impl<'de> de::MapAccess<'de> for Entries {
    type Error = ArgError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ArgError> {
        // Null means omitted, at every depth.
        let Some((key, value)) = self.entries.by_ref().find(|(_, value)| !value.is_null()) else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ArgError> {
        let value = self.value.take().ok_or_else(|| de::Error::custom("a value without a key"))?;
        seed.deserialize(Lenient { value })
    }
}

#[cfg(test)]
mod tests {
    use super::from_args;
    use serde::Deserialize;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Auto,
        Never,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        port: Option<u16>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        flag: bool,
        number: u32,
        list: Vec<String>,
        map: BTreeMap<String, String>,
        word: Word,
        ssh: Option<Nested>,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self { flag: true, number: 7, list: vec![], map: BTreeMap::new(), word: Word::Auto, ssh: None }
        }
    }

    fn read(value: Value) -> Result<Sample, String> {
        match value {
            Value::Object(map) => from_args(map).map_err(|e| e.to_string()),
            _ => panic!("arguments are an object"),
        }
    }

    #[test]
    fn values_are_coerced_as_ansible_does() {
        let got = read(json!({"flag": "no", "number": "5", "list": "a, b", "map": {"readonly": true, "x": 3},
                              "word": "never", "ssh": {"port": "22"}}));
        let map = BTreeMap::from([("readonly".into(), "on".into()), ("x".into(), "3".into())]);
        assert_eq!(
            got.unwrap(),
            Sample {
                flag: false,
                number: 5,
                list: vec!["a".into(), "b".into()],
                map,
                word: Word::Never,
                ssh: Some(Nested { port: Some(22) })
            }
        );
        assert_eq!(read(json!({"map": "a=1,b=2"})).unwrap().map.len(), 2);
    }

    #[test]
    fn null_means_omitted() {
        assert_eq!(read(json!({"flag": null, "list": null, "ssh": {"port": null}})).unwrap().number, 7);
        assert!(read(json!({"flag": null})).unwrap().flag);
    }

    #[test]
    fn errors_name_option_value_and_what_is_accepted() {
        for (given, message) in [
            (json!({"flag": "maybe"}), "option flag: expected a boolean (yes or no), got \"maybe\""),
            (json!({"number": -1}), "option number: expected an integer that fits here, got -1"),
            (json!({"number": "5x"}), "option number: expected an integer, got \"5x\""),
            (json!({"ssh": {"port": "often"}}), "option ssh.port: expected an integer, got \"often\""),
            (
                json!({"ssh": {"prot": 1}}),
                "option ssh.prot: unsupported option. Supported options are: port; did you mean port?",
            ),
            (json!({"list": ["a", {}]}), "option list.2: expected a string, got {}"),
            (json!({"word": "often"}), "option word: expected one of auto, never, got \"often\""),
            (
                json!({"nme": 1}),
                "option nme: unsupported option. Supported options are: flag, list, map, number, ssh, word",
            ),
        ] {
            assert_eq!(read(given).unwrap_err(), message);
        }
    }
}
