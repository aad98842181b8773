//! What `zpool status` prints of one pool, as JSON (OpenZFS 2.3 and later) or as text (before): the same facts. Pure.

mod json;
mod text;

pub use json::read as json;
pub use text::read as text;

#[cfg(test)]
#[path = "recorded_tests.rs"]
mod recorded;
