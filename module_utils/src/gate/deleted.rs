//! Whether a replica may be removed because its source is gone: the gate goes by its own clock, and by what ZFS tells it.

use super::child::ask;
use super::denied::{Denial, Denied};
use crate::exec::clock;
use crate::model::DatasetName;
use crate::model::absence::Absence;
use crate::model::marks::{MISSING, PLACEHOLDER};
use crate::zfs::{parse, versions};
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// By how much the other end's clock may differ.
const SKEW: Duration = Duration::from_hours(1);

/// One dataset at or below what is to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    name: String,
    guid: u64,
    /// The guid of its newest snapshot.
    newest: Option<u64>,
    /// The mark on it itself.
    missing: Option<Absence>,
    /// It bears the mark of a placeholder itself.
    placeholder: bool,
}

/// Whether a mark says what is so: of this dataset, and of now. Who could set an old one could have anything removed at once.
pub(super) fn check_mark(place: &DatasetName, absence: &Absence) -> Result<(), Denied> {
    let [found, ..] = &look(place)?[..] else { return Err(vanished(place)) };
    mark_fits(found, absence, clock::now())
}

/// Whether a dataset, and all below it, has been marked for long enough.
pub(super) fn check_deleted(place: &DatasetName, after: Duration) -> Result<(), Denied> {
    let all = look(place)?;
    if all.is_empty() {
        return Err(vanished(place));
    }
    all.iter().try_for_each(|found| may_go(found, after, clock::now()))
}

fn mark_fits(found: &Found, absence: &Absence, now: Timestamp) -> Result<(), Denied> {
    if absence.dataset != found.guid {
        let message =
            format!("the guid of {} is {}, so its mark cannot be of {}", found.name, found.guid, absence.dataset);
        return Err(Denial::NotDeleted.because(message));
    }
    if now.duration_since(absence.since).unsigned_abs() > SKEW {
        let message =
            format!("the mark says {}, but it is {now} here: the clocks of both ends must agree", absence.since);
        return Err(Denial::NotDeleted.because(message));
    }
    Ok(())
}

fn may_go(found: &Found, after: Duration, now: Timestamp) -> Result<(), Denied> {
    if found.placeholder && found.newest.is_none() {
        return Ok(());
    }
    let is_its_own =
        |absence: &Absence| absence.dataset == found.guid && found.newest.is_none_or(|newest| newest == absence.newest);
    let age = |absence: &Absence| Duration::try_from(now.duration_since(absence.since)).ok();
    let is_old = |absence: &Absence| age(absence).is_some_and(|age| age >= after);
    let absence = found.missing.filter(is_its_own);
    let (name, days) = (&found.name, after.as_secs() / 86_400);
    match absence {
        Some(absence) if is_old(&absence) => Ok(()),
        Some(Absence { since, .. }) => Err(Denial::NotDeleted.because(format!(
            "the source of {name} is missing since {since}, and this gate lets go only what has been without for {days} days (--allow-delete)"
        ))),
        None => Err(Denial::NotDeleted.because(format!("{name} is not marked as without a source ({MISSING})"))),
    }
}

fn vanished(place: &DatasetName) -> Denied {
    Denial::CannotTell.because(format!("{place} cannot be looked at"))
}

/// All that is there, the place itself first.
fn look(place: &DatasetName) -> Result<Vec<Found>, Denied> {
    let (name, marks) = (place.as_str(), format!("{MISSING},{PLACEHOLDER}"));
    let listed = ask(&["list", "-Hp", "-r", "-t", "filesystem,volume", "-o", "name,guid", name])?;
    let versions = ask(&["list", "-Hp", "-r", "-t", "snapshot", "-o", versions::COLUMNS, name])?;
    let set = ["get", "-Hp", "-r", "-t", "filesystem,volume", "-s", "local", "-o", "name,property,value"];
    let set = ask(&[&set[..], &[&marks, name]].concat())?;
    if !(listed.status.success() && versions.status.success() && set.status.success()) {
        return Err(vanished(place));
    }
    found(&listed.stdout, &versions.stdout, &set.stdout).map_err(|error| Denial::CannotTell.because(error))
}

