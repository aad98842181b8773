//! What is said of datasets that are not sent.

use super::report::{DatasetError, DatasetReport};
use super::request::Request;
use crate::model::DatasetName;
use crate::plan::choice::NotChosen;
use crate::plan::selection::{LeftOut, Unselected};
use crate::plan::swap::There;
use serde::Serialize;

/// A dataset that is left out, in the result.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOutReport {
    /// Its path on the source.
    pub source: String,
    /// The property that leaves it out; none where only those are sent that have one.
    pub property: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// The topmost listed dataset that it comes from.
    pub set_on: Option<String>,
    /// The same in words.
    pub reason: String,
}

/// What was left out, in the result.
#[must_use]
pub fn left_out(all: &[LeftOut]) -> Vec<LeftOutReport> {
    let report = |LeftOut { source, said }: &LeftOut| LeftOutReport {
        source: source.to_string(),
        property: said.as_ref().map(|said| said.property.clone()),
        value: said.as_ref().map(|said| said.value.clone()),
        set_on: said.as_ref().map(|said| said.set_on.to_string()),
        reason: match said {
            Some(said) => format!("{said} leaves it out"),
            None => "nothing chooses it (select.opt_in)".to_owned(),
        },
    };
    all.iter().map(report).collect()
}

/// The same for people: what nothing chooses is only counted.
#[must_use]
pub fn lines(all: &[LeftOutReport]) -> Vec<String> {
    let (said, unsaid): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.property.is_some());
    let mut lines: Vec<String> = said.iter().map(|one| format!("{}: {}", one.source, one.reason)).collect();
    match &unsaid[..] {
        [] => {}
        [one] => lines.push(format!("{}: {}", one.source, one.reason)),
        [one, .., last] => lines.push(format!(
            "{} datasets from {} to {} are left out: nothing chooses them (select.opt_in)",
            unsaid.len(),
            one.source,
            last.source
        )),
    }
    lines
}

/// Reports of what fails.
#[must_use]
pub fn refused(request: &Request, all: &[(DatasetName, Unselected)]) -> Vec<DatasetReport> {
    let report = |(name, why): &(DatasetName, Unselected)| {
        let target = request.mapping.target_of(name).map(|target| target.to_string()).unwrap_or_default();
        DatasetReport::of_error(name.as_str(), &target, DatasetError::of_plan(why))
    };
    all.iter().map(report).collect()
}

/// What was asked for by name and is not sent itself, or has nothing below it that is.
#[must_use]
pub fn warnings(
    request: &Request,
    all: &NotChosen,
    sources: &There,
    listed: &dyn Fn(&DatasetName) -> bool,
) -> Vec<String> {
    let named = all.left_out.iter().filter(|one| request.named.contains(&one.source));
    let partly = named.filter_map(|LeftOut { source, said }| {
        let said = said.as_ref()?;
        Some(format!("{source} is named in source, but {said} leaves it out; what is sent lies below it"))
    });
    let is_empty = |root: &&DatasetName| {
        let has = |name: &DatasetName| name != *root && name.below(root).is_some();
        listed(root) && !sources.keys().any(has) && !all.refused.iter().any(|(name, _)| name.below(root).is_some())
    };
    let empty = request.roots.iter().filter(|_| request.children_only).filter(is_empty);
    let empty = empty
        .map(|root| format!("nothing below {root} is there to be sent, and children_only leaves {root} itself out"));
    partly.chain(empty).collect()
}
