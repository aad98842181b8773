//! The `zfs send` and `zfs receive` of each step.

use super::request::Request;
use crate::exec::cmd::Cmd;
use crate::model::marks::{REPLICA, SMALL};
use crate::model::{Dataset, DatasetName, Kind};
use crate::plan::steps::{Step, StepKind};
use crate::plan::transfer::{PartialPlan, Replaces, Transfer};
use crate::stream::planned::Planned;

/// Native properties that only filesystems have. Given to a volume, `zfs receive` refuses the whole stream.
/// Source: `zfs_prop_init` in OpenZFS, module/zcommon/zfs_prop.c.
const FILESYSTEM_ONLY: [&str; 33] = [
    "aclinherit",
    "aclmode",
    "acltype",
    "atime",
    "canmount",
    "casesensitivity",
    "defaultgroupquota",
    "defaultprojectquota",
    "defaultuserquota",
    "devices",
    "direct",
    "dnodesize",
    "exec",
    "filesystem_limit",
    "jailed",
    "longname",
    "mountpoint",
    "nbmand",
    "normalization",
    "overlay",
    "quota",
    "recordsize",
    "refquota",
    "relatime",
    "setuid",
    "sharenfs",
    "sharesmb",
    "snapdir",
    "special_small_blocks",
    "utf8only",
    "vscan",
    "xattr",
    "zoned",
];

/// Native properties that only volumes have.
const VOLUME_ONLY: [&str; 4] = ["snapdev", "volmode", "volsize", "volthreading"];

/// Properties that say how a dataset is encrypted. A raw stream brings them along, and lets nobody say otherwise.
const ENCRYPTION: [&str; 4] = ["encryption", "keyformat", "keylocation", "pbkdf2iters"];

/// True if a dataset of this kind has the property.
pub(super) fn applies(property: &str, kind: Kind) -> bool {
    match kind {
        Kind::Filesystem => !VOLUME_ONLY.contains(&property),
        Kind::Volume => !FILESYSTEM_ONLY.contains(&property),
    }
}

/// `zfs send` of one step.
#[must_use]
pub fn send(request: &Request, source: &DatasetName, transfer: &Transfer, step: &Step) -> Cmd {
    send_with(&[], request, source, transfer, step)
}

/// `zfs send -nvP` of one step: its estimate.
#[must_use]
pub fn estimate(request: &Request, source: &DatasetName, transfer: &Transfer, step: &Step) -> Cmd {
    send_with(&["-nvP"], request, source, transfer, step)
}

fn send_with(extra: &[&str], request: &Request, source: &DatasetName, transfer: &Transfer, step: &Step) -> Cmd {
    let cmd = Cmd::new("zfs").arg("send").args(extra);
    if let (StepKind::Resume, Some(PartialPlan::Resume { token })) = (step.kind, &transfer.partial) {
        // The token fixes every other flag.
        return cmd.args(["-t", token]);
    }
    // Raw means -Lec.
    let flags = if transfer.raw { Some("-w".to_owned()) } else { transfer.flags.argument() };
    let is_bare = flags.is_none();
    let cmd = cmd.args(flags);
    let cmd = if request.send_properties && request.is_local() { cmd.arg("-p") } else { cmd };
    let cmd = match (step.kind, &step.from) {
        (StepKind::Incremental | StepKind::Clone, Some(from)) => cmd.args(["-i", from]),
        (StepKind::Intermediates, Some(from)) => cmd.args(["-I", from]),
        _ => cmd,
    };
    // No flags are no oversight: the gate takes them to be meant only so.
    let cmd = if is_bare { cmd.arg("--") } else { cmd };
    cmd.arg(format!("{source}@{}", step.to))
}

/// What the stream of one step must be.
#[must_use]
pub fn planned(source: &Dataset, transfer: &Transfer, step: &Step) -> Planned {
    let origin = transfer.origin.as_ref().filter(|origin| step.from.as_ref() == Some(&origin.from));
    let from = step.from.as_ref().and_then(|from| source.versions.iter().find(|version| version.signed() == *from));
    let to = source.snapshots().position(|snapshot| snapshot.guid == step.to_guid);
    let all = source.snapshots().take(to.map_or(0, |to| to + 1));
    let snapshots: Vec<(String, u64)> = match step.kind {
        StepKind::Intermediates => all
            .filter(|snapshot| from.is_some_and(|from| snapshot.createtxg > from.createtxg))
            .map(|snapshot| (snapshot.name.clone(), snapshot.guid))
            .collect(),
        _ => vec![(step.to.clone(), step.to_guid)],
    };
    Planned {
        dataset: source.name.clone(),
        kind: source.kind,
        // `zfs send -w` of what is not encrypted is an ordinary stream.
        raw: transfer.raw && source.encrypted,
        resuming: step.kind == StepKind::Resume,
        from_guid: origin.map(|origin| origin.guid).or(from.map(|from| from.guid)).unwrap_or(0),
        clone: origin.is_some(),
        snapshots,
    }
}

/// `zfs receive` of one step. `first` is true where the target gets its first snapshot; `settings` are properties of the source that it
/// is given each time.
#[must_use]
pub fn receive(
    request: &Request,
    source: &Dataset,
    target: &DatasetName,
    transfer: &Transfer,
    first: bool,
    settings: &[(String, String)],
) -> Cmd {
    // -u: nothing is mounted, ever.
    let mut cmd = Cmd::new("zfs").args(["receive", "-u"]);
    if request.wish.resume && transfer.resumable {
        cmd = cmd.arg("-s");
    }
    if first && transfer.replaces == Replaces::Placeholder {
        // Only over an empty parent that we made ourselves.
        cmd = cmd.arg("-F");
    }
    let origin = transfer.origin.as_ref().filter(|_| first);
    if let Some(origin) = origin {
        cmd = cmd.arg("-o").arg(format!("origin={}", origin.snapshot));
    }
    // A stream with properties brings them each time.
    if first || request.send_properties {
        for (name, value) in &request.receive_properties {
            let is_fixed =
                (transfer.raw || transfer.key.plain || origin.is_some()) && ENCRYPTION.contains(&name.as_str());
            if applies(name, source.kind) && !is_fixed {
                cmd = cmd.arg("-o").arg(format!("{name}={value}"));
            }
        }
        if first && transfer.key.plain {
            cmd = cmd.args(["-o", "encryption=off"]);
        }
        for name in &request.receive_exclude {
            if applies(name, source.kind) {
                cmd = cmd.arg("-x").arg(name);
            }
        }
    }
    for (name, value) in settings {
        cmd = cmd.arg("-o").arg(format!("{name}={value}"));
    }
    let small = if transfer.raw || transfer.flags.large_block { "" } else { SMALL };
    let is_to_be_marked = first || !transfer.raw && transfer.flags.begins_small;
    if is_to_be_marked && !request.receive_properties.contains_key(REPLICA) {
        // So that whoever prunes there knows that its dates are another host's word, and which dataset it is of.
        cmd = cmd.arg("-o").arg(format!("{REPLICA}={}{small}", source.guid));
    }
    cmd.arg(if first { transfer.landing(target) } else { target })
}
