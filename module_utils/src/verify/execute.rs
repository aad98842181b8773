//! Compares replica after replica, and remembers how far it came whatever happens.

use super::choose::NotComparable;
use super::compare::{Advance, Comparison, resumable};
use super::gather::gather;
use super::memory::{Memory, Pass, Remembered};
use super::planned::{Planned, Work, plan};
use super::reading::Reading;
use super::report::{Report, Status, line, places};
use super::request::Request;
use super::token::{Start, token};
use crate::exec::clock;
use crate::exec::cmd::Cmd;
use crate::exec::failure::ErrorReport;
use crate::exec::runner::{Attempt, Failure, Runner};
use crate::exec::signals;
use crate::exec::ssh::Host;
use crate::exec::stderr::Cause;
use crate::model::code::{Coded, codes};
use crate::plan::selection::LeftOut;
use crate::stream::content::{Digester, Expected, Place};
use std::time::Instant;

/// What a run did.
#[derive(Debug, Default)]
pub struct Run {
    /// Each replica, by the name of its source.
    pub reports: Vec<Report>,
    /// What says of itself that it is not replicated.
    pub left_out: Vec<LeftOut>,
    /// What harmed nothing and is to be known.
    pub warnings: Vec<String>,
}

/// The two sides are not the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Differs {
    /// What is in the replica is not what is in the source.
    #[error(
        "the replica is not what the source is: {0}. `zpool status -v` of both pools, then a scrub, tell which of the two is \
         damaged; where neither is, somebody or something has put other data there"
    )]
    Content(String),
}

codes! {
    Differs {
        Content => "content_differs",
    }
}

/// How a comparison ended.
enum End {
    /// Both streams, at the same time.
    Whole,
    /// There are differences enough to tell.
    Enough,
    /// As much as is wanted for this run.
    UsedUp,
    /// It could not go on.
    Failed(Failure),
}

/// Says what would be compared.
pub fn check(request: &Request, memory: &Memory, runner: &Runner) -> Result<Run, Failure> {
    let sides = gather(request, memory, runner)?;
    let planned = plan(&sides, &request.mapping, memory, request.now.as_second());
    let report = |planned: Planned| match planned.work {
        Some(_) => Report { status: Status::Planned, ..planned.report },
        None => planned.report,
    };
    Ok(sorted(planned.into_iter().map(report).collect(), sides.not_chosen.left_out, Vec::new()))
}

/// Compares.
pub fn verify(request: &Request, memory: &mut Memory, runner: &Runner, tell: &dyn Fn(&str)) -> Result<Run, Failure> {
    let sides = gather(request, memory, runner)?;
    let (mut reports, mut warnings) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    for planned in plan(&sides, &request.mapping, memory, request.now.as_second()) {
        let is_over = request.budget.is_used_up(bytes, Instant::now()) || signals::received().is_some();
        let report =
            if is_over { waiting(planned) } else { look(request, memory, runner, planned, bytes, &mut warnings) };
        bytes += report.bytes;
        tell(&line(&report));
        reports.push(report);
    }
    Ok(sorted(reports, sides.not_chosen.left_out, warnings))
}

fn sorted(mut reports: Vec<Report>, left_out: Vec<LeftOut>, warnings: Vec<String>) -> Run {
    reports.sort_by(|a, b| a.source.cmp(&b.source));
    Run { reports, left_out, warnings }
}

/// It has no turn. What was found to be wrong before is so still, as far as anybody knows.
fn waiting(planned: Planned) -> Report {
    match planned.remembered.problem {
        Some(problem) if planned.work.is_some() => Report { status: problem, ..planned.report },
        _ => planned.report,
    }
}

/// Compares one replica, and remembers what came of it.
fn look(
    request: &Request,
    memory: &mut Memory,
    runner: &Runner,
    planned: Planned,
    before: u64,
    warnings: &mut Vec<String>,
) -> Report {
    let started = Instant::now();
    let Planned { mut report, mut remembered, work } = planned;
    remembered.looked_at = Some(request.now.as_second());
    if let Some(mut work) = work {
        let (mut comparison, mut end) = compare(request, runner, &work, before);
        if work.goes_on && cannot_begin_there(&comparison, &end) {
            warnings.push(format!(
                "{} cannot be compared from object {} on, where the last run was, so it is compared from its beginning",
                work.snapshots[0], work.pass.object
            ));
            work = Work { goes_on: false, pass: Pass { object: 0, offset: 0, bytes: 0, ..work.pass }, ..work };
            report.from_object = None;
            (comparison, end) = compare(request, runner, &work, before);
        }
        report.bytes = comparison.bytes;
        judge(&mut report, &comparison, &end, &work);
        remember(&mut remembered, &report, &comparison, work.pass);
    }
    remembered.problem = Some(report.status).filter(|status| status.is_failure());
    (report.verified_at, report.verified_snapshot) = (remembered.verified_at, remembered.verified_snapshot.clone());
    report.seconds = started.elapsed().as_secs_f64();
    memory.keep(remembered);
    if let Some(path) = &request.state_file
        && let Err(message) = memory.write(path)
        && !warnings.contains(&message)
    {
        warnings.push(message);
    }
    report
}

