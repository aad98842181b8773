//! Replicates datasets between pools and hosts.
fn main() {}
