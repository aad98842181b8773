//! What a replication is asked to do, all checked before the first command runs.

use crate::exec::limiter::Limiter;
use crate::exec::pipeline::slots::Slots;
use crate::exec::pipeline::{Flow, SMALL_PIPE};
use crate::exec::ssh::Host;
use crate::model::DatasetName;
use crate::model::glob::Globs;
use crate::plan::choice::Choice;
use crate::plan::deleted::{DeletedDatasets, DeletedRules};
use crate::plan::mapping::{Mapping, Unmapped, without_overlaps};
use crate::plan::renamed::Renamed;
use crate::plan::selection::Selection;
use crate::plan::wish::Wish;
use crate::zfs::properties::is_users_own;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// A checked request.
#[derive(Debug)]
pub struct Request {
    /// Datasets to send; none is below another when `recursive`.
    pub roots: Vec<DatasetName>,
    /// Datasets as they were named, overlapping or not.
    pub named: Vec<DatasetName>,
    /// Where each lands.
    pub mapping: Mapping,
    /// The sending host.
    pub source: Host,
    /// The receiving host.
    pub target: Host,
    /// With descendants.
    pub recursive: bool,
    /// Datasets left out, with all below them that is not named itself.
    pub exclude: Globs,
    /// What counts of what datasets say of themselves.
    pub selection: Selection,
    /// Not the roots, only what is below them.
    pub children_only: bool,
    /// What is sent of each.
    pub wish: Wish,
    /// `-o` of a first receive.
    pub receive_properties: BTreeMap<String, String>,
    /// `-x`
    pub receive_exclude: Vec<String>,
    /// Properties of the sources go along.
    pub send_properties: bool,
    /// Nothing may land unencrypted.
    pub require_encrypted_target: bool,
    /// Bookmarks on the source.
    pub bookmarks: bool,
    /// Holds on both sides.
    pub holds: bool,
    /// Datasets in flight at once.
    pub parallel: usize,
    /// What steers the streams.
    pub flow: Flow,
    /// Tries after the first.
    pub retries: u32,
    /// What becomes of replicas whose source is gone.
    pub deleted: DeletedRules,
    /// What becomes of replicas whose source has another name.
    pub renamed: Renamed,
    /// When the run began.
    pub now: Timestamp,
    /// Time between tries.
    pub retry_delay: Duration,
}

/// Both ends over connections that no other stream uses at the same time, so that none is in the way of another or of commands.
#[derive(Debug)]
pub struct Lane {
    /// The sending host.
    pub source: Host,
    /// The receiving host.
    pub target: Host,
}

impl Request {
    /// The lane of this number. Lane 0 has the connections of everything else.
    #[must_use]
    pub fn lane(&self, number: usize) -> Lane {
        Lane { source: self.source.lane(number), target: self.target.lane(number) }
    }

