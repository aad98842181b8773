//! `MODULE --argspec`: the options of a module as Ansible's argument spec with documentation, made from the Rust types.
//!
//! Doc comments become descriptions, enums choices with their meanings, structs suboptions. What Rust has no word for comes
//! through `#[schemars(extend("no_log" = true))]`; see [`EXTENSIONS`].

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Keys of an option that are taken over as they are. The help of the command line shows `metavar` for a value, and `group` as the heading
/// that the option and those behind it stand below.
const EXTENSIONS: [&str; 5] = ["aliases", "group", "metavar", "no_log", "version_added"];

/// Keys of `Args` that are taken over as they are: rules between options.
const RULES: [&str; 5] = ["mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by"];

type Object = Map<String, Value>;

/// The argument spec of `A` as JSON: `{"module": NAME, "options": {OPTION: {"type", "description", ...}}}`.
///
/// `choices` maps each choice to its meaning, and `description` is a list of paragraphs.
#[must_use]
pub fn of<A: JsonSchema>(module: &str) -> Value {
    let root = SchemaGenerator::default().into_root_schema_for::<A>().to_value();
    let spec = Spec { definitions: root.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default() };
    let mut said = json!({"module": module, "options": spec.options(&spec.resolve(&root))});
    for rule in RULES {
        if let Some(value) = root.get(rule) {
            said[rule] = value.clone();
        }
    }
    said
}

struct Spec {
    definitions: Object,
}

impl Spec {
    fn options(&self, object: &Object) -> Value {
        let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let properties = object.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let options = properties.into_iter().map(|(name, schema)| {
            let mut option = self.option(&self.resolve(&schema));
            if required.contains(&json!(name)) {
                option.insert("required".to_owned(), json!(true));
            }
            (name, Value::Object(option))
        });
        Value::Object(options.collect())
    }

    fn option(&self, schema: &Object) -> Object {
        let mut option = self.shape(schema);
        let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        option.insert("description".to_owned(), json!(paragraphs(text)));
        match schema.get("default") {
            // The default of a dict with suboptions is that of each of them.
            Some(default) if !default.is_null() && !option.contains_key("options") => {
                option.insert("default".to_owned(), default.clone());
            }
            _ => {}
        }
        for key in EXTENSIONS {
            option.extend(schema.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        option
    }

    /// `type`, and the keys that go with it: `elements`, `choices`, `options`.
    fn shape(&self, schema: &Object) -> Object {
        let choices = choices(schema);
        if !choices.is_empty() {
            return Object::from_iter([("type".to_owned(), json!("str")), ("choices".to_owned(), choices.into())]);
        }
        let ansible_type = match type_name(schema) {
            "boolean" => "bool",
            "integer" => "int",
            "number" => "float",
            "array" => "list",
            "object" => "dict",
            "string" => "str",
            _ => "raw",
        };
        let mut shape = Object::from_iter([("type".to_owned(), json!(ansible_type))]);
        if let Some(items) = schema.get("items") {
            let mut element = self.shape(&self.resolve(items));
            let element_type = element.remove("type");
            shape.extend(element_type.map(|name| ("elements".to_owned(), name)));
            shape.extend(element);
        }
        if schema.contains_key("properties") {
            shape.insert("options".to_owned(), self.options(schema));
        }
        shape
    }

    /// Follows references, and looks through the "or null" of an `Option`. What stands beside a reference wins.
    fn resolve(&self, schema: &Value) -> Object {
        let mut own = schema.as_object().cloned().unwrap_or_default();
        let reference = own.remove("$ref");
        let alternatives = own.remove("anyOf");
        let target = reference
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|path| self.definitions.get(path.trim_start_matches("#/$defs/")))
            .or_else(|| alternatives.as_ref()?.as_array()?.iter().find(|schema| schema["type"] != "null"));
        let mut resolved = target.map(|schema| self.resolve(schema)).unwrap_or_default();
        resolved.extend(own);
        resolved
    }
}

/// The type beside "null".
fn type_name(schema: &Object) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or(""),
        _ => "",
    }
}

