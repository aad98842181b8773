//! Tests of the patterns; globset, the crate of ripgrep, says what globs mean.

use super::Globs;
use proptest::prelude::*;

fn matches(pattern: &str, text: &str) -> bool {
    Globs::new(&[pattern]).unwrap().matches(text)
}

#[test]
fn globs_mean_what_they_do_in_shells() {
    for (pattern, text, expected) in [
        ("tank/*", "tank/a", true),
        ("tank/*", "tank/a/b", false),
        ("tank/*", "tank", false),
        ("tank/**", "tank/a/b", true),
        ("tank/**", "tank", false),
        ("tank/**", "tank2/a", false),
        ("**/tmp", "tank/a/tmp", true),
        ("**/tmp", "tmp", true),
        ("**/tmp", "tank/xtmp", false),
        ("tank/**/cache", "tank/cache", true),
        ("tank/**/cache", "tank/a/b/cache", true),
        ("tank/**/cache", "tank/a/xcache", false),
        ("tank/**/cache", "tankcache", false),
        ("tank/**/**/cache", "tank/cache", true),
        ("tank/a**", "tank/ab/c", false),
        ("tank/***", "tank/a/b", false),
        ("tank/**b", "tank/a/b", false),
        ("**", "tank/a/b", true),
        ("tank/{a,b}/x", "tank/b/x", true),
        ("tank/{a,b}/x", "tank/c/x", false),
        ("tank/{a,b{1,2}}", "tank/b2", true),
        ("tank/{**/x,y}", "tank/a/x", true),
        ("tank/{a/**,y}", "tank/a/b/c", true),
        ("tank/a{,_old}", "tank/a", true),
        ("a,b", "a,b", true),
        ("tank/a", "tank/ab", false),
        ("tank/a.b", "tank/axb", false),
        ("autosnap_*_daily", "autosnap_2026-01-01_00:00:00_daily", true),
        ("v[0-9]", "v7", true),
        ("v[!0-9]", "v7", false),
        ("v[^0-9]", "v7", false),
        ("v?", "v77", false),
        // No character of a component is a slash.
        ("v?x", "v/x", false),
        ("v[!0-9]x", "v/x", false),
        ("v[.-:]x", "v/x", false),
        ("v[.-:]x", "v5x", true),
        ("v[a0-9]", "va", true),
        ("v[a-]", "v-", true),
        ("v[-a]", "v-", true),
        ("v[]a]", "v]", true),
        ("v[\\^&&a]", "v&", true),
        ("a(b|c)", "ab", false),
        ("a(b|c)", "a(b|c)", true),
        ("a\\*", "a*", true),
        ("a\\*", "ab", false),
        ("*a*b", "xaxxb", true),
        ("*a*b", "xaxxbx", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn what_is_between_slashes_is_a_regular_expression() {
    for (pattern, text, expected) in [
        ("/tmp/", "tank/tmpfiles", true),
        ("/^tmp$/", "tank/tmp", false),
        (r"/^tank/vm-\d+$/", "tank/vm-107", true),
        (r"/^tank/vm-\d+$/", "tank/vm-107/disk", false),
        ("/(?i)CACHE/", "tank/cache", true),
        ("/a|b/", "xb", true),
        ("/_(hourly|daily)$/", "autosnap_2026-01-01_00:00:00_daily", true),
        // The slashes are no part of it.
        ("/a/", "a", true),
        ("/a/b/", "tank/a/b/c", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn a_wrong_pattern_is_named_with_what_is_wrong() {
    for (pattern, reason) in [
        ("", "it is empty"),
        ("[", "a [ without its ], or with nothing in it"),
        ("[]", "a [ without its ], or with nothing in it"),
        ("a]b[c", "a [ without its ], or with nothing in it"),
        ("[!]", "a [ without its ], or with nothing in it"),
        ("a[z-a]", "invalid character class range, the start must be <= the end"),
        ("tank/{a", "a { without its }; outside of a list, a comma parts two patterns"),
        ("b}", "a } without its {"),
        ("a\\", "nothing behind its last \\"),
        ("/tank/a", "what begins with / is a regular expression, and must end with / too"),
        ("/", "what begins with / is a regular expression, and must end with / too"),
        ("//", "what begins with / is a regular expression, and must end with / too"),
        ("/a(b/", "unclosed group"),
    ] {
        let error = Globs::new(&["fine", pattern]).unwrap_err();
        assert_eq!(error, format!("{pattern:?} is not a valid pattern: {reason}"));
    }
}

/// Globs without what is ours alone: that a class is never a slash, that braces may hold nothing or `**`, and that no name ends with `/`.
fn glob() -> impl Strategy<Value = String> {
    let element = prop::sample::select(vec!["a", "b", "*", "**", "?", "{a,b}", "{*a,b?}", "[ab]", "[!a/]", "\\a", "-"]);
    let component = prop::collection::vec(element, 1..4).prop_map(|elements| elements.concat());
    prop::collection::vec(prop_oneof![2 => component, 1 => Just("**".to_owned())], 1..5)
        .prop_map(|components| components.join("/"))
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab-]{1,3}", 1..5).prop_map(|components| components.join("/"))
}

proptest! {
    #[test]
    fn globs_mean_what_globset_takes_them_for(glob in glob(), name in name()) {
        let expected = globset::GlobBuilder::new(&glob).literal_separator(true).build().unwrap().compile_matcher();
        prop_assert_eq!(matches(&glob, &name), expected.is_match(&name), "{} {}", glob, name);
    }
}
