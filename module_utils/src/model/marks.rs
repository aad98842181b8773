//! User properties by which the project knows what it has made.

/// The user property that marks parents which we made without data. Its value is the parent's guid, or, of earlier versions and
/// until the guid is known, its name. It says whose mark it is, because children inherit user properties, and their data is not
/// for overwriting.
pub const PLACEHOLDER: &str = "ferro.zfs:placeholder";

/// The user property by which somebody says whether a dataset is replicated: `on` or `off`. It is the only one here that is not ours to set.
pub const REPLICATE: &str = "ferro.zfs:replicate";

/// The user property that marks datasets as replicas. Its value is the guid of the dataset that was sent, or `pushed` where the sender did
/// not say. Children inherit it. [`SMALL`] behind the guid: it is sent without `-L`, which must stay so.
pub const REPLICA: &str = "ferro.zfs:replica";

/// What the mark of a replica ends with that is sent without `-L`.
pub const SMALL: &str = "-small-blocks";

/// The user property on a replica that says below which dataset of the sending side it was last seen to be fed from: that dataset's guid.
/// Whoever mirrors deletions removes nothing that it has not fed itself.
pub const FED: &str = "ferro.zfs:fed";

/// The user property on a replica whose source is missing: an [`super::absence::Absence`].
pub const MISSING: &str = "ferro.zfs:missing";
