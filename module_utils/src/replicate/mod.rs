//! Replication end to end: request, gather, plan, execute, report.

pub mod account;
pub mod execute;
pub mod gather;
pub mod preflight;
pub mod progress;
pub mod report;
pub mod request;
pub mod streams;
