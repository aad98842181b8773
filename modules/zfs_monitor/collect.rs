//! Gathers in the background, each pool in a thread of its own: a request never waits for ZFS, and a pool that hangs keeps nobody from the
//! others.

use crate::schedule::{Last, due};
use crate::settings::Settings;
use crate::store::Store;
use module_utils::exec::clock;
use module_utils::exec::failure::Failure;
use module_utils::exec::runner::Runner;
use module_utils::exec::signals;
use module_utils::status::answers::{Answer, Question};
use module_utils::status::asking::{self, Asking};
use module_utils::status::gather::{self, kstat};
use module_utils::status::model::{At, Unreadable};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked whether pools or files have come, gone or changed. That costs a few system calls.
const LOOK: Duration = Duration::from_secs(5);

/// How often systemd is asked about timers.
const TIMERS: Duration = Duration::from_mins(1);

/// Starts gathering. It ends with the process.
pub fn start(settings: &Arc<Settings>, store: &Arc<Store>) {
    let (for_pools, for_timers) =
        ((Arc::clone(settings), Arc::clone(store)), (Arc::clone(settings), Arc::clone(store)));
    thread::spawn(move || look_around(&for_pools.0, &for_pools.1));
    thread::spawn(move || ask_systemd(&for_timers.0, &for_timers.1));
}

/// The moment, for people.
#[must_use]
pub fn now() -> At {
    At(clock::now().as_second())
}

/// Looks for pools and files that come, go and change.
fn look_around(settings: &Arc<Settings>, store: &Arc<Store>) {
    let (mut watched, mut seen): (BTreeMap<String, JoinHandle<()>>, _) = (BTreeMap::new(), None);
    while signals::received().is_none() {
        let states = gather::states(&kstat(), &settings.request.wish).unwrap_or_default();
        let present: Vec<String> = states.into_iter().map(|(name, _)| name).collect();
        if store.known().present != present {
            store.change(|known| {
                known.answers.retain(|pool, _| present.contains(pool));
                known.runs.retain(|(pool, _), _| present.contains(pool));
                known.present.clone_from(&present);
            });
        }
        // One that hangs is still there when its pool comes back: none is started beside it.
        watched.retain(|_, watcher| !watcher.is_finished());
        for pool in &present {
            if !settings.kstat_only.contains(pool) && !watched.contains_key(pool) {
                let (settings, store, pool) = (Arc::clone(settings), Arc::clone(store), pool.clone());
                watched.insert(pool.clone(), thread::spawn(move || watch_pool(&settings, &store, &pool)));
            }
        }
        read_files(settings, store, &mut seen);
        thread::sleep(LOOK);
    }
}

/// Reads the files of jobs again if any has changed.
fn read_files(settings: &Settings, store: &Store, seen: &mut Option<Fingerprint>) {
    if !settings.request.wish.reads_files() {
        return;
    }
    let begin = Instant::now();
    let print = [&settings.request.option_folder, &settings.request.result_folder]
        .map(|folder| fingerprint(folder, 3))
        .concat();
    if seen.as_ref() == Some(&print) {
        return;
    }
    let before = seen.replace(print.clone()).unwrap_or_default();
    let listed = ["snapshot.json", "prune.json"].map(|name| settings.request.result_folder.join(name));
    let is_listed = |(path, ..): &(PathBuf, u64, Option<SystemTime>)| listed.contains(path) || path.is_dir();
    let has_listed = print.iter().filter(|file| !before.contains(file)).all(is_listed);
    let jobs = gather::read_jobs(&settings.request);
    store.change(|known| {
        known.files.end(now(), begin.elapsed(), jobs.unreadable.is_empty());
        known.jobs = jobs;
        known.jobs_version += 1;
        known.snapshots_version += u64::from(!has_listed);
    });
}

/// What changes with the files below a folder.
type Fingerprint = Vec<(PathBuf, u64, Option<SystemTime>)>;

fn fingerprint(folder: &Path, depth: usize) -> Fingerprint {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() && depth > 0 {
            found.extend(fingerprint(&entry.path(), depth - 1));
        }
        found.push((entry.path(), metadata.len(), metadata.modified().ok()));
    }
    found.sort_unstable();
    found
}

