//! `TZ=UTC0 zpool status -p POOL`, as OpenZFS before 2.3 has it.
//!
//! Source: `status_callback` and `print_scan_scrub_resilver_status` in OpenZFS, cmd/zpool/zpool_main.c.

use super::json::one_line;
use crate::model::units::ByteSize;
use crate::status::model::{At, PoolStatus, Scan, ScanFunction, ScanState, Vdev};
use crate::zfs::parse::{Unexpected, unexpected};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Headings of the groups of vdevs that do not hold the data.
const CLASSES: [(&str, &str); 5] =
    [("special", "special"), ("dedup", "dedup"), ("logs", "log"), ("cache", "cache"), ("spares", "spare")];

/// Reads it.
pub fn read(stdout: &str, pool: &str) -> Result<PoolStatus, Unexpected> {
    let wrong = |expected, line: &str| unexpected("zpool status", expected, line);
    let sections = sections(stdout);
    let section = |key: &str| sections.iter().find(|(name, _)| *name == key).map(|(_, lines)| lines.as_slice());
    let joined = |key: &str| section(key).map(|lines| one_line(&lines.join(" ")));
    if joined("pool").as_deref() != Some(pool) {
        return Err(wrong("the pool", stdout));
    }
    let config = section("config").ok_or_else(|| wrong("config", stdout))?;
    let scan = match section("scan") {
        Some(lines) => scan(lines).map_err(|line| wrong("a scan", line))?,
        None => None,
    };
    let data_errors = match joined("errors") {
        Some(said) => data_errors(&said).map_err(|()| wrong("a number of errors", &said))?,
        None => None,
    };
    Ok(PoolStatus {
        message: joined("status"),
        action: joined("action"),
        scan,
        data_errors,
        vdevs: vdevs(config, pool).map_err(|line| wrong("NAME, STATE, READ, WRITE and CKSUM", line))?,
    })
}

/// Parts the output at `  key: `, which is right-aligned; what follows indented belongs to it.
fn sections(stdout: &str) -> Vec<(&str, Vec<&str>)> {
    const KEYS: [&str; 11] =
        ["pool", "state", "status", "action", "see", "scan", "remove", "checkpoint", "expand", "config", "errors"];
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in stdout.lines() {
        let key = line.split_once(':').map(|(key, rest)| (key.trim_start_matches(' '), rest));
        match key {
            Some((key, rest)) if KEYS.contains(&key) => all.push((key, vec![rest.trim()])),
            _ => all.last_mut().into_iter().for_each(|(_, lines)| lines.push(line)),
        }
    }
    all
}

/// None where ZFS could not say it; an error where it is not understood.
fn data_errors(said: &str) -> Result<Option<u64>, ()> {
    if said == "No known data errors" {
        return Ok(Some(0));
    }
    if said.starts_with("List of errors unavailable") {
        return Ok(None);
    }
    let (number, rest) = said.split_once(' ').ok_or(())?;
    if rest.starts_with("data errors") { number.parse().map(Some).map_err(|_| ()) } else { Err(()) }
}

fn scan<'a>(lines: &[&'a str]) -> Result<Option<Scan>, &'a str> {
    let said = lines.first().copied().unwrap_or_default();
    if said.is_empty() || said == "none requested" {
        return Ok(None);
    }
    let first = said.split(' ').next().unwrap_or_default();
    let function = match first {
        "scrub" | "scrubbed" => ScanFunction::Scrub,
        "resilver" | "resilvered" => ScanFunction::Resilver,
        _ => return Err(said),
    };
    let none = Scan {
        function,
        state: ScanState::Running,
        started_at: None,
        finished_at: None,
        errors: None,
        repaired_bytes: None,
        examined_bytes: None,
        total_bytes: None,
    };
    let after = |words: &str| said.split_once(words).map(|(_, rest)| rest);
    let moment = |text: &str| moment(text).ok_or(said);
    let scan = if let Some((before, date)) = said.split_once(" errors on ") {
        let errors = before.rsplit(' ').next().and_then(|number| number.parse().ok());
        // `scrub repaired 1.5M in ...`, `resilvered 1.5M in ...`, `resilvered (mirror-0) 1.5M in ...`
        let repaired = before.split(" in ").next().and_then(|words| words.rsplit(' ').next());
        let repaired_bytes = repaired.and_then(|size| size.parse::<ByteSize>().ok()).map(|size| size.0);
        Scan { state: ScanState::Finished, finished_at: Some(moment(date)?), errors, repaired_bytes, ..none }
    } else if let Some(date) = after(" canceled on ") {
        Scan { state: ScanState::Canceled, finished_at: Some(moment(date)?), ..none }
    } else if after(" paused since ").is_some() {
        let started = lines.iter().find_map(|line| line.trim().split_once(" started on ")).map(|(_, date)| date);
        let started_at = started.map(moment).transpose()?;
        progress(Scan { state: ScanState::Paused, started_at, ..none }, lines)
    } else if let Some(date) = after(" in progress since ") {
        progress(Scan { started_at: Some(moment(date)?), ..none }, lines)
    } else {
        return Err(said);
    };
    Ok(Some(scan))
}

