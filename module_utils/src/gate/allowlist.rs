//! What the gate lets through: just what `zfs_replicate` says to a remote end, about datasets within the gate's own. Pure.

use super::command_line::split;
use crate::exec::scripts::Script;
use crate::model::marks::{PLACEHOLDER, REPLICA};
use crate::model::{ARRIVING, DatasetName, check_version_name};
use crate::plan::features::Feature;
use crate::zfs::properties;

/// Which end the gate guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The sending one.
    Send,
    /// The receiving one.
    Receive,
}

/// What a gate was told to guard.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which end.
    pub mode: Mode,
    /// What it may touch: these, and all below them.
    pub datasets: Vec<DatasetName>,
    /// The receiving end may lose snapshots and changes.
    pub allow_rollback: bool,
    /// Encrypted datasets leave the sending end only as raw streams.
    pub raw_only: bool,
}

/// A command that may run, if what remains to be looked at is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Its words.
    pub argv: Vec<String>,
    /// What is to be done with them, if not just to run them.
    pub script: Option<Script>,
    /// What remains to be looked at.
    pub condition: Condition,
}

/// What only a look at ZFS or at the stream can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// What a resume token sends must lie within the datasets (openzfs/zfs#14153).
    Token(String),
    /// The dataset must not be encrypted: the stream would be its plain text.
    Encryption(DatasetName),
    /// The stream must be plain, and fit onto its target.
    Receive(Receiving),
    /// This is a placeholder, which bears our mark itself and has no snapshot, and beside it, or beside one above it, is what is to take its place. Only then does it go.
    GivesWay(DatasetName),
    /// A placeholder whose guid is this: the mark may say so.
    Mark {
        /// The placeholder.
        place: DatasetName,
        /// What the mark says.
        guid: u64,
    },
}

/// What `zfs receive` was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiving {
    /// Where the stream goes.
    pub target: DatasetName,
    /// `-F`
    pub forced: bool,
    /// With `-F`: it may only take the place of an empty dataset that was made for it.
    pub over_placeholder: bool,
}

/// A placeholder holds no data, so it may be plain where the key of the one above it is not loaded.
const PLAIN: &str = "encryption=off";

/// With which flags a stream may be sent: raw, or what both pools can take. None of them brings more along than the snapshots. Where
/// the pools can take nothing, `--` stands before the name.
const SEND_FLAGS: [&str; 8] = ["-w", "-L", "-e", "-c", "-Le", "-Lc", "-ec", "-Lec"];

/// The longest resume token: they are a few hundred bytes long.
const MAX_TOKEN: usize = 16 * 1024;

/// Columns and properties that may be read.
const READABLE: [&str; 24] = [
    "name",
    "type",
    "guid",
    "createtxg",
    "creation",
    "encryption",
    "encryptionroot",
    "keystatus",
    "ivsetguid",
    "written",
    "used",
    "userrefs",
    "clones",
    "origin",
    "receive_resume_token",
    "readonly",
    "mounted",
    "canmount",
    "value",
    "recordsize",
    "volblocksize",
    "compression",
    PLACEHOLDER,
    REPLICA,
];

/// What a line asks for, or why it is refused.
pub fn permit(rules: &Rules, line: &str) -> Result<Permit, String> {
    let (script, argv) = split(line)?;
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let condition = match words[..] {
        _ if matches!(script, Some(Script::Bookmark | Script::RemoveBookmarks)) => rules.many(script, &words)?,
        // Who the gate runs as, and whether it can compress, so that a preflight can tell what is missing.
        ["id"] | ["zstd", "--version"] if script.is_none() => Condition::None,
        ["zfs", verb, ref rest @ ..] if fits(script, verb, rest) => rules.verb(verb, rest)?,
        ["zpool", "get", ref rest @ ..] if script.is_none() => rules.features(rest)?,
        _ => return Err(format!("the program {:?} is none that zfs_replicate runs here", words[0])),
    };
    Ok(Permit { argv, script, condition })
}

/// Only streams are compressed, each in its own way.
fn fits(script: Option<Script>, verb: &str, args: &[&str]) -> bool {
    match script {
        None => true,
        Some(Script::Bookmark | Script::RemoveBookmarks | Script::CompressInput) => false,
        Some(Script::Compress) => verb == "send" && !args.iter().any(|arg| arg.starts_with("-nvP")),
        Some(Script::Decompress) => verb == "receive" && args.first() != Some(&"-A"),
    }
}

