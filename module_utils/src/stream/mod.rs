//! Streams of `zfs send`, read record by record before `zfs receive` sees them.
//!
//! What a stream does to the receiving pool is decided inside it: libzfs lets a package (`zfs send -R`, `-p`, `-I`) rename, destroy and
//! create datasets, and looks for guids in the whole pool. So nothing that comes from another host is handed on as it is. A package is
//! taken apart here, and each plain stream in it goes to a `zfs receive` of its own, which reads one stream and no more.

pub mod inlet;
pub mod planned;
pub mod reader;
pub mod record;

#[cfg(test)]
mod tests;
