//! What another host may set on what it sends: only what makes a replica less dangerous, or stores it differently. Pure.

use crate::model::marks::{PLACEHOLDER, REPLICA, REPLICATE};

/// Properties and the values that they may be given; no values: any word. Not among them is what mounts, shares, runs or hides
/// something here (openzfs/zfs#12218), and whatever would let the sender use up the space or change a quota.
const SAFE: [(&str, &[&str]); 31] = [
    ("readonly", &["on"]),
    ("canmount", &["off", "noauto"]),
    ("mountpoint", &["none", "legacy"]),
    ("setuid", &["off"]),
    ("exec", &["off"]),
    ("devices", &["off"]),
    ("sharenfs", &["off"]),
    ("sharesmb", &["off"]),
    ("overlay", &["off"]),
    ("snapdir", &["hidden"]),
    ("snapdev", &["hidden"]),
    ("volmode", &["none"]),
    ("refreservation", &["none"]),
    ("reservation", &["none"]),
    ("atime", &["on", "off"]),
    ("relatime", &["on", "off"]),
    // Not off: what is stored there could no longer be told from what has rotted.
    ("checksum", &["on", "fletcher2", "fletcher4", "sha256", "sha512", "skein", "edonr", "blake3"]),
    ("compression", &[]),
    ("recordsize", &[]),
    ("logbias", &["latency", "throughput"]),
    ("primarycache", &["all", "none", "metadata"]),
    ("secondarycache", &["all", "none", "metadata"]),
    ("redundant_metadata", &["all", "most", "some"]),
    ("xattr", &["on", "off", "sa", "dir"]),
    ("acltype", &["off", "noacl", "posix", "posixacl", "nfsv4"]),
    ("aclinherit", &["discard", "noallow", "restricted", "passthrough", "passthrough-x"]),
    ("aclmode", &["discard", "groupmask", "passthrough", "restricted"]),
    ("dnodesize", &["legacy", "auto", "1k", "2k", "4k", "8k", "16k"]),
    ("com.sun:auto-snapshot", &["false"]),
    (REPLICA, &[]),
    // What is not encrypted on the source, below a replica whose key is not here.
    ("encryption", &["off"]),
];

/// What `send_properties` takes over from another host: how data is stored, nothing that mounts, shares, limits or names it.
pub const STORED: [&str; 14] = [
    "aclinherit",
    "aclmode",
    "acltype",
    "atime",
    "checksum",
    "compression",
    "dnodesize",
    "logbias",
    "primarycache",
    "recordsize",
    "redundant_metadata",
    "relatime",
    "secondarycache",
    "xattr",
];

/// Checks `PROPERTY=VALUE` of `zfs receive -o`.
pub fn check_setting(setting: &str) -> Result<(), String> {
    let (name, value) = setting.split_once('=').ok_or_else(|| format!("{setting:?} is not PROPERTY=VALUE"))?;
    let Some((_, values)) = SAFE.iter().find(|(safe, _)| *safe == name) else {
        return Err(format!("a sender may not set the property {name}"));
    };
    let word = !value.is_empty() && value.len() <= 64 && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if (values.is_empty() && word) || values.contains(&value) {
        return Ok(());
    }
    Err(format!(
        "a sender may set {name} only to {}",
        if values.is_empty() { "one word".to_owned() } else { values.join(" or ") }
    ))
}

/// True for the name of a user property, as ZFS takes it: `zfs_prop_user` in OpenZFS, module/zcommon/zfs_prop.c.
#[must_use]
pub fn is_users_own(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:".contains(c);
    name.contains(':') && name.len() <= 255 && !name.starts_with('-') && name.chars().all(fits)
}

/// True for a user property that says nothing but whether a dataset is replicated, here or by another program: a gate lets it be read.
#[must_use]
pub fn chooses(name: &str) -> bool {
    [REPLICATE, "com.sun:auto-snapshot", "syncoid:sync"].contains(&name)
        || (name.starts_with("autobackup:") && is_users_own(name))
}

/// Checks the property of `zfs receive -x`: leaving out is always safe, so only its name must be one.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:@".contains(c);
    if name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 255
        && name.chars().all(fits)
        && ![PLACEHOLDER, REPLICA].contains(&name)
    {
        Ok(())
    } else {
        Err(format!("{name:?} is not a property that may be left out"))
    }
}

#[cfg(test)]
mod tests {
    use super::{SAFE, STORED, check_name, check_setting, chooses, is_users_own};

    #[test]
    fn what_is_taken_over_may_be_set() {
        assert!(STORED.iter().all(|name| SAFE.iter().any(|(safe, _)| safe == name)));
    }

    #[test]
    fn user_properties_are_known_by_their_names() {
        for name in ["ferro.zfs:replicate", "com.sun:auto-snapshot", "syncoid:sync", "a:b_c.d:e"] {
            assert!(is_users_own(name), "{name}");
        }
        for name in ["ferro.zfs:replicate", "syncoid:sync", "autobackup:offsite"] {
            assert!(chooses(name), "{name}");
        }
        assert!(!chooses("com.example:secret") && !chooses("autobackup:a b") && !chooses("name"));
        for name in ["", "compression", "-o:x", "A:b", "a:b c", "a:b,name", "a:\n", &format!("a:{}", "b".repeat(254))] {
            assert!(!is_users_own(name), "{name}");
        }
    }

    #[test]
    fn what_may_be_set() {
        for setting in ["readonly=on", "canmount=off", "compression=zstd-3", "recordsize=1M", "mountpoint=none"] {
            assert_eq!(check_setting(setting), Ok(()), "{setting}");
        }
        for setting in [
            "readonly=off",
            "canmount=on",
            "mountpoint=/etc",
            "sharenfs=on",
            "exec=on",
            "compression=",
            "compression=a b",
            "x:y=z",
            "readonly",
            "=on",
            "ferro.zfs:placeholder=on",
            "keylocation=file:///etc/shadow",
            "checksum=off",
            "redundant_metadata=none",
            "dedup=on",
            "copies=3",
            "quota=1",
            "org.openzfs.systemd:requires=x",
        ] {
            assert!(check_setting(setting).is_err(), "{setting}");
        }
        assert!(check_name("mountpoint").is_ok() && check_name("com.sun:auto-snapshot").is_ok());
        assert!(check_name("-o").is_err() && check_name("a=b").is_err() && check_name("").is_err());
    }
}
