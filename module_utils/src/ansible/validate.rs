//! All that is wrong with the options of a module at once, where running it stops at the first.

use crate::ansible::args::from_args;
use crate::ansible::cli::spec::Spec;
use crate::ansible::misfit::{Misfit, Step};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Says whether arguments of the right shape also mean something.
pub type Check<'c, A> = &'c dyn Fn(A) -> Result<(), String>;

/// All that is wrong. Names, values and what is missing are looked at in every option. What options mean is looked at only where all of
/// them can be read, for it depends on each other; there the first that is wrong is told, with each of its elements.
pub fn misfits<A: DeserializeOwned>(args: &Map<String, Value>, spec: &Spec, check: Check<'_, A>) -> Vec<Misfit> {
    let mut misfits = misshapen::<A>(args);
    misfits.extend(missing(args, spec));
    if !misfits.is_empty() {
        return misfits;
    }
    match meant(args, check) {
        Ok(()) => misfits,
        Err(misfit) => {
            let elements = of_elements(args, &misfit, check);
            if elements.is_empty() { vec![misfit] } else { elements }
        }
    }
}

/// As `--json` prints it.
#[must_use]
pub fn result(misfits: &[Misfit]) -> Value {
    let shown = |misfit: &Misfit| json!({"option": misfit.option(), "message": misfit.message});
    let mut result = json!({"changed": false, "faults": misfits.iter().map(shown).collect::<Vec<_>>()});
    if !misfits.is_empty() {
        let all: Vec<String> = misfits.iter().map(ToString::to_string).collect();
        result["failed"] = json!(true);
        result["code"] = json!("invalid_option");
        result["msg"] = json!(all.join("; "));
    }
    result
}

/// What cannot be read. Each such value is told and taken out, until the rest can be.
fn misshapen<A: DeserializeOwned>(args: &Map<String, Value>) -> Vec<Misfit> {
    let mut rest = Value::Object(args.clone());
    let mut misfits = Vec::new();
    // How many elements of each list are gone: those behind them have other numbers now.
    let mut gone: BTreeMap<Vec<Step>, usize> = BTreeMap::new();
    loop {
        let Value::Object(args) = &rest else { return misfits };
        let Err(misfit) = from_args::<A>(args.clone()) else { return misfits };
        // What all of them lack is seen by the spec, whatever has been taken out.
        let Some(taken) = take_out(&mut rest, &misfit.path) else { return misfits };
        let path = as_given(&misfit.path, &gone);
        let (last, list) = taken.split_last().map_or((None, &[][..]), |(last, list)| (Some(last), list));
        if let Some(Step::Index(_)) = last {
            *gone.entry(list.to_vec()).or_default() += 1;
        }
        misfits.push(Misfit { path, ..misfit });
    }
}

/// Takes out the value at the end of the path, or what holds it if that is one text. Returns the way to what went.
fn take_out(value: &mut Value, path: &[Step]) -> Option<Vec<Step>> {
    let (step, rest) = path.split_first()?;
    let inner = match (&mut *value, step) {
        (Value::Object(map), Step::Key(key)) => map.get_mut(key)?,
        (Value::Array(items), Step::Index(index)) => items.get_mut(*index)?,
        _ => return None,
    };
    if let Some(mut way) = take_out(inner, rest) {
        way.insert(0, step.clone());
        return Some(way);
    }
    match (value, step) {
        (Value::Object(map), Step::Key(key)) => drop(map.shift_remove(key)),
        (Value::Array(items), Step::Index(index)) => drop(items.remove(*index)),
        _ => {}
    }
    Some(vec![step.clone()])
}

/// The path before anything was taken out.
fn as_given(path: &[Step], gone: &BTreeMap<Vec<Step>, usize>) -> Vec<Step> {
    let step = |(at, step): (usize, &Step)| match step {
        Step::Index(index) => Step::Index(index + gone.get(&path[..at]).copied().unwrap_or_default()),
        Step::Key(_) => step.clone(),
    };
    path.iter().enumerate().map(step).collect()
}

fn missing(args: &Map<String, Value>, spec: &Spec) -> Vec<Misfit> {
    let lacks = |name: &str| args.get(name).is_none_or(Value::is_null);
    let required = spec.options.iter().filter(|option| option.required && lacks(&option.name));
    required
        .map(|option| Misfit { path: Vec::new(), message: format!("missing required option '{}'", option.name) })
        .collect()
}

fn meant<A: DeserializeOwned>(args: &Map<String, Value>, check: Check<'_, A>) -> Result<(), Misfit> {
    let args = from_args(args.clone())?;
    check(args).map_err(|message| {
        // `option NAME: what is wrong`, as all of them say it that are about one.
        let named = message.strip_prefix("option ").and_then(|rest| rest.split_once(": "));
        match named.filter(|(name, _)| !name.contains(' ')) {
            Some((name, rest)) => Misfit { path: name.split('.').map(step).collect(), message: rest.to_owned() },
            None => Misfit { path: Vec::new(), message },
        }
    })
}

/// A part of the name of an option, `datasets.1.policy`.
fn step(part: &str) -> Step {
    match part.parse::<usize>() {
        Ok(number @ 1..) => Step::Index(number - 1),
        _ => Step::Key(part.to_owned()),
    }
}

