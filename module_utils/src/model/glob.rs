//! Patterns over dataset paths and snapshot names: globs as shells have them, or regular expressions between slashes.

use regex::bytes::{Regex, RegexBuilder};

/// A list of patterns, each a glob or a `/regular expression/`.
///
/// A glob matches a whole name. `*` and `?` stay within a component of a path, `**` as a component stands for any number of them, also
/// none; `[abc]`, `[a-z]` and `[!a-z]` are one character, never `/`; `{a,b}` is either; `\` takes the next character as it is. A
/// regular expression matches where it fits any part of a name. Nothing begins with `/`, so no glob can be meant by it.
#[derive(Clone, Debug, Default)]
pub struct Globs(Vec<Pattern>);

#[derive(Clone, Debug)]
struct Pattern {
    written: String,
    regex: Regex,
}

impl Globs {
    /// Compiles patterns; an error names the pattern.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, String> {
        patterns.iter().map(|pattern| Pattern::new(pattern.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// The patterns of an option, which is told where one is wrong.
    pub fn of_option(option: &str, patterns: &[String]) -> Result<Self, String> {
        Self::new(patterns).map_err(|error| format!("option {option}: {error}"))
    }

    /// True if any pattern matches `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(text))
    }

    /// The patterns that match none of `texts`, as they were written.
    pub fn matching_none<'a>(&'a self, texts: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let idle = self.0.iter().filter(|pattern| !texts.iter().any(|text| pattern.matches(text)));
        idle.map(|pattern| pattern.written.as_str())
    }

    /// True if there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Pattern {
    fn new(pattern: &str) -> Result<Self, String> {
        let wrong = |reason: &str| format!("{pattern:?} is not a valid pattern: {reason}");
        let regex = match pattern.strip_prefix('/') {
            None => Translation::of(pattern).map_err(wrong)?,
            Some(rest) => match rest.strip_suffix('/') {
                Some(regex) if !regex.is_empty() => regex.to_owned(),
                _ => return Err(wrong("what begins with / is a regular expression, and must end with / too")),
            },
        };
        // Names are ASCII: nothing is lost without Unicode, whose tables would be larger than all else.
        let built = RegexBuilder::new(&regex).unicode(false).build();
        // The error draws the pattern over several lines; the last says what is wrong.
        let reason = |error: regex::Error| error.to_string().lines().last().unwrap_or_default().replace("error: ", "");
        let regex = built.map_err(|error| wrong(&reason(error)))?;
        Ok(Self { written: pattern.to_owned(), regex })
    }

    fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }
}

/// A glob on its way to the regular expression that means the same.
struct Translation<'a> {
    rest: &'a str,
    regex: String,
    /// A component of the path begins here.
    begins: bool,
    /// The braces that are open, and whether a component begins with each.
    braces: Vec<bool>,
}

impl<'a> Translation<'a> {
    fn of(glob: &'a str) -> Result<String, &'static str> {
        if glob.is_empty() {
            return Err("it is empty");
        }
        let mut it = Self { rest: glob, regex: "^".to_owned(), begins: true, braces: Vec::new() };
        while let Some(c) = it.next() {
            it.take(c)?;
        }
        if it.braces.is_empty() {
            Ok(it.regex + "$")
        } else {
            Err("a { without its }; outside of a list, a comma parts two patterns")
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn take(&mut self, c: char) -> Result<(), &'static str> {
        let begins = std::mem::replace(&mut self.begins, c == '/');
        match c {
            '*' => self.stars(begins),
            '?' => self.regex.push_str("[^/]"),
            '[' => self.class()?,
            '\\' => {
                let next = self.next().ok_or("nothing behind its last \\")?;
                self.literal(next);
            }
            '{' => {
                self.regex.push_str("(?:");
                self.begins = begins;
                self.braces.push(begins);
            }
            ',' if !self.braces.is_empty() => {
                self.regex.push('|');
                self.begins = self.braces.ends_with(&[true]);
            }
            '}' => {
                self.regex.push(')');
                self.braces.pop().ok_or("a } without its {")?;
            }
            c => self.literal(c),
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        self.regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    /// `**` is special only as a whole component; anywhere else it is as good as `*`.
    fn stars(&mut self, begins: bool) {
        let behind = self.rest.trim_start_matches('*');
        let is_component = begins && self.rest.len() - behind.len() == 1;
        self.rest = behind;
        if let (true, Some(behind)) = (is_component, behind.strip_prefix('/')) {
            self.rest = behind;
            self.begins = true;
            self.regex.push_str("(?:[^/]+/)*");
        } else if is_component && (behind.is_empty() || !self.braces.is_empty() && behind.starts_with([',', '}'])) {
            self.regex.push_str(".*");
        } else {
            self.regex.push_str("[^/]*");
        }
    }

    /// `[...]`, whose bracket has been read.
    fn class(&mut self) -> Result<(), &'static str> {
        let negated = self.rest.strip_prefix(['!', '^']);
        let body = negated.unwrap_or(self.rest);
        // A bracket at once is one of the characters.
        let (end, _) =
            body.match_indices(']').find(|(at, _)| *at > 0).ok_or("a [ without its ], or with nothing in it")?;
        let (inside, rest) = (&body[..end], &body[end + 1..]);
        self.rest = rest;
        self.regex.push_str(if negated.is_some() { "[^/" } else { "[" });
        for (at, c) in inside.char_indices() {
            if c == '-' && at > 0 && at + 1 < inside.len() {
                self.regex.push('-');
            } else {
                self.literal(c);
            }
        }
        self.regex.push_str(if negated.is_some() { "]" } else { "&&[^/]]" });
        Ok(())
    }
}

#[cfg(test)]
#[path = "glob_tests.rs"]
mod tests;
