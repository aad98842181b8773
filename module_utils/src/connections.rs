//! The shared ssh connections of a run, and the private folder of their sockets: made when needed, gone at the end.

use crate::lock::runtime_folder;
use crate::process::Runner;
use crate::ssh::{Host, MOST_LANES, Remote, SshOptions};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

/// Connections that end when this is dropped.
#[derive(Debug)]
pub struct Connections<'a> {
    runner: &'a Runner,
    folder: Option<PathBuf>,
    remotes: Vec<Remote>,
}

impl<'a> Connections<'a> {
    /// No connection yet.
    #[must_use]
    pub fn new(runner: &'a Runner) -> Self {
        Self { runner, folder: None, remotes: Vec::new() }
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
        let lanes = self.remotes.iter().flat_map(|remote| (0..MOST_LANES).map(|number| remote.lane(number)));
        let connected: Vec<Remote> = lanes.filter(Remote::is_connected).collect();
        for remote in &connected {
            self.runner.clean_up(&remote.disconnect());
        }
        connected.iter().for_each(wait_for_end);
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The answer to `-O exit` comes before the end: the socket goes last.
fn wait_for_end(remote: &Remote) {
    const PAUSE: Duration = Duration::from_millis(2);
    for _ in 0..500 {
        if !remote.is_connected() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// A new folder that only we may enter, named after this process; those of processes that are gone are removed.
fn private_folder() -> Result<PathBuf, String> {
    const PREFIX: &str = "ferro-zfs.";
    let parent = runtime_folder();
    for entry in fs::read_dir(&parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<i32>().ok());
        let gone = |pid| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) == Err(nix::errno::Errno::ESRCH);
        if pid.is_some_and(gone) {
            // Another user's folder cannot be removed by us, and need not be.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let folder = parent.join(format!("{PREFIX}{}", std::process::id()));
    DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(|error| format!("the folder {} for ssh's sockets cannot be made: {error}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::Connections;
    use crate::process::Runner;
    use crate::ssh::SshOptions;

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
