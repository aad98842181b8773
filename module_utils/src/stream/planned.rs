//! What a stream must be to be what was planned. Pure.

use super::record::{Begin, Refused};
use crate::model::{DatasetName, Kind};

/// The streams that one `zfs send` was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The dataset that is sent.
    pub dataset: DatasetName,
    /// What it is.
    pub kind: Kind,
    /// It is sent as it is stored, encrypted.
    pub raw: bool,
    /// The rest of an interrupted stream.
    pub resuming: bool,
    /// The guid of what the first one builds upon; 0 for a full stream.
    pub from_guid: u64,
    /// The first one is of a clone, and builds upon its origin.
    pub clone: bool,
    /// Names and guids of the snapshots that may arrive, oldest first. The last one must.
    pub snapshots: Vec<(String, u64)>,
}

impl Planned {
    /// Checks a stream that begins, and goes on to what must follow it.
    pub fn check(&mut self, begin: &Begin) -> Result<(), Refused> {
        let name = format!("{}@{}", begin.dataset, begin.snapshot);
        if begin.dataset != self.dataset {
            return Err(format!("it is of {name}, but {} was asked for", self.dataset));
        }
        // What was destroyed on the source meanwhile is not in it.
        let known = self.snapshots.iter().position(|(name, guid)| *name == begin.snapshot && *guid == begin.to_guid);
        let Some(known) = known else {
            return Err(format!("it brings {name} with guid {}, which was not asked for", begin.to_guid));
        };
        if begin.clone && !self.clone {
            return Err(format!("it is a clone's stream ({name}), which was not asked for"));
        }
        if begin.from_guid != self.from_guid {
            return Err(format!("{name} in it builds upon guid {}, not upon {}", begin.from_guid, self.from_guid));
        }
        if begin.kind != self.kind {
            return Err(format!("{name} in it is a {}, which {} is not", word(begin.kind), self.dataset));
        }
        if begin.raw != self.raw {
            let (is, asked) = if begin.raw { ("raw", "plain") } else { ("plain", "raw") };
            return Err(format!("{name} comes {is}, but was asked for {asked}"));
        }
        if begin.resuming != self.resuming {
            return Err(format!(
                "{name} is {}the rest of an interrupted stream",
                if begin.resuming { "" } else { "not " }
            ));
        }
        self.snapshots.drain(..=known);
        self.clone = false;
        self.from_guid = begin.to_guid;
        self.resuming = false;
        Ok(())
    }

    /// True until the last snapshot has begun to arrive.
    #[must_use]
    pub fn expects_more(&self) -> bool {
        !self.snapshots.is_empty()
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Filesystem => "filesystem",
        Kind::Volume => "volume",
    }
}
