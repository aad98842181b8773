//! The result, as data: the same fields in check mode and for real.

pub use super::action::Action;
use crate::exec::failure::{ErrorReport, Failure};
use crate::model::DatasetName;
use crate::model::code::Coded;
use crate::plan::conflict::Conflict;
use crate::plan::resume::Discard;
use crate::plan::steps::Step;
use crate::plan::transfer::{Clearing, PartialPlan, Plan};
use crate::plan::window::PassedOver;
use serde::Serialize;
use std::fmt::Display;

/// One dataset in the result.
#[derive(Clone, Debug, Serialize)]
pub struct DatasetReport {
    /// Its path on the source.
    pub source: String,
    /// Its path on the target.
    pub target: String,
    /// What it needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The streams.
    pub steps: Vec<StepReport>,
    /// The base, with its sign; that of a clone in full.
    pub from: Option<String>,
    /// The snapshot of the target that it becomes a clone of, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The newest snapshot that the target then has of the source.
    pub to: Option<String>,
    /// When that was taken, in RFC 3339; none where it was not asked or is not known.
    pub to_created: Option<String>,
    /// Its identity, as text; none where it was not asked or is not known.
    pub to_guid: Option<String>,
    /// Snapshots that arrived, or would.
    pub snapshots: usize,
    /// Bytes sent; in check mode the estimate.
    pub bytes: u64,
    /// Time spent, in seconds.
    pub seconds: f64,
    /// How it ended.
    pub status: Status,
    /// What the replica was called before, because `renamed: follow` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// What was not sent, because of its number or age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<PassedOver>,
    /// What an interrupted receive had left and was discarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discarded: Option<Discarded>,
    /// What made way on the target, because `on_diverged: rollback` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<RolledBack>,
    /// Where the target went that was in the way, because `on_diverged: set_aside` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<SetAside>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<DatasetError>,
}

/// What made way on the target.
#[derive(Clone, Debug, Serialize)]
pub struct RolledBack {
    /// The common snapshot.
    pub to: String,
    /// Snapshots of the target that were destroyed.
    pub destroyed: Vec<String>,
    /// Bytes written since the target's newest snapshot, lost too.
    pub written: u64,
}

/// Where the target went.
#[derive(Clone, Debug, Serialize)]
pub struct SetAside {
    /// Its new name.
    pub name: String,
    /// Why, for programs.
    pub code: &'static str,
    /// Why.
    pub reason: String,
    /// What the conflict of the two sides consists of.
    pub conflict: Box<Conflict>,
}

impl SetAside {
    /// A target that has, or is to have, the name `to` for this reason.
    #[must_use]
    pub fn new(to: &DatasetName, reason: &Conflict) -> Self {
        let (name, conflict) = (to.to_string(), Box::new(reason.clone()));
        Self { name, code: reason.code(), reason: reason.to_string(), conflict }
    }
}

/// How a dataset ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The target has what is wanted.
    Ok,
    /// Check mode: it would.
    Planned,
    /// It does not.
    Failed,
    /// It was not tried.
    Skipped,
    /// It was found below a root, and was gone before it could be sent.
    Vanished,
}

/// One stream in the result.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// The base, with its sign.
    pub from: Option<String>,
    /// The snapshot that it ends with.
    pub to: String,
    /// Full, incremental, intermediates or resume.
    pub kind: &'static str,
    /// What ZFS expects; only asked in check mode.
    pub bytes_estimated: Option<u64>,
}

/// What an interrupted receive had left, and is discarded.
#[derive(Clone, Debug, Serialize)]
pub struct Discarded {
    /// Why, for programs.
    pub code: &'static str,
    /// Why.
    pub reason: String,
    /// How much.
    pub bytes: u64,
}

impl From<&Discard> for Discarded {
    fn from(discard: &Discard) -> Self {
        Self { code: discard.reason.code(), reason: discard.reason.to_string(), bytes: discard.bytes }
    }
}

/// Why a dataset failed.
#[derive(Clone, Debug, Serialize)]
pub struct DatasetError {
    /// What all modules tell of a failure.
    #[serde(flatten)]
    pub error: ErrorReport,
    /// What the conflict of the two sides consists of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Box<Conflict>>,
    /// All of it in one line.
    #[serde(skip)]
    pub line: String,
}

impl From<&Failure> for DatasetError {
    fn from(failure: &Failure) -> Self {
        Self { error: ErrorReport::from(failure), conflict: None, line: failure.to_string() }
    }
}

