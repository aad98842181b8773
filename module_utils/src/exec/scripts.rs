//! The few lines of POSIX sh that stand where one command is not enough: compressing streams, and many small commands in one.
//!
//! They are constants; what varies are their arguments. `zfs_gate` knows them letter by letter and does what they mean, without a shell.

use crate::exec::cmd::Cmd;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Runs its arguments and compresses what they print.
    Compress,
    /// Decompresses standard input for its arguments.
    Decompress,
    /// Compresses standard input for its arguments. Only ever run here, never sent anywhere.
    CompressInput,
    /// Makes bookmarks of pairs: a snapshot, its bookmark.
    Bookmark,
    /// Destroys bookmarks.
    RemoveBookmarks,
}

impl Script {
    const ALL: [Self; 4] = [Self::Compress, Self::Decompress, Self::Bookmark, Self::RemoveBookmarks];

    fn text(self) -> &'static str {
        match self {
            // The exit status is that of the command, so that a failed `zfs send` is not taken for a whole stream: fd 3 carries it past
            // the pipe, fd 4 is the way out. Not every shell has `pipefail`.
            Self::Compress => {
                "exec 4>&1; s=$({ { \"$@\" 3>&- 4>&-; echo $? >&3; } | zstd -qc >&4 3>&- 4>&-; } 3>&1); exit \"${s:-1}\""
            }
            // The exit status is that of the command. A broken input ends early, which `zfs receive` notices.
            Self::Decompress => "zstd -dqc | \"$@\"",
            Self::CompressInput => "zstd -qc | \"$@\"",
            // What fails is named on standard output, and does not keep the others.
            Self::Bookmark => {
                "while [ $# -gt 1 ]; do zfs bookmark \"$1\" \"$2\" </dev/null || echo \"$2\"; shift 2; done"
            }
            // `#` once more here: whatever comes, no dataset and no snapshot can be destroyed by this.
            Self::RemoveBookmarks => "for b do zfs destroy \"${b%%#*}#${b#*#}\" </dev/null || echo \"$b\"; done",
        }
    }

    /// Decompresses standard input to standard output.
    #[must_use]
    pub fn decompressor() -> Cmd {
        Cmd::new("zstd").arg("-dqc")
    }

    fn command(self) -> Cmd {
        Cmd::new("sh").args(["-c", self.text(), "sh"])
    }

    /// The script with these arguments.
    #[must_use]
    pub fn of<T: std::fmt::Display>(self, args: impl IntoIterator<Item = T>) -> Cmd {
        self.command().args(args)
    }

    /// Which script a command line runs, if it is one, and the line of its arguments.
    #[must_use]
    pub fn stripped(line: &str) -> (Option<Self>, &str) {
        let arguments = |script: Self| line.strip_prefix(&format!("{} ", script.command()));
        let found = Self::ALL.into_iter().find_map(|script| Some((Some(script), arguments(script)?)));
        found.unwrap_or((None, line))
    }
}

/// Tells whether there is a `zstd`.
#[must_use]
pub fn probe_zstd() -> Cmd {
    Cmd::new("zstd").arg("--version")
}

#[cfg(test)]
mod tests {
    use super::Script;
    use crate::exec::cmd::Cmd;
    use crate::exec::runner::Runner;

    fn sh(script: &str) -> Cmd {
        Cmd::new("sh").args(["-c", script])
    }

    fn ran(cmd: &Cmd) -> (String, Option<i32>) {
        let output = Runner::default().output(cmd).unwrap();
        (output.stdout, output.status.code())
    }

    #[test]
    fn compressed_and_back_with_the_exit_status_of_the_command() {
        let pipe = |send: &str, receive: &str| {
            let (send, receive) = (Script::Compress.of(sh(send).argv()), Script::Decompress.of(sh(receive).argv()));
            ran(&sh(&format!("{send} | {receive}")))
        };
        assert_eq!(pipe("seq 100000", "tail -n 1; exit 3"), ("100000\n".to_owned(), Some(3)));
        assert_eq!(ran(&Script::Compress.of(sh("exit 7").argv())).1, Some(7));
        assert_eq!(ran(&Script::Decompress.of(["true"])).1, Some(0));
    }

    #[test]
    fn what_fails_is_named_and_nothing_but_bookmarks_is_destroyed() {
        // A `zfs` that prints its arguments and fails on what is called bad.
        let faked = |cmd: &Cmd| {
            let zfs = "zfs() { echo \"$*\"; case $* in *bad*) return 1;; esac; };";
            let words = shell_words::join(&cmd.argv()[4..]);
            ran(&sh(&format!("{zfs} set -- {words}; {}", cmd.argv()[2]))).0
        };
        let made = Script::Bookmark.of(["a@1", "a#x", "b b@1", "b b#bad", "c@1", "c#x"]);
        assert_eq!(faked(&made), "bookmark a@1 a#x\nbookmark b b@1 b b#bad\nb b#bad\nbookmark c@1 c#x\n");
        let removed = Script::RemoveBookmarks.of(["a#x", "b b#bad", "tank"]);
        assert_eq!(faked(&removed), "destroy a#x\ndestroy b b#bad\nb b#bad\ndestroy tank#tank\n");
    }

    #[test]
    fn scripts_are_known_by_their_letters() {
        let cmd = Script::Compress.of(["zfs", "send", "tank/a@it's"]);
        assert_eq!(Script::stripped(&cmd.to_string()), (Some(Script::Compress), "zfs send 'tank/a@it'\\''s'"));
        let other = "sh -c 'zstd -dqc | sh' sh zfs";
        assert_eq!(Script::stripped(other), (None, other));
    }
}
