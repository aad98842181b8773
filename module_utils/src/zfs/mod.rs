//! How ZFS is spoken to: what its answers and its complaints mean, and the commands themselves.

pub mod allow;
pub mod batches;
pub mod commands;
pub mod deleted;
pub mod parse;
pub mod pools;
pub mod properties;
pub mod rows;
pub mod snapshots;
pub mod versions;
