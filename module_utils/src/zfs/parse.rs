//! What `zfs` prints, read into types. Pure, and strict: what is not understood is an error, never a guess.

use crate::exec::foreign;
use crate::model::marks::SMALL;
use crate::model::{Dataset, DatasetName, Kind, TokenContent};
use std::borrow::Cow;
use std::collections::HashMap;

/// What a line should have been, and what it was.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected output of {command}: expected {expected}, got {line:?}")]
pub struct Unexpected {
    command: &'static str,
    expected: &'static str,
    line: String,
}

pub(crate) fn unexpected(command: &'static str, expected: &'static str, line: &str) -> Unexpected {
    // A line may be endless.
    Unexpected { command, expected, line: foreign::shortened(line, 300) }
}

/// The columns that [`datasets`] reads.
pub const DATASET_COLUMNS: &str = "name,type,guid,encryption,encryptionroot,keystatus,written,origin,receive_resume_token,ferro.zfs:placeholder,ferro.zfs:replica";

/// A dataset without its versions, and its resume token.
pub type Row = (Dataset, Option<String>);

/// Reads `zfs list -Hp -t filesystem,volume -o DATASET_COLUMNS`, with so many user properties behind them that choose what is sent.
pub fn datasets(stdout: &str, properties: usize) -> Result<Vec<Row>, Unexpected> {
    let lines = whole_lines(stdout, properties);
    let rows: Vec<(Row, &str)> = lines.iter().map(|line| dataset(line, properties)).collect::<Result<_, _>>()?;
    let marks: HashMap<DatasetName, &str> =
        rows.iter().map(|((dataset, _), mark)| (dataset.name.clone(), *mark)).collect();
    // A property may look like a row, too: of which dataset it is nobody can tell then.
    if properties > 0 && marks.len() < rows.len() {
        return Err(unexpected("zfs list", "each dataset once", stdout));
    }
    let judged = rows.into_iter().map(|((mut dataset, token), mark)| {
        let above = dataset.name.parent().and_then(|parent| marks.get(&parent).copied());
        dataset.placeholder = is_own_mark(&dataset, mark, above);
        (dataset, token)
    });
    Ok(judged.collect())
}

/// Anybody may have written line ends and tabs into a property of his own. What is no row of itself belongs to the one before.
fn whole_lines(stdout: &str, properties: usize) -> Vec<Cow<'_, str>> {
    let fields = DATASET_COLUMNS.split(',').count();
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    for line in stdout.lines() {
        match lines.last_mut().filter(|_| properties > 0 && line.split('\t').count() < fields) {
            Some(last) => *last = Cow::Owned(format!("{last}\n{line}")),
            None => lines.push(Cow::Borrowed(line)),
        }
    }
    lines
}

fn dataset(line: &str, properties: usize) -> Result<(Row, &str), Unexpected> {
    let wrong = || unexpected("zfs list", DATASET_COLUMNS, line);
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, kind, guid, encryption, root, key, written, origin, token, placeholder, replica, selection @ ..] =
        &fields[..]
    else {
        return Err(wrong());
    };
    let (name, kind, guid, token, placeholder, replica) = (*name, *kind, *guid, *token, *placeholder, *replica);
    let selection = match selection.len() {
        count if count == properties => selection.iter().map(|value| (*value).to_owned()).collect(),
        // Whose tab it is nobody can tell. Together they are nothing that means anything.
        count if count > properties && properties > 0 => vec![selection.join("\t")],
        _ => return Err(wrong()),
    };
    let kind = match kind {
        "filesystem" => Kind::Filesystem,
        "volume" => Kind::Volume,
        _ => return Err(wrong()),
    };
    let some = |text: &str| (text != "-" && !text.is_empty()).then(|| text.to_owned());
    let dataset = Dataset {
        name: name.parse().map_err(|_| wrong())?,
        kind,
        guid: guid.parse().map_err(|_| wrong())?,
        encrypted: !matches!(*encryption, "off" | "-"),
        encryption_root: some(root).map(|root| root.parse().map_err(|_| wrong())).transpose()?,
        locked: *key == "unavailable",
        written: optional(written).map_err(|_| wrong())?.unwrap_or(0),
        origin: some(origin),
        partial: None,
        placeholder: false,
        // Anybody may write anything into it: what is no guid is no mark.
        replica_of: replica.strip_suffix(SMALL).unwrap_or(replica).parse().ok(),
        small_blocks: replica.ends_with(SMALL),
        selection,
        versions: Vec::new(),
    };
    Ok(((dataset, some(token)), placeholder))
}

