//! A line in the system's log, without C: syslogd and journald both listen at /dev/log.

use std::os::unix::net::UnixDatagram;

/// authpriv.warning
const PRIORITY: u8 = (10 << 3) | 4;

/// Writes a line. A system without a log is no reason to fail.
pub fn warn(text: &str) {
    let line = message(std::process::id(), text);
    let _ = UnixDatagram::unbound().and_then(|socket| socket.send_to(line.as_bytes(), "/dev/log"));
}

/// One line, whatever the text: it comes from outside, and must not be able to forge another entry.
fn message(pid: u32, text: &str) -> String {
    let clean: String =
        text.chars().take(900).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    format!("<{PRIORITY}>zfs_gate[{pid}]: {clean}")
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn one_line_of_plain_text() {
        assert_eq!(message(7, "a\nb\u{1b}ü"), "<84>zfs_gate[7]: a?b??");
        assert!(message(7, &"x".repeat(5000)).len() < 1000);
    }
}
