//! Which of the listed datasets are meant. Pure.

use super::selection::{LeftOut, Selected, Selection, Unselected, select};
use super::swap::There;
use crate::model::DatasetName;
use crate::model::glob::Globs;

/// What is not sent, and why.
#[derive(Debug, Default)]
pub struct NotChosen {
    /// How many datasets an option leaves out.
    pub excluded: usize,
    /// What says of itself that it is not to be sent.
    pub left_out: Vec<LeftOut>,
    /// What fails because of what it says.
    pub refused: Vec<(DatasetName, Unselected)>,
}

/// By what is chosen. What is verified is chosen as it was when it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// Datasets that are listed.
    pub roots: &'a [DatasetName],
    /// Datasets as they were named, overlapping or not.
    pub named: &'a [DatasetName],
    /// Datasets left out, with all below them that is not named itself.
    pub exclude: &'a Globs,
    /// What counts of what datasets say of themselves.
    pub selection: &'a Selection,
    /// Not the roots, only what is below them.
    pub children_only: bool,
}

/// Takes from `sources` what is not to be sent.
pub fn choose(choice: Choice<'_>, sources: &mut There) -> NotChosen {
    let listed = sources.len();
    sources.retain(|name, _| !is_excluded(choice.exclude, choice.named, name));
    let excluded = listed - sources.len();
    let Selected { chosen, mut left_out, mut refused } = select(sources, choice.selection, choice.named);
    let is_only_looked_below = |name: &DatasetName| choice.children_only && choice.roots.contains(name);
    sources.retain(|name, _| chosen.contains(name) && !is_only_looked_below(name));
    left_out.retain(|one| !is_only_looked_below(&one.source));
    refused.retain(|(name, why)| !(is_only_looked_below(name) && matches!(why, Unselected::Unclear(_))));
    NotChosen { excluded, left_out, refused }
}

/// True for a dataset that is left out. The nearest word counts: what is named below something left out goes along.
#[must_use]
pub fn is_excluded(exclude: &Globs, named: &[DatasetName], dataset: &DatasetName) -> bool {
    let is_decided = |name: &DatasetName| exclude.matches(name.as_str()) || named.contains(name);
    let nearest = std::iter::once(dataset.clone()).chain(dataset.ancestors()).find(is_decided);
    nearest.is_some_and(|name| exclude.matches(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::is_excluded;
    use crate::model::DatasetName;
    use crate::model::glob::Globs;

    #[test]
    fn what_is_named_below_something_left_out_goes_along() {
        let exclude = Globs::new(&["tank/a/b".to_owned(), "tank/x".to_owned()]).unwrap();
        let named: Vec<DatasetName> = ["tank/a", "tank/a/b/c", "tank/x"].map(|name| name.parse().unwrap()).into();
        let excluded = |name: &str| is_excluded(&exclude, &named, &name.parse().unwrap());
        let names = ["tank/a", "tank/a/b", "tank/a/b/c", "tank/a/b/c/d", "tank/a/b/e", "tank/a/bb", "tank/x"];
        assert_eq!(names.map(excluded), [false, true, false, false, true, false, true]);
    }
}
