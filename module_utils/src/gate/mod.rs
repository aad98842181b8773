//! The restricted end: a forced command that serves `zfs_replicate`, and nobody else.

pub mod allowlist;
pub mod child;
pub mod command_line;
pub mod deleted;
pub mod denied;
pub mod explain;
pub mod options;
pub mod receive;
pub mod serve;
pub mod syslog;

#[cfg(test)]
mod agreement_tests;
