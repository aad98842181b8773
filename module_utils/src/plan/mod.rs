//! What to do, decided without doing it: no process, no clock, no file.

pub mod mapping;
pub mod naming;
pub mod period;
pub mod replicate;
pub mod schedule;
pub mod steps;
