//! Streams compressed on the wire, by the `zstd` program of each end and nothing else: not even its shell need know `pipefail`.

use crate::cmd::Cmd;

/// Runs its arguments and compresses what they print. The exit status is theirs, so that a failed `zfs send` is not taken for a whole
/// stream: fd 3 carries it past the pipe, fd 4 is the way out.
const COMPRESS: &str =
    "exec 4>&1; s=$({ { \"$@\" 3>&- 4>&-; echo $? >&3; } | zstd -qc >&4 3>&- 4>&-; } 3>&1); exit \"${s:-1}\"";

/// Decompresses standard input for its arguments, whose exit status it has. A broken input ends early, which `zfs receive` notices.
const DECOMPRESS: &str = "zstd -dqc | \"$@\"";

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Behind the sender.
    Compress,
    /// In front of the receiver.
    Decompress,
}

impl Way {
    fn script(self) -> &'static str {
        match self {
            Self::Compress => COMPRESS,
            Self::Decompress => DECOMPRESS,
        }
    }

    /// The command with `zstd` at its side.
    #[must_use]
    pub fn of(self, cmd: &Cmd) -> Cmd {
        Cmd::new("sh").args(["-c", self.script(), "sh"]).args(cmd.argv())
    }

    /// What [`Way::of`] made a command line of, if it did, and the line that it was before.
    #[must_use]
    pub fn stripped(line: &str) -> (Option<Self>, &str) {
        let begins = |way: Self| line.strip_prefix(&format!("{} ", Cmd::new("sh").args(["-c", way.script(), "sh"])));
        let found = [Self::Compress, Self::Decompress].into_iter().find_map(|way| Some((Some(way), begins(way)?)));
        found.unwrap_or((None, line))
    }
}

/// Tells whether there is a `zstd`.
#[must_use]
pub fn probe() -> Cmd {
    Cmd::new("zstd").arg("--version")
}

#[cfg(test)]
mod tests {
    use super::Way;
    use crate::cmd::Cmd;
    use crate::process::Runner;

    #[test]
    fn there_and_back_with_the_exit_status_of_the_command() {
        let sh = |script: &str| Cmd::new("sh").args(["-c", script]);
        let text = |cmd: &Cmd| {
            let output = Runner::default().output(cmd).unwrap();
            (output.stdout, output.status.code())
        };
        let pipe = |send: &str, receive: &str| {
            let (send, receive) = (Way::Compress.of(&sh(send)), Way::Decompress.of(&sh(receive)));
            text(&sh(&format!("{send} | {receive}")))
        };
        assert_eq!(pipe("seq 100000", "tail -n 1; exit 3"), ("100000\n".to_owned(), Some(3)));
        assert_eq!(text(&Way::Compress.of(&sh("exit 7"))).1, Some(7));
        assert_eq!(text(&Way::Decompress.of(&Cmd::new("true"))).1, Some(0));
        let cmd = Way::Compress.of(&Cmd::new("zfs").args(["send", "tank/a@it's"]));
        assert_eq!(Way::stripped(&cmd.to_string()), (Some(Way::Compress), "zfs send 'tank/a@it'\\''s'"));
        let other = "sh -c 'zstd -dqc | sh' sh zfs";
        assert_eq!(Way::stripped(other), (None, other));
    }
}
