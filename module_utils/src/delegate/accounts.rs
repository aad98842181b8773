//! Users and groups of this host, as `zfs allow` will print them.
//!
//! A static binary has no NSS, so accounts that are not in /etc/passwd or /etc/group are asked for with `getent`, which knows
//! LDAP, Active Directory and systemd-homed. Where that is missing too, `zfs` itself has the last word.

use crate::exec::cmd::Cmd;
use crate::exec::runner::Runner;
use crate::model::suggest::nearest;
use std::path::Path;

/// Users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// passwd
    Users,
    /// group
    Groups,
}

impl Database {
    fn name(self) -> &'static str {
        match self {
            Self::Users => "passwd",
            Self::Groups => "group",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Users => "user",
            Self::Groups => "group",
        }
    }
}

/// The name that `zfs allow` will print for `wanted`: that of the first account with its id, or the digits of an id without
/// an account. An error for an unknown name says which one is near.
pub fn resolve(runner: &Runner, database: Database, wanted: &str) -> Result<String, String> {
    let word = database.word();
    if wanted.is_empty() || wanted.starts_with('-') || wanted.contains(|c: char| c.is_control() || c == ',' || c == ':')
    {
        return Err(format!("{wanted:?} is not a {word} name"));
    }
    let file = std::fs::read_to_string(Path::new("/etc").join(database.name())).unwrap_or_default();
    let accounts = entries(&file);
    let by_id = |id: u64| accounts.iter().find(|(_, other)| *other == id).map(|(name, _)| name.clone());
    if let Some((_, id)) = accounts.iter().find(|(name, _)| name == wanted) {
        return Ok(by_id(*id).unwrap_or_else(|| wanted.to_owned()));
    }
    if let Some(name) = wanted.parse().ok().and_then(by_id) {
        return Ok(name);
    }
    match (getent(runner, database, wanted), wanted.parse::<u64>()) {
        (Answer::Found(name, id), _) => Ok(by_id(id).unwrap_or(name)),
        (_, Ok(id)) => Ok(id.to_string()),
        (Answer::NobodyToAsk, Err(_)) => Ok(wanted.to_owned()),
        (Answer::Unknown, Err(_)) => {
            let near = nearest(wanted, accounts.iter().map(|(name, _)| name.as_str()));
            let hint = near.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
            Err(format!("there is no {word} {wanted:?} on this host{hint}"))
        }
    }
}

enum Answer {
    Found(String, u64),
    Unknown,
    NobodyToAsk,
}

fn getent(runner: &Runner, database: Database, wanted: &str) -> Answer {
    let asked = runner.output(&Cmd::new("getent").arg(database.name()).arg(wanted));
    match asked {
        Ok(output) if output.status.success() => match entries(&output.stdout).into_iter().next() {
            Some((name, id)) => Answer::Found(name, id),
            None => Answer::Unknown,
        },
        Ok(output) if output.status.code() == Some(2) => Answer::Unknown,
        _ => Answer::NobodyToAsk,
    }
}

/// Reads passwd or group: names and ids, in their order. Lines that are not of this kind belong to others (`+::::::`).
fn entries(text: &str) -> Vec<(String, u64)> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        Some((name.to_owned(), id.parse().ok()?))
    };
    text.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::{Database, entries, resolve};
    use crate::exec::runner::Runner;

    #[test]
    fn accounts_are_read() {
        let text = "root:x:0:0:root:/root:/bin/sh\nDOM\\jane doe:x:4712:4712::/:/bin/false\n+::::::\n\nbad\n";
        assert_eq!(entries(text), [("root".to_owned(), 0), ("DOM\\jane doe".to_owned(), 4712)]);
    }

    #[test]
    fn names_ids_and_neither() {
        let runner = Runner::default();
        assert_eq!(resolve(&runner, Database::Users, "root"), Ok("root".to_owned()));
        assert_eq!(resolve(&runner, Database::Users, "0"), Ok("root".to_owned()));
        assert_eq!(resolve(&runner, Database::Groups, "4294900001"), Ok("4294900001".to_owned()));
        let error = resolve(&runner, Database::Users, "rooot").unwrap_err();
        assert_eq!(error, "there is no user \"rooot\" on this host; did you mean \"root\"?");
        assert!(resolve(&runner, Database::Users, "a,b").is_err());
        assert!(resolve(&runner, Database::Users, "-u").is_err());
    }
}
