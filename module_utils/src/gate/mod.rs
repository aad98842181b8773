//! The restricted end: a forced command that serves `zfs_replicate`, and nobody else.

pub mod act;
pub mod explain;
pub mod grammar;
pub mod options;
pub mod receive;
pub mod syslog;
pub mod words;
