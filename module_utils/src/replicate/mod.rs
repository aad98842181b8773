//! Replication end to end: request, gather, plan, execute, report.

pub mod bookmarks;
pub mod carry;
pub mod commands;
pub mod dates;
pub mod deleted;
pub mod diagnose;
pub mod execute;
pub mod features;
pub mod gather;
pub mod holds;
pub mod hooked;
pub mod notices;
pub mod options;
pub mod orphans;
pub mod pass;
pub mod planned;
pub mod preflight;
pub mod progress;
pub mod refusal;
pub mod report;
pub mod request;
pub mod scheduler;
pub mod swap;
pub mod transfer;
pub mod verify;