/// `1.23G scanned at 100M/s, 500M issued at 50M/s, 2G total`, or with ` / 2G scanned` as of 2.2.
fn progress(scan: Scan, lines: &[&str]) -> Scan {
    let size = |text: &str| text.trim().parse::<ByteSize>().ok().map(|size| size.0);
    let Some(line) = lines.iter().find(|line| line.contains(" scanned")) else { return scan };
    let scanned = line.split(" scanned").next().unwrap_or_default();
    let (examined, of) = scanned.split_once(" / ").map_or((scanned, None), |(done, of)| (done, Some(of)));
    let total = of.or_else(|| line.trim_end().strip_suffix(" total")?.rsplit(' ').next());
    let repaired = lines.iter().find_map(|line| {
        let line = line.trim();
        line.split_once(" repaired,").or_else(|| line.split_once(" resilvered,")).map(|(size, _)| size)
    });
    Scan {
        examined_bytes: size(examined),
        total_bytes: total.and_then(size),
        repaired_bytes: repaired.and_then(size),
        ..scan
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Thu Nov 26 13:00:00 2026`, as ctime(3) has it, in UTC.
fn moment(text: &str) -> Option<At> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [_, month, day, time, year] = words[..] else { return None };
    let month = i8::try_from(MONTHS.iter().position(|name| *name == month)? + 1).ok()?;
    let mut parts = time.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let date = DateTime::new(year.parse().ok()?, month, day.parse().ok()?, hour, minute, second, 0).ok()?;
    TimeZone::UTC.to_timestamp(date).ok().map(At::from)
}

/// Rows of the table. Names may hold spaces: where the states begin, the heading says.
fn vdevs<'a>(config: &[&'a str], pool: &str) -> Result<Vec<Vdev>, &'a str> {
    let mut rows =
        config.iter().copied().filter_map(|line| line.strip_prefix('\t')).skip_while(|row| !row.starts_with("NAME "));
    let heading = rows.next().unwrap_or_default();
    let Some(column) = heading.find("STATE") else { return Err(heading) };
    let mut class = "data";
    let mut all = Vec::new();
    for row in rows.filter(|row| !row.trim().is_empty()) {
        let is_heading = |name: &str| row.trim_end() == name;
        if let Some((_, named)) = CLASSES.into_iter().find(|(name, _)| is_heading(name)) {
            class = named;
            continue;
        }
        let (Some(name), Some(rest)) = (row.get(..column), row.get(column..)) else { return Err(row) };
        let (name, depth) = (name.trim(), name.len() - name.trim_start().len());
        if depth == 0 && name == pool {
            continue;
        }
        let mut words = rest.split_whitespace();
        let state = words.next().ok_or(row)?.to_owned();
        let mut count = || words.next().map(|word| word.parse::<u64>().map_err(|_| row)).transpose();
        let [read_errors, write_errors, checksum_errors] =
            if class == "spare" { [None; 3] } else { [count()?, count()?, count()?] };
        all.push(Vdev { name: name.to_owned(), class, state, read_errors, write_errors, checksum_errors });
    }
    Ok(all)
}
