//! Commands as data: equal in tests, printable in errors, never a shell string, except where ssh needs one.

use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Where the system tools may lie although a login's `PATH` lacks it: Debian gives ordinary users no `sbin`.
const TOOL_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cmd {
    argv: Vec<String>,
}

impl Cmd {
    /// The program, found through `PATH`.
    #[must_use]
    pub fn new(program: &str) -> Self {
        Self { argv: vec![program.to_owned()] }
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

    /// The command as a program to spawn here. `LC_ALL=C` is what makes its messages readable for us.
    #[must_use]
    pub fn local(&self) -> Command {
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let path = TOOL_FOLDERS.iter().fold(path, |path, folder| format!("{path}:{folder}"));
        // With a path instead of a name, and only then, std can spawn without copying our page tables, whose cost grows with what
        // we hold in memory.
        let found = std::env::split_paths(&path).map(|folder| folder.join(self.program())).find(|file| file.is_file());
        let mut command = Command::new(found.unwrap_or_else(|| self.program().into()));
        // In `ps` it is still what one would type.
        command.arg0(self.program()).args(&self.argv[1..]).env("LC_ALL", "C").env("PATH", path);
        command
    }

    /// The command as the one string that the login shell of the other end gets. Only here is anything quoted.
    #[must_use]
    pub fn for_login_shell(&self) -> String {
        format!("{}{self}", login_shell_prefix())
    }

    /// The command of these words; none without a word.
    #[must_use]
    pub fn of(argv: &[String]) -> Option<Self> {
        (!argv.is_empty()).then(|| Self { argv: argv.to_vec() })
    }
}

/// What every command for a login shell begins with.
#[must_use]
pub fn login_shell_prefix() -> String {
    // Every login shell, csh and fish too, expands $PATH within double quotes; `env` sets it in all of them alike.
    format!("env LC_ALL=C \"PATH=$PATH:{}\" ", TOOL_FOLDERS.join(":"))
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
            "env LC_ALL=C \"PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\" zfs list -H 'tank/my data'"
        );
    }
}
