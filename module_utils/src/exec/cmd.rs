//! Commands as data: equal in tests, printable in errors, never a shell string, except where ssh needs one.

use crate::exec::session;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// Where the system tools may lie although a login's `PATH` lacks it: Debian gives ordinary users no `sbin`.
const TOOL_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cmd {
    argv: Vec<String>,
    /// The only `PATH`; nothing else is in the environment either.
    only_path: Option<&'static str>,
    /// For `ssh`: where the socket of the connection is that it may use.
    socket: Option<PathBuf>,
}

impl Cmd {
    /// The program, found through `PATH`.
    #[must_use]
    pub fn new(program: &str) -> Self {
        Self { argv: vec![program.to_owned()], only_path: None, socket: None }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl fmt::Display) -> Self {
        self.argv.push(arg.to_string());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<T: fmt::Display>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.argv.extend(args.into_iter().map(|arg| arg.to_string()));
        self
    }

    /// The program's name.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.argv[0]
    }

    /// The program and its arguments.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.argv
    }

    /// The same with this `PATH`, and nothing of our environment.
    #[must_use]
    pub fn with_only_path(self, path: &'static str) -> Self {
        Self { only_path: Some(path), ..self }
    }

    /// The same, for `ssh`, over the connection that has its socket there, once it has.
    #[must_use]
    pub fn over(self, socket: PathBuf) -> Self {
        Self { socket: Some(socket), ..self }
    }

    /// The command as a program to spawn here. `LC_ALL=C` is what makes its messages readable for us.
    #[must_use]
    pub fn local(&self) -> Command {
        let path = self.only_path.map(str::to_owned).or_else(|| std::env::var("PATH").ok());
        let path = path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let path = TOOL_FOLDERS.iter().fold(path, |path, folder| format!("{path}:{folder}"));
        // With a path instead of a name, and only then, std can spawn without copying our page tables, whose cost grows with what
        // we hold in memory.
        let found = std::env::split_paths(&path).map(|folder| folder.join(self.program())).find(|file| file.is_file());
        let shared = self.socket.as_deref().and_then(session::over);
        let mut command = shared.unwrap_or_else(|| Command::new(found.unwrap_or_else(|| self.program().into())));
        if self.only_path.is_some() {
            command.env_clear();
        }
        // In `ps` it is still what one would type.
        command.arg0(self.program()).args(&self.argv[1..]).env("LC_ALL", "C").env("PATH", path);
        command
    }

    /// The command as the one string that the login shell of the other end gets. Only here is anything quoted.
    #[must_use]
    pub fn for_login_shell(&self) -> String {
        let words: Vec<String> = self.argv.iter().map(|word| quoted(word)).collect();
        format!("{}{}", login_shell_prefix(), words.join(" "))
    }

    /// The command of these words; none without a word.
    #[must_use]
    pub fn of(argv: &[String]) -> Option<Self> {
        (!argv.is_empty()).then(|| Self { argv: argv.to_vec(), only_path: None, socket: None })
    }
}

/// The line that a command for a login shell begins with on standard output and standard error. What startup files print comes
/// before it, what the command prints after.
pub const BEGIN: &str = "ferro.zfs:begin";

/// What every command for a login shell begins with.
///
/// The login shell, which may be csh or fish, gets words only, which all shells read alike; `sh` does the rest. (In csh `$PATH:` is a
/// modifier, and it has no way to redirect standard error alone.)
#[must_use]
pub fn login_shell_prefix() -> String {
    let begin = format!("echo {BEGIN}; echo {BEGIN} >&2");
    let folders = TOOL_FOLDERS.join(":");
    format!("sh -c '{begin}; PATH=$PATH:{folders} LC_ALL=C; export PATH LC_ALL; exec \"$@\"' sh ")
}

/// What commands of version 0.1 began with, which our gate still takes.
#[must_use]
pub fn login_shell_prefix_0_1() -> String {
    format!("env LC_ALL=C \"PATH=$PATH:{}\" ", TOOL_FOLDERS.join(":"))
}

/// A word as sh, zsh, csh and fish read it alike: csh looks for its history, and fish for escapes, in single quotes too. What ZFS has
/// in its names looks as it does in print, which is what `zfs_gate` compares it with.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:,/@+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let outside = |c: char| matches!(c, '\'' | '!' | '\\');
    let all: String = word.chars().map(|c| if outside(c) { format!("'\\{c}'") } else { c.to_string() }).collect();
    format!("'{all}'")
}

/// As one would type it.
impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shell_words::join(&self.argv))
    }
}

#[cfg(test)]
mod tests {
    use super::Cmd;

    #[test]
    fn a_command_is_shown_and_sent_quoted() {
        let cmd = Cmd::new("zfs").args(["list", "-H"]).arg("tank/my data");
        assert_eq!(cmd.to_string(), "zfs list -H 'tank/my data'");
        assert_eq!(
            cmd.for_login_shell(),
            "sh -c 'echo ferro.zfs:begin; echo ferro.zfs:begin >&2; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C; \
             export PATH LC_ALL; exec \"$@\"' sh zfs list -H 'tank/my data'"
        );
    }
}

#[cfg(test)]
#[path = "login_shells_tests.rs"]
mod login_shells;
