//! The fake `zfs` of all hosts: one Python, which forks for each command. To start Python takes ten
//! times as long, and tests run thousands.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// Python compiles the fake once and for all then. It ends with its stdin, which is ours, and
/// removes the socket.
const SERVER: &str = concat!(
    "import sys\nsys.path.insert(0, '",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fleet')\nsys.pycache_prefix = '",
    env!("CARGO_TARGET_TMPDIR"),
    "'\nfrom fake_zfs.server import serve\nserve(sys.argv[1])\n"
);

/// The socket, and what keeps it served as long as the tests run.
static SERVED: OnceLock<(PathBuf, Child, ChildStdout)> = OnceLock::new();

fn start() -> (PathBuf, Child, ChildStdout) {
    let socket = tempfile::tempdir().unwrap().keep().join("fake_zfs");
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-IS", "-c", SERVER]).arg(&socket).env("LC_ALL", "C");
    let mut server = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = server.stdout.take().unwrap();
    let mut said = [0; 3];
    out.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"up\n");
    (socket, server, out)
}

/// The script that is `zfs` or `zpool` of the host that has this folder.
pub fn launcher(folder: &Path) -> String {
    let (socket, ..) = SERVED.get_or_init(start);
    format!("#!{} {} {}\n", env!("CARGO_BIN_EXE_fake_zfs"), socket.display(), folder.display())
}
