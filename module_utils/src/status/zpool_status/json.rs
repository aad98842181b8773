//! `zpool status -j --json-int POOL`.

use crate::status::model::{At, PoolStatus, Scan, ScanFunction, ScanState, Vdev};
use crate::zfs::parse::{Unexpected, unexpected};
use serde_json::{Map, Value};

/// Where the vdevs of each class are.
const CLASSES: [(&str, &str); 6] = [
    ("vdevs", "data"),
    ("special", "special"),
    ("dedup", "dedup"),
    ("logs", "log"),
    ("l2cache", "cache"),
    ("spares", "spare"),
];

/// Reads it.
pub fn read(stdout: &str, pool: &str) -> Result<PoolStatus, Unexpected> {
    let wrong = |expected| unexpected("zpool status -j", expected, stdout);
    let said: Value = serde_json::from_str(stdout).map_err(|_| wrong("a JSON object"))?;
    let of_pool = said["pools"][pool].as_object().ok_or_else(|| wrong("the pool"))?;
    let mut vdevs = Vec::new();
    for (key, class) in CLASSES {
        let Some(of_class) = of_pool.get(key).and_then(Value::as_object) else { continue };
        // What holds the data stands below the pool itself.
        let of_class = match of_class.get(pool).filter(|_| class == "data") {
            Some(root) => root.get("vdevs").and_then(Value::as_object),
            None => Some(of_class),
        };
        if let Some(all) = of_class {
            add(&mut vdevs, class, all);
        }
    }
    let sentence = |key: &str| Some(one_line(of_pool.get(key)?.as_str()?));
    Ok(PoolStatus {
        message: sentence("status"),
        action: sentence("action"),
        scan: of_pool.get("scan_stats").and_then(Value::as_object).and_then(scan),
        data_errors: of_pool.get("error_count").and_then(number),
        vdevs,
    })
}

fn add(vdevs: &mut Vec<Vdev>, class: &'static str, all: &Map<String, Value>) {
    for (key, vdev) in all {
        let Some(vdev) = vdev.as_object() else { continue };
        let count = |key: &str| vdev.get(key).and_then(number).filter(|_| class != "spare");
        vdevs.push(Vdev {
            name: vdev.get("name").and_then(Value::as_str).unwrap_or(key).to_owned(),
            class,
            state: state(vdev).to_owned(),
            read_errors: count("read_errors"),
            write_errors: count("write_errors"),
            checksum_errors: count("checksum_errors"),
        });
        if let Some(below) = vdev.get("vdevs").and_then(Value::as_object) {
            add(vdevs, class, below);
        }
    }
}

/// Its state in the word that the text has for it, where JSON has the one of the kernel (`zpool_state_to_name` in OpenZFS, lib/libzfs).
fn state(vdev: &Map<String, Value>) -> &str {
    let of = |key: &str| vdev.get(key).and_then(Value::as_str);
    match (of("state").unwrap_or("UNKNOWN"), of("aux")) {
        ("CANT_OPEN", Some("CORRUPT_DATA" | "BAD_LOG")) => "FAULTED",
        ("CANT_OPEN", Some("SPLIT_POOL")) => "SPLIT",
        ("CANT_OPEN", _) => "UNAVAIL",
        ("CLOSED", _) => "OFFLINE",
        (other, _) => other,
    }
}

/// A number, also one that is written as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn scan(stats: &Map<String, Value>) -> Option<Scan> {
    let of = |key: &str| stats.get(key).and_then(number);
    let at = |key: &str| of(key).filter(|seconds| *seconds > 0).and_then(|seconds| i64::try_from(seconds).ok()).map(At);
    let word = |key: &str| stats.get(key).and_then(Value::as_str).unwrap_or_default();
    let function = match word("function") {
        "SCRUB" => ScanFunction::Scrub,
        "RESILVER" => ScanFunction::Resilver,
        "NONE" => return None,
        _ => ScanFunction::Other,
    };
    let state = match word("state") {
        "FINISHED" => ScanState::Finished,
        "CANCELED" => ScanState::Canceled,
        "NONE" => return None,
        // A pause has a time.
        _ if at("scrub_pause").is_some() => ScanState::Paused,
        _ => ScanState::Running,
    };
    let ended = matches!(state, ScanState::Finished | ScanState::Canceled);
    Some(Scan {
        function,
        state,
        started_at: at("start_time"),
        finished_at: at("end_time").filter(|_| ended),
        errors: of("errors"),
        repaired_bytes: of("processed"),
        examined_bytes: of("examined").filter(|_| !ended),
        total_bytes: of("to_examine").filter(|_| !ended),
    })
}

/// A sentence of ZFS, which breaks its lines.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