fn ask_systemd(settings: &Settings, store: &Store) {
    let mut version = None;
    let mut asked: Option<Instant> = None;
    while signals::received().is_none() {
        let current = store.known().jobs_version;
        if version == Some(current) && asked.is_some_and(|at| at.elapsed() < TIMERS) {
            thread::sleep(LOOK);
            continue;
        }
        (version, asked) = (Some(current), Some(Instant::now()));
        let begin = Instant::now();
        let units = store.change(|known| {
            known.timers_run.begin(now());
            gather::units(&settings.request.wish, &known.jobs)
        });
        let answer = gather::read_timers(&Runner::with_silence(settings.request.timeout), &units);
        store.change(|known| {
            known.timers_run.end(now(), begin.elapsed(), answer.is_ok());
            match answer {
                Ok(timers) => (known.timers, known.timers_unreadable) = (timers, None),
                Err(why) => known.timers_unreadable = Some(why),
            }
        });
    }
}

/// Asks a pool whatever is due, one question at a time, until it is gone.
fn watch_pool(settings: &Settings, store: &Store, pool: &str) {
    let (kstat, has_no_json) = (kstat(), AtomicBool::new(false));
    let mut last: BTreeMap<Question, (Last, u64)> = BTreeMap::new();
    let mut held: Vec<Child> = Vec::new();
    while signals::received().is_none() && store.known().present.iter().any(|name| name == pool) {
        // What the kernel holds would not be alone for long.
        held.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let versions = {
            let known = store.known();
            (known.jobs_version, known.snapshots_version)
        };
        let version = |question: Question| if question == Question::Snapshots { versions.1 } else { versions.0 };
        let now_is = Instant::now();
        let due_at = |question: &Question| {
            let before =
                last.get(question).map(|(last, seen)| Last { is_current: *seen == version(*question), ..*last });
            due(*question, before, &settings.intervals, now_is)
        };
        let next = settings.request.wish.questions().into_iter().map(|question| (due_at(&question), question)).min();
        let Some((at, question)) = next else { return };
        let suspended = matches!(asking::state(&kstat, pool), Ok(module_utils::status::model::PoolState::Suspended));
        if at > now_is || suspended || !held.is_empty() {
            store.wait(at.saturating_duration_since(now_is).clamp(Duration::from_millis(200), LOOK));
            continue;
        }
        let (prefix, times) = store.change(|known| {
            known.runs.entry((pool.to_owned(), question)).or_default().begin(now());
            (known.jobs.said.prefix.clone(), known.jobs.questions(pool))
        });
        let (quick, patient) =
            (Runner::with_silence(settings.request.timeout), Runner::with_silence(settings.request.listing_timeout));
        let asking =
            Asking { quick: &quick, patient: &patient, kstat: &kstat, prefix: &prefix, has_no_json: &has_no_json };
        let begun = now();
        let mut answer = asking.ask(pool, question, &times);
        if let Ok(Answer::Snapshots(listing)) = &mut answer {
            listing.begun = Some(begun);
        }
        held.extend(quick.take_given_up().into_iter().chain(patient.take_given_up()));
        let took = now_is.elapsed();
        last.insert(question, (Last { began: now_is, took, is_current: true }, version(question)));
        keep(store, pool, question, answer, took, held.is_empty());
    }
}

/// Keeps an answer. What is still held by the kernel is still waited for.
fn keep(store: &Store, pool: &str, question: Question, answer: Result<Answer, Failure>, took: Duration, is_over: bool) {
    let unreadable =
        |failure: &Failure| -> Unreadable { asking::unreadable(question.part(), &format!("pool {pool}"), failure) };
    store.change(|known| {
        if !known.present.iter().any(|name| name == pool) {
            return;
        }
        let run = known.runs.entry((pool.to_owned(), question)).or_default();
        let since = run.running_since;
        run.end(now(), took, answer.is_ok());
        run.running_since = since.filter(|_| !is_over);
        let answers = known.answers.entry(pool.to_owned()).or_default();
        match answer {
            Ok(answer) => answers.take(answer),
            Err(failure) => answers.fail(question, unreadable(&failure)),
        }
    });
}
