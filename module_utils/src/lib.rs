//! What the modules share, in the order of dependence: each file uses only those above it.

pub mod de;
pub mod glob;
pub mod model;
pub mod units;

pub mod plan;

pub mod ansible;
#[cfg(feature = "argspec")]
pub mod argspec;
pub mod cli;
