//! The records of a stream: their headers as data, and what no real sender ever writes. Pure.
//!
//! Source: `dmu_replay_record` in OpenZFS, include/sys/zfs_ioctl.h; what the kernel makes of each in module/zfs/dmu_recv.c. The layout
//! and the sizes of payloads have been the same since OpenZFS 0.8.

use crate::model::{DatasetName, Kind, check_version_name};

/// Bytes of a header.
pub const HEADER: usize = 312;

/// A header as it comes.
pub type Header = [u8; HEADER];

/// The largest payload: a block of the largest size (`SPA_MAXBLOCKSIZE`).
pub const MAX_BLOCK: u64 = 16 << 20;

/// The largest list that a plain stream begins with: keys of a raw stream, where a resumed one goes on. They take about 1 KiB.
const MAX_BEGIN_PAYLOAD: u32 = 64 << 10;

/// Why a stream is not handed on.
pub type Refused = String;

/// One record, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A plain stream begins.
    Begin(Begin),
    /// A package of streams begins.
    Package,
    /// A stream, or a package's head, or the package ends.
    End {
        /// The guid of the snapshot that is whole now; 0 where a package or its head ends.
        to_guid: u64,
    },
    /// Anything between: what changes in the dataset.
    Change {
        /// The guid of the snapshot that the stream is of.
        to_guid: u64,
        /// Bytes that follow the header.
        payload: u64,
    },
}

/// What a plain stream says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The dataset that was sent. The receiver does not use it where its own is named.
    pub dataset: DatasetName,
    /// The snapshot that arrives.
    pub snapshot: String,
    /// Its guid.
    pub to_guid: u64,
    /// The guid of what it builds upon; 0 for a full stream.
    pub from_guid: u64,
    /// What the dataset is.
    pub kind: Kind,
    /// It is sent as it is stored, encrypted.
    pub raw: bool,
    /// The rest of an interrupted stream.
    pub resuming: bool,
    /// It is of a clone, and builds upon its origin: who receives it must name that, or libzfs looks for it in the whole pool.
    pub clone: bool,
    /// Bytes that follow the header.
    pub payload: u64,
}

/// `DMU_BACKUP_FEATURE_*`: what a stream needs of its receiver.
mod feature {
    pub const SA_SPILL: u64 = 1 << 2;
    pub const EMBED_DATA: u64 = 1 << 16;
    pub const LZ4: u64 = 1 << 17;
    pub const LARGE_BLOCKS: u64 = 1 << 19;
    pub const RESUMING: u64 = 1 << 20;
    pub const COMPRESSED: u64 = 1 << 22;
    pub const LARGE_DNODE: u64 = 1 << 23;
    pub const RAW: u64 = 1 << 24;
    pub const ZSTD: u64 = 1 << 25;
    pub const SWITCH_TO_LARGE_BLOCKS: u64 = 1 << 27;
    pub const LONGNAME: u64 = 1 << 28;
    pub const LARGE_MICROZAP: u64 = 1 << 29;
    /// Not deduplicated (no longer receivable), not redacted (`zfs send --redact` is never run here), no holds (packages only).
    pub const ALLOWED: u64 = SA_SPILL
        | EMBED_DATA
        | LZ4
        | LARGE_BLOCKS
        | RESUMING
        | COMPRESSED
        | LARGE_DNODE
        | RAW
        | ZSTD
        | SWITCH_TO_LARGE_BLOCKS
        | LONGNAME
        | LARGE_MICROZAP;
}

/// `DRR_FLAG_*` of a beginning.
const FLAGS_ALLOWED: u32 = FLAG_CLONE | 1 << 1 | 1 << 2 | 1 << 3;
const FLAG_CLONE: u32 = 1;

const MAGIC: u64 = 0x2_f5ba_cbac;

/// `DRR_END`.
const END: u32 = 5;

/// `DMU_COMPOUNDSTREAM`: a package of streams.
const PACKAGED: u64 = 2;

/// Where a beginning has its name.
const NAME_AT: usize = 56;

/// How a package of streams is called in refusals.
pub const PACKAGE: &str =
    "a stream with properties or of several datasets (zfs send -p or -R), which may set, rename and destroy";

/// The largest index of a compression algorithm that OpenZFS has (`ZIO_COMPRESS_ZSTD`); larger ones are an index past a table.
const MAX_COMPRESSION: u8 = 16;
/// Blocks are made of sectors of this size (`SPA_MINBLOCKSIZE`).
const SECTOR: u64 = 512;
/// `DN_MAX_OBJECT`: object numbers have 48 bits.
const MAX_OBJECT: u64 = (1 << 48) - 1;
/// `DN_BONUS_SIZE` of the largest dnode.
const MAX_BONUS: u32 = 16 << 10;
/// `BPE_PAYLOAD_SIZE`: what fits into a block pointer.
const MAX_EMBEDDED: u32 = 112;

