//! "Did you mean" suggestions.

use strsim::osa_distance;

/// The nearest of `known`, if it is near enough to be worth a question.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let nearest = by_similarity(word, known).into_iter().next()?;
    (osa_distance(word, nearest) <= limit).then_some(nearest)
}

/// All of `known`, the most similar first. To swap two neighbours is one slip, not two.
#[must_use]
pub fn by_similarity<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = known.into_iter().collect();
    all.sort_by_key(|known| (osa_distance(word, known), *known));
    all
}

#[cfg(test)]
mod tests {
    use super::{by_similarity, nearest};

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let known = ["send", "snapshot", "receive", "release"];
        assert_eq!(nearest("sned", known), Some("send"));
        assert_eq!(nearest("recieve", known), Some("receive"));
        assert_eq!(nearest("snapshots", known), Some("snapshot"));
        assert_eq!(nearest("frobnicate", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn what_is_most_similar_comes_first() {
        assert_eq!(by_similarity("hihg", ["critical", "high", "low", "none"]), ["high", "low", "none", "critical"]);
        assert_eq!(by_similarity("Critical", ["critical", "high", "low"]), ["critical", "high", "low"]);
    }
}
