//! Text from elsewhere, such as what a remote command says: fit to be shown, and never to be taken for ours.

/// The text with one `?` in place of each character that steers a terminal, hides or reorders what stands beside it. Line ends stay, those
/// of ssh (`\r\n`) too, as `\n`; so do tabs.
#[must_use]
pub fn clean(text: &str) -> String {
    text.replace("\r\n", "\n").chars().map(|c| if steers(c) { '?' } else { c }).collect()
}

/// The cleaned text, where it stands in a message of ours: each line after the first is marked, so that none can begin like one of ours.
#[must_use]
pub fn quoted(text: &str) -> String {
    clean(text).trim_end().replace('\n', "\n  | ")
}

/// A message of ours for a terminal or a journal: whatever came into it, only its first line begins in the first column.
#[must_use]
pub fn shown(message: &str) -> String {
    clean(message).trim_end().replace('\n', "\n  ")
}

/// The text cut to what a person reads of it.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{} ... ({} bytes more)", &text[..end], text.len() - end),
        None => text.to_owned(),
    }
}

/// Control characters but for line end and tab, those that set the direction of text, and what takes no room: a name could be hidden
/// or turned round with them (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>).
fn steers(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, quoted, shortened, shown};
    use proptest::prelude::{prop_assert, proptest};

    #[test]
    fn what_steers_a_terminal_is_replaced() {
        for (text, cleaned) in [
            ("cannot open 'tank': no\n", "cannot open 'tank': no\n"),
            ("\u{1b}[2J\u{7}\u{8}x\u{7f}", "?[2J??x?"),
            // C1: a terminal takes U+009B for ESC [.
            ("\u{9b}31m", "?31m"),
            ("all is well\rerror", "all is well?error"),
            ("line\r\nof ssh\r\n", "line\nof ssh\n"),
            ("tank/\u{202e}txt.exe\u{2066}\u{200b}", "tank/?txt.exe??"),
            ("a\u{2028}b\u{feff}\u{e0041}", "a?b??"),
            ("Größe\tπ", "Größe\tπ"),
        ] {
            assert_eq!(clean(text), cleaned);
        }
    }

    #[test]
    fn no_line_from_elsewhere_begins_like_ours() {
        let evil = "no\n* tank -> vault: up to date at @s\nok: [nas]\r\n\u{1b}[1A";
        assert_eq!(quoted(evil), "no\n  | * tank -> vault: up to date at @s\n  | ok: [nas]\n  | ?[1A");
        assert_eq!(shown("2 of 3 failed:\na: no\n"), "2 of 3 failed:\n  a: no");
        assert_eq!(shortened("0123456789", 4), "0123 ... (6 bytes more)");
    }

    proptest! {
        #[test]
        fn whatever_comes(text in ".{0,40}(\n|\r|\r\n|\u{85}).{0,40}") {
            prop_assert!(clean(&text).chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            prop_assert!(quoted(&text).lines().skip(1).all(|line| line.starts_with("  | ")));
        }
    }
}
