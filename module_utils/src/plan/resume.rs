//! Whether what an interrupted receive left is of use.

use super::wish::Wish;
use crate::model::code::codes;
use crate::model::{Dataset, DatasetName, Partial, Version};

/// What is discarded, because it does not fit any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discard {
    /// Where it is.
    pub on: DatasetName,
    /// Why it is of no use.
    pub reason: Useless,
    /// How many bytes are lost.
    pub bytes: u64,
}

/// Why an interrupted receive is not resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Useless {
    /// The option.
    #[error("resume is off")]
    ResumeOff,
    /// The sending side cannot use its token.
    #[error("{0}")]
    NoToken(String),
    /// Its snapshot is not among those to send.
    #[error("it ends with {to}, which {source} does not have to send any more", source = .dataset)]
    NotToSend {
        /// Its snapshot.
        to: String,
        /// The source.
        dataset: DatasetName,
    },
    /// Its guid is that of another snapshot.
    #[error("it names {named}, but that guid is {actual}")]
    Renamed {
        /// What it says.
        named: String,
        /// What there is.
        actual: String,
    },
    /// It is incremental to something else.
    #[error("it starts from another snapshot than the newest common one")]
    OtherBase,
    /// Something else comes first.
    #[error("it ends with {to}, which is not what is wanted next")]
    NotNext {
        /// Its snapshot.
        to: String,
    },
    /// It is raw, or not.
    #[error("it is {}, {} is wanted", if *is_raw { "raw" } else { "plain" }, if *is_raw { "plain" } else { "raw" })]
    OtherMode {
        /// What it is.
        is_raw: bool,
    },
}

codes! {
    Useless {
        ResumeOff => "resume_off",
        NoToken => "token_unusable",
        NotToSend => "partial_not_to_send",
        Renamed => "partial_renamed",
        OtherBase => "partial_other_base",
        NotNext => "partial_not_next",
        OtherMode => "partial_other_mode",
    }
}

/// Where in `later` the interrupted stream ends, or why it is of no use.
pub fn resumable(
    source: &Dataset,
    base: Option<u64>,
    later: &[(&Version, bool)],
    partial: &Partial,
    wish: &Wish,
) -> Result<usize, Useless> {
    if !wish.resume {
        return Err(Useless::ResumeOff);
    }
    let content = partial.content.as_ref().map_err(|reason| Useless::NoToken(reason.clone()))?;
    let not_to_send = || Useless::NotToSend { to: content.to_name.clone(), dataset: source.name.clone() };
    let index = later.iter().position(|(version, _)| version.guid == content.to_guid).ok_or_else(not_to_send)?;
    let to = later[index].0;
    let actual = format!("{}@{}", source.name, to.name);
    if content.to_name != actual {
        return Err(Useless::Renamed { named: content.to_name.clone(), actual });
    }
    if content.from_guid != base {
        return Err(Useless::OtherBase);
    }
    if !wish.wants(&to.name) || later[..index].iter().any(|(_, wanted)| *wanted) {
        return Err(Useless::NotNext { to: actual });
    }
    // Whether a stream of unencrypted data is raw makes no difference to what arrives.
    if source.encrypted && content.raw != wish.raw.applies_to(source) {
        return Err(Useless::OtherMode { is_raw: content.raw });
    }
    Ok(index)
}

/// What is discarded where nothing is sent.
#[must_use]
pub fn discard(on: &Dataset, reason: Useless) -> Option<Discard> {
    let partial = on.partial.as_ref()?;
    Some(Discard { on: on.name.clone(), reason, bytes: partial.bytes })
}