impl Rules {
    /// Each of many small commands must be permitted by itself.
    fn many(&self, script: Option<Script>, words: &[&str]) -> Result<Condition, String> {
        if self.mode != Mode::Send {
            return Err("bookmarks are nothing for a receiving end".to_owned());
        }
        if script == Some(Script::Bookmark) {
            words.chunks(2).try_for_each(|pair| self.bookmark(pair).map(drop))?;
        } else {
            words.chunks(1).try_for_each(|one| self.destroy_bookmark(one).map(drop))?;
        }
        Ok(Condition::None)
    }

    fn verb(&self, verb: &str, args: &[&str]) -> Result<Condition, String> {
        match (self.mode, verb) {
            (_, "list") => self.list(args),
            (_, "get") => self.get(args),
            (_, "allow") => self.allow(args),
            (_, "hold" | "release") => self.hold(args),
            (_, "holds") => self.holds(args),
            (Mode::Send, "send") => self.send(args),
            (Mode::Send, "bookmark") => self.bookmark(args),
            (Mode::Send, "destroy") => self.destroy_bookmark(args),
            (Mode::Receive, "receive") => self.receive(args),
            (Mode::Receive, "create") => self.create(args),
            (Mode::Receive, "inherit") => self.inherit(args),
            (Mode::Receive, "set") => self.mark(args),
            (Mode::Receive, "destroy") if !args.iter().any(|name| name.contains('@')) => {
                self.destroy_placeholder(args).map_err(|reason| self.or_rollback(verb, reason))
            }
            (Mode::Receive, "rename") if args.iter().any(|name| name.contains(ARRIVING)) => {
                self.put_in_place(args).map_err(|reason| self.or_rollback(verb, reason))
            }
            (Mode::Receive, "rollback") if self.allow_rollback => self.rollback(args),
            (Mode::Receive, "destroy") if self.allow_rollback => self.destroy_snapshots(args),
            (Mode::Receive, "rename") if self.allow_rollback => self.rename(args),
            (Mode::Receive, "rollback" | "destroy" | "rename") => {
                Err(format!("`zfs {verb}` needs a gate with --allow-rollback"))
            }
            (Mode::Send, _) => Err(format!("`zfs {verb}` is nothing for a sending end")),
            (Mode::Receive, _) => Err(format!("`zfs {verb}` is nothing for a receiving end")),
        }
    }

    fn list(&self, args: &[&str]) -> Result<Condition, String> {
        let ["-Hp", "-t", types, "-o", columns, rest @ ..] = args else { return Err(form("list")) };
        readable(columns)?;
        let (deep, names) = match (*types, rest) {
            ("filesystem,volume", ["-r", names @ ..]) => (true, names),
            ("filesystem,volume", names) => (false, names),
            ("snapshot,bookmark" | "snapshot" | "bookmark", ["-r", names @ ..] | ["-d", "1", names @ ..]) => {
                (true, names)
            }
            _ => return Err(form("list")),
        };
        each(names, |name| {
            let dataset = dataset(name)?;
            // Where a target is missing, zfs_replicate looks which of its parents are there, and what stands beside it.
            let leads_to =
                |ours: &DatasetName| ours.below(&dataset).is_some() || dataset.place().as_ref() == Some(ours);
            if self.mode == Mode::Receive && !deep && self.datasets.iter().any(leads_to) {
                return Ok(());
            }
            self.within(&dataset)
        })
    }

    fn get(&self, args: &[&str]) -> Result<Condition, String> {
        if let ["-Hp", "-s", "local,received", "-o", "name,property,value", properties, names @ ..] = args {
            // What `send_properties` takes over.
            if *properties != properties::STORED.join(",") {
                return Err(form("get"));
            }
            return each(names, |name| self.within(&dataset(name)?));
        }
        let ["-Hp", "-o", "name,value", property, names @ ..] = args else { return Err(form("get")) };
        readable(property)?;
        each(names, |name| {
            // The target pool's guid tells bookmarks of several targets apart.
            let pool = self.mode == Mode::Receive
                && *property == "guid"
                && self.datasets.iter().any(|ours| ours.pool() == name);
            if pool { Ok(()) } else { self.within(&version(name)?.dataset) }
        })
    }

