//! Ages and spans as people say them: `12 s`, `3 h`, `4 months`.

const UNITS: [(u64, &str); 7] = [
    (365 * 86_400, "year"),
    (61 * 86_400, "month"),
    (14 * 86_400, "week"),
    (2 * 86_400, "d"),
    (2 * 3_600, "h"),
    (120, "min"),
    (0, "s"),
];

/// A span in its largest unit of which it has at least two, but for years.
#[must_use]
pub fn span(seconds: u64) -> String {
    let (_, unit) = UNITS.into_iter().find(|(least, _)| seconds >= *least).unwrap_or((0, "s"));
    let length = match unit {
        "year" => 365 * 86_400,
        "month" => 2_629_800,
        "week" => 7 * 86_400,
        "d" => 86_400,
        "h" => 3_600,
        "min" => 60,
        _ => 1,
    };
    let count = seconds / length;
    let many = if unit.len() > 3 && count != 1 { "s" } else { "" };
    format!("{count} {unit}{many}")
}

/// How long ago `then` was; what is yet to come is now.
#[must_use]
pub fn age(now: i64, then: i64) -> u64 {
    u64::try_from(now.saturating_sub(then)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{age, span};

    #[test]
    fn the_largest_unit_that_says_enough() {
        for (seconds, said) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
            (13 * 86_400, "13 d"),
            (14 * 86_400, "2 weeks"),
            (135 * 86_400, "4 months"),
            (400 * 86_400, "1 year"),
        ] {
            assert_eq!(span(seconds), said);
        }
        assert_eq!((age(5, 3), age(3, 5)), (2, 0));
    }
}
