//! Globs over dataset paths and snapshot names.

/// A list of patterns. `*` matches within a component of a path, `**` across components, `?` one character but `/`,
/// `[abc]`, `[a-z]` and `[!a-z]` one of, or none of, the characters (and never `/`).
#[derive(Clone, Debug, Default)]
pub struct Globs(Vec<(String, Vec<Token>)>);

/// One element of a pattern. A regular expression would do as well, but even a small engine for them adds 30 KB to each binary.
#[derive(Clone, Debug)]
enum Token {
    Character(char),
    AnyInComponent,
    RunInComponent,
    Run,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Globs {
    /// Compiles patterns; an error names the pattern.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, String> {
        let compiled = |pattern: &S| Ok((pattern.as_ref().to_owned(), compile(pattern.as_ref())?));
        patterns.iter().map(compiled).collect::<Result<_, _>>().map(Self)
    }

    /// True if any pattern matches all of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|(_, pattern)| is_match(pattern, text))
    }

    /// The patterns that match none of `texts`, as they were written.
    pub fn matching_none<'a>(&'a self, texts: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let idle = self.0.iter().filter(|(_, pattern)| !texts.iter().any(|text| is_match(pattern, text)));
        idle.map(|(written, _)| written.as_str())
    }

    /// True if there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn compile(glob: &str) -> Result<Vec<Token>, String> {
    let wrong = |reason: &str| format!("{glob:?} is not a valid pattern: {reason}");
    if glob.is_empty() {
        return Err(wrong("it is empty"));
    }
    let mut tokens = Vec::new();
    let mut rest = glob.chars().peekable();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '*' if rest.next_if_eq(&'*').is_some() => Token::Run,
            '*' => Token::RunInComponent,
            '?' => Token::AnyInComponent,
            '[' => {
                let negated = rest.next_if_eq(&'!').is_some();
                let mut class = Vec::new();
                let is_closed = rest.by_ref().any(|c| {
                    class.push(c);
                    c == ']'
                });
                class.pop();
                let ranges = ranges(&class).filter(|ranges| is_closed && !ranges.is_empty());
                Token::Class { negated, ranges: ranges.ok_or_else(|| wrong("an unclosed, empty or odd [...]"))? }
            }
            c => Token::Character(c),
        });
    }
    Ok(tokens)
}

/// What stands between brackets; none where it makes no sense.
fn ranges(class: &[char]) -> Option<Vec<(char, char)>> {
    match class {
        [] => Some(Vec::new()),
        ['[' | '\\' | '^' | '&' | '~', ..] => None,
        [from, '-', to, rest @ ..] if from <= to => Some([vec![(*from, *to)], ranges(rest)?].concat()),
        [_, '-', _, ..] => None,
        [one, rest @ ..] => Some([vec![(*one, *one)], ranges(rest)?].concat()),
    }
}

/// Follows all ways through the pattern at once, so that no pattern takes longer than its length times that of the text.
fn is_match(pattern: &[Token], text: &str) -> bool {
    // at[i]: what was read so far matches the first i tokens.
    let mut at = vec![false; pattern.len() + 1];
    at[0] = true;
    skip_runs(pattern, &mut at);
    for c in text.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for (index, token) in pattern.iter().enumerate().filter(|(index, _)| at[*index]) {
            let (takes, stays) = match token {
                Token::Character(wanted) => (c == *wanted, false),
                Token::AnyInComponent => (c != '/', false),
                Token::RunInComponent => (false, c != '/'),
                Token::Run => (false, true),
                Token::Class { negated, ranges } => {
                    (c != '/' && ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated, false)
                }
            };
            next[index] |= stays;
            next[index + 1] |= takes;
        }
        skip_runs(pattern, &mut next);
        at = next;
    }
    at[pattern.len()]
}

/// A run may be empty.
fn skip_runs(pattern: &[Token], at: &mut [bool]) {
    for (index, token) in pattern.iter().enumerate() {
        if at[index] && matches!(token, Token::Run | Token::RunInComponent) {
            at[index + 1] = true;
        }
    }
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
            ("v[!0-9]", "v/", false),
            ("v[a0-9]", "va", true),
            ("a(b|c)", "ab", false),
            ("a(b|c)", "a(b|c)", true),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbx", false),
            ("**", "", true),
            ("a/**/b", "a/b", false),
            ("tag-ü?", "tag-üé", true),
        ] {
            assert_eq!(Globs::new(&[pattern]).unwrap().matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn no_pattern_takes_for_ever() {
        let started = std::time::Instant::now();
        assert!(!Globs::new(&["*a".repeat(60)]).unwrap().matches(&format!("{}b", "a".repeat(250))));
        assert!(started.elapsed().as_secs() < 1);
    }

    #[test]
    fn a_wrong_pattern_is_named() {
        for pattern in ["", "[", "[]", "[a", "a[z-a]", "a]b[c", "[!]"] {
            assert!(Globs::new(&[pattern]).unwrap_err().starts_with(&format!("{pattern:?} is not a valid pattern")));
        }
    }
}