/// Each choice of an enum with what its doc comment says: variants without one come as `enum`, the others as `const`.
fn choices(schema: &Object) -> Object {
    let variants = schema.get("oneOf").and_then(Value::as_array).map_or(vec![], |variants| variants.iter().collect());
    let own = schema.get("enum").map(|names| (names, ""));
    let described = variants.iter().filter_map(|variant| {
        let meaning = variant.get("description").and_then(Value::as_str).unwrap_or_default();
        Some((variant.get("enum").or_else(|| variant.get("const"))?, meaning))
    });
    let mut choices = Object::new();
    for (names, meaning) in own.into_iter().chain(described) {
        let names = names.as_array().cloned().unwrap_or_else(|| vec![names.clone()]);
        for name in names.iter().filter_map(Value::as_str) {
            choices.insert(name.to_owned(), json!(paragraphs(meaning).join(" ")));
        }
    }
    choices
}

/// The paragraphs of a doc comment, each on one line.
fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n")
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|p| !p.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::model::units::ByteSize;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[schemars(extend("required_together" = [["limit", "size"]]))]
    struct Args {
        /// First paragraph,
        /// on two lines.
        ///
        /// Second.
        source: Vec<String>,
        /// A size.
        #[serde(default = "size")]
        size: ByteSize,
        /// Nothing is its default.
        limit: Option<u32>,
        #[serde(default)]
        ssh: Ssh,
        /// Words.
        #[serde(default)]
        words: Vec<Word>,
        /// A word or none.
        word: Option<Word>,
        /// A map.
        #[serde(default)]
        map: BTreeMap<String, String>,
        /// Parts.
        parts: Option<Vec<Ssh>>,
        /// Secret.
        #[schemars(extend("no_log" = true, "version_added" = "1.2.0"))]
        secret: Option<String>,
    }

    /// How to reach it.
    #[derive(Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Ssh {
        /// Port.
        port: Option<u16>,
        /// Options.
        options: Vec<String>,
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        /// By itself.
        Auto,
        Never,
    }

    fn size() -> ByteSize {
        ByteSize(32 << 20)
    }

    fn option(name: &str) -> Value {
        of::<Args>("sample")["options"][name].clone()
    }

    #[test]
    fn options_keep_their_order() {
        let spec = of::<Args>("sample");
        assert_eq!(spec["module"], "sample");
        assert_eq!(spec["required_together"], json!([["limit", "size"]]));
        let names: Vec<_> = spec["options"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["source", "size", "limit", "ssh", "words", "word", "map", "parts", "secret"]);
    }

    #[test]
    fn scalars_and_lists() {
        assert_eq!(
            option("source"),
            json!({"type": "list", "elements": "str", "required": true,
                   "description": ["First paragraph, on two lines.", "Second."]})
        );
        assert_eq!(
            option("size"),
            json!({"type": "str", "default": "32M", "description": ["A size."], "metavar": "SIZE"})
        );
        assert_eq!(option("limit"), json!({"type": "int", "description": ["Nothing is its default."]}));
        assert_eq!(option("map"), json!({"type": "dict", "default": {}, "description": ["A map."]}));
        assert_eq!(
            option("secret"),
            json!({"type": "str", "no_log": true, "version_added": "1.2.0", "description": ["Secret."]})
        );
    }

    #[test]
    fn structs_are_suboptions_whose_defaults_speak_for_themselves() {
        let port = json!({"type": "int", "description": ["Port."]});
        let options = json!({"type": "list", "elements": "str", "default": [], "description": ["Options."]});
        assert_eq!(
            option("ssh"),
            json!({"type": "dict", "description": ["How to reach it."], "options": {"port": port, "options": options}})
        );
        assert_eq!(
            option("parts"),
            json!({"type": "list", "elements": "dict", "description": ["Parts."],
                   "options": {"port": port, "options": options}})
        );
    }

    #[test]
    fn enums_are_choices_with_their_meanings() {
        let choices = json!({"auto": "By itself.", "never": ""});
        assert_eq!(option("word"), json!({"type": "str", "choices": choices, "description": ["A word or none."]}));
        assert_eq!(
            option("words"),
            json!({"type": "list", "elements": "str", "choices": choices, "default": [], "description": ["Words."]})
        );
    }
}
