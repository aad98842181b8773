//! What a module owes Ansible and who runs it by hand: arguments, result, files for those who look later.

pub mod args;
#[cfg(feature = "argspec")]
pub mod argspec;
pub mod cli;
pub mod fault;
pub mod misfit;
pub mod module;
pub mod outcome;
pub mod status_file;
pub mod task;
pub mod validate;
