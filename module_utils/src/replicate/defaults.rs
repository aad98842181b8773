//! What options of the module are where nobody says otherwise.

use crate::model::units::{ByteSize, Span};

/// How much is buffered in front of the receiver.
#[must_use]
pub fn buffer_size() -> ByteSize {
    ByteSize(32 << 20)
}

/// How often a stream is tried again.
#[must_use]
pub fn retries() -> u32 {
    2
}

/// Time between two tries.
#[must_use]
pub fn retry_delay() -> Span {
    Span::seconds(5)
}

/// For how long nothing may be heard.
#[must_use]
pub fn stall_timeout() -> Span {
    Span::seconds(600)
}

/// How long a source must have been missing.
#[must_use]
pub fn deleted_after() -> Span {
    Span::seconds(30 * 24 * 3600)
}

/// How many replicas one run may remove.
#[must_use]
pub fn max_delete() -> usize {
    10
}
