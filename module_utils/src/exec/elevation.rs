//! The user of another end becomes root there for `zfs`, where its account cannot be given permissions by `zfs allow`.

use super::cmd::Cmd;
use serde::{Deserialize, Serialize};

/// How. It is an option of the module as it is: its doc comments are what `ansible-doc` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "argspec", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Elevation {
    /// Not at all.
    #[default]
    None,
    /// By C(sudo -n).
    Sudo,
    /// By C(doas -n).
    Doas,
}

impl Elevation {
    /// What stands before the command. It never asks for a password: nobody is there to answer.
    fn words(self) -> Option<[&'static str; 2]> {
        match self {
            Self::None => None,
            Self::Sudo => Some(["sudo", "-n"]),
            Self::Doas => Some(["doas", "-n"]),
        }
    }

    /// The command with every `zfs` in it run as root, also where one of our scripts runs it, and nothing else: not the shell of the
    /// script, nor what tells who the user is or compresses. `zpool get` needs no rights.
    #[must_use]
    pub fn of(self, cmd: &Cmd) -> Cmd {
        let Some(words) = self.words() else { return cmd.clone() };
        let before = |argv: &[String]| {
            argv.first().is_some_and(|program| program == "zfs").then_some(words).into_iter().flatten()
        };
        match cmd.argv() {
            // It runs `zfs` itself; its arguments are names.
            [sh, c, script, rest @ ..] if sh == "sh" && c == "-c" && script.contains("do zfs ") => {
                let script = script.replace("do zfs ", &format!("do {} zfs ", words.join(" ")));
                Cmd::new(sh).args([c, &script]).args(rest)
            }
            // It runs its arguments.
            [sh, c, script, name, rest @ ..] if sh == "sh" && c == "-c" => {
                Cmd::new(sh).args([c, script, name]).args(before(rest)).args(rest)
            }
            argv => Cmd::of(&before(argv).map(str::to_owned).chain(argv.iter().cloned()).collect::<Vec<_>>())
                .unwrap_or_else(|| cmd.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Elevation;
    use crate::exec::cmd::Cmd;
    use crate::exec::scripts::{Script, probe_zstd};

    #[test]
    fn zfs_alone_is_run_as_root_wherever_it_stands() {
        let sudo = |cmd: &Cmd| Elevation::Sudo.of(cmd).to_string();
        let zfs = Cmd::new("zfs").args(["send", "-Lc", "tank/my data@zfs "]);
        assert_eq!(sudo(&zfs), "sudo -n zfs send -Lc 'tank/my data@zfs '");
        assert_eq!(Elevation::Doas.of(&zfs).to_string(), "doas -n zfs send -Lc 'tank/my data@zfs '");
        assert_eq!(Elevation::None.of(&zfs), zfs);
        for other in [Cmd::new("id"), probe_zstd(), Cmd::new("zpool").args(["get", "guid", "zfs"])] {
            assert_eq!(Elevation::Sudo.of(&other), other);
        }
        for script in [Script::Compress, Script::Decompress] {
            let (plain, rooted) = (script.of(zfs.argv()), Elevation::Sudo.of(&script.of(zfs.argv())));
            assert_eq!(rooted.argv()[..4], plain.argv()[..4]);
            assert_eq!(rooted.argv()[4..6], ["sudo", "-n"]);
            assert_eq!(rooted.argv()[6..], plain.argv()[4..]);
        }
        let made = sudo(&Script::Bookmark.of(["a@1", "a#do zfs b"]));
        assert!(made.contains("do sudo -n zfs bookmark \"$1\" \"$2\"") && made.ends_with("a@1 'a#do zfs b'"), "{made}");
        let removed = sudo(&Script::RemoveBookmarks.of(["zfs"]));
        assert!(removed.contains("for b do sudo -n zfs destroy") && removed.ends_with("' sh zfs"), "{removed}");
    }
}