    /// By what datasets are chosen.
    #[must_use]
    pub fn choice(&self) -> Choice<'_> {
        let Self { roots, named, exclude, selection, children_only, .. } = self;
        Choice { roots, named, exclude, selection, children_only: *children_only }
    }

    /// Where the roots land.
    pub fn targets(&self) -> impl Iterator<Item = DatasetName> + '_ {
        // Names that do not fit were refused when the request was made.
        self.roots.iter().filter_map(|root| self.mapping.target_of(root).ok())
    }

    /// Checks names and how they fit together; gives the roots to send and the rule where they land.
    pub fn names(
        source: &[String],
        target: &str,
        strip_prefix: Option<&str>,
        recursive: bool,
    ) -> Result<(Vec<DatasetName>, Mapping), String> {
        let named =
            |option: &str, name: &str| name.parse::<DatasetName>().map_err(|error| format!("option {option}: {error}"));
        if source.is_empty() {
            return Err("option source: at least one dataset is needed".to_owned());
        }
        let all = source.iter().map(|name| named("source", name)).collect::<Result<Vec<_>, _>>()?;
        let mapping = Mapping {
            target: named("target", target)?,
            strip_prefix: strip_prefix.map(|name| named("strip_prefix", name)).transpose()?,
        };
        let roots = without_overlaps(&all, recursive);
        for root in &roots {
            match mapping.target_of(root) {
                // That is one dataset that fails, not the task.
                Ok(_) | Err(Unmapped::TooLong(_)) => {}
                Err(unmapped @ Unmapped::Prefix { .. }) => return Err(unmapped.to_string()),
            }
        }
        Ok((roots, mapping))
    }

    /// Checks how datasets are chosen.
    pub fn selection(properties: &[String], opt_in: bool) -> Result<Selection, String> {
        if let Some(name) = properties.iter().find(|name| !is_users_own(name)) {
            return Err(format!(
                "option select.properties: {name:?} is not the name of a user property, such as ferro.zfs:replicate"
            ));
        }
        if opt_in && properties.is_empty() {
            return Err("option select.opt_in: without select.properties nothing can be chosen".to_owned());
        }
        Ok(Selection { properties: properties.to_vec(), opt_in })
    }

    /// Checks what makes sense only with what lies below the sources.
    pub fn goes_below(recursive: bool, children_only: bool, deleted: DeletedDatasets) -> Result<(), String> {
        match recursive {
            false if children_only => Err("option children_only: without recursive nothing would be sent".to_owned()),
            false if deleted.acts() => {
                Err("option deleted_datasets: without recursive nothing below a source is looked at".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Checks the properties and exclusions of `zfs receive`.
    pub fn receive_options(properties: &BTreeMap<String, String>, exclude: &[String]) -> Result<(), String> {
        let is_name = |name: &str| {
            !name.is_empty()
                && !name.starts_with('-')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:@".contains(c))
        };
        if let Some(name) = properties.keys().chain(exclude).find(|name| !is_name(name)) {
            return Err(format!("option receive_properties or receive_exclude: {name:?} is not a property name"));
        }
        if let Some(name) = exclude.iter().find(|name| properties.contains_key(*name)) {
            return Err(format!(
                "option receive_exclude: {name} is also in receive_properties; it can only be one of them"
            ));
        }
        Ok(())
    }

    /// The flow of a run. Between two local pools there is no line whose pauses a large buffer could fill, and a small one stays in
    /// the processor's cache: a quarter of the time is saved (measured by tests/bench/streams.py).
    #[must_use]
    pub fn flow(
        buffer: u64,
        bandwidth_limit: Option<u64>,
        stall: Duration,
        zstd: bool,
        (is_local, parallel): (bool, usize),
    ) -> Flow {
        let buffer = if is_local { buffer.min(SMALL_PIPE) } else { buffer };
        let limiter = bandwidth_limit.map(|rate| std::sync::Mutex::new(Limiter::new(rate, std::time::Instant::now())));
        Flow { buffer, limiter, stall, zstd, slots: Slots::new(parallel) }
    }

    /// True where properties are read on the source and set on the target one by one. A stream that brings them along is a package, which
    /// no other host sends or is sent; between pools of this one it is what `zfs send -p` makes.
    #[must_use]
    pub fn sets_properties(&self) -> bool {
        self.send_properties && !self.is_local()
    }

    /// True where streams bring the properties of their datasets.
    #[must_use]
    pub fn sends_properties(&self) -> bool {
        self.send_properties && self.is_local()
    }

    /// True where both sides are the same host, so that one could lie within the other.
    #[must_use]
    pub fn is_local(&self) -> bool {
        !self.source.is_remote() && !self.target.is_remote()
    }
}

#[cfg(test)]
mod tests {
    use super::Request;
    use std::collections::BTreeMap;

    #[test]
    fn wrong_names_are_told_with_their_option() {
        let names = |source: &str, target, strip| {
            Request::names(&[source.to_owned()], target, strip, true).map(drop).unwrap_err()
        };
        assert_eq!(
            names("-x", "backup", None),
            "option source: \"-x\" is not a valid dataset name: the pool's name starts with a letter"
        );
        assert_eq!(
            names("tank/a;rm", "backup", None),
            "option source: \"tank/a;rm\" is not a valid dataset name: ZFS does not allow ';' in it"
        );
        assert!(
            names("tank", "/etc/passwd", None)
                .starts_with("option target: \"/etc/passwd\" is not a valid dataset name")
        );
        assert_eq!(
            names("tank/a", "backup", Some("tank/b")),
            "strip_prefix tank/b does not fit source tank/a, which is neither it nor below it"
        );
    }

    #[test]
    fn a_property_is_set_or_left_out_not_both() {
        let properties = BTreeMap::from([("readonly".to_owned(), "on".to_owned())]);
        assert!(Request::receive_options(&properties, &["mountpoint".to_owned()]).is_ok());
        assert!(Request::receive_options(&properties, &["readonly".to_owned()]).is_err());
        assert!(Request::receive_options(&properties, &["-o".to_owned()]).is_err());
    }
}
