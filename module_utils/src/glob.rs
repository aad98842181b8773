//! Globs over dataset paths and snapshot names.

use regex_lite::{Regex, RegexBuilder};

/// A list of patterns. `*` matches within a component of a path, `**` across components, `?` one character but `/`,
/// `[abc]`, `[a-z]` and `[!a-z]` one of, or none of, the characters.
#[derive(Clone, Debug, Default)]
pub struct Globs(Vec<Regex>);

impl Globs {
    /// Compiles patterns; an error names the pattern.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, String> {
        patterns.iter().map(|pattern| compile(pattern.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// True if any pattern matches all of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_match(text))
    }

    /// True if there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn compile(glob: &str) -> Result<Regex, String> {
    let wrong = |reason: &str| format!("{glob:?} is not a valid pattern: {reason}");
    if glob.is_empty() {
        return Err(wrong("it is empty"));
    }
    let mut regex = String::from("^");
    let mut rest = glob.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => regex.push_str(".*"),
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '[' => {
                let negated = rest.next_if_eq(&'!').is_some();
                let class: String = rest.by_ref().take_while(|c| *c != ']').collect();
                if class.is_empty() || class.contains(['[', '\\', '^', '&', '~']) {
                    return Err(wrong("an unclosed, empty or odd [...]"));
                }
                regex.push_str(if negated { "[^" } else { "[" });
                regex.push_str(&class);
                regex.push(']');
            }
            c => regex.push_str(&regex_lite::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    RegexBuilder::new(&regex).size_limit(1 << 20).build().map_err(|_| wrong("it is too long or has an odd [...]"))
}

#[cfg(test)]
mod tests {
    use super::Globs;

    #[test]
    fn stars_respect_components() {
        for (pattern, text, expected) in [
            ("tank/*", "tank/a", true),
            ("tank/*", "tank/a/b", false),
            ("tank/**", "tank/a/b", true),
            ("**/tmp", "tank/a/tmp", true),
            ("tank/a", "tank/ab", false),
            ("tank/a.b", "tank/axb", false),
            ("autosnap_*_daily", "autosnap_2026-01-01_00:00:00_daily", true),
            ("v[0-9]", "v7", true),
            ("v[!0-9]", "v7", false),
            ("v?", "v77", false),
            ("a(b|c)", "ab", false),
        ] {
            assert_eq!(Globs::new(&[pattern]).unwrap().matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_wrong_pattern_is_named() {
        for pattern in ["", "[", "[]", "a[z-a]"] {
            assert!(Globs::new(&[pattern]).unwrap_err().starts_with(&format!("{pattern:?} is not a valid pattern")));
        }
    }
}
