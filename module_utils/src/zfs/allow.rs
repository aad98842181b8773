//! What `zfs allow` prints, read into types. Pure, and strict: what is not understood is an error, never a guess.
//!
//! The grammar is that of `print_fs_perms` in OpenZFS, cmd/zfs/zfs_main.c: there is no `-H` and no `-j`.

use super::parse::{Unexpected, unexpected};
use crate::exec::cmd::Cmd;
use crate::model::DatasetName;
use crate::model::permissions::{Change, Grants, Permissions, Reach, Subject, Who, is_permission};

/// The grants of a dataset, as a block of the output shows them.
pub type Block = (DatasetName, Grants);

const SETS: &str = "Permission sets:";
const CREATE_TIME: &str = "Create time permissions:";
const WHO: [(&str, Reach); 3] = [
    ("Local permissions:", Reach::LOCAL),
    ("Descendent permissions:", Reach::DESCENDENTS),
    ("Local+Descendent permissions:", Reach::BOTH),
];

/// Reads `zfs allow DATASET`: the grants of the dataset and of those above it, nearest first. A dataset without grants of its
/// own has no block, so the first block may be that of another: see [`own`].
pub fn allow(stdout: &str, dataset: &DatasetName) -> Result<Vec<Block>, Unexpected> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut section: Option<usize> = None;
    for line in stdout.lines() {
        let wrong = |expected| unexpected("zfs allow", expected, line);
        if let Some(header) = line.strip_prefix(HEADER) {
            let name = header_name(header).ok_or_else(|| wrong("a dataset's header"))?;
            let last = blocks.last().map_or(dataset, |(name, _)| name);
            let above =
                dataset.below(&name).is_some() && (blocks.is_empty() || *last != name && last.below(&name).is_some());
            if !above {
                return Err(wrong("the header of the dataset or of one above it"));
            }
            blocks.push((name, Grants::default()));
            section = None;
        } else if let Some(row) = line.strip_prefix('\t') {
            let (Some(section), Some((_, grants))) = (section, blocks.last_mut()) else {
                return Err(wrong("a section's header"));
            };
            add_row(grants, section, row).ok_or_else(|| wrong("who, and permissions"))?;
        } else {
            let found = section_number(line).ok_or_else(|| wrong("a section's header"))?;
            if blocks.is_empty() || section.is_some_and(|before| before >= found) {
                return Err(wrong("sections in their order"));
            }
            section = Some(found);
        }
    }
    Ok(blocks)
}

/// The dataset's own grants; none if only those above it have some.
#[must_use]
pub fn own(blocks: &[Block], dataset: &DatasetName) -> Grants {
    blocks.iter().find(|(name, _)| name == dataset).map(|(_, grants)| grants.clone()).unwrap_or_default()
}

const HEADER: &str = "---- Permissions on ";

/// The name, which may itself end with dashes or spaces: the line is filled with dashes up to 70 columns.
fn header_name(rest: &str) -> Option<DatasetName> {
    let name = rest.trim_end_matches('-').strip_suffix(' ')?;
    let dashes = 70_usize.saturating_sub(HEADER.len() + name.len() + 1);
    (rest.len() == name.len() + 1 + dashes).then_some(())?;
    name.parse().ok()
}

fn section_number(line: &str) -> Option<usize> {
    let all = [SETS, CREATE_TIME].into_iter().chain(WHO.map(|(words, _)| words));
    all.enumerate().find(|(_, words)| *words == line).map(|(number, _)| number)
}

fn add_row(grants: &mut Grants, section: usize, row: &str) -> Option<()> {
    let is_new = match section {
        0 => {
            let (set, permissions) = row.rsplit_once(' ')?;
            is_permission(set).then_some(())?;
            set.strip_prefix('@').filter(|name| !name.is_empty())?;
            grants.sets.insert(set.to_owned(), permission_list(permissions)?).is_none()
        }
        1 => std::mem::replace(&mut grants.create_time, permission_list(row)?).is_empty(),
        _ => {
            let (_, reach) = WHO.get(section - 2)?;
            let (who, permissions) = row.rsplit_once(' ')?;
            let of_who = grants.who.entry(read_who(who)?).or_default();
            let permissions = permission_list(permissions)?;
            permissions.into_iter().all(|name| of_who.insert(name, *reach).is_none())
        }
    };
    is_new.then_some(())
}

