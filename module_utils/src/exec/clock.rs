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

/// `20260102T030405Z`: a time that may stand in the name of a dataset.
#[must_use]
pub fn utc_stamp(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::utc_stamp;
    use jiff::Timestamp;

    #[test]
    fn stamps_are_utc() {
        for (seconds, stamp) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_767_322_999, "20260102T030319Z"),
            (4_107_542_399, "21000228T235959Z"),
        ] {
            assert_eq!(utc_stamp(Timestamp::from_second(seconds).unwrap()), stamp);
        }
    }
}
