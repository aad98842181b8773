//! Compares replicas with their sources, block by block, by the streams that both would send of the newest snapshot that both have.
//!
//! Nothing is mounted, made or changed on either side, and no right is needed but to send. Filesystems and volumes are compared alike, and
//! what is encrypted as it is stored, without its key.

pub mod choose;
pub mod compare;
pub mod execute;
pub mod gather;
pub mod memory;
pub mod planned;
pub mod reading;
pub mod report;
pub mod request;
pub mod token;
