//! What a run printed and did, made comparable: without what is different each time.

use serde_json::Value;
use std::path::Path;

/// What each listing of datasets asks for.
const DATASET_COLUMNS: &str = "name,type,guid,encryption,encryptionroot,keystatus,written,origin,receive_resume_token,ferro.zfs:placeholder,ferro.zfs:replica";

/// All about a text that is different each time, made the same.
pub fn steady(text: &str, folder: &Path) -> String {
    let text = text.replace(folder.to_str().unwrap(), "DIR");
    let text = cut(&text, "_diverged_", |c| c.is_ascii_alphanumeric() || c == '-', "_diverged_TIME");
    let text = cut(&text, " in ", |c| c.is_ascii_digit() || c == '.', " in N");
    let text = cut(&text, "1-7b", |c| c.is_ascii_hexdigit(), "TOKEN");
    // Of a source, it asks whether it is to be sent, too.
    let text = text.replace(&format!("{DATASET_COLUMNS},ferro.zfs:replicate"), "DATASET_COLUMNS");
    let text = text.replace(DATASET_COLUMNS, "DATASET_COLUMNS");
    text.split_inclusive('\n').map(|line| without_bytes(line).unwrap_or_else(|| line.to_owned())).collect()
}

/// How much of a stream that failed has passed depends on who was faster.
fn without_bytes(line: &str) -> Option<String> {
    let (before, time) = line.strip_prefix("failed: ")?.split_once(" in N s")?;
    let (counts, _) = before.rsplit_once(", ")?;
    counts.contains("; ").then(|| format!("failed: {counts}, BYTES in N s{time}"))
}

/// Puts `new` for each `begin` with all that follows and belongs to it.
fn cut(text: &str, begin: &str, belongs: impl Fn(char) -> bool, new: &str) -> String {
    let mut parts = text.split(begin);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(&belongs);
        all.push_str(if rest.len() < part.len() { new } else { begin });
        all.push_str(rest);
    }
    all
}

/// Without what time anything took.
pub fn without_seconds(value: &mut Value) {
    match value {
        Value::Object(all) => {
            all.shift_remove("seconds");
            all.values_mut().for_each(without_seconds);
        }
        Value::Array(all) => all.iter_mut().for_each(without_seconds),
        _ => {}
    }
}

/// Both sides are asked at once, and both ends of a stream begin at once: in the log the source
/// comes first.
pub fn in_order(mut lines: Vec<String>) -> Vec<String> {
    let mut open = 0;
    for at in 0..lines.len() {
        if is(&lines[at], "holds") {
            // They are asked about in any order.
            let mut words: Vec<&str> = lines[at].split(' ').collect();
            words.sort_by_key(|word| (word.contains('@'), word.contains('@').then_some(*word)));
            lines[at] = words.join(" ");
        }
        let lists = lines[at..].iter().take_while(|line| is(line, "list")).count();
        lines[at..at + lists].sort_by_key(|line| pool(line).to_owned());
        if is(&lines[at], "receive") && open == 0 && lines.get(at + 1).is_some_and(|next| is(next, "send")) {
            lines.swap(at, at + 1);
        }
        open += i32::from(is(&lines[at], "send")) - i32::from(is(&lines[at], "receive"));
    }
    lines
}

/// Whether it is this command, and for streams: the real thing.
fn is(line: &str, verb: &str) -> bool {
    let command = line.split_once(": ").map_or(line, |(_, command)| command);
    command.split(' ').next() == Some(verb) && !command.contains(" -nvP") && !command.contains(" -A ")
}

fn pool(line: &str) -> &str {
    let name = line.rsplit(' ').next().unwrap_or_default();
    name.split(['/', '@', '_']).next().unwrap_or_default()
}
