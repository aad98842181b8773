//! What `zfs list` prints of datasets. Pure, and strict.

use super::columns::Columns;
use super::model::{At, Dataset, Role, Space};
use crate::model::DatasetName;
use crate::zfs::parse::Unexpected;

/// The columns that [`read`] reads. The mount point is the last: it may hold anything but a line end.
pub const COLUMNS: &str = "name,type,creation,used,available,referenced,logicalused,usedbydataset,usedbysnapshots,written,quota,volsize,compressratio,compression,encryption,keystatus,readonly,mounted,receive_resume_token,mountpoint";

/// Reads `zfs list -Hp -t filesystem,volume -o COLUMNS -r POOL`: datasets of which neither policies nor snapshots are known yet.
pub fn read(stdout: &str, pool: &str) -> Result<Vec<Dataset>, Unexpected> {
    stdout.lines().map(|line| row(line, pool)).collect()
}

fn row(line: &str, pool: &str) -> Result<Dataset, Unexpected> {
    let mut row = Columns::of("zfs list", COLUMNS, line)?;
    let name = row.text()?;
    if name.parse::<DatasetName>().map_or(true, |name| name.pool() != pool) {
        return Err(row.wrong());
    }
    let kind = match row.text()? {
        "filesystem" => "filesystem",
        "volume" => "volume",
        _ => return Err(row.wrong()),
    };
    let created_at = row.number()?.and_then(|seconds| i64::try_from(seconds).ok()).map(At);
    let space = space(&mut row)?;
    let compression = row.word()?;
    let encryption = row.text()?;
    let encrypted = !matches!(encryption, "off" | "-" | "");
    let key = row.text()?;
    Ok(Dataset {
        name: name.to_owned(),
        pool: pool.to_owned(),
        kind,
        created_at,
        space,
        compression,
        encryption: encrypted.then(|| encryption.to_owned()),
        key_loaded: encrypted.then_some(key == "available"),
        readonly: row.switch()?,
        mounted: row.switch()?,
        partial_receive: !matches!(row.text()?, "-" | ""),
        mountpoint: row.word()?.filter(|path| !matches!(path.as_str(), "none" | "legacy")),
        placeholder: false,
        policy: None,
        declared: false,
        role: Role::None,
        snapshots: None,
        confirmed: Vec::new(),
    })
}

fn space(row: &mut Columns<'_>) -> Result<Space, Unexpected> {
    Ok(Space {
        used_bytes: row.number()?,
        available_bytes: row.number()?,
        referenced_bytes: row.number()?,
        logical_used_bytes: row.number()?,
        used_by_dataset_bytes: row.number()?,
        used_by_snapshots_bytes: row.number()?,
        written_bytes: row.number()?,
        // 0 is no limit.
        quota_bytes: row.number()?.filter(|quota| *quota > 0),
        volume_size_bytes: row.number()?,
        compression_ratio: row.ratio()?,
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    const FILESYSTEM: &str = "tank\tfilesystem\t1700000000\t98304\t1000\t24576\t49152\t24576\t0\t24576\t0\t-\t1.00\tlz4\toff\t-\toff\tyes\t-\t/tank";

    #[test]
    fn kinds_of_datasets() {
        let locked = "tank/v\tvolume\t1700000000\t9\t9\t9\t9\t9\t9\t9\t-\t1048576\t1.50x\toff\taes-256-gcm\tunavailable\ton\t-\t1-7b-x\t-";
        let all = read(&format!("{FILESYSTEM}\n{locked}\n"), "tank").unwrap();
        assert_eq!((all[0].kind, all[0].mounted, all[0].key_loaded), ("filesystem", Some(true), None));
        assert_eq!((all[0].space.quota_bytes, all[0].mountpoint.as_deref()), (None, Some("/tank")));
        assert_eq!((all[1].kind, all[1].mounted, all[1].key_loaded), ("volume", None, Some(false)));
        assert_eq!((all[1].space.volume_size_bytes, all[1].partial_receive), (Some(1 << 20), true));
        assert_eq!(all[1].space.compression_ratio, Some(1.5));
        assert_eq!(all.iter().map(|one| one.compression.as_deref()).collect::<Vec<_>>(), [Some("lz4"), Some("off")]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        assert!(read(FILESYSTEM, "other").is_err());
        assert!(read("tank\tfilesystem\n", "tank").is_err());
        assert!(read(&FILESYSTEM.replace("98304", "96K"), "tank").is_err());
        assert!(read(&FILESYSTEM.replace("filesystem", "mirage"), "tank").is_err());
    }
}
