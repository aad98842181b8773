//! What the modules share: folders, the lowest first. A folder uses only those that stand before it (`tools/layers` checks that).

#![cfg_attr(test, allow(clippy::too_many_lines, reason = "a table of cases is as long as it has cases"))]

pub mod model;
pub mod stream;

pub mod exec;
pub mod plan;
pub mod zfs;

pub mod terminal;

pub mod delegate;
pub mod policy;
pub mod replicate;
pub mod verify;

pub mod gate;

pub mod ansible;

pub mod status;
