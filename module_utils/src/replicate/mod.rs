//! Replication end to end: request, gather, plan, execute, report.

pub mod execute;
pub mod gather;
pub mod progress;
pub mod report;
pub mod request;
pub mod streams;