    /// Which streams the pools of its datasets can have and take: nothing else is told of a pool.
    fn features(&self, args: &[&str]) -> Result<Condition, String> {
        let ["-H", "-o", "name,property,value", properties, pools @ ..] = args else {
            return Err(form_of("zpool", "get"));
        };
        if *properties != Feature::properties() {
            return Err(form_of("zpool", "get"));
        }
        let is_ours = |pool: &str| self.datasets.iter().any(|ours| ours.pool() == pool);
        match pools.iter().find(|pool| !is_ours(pool)) {
            Some(pool) => Err(format!("{pool:?} is not the pool of one of its datasets")),
            None => each(pools, |_| Ok(())),
        }
    }

    fn allow(&self, args: &[&str]) -> Result<Condition, String> {
        let [name] = args else { return Err(form("allow")) };
        each(&[*name], |name| self.within(&dataset(name)?))
    }

    fn hold(&self, args: &[&str]) -> Result<Condition, String> {
        let [tag, names @ ..] = args else { return Err(form("hold")) };
        if !(tag.starts_with("ferro") && check_version_name(tag).is_ok()) {
            return Err(format!("the hold {tag:?} is none of zfs_replicate's"));
        }
        self.snapshots(names)
    }

    fn holds(&self, args: &[&str]) -> Result<Condition, String> {
        let ["-H", names @ ..] = args else { return Err(form("holds")) };
        self.snapshots(names)
    }

    fn send(&self, args: &[&str]) -> Result<Condition, String> {
        let is_estimate = args.first() == Some(&"-nvP");
        let args = match args {
            ["-t" | "-nvPt", token] | ["-nvP", "-t", token] => {
                let fits = (1..=MAX_TOKEN).contains(&token.len())
                    && token.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
                    && !token.starts_with('-');
                return if fits {
                    Ok(Condition::Token((*token).to_owned()))
                } else {
                    Err("it is no resume token".to_owned())
                };
            }
            ["-nvP", rest @ ..] => rest,
            all => all,
        };
        let is_raw = args.first() == Some(&"-w");
        let has_flags = args.first().is_some_and(|flags| SEND_FLAGS.contains(flags));
        let rest = if has_flags { &args[1..] } else { args };
        let rest = match rest {
            ["-i", from, rest @ ..] => of_same_dataset(from, "@#").map(|()| rest)?,
            ["-I", from, rest @ ..] => of_same_dataset(from, "@").map(|()| rest)?,
            rest => rest,
        };
        let name = match rest {
            [name] if has_flags => name,
            ["--", name] if !has_flags => name,
            _ => return Err(form("send")),
        };
        self.snapshots(&[*name])?;
        if self.raw_only && !is_raw && !is_estimate {
            return version(name).map(|version| Condition::Encryption(version.dataset));
        }
        Ok(Condition::None)
    }

    fn bookmark(&self, args: &[&str]) -> Result<Condition, String> {
        let [snapshot, bookmark] = args else { return Err(form("bookmark")) };
        let (from, to) = (version(snapshot)?, version(bookmark)?);
        if from.sign != Some('@') || from.dataset != to.dataset {
            return Err("a bookmark is made of a snapshot of the same dataset".to_owned());
        }
        self.own_bookmark(bookmark)
    }

    fn destroy_bookmark(&self, args: &[&str]) -> Result<Condition, String> {
        let [bookmark] = args else { return Err(form("destroy")) };
        self.own_bookmark(bookmark)
    }

    /// `DATASET#ferro_POOL_TARGET_GUID`: nothing else is made or destroyed on the sending end.
    fn own_bookmark(&self, name: &str) -> Result<Condition, String> {
        let parsed = version(name)?;
        let (_, bookmark) = name.split_once('#').ok_or_else(|| format!("{name:?} is not a bookmark"))?;
        let parts: Vec<&str> = bookmark.split('_').collect();
        let hex = |text: &str, length| text.len() == length && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        match parts[..] {
            ["ferro", pool, target, guid] if hex(pool, 16) && hex(target, 8) && hex(guid, 16) => {}
            _ => return Err(format!("the bookmark #{bookmark} is none of zfs_replicate's")),
        }
        self.within(&parsed.dataset).map(|()| Condition::None)
    }

