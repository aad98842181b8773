//! From the line that ssh hands over to arguments. Pure, and no shell: what does not read back to the very same line is refused.

use crate::exec::cmd::{Cmd, login_shell_prefix, login_shell_prefix_0_1};
use crate::exec::scripts::Script;

/// The longest line: more than any that `zfs_replicate` sends, as the kernel gives one argument no more than this.
const MAX_LINE: usize = 128 * 1024;

/// The arguments of a command that `zfs_replicate` sent, and the script that they are for, if any.
pub fn split(line: &str) -> Result<(Option<Script>, Vec<String>), String> {
    if line.len() > MAX_LINE {
        return Err(format!("the command is longer than {MAX_LINE} bytes"));
    }
    if let Some(c) = line.chars().find(|c| !(*c == ' ' || c.is_ascii_graphic())) {
        return Err(format!("the command has {c:?} in it, which no command of zfs_replicate has"));
    }
    // A backup server that is updated after its sources still speaks as version 0.1 did.
    let rest = line
        .strip_prefix(&login_shell_prefix())
        .or_else(|| line.strip_prefix(&login_shell_prefix_0_1()))
        .ok_or("it is not a command of zfs_replicate: those begin with `sh -c 'echo ferro.zfs:begin`")?;
    // Scripts of zfs_replicate are taken for what they mean, letter by letter, and never run.
    let (script, rest) = Script::stripped(rest);
    let argv = words(rest)?;
    // Quoting has many ways to say the same. Only the one that zfs_replicate uses is taken.
    match Cmd::of(&argv) {
        Some(cmd) if cmd.to_string() == rest => Ok((script, argv)),
        _ => Err("it is not quoted as zfs_replicate quotes".to_owned()),
    }
}

/// True where the other end waits for our line before the command's output.
#[must_use]
pub fn awaits_begin(line: &str) -> bool {
    line.starts_with(&login_shell_prefix())
}

/// Words parted by single spaces: each either bare or between single quotes. There is no other way to quote, and no escape.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    let mut rest = text;
    loop {
        let (word, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').ok_or("a quotation mark is not closed")?,
            None => rest.split_at(rest.find(' ').unwrap_or(rest.len())),
        };
        let quoted = rest.starts_with('\'');
        // Nothing that ZFS has in its names needs more than these, quoted or not.
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:,/@#=+%".contains(c) || (quoted && c == ' ');
        if let Some(c) = word.chars().find(|c| !fits(*c)) {
            return Err(format!("it has {c:?} in it, which no command of zfs_replicate has there"));
        }
        if word.is_empty() {
            return Err("one of its words is empty".to_owned());
        }
        all.push(word.to_owned());
        rest = match after.strip_prefix(' ') {
            Some(rest) => rest,
            None if after.is_empty() => return Ok(all),
            None => return Err("a quoted word goes on after its end".to_owned()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{awaits_begin, login_shell_prefix, login_shell_prefix_0_1, split};
    use crate::exec::cmd::Cmd;
    use crate::exec::scripts::Script;
    use proptest::prelude::{any, prop, prop_assert_eq, prop_oneof, proptest};

    #[test]
    fn what_zfs_replicate_sends_is_read() {
        let cmd = Cmd::new("zfs").args(["send", "-Lc", "-i", "#ferro_1", "tank/my data@a b"]);
        assert_eq!(
            split(&cmd.for_login_shell()).unwrap().1,
            ["zfs", "send", "-Lc", "-i", "#ferro_1", "tank/my data@a b"]
        );
        let compressed = split(&Script::Compress.of(cmd.argv()).for_login_shell()).unwrap();
        assert_eq!((compressed.0, compressed.1[1].as_str()), (Some(Script::Compress), "send"));
    }

    #[test]
    fn other_ways_to_say_it_are_refused() {
        let prefix = Cmd::new("").for_login_shell();
        let prefix = prefix.trim_end_matches("''");
        assert!(split(&format!("{prefix}zfs list tank")).is_ok());
        for rest in [
            "'zfs' list tank",
            "zfs  list tank",
            "zfs list tank ",
            " zfs list",
            "",
            "zfs list 'tank",
            "zfs list ta'n'k",
            "zfs list ''",
        ] {
            assert!(split(&format!("{prefix}{rest}")).is_err(), "{rest}");
        }
        assert!(split("zfs list tank").is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_says_the_same_again(
            words in prop::collection::vec(prop_oneof!["[a-z@#/=: ]{1,8}", any::<String>(), "[ '\"$`;\n]{1,4}"], 1..6)
        ) {
            let after = |prefix: String| format!("{prefix}{}", words.join(" "));
            let sent = Cmd::new("zfs").args(&words).for_login_shell();
            for line in [words.join(" "), after(login_shell_prefix()), after(login_shell_prefix_0_1()), sent] {
                if let Ok((script, argv)) = split(&line) {
                    let prefix = if awaits_begin(&line) { login_shell_prefix() } else { login_shell_prefix_0_1() };
                    prop_assert_eq!(script, None);
                    prop_assert_eq!(format!("{prefix}{}", Cmd::of(&argv).unwrap()), line);
                }
            }
        }
    }
}
