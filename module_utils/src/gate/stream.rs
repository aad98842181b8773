//! The first record of a stream, which says what kind it is. Pure.
//!
//! A stream of `zfs send -R` renames and, with `receive -F`, destroys what the receiver has. `zfs_replicate` never sends one, so none
//! comes through the gate. Source: `dmu_replay_record` in OpenZFS, include/sys/zfs_ioctl.h; `zfs_receive_package` in libzfs_sendrecv.c.

/// Bytes of the first record, without its payload.
pub const RECORD: usize = 312;
/// The longest payload that is looked at: a list of the properties of one dataset.
pub const MAX_PAYLOAD: usize = 16 << 20;

const MAGIC: u64 = 0x2_f5ba_cbac;

/// What the first record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes that follow it and belong to it.
    pub payload: usize,
    /// Several streams in one: `zfs send -I`, `-p` and `-R` make such.
    pub compound: bool,
}

/// Reads the first record.
pub fn head(record: &[u8; RECORD]) -> Result<Head, String> {
    let not = || "what comes is no ZFS stream".to_owned();
    let (kind, rest) = record.split_first_chunk::<4>().ok_or_else(not)?;
    let (payload, rest) = rest.split_first_chunk::<4>().ok_or_else(not)?;
    let (magic, rest) = rest.split_first_chunk::<8>().ok_or_else(not)?;
    let (info, _) = rest.split_first_chunk::<8>().ok_or_else(not)?;
    // In the byte order of the sender.
    let (payload, info) = match (u64::from_le_bytes(*magic), u64::from_be_bytes(*magic)) {
        (MAGIC, _) => (u32::from_le_bytes(*payload), u64::from_le_bytes(*info)),
        (_, MAGIC) => (u32::from_be_bytes(*payload), u64::from_be_bytes(*info)),
        _ => return Err(not()),
    };
    let payload = usize::try_from(payload).unwrap_or(usize::MAX);
    if *kind != [0; 4] || payload > MAX_PAYLOAD {
        return Err(not());
    }
    match info & 3 {
        1 => Ok(Head { payload, compound: false }),
        2 => Ok(Head { payload, compound: true }),
        _ => Err(not()),
    }
}

/// Whether the list that a compound stream begins with is that of one dataset: it says `not_recursive` at its top level.
pub fn check_compound(payload: &[u8]) -> Result<(), String> {
    // `zfs send -I` alone has no list.
    if payload.is_empty() {
        return Ok(());
    }
    let names = top_level_names(payload).ok_or("the list at the beginning of the stream cannot be read")?;
    if names.contains(&&b"not_recursive"[..]) {
        return Ok(());
    }
    Err("it is a stream of `zfs send -R`, which may rename and destroy; zfs_replicate sends none".to_owned())
}

/// The names of an nvlist in XDR (RFC 4506) with the header of `nvlist_pack`: each pair begins with its length.
fn top_level_names(list: &[u8]) -> Option<Vec<&[u8]>> {
    // Encoding 1 is XDR; version and flags of the list follow.
    let mut rest = list.strip_prefix(&[1])?.get(3 + 8..)?;
    let mut names = Vec::new();
    loop {
        let length = number(rest)?;
        if length == 0 {
            return Some(names);
        }
        let pair = rest.get(..length).filter(|pair| pair.len() >= 12)?;
        let name = number(pair.get(8..)?)?;
        names.push(pair.get(12..)?.get(..name)?);
        rest = rest.get(length..)?;
    }
}

fn number(bytes: &[u8]) -> Option<usize> {
    let (first, _) = bytes.split_first_chunk::<4>()?;
    usize::try_from(u32::from_be_bytes(*first)).ok()
}

#[cfg(test)]
mod tests {
    use super::{Head, MAGIC, RECORD, check_compound, head};
    use proptest::prelude::{any, prop, prop_assert, proptest};

    fn record(info: u64, payload: u32) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        record[4..8].copy_from_slice(&payload.to_le_bytes());
        record[8..16].copy_from_slice(&MAGIC.to_le_bytes());
        record[16..24].copy_from_slice(&info.to_le_bytes());
        record
    }

    fn list(names: &[&str]) -> Vec<u8> {
        let mut all = vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        for name in names {
            let padded = name.len().div_ceil(4) * 4;
            for number in [8 + 4 + padded + 8, 40, name.len()] {
                all.extend(u32::try_from(number).unwrap().to_be_bytes());
            }
            all.extend(name.bytes().chain(std::iter::repeat_n(0, padded - name.len())));
            all.extend([0, 0, 0, 1, 0, 0, 0, 0]);
        }
        all.extend([0; 8]);
        all
    }

    #[test]
    fn kinds_of_streams() {
        assert_eq!(head(&record(0x11, 0)), Ok(Head { payload: 0, compound: false }));
        assert_eq!(head(&record(2, 1000)), Ok(Head { payload: 1000, compound: true }));
        assert!(head(&record(0, 0)).is_err() && head(&record(3, 0)).is_err() && head(&record(1, u32::MAX)).is_err());
        assert!(head(&[0; RECORD]).is_err());
        assert!(check_compound(&[]).is_ok());
        assert!(check_compound(&list(&["tosnap", "fss", "not_recursive"])).is_ok());
        assert!(check_compound(&list(&["fromsnap", "tosnap", "fss"])).is_err());
        assert!(check_compound(&list(&["xnot_recursive"])).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(payload in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..80) {
            let _ = check_compound(&payload);
            let whole = list(&["tosnap", "not_recursive"]);
            let cut = whole.len().saturating_sub(cut + 1);
            // Cut anywhere, the list is not taken for whole.
            prop_assert!(cut >= whole.len() - 4 || cut == 0 || check_compound(&whole[..cut]).is_err());
            let mut bytes = [0; RECORD];
            bytes[..payload.len()].copy_from_slice(&payload);
            let _ = head(&bytes);
        }
    }
}
