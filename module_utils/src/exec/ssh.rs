//! The other end: this host, or one behind the system's `ssh`.

use crate::exec::cmd::Cmd;
use crate::exec::elevation::Elevation;
use crate::exec::session;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where commands run.
#[derive(Clone, Debug)]
pub enum Host {
    /// Here.
    Local,
    /// Behind ssh.
    Remote(Remote),
}

/// How to reach the remote side. It is an option of the module as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SshOptions {
    /// Port of the SSH server.
    pub port: Option<u16>,
    /// Private key.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "FILE")))]
    pub identity_file: Option<String>,
    /// Configuration file used instead of the user's own.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "FILE")))]
    pub config_file: Option<String>,
    /// Seconds after which an unanswered connection attempt fails.
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "SECONDS")))]
    pub connect_timeout: Option<u16>,
    /// Have C(zfs) on the remote side run by root, for an account that C(zfs allow) cannot give what it needs. Nothing else is: the user must
    /// be let run C(zfs) by it without a password. Both remote sides of a run become root so.
    #[serde(rename = "become")]
    pub elevation: Elevation,
    /// Further C(ssh -o) options, such as V(Compression=no).
    #[cfg_attr(feature = "argspec", schemars(extend("metavar" = "OPTION=VALUE")))]
    pub options: Vec<String>,
}

/// A host behind ssh. All its commands share one connection.
#[derive(Clone, Debug)]
pub struct Remote {
    destination: String,
    options: Vec<String>,
    elevation: Elevation,
    control_path: PathBuf,
}

/// The most connections to one host: a disk gains nothing from more streams at once.
pub const MOST_LANES: usize = 32;

/// How long a shared connection outlives its last command, should this process be killed before it can end it.
const LINGER_SECONDS: u8 = 10;

impl Remote {
    /// A host whose shared connection has its socket at `control_path`.
    pub fn new(destination: &str, ssh: &SshOptions, control_path: &Path) -> Result<Self, String> {
        let bad = |c: char| c.is_whitespace() || c.is_control();
        if destination.is_empty() || destination.starts_with('-') || destination.contains(bad) {
            return Err(format!("{destination:?} is not an ssh destination such as user@host"));
        }
        let mut options: Vec<String> = Vec::new();
        if let Some(file) = &ssh.config_file {
            options.extend(["-F".to_owned(), file.clone()]);
        }
        if let Some(port) = ssh.port {
            options.extend(["-p".to_owned(), port.to_string()]);
        }
        if let Some(file) = &ssh.identity_file {
            options.extend(["-i".to_owned(), file.clone()]);
        }
        // For ssh the first word on an option counts, so the user's come before ours.
        let timeout = ssh.connect_timeout.map(|seconds| format!("ConnectTimeout={seconds}"));
        let ours = ["BatchMode=yes", "ConnectTimeout=30", "ServerAliveInterval=15", "ServerAliveCountMax=4"];
        for option in ssh.options.iter().cloned().chain(timeout).chain(ours.map(str::to_owned)) {
            options.extend(["-o".to_owned(), option]);
        }
        let (destination, control_path) = (destination.to_owned(), control_path.to_owned());
        Ok(Self { destination, options, elevation: ssh.elevation, control_path })
    }

    /// The same host over another connection; lane 0 is this one.
    #[must_use]
    pub fn lane(&self, number: usize) -> Self {
        let mut path = self.control_path.clone().into_os_string();
        if number > 0 {
            path.push(format!(".{number}"));
        }
        Self { control_path: path.into(), ..self.clone() }
    }

    /// The destination as the user wrote it.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// True where `zfs` is run by root there.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.destination.starts_with("root@") || self.elevation != Elevation::None
    }

    fn ssh(&self) -> Cmd {
        let control = format!("ControlPath={}", self.control_path.display());
        Cmd::new("ssh").args(&self.options).args(["-o", &control])
    }

    fn run(&self, cmd: &Cmd) -> Cmd {
        let persist = format!("ControlPersist={LINGER_SECONDS}");
        // -T: no terminal; -a and -x: neither the agent nor the display is any of the other end's business.
        self.ssh()
            .args(["-o", "ControlMaster=auto", "-o", &persist, "-T", "-a", "-x", "--"])
            .arg(&self.destination)
            .arg(self.elevation.of(cmd).for_login_shell())
            .over(self.control_path.clone())
    }

    /// Ends the shared connection without `ssh`; false where that was not understood.
    #[must_use]
    pub fn dismiss(&self) -> bool {
        session::dismiss(&self.control_path)
    }

    /// The command that ends the shared connection.
    #[must_use]
    pub fn disconnect(&self) -> Cmd {
        self.ssh().args(["-O", "exit", "--"]).arg(&self.destination)
    }

    /// True while there may be a shared connection to end.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.control_path.exists()
    }
}

impl Host {
    /// The command that runs `cmd` there.
    #[must_use]
    pub fn run(&self, cmd: &Cmd) -> Cmd {
        match self {
            Self::Local => cmd.clone(),
            Self::Remote(remote) => remote.run(cmd),
        }
    }

    /// The same host over another connection; lane 0 is this one.
    #[must_use]
    pub fn lane(&self, number: usize) -> Self {
        match self {
            Self::Local => Self::Local,
            Self::Remote(remote) => Self::Remote(remote.lane(number)),
        }
    }

    /// True for a host behind ssh.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }

    /// Its name for people: `localhost` for here.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Local => "localhost",
            Self::Remote(remote) => remote.destination(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, Remote, SshOptions};
    use crate::exec::cmd::Cmd;
    use std::path::Path;

    #[test]
    fn a_remote_command_is_one_quoted_word() {
        let options = SshOptions { port: Some(2222), options: vec!["Compression=no".into()], ..SshOptions::default() };
        let remote = Remote::new("backup@nas", &options, Path::new("/run/x/s")).unwrap();
        let command = Host::Remote(remote).run(&Cmd::new("zfs").arg("list").arg("tank/my data"));
        assert_eq!(
            command.to_string(),
            "ssh -p 2222 -o 'Compression=no' -o 'BatchMode=yes' -o 'ConnectTimeout=30' -o 'ServerAliveInterval=15' \
             -o 'ServerAliveCountMax=4' -o 'ControlPath=/run/x/s' -o 'ControlMaster=auto' -o 'ControlPersist=10' -T -a -x -- \
             backup@nas \
             'sh -c '\\''echo ferro.zfs:begin; echo ferro.zfs:begin >&2; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C; \
             export PATH LC_ALL; exec \"$@\"'\\'' sh zfs list '\\''tank/my data'\\'''"
        );
    }

    #[test]
    fn a_destination_is_no_option() {
        for destination in ["", "-oProxyCommand=x", "a b", "a\nb"] {
            assert!(Remote::new(destination, &SshOptions::default(), Path::new("/s")).is_err(), "{destination:?}");
        }
    }
}
