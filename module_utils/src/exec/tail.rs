//! The end of a text that may be endless.

use crate::exec::foreign;

/// Keeps the last bytes of what is pushed.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

const KEPT: usize = 16 * 1024;

impl Tail {
    /// Adds bytes at the end, drops as many at the beginning as are too many.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > 2 * KEPT {
            self.bytes.drain(..self.bytes.len() - KEPT);
            self.cut = true;
        }
    }

    /// What was kept, without blanks at both ends and fit to be shown; `...` in front where something was dropped.
    #[must_use]
    pub fn text(&self) -> String {
        let text = foreign::clean(&String::from_utf8_lossy(&self.bytes));
        format!("{}{}", if self.cut { "..." } else { "" }, text.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Tail};

    #[test]
    fn an_endless_text_stays_small() {
        let mut tail = Tail::default();
        for _ in 0..10_000 {
            tail.push(b"cannot receive: no\n");
        }
        let text = tail.text();
        assert!(text.len() <= 2 * KEPT + 3);
        assert!(text.starts_with("...") && text.ends_with("cannot receive: no"));
    }

    #[test]
    fn nothing_in_it_steers_a_terminal() {
        let mut tail = Tail::default();
        tail.push(b"\x1b]0;owned\x07no\r\nsuch\rpool\xc2\x9b31m\xff\n");
        assert_eq!(tail.text(), "?]0;owned?no\nsuch?pool?31m\u{fffd}");
    }
}