/// Whether a placeholder's mark is the dataset's own, given that of the dataset above, where that is known.
///
/// An older mark is the name that its bearer had when it was made. After a rename it still tells whose it is if the dataset above
/// has another: what is inherited is the same on both.
fn is_own_mark(dataset: &Dataset, mark: &str, above: Option<&str>) -> bool {
    let renamed =
        || mark.contains('/') && mark.parse::<DatasetName>().is_ok() && above.is_some_and(|above| above != mark);
    mark == dataset.name.as_str() || mark == dataset.guid.to_string() || renamed()
}

/// `-` is no number, digits are one, anything else is wrong.
fn optional(text: &str) -> Result<Option<u64>, std::num::ParseIntError> {
    if text == "-" { Ok(None) } else { text.parse().map(Some) }
}

/// Snapshots that bear the hold `tag`, in `zfs holds -H`: name, tag and a date for people.
pub fn holds(stdout: &str, tag: &str) -> Result<Vec<String>, Unexpected> {
    let mut snapshots = Vec::new();
    for line in stdout.lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            [name, held, _] if held == tag => snapshots.push(name.to_owned()),
            [_, _, _] => {}
            _ => return Err(unexpected("zfs holds", "a name, a tag and a date", line)),
        }
    }
    Ok(snapshots)
}

/// Reads `zfs get -Hp -o name,value PROPERTY ...`: numbers, none where ZFS prints `-`.
pub fn numbers(stdout: &str) -> Result<HashMap<String, Option<u64>>, Unexpected> {
    let row = |line: &str| {
        let (name, value) = line.split_once('\t')?;
        Some((name.to_owned(), optional(value).ok()?))
    };
    stdout.lines().map(|line| row(line).ok_or_else(|| unexpected("zfs get", "a name and a number", line))).collect()
}

/// Properties of each dataset, with their values.
pub type Settings = HashMap<DatasetName, Vec<(String, String)>>;

/// Reads `zfs get -Hp -o name,property,value PROPERTIES ...`.
pub fn settings(stdout: &str) -> Result<Settings, Unexpected> {
    let mut all = Settings::new();
    for line in stdout.lines() {
        let wrong = || unexpected("zfs get", "a name, a property and its value", line);
        let [name, property, value] = line.split('\t').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let name = name.parse().map_err(|_| wrong())?;
        all.entry(name).or_default().push((property.to_owned(), value.to_owned()));
    }
    Ok(all)
}

/// Reads `zfs list -Hp -o name,keystatus`: those whose key is not loaded.
pub fn locked(stdout: &str) -> Result<Vec<String>, Unexpected> {
    let mut names = Vec::new();
    for line in stdout.lines() {
        match line.split_once('\t') {
            Some((name, "unavailable")) => names.push(name.to_owned()),
            Some((_, "available" | "-" | "none")) => {}
            _ => return Err(unexpected("zfs list", "a name and the state of its key", line)),
        }
    }
    Ok(names)
}

/// Reads the estimate out of `zfs send -nvP ...`: bytes of the stream.
#[must_use]
pub fn estimate(stdout: &str) -> Option<u64> {
    stdout.lines().rev().find_map(|line| line.strip_prefix("size\t")?.trim().parse().ok())
}

/// Reads the snapshots that `zfs send -nvP ...` says it would send.
#[must_use]
pub fn sent(output: &str) -> Vec<String> {
    let snapshot = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
        ["full", to, _] | ["incremental", _, to, _] => Some(to.to_owned()),
        _ => None,
    };
    output.lines().filter_map(snapshot).collect()
}