impl DatasetError {
    /// A refusal of the planner: both sides are fine, but do not go together as asked for.
    #[must_use]
    pub fn of_plan(refusal: &(impl Coded + Display)) -> Self {
        Self { error: ErrorReport::of_plan(refusal), conflict: None, line: refusal.to_string() }
    }

    /// The same, where it is the sides that do not go together.
    #[must_use]
    pub fn of_conflict(conflict: &Conflict) -> Self {
        Self { conflict: Some(Box::new(conflict.clone())), ..Self::of_plan(conflict) }
    }
}

impl DatasetReport {
    /// A report of what is planned, before anything is done.
    #[must_use]
    pub fn of_plan(source: &str, target: &str, plan: &Plan) -> Self {
        let mut report = Self::empty(source, target);
        match plan {
            Plan::NoSnapshots { discard } => {
                report.action = Some(Action::NoSnapshots);
                report.discarded = discard.as_ref().map(Discarded::from);
            }
            Plan::UpToDate { base, discard } => {
                report.action = Some(Action::UpToDate);
                report.to = Some(base.name.clone());
                report.discarded = discard.as_ref().map(Discarded::from);
            }
            Plan::Send(transfer) => {
                report.action = transfer.steps.first().map(Action::of);
                report.steps = transfer.steps.iter().map(StepReport::from).collect();
                report.from = transfer.steps.first().and_then(|step| step.from.clone());
                report.origin = transfer.origin.as_ref().map(|origin| origin.snapshot.clone());
                report.to = transfer.steps.last().map(|step| step.to.clone());
                report.snapshots = transfer.steps.iter().map(|step| step.snapshots).sum();
                match &transfer.clearing {
                    Some(Clearing::Rollback { to, destroyed, written }) => {
                        let (to, destroyed) = (to.clone(), destroyed.clone());
                        report.rolled_back = Some(RolledBack { to, destroyed, written: *written });
                    }
                    Some(Clearing::SetAside { to, reason }) => {
                        report.set_aside = Some(SetAside::new(to, reason));
                    }
                    None => {}
                }
                if let Some(PartialPlan::Discard(discard)) = &transfer.partial {
                    report.discarded = Some(Discarded::from(discard));
                }
            }
        }
        report
    }

    /// A report of a dataset that cannot even be planned.
    #[must_use]
    pub fn of_error(source: &str, target: &str, error: DatasetError) -> Self {
        Self { status: Status::Failed, error: Some(error), ..Self::empty(source, target) }
    }

    fn empty(source: &str, target: &str) -> Self {
        Self {
            source: source.to_owned(),
            target: target.to_owned(),
            action: None,
            steps: Vec::new(),
            from: None,
            origin: None,
            to: None,
            to_created: None,
            to_guid: None,
            snapshots: 0,
            bytes: 0,
            seconds: 0.0,
            status: Status::Ok,
            renamed_from: None,
            passed_over: None,
            discarded: None,
            rolled_back: None,
            set_aside: None,
            error: None,
        }
    }

    /// It is gone, and with it what was to be done.
    pub fn vanish(&mut self) {
        self.status = Status::Vanished;
        self.error = None;
        self.steps.clear();
    }

    /// Only so many of the planned streams have arrived; the next one, if any, was tried.
    pub fn ends_at(&mut self, arrived: usize) {
        let newest = arrived.checked_sub(1).and_then(|last| self.steps.get(last)).map(|step| step.to.clone());
        // Of a clone that has not begun, nothing is there.
        let from = self.from.as_ref().filter(|_| self.origin.is_none());
        let base = || from.map(|from| from.trim_start_matches(['@', '#']).to_owned());
        self.to = newest.or_else(base);
        self.steps.truncate(arrived + 1);
        if arrived == 0 {
            self.snapshots = 0;
        }
    }

    /// What the target had before: nothing of a new clone.
    pub(super) fn had(&self) -> Option<&str> {
        self.from.as_deref().filter(|_| self.origin.is_none())
    }

    /// True if it got, or would get, something.
    #[must_use]
    pub fn is_change(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Why it failed, in full.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let Self { source, target, error, .. } = self;
        error.as_ref().map(|error| format!("{source} -> {target}: {}", error.line))
    }
}

impl From<&Step> for StepReport {
    fn from(step: &Step) -> Self {
        Self { from: step.from.clone(), to: step.to.clone(), kind: step.kind.word(), bytes_estimated: None }
    }
}
