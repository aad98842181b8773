//! What to do, decided without doing it: no process, no clock, no file.

pub mod mapping;
pub mod replicate;
pub mod steps;