fn read_who(text: &str) -> Option<Who> {
    if text == "everyone" {
        return Some(Who::Everyone);
    }
    let (kind, name) = text.split_once(' ')?;
    let name = match name.strip_prefix("(unknown: ").and_then(|rest| rest.strip_suffix(')')) {
        Some(id) => id.parse::<u64>().ok()?.to_string(),
        None => name.to_owned(),
    };
    // A set's name may have a space, then the last space is not the one before the permissions.
    if name.is_empty() || name.contains(" @") || name.contains(",@") {
        return None;
    }
    match kind {
        "user" => Some(Who::User(name)),
        "group" => Some(Who::Group(name)),
        _ => None,
    }
}

fn permission_list(text: &str) -> Option<Permissions> {
    let mut all = Permissions::new();
    // Each once.
    text.split(',').all(|name| is_permission(name) && all.insert(name.to_owned())).then_some(all)
}

/// The `zfs allow` or `zfs unallow` that makes a change.
#[must_use]
pub fn command(change: &Change, dataset: &DatasetName) -> Cmd {
    let cmd = Cmd::new("zfs").arg(if change.allow { "allow" } else { "unallow" });
    let scoped = |cmd: Cmd, reach: &Reach| match (reach.local, reach.descendents) {
        (true, false) => cmd.arg("-l"),
        (false, true) => cmd.arg("-d"),
        _ => cmd,
    };
    let cmd = match &change.subject {
        Subject::Users(names, reach) => scoped(cmd, reach).arg("-u").arg(names.join(",")),
        Subject::Groups(names, reach) => scoped(cmd, reach).arg("-g").arg(names.join(",")),
        Subject::Everyone(reach) => scoped(cmd, reach).arg("-e"),
        Subject::CreateTime => cmd.arg("-c"),
        Subject::Set(name) => cmd.arg("-s").arg(name),
    };
    let permissions: Vec<&str> = change.permissions.iter().map(String::as_str).collect();
    cmd.arg(permissions.join(",")).arg(dataset)
}

/// Reads `zfs allow -h`: the permissions that this ZFS knows. It does not name all of them: see [`UNLISTED`].
pub fn known(stdout: &str) -> Result<Permissions, Unexpected> {
    let mut lines = stdout.lines().skip_while(|line| !line.starts_with("NAME"));
    let header = lines.next().unwrap_or_default();
    let expected = "a table of NAME, TYPE and NOTES";
    if header.split_whitespace().ne(["NAME", "TYPE", "NOTES"]) {
        return Err(unexpected("zfs allow -h", expected, header));
    }
    let mut all = Permissions::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        // What goes on with a tab is the rest of a note.
        if line.starts_with('\t') {
            continue;
        }
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some(name), Some("subcommand" | "property" | "other")) if is_permission(name) => {
                all.insert(name.to_owned());
            }
            _ => return Err(unexpected("zfs allow -h", expected, line)),
        }
    }
    Ok(all)
}

/// Permissions that `zfs allow -h` does not name, although ZFS takes them.
pub const UNLISTED: [&str; 1] = ["receive:append"];

#[cfg(test)]
mod tests {
    use super::{allow, command, known, own};
    use crate::model::permissions::{Change, Grants, Reach, Subject, Who};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    const RECORDED: [[&str; 3]; 2] = [
        [
            include_str!("../../../tests/it/fixtures/allow/2.3.9/dataset.txt"),
            include_str!("../../../tests/it/fixtures/allow/2.3.9/ancestors_only.txt"),
            include_str!("../../../tests/it/fixtures/allow/2.3.9/help.txt"),
        ],
        [
            include_str!("../../../tests/it/fixtures/allow/2.4.4/dataset.txt"),
            include_str!("../../../tests/it/fixtures/allow/2.4.4/ancestors_only.txt"),
            include_str!("../../../tests/it/fixtures/allow/2.4.4/help.txt"),
        ],
    ];