/// The elements of a list that are wrong by themselves.
fn of_elements<A: DeserializeOwned>(args: &Map<String, Value>, misfit: &Misfit, check: Check<'_, A>) -> Vec<Misfit> {
    let [Step::Key(option), ..] = misfit.path.as_slice() else { return Vec::new() };
    let Some(Value::Array(items)) = args.get(option) else { return Vec::new() };
    let alone = |(index, item): (usize, &Value)| {
        let mut args = args.clone();
        args.insert(option.clone(), json!([item]));
        let Misfit { path, message } = meant(&args, check).err()?;
        let within = match path.as_slice() {
            // The only one that there is.
            [Step::Key(name), Step::Index(_), within @ ..] | [Step::Key(name), within @ ..] if name == option => within,
            _ => return None,
        };
        let path = [&[Step::Key(option.clone()), Step::Index(index)], within].concat();
        Some(Misfit { path, message })
    };
    items.iter().enumerate().filter_map(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::{misfits, result};
    use crate::ansible::cli::spec::Spec;
    use serde::Deserialize;
    use serde_json::{Value, json};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        name: String,
        #[serde(default)]
        size: u16,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        target: String,
        parts: Vec<Part>,
        #[serde(default)]
        words: Vec<String>,
        limit: Option<u32>,
    }

    fn check(sample: &Sample) -> Result<(), String> {
        let sizes: u32 = sample.parts.iter().map(|part| u32::from(part.size)).sum();
        if sample.limit.is_some_and(|limit| sizes > limit) {
            return Err(format!("{sizes} is more than the limit"));
        }
        if sample.parts.iter().any(|part| part.name.is_empty()) || sample.target.is_empty() {
            return Err("the name is missing".to_owned());
        }
        if let Some(at) = sample.parts.iter().position(|part| part.name == "bad") {
            return Err(format!("option parts.{}.name: it is bad", at + 1));
        }
        match sample.words.iter().find(|word| word.starts_with('-')) {
            Some(word) => Err(format!("option words: {word} is none")),
            None if sample.words.len() > 2 => Err("option words: these are too many".to_owned()),
            None => Ok(()),
        }
    }

    fn told(args: Value) -> Vec<String> {
        let spec = r#"{"options": [{"name": "target", "type": "str", "required": true}, {"name": "parts", "type": "list", "required": true},
                       {"name": "words", "type": "list"}, {"name": "limit", "type": "int"}]}"#;
        let Value::Object(args) = args else { panic!("an object") };
        misfits::<Sample>(&args, &Spec::read(spec).unwrap(), &|sample| check(&sample))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn everything_that_cannot_be_read_is_told_where_it_stands() {
        let parts =
            json!([{"name": "a"}, {"nam": "b", "size": 1}, {"name": "c", "size": "big"}, {"name": "d", "size": -1}]);
        assert_eq!(
            told(json!({"parts": parts, "limit": "much", "words": {"a": 1}, "lmit": 1, "target": null})),
            [
                "option parts.2.nam: unsupported option. Supported options are: name, size; did you mean name?",
                "option parts.2: missing required option 'name'",
                "option parts.3.size: expected an integer, got \"big\"",
                "option parts.4.size: expected an integer that fits here, got -1",
                "option limit: expected an integer, got \"much\"",
                "option words: expected a list, got {\"a\":1}",
                "option lmit: unsupported option. Supported options are: limit, parts, target, words; did you mean limit?",
                "missing required option 'target'",
            ]
        );
        assert_eq!(told(json!({})), ["missing required option 'target'", "missing required option 'parts'"]);
        // One text with several in it cannot be taken apart.
        assert_eq!(told(json!({"target": "t", "parts": "name=a,b"})).len(), 1);
    }

    #[test]
    fn what_they_mean_is_told_of_each_element() {
        let with = |more: Value| {
            let mut args = json!({"target": "t", "parts": [{"name": "a", "size": 3}]});
            args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            told(args)
        };
        assert!(with(json!({})).is_empty());
        assert_eq!(
            with(json!({"words": ["-a", "b", "-c"]})),
            ["option words.1: -a is none", "option words.3: -c is none"]
        );
        assert_eq!(with(json!({"words": ["a", "b", "c"]})), ["option words: these are too many"]);
        let parts = json!([{"name": "a"}, {"name": "bad"}, {"name": "bad"}]);
        assert_eq!(with(json!({"parts": parts})), ["option parts.2.name: it is bad", "option parts.3.name: it is bad"]);
        assert_eq!(with(json!({"limit": 2})), ["3 is more than the limit"]);
    }

    #[test]
    fn programs_read_it_too() {
        assert_eq!(result(&[]), json!({"changed": false, "faults": []}));
        let misfit = crate::ansible::args::from_args::<Part>(serde_json::Map::new()).unwrap_err();
        assert_eq!(
            result(&[misfit]),
            json!({"changed": false, "failed": true, "code": "invalid_option", "msg": "missing required option 'name'",
                   "faults": [{"option": "", "message": "missing required option 'name'"}]})
        );
    }
}