/// Reads what `zfs send -nvPt TOKEN` says of a token.
pub fn token(output: &str) -> Result<TokenContent, Unexpected> {
    let wrong = || unexpected("zfs send -nvt", "toname and toguid", output.lines().next().unwrap_or(""));
    let field =
        |name: &str| output.lines().find_map(|line| line.strip_prefix('\t')?.strip_prefix(name)?.strip_prefix(" = "));
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    Ok(TokenContent {
        to_name: field("toname").ok_or_else(wrong)?.to_owned(),
        to_guid: field("toguid").and_then(number).ok_or_else(wrong)?,
        from_guid: field("fromguid").and_then(number),
        raw: field("rawok").is_some(),
        large_blocks: field("largeblockok").is_some(),
    })
}

/// Reads how many bytes are there already, which is told of a token that can no longer be used, too.
#[must_use]
pub fn token_bytes(output: &str) -> u64 {
    let told = output.lines().find_map(|line| line.strip_prefix("\tbytes = ")?.strip_prefix("0x"));
    told.and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{datasets, estimate, numbers, sent, token, token_bytes};
    use crate::model::{Kind, TokenContent};
    use proptest::prelude::{any, prop, proptest};

    #[test]
    fn datasets_are_read() {
        let rows = datasets(
            "tank\tfilesystem\t11\toff\t-\t-\t24576\t-\t-\t-\t7\n\
             bk/ph\tfilesystem\t12\taes-256-gcm\tbk\tunavailable\t0\t-\t1-f11\tbk/ph\t8-small-blocks\n\
             bk/v\tvolume\t13\t-\t-\t-\t-\tbk/w@s 1\t-\t-\t-\n",
            0,
        )
        .unwrap();
        assert_eq!(rows[0].0.name.as_str(), "tank");
        assert_eq!((rows[0].0.written, rows[0].0.encrypted, rows[0].0.placeholder), (24576, false, false));
        assert_eq!((rows[1].0.encrypted, rows[1].0.placeholder, rows[1].1.as_deref()), (true, true, Some("1-f11")));
        assert_eq!((rows[1].0.encryption_root.as_ref().unwrap().as_str(), rows[1].0.locked), ("bk", true));
        assert!(!rows[1].0.is_encryption_root() && !rows[0].0.locked && rows[0].0.encryption_root.is_none());
        assert_eq!((rows[2].0.kind, rows[2].0.written), (Kind::Volume, 0));
        assert_eq!([0, 1, 2].map(|at| rows[at].0.replica_of), [Some(7), Some(8), None]);
        assert_eq!([0, 1, 2].map(|at| rows[at].0.small_blocks), [false, true, false]);
        assert_eq!(rows[2].0.origin.as_deref(), Some("bk/w@s 1"));
    }

    #[test]
    fn properties_hold_whatever_somebody_wrote_into_them() {
        let row = |name: &str, values: &str| format!("{name}\tfilesystem\t1\toff\t-\t-\t0\t-\t-\t-\t-\t{values}\n");
        let read = |text: &str, properties| {
            let rows = datasets(text, properties)?;
            Ok::<_, super::Unexpected>(rows.into_iter().map(|(dataset, _)| dataset.selection).collect::<Vec<_>>())
        };
        assert_eq!(read(&(row("t", "-\toff") + &row("t/a", "on\t-")), 2).unwrap(), [["-", "off"], ["on", "-"]]);
        assert_eq!(read(&(row("t", "o\nff") + &row("t/a", "on")), 1).unwrap(), [["o\nff"], ["on"]]);
        assert_eq!(read(&row("t", "off\tand\non\t-"), 2).unwrap(), [["off\tand\non\t-"]]);
        let forged = row("t", "on") + &row("t/evil", &format!("on\n{}", row("t", "off")));
        assert!(read(&forged, 1).unwrap_err().to_string().contains("expected each dataset once"));
        assert!(read(&row("t", "on"), 0).is_err() && read(&row("t", "on"), 2).is_err());
    }

    #[test]
    fn a_placeholder_is_known_by_its_guid_and_nothing_that_inherits_its_mark_is_one() {
        let shown = |marks: &[(&str, u64, &str)]| {
            let line = |(name, guid, mark): &(&str, u64, &str)| {
                format!("{name}\tfilesystem\t{guid}\toff\t-\t-\t0\t-\t-\t{mark}\t-\n")
            };
            let rows = datasets(&marks.iter().map(line).collect::<String>(), 0).unwrap();
            rows.into_iter()
                .filter(|(dataset, _)| dataset.placeholder)
                .map(|(d, _)| d.name.to_string())
                .collect::<Vec<_>>()
        };
        // Renamed or not: the guid stays.
        assert_eq!(
            shown(&[("v/nas/t", 7, "7"), ("v/nas/t/a", 8, "8"), ("v/nas/t/a/mine", 9, "8")]),
            ["v/nas/t", "v/nas/t/a"]
        );
        // Marks of earlier versions, in their place.
        assert_eq!(shown(&[("v/t", 7, "v/t"), ("v/t/a", 8, "v/t/a"), ("v/t/b", 9, "v/t")]), ["v/t", "v/t/a"]);
        // The same, renamed: told by the dataset above, where that is known.
        assert_eq!(
            shown(&[("v/n", 6, "-"), ("v/n/t", 7, "v/t"), ("v/n/t/a", 8, "v/t/a"), ("v/n/t/b", 9, "v/t")]),
            ["v/n/t", "v/n/t/a"]
        );
        assert_eq!(shown(&[("v/n/t", 7, "v/t"), ("v/n/t/b", 9, "v/t")]), [""; 0]);
        // Of another dataset: copied, or set by hand.
        assert_eq!(shown(&[("v/n", 6, "-"), ("v/n/t", 7, "8")]), [""; 0]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for wrong in [
            "tank\tfilesystem\n",
            "tank\tpool\t1\toff\t-\t-\t0\t-\t-\t-\t-\n",
            "tank\tfilesystem\t1\toff\t-\t-\tmuch\t-\t-\t-\t-\n",
        ] {
            assert!(datasets(wrong, 0).is_err(), "{wrong}");
        }
        let error = numbers("tank@a\tmuch\n").unwrap_err().to_string();
        assert_eq!(error, "unexpected output of zfs get: expected a name and a number, got \"tank@a\\tmuch\"");
    }

    #[test]
    fn estimates_of_all_kinds_of_streams() {
        assert_eq!(estimate("full\ttank/plain@s1\t12912\nsize\t12912\n"), Some(12912));
        assert_eq!(
            estimate("incremental\ts1\ttank/plain@s2\t21016944\nincremental\ts2\ttank/plain@s3\t624\nsize\t21017568\n"),
            Some(21_017_568)
        );
        assert_eq!(estimate(""), None);
    }

    #[test]
    fn tokens_are_decoded() {
        let output = "resume token contents:\nnvlist version: 0\n\tfromguid = 0xd997d2489adc53c4\n\tobject = 0x2\n\toffset = 0x4a0000\n\tbytes = 0x4c3ae4\n\ttoguid = 0x58f31e4814046ed2\n\ttoname = tank/enc@s2\n\tcompressok = 1\n\trawok = 1\nincremental\ttank/enc@s1\ttank/enc@s2\t16021816\nsize\t16021816\n";
        assert_eq!(
            token(output),
            Ok(TokenContent {
                to_name: "tank/enc@s2".into(),
                to_guid: 0x58f3_1e48_1404_6ed2,
                from_guid: Some(0xd997_d248_9adc_53c4),
                raw: true,
                large_blocks: false,
            })
        );
        assert_eq!((token_bytes(output), token_bytes("cannot resume send")), (0x4c_3ae4, 0));
        assert!(token("cannot resume send: resume token is corrupt\n").is_err());
    }

    proptest! {
        #[test]
        fn no_output_makes_a_parser_panic(text in any::<String>(), fields in prop::collection::vec("[a-z0-9@#/. -]{0,9}", 1..9)) {
            let line = fields.join("\t");
            for output in [text.as_str(), line.as_str(), &format!("{line}\n{text}\n")] {
                let _ = (datasets(output, 0), datasets(output, 1), numbers(output), estimate(output), sent(output), token(output));
            }
        }
    }
}
