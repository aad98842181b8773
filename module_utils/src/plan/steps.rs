//! The fewest `zfs send` streams that carry exactly the wanted snapshots.

use crate::model::Version;

/// One `zfs send | zfs receive`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which kind of stream.
    pub kind: StepKind,
    /// Where an incremental stream starts, with its sign: `@daily` or `#daily`; a clone's in full.
    pub from: Option<String>,
    /// The snapshot that the target has afterwards, without sign.
    pub to: String,
    /// The guid of that snapshot.
    pub to_guid: u64,
    /// How many snapshots arrive.
    pub snapshots: usize,
}

/// The kinds of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Everything of one snapshot.
    Full,
    /// `-i`: from one version to one snapshot.
    Incremental,
    /// `-I`: from one snapshot to another, with all between.
    Intermediates,
    /// `-i`: from a version of another dataset, which the target becomes a clone of.
    Clone,
    /// The rest of an interrupted stream.
    Resume,
}

impl StepKind {
    /// The word in the result.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Intermediates => "intermediates",
            Self::Clone => "clone",
            Self::Resume => "resume",
        }
    }
}

/// Steps from `base` over `later`, which are all source snapshots after it, oldest first, each with whether it is wanted.
///
/// A run of wanted snapshots is one `-I`, but a bookmark cannot start one (openzfs/zfs#12415) and what is not wanted must
/// not be carried, so such a start is stepped off with `-i` first. Without a base the first wanted snapshot goes in full.
#[must_use]
pub fn steps(base: Option<&Version>, later: &[(&Version, bool)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = base;
    let mut rest = later;
    while let Some(skipped) = rest.iter().position(|(_, wanted)| *wanted) {
        rest = &rest[skipped..];
        let length = rest.iter().take_while(|(_, wanted)| *wanted).count();
        let (run, after) = rest.split_at(length);
        rest = after;

        let adjacent = skipped == 0 && at.is_some_and(Version::is_snapshot);
        let start = if adjacent && length > 1 {
            0
        } else {
            let kind = if at.is_some() { StepKind::Incremental } else { StepKind::Full };
            steps.push(step(kind, at, &run[..1]));
            at = Some(run[0].0);
            1
        };
        match &run[start..] {
            [] => {}
            [one] => steps.push(step(StepKind::Incremental, at, &[*one])),
            many => steps.push(step(StepKind::Intermediates, at, many)),
        }
        at = run.last().map(|(version, _)| *version);
    }
    steps
}

fn step(kind: StepKind, from: Option<&Version>, run: &[(&Version, bool)]) -> Step {
    let to = run[run.len() - 1].0;
    Step { kind, from: from.map(Version::signed), to: to.name.clone(), to_guid: to.guid, snapshots: run.len() }
}

#[cfg(test)]
mod tests {
    use super::{StepKind, steps};
    use crate::model::{Version, VersionKind};
    use proptest::prelude::*;

    fn version(kind: VersionKind, txg: u64) -> Version {
        Version::listed(kind, txg.to_string(), 100 + txg, txg)
    }

    /// `"0 1 x2 3"`: base 0 (`#0` a bookmark, `-` none), then later snapshots, `x` where not wanted.
    fn planned(line: &str) -> String {
        let mut words = line.split(' ');
        let base = match words.next().unwrap() {
            "-" => None,
            word => Some(match word.strip_prefix('#') {
                Some(txg) => version(VersionKind::Bookmark, txg.parse().unwrap()),
                None => version(VersionKind::Snapshot, word.parse().unwrap()),
            }),
        };
        let later: Vec<(Version, bool)> = words
            .map(|word| {
                (version(VersionKind::Snapshot, word.trim_start_matches('x').parse().unwrap()), !word.starts_with('x'))
            })
            .collect();
        let later: Vec<_> = later.iter().map(|(version, wanted)| (version, *wanted)).collect();
        steps(base.as_ref(), &later)
            .iter()
            .map(|step| {
                let sign = match step.kind {
                    StepKind::Full => "full",
                    StepKind::Incremental => "-i",
                    StepKind::Intermediates => "-I",
                    StepKind::Clone => "clone",
                    StepKind::Resume => "-t",
                };
                [sign, step.from.as_deref().unwrap_or(""), step.to.as_str()].join(" ").replace("  ", " ")
            })
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn the_fewest_steps() {
        for (given, expected) in [
            ("-", ""),
            ("- 1", "full 1"),
            ("- 1 2", "full 1, -i @1 2"),
            ("- 1 2 3", "full 1, -I @1 3"),
            ("- x1 2 3 x4", "full 2, -i @2 3"),
            ("0", ""),
            ("0 x1", ""),
            ("0 1", "-i @0 1"),
            ("0 1 2 3", "-I @0 3"),
            ("0 x1 2 3 4", "-i @0 2, -I @2 4"),
            ("0 1 2 x3 4 5", "-I @0 2, -i @2 4, -i @4 5"),
            ("#0 1", "-i #0 1"),
            ("#0 1 2 3", "-i #0 1, -I @1 3"),
            ("#0 x1 2", "-i #0 2"),
        ] {
            assert_eq!(planned(given), expected, "{given}");
        }
    }

    proptest! {
        /// Whatever is wanted, exactly that arrives, in order, and no step starts where the one before did not end.
        #[test]
        fn exactly_the_wanted_arrive(wanted in prop::collection::vec(any::<bool>(), 0..12), base in 0..3) {
            let base = match base {
                0 => None,
                1 => Some(version(VersionKind::Bookmark, 0)),
                _ => Some(version(VersionKind::Snapshot, 0)),
            };
            let later: Vec<_> = wanted.iter().zip(1..).map(|(w, txg)| (version(VersionKind::Snapshot, txg), *w)).collect();
            let later: Vec<_> = later.iter().map(|(v, w)| (v, *w)).collect();
            let mut at = base.as_ref().map(Version::signed);
            let mut arrived = Vec::new();
            for step in steps(base.as_ref(), &later) {
                prop_assert_eq!(&step.from, &at);
                let to: u64 = step.to.parse().unwrap();
                match step.kind {
                    StepKind::Full => prop_assert!(at.is_none()),
                    StepKind::Incremental => {}
                    StepKind::Intermediates => {
                        let from = at.as_deref().unwrap();
                        prop_assert!(from.starts_with('@'));
                        arrived.extend(from[1..].parse::<u64>().unwrap() + 1..to);
                    }
                    StepKind::Clone | StepKind::Resume => unreachable!(),
                }
                arrived.push(to);
                at = Some(format!("@{}", step.to));
            }
            let expected: Vec<u64> = later.iter().filter(|(_, w)| *w).map(|(v, _)| v.createtxg).collect();
            prop_assert_eq!(arrived, expected);
        }
    }
}
