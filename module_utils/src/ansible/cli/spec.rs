//! What options a module has, as the file beside its source says: generated from the type that reads them.

use serde::Deserialize;
use serde_json::Value;

/// All options of a module.
#[derive(Debug, Default, Deserialize)]
pub struct Spec {
    /// In the order in which they are shown.
    pub options: Vec<Opt>,
}

/// One option.
#[derive(Debug, Deserialize)]
pub struct Opt {
    /// As the JSON has it.
    pub name: String,
    /// What its value is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What each element of a list is.
    pub elements: Option<Kind>,
    /// The words that it takes.
    #[serde(default)]
    pub choices: Vec<String>,
    /// Its value where none is given.
    #[serde(default)]
    pub default: Value,
    /// Nothing goes without it.
    #[serde(default)]
    pub required: bool,
    /// One sentence.
    #[serde(default)]
    pub help: String,
    /// What a value is called in the help.
    pub metavar: Option<String>,
    /// The heading that it and those behind it stand below.
    pub group: Option<String>,
    /// The options within it.
    #[serde(default)]
    pub options: Vec<Opt>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Text.
    Str,
    /// Several.
    List,
    /// Names with values.
    Dict,
    /// Anything.
    Raw,
}

/// What a flag names.
#[derive(Debug)]
pub struct Found<'s> {
    /// The option.
    pub option: &'s Opt,
    /// Where it stands in the JSON.
    pub path: Vec<String>,
    /// The key in a dict that takes any: the last of the path.
    pub is_key: bool,
    /// `--no-` stood before it.
    pub is_negated: bool,
}

impl Spec {
    /// Reads the file that `make generate` wrote.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("the options of this program cannot be read: {error}"))
    }

    /// What `--NAME` stands for, if anything.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Found<'_>> {
        let no = || name.strip_prefix("no-").or_else(|| name.strip_prefix("no_"));
        find(&self.options, name, Vec::new()).or_else(|| {
            let found = find(&self.options, no()?, Vec::new())?;
            (found.option.kind == Kind::Bool && !found.is_key).then_some(Found { is_negated: true, ..found })
        })
    }

    /// Every flag that has a help text of its own, with its option: `strip-prefix`, `ssh.port`.
    #[must_use]
    pub fn flags(&self) -> Vec<(String, &Opt)> {
        self.options.iter().flat_map(Opt::flags).collect()
    }
}

fn find<'s>(options: &'s [Opt], name: &str, mut path: Vec<String>) -> Option<Found<'s>> {
    let (own, rest) = name.split_once('.').map_or((name, None), |(own, rest)| (own, Some(rest)));
    let own = own.replace('-', "_");
    let option = options.iter().find(|option| option.name == own)?;
    path.push(own);
    match rest {
        None => Some(Found { option, path, is_key: false, is_negated: false }),
        Some(rest) if option.has_suboptions() => find(&option.options, rest, path),
        Some(key) if option.takes_keys() && !key.is_empty() => {
            path.push(key.to_owned());
            Some(Found { option, path, is_key: true, is_negated: false })
        }
        Some(_) => None,
    }
}

impl Opt {
    /// Its name as a flag, without the dashes.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// A dict whose keys are options themselves.
    #[must_use]
    pub fn has_suboptions(&self) -> bool {
        self.kind == Kind::Dict && !self.options.is_empty()
    }

    /// A dict that takes any key.
    #[must_use]
    pub fn takes_keys(&self) -> bool {
        self.kind == Kind::Dict && self.options.is_empty()
    }

    fn flags(&self) -> Vec<(String, &Self)> {
        if !self.has_suboptions() {
            return vec![(self.flag(), self)];
        }
        let below = self.options.iter().flat_map(Self::flags);
        below.map(|(flag, option)| (format!("{}.{flag}", self.flag()), option)).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Kind, Spec};

    /// A bit of everything.
    pub fn sample() -> Spec {
        Spec::read(
            r#"{"options": [
            {"name": "source", "type": "list", "elements": "str", "required": true, "help": "Datasets on the sending side.",
             "metavar": "DATASET", "group": "Where"},
            {"name": "target", "type": "str", "help": "Dataset below which they land.", "metavar": "DATASET"},
            {"name": "source_host", "type": "str", "help": "SSH destination of the sending side.", "metavar": "HOST"},
            {"name": "ssh", "type": "dict", "help": "How to reach it.", "options": [
                {"name": "port", "type": "int", "help": "Port of the SSH server."},
                {"name": "identity_file", "type": "str", "help": "Private key.", "metavar": "FILE"}]},
            {"name": "recursive", "type": "bool", "default": true, "help": "Also replicate descendants.", "group": "What"},
            {"name": "holds", "type": "bool", "default": false, "help": "Hold the newest common snapshot."},
            {"name": "raw", "type": "str", "choices": ["auto", "always", "never"], "default": "auto", "help": "Whether raw."},
            {"name": "receive_properties", "type": "dict", "default": {"readonly": "on"}, "help": "Properties."},
            {"name": "datasets", "type": "list", "elements": "dict", "help": "Them.", "options": [
                {"name": "dataset", "type": "str", "required": true, "help": "Its path.", "metavar": "DATASET"},
                {"name": "policy", "type": "str", "required": true, "help": "Its policy."},
                {"name": "snapshots_discover_children", "type": "bool", "default": false, "help": "Children too."}]}]}"#,
        )
        .unwrap()
    }

    fn found(name: &str) -> Option<(String, bool)> {
        let spec = sample();
        let found = spec.find(name)?;
        Some((found.path.join(" "), found.is_negated))
    }

    #[test]
    fn dashes_and_underscores_and_dots_are_understood() {
        let plain = |path: &str| Some((path.to_owned(), false));
        assert_eq!(found("source-host"), plain("source_host"));
        assert_eq!(found("source_host"), plain("source_host"));
        assert_eq!(found("ssh.identity-file"), plain("ssh identity_file"));
        assert_eq!(
            found("receive-properties.com.sun:auto-snapshot"),
            plain("receive_properties com.sun:auto-snapshot")
        );
        assert_eq!(found("no-recursive"), Some(("recursive".to_owned(), true)));
        for none in ["no-source", "sources", "ssh.prot", "target.x", "receive-properties.", "datasets.dataset", ""] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn flags_are_those_of_the_options_within_too() {
        let spec = sample();
        let flags: Vec<_> = spec.flags().into_iter().map(|(flag, _)| flag).collect();
        assert_eq!(flags[2..6], ["source-host", "ssh.port", "ssh.identity-file", "recursive"]);
        assert_eq!(spec.find("datasets").unwrap().option.elements, Some(Kind::Dict));
    }
}