    fn receive(&self, args: &[&str]) -> Result<Condition, String> {
        if let ["-A", name] = args {
            return each(&[*name], |name| self.within(&dataset(name)?));
        }
        let ["-u", rest @ ..] = args else { return Err(form("receive")) };
        let rest = if let ["-s", rest @ ..] = rest { rest } else { rest };
        let (forced, mut rest) = if let ["-F", rest @ ..] = rest { (true, rest) } else { (false, rest) };
        loop {
            rest = match rest {
                ["-o", setting, rest @ ..] => properties::check_setting(setting).map(|()| rest)?,
                ["-x", name, rest @ ..] => properties::check_name(name).map(|()| rest)?,
                [name] => {
                    let target = dataset(name)?;
                    self.within(&target)?;
                    let over_placeholder = forced && !self.allow_rollback;
                    return Ok(Condition::Receive(Receiving { target, forced, over_placeholder }));
                }
                _ => return Err(form("receive")),
            };
        }
    }

    fn create(&self, args: &[&str]) -> Result<Condition, String> {
        match args {
            ["-u", "-o", "canmount=off", "-o", mark, name]
            | ["-u", "-o", "canmount=off", "-o", mark, "-o", PLAIN, name]
                if *mark == format!("{PLACEHOLDER}={name}") =>
            {
                each(&[*name], |name| self.strictly_within(&dataset(name)?))
            }
            _ => Err("only parents without data are created here, unmounted and marked".to_owned()),
        }
    }

    /// The mark of a placeholder says whose it is by the guid, as soon as that is known.
    fn mark(&self, args: &[&str]) -> Result<Condition, String> {
        let [setting, name] = args else { return Err(form("set")) };
        let value = setting.strip_prefix(PLACEHOLDER).and_then(|rest| rest.strip_prefix('='));
        let guid = value.filter(|value| value.bytes().all(|b| b.is_ascii_digit())).and_then(|value| value.parse().ok());
        let guid = guid.ok_or("only the mark of a placeholder is set here")?;
        let place = dataset(name)?;
        self.strictly_within(&place)?;
        Ok(Condition::Mark { place, guid })
    }

    /// Why something about placeholders is refused: where nothing else of the kind is let through, that says more.
    fn or_rollback(&self, verb: &str, reason: String) -> String {
        if self.allow_rollback { reason } else { format!("`zfs {verb}` needs a gate with --allow-rollback") }
    }

    /// Of what a swap takes, the end: the placeholder, which is empty by then.
    fn destroy_placeholder(&self, args: &[&str]) -> Result<Condition, String> {
        let [name] = args else { return Err(form("destroy")) };
        let place = dataset(name)?;
        self.strictly_within(&place)?;
        Ok(Condition::GivesWay(place))
    }

    /// Of what a swap takes, the renames: from below a placeholder to below what stands beside it, or beside one above it; and
    /// what stands beside to the place.
    fn put_in_place(&self, args: &[&str]) -> Result<Condition, String> {
        let (["-u", from, to] | [from, to]) = args else { return Err(form("rename")) };
        let (from, to) = (dataset(from)?, dataset(to)?);
        self.strictly_within(&from)?;
        self.strictly_within(&to)?;
        if from.place().as_ref() == Some(&to) {
            return Ok(Condition::None);
        }
        let beside = |above: &DatasetName| {
            let arriving = above.arriving().ok()?;
            from.moved(above, &arriving)?.ok()
        };
        match from.parent() {
            Some(place) if from.ancestors().filter_map(|above| beside(&above)).any(|moved| moved == to) => {
                // Where replicas may be set aside, what is below them moves on alike.
                Ok(if self.allow_rollback { Condition::None } else { Condition::GivesWay(place) })
            }
            _ => Err(format!("{from} may only be renamed from below a placeholder to below what takes its place")),
        }
    }

    fn inherit(&self, args: &[&str]) -> Result<Condition, String> {
        let [property, name] = args else { return Err(form("inherit")) };
        if *property != PLACEHOLDER {
            return Err(format!("the property {property} is none of zfs_replicate's"));
        }
        each(&[*name], |name| self.within(&dataset(name)?))
    }

    fn rollback(&self, args: &[&str]) -> Result<Condition, String> {
        let [name] = args else { return Err(form("rollback")) };
        self.snapshots(&[*name])
    }

