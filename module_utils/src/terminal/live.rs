//! Lines at the end of a terminal's screen that are written over. Pure: what is to be printed for that.

/// Takes so many lines away that stand there, the cursor being in the last of them.
#[must_use]
pub fn erase(lines: usize) -> String {
    match lines {
        0 => String::new(),
        1 => "\r\u{1b}[J".to_owned(),
        _ => format!("\r\u{1b}[{}A\u{1b}[J", lines - 1),
    }
}

/// Puts these in place of so many.
#[must_use]
pub fn redraw(before: usize, lines: &[String]) -> String {
    format!("{}{}", erase(before), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{erase, redraw};

    #[test]
    fn lines_in_place_of_others() {
        assert_eq!(
            (erase(0).as_str(), erase(1).as_str(), erase(3).as_str()),
            ("", "\r\u{1b}[J", "\r\u{1b}[2A\u{1b}[J")
        );
        assert_eq!(redraw(2, &["a".to_owned(), "b".to_owned()]), "\r\u{1b}[1A\u{1b}[Ja\nb");
    }
}
