//! What to do, decided without doing it: no process, no clock, no file.

pub mod grants;
pub mod jobs;
pub mod mapping;
pub mod replicate;
pub mod steps;
