//! The user that an end works as, and what ZFS permits him. Pure.

use crate::model::DatasetName;
use crate::model::permissions::{Permissions, Who};
use crate::zfs::allow::Block;

/// A user, as `id` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number; 0 may do everything.
    pub uid: u64,
    /// Its name, or its number where it has none.
    pub name: String,
    /// Names, or else numbers, of its groups.
    groups: Vec<String>,
}

impl Account {
    /// Reads what `id` prints: `uid=1001(archive) gid=1000(archive) groups=1000(archive),4713(domain users)`, and after it,
    /// with SELinux, ` context=...`.
    #[must_use]
    pub fn read(stdout: &str) -> Option<Self> {
        let (user, rest) = stdout.trim_end().strip_prefix("uid=")?.split_once(" gid=")?;
        let (gid, groups) = match rest.split_once(" groups=") {
            Some((gid, groups)) => (gid, groups),
            None => (rest, ""),
        };
        let groups = groups.split_once(" context=").map_or(groups, |(groups, _)| groups);
        let (uid, name) = numbered(user)?;
        let mut all = vec![numbered(gid.split(" context=").next()?)?.1];
        // A name may hold commas and spaces, but each entry begins with its number.
        let mut entry = String::new();
        for part in groups.split(',').filter(|part| !part.is_empty()) {
            if part.starts_with(|c: char| c.is_ascii_digit()) && !entry.is_empty() {
                all.push(numbered(&entry)?.1);
                entry.clear();
            }
            entry = if entry.is_empty() { part.to_owned() } else { format!("{entry},{part}") };
        }
        if !entry.is_empty() {
            all.push(numbered(&entry)?.1);
        }
        Some(Self { uid, name, groups: all })
    }

    fn is(&self, who: &Who) -> bool {
        match who {
            Who::User(name) => *name == self.name || name.parse() == Ok(self.uid),
            Who::Group(name) => self.groups.contains(name),
            Who::Everyone => true,
        }
    }

    /// What this user may do on a dataset, by the grants on it and above it, nearest first. Where the dataset is still to be made by
    /// this user, with what makers of datasets get.
    #[must_use]
    pub fn permissions(&self, blocks: &[Block], dataset: &DatasetName, to_be_made: bool) -> Permissions {
        let mut all = Permissions::new();
        for (index, (name, grants)) in blocks.iter().enumerate() {
            if dataset.below(name).is_none() {
                continue;
            }
            let counts = |reach: &crate::model::permissions::Reach| {
                if name == dataset { reach.local } else { reach.descendents }
            };
            let held = grants.who.iter().filter(|(who, _)| self.is(who)).flat_map(|(_, held)| held);
            let mut named: Vec<&String> = held.filter(|(_, reach)| counts(reach)).map(|(name, _)| name).collect();
            if to_be_made {
                named.extend(&grants.create_time);
            }
            for permission in named {
                expand(permission, &blocks[index..], &mut all);
            }
        }
        all
    }
}

/// `1001(archive)`, or `1001` for a number without a name.
fn numbered(text: &str) -> Option<(u64, String)> {
    match text.split_once('(') {
        None => Some((text.parse().ok()?, text.to_owned())),
        Some((number, name)) => Some((number.parse().ok()?, name.strip_suffix(')')?.to_owned())),
    }
}

/// A permission, or what is in a set: sets count where they are defined, and below.
fn expand(permission: &str, blocks: &[Block], all: &mut Permissions) {
    // Each name once: sets may contain each other.
    if !all.insert(permission.to_owned()) || !permission.starts_with('@') {
        return;
    }
    for inner in blocks.iter().filter_map(|(_, grants)| grants.sets.get(permission)).flatten() {
        expand(inner, blocks, all);
    }
}

#[cfg(test)]
mod tests {
    use super::Account;
    use crate::model::DatasetName;
    use crate::zfs::allow::allow;
    use proptest::prelude::{any, proptest};

    fn name(text: &str) -> DatasetName {
        text.parse().unwrap()
    }

    #[test]
    fn id_is_read() {
        let account =
            Account::read("uid=1001(archive) gid=1000(archive) groups=1000(archive),4713(domain users, all),77\n")
                .unwrap();
        assert_eq!((account.uid, account.name.as_str()), (1001, "archive"));
        assert_eq!(account.groups, ["archive", "archive", "domain users, all", "77"]);
        let account = Account::read("uid=5 gid=6 groups=6 context=unconfined_u:s0-s0:c0.c1").unwrap();
        assert_eq!((account.name.as_str(), account.groups.len()), ("5", 2));
        assert_eq!(Account::read("uid=0(root) gid=0(root)\n").unwrap().uid, 0);
        assert_eq!(Account::read("id: not found"), None);
    }

    #[test]
    fn what_counts_where() {
        let output = "\
---- Permissions on tank/data ----------------------------------------
Permission sets:
	@own @top,hold
Local permissions:
	user a mount
Descendent permissions:
	group ops create
Local+Descendent permissions:
	user a @own
	everyone userprop
---- Permissions on tank ---------------------------------------------
Permission sets:
	@top snapshot,@top
Create time permissions:
	destroy
Local permissions:
	user a receive
Descendent permissions:
	user (unknown: 1001) send
";
        let blocks = allow(output, &name("tank/data")).unwrap();
        let account = Account::read("uid=1001(a) gid=5(ops)").unwrap();
        let real = |dataset, new| {
            let all = account.permissions(&blocks, &name(dataset), new);
            all.into_iter().filter(|name| !name.starts_with('@')).collect::<Vec<_>>()
        };
        assert_eq!(real("tank/data", false), ["hold", "mount", "send", "snapshot", "userprop"]);
        assert_eq!(real("tank/data/x", false), ["create", "hold", "send", "snapshot", "userprop"]);
        assert_eq!(real("tank/data/x", true), ["create", "destroy", "hold", "send", "snapshot", "userprop"]);
        assert_eq!(real("tank", false), ["receive"]);
        let other = Account::read("uid=7(b) gid=7(b)").unwrap();
        assert_eq!(other.permissions(&blocks, &name("tank/data"), false).into_iter().collect::<Vec<_>>(), ["userprop"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = Account::read(&text);
            let _ = Account::read(&format!("uid={text} gid={text} groups={text}"));
        }
    }
}
