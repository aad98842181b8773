//! Streams of `zfs send`, read record by record before `zfs receive` sees them.
//!
//! What a stream does to the receiving pool is decided inside it: libzfs lets the head of a package (`zfs send -R`, `-p`, `-I`)
//! rename, destroy and create datasets, and looks for guids in the whole pool. So nothing that comes from another host is handed on as it
//! is. The head of a package is dropped; the plain streams in it, one dataset's history and each as it was asked for, go to `zfs receive`
//! behind a head of our own making, in which there is nothing to do.

pub mod content;
pub mod inlet;
pub mod planned;
pub mod reader;
pub mod record;

#[cfg(test)]
mod tests;
