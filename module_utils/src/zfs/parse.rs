//! What `zfs` prints, read into types. Pure, and strict: what is not understood is an error, never a guess.

use crate::foreign;
use crate::model::{Dataset, DatasetName, Kind, TokenContent, Version, VersionKind, check_version_name};
use std::collections::HashMap;

/// What a line should have been, and what it was.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected output of {command}: expected {expected}, got {line:?}")]
pub struct Unexpected {
    command: &'static str,
    expected: &'static str,
    line: String,
}

pub(super) fn unexpected(command: &'static str, expected: &'static str, line: &str) -> Unexpected {
    // A line may be endless.
    Unexpected { command, expected, line: foreign::shortened(line, 300) }
}

/// The user property that marks parents which we made without data. Its value is the name of the parent.
pub const PLACEHOLDER: &str = "ferro.zfs:placeholder";

/// The user property that marks datasets as replicas. Its value is the guid of the dataset that was sent, or `pushed` where the sender did
/// not say. Children inherit it.
pub const REPLICA: &str = "ferro.zfs:replica";

/// The columns that [`datasets`] reads.
pub const DATASET_COLUMNS: &str =
    "name,type,guid,encryption,written,receive_resume_token,ferro.zfs:placeholder,ferro.zfs:replica";

/// A dataset without its versions, and its resume token.
pub type Row = (Dataset, Option<String>);

/// Reads `zfs list -Hp -t filesystem,volume -o DATASET_COLUMNS`.
pub fn datasets(stdout: &str) -> Result<Vec<Row>, Unexpected> {
    stdout.lines().map(dataset).collect()
}

fn dataset(line: &str) -> Result<Row, Unexpected> {
    let wrong = || unexpected("zfs list", DATASET_COLUMNS, line);
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, kind, guid, encryption, written, token, placeholder, replica] = fields[..] else { return Err(wrong()) };
    let kind = match kind {
        "filesystem" => Kind::Filesystem,
        "volume" => Kind::Volume,
        _ => return Err(wrong()),
    };
    let dataset = Dataset {
        name: name.parse().map_err(|_| wrong())?,
        kind,
        guid: guid.parse().map_err(|_| wrong())?,
        encrypted: !matches!(encryption, "off" | "-"),
        written: optional(written).map_err(|_| wrong())?.unwrap_or(0),
        partial: None,
        // Its own name, not just any value: children inherit user properties, and their data is not for overwriting.
        placeholder: placeholder == name,
        // Anybody may write anything into it: what is no guid is no mark.
        replica_of: replica.parse().ok(),
        versions: Vec::new(),
    };
    Ok((dataset, (token != "-" && !token.is_empty()).then(|| token.to_owned())))
}

/// `-` is no number, digits are one, anything else is wrong.
fn optional(text: &str) -> Result<Option<u64>, std::num::ParseIntError> {
    if text == "-" { Ok(None) } else { text.parse().map(Some) }
}

/// The columns that [`versions`] reads: only those that ZFS knows without opening each snapshot.
pub const VERSION_COLUMNS: &str = "name,guid,createtxg";

/// Reads `zfs list -Hp -t snapshot,bookmark -o VERSION_COLUMNS` into the versions of each dataset, oldest first.
pub fn versions(stdout: &str) -> Result<HashMap<DatasetName, Vec<Version>>, Unexpected> {
    let mut all: HashMap<&str, Vec<Version>> = HashMap::new();
    for line in stdout.lines() {
        let wrong = || unexpected("zfs list", VERSION_COLUMNS, line);
        let mut fields = line.split('\t');
        let (Some(full), Some(guid), Some(txg), None) = (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(wrong());
        };
        let (dataset, kind, name) = split_version(full).ok_or_else(wrong)?;
        check_version_name(name).map_err(|_| wrong())?;
        let version = Version {
            kind,
            name: name.to_owned(),
            guid: guid.parse().map_err(|_| wrong())?,
            createtxg: txg.parse().map_err(|_| wrong())?,
            ivset: None,
            written: None,
        };
        all.entry(dataset).or_default().push(version);
    }
    all.into_iter()
        .map(|(dataset, mut versions)| {
            versions.sort_unstable_by(|a, b| (a.createtxg, a.kind, &a.name).cmp(&(b.createtxg, b.kind, &b.name)));
            let name = dataset.parse().map_err(|_| unexpected("zfs list", "a dataset name", dataset))?;
            Ok((name, versions))
        })
        .collect()
}

