//! Gathers what there is to know, within bounds: what the kernel says, then each pool on its own, so that one that hangs keeps nobody
//! from the others; and the files that jobs leave.

use super::answers::{Answers, Question};
use super::asking::{self, Asking};
use super::assemble::{self, Gathered, Jobs, Wish, unknown};
use super::coverage::Now;
use super::model::{Facts, Part, PoolState, Unreadable};
use super::timers::{self, Timers};
use super::{files, jobs};
use crate::exec::cmd::Cmd;
use crate::exec::runner::Runner;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What is wanted, and where it is looked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is wanted.
    pub wish: Wish,
    /// Where the options of jobs are.
    pub option_folder: PathBuf,
    /// Where their results are.
    pub result_folder: PathBuf,
    /// How long a pool may take to answer.
    pub timeout: Duration,
    /// How long a listing of snapshots may be silent.
    pub listing_timeout: Duration,
}

/// Where the kernel says the state of each pool. A build for tests believes `FERRO_KSTAT` instead; a release does not read it.
#[must_use]
pub fn kstat() -> PathBuf {
    #[cfg(debug_assertions)]
    if let Some(given) = std::env::var_os("FERRO_KSTAT") {
        return given.into();
    }
    PathBuf::from("/proc/spl/kstat/zfs")
}

/// Gathers it once. Gives the commands that were run, too.
#[must_use]
pub fn gather(request: &Request, now: &Now) -> (Facts, Vec<String>) {
    let (quick, patient) = (Runner::with_silence(request.timeout), Runner::with_silence(request.listing_timeout));
    let (wish, kstat) = (&request.wish, kstat());
    let jobs = read_jobs(request);
    let asking = Asking {
        quick: &quick,
        patient: &patient,
        kstat: &kstat,
        prefix: &jobs.said.prefix,
        has_no_json: &AtomicBool::new(false),
    };
    let mut unreadable = Vec::new();
    let mut kept = |why: Unreadable| unreadable.push(why);
    let questions = wish.questions();
    let (mut answers, mut states_now) = (BTreeMap::new(), None);
    if !questions.is_empty() {
        let names: Vec<String> = states(&kstat, wish).unwrap_or_default().into_iter().map(|(name, _)| name).collect();
        answers = ask_all(&asking, &names, &questions, &jobs);
        // Once more: one may have been suspended meanwhile.
        states_now = states(&kstat, wish).map_err(&mut kept).ok();
    }
    let timers = read_timers(&quick, &units(wish, &jobs)).map_err(&mut kept).ok().flatten();
    let gathered = Gathered { jobs: &jobs, states: states_now, answers: &answers, timers: timers.as_ref(), unreadable };
    (assemble::facts(wish, gathered, now), [quick.commands(), patient.commands()].concat())
}

/// Reads the files of jobs.
#[must_use]
pub fn read_jobs(request: &Request) -> Jobs {
    const ADVICE: &str = "make the file readable for this user, or remove it if it is of no use";
    if !request.wish.reads_files() {
        return Jobs::new(BTreeMap::new(), Vec::new(), &request.wish, &request.option_folder);
    }
    let mut unreadable = Vec::new();
    let [options, results] = [&request.option_folder, &request.result_folder].map(|folder| {
        files::all(folder).unwrap_or_else(|why| {
            unreadable.push(unknown(Part::Jobs, &folder.display().to_string(), why, ADVICE));
            Vec::new()
        })
    });
    let (known, wrong) = jobs::known(&options, &results);
    unreadable.extend(wrong.into_iter().map(|why| unknown(Part::Jobs, "job files", why, ADVICE)));
    Jobs::new(known, unreadable, &request.wish, &request.option_folder)
}

/// The pools that there are, with their states, by what the kernel says without waiting.
pub fn states(kstat: &Path, wish: &Wish) -> Result<Vec<(String, PoolState)>, Unreadable> {
    let entries = std::fs::read_dir(kstat).map_err(|error| {
        let message = if error.kind() == ErrorKind::NotFound {
            "the ZFS kernel module is not loaded".to_owned()
        } else {
            format!("{} cannot be read: {error}", kstat.display())
        };
        unknown(Part::Pools, "zfs", message, "install ZFS and load its module: modprobe zfs")
    })?;
    let named = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = named.filter(|name| wish.includes(name)).collect();
    names.sort_unstable();
    let mut states = Vec::new();
    for name in names {
        match asking::state(kstat, &name) {
            Ok(state) => states.push((name, state)),
            // Something else than a pool, or one that was exported meanwhile.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(_) => states.push((name, PoolState::Other("UNREADABLE".to_owned()))),
        }
    }
    Ok(states)
}

/// The units of the jobs of which it is wanted.
#[must_use]
pub fn units(wish: &Wish, jobs: &Jobs) -> Vec<String> {
    let is_wanted = wish.wants_jobs || wish.wants_replication;
    let units = jobs.known.keys().filter(|_| is_wanted).map(|job| jobs::unit(job));
    units.flat_map(|unit| [format!("{unit}.timer"), format!("{unit}.service")]).collect()
}

/// What systemd says of the timers of jobs; none where there is no systemd, or nothing to ask.
pub fn read_timers(runner: &Runner, units: &[String]) -> Result<Option<Timers>, Unreadable> {
    if units.is_empty() || !Path::new("/run/systemd/system").exists() {
        return Ok(None);
    }
    let cmd = Cmd::new("systemctl").args(["show", "--timestamp=utc", "--property", timers::PROPERTIES]).args(units);
    asking::answer(runner, &cmd, |stdout| Ok(timers::read(stdout)))
        .map(Some)
        .map_err(|failure| asking::unreadable(Part::Jobs, "timers", &failure))
}

/// All pools at once: one that hangs keeps nobody from the others.
fn ask_all(asking: &Asking<'_>, pools: &[String], questions: &[Question], jobs: &Jobs) -> BTreeMap<String, Answers> {
    std::thread::scope(|scope| {
        let ask = |pool: &String| {
            let (pool, times) = (pool.clone(), jobs.questions(pool));
            scope.spawn(move || (pool.clone(), asking.all(&pool, questions, &times)))
        };
        let running: Vec<_> = pools.iter().map(ask).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}