    fn destroy_snapshots(&self, args: &[&str]) -> Result<Condition, String> {
        let [name] = args else { return Err(form("destroy")) };
        let (dataset, names) = name.split_once('@').ok_or("only snapshots are destroyed here")?;
        let all: Vec<String> = names.split(',').map(|name| format!("{dataset}@{name}")).collect();
        self.snapshots(&all.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn snapshots(&self, names: &[&str]) -> Result<Condition, String> {
        each(names, |name| match version(name)? {
            Version { dataset, sign: Some('@') } => self.within(&dataset),
            _ => Err(format!("{name:?} is not a snapshot")),
        })
    }

    /// What has diverged is set aside under a name of its own beside it.
    fn rename(&self, args: &[&str]) -> Result<Condition, String> {
        let (["-u", from, to] | [from, to]) = args else { return Err(form("rename")) };
        let (from, to) = (dataset(from)?, dataset(to)?);
        self.strictly_within(&from)?;
        match to.as_str().strip_prefix(from.as_str()).and_then(|rest| rest.strip_prefix("_diverged_")) {
            Some(time) if !time.is_empty() && !time.contains('/') => Ok(Condition::None),
            _ => Err(format!("{from} may only be renamed to {from}_diverged_TIME")),
        }
    }

    /// Whether a dataset is one of the gate's, or lies below one: by whole components, so `tank/database` is not in `tank/data`.
    pub fn within(&self, name: &DatasetName) -> Result<(), String> {
        if self.datasets.iter().any(|ours| name.below(ours).is_some()) {
            Ok(())
        } else {
            Err(format!("{name} is not within its datasets"))
        }
    }

    fn strictly_within(&self, name: &DatasetName) -> Result<(), String> {
        if self.is_own(name) {
            Err(format!("{name} is the gate's own dataset, not below it"))
        } else {
            self.within(name)
        }
    }

    /// Whether a dataset is one of those that the gate was given.
    #[must_use]
    pub fn is_own(&self, name: &DatasetName) -> bool {
        self.datasets.contains(name)
    }
}

fn each(names: &[&str], check: impl Fn(&str) -> Result<(), String>) -> Result<Condition, String> {
    if names.is_empty() {
        return Err("it names no dataset".to_owned());
    }
    names.iter().try_for_each(|name| check(name)).map(|()| Condition::None)
}

fn form(verb: &str) -> String {
    form_of("zfs", verb)
}

fn form_of(program: &str, verb: &str) -> String {
    format!("`{program} {verb}` with these options is nothing that zfs_replicate says")
}

fn readable(columns: &str) -> Result<(), String> {
    match columns.split(',').find(|column| !READABLE.contains(column)) {
        Some(column) => Err(format!("the column or property {column:?} may not be read")),
        None => Ok(()),
    }
}

fn dataset(name: &str) -> Result<DatasetName, String> {
    name.parse::<DatasetName>().map_err(|error| error.to_string())
}

struct Version {
    dataset: DatasetName,
    sign: Option<char>,
}

/// A dataset, snapshot or bookmark.
fn version(name: &str) -> Result<Version, String> {
    let Some((path, rest)) = name.split_once(['@', '#']) else {
        return Ok(Version { dataset: dataset(name)?, sign: None });
    };
    check_version_name(rest).map_err(|error| error.to_string())?;
    if name.len() > crate::model::MAX_NAME {
        return Err("a name is longer than 255 bytes".to_owned());
    }
    Ok(Version { dataset: dataset(path)?, sign: name[path.len()..].chars().next() })
}

/// The start of an incremental stream: only the sign and the name, so it cannot be of another dataset.
fn of_same_dataset(from: &str, signs: &str) -> Result<(), String> {
    match from.strip_prefix(|sign| signs.contains(sign)) {
        Some(name) => check_version_name(name).map_err(|error| error.to_string()),
        None => Err(format!("an incremental stream does not start from {from:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, DatasetName, Feature, Mode, Receiving, Rules, Script, permit, split};
    use crate::exec::cmd::{Cmd, login_shell_prefix};
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

    const ATTACKS: &str = include_str!("../../../tests/it/fixtures/attacks.txt");

    fn rules(mode: Mode, allow_rollback: bool) -> Rules {
        Rules { mode, datasets: vec!["tank/data".parse().unwrap()], allow_rollback, raw_only: false }
    }

    fn ask(rules: &Rules, words: &str) -> Result<Condition, String> {
        permit(rules, &format!("{}{words}", login_shell_prefix())).map(|permit| permit.condition)
    }

    /// The notation of the file: see its head.
    fn attack(line: &str) -> String {
        let mut text = line.replace("{P}", &login_shell_prefix());
        for (sign, meant) in [
            ("\\\\", "\u{1}"),
            ("\\n", "\n"),
            ("\\r", "\r"),
            ("\\t", "\t"),
            ("\\0", "\0"),
            ("\\e", "\u{1b}"),
            ("\u{1}", "\\"),
        ] {
            text = text.replace(sign, meant);
        }
        while let Some((before, rest)) = text.split_once("\\u{") {
            let (code, after) = rest.split_once('}').unwrap();
            let meant = char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
            text = format!("{before}{meant}{after}");
        }
        if let Some((star, _)) =
            text.match_indices('*').find(|(at, _)| at.checked_sub(2).is_some_and(|open| text[open..].starts_with('{')))
        {
            let close = star + text[star..].find('}').unwrap();
            let times = text[star + 1..close].parse().unwrap();
            text = format!("{}{}{}", &text[..star - 2], text[star - 1..star].repeat(times), &text[close + 1..]);
        }
        text
    }

    #[test]
    fn every_attack_is_refused_in_both_modes() {
        let lines: Vec<&str> = ATTACKS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert!(lines.len() > 200);
        for line in lines {
            let attack = attack(line);
            for mode in [Mode::Send, Mode::Receive] {
                assert!(permit(&rules(mode, false), &attack).is_err(), "{mode:?}: {line}");
            }
        }
        // Those about options and paths are refused for what they say, not for how they are quoted.
        let (_, about_words) = ATTACKS.split_once("# Options that").unwrap();
        let (about_words, _) = about_words.split_once("# Scripts that").unwrap();
        let misquoted =
            about_words.lines().filter(|line| line.starts_with("{P}")).filter(|line| split(&attack(line)).is_err());
        assert_eq!(misquoted.collect::<Vec<_>>(), ["{P}zfs send -t '1-abc;id'"]);
        assert_eq!(attack("a\\n\\u{430}{x*3}\\\\n"), "a\n\u{430}xxx\\n");
    }

    #[test]
    fn what_zfs_replicate_says_is_let_through() {
        let bookmark = "tank/data#ferro_0123456789abcdef_01234567_0123456789abcdef";
        let send = rules(Mode::Send, false);
        for words in [
            "id",
            "zfs list -Hp -t filesystem,volume -o name,type,encryption,written,receive_resume_token,ferro.zfs:placeholder,ferro.zfs:replica -r tank/data",
            "zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg -d 1 tank/data 'tank/data/my child'",
            "zfs get -Hp -o name,value ivsetguid tank/data@s1 'tank/data#b'",
            "zfs allow tank/data/child",
            "zfs send -Lc tank/data@s1",
            "zfs send -nvP -w -i @s1 tank/data/child@s2",
            "zfs send -Lc -i '#ferro_x' tank/data@s2",
            "zfs send -Lc -I @s1 'tank/data@s 2'",
            &format!("zfs bookmark tank/data@s1 '{bookmark}'"),
            &format!("zfs destroy '{bookmark}'"),
            "zfs hold ferro_x tank/data@s1",
            "zfs release ferro_x tank/data@s1",
            "zfs holds -H tank/data@s1 'tank/data/my child@s2'",
            "zstd --version",
            &Script::Compress.of(["zfs", "send", "-Lc", "tank/data@s1"]).to_string(),
            &Script::Bookmark.of(["tank/data@s1", bookmark, "tank/data@s2", bookmark]).to_string(),
            &Script::RemoveBookmarks.of([bookmark]).to_string(),
        ] {
            assert_eq!(ask(&send, words), Ok(Condition::None), "{words}");
        }
        assert_eq!(ask(&send, "zfs send -nvPt 1-abc-10"), Ok(Condition::Token("1-abc-10".to_owned())));
        assert_eq!(ask(&send, "zfs send -t 1-abc-10"), Ok(Condition::Token("1-abc-10".to_owned())));
        assert!(ask(&send, "zfs receive -u tank/data/x").is_err());

        let receive = rules(Mode::Receive, false);
        for words in [
            "zfs list -Hp -t filesystem,volume -o name tank tank/data tank/data/x",
            "zfs get -Hp -o name,value guid tank",
            "zfs create -u -o 'canmount=off' -o 'ferro.zfs:placeholder=tank/data/x' tank/data/x",
            "zfs receive -A tank/data/x",
            "zfs create -u -o 'canmount=off' -o 'ferro.zfs:placeholder=tank/data/x' -o 'encryption=off' tank/data/x",
            "zfs inherit ferro.zfs:placeholder tank/data/x",
            "zfs rename -u tank/data/x_ferro_arriving tank/data/x",
            "zfs rename tank/data/x_ferro_arriving tank/data/x",
            "zfs list -Hp -t filesystem,volume -o name tank/data_ferro_arriving",
        ] {
            assert_eq!(ask(&receive, words), Ok(Condition::None), "{words}");
        }
        let name = |text: &str| text.parse::<DatasetName>().unwrap();
        for (words, place) in [
            ("zfs destroy tank/data/x", "tank/data/x"),
            ("zfs rename -u tank/data/x/a tank/data/x_ferro_arriving/a", "tank/data/x"),
            ("zfs rename -u tank/data/x/a/b tank/data/x_ferro_arriving/a/b", "tank/data/x/a"),
        ] {
            assert_eq!(ask(&receive, words), Ok(Condition::GivesWay(name(place))), "{words}");
        }
        let mark = Condition::Mark { place: name("tank/data/x"), guid: 7 };
        assert_eq!(ask(&receive, "zfs set 'ferro.zfs:placeholder=7' tank/data/x"), Ok(mark));
        for words in [
            "zfs set 'ferro.zfs:placeholder=x' tank/data/x",
            "zfs set 'ferro.zfs:placeholder=7' tank/data",
            "zfs set 'readonly=off' tank/data/x",
            "zfs destroy tank/data",
            "zfs destroy -r tank/data/x",
            "zfs destroy tank/data/x tank/data/y",
            "zfs destroy 'tank/data/x#b'",
            "zfs destroy tank/other",
            "zfs rename -u tank/data/x tank/data/x_ferro_arriving",
            "zfs rename -u tank/data_ferro_arriving tank/data",
            "zfs rename -u tank/data/a tank/data_ferro_arriving/a",
            "zfs rename -u tank/data/x/a tank/data/x_ferro_arriving/b",
            "zfs rename -u tank/data/x/a tank/data/y_ferro_arriving/a",
            "zfs rename -u tank/data/x_ferro_arriving tank/data/y",
            "zfs rename -u tank/data/x_ferro_arriving/a tank/data/x/a",
            "zfs rename -f tank/data/x_ferro_arriving tank/data/x",
            "zfs list -Hp -t filesystem,volume -o name -r tank/data_ferro_arriving",
        ] {
            assert!(ask(&receive, words).is_err(), "{words}");
        }
        let stream = |forced| {
            Condition::Receive(Receiving { target: "tank/data/x".parse().unwrap(), forced, over_placeholder: forced })
        };
        let options = "-o 'canmount=off' -o 'readonly=on' -x mountpoint tank/data/x";
        assert_eq!(ask(&receive, &format!("zfs receive -u -s {options}")), Ok(stream(false)));
        assert_eq!(ask(&receive, &format!("zfs receive -u -s -F {options}")), Ok(stream(true)));
        assert!(ask(&receive, "zfs send -Lc tank/data@s1").is_err());
    }

    #[test]
    fn streams_are_sent_with_what_both_pools_can_take() {
        let (send, receive) = (rules(Mode::Send, false), rules(Mode::Receive, false));
        let features = format!("zpool get -H -o name,property,value {} tank", Feature::properties());
        for words in [
            "zfs send -- tank/data@s1",
            "zfs send -i '#ferro_x' -- tank/data@s2",
            "zfs send -L tank/data@s1",
            "zfs send -c -I @s1 tank/data@s2",
            "zfs send -e -i @s1 tank/data@s2",
            "zfs send -Le tank/data@s1",
            "zfs send -ec tank/data@s1",
            "zfs send -nvP -Lec tank/data@s1",
            "zfs send -nvP -i @s1 -- tank/data@s2",
            "zfs list -Hp -t filesystem,volume -o name,recordsize,volblocksize,compression tank/data",
            &features,
        ] {
            assert_eq!(ask(&send, words), Ok(Condition::None), "{words}");
        }
        assert_eq!(ask(&receive, &features), Ok(Condition::None));
        let raw_only = Rules { raw_only: true, ..send.clone() };
        for words in ["zfs send -- tank/data@s1", "zfs send -L tank/data@s1", "zfs send -Lec -i @s1 tank/data@s2"] {
            assert!(matches!(ask(&raw_only, words), Ok(Condition::Encryption(_))), "{words}");
        }
        for words in [
            "zfs send tank/data@s1",
            "zfs send -i @s1 tank/data@s2",
            "zfs send -- -i @s1 tank/data@s2",
            "zfs send -Lc -- tank/data@s1",
            "zfs send -- -R tank/data@s1",
            "zfs send -Lcw tank/data@s1",
            "zfs send -cL tank/data@s1",
            "zfs send -L -c tank/data@s1",
            "zfs send -p tank/data@s1",
            "zfs send -R tank/data@s1",
            "zfs send --large-block tank/data@s1",
            "zfs send -Lc -w tank/data@s1",
            "zfs send",
            "zfs send -L",
            &format!("zpool get -H -o name,property,value {}", Feature::properties()),
            &format!("zpool get -H -o name,property,value {} tank other", Feature::properties()),
            &format!("zpool get -H -o name,property,value {} tank/data", Feature::properties()),
            &format!("zpool get -Hp -o name,property,value {} tank", Feature::properties()),
            "zpool get -H -o name,property,value guid tank",
            "zpool get -H -o name,property,value all tank",
            "zpool get all tank",
            "zpool set feature@large_blocks=enabled tank",
        ] {
            assert!(ask(&send, words).is_err(), "{words}");
        }
    }

    #[test]
    fn rollback_is_for_gates_that_allow_it() {
        let words = [
            "zfs rollback tank/data/x@s1",
            "zfs destroy tank/data/x@s1,s2",
            "zfs rename -u tank/data/x tank/data/x_diverged_2026-11-21",
        ];
        for words in words {
            assert!(
                ask(&rules(Mode::Receive, false), words).unwrap_err().ends_with("needs a gate with --allow-rollback")
            );
            assert_eq!(ask(&rules(Mode::Receive, true), words), Ok(Condition::None), "{words}");
        }
        let forced = ask(&rules(Mode::Receive, true), "zfs receive -u -F tank/data/x");
        assert!(matches!(forced, Ok(Condition::Receive(Receiving { over_placeholder: false, .. }))));
        for words in [
            "zfs destroy tank/data",
            "zfs destroy -r tank/data/x@s1",
            "zfs destroy tank/other@s1",
            "zfs rollback tank/other@s1",
            "zfs rename -u tank/data tank/data_diverged_1",
            "zfs rename -u tank/data/x tank/data/y",
            "zfs rename -u tank/data/x tank/data/x_diverged_a/b",
        ] {
            assert!(ask(&rules(Mode::Receive, true), words).is_err(), "{words}");
        }
    }

    /// Words that are likely to come near to something allowed.
    fn word() -> impl Strategy<Value = String> {
        let near = [
            "zfs",
            "id",
            "list",
            "get",
            "send",
            "receive",
            "destroy",
            "hold",
            "bookmark",
            "create",
            "-Hp",
            "-t",
            "-o",
            "-r",
            "-u",
            "-s",
            "-F",
            "-A",
            "-x",
            "-w",
            "-Lc",
            "-i",
            "-I",
            "name",
            "guid",
            "name,value",
            "filesystem,volume",
            "@s1",
            "#b",
            "tank/data",
            "tank/data/x",
            "tank/data@s1",
            "tank/database",
            "tank/other@s1",
            "tank",
            "readonly=on",
            "ferro_x",
            "1-abc",
        ];
        prop_oneof![8 => prop::sample::select(near.to_vec()).prop_map(str::to_owned), 1 => any::<String>(), 1 => Just("tank/data/../x".to_owned())]
    }

    proptest! {
        #[test]
        fn nothing_outside_is_ever_named(words in prop::collection::vec(word(), 1..9), mode in prop::bool::ANY, rollback in prop::bool::ANY) {
            let mode = if mode { Mode::Send } else { Mode::Receive };
            let line = Cmd::new("zfs").args(&words).for_login_shell();
            if let Ok(permit) = permit(&rules(mode, rollback && mode == Mode::Receive), &line) {
                // What is run is what was said, word by word.
                prop_assert_eq!(Cmd::of(&permit.argv).unwrap().for_login_shell(), line);
                for word in &permit.argv {
                    prop_assert!(!word.contains("other") && !word.contains("database") && !word.contains(".."), "{word}");
                    prop_assert!(word != "tank" || mode == Mode::Receive);
                }
                prop_assert!(!permit.argv.contains(&"destroy".to_owned()) || rollback, "{:?}", permit.argv);
            }
        }

        #[test]
        fn no_line_makes_it_panic(line in any::<String>(), rest in any::<String>()) {
            for mode in [Mode::Send, Mode::Receive] {
                prop_assert!(permit(&rules(mode, false), &line).is_err());
                let _ = permit(&rules(mode, true), &format!("{}{rest}", login_shell_prefix()));
            }
        }
    }
}
