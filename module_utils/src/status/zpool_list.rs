//! What `zpool list` prints of one pool. Pure, and strict.

use super::columns::Columns;
use super::model::PoolProperties;
use crate::zfs::parse::Unexpected;

/// The columns that [`read`] reads.
pub const COLUMNS: &str = "name,guid,size,allocated,free,freeing,leaked,checkpoint,capacity,fragmentation,dedupratio,readonly,failmode,ashift,health";

/// What a pool has, and its health in the word of ZFS. `-` is what a pool that is not well does not tell. Reads
/// `zpool list -Hp -o COLUMNS POOL`.
pub fn read(stdout: &str, pool: &str) -> Result<(PoolProperties, String), Unexpected> {
    let mut row = Columns::of("zpool list", COLUMNS, stdout.lines().next().unwrap_or_default())?;
    if row.text()? != pool || stdout.lines().count() != 1 {
        return Err(row.wrong());
    }
    let properties = PoolProperties {
        guid: row.number()?.map(|guid| guid.to_string()),
        size_bytes: row.number()?,
        allocated_bytes: row.number()?,
        free_bytes: row.number()?,
        freeing_bytes: row.number()?,
        leaked_bytes: row.number()?,
        // Without a checkpoint there is nothing to say.
        checkpoint_bytes: Some(row.number()?.unwrap_or(0)),
        capacity_percent: row.number()?,
        fragmentation_percent: row.number()?,
        deduplication_ratio: row.ratio()?,
        readonly: row.switch()?,
        failmode: row.word()?,
        ashift: row.number()?,
    };
    Ok((properties, row.text()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_pool_that_is_not_well_tells_little() {
        let (properties, health) = read("tank\t7\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\tFAULTED\n", "tank").unwrap();
        assert_eq!((properties.size_bytes, properties.checkpoint_bytes, health.as_str()), (None, Some(0), "FAULTED"));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for said in ["", "tank\t1\n", "tank\t7\tmuch\t1\t1\t0\t0\t-\t1\t0\t1.00\toff\twait\t0\tONLINE\n"] {
            assert!(read(said, "tank").is_err(), "{said}");
        }
        assert!(read("other\t7\t1\t1\t1\t0\t0\t-\t1\t0\t1.00\toff\twait\t0\tONLINE\n", "tank").is_err());
    }
}