/// Reads the fields of a header in the byte order of this machine: a stream of the other one is refused at its beginning.
pub(super) struct Fields<'a>(pub(super) &'a Header);

impl Fields<'_> {
    pub(super) fn u8(&self, at: usize) -> u8 {
        self.0[at]
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[at..at + 4]);
        u32::from_le_bytes(bytes)
    }

    pub(super) fn u64(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[at..at + 8]);
        u64::from_le_bytes(bytes)
    }
}

/// The head of a package: its first header, and the one that ends its (empty) list. Of a sender's own head, nothing is handed on, so
/// libzfs finds nothing in it to do but to receive one stream after another (`zfs_receive_package` in lib/libzfs/libzfs_sendrecv.c).
#[must_use]
pub fn package_head(first: &Header) -> [Header; 2] {
    let (mut head, mut end) = ([0; HEADER], [0; HEADER]);
    head[8..16].copy_from_slice(&MAGIC.to_le_bytes());
    head[16..24].copy_from_slice(&PACKAGED.to_le_bytes());
    // Its name, of which libzfs takes the dataset.
    head[NAME_AT..].copy_from_slice(&first[NAME_AT..]);
    end[..4].copy_from_slice(&END.to_le_bytes());
    for (at, word) in fletcher_4(&head).into_iter().enumerate() {
        end[8 + 8 * at..16 + 8 * at].copy_from_slice(&word.to_le_bytes());
    }
    [head, end]
}

/// The checksum of streams: `fletcher_4_incremental_native` in module/zcommon/zfs_fletcher.c.
fn fletcher_4(header: &Header) -> [u64; 4] {
    header.chunks_exact(4).fold([0; 4], |[a, b, c, d]: [u64; 4], word| {
        let word = word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let a = a.wrapping_add(word);
        let b = b.wrapping_add(a);
        let c = c.wrapping_add(b);
        [a, b, c, d.wrapping_add(c)]
    })
}

/// Reads a header. `raw` is whether it lies within a raw stream.
pub fn read(header: &Header, raw: bool) -> Result<Record, Refused> {
    let fields = Fields(header);
    let (name, to_guid, payload) = match fields.u32(0) {
        0 => return begin(&fields),
        END => return end(&fields),
        1 => ("OBJECT", fields.u64(40), object(&fields)),
        2 => ("FREEOBJECTS", fields.u64(24), Some(0)),
        3 => ("WRITE", fields.u64(40), write(&fields)),
        4 => ("FREE", fields.u64(32), free(&fields)),
        7 => ("SPILL", fields.u64(24), spill(&fields, raw)),
        8 => ("WRITE_EMBEDDED", fields.u64(32), embedded(&fields)),
        9 => ("OBJECT_RANGE", fields.u64(24), raw.then_some(0)),
        6 => return Err("it is a deduplicated stream, which OpenZFS 2.0 and later do not receive".to_owned()),
        10 => return Err("it is a redacted stream; zfs_replicate sends none".to_owned()),
        other => return Err(format!("it has a record of the unknown kind {other}")),
    };
    match payload {
        Some(payload) => Ok(Record::Change { to_guid, payload }),
        None => Err(format!("it has a {name} record with impossible values")),
    }
}

fn begin(fields: &Fields<'_>) -> Result<Record, Refused> {
    let not = || "what comes is no ZFS stream".to_owned();
    if fields.u64(8) != MAGIC {
        let other_order = fields.u64(8).swap_bytes() == MAGIC;
        return Err(if other_order {
            "it comes from a big-endian machine, whose streams are not read here".to_owned()
        } else {
            not()
        });
    }
    let version = fields.u64(16);
    let (header_type, features) = (version & 3, version >> 2);
    let payload = fields.u32(4);
    match header_type {
        1 => {}
        PACKAGED if payload == 0 => return Ok(Record::Package),
        PACKAGED => return Err(format!("it is {PACKAGE}; zfs_replicate sends none")),
        _ => return Err(not()),
    }
    if let unknown @ 1.. = features & !feature::ALLOWED {
        return Err(format!("it needs features that are not received here ({unknown:#x})"));
    }
    let flags = fields.u32(36);
    if flags & !FLAGS_ALLOWED != 0 {
        return Err(format!("it has unknown flags ({flags:#x})"));
    }
    let kind = match fields.u32(32) {
        2 => Kind::Filesystem,
        3 => Kind::Volume,
        other => return Err(format!("it is of an object set of type {other}, neither filesystem nor volume")),
    };
    let (raw, resuming) = (features & feature::RAW != 0, features & feature::RESUMING != 0);
    // Only these two bring a list along, which the kernel alone reads.
    if payload > MAX_BEGIN_PAYLOAD || (payload > 0 && !raw && !resuming) {
        return Err(format!("it begins with {payload} bytes that do not belong there"));
    }
    let (dataset, snapshot) = name(fields.0)?;
    let (to_guid, from_guid) = (fields.u64(40), fields.u64(48));
    if to_guid == 0 || to_guid == from_guid {
        return Err("its guids are impossible".to_owned());
    }
    let (clone, payload) = (flags & FLAG_CLONE != 0, u64::from(payload));
    if clone && from_guid == 0 {
        return Err("it is a clone's stream that builds upon nothing".to_owned());
    }
    Ok(Record::Begin(Begin { dataset, snapshot, to_guid, from_guid, kind, raw, resuming, clone, payload }))
}

