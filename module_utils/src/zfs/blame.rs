//! Whom a complaint names: one bad name makes ZFS refuse a whole command. Pure.

/// The names in the lines that say what cannot be done, each with its line.
///
/// Source: `zfs_error` calls of `zfs_snapshot_nvl`, `zfs_destroy_snaps_nvl` in OpenZFS, lib/libzfs/libzfs_dataset.c, and
/// `destroy_check_dependent` in cmd/zfs/zfs_main.c.
pub fn named(stderr: &str) -> impl Iterator<Item = (&str, &str)> {
    stderr.lines().filter_map(|line| {
        let rest = line.strip_prefix("cannot ")?;
        let quoted = || rest.split_once('\'')?.1.split_once('\'').map(|(name, _)| name);
        let bare = || rest.split_once(" snapshot ")?.1.split_once(": ").map(|(name, _)| name);
        Some((quoted_first(rest, quoted, bare)?, line))
    })
}

/// "it's being held" holds an apostrophe of its own, so a bare name before it comes first.
fn quoted_first<'a>(
    rest: &str,
    quoted: impl Fn() -> Option<&'a str>,
    bare: impl Fn() -> Option<&'a str>,
) -> Option<&'a str> {
    let quote = rest.find('\'').unwrap_or(usize::MAX);
    let colon = rest.find(": ").unwrap_or(usize::MAX);
    if quote < colon { quoted() } else { bare() }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn complaints_name_who_is_to_blame() {
        let stderr = "cannot destroy snapshot tank/a@x: it's being held. Run 'zfs holds -r tank/a@x' to see holders.\n\
                      cannot destroy 'tank/a@c': snapshot has dependent clones\n\
                      use '-R' to destroy the following datasets:\ntank/cl\n\
                      cannot open 'tank/my data': dataset does not exist\nusage:\n\tsnapshot [-r] ...\n\
                      cannot create snapshot 'tank/a@x y': dataset already exists\nno snapshots were created\n\
                      cannot create snapshots : permission denied\ncannot destroy snapshots: permission denied";
        let names: Vec<_> = named(stderr).map(|(name, _)| name).collect();
        assert_eq!(names, ["tank/a@x", "tank/a@c", "tank/my data", "tank/a@x y"]);
    }
}
