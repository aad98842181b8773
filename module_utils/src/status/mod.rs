//! What state the backups of this host are in: gathered from ZFS and from what the jobs leave, judged by one list of checks, and shown.
//!
//! Everything but [`gather`] and its sources is pure. Whoever shows it, for people, for Nagios, for Prometheus, over MQTT or HTTP, decides
//! nothing: what is wrong is in [`checks::judge`] alone. Ages come before counts; what was declared and never ran is "never", and what
//! cannot be read is "unknown": neither is ever fine.

pub mod ages;
pub mod answers;
pub mod asking;
pub mod assemble;
pub mod checks;
mod columns;
pub mod coverage;
pub mod files;
pub mod gather;
pub mod jobs;
pub mod kept;
pub mod metrics;
pub mod model;
pub mod mqtt;
pub mod nagios;
pub mod options;
pub mod replicas;
pub mod replication;
pub mod report;
pub mod said;
pub mod screen;
pub mod snapshots;
pub mod timers;
pub mod verified;
pub mod zfs_list;
pub mod zpool_list;
pub mod zpool_status;

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod agreement;
#[cfg(test)]
#[path = "sample_tests.rs"]
mod sample;
