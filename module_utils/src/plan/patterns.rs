//! Patterns over the names that other tools give to snapshots: literal text, a date, and sometimes an interval.

use super::period::Interval;
use crate::model::check_version_name;
use crate::model::suggest::by_similarity;
use jiff::civil::DateTime;
use std::str::FromStr;

/// How a tool names its snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
    /// What all of them are, where names do not say it.
    interval: Option<Interval>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Number(Field),
    /// Parts of a second, which are of no interest.
    Fraction,
    Interval,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Field {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'Y' => Self::Year,
            'm' => Self::Month,
            'd' => Self::Day,
            'H' => Self::Hour,
            'M' => Self::Minute,
            'S' => Self::Second,
            _ => return None,
        })
    }

    fn width(self) -> usize {
        if self == Self::Year { 4 } else { 2 }
    }
}

/// A tool, how its names begin if nothing else is said, and what follows. `zfs_autobackup` has no beginning of its own: there it is
/// the name of the backup.
const TOOLS: [(&str, Option<&str>, &[&str]); 6] = [
    ("sanoid", Some("autosnap"), &["_%Y-%m-%d_%H:%M:%S_{interval}"]),
    ("pyznap", Some("pyznap"), &["_%Y-%m-%d_%H:%M:%S_{interval}"]),
    ("zfs-auto-snapshot", Some("zfs-auto-snap"), &["_{interval}-%Y-%m-%d-%H%M", "-%Y-%m-%d-%H%M"]),
    ("zfs_autobackup", None, &["-%Y%m%d%H%M%S"]),
    ("zrepl", Some("zrepl_"), &["%Y%m%d_%H%M%S_%f", "%Y-%m-%d_%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ"]),
    ("truenas", Some("auto-"), &["%Y-%m-%d_%H-%M"]),
];

/// The patterns that a word of the option stands for: `TOOL`, `TOOL:PREFIX`, `PATTERN`, `PATTERN=INTERVAL`.
pub fn patterns(word: &str) -> Result<Vec<Pattern>, String> {
    let (word, interval) = match word.split_once('=') {
        None => (word, None),
        Some((word, interval)) => {
            let known = Interval::from_word(interval);
            (word, Some(known.ok_or_else(|| format!("\"{interval}\" is no interval such as daily"))?))
        }
    };
    let all = if word.contains('%') { vec![word.to_owned()] } else { of_tool(word)? };
    let read = |pattern: &String| pattern.parse::<Pattern>().map_err(|why| format!("\"{pattern}\": {why}"));
    let mut all = all.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if let Some(interval) = interval {
        all.retain(|pattern| !pattern.parts.contains(&Part::Interval));
        if all.is_empty() {
            return Err(format!("names of \"{word}\" say their interval themselves, so leave out \"={interval}\""));
        }
        for pattern in &mut all {
            pattern.interval = Some(interval);
        }
    }
    Ok(all)
}

fn of_tool(word: &str) -> Result<Vec<String>, String> {
    let (tool, prefix) = word.split_once(':').map_or((word, None), |(tool, prefix)| (tool, Some(prefix)));
    let Some((_, default, rest)) = TOOLS.iter().find(|(name, ..)| *name == tool) else {
        let known = by_similarity(tool, TOOLS.iter().map(|(name, ..)| *name)).join(", ");
        return Err(format!(
            "\"{word}\" is neither a pattern with a date, such as \"{word}-%Y-%m-%d\", nor a tool; there are {known}"
        ));
    };
    let prefix = prefix.or(*default).filter(|prefix| !prefix.is_empty());
    let prefix = prefix.ok_or_else(|| format!("say how its names begin: \"{tool}:NAME\""))?;
    Ok(rest.iter().map(|rest| format!("{prefix}{rest}")).collect())
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const INTERVAL: &str = "{interval}";
        let (mut parts, mut literal) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let (part, length) = if rest.starts_with(INTERVAL) {
                (Part::Interval, INTERVAL.len())
            } else if letter == '%' {
                let code = rest[1..].chars().next().unwrap_or(' ');
                let part = if code == 'f' { Some(Part::Fraction) } else { Field::of(code).map(Part::Number) };
                let wrong = || format!("expected %Y, %m, %d, %H, %M, %S, %f or {INTERVAL}, got \"%{code}\"");
                (part.ok_or_else(wrong)?, 2)
            } else {
                literal.push(letter);
                rest = &rest[letter.len_utf8()..];
                continue;
            };
            rest = &rest[length..];
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(part);
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        let pattern = Self { parts, interval: None };
        pattern.check()?;
        Ok(pattern)
    }
}

impl Pattern {
    fn check(&self) -> Result<(), String> {
        for part in &self.parts {
            if let Part::Literal(text) = part {
                check_version_name(text).map_err(|error| error.to_string())?;
            }
            if self.parts.iter().filter(|other| other == &part).count() > 1 && !matches!(part, Part::Literal(_)) {
                return Err("each part of a date, and the interval, may come once".to_owned());
            }
        }
        let has = |field| self.parts.contains(&Part::Number(field));
        let missing = [(Field::Year, "%Y"), (Field::Month, "%m"), (Field::Day, "%d")];
        if let Some((_, code)) = missing.into_iter().find(|(field, _)| !has(*field)) {
            return Err(format!("it has no {code}, so it would not say of which day a snapshot is"));
        }
        let open = |part: &Part| matches!(part, Part::Fraction | Part::Interval);
        let number = |part: &Part| matches!(part, Part::Number(_)) || open(part);
        if self.parts.windows(2).any(|pair| open(&pair[0]) && number(&pair[1])) {
            return Err("what follows %f or {interval} must be text, or it is not clear where that ends".to_owned());
        }
        Ok(())
    }

    /// The time in a name and its interval, if the whole of it is like this.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<(DateTime, Option<Interval>)> {
        let (mut rest, mut numbers, mut interval) = (name, [0_i16, 0, 0, 0, 0, 0], self.interval);
        for (index, part) in self.parts.iter().enumerate() {
            let length = match part {
                Part::Literal(text) => {
                    rest = rest.strip_prefix(text.as_str())?;
                    continue;
                }
                Part::Number(field) => field.width(),
                Part::Fraction => rest.bytes().take_while(u8::is_ascii_digit).count(),
                Part::Interval => match self.parts.get(index + 1) {
                    Some(Part::Literal(after)) => rest.find(after.as_str())?,
                    _ => rest.len(),
                },
            };
            let (text, after) = rest.split_at_checked(length)?;
            rest = after;
            match part {
                Part::Number(field) => numbers[*field as usize] = number(text)?,
                Part::Interval => interval = Some(word(text)?),
                Part::Fraction if text.is_empty() => return None,
                Part::Fraction | Part::Literal(_) => {}
            }
        }
        let small = |index: usize| i8::try_from(numbers[index]).unwrap_or(-1);
        let clock = DateTime::new(numbers[0], small(1), small(2), small(3), small(4), small(5), 0).ok()?;
        rest.is_empty().then_some((clock, interval))
    }

    /// True for a name that begins as these do.
    #[must_use]
    pub fn begins(&self, name: &str) -> bool {
        matches!(self.parts.first(), Some(Part::Literal(head)) if name.starts_with(head.as_str()))
    }
}

fn number(text: &str) -> Option<i16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Others than sanoid say `frequent`.
fn word(text: &str) -> Option<Interval> {
    if text == "frequent" { Some(Interval::Frequently) } else { Interval::from_word(text) }
}

#[cfg(test)]
#[path = "patterns_tests.rs"]
mod tests;
