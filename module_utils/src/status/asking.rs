//! Asks ZFS about one pool, one question at a time, and never while the pool is suspended: who asks then may wait for ever.

use super::answers::{Answer, Answers, Listing, Marks, Question};
use super::model::{At, Part, PoolState, PoolStatus, Unreadable};
use super::snapshots::{self, Tally, Times};
use super::{zfs_list, zpool_list, zpool_status};
use crate::exec::cmd::Cmd;
use crate::exec::failure::Failure;
use crate::exec::foreign;
use crate::exec::limits::Expect;
use crate::exec::runner::{Attempt, Runner};
use crate::exec::ssh::Host;
use crate::exec::stderr::Cause;
use crate::model::DatasetName;
use crate::model::marks::{PLACEHOLDER, REPLICA};
use crate::zfs::commands::Zfs;
use crate::zfs::parse::Unexpected;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is asked with.
pub struct Asking<'a> {
    /// Waits as long as a pool may take to answer.
    pub quick: &'a Runner,
    /// Waits as long as a listing of snapshots may take.
    pub patient: &'a Runner,
    /// Where the kernel says the states of pools.
    pub kstat: &'a Path,
    /// How names of snapshots begin.
    pub prefix: &'a str,
    /// This `zpool` has no JSON.
    pub has_no_json: &'a AtomicBool,
}

/// The state of a pool, without a command and without waiting.
pub fn state(kstat: &Path, pool: &str) -> Result<PoolState, std::io::Error> {
    std::fs::read_to_string(kstat.join(pool).join("state")).map(|word| PoolState::from_word(&word))
}

impl Asking<'_> {
    /// Asks them all, as long as there is any use in asking. `times`: snapshots of the pool whose times are wanted besides.
    #[must_use]
    pub fn all(&self, pool: &str, questions: &[Question], times: &[String]) -> Answers {
        let mut answers = Answers::default();
        for question in questions {
            if self.is_suspended(pool) {
                break;
            }
            match self.ask(pool, *question, times) {
                Ok(answer) => answers.take(answer),
                Err(failure) => {
                    // Who did not answer once will not do it the next time, and what has no datasets has no snapshots.
                    let is_enough = failure.cause == Cause::NoAnswer || *question == Question::Datasets;
                    answers.fail(*question, unreadable(question.part(), &format!("pool {pool}"), &failure));
                    if is_enough {
                        break;
                    }
                }
            }
        }
        answers
    }

    /// True if nobody should ask it anything.
    #[must_use]
    pub fn is_suspended(&self, pool: &str) -> bool {
        matches!(state(self.kstat, pool), Ok(PoolState::Suspended))
    }

    /// Asks one question.
    pub fn ask(&self, pool: &str, question: Question, times: &[String]) -> Result<Answer, Failure> {
        match question {
            Question::Properties => self.properties(pool),
            Question::Status => self.status(pool).map(Answer::Status),
            Question::Datasets => self.datasets(pool),
            Question::Snapshots => self.snapshots(pool, times).map(Answer::Snapshots),
        }
    }

    fn properties(&self, pool: &str) -> Result<Answer, Failure> {
        let kernel = state(self.kstat, pool).unwrap_or_else(|_| PoolState::Other("UNREADABLE".to_owned()));
        let cmd = Cmd::new("zpool").args(["list", "-Hp", "-o", zpool_list::COLUMNS, pool]);
        let (properties, health) = answer(self.quick, &cmd, |stdout| zpool_list::read(stdout, pool))?;
        Ok(Answer::Properties(properties, health, kernel))
    }

    /// As JSON where this `zpool` has it, else as text. The dates of the text are of the zone of whoever asks.
    fn status(&self, pool: &str) -> Result<PoolStatus, Failure> {
        const USAGE: Option<i32> = Some(2);
        if !self.has_no_json.load(Ordering::Relaxed) {
            let cmd = Cmd::new("zpool").args(["status", "-j", "--json-int", pool]);
            match answer(self.quick, &cmd, |stdout| zpool_status::json(stdout, pool)) {
                Err(failure) if failure.rc == USAGE => self.has_no_json.store(true, Ordering::Relaxed),
                answer => return answer,
            }
        }
        let cmd = Cmd::new("env").args(["TZ=UTC0", "zpool", "status", "-p", pool]);
        answer(self.quick, &cmd, |stdout| zpool_status::text(stdout, pool))
    }

    fn datasets(&self, pool: &str) -> Result<Answer, Failure> {
        const OF: [&str; 2] = ["-t", "filesystem,volume"];
        let list = Cmd::new("zfs").args(["list", "-Hp"]).args(OF).args(["-o", zfs_list::COLUMNS, "-r", pool]);
        let datasets = answer(self.quick, &list, |stdout| zfs_list::read(stdout, pool))?;
        let marks = format!("{REPLICA},{PLACEHOLDER}");
        let get = Cmd::new("zfs").args(["get", "-H", "-r"]).args(OF).args(["-o", "name,property,source", &marks, pool]);
        Ok(Answer::Datasets(datasets, answer(self.quick, &get, Marks::read)?))
    }

    /// Snapshots and bookmarks, and when those were taken that tell something. `creation` opens each snapshot, so only they are asked for
    /// it.
    fn snapshots(&self, pool: &str, questions: &[String]) -> Result<Listing, Failure> {
        let Ok(root) = pool.parse::<DatasetName>() else { return Ok(Listing::default()) };
        let zfs = Zfs { host: &Host::Local, runner: self.patient };
        let mut tally = Tally::new(self.prefix);
        let roots = std::slice::from_ref(&root);
        zfs.tree(roots, "snapshot,bookmark", snapshots::COLUMNS, &mut |fields| tally.add(fields))?;
        let mut names = tally.telling();
        names.extend(questions.iter().cloned());
        names.sort_unstable();
        names.dedup();
        let mut times = Times::new();
        zfs.snapshots(&names, "name,creation", &mut |fields| {
            let [name, creation] = fields else { return None };
            times.insert((*name).to_owned(), At(creation.parse().ok()?));
            Some(())
        })?;
        let at = |(name, seconds): (String, u64)| Some((name, At(i64::try_from(seconds).ok()?)));
        let bookmarks = zfs.numbers("creation", &tally.bookmarks())?.into_iter().filter_map(at).collect();
        Ok(Listing { begun: None, tally, times, bookmarks })
    }
}

/// A command that failed, as something that is not known. Of the command only what it is: its columns say nothing to a person.
#[must_use]
pub fn unreadable(part: Part, subject: &str, failure: &Failure) -> Unreadable {
    let advice = failure.cause.advice().unwrap_or("run the command by hand, as the same user");
    let command: Vec<&str> = failure.command.trim_start_matches("env TZ=UTC0 ").split(' ').take(2).collect();
    let message = format!("`{}`: {}", command.join(" "), foreign::quoted(&failure.stderr));
    Unreadable { part, subject: subject.to_owned(), message, advice: advice.to_owned() }
}

/// Runs a command here and reads what it prints.
pub fn answer<T>(runner: &Runner, cmd: &Cmd, read: impl Fn(&str) -> Result<T, Unexpected>) -> Result<T, Failure> {
    let attempt = Attempt { stage: "list", host: &Host::Local, cmd };
    let output = runner.expect(attempt, Expect::Listing)?;
    read(&output.stdout).map_err(|error| attempt.failure(None, error.to_string(), Cause::Other))
}
