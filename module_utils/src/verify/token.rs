//! A resume token of our own making: it has `zfs send -t` begin somewhere within a snapshot, so that a pass can go on where it was. Pure.
//!
//! The format is that of `get_receive_resume_token_impl` in OpenZFS, module/zfs/dsl_dataset.c: `1-CHECKSUM-LENGTH-HEX`, where HEX is a list of
//! names and values, compressed. The list is written as XDR here, which libzfs reads on every machine.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::fmt::Write as _;
use std::io::Write as _;

/// Where a stream is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start<'a> {
    /// `DATASET@SNAPSHOT`
    pub snapshot: &'a str,
    /// Its guid.
    pub guid: u64,
    /// As it is stored, encrypted.
    pub raw: bool,
    /// The object that comes first.
    pub object: u64,
    /// From where in it on.
    pub offset: u64,
}

/// `DATA_TYPE_BOOLEAN`, `DATA_TYPE_UINT64`, `DATA_TYPE_STRING`.
const FLAG: u32 = 1;
const NUMBER: u32 = 8;
const TEXT: u32 = 9;

/// The token for it.
#[must_use]
pub fn token(start: &Start<'_>) -> String {
    let mut list = List::new();
    for (name, value) in [("object", start.object), ("offset", start.offset), ("bytes", 0), ("toguid", start.guid)] {
        list.add(name, NUMBER, 8, &value.to_be_bytes());
    }
    list.add("toname", TEXT, start.snapshot.len() + 1, &text(start.snapshot));
    // What `zfs send -L` and `zfs send -w` mean.
    let flags: &[&str] =
        if start.raw { &["largeblockok", "embedok", "compressok", "rawok"] } else { &["largeblockok"] };
    for flag in flags {
        list.add(flag, FLAG, 0, &[]);
    }
    list.token()
}

/// An `nvlist` as XDR.
struct List(Vec<u8>);

impl List {
    /// XDR, from a little-endian machine; version 0; names are unique.
    fn new() -> Self {
        Self(vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    }

    /// `unpacked` is the size of the value in memory, by which libzfs makes room.
    fn add(&mut self, name: &str, kind: u32, unpacked: usize, value: &[u8]) {
        let packed_name = text(name);
        let sizes = [8 + packed_name.len() + 8 + value.len(), aligned(16 + name.len() + 1) + aligned(unpacked)];
        for size in sizes {
            self.0.extend(u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
        }
        self.0.extend(packed_name);
        self.0.extend(kind.to_be_bytes());
        // A flag says all by being there.
        self.0.extend(u32::from(kind != FLAG).to_be_bytes());
        self.0.extend(value);
    }

    fn token(mut self) -> String {
        self.0.extend([0; 8]);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        // Memory takes whatever is written to it.
        let packed = encoder.write_all(&self.0).and_then(|()| encoder.finish()).unwrap_or_default();
        let words = packed.chunks_exact(4);
        let sum = words.map(|word| word.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        let checksum = sum.fold(0_u64, u64::wrapping_add);
        let mut token = format!("1-{checksum:x}-{:x}-", self.0.len());
        for byte in packed {
            let _ = write!(token, "{byte:02x}");
        }
        token
    }
}

fn aligned(size: usize) -> usize {
    size.next_multiple_of(8)
}

/// Its length, then its bytes, in words of four.
fn text(text: &str) -> Vec<u8> {
    let mut packed = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    packed.extend(text.as_bytes());
    packed.resize(packed.len().next_multiple_of(4), 0);
    packed
}

#[cfg(test)]
mod tests {
    use super::{Start, token};
    use std::io::Read;

    /// What OpenZFS 2.3.9 has read as an object 0x64 of tank/data@c (`zfs send -nvt`), before it was compressed.
    const LIST: &str = "0101000000000000000000010000002400000020000000066f626a656374000000000008000000010000000000000064\
        0000002400000020000000066f6666736574000000000008000000010000000000000000000000240000002000000005627974\
        65730000000000000800000001000000000000000000000024000000200000000674\
        6f677569640000000000080000000100000000000000070000002c0000002800000006746f6e616d6500000000000900000001\
        0000000b74616e6b2f646174614063000000002000000020\
        0000000c6c61726765626c6f636b6f6b00000001000000000000000000000000";

    #[test]
    fn a_token_is_as_libzfs_reads_it() {
        let start = Start { snapshot: "tank/data@c", guid: 7, raw: false, object: 0x64, offset: 0 };
        let token = token(&start);
        let parts: Vec<&str> = token.split('-').collect();
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        let packed = bytes(parts[3]);
        let mut list = Vec::new();
        flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut list).unwrap();
        assert_eq!(format!("{:x}", list.len()), parts[2]);
        let sum: u64 = packed.chunks_exact(4).map(|word| u64::from(u32::from_le_bytes(word.try_into().unwrap()))).sum();
        assert_eq!((parts[0], format!("{sum:x}").as_str()), ("1", parts[1]));
        assert_eq!(list, bytes(&LIST.split_whitespace().collect::<String>()));
    }
}
