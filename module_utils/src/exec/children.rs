//! Ends children: politely, then by force; what not even that ends, because the kernel holds it, is given up and named.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fmt;
use std::process::Child;
use std::time::{Duration, Instant};

/// Time to end by itself.
const PATIENCE: Duration = Duration::from_secs(3);

/// Time to be gone after SIGKILL, for which a process that the kernel does not hold needs none.
const AFTER_KILL: Duration = Duration::from_secs(1);

/// A process that SIGKILL did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    pid: u32,
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.pid;
        write!(
            f,
            "process {pid} could not even be killed: it waits in the kernel, as for a suspended pool (`zpool status`), and ends when that does"
        )
    }
}

/// Ends a child with all that it started, and reaps it; or gives it up.
pub fn end(child: &mut Child) -> Option<GivenUp> {
    end_all(&mut [child]).pop()
}

/// Ends children at the same time.
pub fn end_all(children: &mut [&mut Child]) -> Vec<GivenUp> {
    for (signal, patience) in [(Signal::SIGTERM, PATIENCE), (Signal::SIGKILL, AFTER_KILL)] {
        for child in children.iter_mut().filter_map(|child| running(child)) {
            // Each child leads a group of its own. It may be gone by now.
            let _ = killpg(child, signal);
        }
        if all_end_within(children, patience) {
            return Vec::new();
        }
    }
    children.iter_mut().filter_map(|child| running(child).map(|_| GivenUp { pid: child.id() })).collect()
}

/// Waits for children that are meant to end by themselves; false if some have not.
pub fn all_end_within(children: &mut [&mut Child], patience: Duration) -> bool {
    const PAUSE: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + patience;
    while children.iter_mut().any(|child| running(child).is_some()) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}

fn running(child: &mut Child) -> Option<Pid> {
    matches!(child.try_wait(), Ok(None)).then(|| i32::try_from(child.id()).ok().map(Pid::from_raw))?
}

#[cfg(test)]
mod tests {
    use super::{GivenUp, end, end_all};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    fn sh(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).process_group(0).stdout(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn whoever_ignores_the_request_is_killed_and_all_at_once() {
        let mut deaf: Vec<Child> = (0..4).map(|_| sh("trap '' TERM INT HUP; echo; sleep 300")).collect();
        for child in &mut deaf {
            // It has set its traps.
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        }
        let started = Instant::now();
        assert!(end_all(&mut deaf.iter_mut().collect::<Vec<_>>()).is_empty());
        assert!(started.elapsed() < Duration::from_secs(9));
        assert!(deaf.iter_mut().all(|child| child.try_wait().unwrap().is_some()));
    }

    #[test]
    fn what_has_ended_is_no_trouble() {
        let mut child = sh("exit 3");
        child.wait().unwrap();
        assert_eq!(end(&mut child), None);
        assert!(GivenUp { pid: 4711 }.to_string().starts_with("process 4711 could not even be killed"));
    }
}
