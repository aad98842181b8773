//! What planning needs to know beyond the listings, and of which datasets only: asking costs a command each time.

use super::common::{common_base, newer_on_target};
use super::mapping::Mapping;
use super::swap::There;
use super::wish::Wish;
use crate::model::asked::Known;
use crate::model::{Dataset, DatasetName, Partial, TokenContent, Version, VersionKind};
use std::collections::{BTreeSet, HashMap};

/// Both sides as they were listed.
#[derive(Clone, Copy, Debug)]
pub struct Listings<'a> {
    /// What is to be sent.
    pub sources: &'a There,
    /// What the target has.
    pub targets: &'a There,
    /// Where each source lands.
    pub mapping: &'a Mapping,
}

/// What to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Versions of the source whose IV sets decide.
    pub source_ivsets: Vec<String>,
    /// Snapshots of the target whose IV sets decide.
    pub target_ivsets: Vec<String>,
    /// Snapshots of the target after the common one: whether they hold anything decides.
    pub written: Vec<String>,
    /// Snapshots of the source whose age decides whether they are sent.
    pub created: Vec<String>,
    /// Resume tokens, which only the sending side can read.
    pub tokens: BTreeSet<String>,
    /// Something may have to be sent.
    pub something_to_send: bool,
}

/// What the sending side makes of a token, or why it cannot use it; and the bytes that it stands for.
pub type Decoded = (Result<TokenContent, String>, u64);

/// The answers, by what was asked about. What has vanished meanwhile has none.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// To [`Questions::source_ivsets`].
    pub source_ivsets: HashMap<String, u64>,
    /// To [`Questions::target_ivsets`].
    pub target_ivsets: HashMap<String, u64>,
    /// To [`Questions::written`].
    pub written: HashMap<String, u64>,
    /// To [`Questions::created`].
    pub created: HashMap<String, u64>,
    /// To [`Questions::tokens`].
    pub tokens: HashMap<String, Decoded>,
}

/// What must be asked before these can be planned.
#[must_use]
pub fn questions(listings: Listings<'_>, wish: &Wish) -> Questions {
    let mut questions = Questions::default();
    for source in listings.sources.values() {
        let target = listings.mapping.target_of(&source.name).ok().and_then(|name| listings.targets.get(&name));
        questions.ask_about(source, target, wish);
    }
    let partials = listings.targets.values().filter_map(|target| Some((&target.name, target.partial.as_ref()?)));
    let partials: Vec<(&DatasetName, &Partial)> = partials.collect();
    if !partials.is_empty() {
        let places: BTreeSet<DatasetName> =
            listings.sources.keys().filter_map(|name| listings.mapping.target_of(name).ok()).collect();
        let is_ours = |name: &DatasetName| places.contains(name) || name.place().is_some_and(|at| places.contains(&at));
        let ours = partials.into_iter().filter(|(name, _)| is_ours(name));
        questions.tokens = ours.map(|(_, partial)| partial.token.clone()).collect();
    }
    questions
}

impl Questions {
    fn ask_about(&mut self, source: &Dataset, target: Option<&Dataset>, wish: &Wish) {
        let has_more = |since: Option<u64>| {
            source.snapshots().any(|it| since.is_none_or(|txg| it.createtxg > txg) && wish.wants(&it.name))
        };
        let common = target.and_then(|target| Some((target, common_base(source, target)?)));
        if wish.since.is_some() {
            let later = common.map_or(0, |(_, (base, _))| base.createtxg);
            let later = source.snapshots().filter(|it| it.createtxg > later && wish.wants(&it.name));
            self.created.extend(later.map(|it| full(source, it)));
        }
        let Some((target, (base, twin))) = common else {
            self.something_to_send |= has_more(None);
            return;
        };
        // Where nothing is to be sent, nothing can be in its way.
        if !has_more(Some(base.createtxg)) {
            return;
        }
        self.something_to_send = true;
        if source.encrypted {
            self.source_ivsets.push(full(source, base));
            self.target_ivsets.push(full(target, twin));
        }
        // In the way of a raw stream they are, whatever they hold.
        if !wish.raw.applies_to(source) {
            self.written.extend(newer_on_target(target, twin).into_iter().map(|snapshot| full(target, snapshot)));
        }
    }
}

fn full(dataset: &Dataset, version: &Version) -> String {
    format!("{}{}", dataset.name, version.signed())
}

impl Answers {
    /// Adds what was answered to what was listed.
    pub fn add_to(self, sources: &mut There, targets: &mut There) {
        note(sources, &self.source_ivsets, |asked| &mut asked.ivset);
        note(sources, &self.created, |asked| &mut asked.created);
        note(targets, &self.target_ivsets, |asked| &mut asked.ivset);
        note(targets, &self.written, |asked| &mut asked.written);
        for partial in targets.values_mut().filter_map(|target| target.partial.as_mut()) {
            if let Some(decoded) = self.tokens.get(&partial.token) {
                (partial.content, partial.bytes) = decoded.clone();
            }
        }
    }
}

fn note(there: &mut There, answers: &HashMap<String, u64>, field: impl Fn(&mut Known) -> &mut Option<u64>) {
    let mut of_datasets: HashMap<&str, HashMap<(VersionKind, &str), u64>> = HashMap::new();
    for (full, answer) in answers {
        let (kind, parts) = match full.split_once('@') {
            Some(parts) => (VersionKind::Snapshot, Some(parts)),
            None => (VersionKind::Bookmark, full.split_once('#')),
        };
        if let Some((dataset, name)) = parts {
            of_datasets.entry(dataset).or_default().insert((kind, name), *answer);
        }
    }
    for dataset in there.values_mut() {
        let Some(answers) = of_datasets.get(dataset.name.as_str()) else { continue };
        for version in &mut dataset.versions {
            if let Some(answer) = answers.get(&(version.kind, version.name.as_str())) {
                *field(&mut version.asked) = Some(*answer);
            }
        }
    }
}

#[cfg(test)]
#[path = "questions_tests.rs"]
mod tests;