/// `drr_toname`: a C string in 256 bytes.
fn name(header: &Header) -> Result<(DatasetName, String), Refused> {
    let bytes = &header[NAME_AT..];
    let length = bytes.iter().position(|byte| *byte == 0).ok_or("the name in it has no end")?;
    let text = std::str::from_utf8(&bytes[..length]).map_err(|_| "the name in it is no text")?;
    let (dataset, snapshot) =
        text.split_once('@').ok_or_else(|| format!("it is named {text:?}, which is no snapshot"))?;
    let dataset = dataset.parse::<DatasetName>().map_err(|error| error.to_string())?;
    check_version_name(snapshot).map_err(|error| error.to_string())?;
    Ok((dataset, snapshot.to_owned()))
}

fn end(fields: &Fields<'_>) -> Result<Record, Refused> {
    match fields.u32(4) {
        0 => Ok(Record::End { to_guid: fields.u64(40) }),
        _ => Err("it has an END record with a payload".to_owned()),
    }
}

/// A block's size on disk where it is sent as stored, else its size; none if that cannot be.
fn block(size: u64, stored: Option<(u8, u64)>) -> Option<u64> {
    let fits = |size: u64| size > 0 && size <= MAX_BLOCK && size.is_multiple_of(SECTOR);
    match stored {
        _ if !fits(size) => None,
        None => Some(size),
        Some((algorithm, stored)) => (algorithm <= MAX_COMPRESSION && fits(stored) && stored <= size).then_some(stored),
    }
}

fn object(fields: &Fields<'_>) -> Option<u64> {
    let (number, kind, block_size) = (fields.u64(8), fields.u32(16), u64::from(fields.u32(24)));
    let (bonus, compression, raw_bonus) = (fields.u32(28), fields.u8(33), fields.u32(36));
    let fits = (1..=MAX_OBJECT).contains(&number)
        && kind != 0
        && block(block_size, None).is_some()
        && bonus <= MAX_BONUS
        && raw_bonus <= MAX_BONUS
        && compression <= MAX_COMPRESSION;
    fits.then(|| u64::from(if raw_bonus > 0 { raw_bonus } else { bonus.next_multiple_of(8) }))
}

fn write(fields: &Fields<'_>) -> Option<u64> {
    let (number, kind, offset, size) = (fields.u64(8), fields.u32(16), fields.u64(24), fields.u64(32));
    let compression = fields.u8(50);
    let stored = (compression != 0).then(|| (compression, fields.u64(96)));
    let payload = block(size, stored)?;
    // Not a multiple of its size: without -L, a block larger than 128 KiB comes in pieces.
    let fits = number <= MAX_OBJECT && (1..=0xff).contains(&kind) && offset.is_multiple_of(SECTOR);
    (fits && offset.checked_add(size).is_some()).then_some(payload)
}

fn free(fields: &Fields<'_>) -> Option<u64> {
    let (number, offset, length) = (fields.u64(8), fields.u64(16), fields.u64(24));
    let fits = length == u64::MAX || offset.checked_add(length).is_some();
    (number <= MAX_OBJECT && fits).then_some(0)
}

fn spill(fields: &Fields<'_>, raw: bool) -> Option<u64> {
    let (number, size, compression, stored) = (fields.u64(8), fields.u64(16), fields.u8(33), fields.u64(40));
    // A plain one is never compressed: the kernel copies what is said to be stored into a buffer of its size.
    let payload = match (raw, stored) {
        (false, 0) => block(size, None)?,
        (false, _) | (true, 0) => return None,
        (true, stored) => block(size, Some((compression, stored)))?,
    };
    (1..=MAX_OBJECT).contains(&number).then_some(payload)
}

fn embedded(fields: &Fields<'_>) -> Option<u64> {
    let (number, offset, length) = (fields.u64(8), fields.u64(16), fields.u64(24));
    let (compression, size, stored) = (fields.u8(40), u64::from(fields.u32(48)), fields.u32(52));
    let fits = (1..=MAX_OBJECT).contains(&number)
        && offset.checked_add(length).is_some()
        && length <= MAX_BLOCK
        && compression <= MAX_COMPRESSION
        && (1..=MAX_BLOCK).contains(&size)
        && (1..=MAX_EMBEDDED).contains(&stored);
    fits.then(|| u64::from(stored.next_multiple_of(8)))
}
