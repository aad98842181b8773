//! Which datasets say of themselves, by user properties, whether they are replicated. Pure.
//!
//! ZFS hands user properties down, so that a dataset may take out all that is below it, and one of
//! those bring itself back. Whatever is left out so is told: it is somebody's data without a copy.

use crate::model::code::codes;
use crate::model::{Dataset, DatasetName};
use std::collections::{BTreeMap, BTreeSet};

/// What counts of what datasets say.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The properties that are asked for; of those that a dataset has, the first counts.
    pub properties: Vec<String>,
    /// Only datasets that say yes.
    pub opt_in: bool,
}

/// A property of a dataset, and where that has it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its name.
    pub property: String,
    /// Its value.
    pub value: String,
    /// The topmost of the listed datasets from which it comes down unchanged.
    pub set_on: DatasetName,
    /// Nothing above that was listed, so it may come from there.
    pub or_above: bool,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let or_above = if self.or_above { " or above it" } else { "" };
        let value: String = self.value.chars().map(|c| if c.is_control() { '?' } else { c }).take(80).collect();
        write!(f, "{}={value}, set on {}{or_above},", self.property, self.set_on)
    }
}

/// A dataset that is left out, and what says so; nothing where only those are sent that say yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub source: DatasetName,
    /// What says so.
    pub said: Option<Said>,
}

/// Why a dataset cannot be left out in peace, nor be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unselected {
    /// It was asked for by name, and nothing of it is sent.
    #[error(
        "it is named in source, but {said} leaves it out, and nothing below it is sent either. `zfs set {}=on {name}` on the sending side \
         brings it back; if it shall have no copy, take it out of source",
        said.property
    )]
    Named {
        /// Its name.
        name: DatasetName,
        /// What leaves it out.
        said: Said,
    },
    /// The same, where only those are sent that say yes, and none does.
    #[error(
        "only datasets with {property}=on are sent (select.opt_in), and neither it nor anything below it has that. `zfs set {property}=on \
         {name}` on the sending side chooses it, with all below it"
    )]
    NoneSelected {
        /// Its name.
        name: DatasetName,
        /// What would choose it.
        property: String,
    },
    /// Nobody knows what it means.
    #[error(
        "{0} is neither on, yes or true nor off, no or false, so nobody knows whether it is to be sent. Set it to one of them on the \
         sending side, or give it up there (zfs inherit)"
    )]
    Unclear(Said),
}

codes! {
    Unselected {
        Named => "named_but_left_out",
        NoneSelected => "none_selected",
        Unclear => "selection_unclear",
    }
}

/// What is sent, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// What is sent.
    pub chosen: BTreeSet<DatasetName>,
    /// What says that it is not.
    pub left_out: Vec<LeftOut>,
    /// What fails.
    pub refused: Vec<(DatasetName, Unselected)>,
}

/// Judges `sources`. `named` are those that were asked for by name.
#[must_use]
pub fn select(sources: &BTreeMap<DatasetName, Dataset>, selection: &Selection, named: &[DatasetName]) -> Selected {
    let mut selected = Selected::default();
    for (name, dataset) in sources {
        let said = selection.said(dataset, sources);
        match said.as_ref().map_or(Some(!selection.opt_in), |said| meaning(&said.value)) {
            Some(true) => {
                selected.chosen.insert(name.clone());
            }
            Some(false) => selected.left_out.push(LeftOut { source: name.clone(), said }),
            None => selected.refused.extend(said.map(|said| (name.clone(), Unselected::Unclear(said)))),
        }
    }
    selected.refuse_lost(selection, named);
    selected
}

impl Selected {
    /// Whoever was asked for by name, and has nothing left, must not drop out in silence.
    fn refuse_lost(&mut self, selection: &Selection, named: &[DatasetName]) {
        // Names sort behind those above them, but others may stand between.
        let is_above = |name: &DatasetName, of: &DatasetName| of.below(name).is_some();
        let has_any = |name: &DatasetName| {
            let tried = self.refused.iter().map(|(refused, _)| refused);
            self.chosen.iter().chain(tried).any(|other| is_above(name, other))
        };
        let is_lost = |one: &LeftOut| named.contains(&one.source) && !has_any(&one.source);
        let (lost, left_out) = std::mem::take(&mut self.left_out).into_iter().partition::<Vec<_>, _>(is_lost);
        self.left_out = left_out;
        let refusal = |LeftOut { source: name, said }: LeftOut| {
            let property = selection.properties.first().cloned().unwrap_or_default();
            let unselected = match said {
                Some(said) => Unselected::Named { name: name.clone(), said },
                None => Unselected::NoneSelected { name: name.clone(), property },
            };
            (name, unselected)
        };
        self.refused.extend(lost.into_iter().map(refusal));
    }
}

impl Selection {
    /// What counts of what a dataset says.
    fn said(&self, dataset: &Dataset, listed: &BTreeMap<DatasetName, Dataset>) -> Option<Said> {
        let is_set = |value: &&String| !matches!(value.as_str(), "" | "-");
        let at = self.properties.iter().zip(&dataset.selection).position(|(_, value)| is_set(&value))?;
        let value = dataset.selection[at].clone();
        let same = |name: &DatasetName| listed.get(name).is_some_and(|above| above.selection.get(at) == Some(&value));
        let set_on = dataset.name.ancestors().take_while(same).last().unwrap_or_else(|| dataset.name.clone());
        let or_above = set_on.parent().is_some_and(|above| !listed.contains_key(&above));
        Some(Said { property: self.properties[at].clone(), value, set_on, or_above })
    }
}

/// Whether a value means that its dataset is sent, if that is known.
fn meaning(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "yes" | "true" => Some(true),
        "off" | "no" | "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
