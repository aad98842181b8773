//! What the login shell of another host prints before a command's output. Pure.

use crate::exec::cmd::BEGIN;

/// Looks for our line, after which everything is the command's own.
#[derive(Debug, Default)]
pub struct Greeting {
    /// What came so far, without our line: its beginning, for it may be endless.
    text: Vec<u8>,
    /// How much came so far.
    length: usize,
    /// The last bytes, as many as our line has.
    recent: Vec<u8>,
    is_over: bool,
}

/// So much is kept to be shown.
const SHOWN: usize = 1000;

fn line() -> Vec<u8> {
    format!("{BEGIN}\n").into_bytes()
}

impl Greeting {
    /// Takes what has come, and gives what of it is the command's own.
    pub fn push<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let line = line();
        for (index, byte) in bytes.iter().enumerate() {
            if self.is_over {
                return &bytes[index..];
            }
            self.length += 1;
            if self.text.len() < SHOWN {
                self.text.push(*byte);
            }
            if self.recent.len() == line.len() {
                self.recent.remove(0);
            }
            self.recent.push(*byte);
            if self.recent == line {
                self.is_over = true;
                self.text.truncate(self.length - line.len());
            }
        }
        &[]
    }

    /// How many bytes can be read without reading past our line. Of a stream that goes on elsewhere not one may be missing.
    #[must_use]
    pub fn room(&self) -> usize {
        let line = line();
        let begun = (0..line.len()).rev().find(|length| self.recent.ends_with(&line[..*length]));
        if self.is_over { 0 } else { line.len() - begun.unwrap_or(0) }
    }

    /// True once our line has come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// What was printed before our line, or at all.
    #[must_use]
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.text);
        format!("{}{}", text.trim(), if self.text.len() == SHOWN { "..." } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::{Greeting, line};
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    fn read(greeting: &str, output: &[u8], size: usize) -> (Greeting, Vec<u8>) {
        let all = [greeting.as_bytes(), &line(), output].concat();
        let mut found = Greeting::default();
        let rest = all.chunks(size).flat_map(|bytes| found.push(bytes).to_vec()).collect();
        (found, rest)
    }

    #[test]
    fn an_endless_greeting_stays_small() {
        let (greeting, rest) = read(&"hello ".repeat(100_000), b"tank\n", 16 * 1024);
        assert_eq!(rest, b"tank\n");
        assert!(greeting.text().ends_with("hello hello hell...") && greeting.text().len() == 1003);
    }

    #[test]
    fn without_our_line_nothing_is_the_commands() {
        let mut greeting = Greeting::default();
        assert!(greeting.push(b"This account is currently not available.\nferro.zfs:begi").is_empty());
        assert!(!greeting.is_over());
    }

    proptest! {
        #[test]
        fn what_follows_our_line_is_whole_wherever_it_is_cut(
            greeting in "[fero.zs:bgin\n ]{0,40}", output in prop::collection::vec(any::<u8>(), 0..60), size in 1_usize..30
        ) {
            let (found, rest) = read(&greeting, &output, size);
            prop_assert!(found.is_over());
            // A greeting that has our line in it would end there, and be seen through by nobody.
            if !greeting.contains("ferro.zfs:begin\n") {
                prop_assert_eq!(&rest, &output);
                prop_assert_eq!(found.text(), greeting.trim());
            }
        }

        #[test]
        fn as_much_as_there_is_room_for_never_takes_from_the_stream(greeting in "[fero.zs:bgin\n ]{0,40}", stream in "[fer]{1,20}") {
            let all = format!("{greeting}{}{stream}", String::from_utf8(line()).unwrap());
            let (mut found, mut at) = (Greeting::default(), 0);
            while !found.is_over() {
                let next = at + found.room();
                prop_assert!(next > at);
                prop_assert!(found.push(&all.as_bytes()[at..next]).is_empty());
                at = next;
            }
            if !greeting.contains("ferro.zfs:begin\n") {
                prop_assert_eq!(&all[at..], &stream);
            }
        }
    }
}
