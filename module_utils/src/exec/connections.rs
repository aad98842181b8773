//! The shared ssh connections of a run, and the private folder of their sockets: made when needed, gone at the end.

use crate::exec::own_folder::own_folder;
use crate::exec::runner::Runner;
use crate::exec::ssh::{Host, MOST_LANES, Remote, SshOptions};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

/// Connections that end when this is dropped.
#[derive(Debug)]
pub struct Connections<'a> {
    runner: &'a Runner,
    folder: Option<PathBuf>,
    remotes: Vec<Remote>,
    /// There will never be any, nor their folder.
    is_imagined: bool,
}

impl<'a> Connections<'a> {
    /// No connection yet.
    #[must_use]
    pub fn new(runner: &'a Runner) -> Self {
        Self { runner, folder: None, remotes: Vec::new(), is_imagined: false }
    }

    /// For who only wants to know whether hosts are named as they must be.
    #[must_use]
    pub fn imagined(runner: &'a Runner) -> Self {
        Self { runner, folder: Some(PathBuf::from("/nonexistent")), remotes: Vec::new(), is_imagined: true }
    }

    /// The host at `destination`; this host if there is none.
    pub fn host(&mut self, destination: Option<&str>, ssh: &SshOptions) -> Result<Host, String> {
        let Some(destination) = destination else { return Ok(Host::Local) };
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => self.folder.insert(private_folder()?).clone(),
        };
        // Short: the path of a socket may have 107 bytes, and ssh adds 17 while it makes it.
        let remote = Remote::new(destination, ssh, &folder.join(self.remotes.len().to_string()))?;
        self.remotes.push(remote.clone());
        Ok(Host::Remote(remote))
    }
}

impl Drop for Connections<'_> {
    fn drop(&mut self) {
        if self.is_imagined {
            return;
        }
        let lanes = self.remotes.iter().flat_map(|remote| (0..MOST_LANES).map(|number| remote.lane(number)));
        let connected: Vec<Remote> = lanes.filter(Remote::is_connected).collect();
        // Where one does not answer, nobody waits for each of the others: ssh asks them all at once.
        let mut answers = true;
        let stays = |remote: &&Remote| {
            answers = answers && remote.dismiss();
            !answers
        };
        let stay: Vec<_> = connected.iter().filter(stays).map(Remote::disconnect).collect();
        self.runner.clean_up(&stay);
        wait_for_end(&connected);
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The answer to `-O exit` comes before the end: the socket goes last.
fn wait_for_end(remotes: &[Remote]) {
    const PAUSE: Duration = Duration::from_millis(2);
    const PAUSES: usize = 500;
    for _ in 0..PAUSES {
        if !remotes.iter().any(Remote::is_connected) {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// A new folder named after this process; those of processes that are gone are removed. Its path is short, as that of a socket must be.
fn private_folder() -> Result<PathBuf, String> {
    let parent = own_folder()?;
    for entry in fs::read_dir(&parent).into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        let gone = |pid| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH);
        if pid.is_some_and(gone) {
            // It is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let folder = parent.join(std::process::id().to_string());
    match DirBuilder::new().mode(0o700).create(&folder) {
        // An earlier run of this number was killed.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(folder),
        Err(error) => Err(format!("the folder {} for ssh's sockets cannot be made: {error}", folder.display())),
        Ok(()) => Ok(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::Connections;
    use crate::exec::runner::Runner;
    use crate::exec::ssh::SshOptions;

    #[test]
    fn the_folder_is_private_and_goes() {
        let runner = Runner::default();
        let mut connections = Connections::new(&runner);
        assert!(!connections.host(None, &SshOptions::default()).unwrap().is_remote());
        assert!(connections.folder.is_none());
        connections.host(Some("nas"), &SshOptions::default()).unwrap();
        let folder = connections.folder.clone().unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&folder.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700);
        drop(connections);
        assert!(!folder.exists());
    }
}
