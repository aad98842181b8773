//! `--help`: every option with one sentence, as wide as the terminal.

use super::COMMON;
use super::spec::{Kind, Opt, Spec};
use serde_json::Value;
use std::fmt::Write;

/// What only this program has to say in its help.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Its lines behind `Usage:`, without its name.
    pub lines: &'static [&'static str],
    /// Command lines, without its name, and what they do.
    pub examples: &'static [(&'static str, &'static str)],
    /// Further options: the flag, and what it does.
    pub own: &'static [(&'static str, &'static str)],
}

/// The column where texts begin.
const COLUMN: usize = 30;

/// The whole text for lines of that width.
#[must_use]
pub fn text(name: &str, about: &str, spec: &Spec, usage: &Usage, width: usize) -> String {
    let mut text = format!("{name} {about}.\n\nUsage:\n");
    for line in usage.lines {
        let _ = writeln!(text, "  {name} {line}");
    }
    if !usage.examples.is_empty() {
        text.push_str("\nExamples:\n");
    }
    for (line, what) in usage.examples {
        let _ = writeln!(text, "  {name} {line}");
        wrapped(&mut text, what, 6, width);
    }
    for (number, option) in spec.options.iter().enumerate() {
        if number == 0 || option.group.is_some() {
            let _ = write!(text, "\n{}:\n", option.group.as_deref().unwrap_or("Options"));
        }
        rows(&mut text, option, "", width);
    }
    if !usage.own.is_empty() {
        text.push_str("\nOther ways to answer:\n");
    }
    for (flag, what) in usage.own {
        row(&mut text, &format!("    --{flag}"), what, width);
    }
    text.push_str("\nHow to run:\n");
    for (flag, letter, value, what) in COMMON.into_iter().filter(|(.., what)| !what.is_empty()) {
        let letter = if letter.is_empty() { "    ".to_owned() } else { format!("-{letter}, ") };
        row(&mut text, format!("{letter}--{flag} {value}").trim_end(), what, width);
    }
    text.push('\n');
    let yes_or_no = "A yes or no is --OPTION, --no-OPTION or --OPTION=no.";
    wrapped(&mut text, &format!("An option that may be repeated takes one value each time. {yes_or_no}"), 0, width);
    let _ = writeln!(text, "All about each option: ansible-doc -t module ferro.zfs.{name}");
    text
}

/// An option, or those within it.
fn rows(text: &mut String, option: &Opt, above: &str, width: usize) {
    let flag = format!("{above}{}", option.flag());
    if option.has_suboptions() {
        option.options.iter().for_each(|inner| rows(text, inner, &format!("{flag}."), width));
        return;
    }
    let switched_on = option.kind == Kind::Bool && option.default == Value::Bool(true);
    let flag = if switched_on { format!("    --[no-]{flag}") } else { format!("    --{flag} {}", value_name(option)) };
    let mut notes = Vec::new();
    if !option.choices.is_empty() {
        notes.push(option.choices.join(", "));
    }
    if let Some(default) = shown_default(option) {
        notes.push(format!("default {default}"));
    }
    if matches!(option.kind, Kind::List | Kind::Dict) {
        notes.push("may be repeated".to_owned());
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
    row(text, flag.trim_end(), &format!("{}{notes}", option.help), width);
}

fn value_name(option: &Opt) -> String {
    let of_kind = |kind| match kind {
        Kind::Bool => "",
        Kind::Int | Kind::Float => "N",
        Kind::Dict => "KEY=VALUE",
        _ => "TEXT",
    };
    if !option.options.is_empty() {
        let inner = option.options.iter().filter(|inner| inner.required);
        return inner.map(|inner| format!("{}={}", inner.name, value_name(inner))).collect::<Vec<_>>().join(",");
    }
    if !option.choices.is_empty() {
        return "WORD".to_owned();
    }
    let kind = if option.kind == Kind::List { option.elements.unwrap_or(Kind::Str) } else { option.kind };
    option.metavar.clone().unwrap_or_else(|| of_kind(kind).to_owned())
}

/// What is worth a word: neither nothing nor a whole table.
fn shown_default(option: &Opt) -> Option<String> {
    match &option.default {
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(items) if !items.is_empty() => {
            Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) if !map.is_empty() => {
            let pair = |(key, value): (&String, &Value)| Some(format!("{key}={}", value.as_str()?));
            map.iter().map(pair).collect::<Option<Vec<_>>>().map(|pairs| pairs.join(", "))
        }
        _ => None,
    }
}

fn row(text: &mut String, flag: &str, what: &str, width: usize) {
    let start = text.len();
    let _ = write!(text, "  {flag}");
    let length = text.len() - start;
    if length + 2 > COLUMN || width < 2 * COLUMN {
        text.push('\n');
        wrapped(text, what, if width < 2 * COLUMN { 10 } else { COLUMN }, width);
    } else {
        let indent = COLUMN - length;
        let mut rest = String::new();
        wrapped(&mut rest, what, COLUMN, width);
        let _ = write!(text, "{:indent$}{}", "", rest.trim_start());
    }
}

/// Breaks between words.
fn wrapped(text: &mut String, what: &str, indent: usize, width: usize) {
    let mut column = 0;
    for word in what.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            let _ = write!(text, "{:indent$}", "");
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::spec::tests::sample;
    use super::{Usage, text};

    const USAGE: Usage = Usage {
        lines: &["[OPTIONS] SOURCE... TARGET"],
        examples: &[("tank vault", "Sends it.")],
        own: &[("nagios", "One line.")],
    };

    #[test]
    fn every_option_has_its_line() {
        let spec = sample();
        let text = text("zfs_sample", "samples", &spec, &USAGE, 80);
        for (flag, _) in spec.flags() {
            assert!(text.contains(&format!("--{flag}")) || text.contains(&format!("--[no-]{flag}")), "{flag}: {text}");
        }
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..12],
            [
                "zfs_sample samples.",
                "",
                "Usage:",
                "  zfs_sample [OPTIONS] SOURCE... TARGET",
                "",
                "Examples:",
                "  zfs_sample tank vault",
                "      Sends it.",
                "",
                "Where:",
                "      --source DATASET        Datasets on the sending side. (may be repeated)",
                "      --target DATASET        Dataset below which they land.",
            ]
        );
        assert!(
            text.contains("      --raw WORD              Whether raw. (auto, always, never; default auto)\n"),
            "{text}"
        );
        assert!(text.contains("      --[no-]recursive        Also replicate descendants. (default yes)\n"), "{text}");
        assert!(
            text.contains("      --datasets dataset=DATASET,policy=TEXT\n                              Them."),
            "{text}"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 80, 100] {
            let text = text("zfs_sample", "samples", &sample(), &USAGE, width);
            let options = text.split("How to run").nth(1).unwrap().split("\n\n").next().unwrap();
            assert!(options.lines().all(|line| line.chars().count() <= width.max(44)), "{width}: {options}");
        }
    }
}
