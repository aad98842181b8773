//! What the sending end may be told: to send, and to make and destroy the bookmarks of `zfs_replicate`. Pure.

use super::names::{form, of_origin, of_same_dataset, version};
use super::rules::{Condition, Rules};
use crate::gate::denied::Denied;
use crate::model::bookmark_name::BookmarkName;

/// With which flags a stream may be sent: raw, or what both pools can take. None of them brings more along than the snapshots. Where
/// the pools can take nothing, `--` stands before the name.
const SEND_FLAGS: [&str; 8] = ["-w", "-L", "-e", "-c", "-Le", "-Lc", "-ec", "-Lec"];

/// The longest resume token: they are a few hundred bytes long.
const MAX_TOKEN: usize = 16 * 1024;

impl Rules {
    pub(super) fn send(&self, args: &[&str]) -> Result<Condition, Denied> {
        let is_estimate = args.first() == Some(&"-nvP");
        let args = match args {
            ["-t" | "-nvPt", token] | ["-nvP", "-t", token] => {
                let fits = (1..=MAX_TOKEN).contains(&token.len())
                    && token.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
                    && !token.starts_with('-');
                return if fits {
                    Ok(Condition::Token((*token).to_owned()))
                } else {
                    Err("it is no resume token".into())
                };
            }
            ["-nvP", rest @ ..] => rest,
            all => all,
        };
        let is_raw = args.first() == Some(&"-w");
        let has_flags = args.first().is_some_and(|flags| SEND_FLAGS.contains(flags));
        let rest = if has_flags { &args[1..] } else { args };
        let rest = match rest {
            ["-i", from, rest @ ..] if !from.starts_with(['@', '#']) => {
                self.within(&of_origin(from, "@#")?).map(|()| rest)?
            }
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

    pub(super) fn bookmark(&self, args: &[&str]) -> Result<Condition, Denied> {
        let [snapshot, bookmark] = args else { return Err(form("bookmark")) };
        let (from, to) = (version(snapshot)?, version(bookmark)?);
        // After a rename of the replica, an older one gets the name that belongs to the new place.
        let of_snapshot = |name: &str| name.split_once('#')?.1.parse::<BookmarkName>().ok().map(|name| name.snapshot);
        let is_renamed = || of_snapshot(snapshot).is_some() && of_snapshot(snapshot) == of_snapshot(bookmark);
        if !(from.sign == Some('@') || is_renamed()) || from.dataset != to.dataset {
            return Err("a bookmark is made of a snapshot of the same dataset".into());
        }
        self.own_bookmark(bookmark)
    }

    pub(super) fn destroy_bookmark(&self, args: &[&str]) -> Result<Condition, Denied> {
        let [bookmark] = args else { return Err(form("destroy")) };
        self.own_bookmark(bookmark)
    }

    /// `DATASET#ferro_POOL_TARGET_GUID`: nothing else is made or destroyed on the sending end.
    pub(super) fn own_bookmark(&self, name: &str) -> Result<Condition, Denied> {
        let parsed = version(name)?;
        let (_, bookmark) = name.split_once('#').ok_or_else(|| format!("{name:?} is not a bookmark"))?;
        if bookmark.parse::<BookmarkName>().is_err() {
            return Err(format!("the bookmark #{bookmark} is none of zfs_replicate's").into());
        }
        self.within(&parsed.dataset).map(|()| Condition::None)
    }
}
