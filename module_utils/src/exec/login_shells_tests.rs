//! What a login shell gets is read alike by every one that there is here.

use super::{BEGIN, Cmd};
use crate::exec::scripts::Script;
use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, prop_oneof, proptest};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Debian's names of them. busybox goes by the name that it is called.
const SHELLS: [&str; 8] =
    ["/bin/sh", "/bin/dash", "/bin/bash", "/bin/zsh", "/bin/tcsh", "/bin/bsd-csh", "/usr/bin/fish", "/bin/busybox"];

fn shells() -> Vec<PathBuf> {
    let (here, missing): (Vec<&str>, Vec<&str>) = SHELLS.into_iter().partition(|shell| Path::new(shell).exists());
    assert!(missing.is_empty() || std::env::var_os("FERRO_STRICT").is_none(), "missing here: {missing:?}");
    here.into_iter().map(PathBuf::from).collect()
}

/// As sshd does it.
fn log_in(shell: &Path, home: &Path, line: &str) -> Output {
    let mut command = Command::new(shell);
    let name = if shell.ends_with("busybox") { "sh".into() } else { shell.file_name().unwrap().to_owned() };
    command.arg0(name).args(["-c", line]).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home);
    command.output().unwrap()
}

#[test]
fn the_environment_is_set_and_the_exit_status_comes_back() {
    let home = tempfile::tempdir().unwrap();
    for shell in shells() {
        let output = log_in(&shell, home.path(), &Cmd::new("printenv").args(["PATH", "LC_ALL"]).for_login_shell());
        let expected = format!("{BEGIN}\n/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin\nC\n");
        assert_eq!(
            (String::from_utf8_lossy(&output.stdout), output.status.code()),
            (expected.into(), Some(0)),
            "{shell:?}"
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("{BEGIN}\n"), "{shell:?}");
        let output = log_in(&shell, home.path(), &Cmd::new("sh").args(["-c", "exit 7"]).for_login_shell());
        assert_eq!(output.status.code(), Some(7), "{shell:?}");
        let output = log_in(&shell, home.path(), &Cmd::new("no-such-zfs").for_login_shell());
        assert_eq!(output.status.code(), Some(127), "{shell:?}");
    }
}

#[test]
fn scripts_are_run_as_they_are() {
    let home = tempfile::tempdir().unwrap();
    let zfs = home.path().join("zfs");
    std::fs::write(&zfs, "#!/bin/sh\necho \"$*\" >&2\ncase $* in *bad*) exit 1;; esac\n").unwrap();
    symlink("/bin/chmod", home.path().join("chmod")).unwrap();
    assert!(Command::new("chmod").arg("755").arg(&zfs).status().unwrap().success());
    for shell in shells() {
        let with_path = |cmd: Cmd| {
            let path = format!("PATH={}:/usr/bin:/bin", home.path().display());
            log_in(&shell, home.path(), &Cmd::new("env").arg(path).args(cmd.argv()).for_login_shell())
        };
        let output = with_path(Script::Bookmark.of(["a@1", "a#x", "b b@1", "b b#bad"]));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{BEGIN}\nb b#bad\n"), "{shell:?}");
        let output = with_path(Script::RemoveBookmarks.of(["a#x", "b b#bad", "tank"]));
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{BEGIN}\nb b#bad\n"), "{shell:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("destroy tank#tank"), "{shell:?}");
        let output = with_path(Script::Decompress.of(["sh", "-c", "cat >/dev/null; exit 3"]));
        assert_eq!(output.status.code(), Some(3), "{shell:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// All but a line break, which csh cannot be given, and which ZFS has in no name.
    #[test]
    fn words_arrive_as_they_are(
        words in prop::collection::vec(
            prop_oneof!["[ -~]{0,12}", "['\"!\\\\$`#~^%{}*?\\[\\];&|<>() =-]{1,6}", any::<String>(), "[a-zäö@#/: !]{1,8}"], 1..8
        )
    ) {
        let words: Vec<String> = words.iter().map(|word| word.replace(['\0', '\n'], "")).collect();
        let home = tempfile::tempdir().unwrap();
        for shell in shells() {
            let output = log_in(&shell, home.path(), &Cmd::new("printf").arg("<%s>\\n").args(&words).for_login_shell());
            let expected = words.iter().map(|word| format!("<{word}>")).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{BEGIN}\n{expected}\n"), "{:?}", shell);
        }
    }
}
