//! What is asked about pools.

use super::commands::{Zfs, for_one_command};
use super::parse::{Unexpected, unexpected};
use crate::exec::cmd::Cmd;
use crate::exec::runner::{Attempt, Failure};
use crate::exec::stderr::Cause;
use crate::plan::features::{Feature, Features, State};
use crate::plan::send_flags::Stored;
use std::collections::{BTreeSet, HashMap};

/// Largest block without the feature.
const SMALL_BLOCK: u64 = 128 << 10;

/// The columns that [`Zfs::stored`] reads.
const STORED_COLUMNS: &str = "name,recordsize,volblocksize,compression";

impl Zfs<'_> {
    /// Features of pools. Nothing where there is no answer, as from the gate of an older version: then ZFS decides in the end.
    pub fn features(&self, pools: &BTreeSet<&str>) -> Result<HashMap<String, Features>, Failure> {
        let cmd =
            Cmd::new("zpool").args(["get", "-H", "-o", "name,property,value", &Feature::properties()]).args(pools);
        match self.ask("list", &cmd) {
            Ok(output) => read(&output.stdout).map_err(|error| {
                Attempt { stage: "list", host: self.host, cmd: &cmd }.failure(
                    None,
                    error.to_string(),
                    Cause::Unexpected,
                )
            }),
            Err(failure) if matches!(failure.cause, Cause::ConnectionLost | Cause::NoAnswer | Cause::Stopped) => {
                Err(failure)
            }
            Err(_) => Ok(HashMap::new()),
        }
    }

    /// What datasets store by their properties.
    pub fn stored(&self, names: &[String]) -> Result<HashMap<String, Stored>, Failure> {
        let mut all = HashMap::new();
        for batch in for_one_command(names) {
            let cmd =
                Cmd::new("zfs").args(["list", "-Hp", "-t", "filesystem,volume", "-o", STORED_COLUMNS]).args(batch);
            all.extend(self.list(&cmd, stored)?);
        }
        Ok(all)
    }
}

/// Reads `zpool get -H -o name,property,value`. What a ZFS does not know, it leaves out, or has no value for.
fn read(stdout: &str) -> Result<HashMap<String, Features>, Unexpected> {
    let mut all: HashMap<String, Features> = HashMap::new();
    for line in stdout.lines() {
        let wrong = || unexpected("zpool get", "a pool, a feature and its state", line);
        let [pool, property, value] = line.split('\t').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let feature = Feature::ALL.into_iter().find(|feature| feature.property() == property).ok_or_else(wrong)?;
        let state = match value {
            "active" => State::Active,
            "enabled" => State::Enabled,
            "disabled" | "-" | "inactive" => State::Disabled,
            _ => return Err(wrong()),
        };
        all.entry(pool.to_owned()).or_default().0.insert(feature, state);
    }
    Ok(all)
}

/// Reads `zfs list -Hp -o STORED_COLUMNS`.
fn stored(stdout: &str) -> Result<HashMap<String, Stored>, Unexpected> {
    let row = |line: &str| {
        let wrong = || unexpected("zfs list", STORED_COLUMNS, line);
        let [name, records, blocks, compression] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(wrong());
        };
        let is_large = |size: &str| size.parse::<u64>().is_ok_and(|size| size > SMALL_BLOCK);
        let large_blocks = is_large(records) || is_large(blocks);
        Ok((name.to_owned(), Stored { large_blocks, zstd: compression.starts_with("zstd") }))
    };
    stdout.lines().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{read, stored};
    use crate::plan::features::{Feature, State};
    use crate::plan::send_flags::Stored;

    #[test]
    fn features_are_read() {
        let said = "vault\tfeature@large_blocks\tdisabled\nvault\tfeature@lz4_compress\tactive\ntank\tfeature@encryption\tenabled\n";
        let all = read(said).unwrap();
        let state = |pool: &str, feature| all[pool].state(feature);
        assert_eq!(state("vault", Feature::Lz4), State::Active);
        assert_eq!(state("tank", Feature::Encryption), State::Enabled);
        assert_eq!([Feature::LargeBlocks, Feature::Zstd].map(|feature| state("vault", feature)), [State::Disabled; 2]);
        assert!(read("vault\tfeature@large_blocks\n").is_err());
        assert!(read("vault\tguid\t7\n").is_err());
        assert!(read("vault\tfeature@encryption\tperhaps\n").is_err());
    }

    #[test]
    fn what_is_stored_is_read() {
        let all = stored("t\t131072\t-\tlz4\nt/a b\t1048576\t-\tzstd-3\nt/v\t-\t262144\toff\n").unwrap();
        assert_eq!(all["t"], Stored::default());
        assert_eq!(all["t/a b"], Stored { large_blocks: true, zstd: true });
        assert_eq!(all["t/v"], Stored { large_blocks: true, zstd: false });
        assert!(stored("t\t1\n").is_err());
    }
}
