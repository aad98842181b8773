//! Snapshots by policy: taking them, and removing those that are no longer wanted.

pub mod count;
pub mod gone;
pub mod hooks;
pub mod kept;
pub mod lines;
pub mod permission;
pub mod prune;
pub mod refusal;
pub mod report;
pub mod request;
pub mod snapshot;