fn found(listed: &str, versions: &str, set: &str) -> Result<Vec<Found>, String> {
    let versions = versions::read(versions).map_err(|error| error.to_string())?;
    let set = parse::settings(set).map_err(|error| error.to_string())?;
    let guids: HashMap<String, Option<u64>> = parse::numbers(listed).map_err(|error| error.to_string())?;
    let one = |line: &str| {
        let name = line.split('\t').next().unwrap_or_default();
        let dataset: DatasetName = name.parse().map_err(|error| format!("{error}"))?;
        let settings = set.get(&dataset).cloned().unwrap_or_default();
        let value =
            |wanted: &str| settings.iter().find(|(property, _)| property == wanted).map(|(_, value)| value.as_str());
        Ok(Found {
            guid: guids.get(name).copied().flatten().ok_or_else(|| format!("{name} has no guid"))?,
            newest: versions.get(&dataset).and_then(|all| all.last()).map(|version| version.guid),
            missing: value(MISSING).and_then(|value| value.parse().ok()),
            placeholder: value(PLACEHOLDER).is_some(),
            name: name.to_owned(),
        })
    };
    listed.lines().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::{Found, found, mark_fits, may_go};
    use crate::model::absence::Absence;
    use jiff::Timestamp;
    use std::time::Duration;

    const NOW: i64 = 1_781_518_830;
    const DAY: i64 = 86_400;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(NOW - days * DAY).unwrap()
    }

    fn replica(days: i64, dataset: u64, newest: u64) -> Found {
        let missing = Some(Absence { since: at(days), dataset, newest });
        Found { name: "v/a".to_owned(), guid: 7, newest: Some(9), missing, placeholder: false }
    }

    #[test]
    fn only_what_bears_its_own_old_mark_goes() {
        let goes = |found: &Found| may_go(found, Duration::from_hours(30 * 24), at(0)).is_ok();
        assert!(goes(&replica(30, 7, 9)));
        // Its snapshots are gone already.
        assert!(goes(&Found { newest: None, ..replica(30, 7, 9) }));
        // Too young, of the future, inherited, before more arrived, unmarked.
        for kept in [replica(29, 7, 9), replica(-40, 7, 9), replica(40, 8, 9), replica(40, 7, 8)] {
            assert!(!goes(&kept), "{kept:?}");
        }
        let bare = Found { missing: None, ..replica(0, 7, 9) };
        assert!(!goes(&bare) && !goes(&Found { newest: None, ..bare.clone() }));
        // A placeholder has nothing to lose, unless it has a snapshot.
        let placeholder = Found { placeholder: true, ..bare };
        assert!(!goes(&placeholder) && goes(&Found { newest: None, ..placeholder }));
    }

    #[test]
    fn a_mark_is_of_the_dataset_and_of_now() {
        let fits = |days: i64, guid| {
            mark_fits(&replica(0, 7, 9), &Absence { since: at(days), dataset: guid, newest: 1 }, at(0))
        };
        assert!(fits(0, 7).is_ok());
        assert_eq!(
            fits(0, 8).unwrap_err().to_string(),
            "the guid of v/a is 7, so its mark cannot be of 8 [not_deleted_long_enough]"
        );
        assert!(fits(40, 7).unwrap_err().to_string().contains("the clocks of both ends must agree"));
        assert!(fits(-1, 7).is_err());
    }

    #[test]
    fn what_zfs_tells_is_read() {
        let set = "v/a\tferro.zfs:missing\t2026-06-15T10:20:30Z/7/9\nv/a/p\tferro.zfs:placeholder\t8\nv/a/x\tferro.zfs:missing\tnonsense\n";
        let all = found("v/a\t7\nv/a/p\t8\nv/a/x\t6\n", "v/a@2\t9\t12\nv/a@1\t5\t11\n", set).unwrap();
        assert_eq!(all[0], replica(0, 7, 9));
        assert!(all[1].placeholder && all[1].newest.is_none() && all[2].missing.is_none());
        assert!(found("v/a\t-\n", "", "").is_err());
    }
}