/// The object is not in the snapshot, as where an earlier one was compared before.
fn cannot_begin_there(comparison: &Comparison, end: &End) -> bool {
    let End::Failed(failure) = end else { return false };
    comparison.parts == 0 && matches!(failure.cause, Cause::DoesNotExist | Cause::Other)
}

fn judge(report: &mut Report, comparison: &Comparison, end: &End, work: &Work) {
    report.differences.clone_from(&comparison.differences);
    if !comparison.differences.is_empty() {
        report.status = Status::Differs;
        report.error = Some(found(&Differs::Content(places(&comparison.differences))));
        return;
    }
    match end {
        // A stream without a single object is none.
        End::Whole | End::Enough if comparison.parts > 0 => report.status = Status::Verified,
        End::Whole | End::Enough => {
            report.status = Status::NotComparable;
            let why = NotComparable::Refused { said: format!("the stream of {} has nothing in it", work.snapshots[0]) };
            report.error = Some(found(&why));
        }
        End::UsedUp => report.status = Status::InProgress,
        End::Failed(failure) => {
            let (status, why) = of_failure(failure, work);
            report.status = status;
            let error = ErrorReport::from(failure);
            report.error = Some(match why {
                Some(why) => ErrorReport { code: why.code(), caused_by: Some(why.to_string()), ..error },
                None => error,
            });
        }
    }
}

/// What no command said, but what it read.
fn found(why: &(impl Coded + std::fmt::Display)) -> ErrorReport {
    ErrorReport { stage: "verify", ..ErrorReport::of_plan(why) }
}

/// What a failed stream means for the replica.
fn of_failure(failure: &Failure, work: &Work) -> (Status, Option<NotComparable>) {
    let why = match failure.cause {
        Cause::Damaged | Cause::Suspended => return (Status::Unreadable, None),
        Cause::DoesNotExist => NotComparable::Vanished { snapshot: work.pass.snapshot.clone(), said: failure.reason() },
        Cause::KeyNotLoaded => NotComparable::KeyNotLoaded { dataset: failure.command.to_string() },
        Cause::Refused | Cause::Permission => NotComparable::Refused { said: failure.reason() },
        _ => return (Status::Failed, None),
    };
    (Status::NotComparable, Some(why))
}

/// Where the next run goes on: up to where all was alike, so that what is not is looked at again.
fn remember(remembered: &mut Remembered, report: &Report, comparison: &Comparison, pass: Pass) {
    if report.status == Status::Verified {
        remembered.verified_at = Some(clock::now().as_second());
        remembered.verified_snapshot.clone_from(&report.snapshot);
        remembered.pass = None;
        return;
    }
    let bytes = pass.bytes + comparison.bytes;
    remembered.pass = match comparison.alike_to.map(resumable) {
        Some((object, offset)) => Some(Pass { object, offset, bytes, ..pass }),
        None if pass.object > 0 => Some(pass),
        None => None,
    };
}

/// Reads both streams side by side.
fn compare(request: &Request, runner: &Runner, work: &Work, before: u64) -> (Comparison, End) {
    let mut comparison = Comparison::default();
    let end = side_by_side(request, runner, work, before, &mut comparison).unwrap_or_else(End::Failed);
    (comparison, end)
}

fn side_by_side(
    request: &Request,
    runner: &Runner,
    work: &Work,
    before: u64,
    comparison: &mut Comparison,
) -> Result<End, Failure> {
    let commands = [command(work, 0), command(work, 1)];
    let start = |host, cmd| {
        let attempt = Attempt { stage: "verify", host, cmd };
        let expected = Expected { guid: work.guid, raw: work.raw, resuming: work.goes_on };
        Reading::start(runner, attempt, Digester::new(expected), request.bandwidth_limit, request.stall)
    };
    let hosts: [&Host; 2] = [&request.source, &request.target];
    let (mut source, mut target) = (start(hosts[0], &commands[0])?, start(hosts[1], &commands[1])?);
    loop {
        let advance = comparison.step(source.peek()?, target.peek()?);
        match advance {
            Advance::End => return Ok(End::Whole),
            Advance::Both => {
                source.advance();
                target.advance();
            }
            Advance::Source => source.advance(),
            Advance::Target => target.advance(),
        }
        if comparison.has_enough() {
            return Ok(End::Enough);
        }
        let is_used_up = request.budget.is_used_up(before + comparison.bytes, Instant::now());
        if is_used_up && has_come_further(work, comparison.alike_to) {
            return Ok(End::UsedUp);
        }
    }
}

/// It would stay for ever where it is, were it stopped before that.
fn has_come_further(work: &Work, alike_to: Option<Place>) -> bool {
    alike_to.map(resumable).is_some_and(|place| place > (work.pass.object, work.pass.offset))
}

fn command(work: &Work, side: usize) -> Cmd {
    let snapshot = &work.snapshots[side];
    let send = Cmd::new("zfs").arg("send");
    if work.goes_on {
        let Pass { object, offset, .. } = work.pass;
        return send.arg("-t").arg(token(&Start { snapshot, guid: work.guid, raw: work.raw, object, offset }));
    }
    // Without -L, a directory with large blocks cannot be sent.
    send.arg(if work.raw { "-w" } else { "-L" }).arg(snapshot)
}