fn split_version(full: &str) -> Option<(&str, VersionKind, &str)> {
    let at = full.find(['@', '#'])?;
    let kind = if full.as_bytes()[at] == b'@' { VersionKind::Snapshot } else { VersionKind::Bookmark };
    Some((&full[..at], kind, &full[at + 1..]))
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
        bytes: field("bytes").and_then(number).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::{check_version_name, datasets, estimate, numbers, sent, token, versions};
    use crate::model::{DatasetName, Kind, TokenContent};
    use proptest::prelude::{any, prop, prop_assert, proptest};

    #[test]
    fn datasets_are_read() {
        let rows = datasets(
            "tank\tfilesystem\t11\toff\t24576\t-\t-\t7\nbk/ph\tfilesystem\t12\taes-256-gcm\t0\t1-f11\tbk/ph\tx\nbk/v\tvolume\t13\t-\t-\t-\t-\t-\n",
        )
        .unwrap();
        assert_eq!(rows[0].0.name.as_str(), "tank");
        assert_eq!((rows[0].0.written, rows[0].0.encrypted, rows[0].0.placeholder), (24576, false, false));
        assert_eq!((rows[1].0.encrypted, rows[1].0.placeholder, rows[1].1.as_deref()), (true, true, Some("1-f11")));
        assert_eq!((rows[2].0.kind, rows[2].0.written), (Kind::Volume, 0));
        assert_eq!([0, 1, 2].map(|at| rows[at].0.replica_of), [Some(7), None, None]);
    }

    #[test]
    fn versions_are_sorted_by_createtxg_with_the_bookmark_first() {
        let all = versions("t/a@z\t3\t7\nt/a@a\t9\t12\nt/a#z\t3\t7\nt/b@x y\t1\t1\n").unwrap();
        let shown: Vec<_> = all[&"t/a".parse().unwrap()].iter().map(crate::model::Version::signed).collect();
        assert_eq!(shown, ["#z", "@z", "@a"]);
        assert_eq!(all[&"t/b".parse().unwrap()][0].name, "x y");
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(datasets("tank\tfilesystem\n").is_err());
        assert!(datasets("tank\tpool\t1\toff\t0\t-\t-\t-\n").is_err());
        assert!(datasets("tank\tfilesystem\t1\toff\tmuch\t-\t-\t-\n").is_err());
        assert!(versions("tank\t1\t2\n").is_err());
        assert!(versions("tank@a\t1\n").is_err());
        assert!(versions("tank@a@b\t1\t2\n").is_err());
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
                bytes: 0x4c_3ae4
            })
        );
        assert!(token("cannot resume send: resume token is corrupt\n").is_err());
    }

    proptest! {
        #[test]
        fn no_output_makes_a_parser_panic(text in any::<String>(), fields in prop::collection::vec("[a-z0-9@#/. -]{0,9}", 1..9)) {
            let line = fields.join("\t");
            for output in [text.as_str(), line.as_str(), &format!("{line}\n{text}\n")] {
                let _ = (datasets(output), numbers(output), estimate(output), sent(output), token(output));
                // What is taken for a version is one by ZFS's rules, of a dataset that is one.
                for (dataset, of_dataset) in versions(output).unwrap_or_default() {
                    prop_assert!(dataset.as_str().parse::<DatasetName>().is_ok());
                    for version in of_dataset {
                        prop_assert!(check_version_name(&version.name).is_ok());
                    }
                }
            }
        }
    }
}
