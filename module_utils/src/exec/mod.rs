//! Running commands, here and over ssh: what they are, how they are started, watched and ended, and what their failures mean.

pub mod atomic_file;
mod cause;
pub mod children;
pub mod clock;
pub mod cmd;
mod complaints;
pub mod connections;
pub mod elevation;
pub mod failure;
pub mod foreign;
pub mod greeting;
pub mod hook;
pub mod limiter;
pub mod limits;
pub mod lock;
pub mod own_folder;
pub mod pipeline;
pub mod runner;
pub mod scripts;
pub mod session;
pub mod signals;
pub mod ssh;
pub mod stderr;
pub mod tail;
pub mod timezone;
pub mod turns;
