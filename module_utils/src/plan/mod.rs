//! What to do, decided without doing it: no process, no clock, no file.

pub mod arrivals;
pub mod common;
pub mod conflict;
pub mod delegation;
pub mod deleted;
pub mod elsewhere;
pub mod features;
pub mod jobs;
pub mod mapping;
pub mod naming;
pub mod period;
pub mod policy;
pub mod questions;
pub mod reason;
pub mod removal;
pub mod replicate;
pub mod replicated;
pub mod resume;
pub mod retain;
pub mod schedule;
pub mod send_flags;
pub mod steps;
pub mod swap;
pub mod transfer;
pub mod wish;
