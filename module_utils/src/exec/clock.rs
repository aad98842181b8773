//! The clock of this host. Everything else is told the time, so that a test can say what it is.

use jiff::Timestamp;

/// Now. A build for tests believes `FERRO_NOW` (RFC 3339) instead; a release does not read it.
#[must_use]
pub fn now() -> Timestamp {
    #[cfg(debug_assertions)]
    if let Some(given) = std::env::var("FERRO_NOW").ok().and_then(|text| text.parse().ok()) {
        return given;
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that looks at the clock")]
    Timestamp::now()
}
