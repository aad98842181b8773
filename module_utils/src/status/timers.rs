//! What systemd says of the timers of jobs. Pure.

use super::model::At;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::HashMap;

/// The properties that [`read`] reads.
pub const PROPERTIES: &str = "Id,LoadState,ActiveState,NextElapseUSecRealtime,LastTriggerUSec,RandomizedDelayUSec";

/// A timer and the service that it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timer {
    /// There is a unit of that name.
    pub exists: bool,
    /// It will start its service again.
    pub active: bool,
    /// When.
    pub next: Option<At>,
    /// When it last did.
    pub last: Option<At>,
    /// Seconds by which it may be late.
    pub delay: u64,
    /// Its service runs.
    pub running: bool,
}

impl Timer {
    /// Seconds between two runs; none where that is not known yet.
    #[must_use]
    pub fn distance(&self) -> Option<u64> {
        u64::try_from(self.next?.0.checked_sub(self.last?.0)?).ok().filter(|seconds| *seconds > 0)
    }
}

/// Timers by unit, without `.timer`.
pub type Timers = HashMap<String, Timer>;

/// Reads `systemctl show --timestamp=utc --property=PROPERTIES X.timer X.service ...`: a block for each.
#[must_use]
pub fn read(stdout: &str) -> Timers {
    let mut timers = Timers::new();
    for block in stdout.split("\n\n") {
        let of: HashMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
        let value = |key: &str| of.get(key).copied().unwrap_or_default();
        let (id, exists) = (value("Id"), value("LoadState") == "loaded");
        if let Some(name) = id.strip_suffix(".timer") {
            let timer = timers.entry(name.to_owned()).or_default();
            timer.exists = exists;
            timer.active = value("ActiveState") == "active";
            timer.next = moment(value("NextElapseUSecRealtime"));
            timer.last = moment(value("LastTriggerUSec"));
            timer.delay = seconds(value("RandomizedDelayUSec"));
        } else if let Some(name) = id.strip_suffix(".service") {
            timers.entry(name.to_owned()).or_default().running = value("ActiveState") == "activating";
        }
    }
    timers
}

/// `Thu 2026-11-26 13:30:00 UTC`; nothing for what never was or will be.
fn moment(text: &str) -> Option<At> {
    let words: Vec<&str> = text.split(' ').collect();
    let [_, date, time, "UTC"] = words[..] else { return None };
    let local: DateTime = format!("{date}T{time}").parse().ok()?;
    TimeZone::UTC.to_timestamp(local).ok().map(At::from)
}

/// `1h 5min 3s`, as systemd says spans.
fn seconds(text: &str) -> u64 {
    let part = |word: &str| {
        let split = word.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = word[..split].parse::<f64>().ok()?;
        let unit = match &word[split..] {
            "w" => 604_800.0,
            "d" => 86_400.0,
            "h" => 3_600.0,
            "min" => 60.0,
            "s" => 1.0,
            _ => 0.0,
        };
        Some(number * unit)
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of what is not negative")]
    let sum = text.split(' ').filter_map(part).sum::<f64>() as u64;
    sum
}

#[cfg(test)]
mod tests {
    use super::{Timer, read, seconds};
    use crate::status::model::At;

    const SHOWN: &str = "Id=ferro-zfs-snapshot.timer
LoadState=loaded
ActiveState=active
NextElapseUSecRealtime=Thu 2026-11-26 13:30:00 UTC
LastTriggerUSec=Thu 2026-11-26 13:15:00 UTC
RandomizedDelayUSec=1min 30s

Id=ferro-zfs-snapshot.service
LoadState=loaded
ActiveState=activating

Id=ferro-zfs-pull@nas.timer
LoadState=not-found
ActiveState=inactive
NextElapseUSecRealtime=
LastTriggerUSec=n/a
RandomizedDelayUSec=0
";

    #[test]
    fn timers_are_read() {
        let timers = read(SHOWN);
        let snapshot = timers["ferro-zfs-snapshot"];
        assert_eq!(
            snapshot,
            Timer {
                exists: true,
                active: true,
                next: Some(At(1_795_699_800)),
                last: Some(At(1_795_698_900)),
                delay: 90,
                running: true,
            }
        );
        assert_eq!(snapshot.distance(), Some(900));
        assert_eq!(timers["ferro-zfs-pull@nas"], Timer::default());
        assert_eq!(seconds("1h 5min"), 3_900);
    }
}
