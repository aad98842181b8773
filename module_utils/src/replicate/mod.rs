//! Replication end to end: request, gather, plan, execute, report.

pub mod account;
pub mod bookmarks;
pub mod crew;
pub mod diagnose;
pub mod entries;
pub mod execute;
pub mod features;
pub mod gather;
pub mod holds;
pub mod notices;
pub mod preflight;
pub mod progress;
pub mod report;
pub mod request;
pub mod settle;
pub mod streams;
pub mod swap;
pub mod transfer;
