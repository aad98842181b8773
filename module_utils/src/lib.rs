//! What the modules share, in the order of dependence: each file uses only those above it.

pub mod de;
pub mod glob;
pub mod grants;
pub mod model;
pub mod nearest;
pub mod summed;
pub mod units;

pub mod plan;

pub mod children;
pub mod cmd;
pub mod connections;
pub mod foreign;
pub mod greeting;
pub mod limiter;
pub mod limits;
pub mod lock;
pub mod own_folder;
pub mod whole_file;

pub mod pipeline;
pub mod process;
pub mod replicate;
pub mod scripts;
pub mod signals;
pub mod ssh;
pub mod stream;
pub mod tail;
pub mod zfs;
pub mod zone;

pub mod policy;

pub mod accounts;
pub mod delegate;
pub mod gate;

pub mod record;

pub mod ansible;
#[cfg(feature = "argspec")]
pub mod argspec;
pub mod cli;