    #[test]
    fn recorded_outputs_are_read() {
        let dataset = "tank/data".parse().unwrap();
        for [of_dataset, of_child, help] in RECORDED {
            let blocks = allow(of_dataset, &dataset).unwrap();
            assert_eq!(blocks.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["tank/data", "tank"]);
            let grants = own(&blocks, &dataset);
            assert_eq!(grants.sets["@more"], ["@repl", "snapshot"].map(str::to_owned).into());
            assert_eq!(grants.create_time, ["destroy", "mount"].map(str::to_owned).into());
            let who: Vec<String> = grants.who.keys().map(ToString::to_string).collect();
            let expected = [
                "user 54321",
                "user DOM\\jane doe",
                "user archive",
                "user operator",
                "user root",
                "user svc.backup",
                "group 65432",
                "group domain users",
                "everyone",
            ];
            assert_eq!(who, expected);
            assert_eq!(grants.who[&Who::User("archive".into())]["mount"], Reach::LOCAL);
            assert_eq!(grants.who[&Who::User("archive".into())]["rollback"], Reach::DESCENDENTS);
            assert_eq!(grants.who[&Who::User("archive".into())]["@repl"], Reach::BOTH);
            assert_eq!(grants.who[&Who::Group("65432".into())]["hold"], Reach::BOTH);

            // A dataset without grants of its own: the first block is another's.
            let child = "tank/data/a".parse().unwrap();
            let blocks = allow(of_child, &child).unwrap();
            assert_eq!(own(&blocks, &child), Grants::default());
            assert_eq!(blocks[0].1, own(&allow(of_dataset, &dataset).unwrap(), &dataset));

            let permissions = known(help).unwrap();
            assert!(permissions.contains("bookmark") && permissions.contains("special_small_blocks"));
        }
        assert!(!known(RECORDED[0][2]).unwrap().contains("send:raw"));
        assert!(known(RECORDED[1][2]).unwrap().contains("send:raw"));
    }

    #[test]
    fn names_that_end_like_the_filling() {
        for name in ["tank/a -", "tank/a ", "tank/-", &format!("tank/{}", "x".repeat(80))] {
            let start = format!("---- Permissions on {name} ");
            let line = format!(
                "{start}{}\nLocal permissions:\n\teveryone send\n",
                "-".repeat(70_usize.saturating_sub(start.len()))
            );
            let dataset = name.parse().unwrap();
            assert!(own(&allow(&line, &dataset).unwrap(), &dataset).who.contains_key(&Who::Everyone), "{name}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let header = format!("---- Permissions on tank {}\n", "-".repeat(45));
        let dataset = "tank/a".parse().unwrap();
        assert!(allow(&format!("{header}Local permissions:\n\tuser a send\n"), &dataset).is_ok());
        for rest in [
            "\tuser a send\n",
            "Global permissions:\n",
            "Local permissions:\n\tuser send\n",
            "Local permissions:\n\trole a send\n",
            "Local permissions:\n\tuser a send,\n",
            "Local permissions:\n\tuser a send,send\n",
            "Local permissions:\n\tuser a send\n\tuser a send\n",
            "Local permissions:\n\tuser bob send,@my set\n",
            "Local permissions:\n\tuser bob @my set\n",
            "Local permissions:\n\tuser (unknown: x) send\n",
            "Local permissions:\nPermission sets:\n",
            "Permission sets:\n\tname send\n",
            "Create time permissions:\n\tsend\n\thold\n",
        ] {
            assert!(allow(&format!("{header}{rest}"), &dataset).is_err(), "{rest}");
        }
        assert!(allow(&format!("{header}{header}"), &dataset).is_err());
        assert!(allow(&header, &"other".parse().unwrap()).is_err());
        assert!(allow(&header.replace("---\n", "\n"), &dataset).is_err());
        assert!(known("anything").is_err());
    }

    #[test]
    fn changes_become_commands() {
        let shown = |allow, subject, permissions: &[&str]| {
            let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
            command(&Change { allow, subject, permissions }, &"tank/my data".parse().unwrap()).to_string()
        };
        let users = || vec!["a".to_owned(), "DOM\\b c".to_owned()];
        assert_eq!(
            shown(true, Subject::Users(users(), Reach::BOTH), &["hold", "send"]),
            "zfs allow -u 'a,DOM\\b c' hold,send 'tank/my data'"
        );
        assert_eq!(
            shown(false, Subject::Groups(vec!["g".into()], Reach::LOCAL), &["send"]),
            "zfs unallow -l -g g send 'tank/my data'"
        );
        assert_eq!(
            shown(true, Subject::Everyone(Reach::DESCENDENTS), &["send"]),
            "zfs allow -d -e send 'tank/my data'"
        );
        assert_eq!(shown(true, Subject::CreateTime, &["destroy"]), "zfs allow -c destroy 'tank/my data'");
        assert_eq!(shown(false, Subject::Set("@s".into()), &["send"]), "zfs unallow -s @s send 'tank/my data'");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), name in "[a-z]{1,3}(/[a-z -]{1,3})?") {
            if let Ok(dataset) = name.parse() {
                let _ = allow(&text, &dataset);
                let mixed = format!("---- Permissions on {name} {}\nLocal permissions:\n\tuser {text} send\n", "-".repeat(49 - name.len()));
                if let Ok(blocks) = allow(&mixed, &dataset) {
                    prop_assert_eq!(blocks.len(), 1);
                }
            }
            let _ = known(&text);
        }
    }
}
