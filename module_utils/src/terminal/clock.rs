//! Times as a clock shows them.

/// Hours, minutes and seconds: `0:01:12`.
#[must_use]
pub fn hms(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// How long something took: `0.4 s`, and of a minute or more `0:01:12`.
#[must_use]
pub fn took(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats saturates")]
    hms(seconds.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::{hms, took};

    #[test]
    fn as_a_clock() {
        assert_eq!([0, 59, 72, 3600, 360_000].map(hms), ["0:00:00", "0:00:59", "0:01:12", "1:00:00", "100:00:00"]);
        let shown = [0.04, 1.26, 59.9, 59.96, 72.4, 4000.0, -1.0].map(took);
        assert_eq!(shown, ["0.0 s", "1.3 s", "59.9 s", "0:01:00", "0:01:12", "1:06:40", "0.0 s"]);
    }
}
