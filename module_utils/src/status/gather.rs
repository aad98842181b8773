//! Gathers what there is to know, within bounds: what the kernel says first, then each pool on its own, so that one that hangs keeps
//! nobody from the others; and the files that jobs leave.

use super::coverage::{Now, Said};
use super::files;
use super::jobs::{self, Known};
use super::model::{At, Dataset, Facts, Job, Part, PoolState, Replica, Unreadable};
use super::pool::{self, Asking};
use super::replication::{self, Course, Evidence, Here};
use super::said;
use super::snapshots::Times;
use super::timers::{self, Timers};
use crate::exec::cmd::Cmd;
use crate::exec::runner::Runner;
use crate::model::DatasetName;
use std::collections::{BTreeMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What is wanted.
#[derive(Debug)]
pub struct Request {
    /// Only these pools; all if there is none.
    pub pools: Vec<String>,
    /// Pools are looked at.
    pub wants_pools: bool,
    /// Datasets are.
    pub wants_datasets: bool,
    /// Their snapshots are.
    pub wants_snapshots: bool,
    /// Jobs are.
    pub wants_jobs: bool,
    /// Replication is.
    pub wants_replication: bool,
    /// What policies say; none for what the installed jobs say.
    pub said: Option<Said>,
    /// How many times its length an interval's newest snapshot may be old.
    pub factor: f64,
    /// How old the last success of a job may be where no timer tells.
    pub job_max_age: u64,
    /// Where the options of jobs are.
    pub option_folder: PathBuf,
    /// Where their results are.
    pub result_folder: PathBuf,
    /// How long a pool may take to answer.
    pub timeout: Duration,
    /// How long a listing of snapshots may be silent.
    pub listing_timeout: Duration,
    /// The moment.
    pub now: Now,
}

/// Where the kernel says the state of each pool. A build for tests believes `FERRO_KSTAT` instead; a release does not read it.
fn kstat() -> PathBuf {
    #[cfg(debug_assertions)]
    if let Some(given) = std::env::var_os("FERRO_KSTAT") {
        return given.into();
    }
    PathBuf::from("/proc/spl/kstat/zfs")
}

/// Gathers it. Gives the commands that were run, too.
#[must_use]
pub fn gather(request: &Request) -> (Facts, Vec<String>) {
    let (quick, patient) = (Runner::with_silence(request.timeout), Runner::with_silence(request.listing_timeout));
    let mut gathering = Gathering { request, unreadable: Vec::new(), known: BTreeMap::new(), courses: Vec::new() };
    gathering.files();
    let said = gathering.said();
    let facts = gathering.facts(&said, &quick, &patient);
    let commands = [quick.commands(), patient.commands()].concat();
    (facts, commands)
}

struct Gathering<'a> {
    request: &'a Request,
    unreadable: Vec<Unreadable>,
    known: BTreeMap<String, Known>,
    courses: Vec<(String, Course)>,
}

impl Gathering<'_> {
    fn unknown(&mut self, part: Part, subject: &str, message: String, advice: &str) {
        self.unreadable.push(Unreadable { part, subject: subject.to_owned(), message, advice: advice.to_owned() });
    }

    fn files(&mut self) {
        let request = self.request;
        if !request.wants_jobs && !request.wants_replication && request.said.is_some() {
            return;
        }
        let read = |folder: &Path| files::all(folder);
        let advice = "make the file readable for this user, or remove it if it is of no use";
        let [options, results] = [&request.option_folder, &request.result_folder].map(|folder| {
            read(folder).unwrap_or_else(|why| {
                self.unknown(Part::Jobs, &folder.display().to_string(), why, advice);
                Vec::new()
            })
        });
        let (known, unreadable) = jobs::known(&options, &results);
        self.known = known;
        for why in unreadable {
            self.unknown(Part::Jobs, "job files", why, advice);
        }
        let mut wrong = Vec::new();
        for (name, known) in &self.known {
            match known.replicate().map(|options| options.and_then(Course::new)) {
                Some(Ok(course)) => self.courses.push((name.clone(), course)),
                Some(Err(why)) => wrong.push((name.clone(), why)),
                None => {}
            }
        }
        for (name, why) in wrong {
            self.unknown(Part::Replication, &name, format!("its options cannot be read: {why}"), "correct them");
        }
    }

    fn said(&mut self) -> Said {
        if let Some(said) = &self.request.said {
            return said.clone();
        }
        let folder = self.request.option_folder.display().to_string();
        said::of_jobs(&self.known, self.request.factor).unwrap_or_else(|why| {
            self.unknown(Part::Snapshots, &folder, why, "correct the options of that job");
            Said { factor: self.request.factor, ..Said::nothing() }
        })
    }

    /// The pools that there are, with their states.
    fn states(&mut self, kstat: &Path) -> Option<Vec<(String, PoolState)>> {
        let entries = match std::fs::read_dir(kstat) {
            Ok(entries) => entries,
            Err(error) => {
                let missing = error.kind() == ErrorKind::NotFound;
                let why = if missing {
                    "the ZFS kernel module is not loaded".to_owned()
                } else {
                    format!("{} cannot be read: {error}", kstat.display())
                };
                self.unknown(Part::Pools, "zfs", why, "install ZFS and load its module: modprobe zfs");
                return None;
            }
        };
        let named = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = named.filter(|name| kstat.join(name).join("state").exists()).collect();
        names.sort_unstable();
        let wanted = |name: &String| self.request.pools.is_empty() || self.request.pools.contains(name);
        let mut states = Vec::new();
        for name in names.into_iter().filter(wanted) {
            match pool::state(kstat, &name) {
                Ok(state) => states.push((name, state)),
                // Exported meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(_) => states.push((name, PoolState::Other("UNREADABLE".to_owned()))),
            }
        }
        Some(states)
    }

    fn facts(mut self, said: &Said, quick: &Runner, patient: &Runner) -> Facts {
        let request = self.request;
        let kstat = kstat();
        let wants_datasets = request.wants_datasets || request.wants_snapshots || request.wants_replication;
        let asks = request.wants_pools || wants_datasets;
        let states = if asks { self.states(&kstat) } else { None };
        let is_known = states.is_some();
        let asking = Asking {
            quick,
            patient,
            kstat: &kstat,
            said,
            now: &request.now,
            wants_pools: request.wants_pools,
            wants_datasets,
            wants_snapshots: request.wants_snapshots || request.wants_replication,
            has_no_json: &AtomicBool::new(false),
        };
        let found = ask_all(&asking, states.unwrap_or_default(), &self.questions());
        let mut facts = self.combined(found, said);
        facts.missing_pools = if is_known { self.missing_pools(&facts, said) } else { Vec::new() };
        facts.pools = facts.pools.filter(|_| is_known);
        facts.datasets = facts.datasets.filter(|_| is_known && wants_datasets);
        facts
    }

    /// Snapshots here whose times tell how new a target is.
    fn questions(&self) -> Vec<String> {
        self.courses.iter().flat_map(|(name, course)| replication::questions(course, &self.known[name])).collect()
    }

    fn combined(&mut self, found: Vec<pool::Found>, said: &Said) -> Facts {
        let request = self.request;
        let (mut pools, mut datasets, mut times) = (Vec::new(), Vec::new(), Times::new());
        let mut listed_pools = HashSet::new();
        for mut one in found {
            self.unreadable.append(&mut one.unreadable);
            times.extend(one.times);
            if let Some(of_pool) = one.datasets {
                listed_pools.insert(one.pool.name.clone());
                datasets.extend(of_pool);
            }
            pools.push(one.pool);
        }
        let names: HashSet<&str> = datasets.iter().map(|dataset| dataset.name.as_str()).collect();
        let gone = |name: &&DatasetName| listed_pools.contains(name.pool()) && !names.contains(name.as_str());
        let missing_datasets = said.listed().filter(gone).map(ToString::to_string).collect();
        let timers = if request.wants_jobs || request.wants_replication { self.timers() } else { None };
        let jobs: Vec<Job> = self
            .known
            .iter()
            .map(|(name, known)| jobs::job(name, known, timers.as_ref(), request.job_max_age, request.now.at))
            .collect();
        let replication = request.wants_replication.then(|| self.replication(&jobs, &datasets, &times, said));
        Facts {
            collected_at: At(request.now.at),
            pools: Some(pools),
            missing_pools: Vec::new(),
            missing_datasets,
            has_policies: said.has_policies(),
            jobs: request.wants_jobs.then_some(jobs),
            replication,
            unreadable: std::mem::take(&mut self.unreadable),
            datasets: Some(datasets),
        }
    }

    fn replication(&self, jobs: &[Job], datasets: &[Dataset], times: &Times, said: &Said) -> Vec<Replica> {
        let here: Here<'_> = datasets.iter().map(|dataset| (dataset.name.as_str(), dataset)).collect();
        let of = |(name, course): &(String, Course)| {
            let job = jobs.iter().find(|job| job.name == *name)?;
            let known = self.known.get(name)?;
            let (frequently_minutes, now) = (said.frequently_minutes, self.request.now.at);
            Some(replication::replicas(course, &Evidence { job, known, here: &here, times, frequently_minutes, now }))
        };
        self.courses.iter().filter_map(of).flatten().collect()
    }

    /// Pools that somebody counts on.
    fn missing_pools(&self, facts: &Facts, said: &Said) -> Vec<String> {
        let here: HashSet<&str> = facts.pools.iter().flatten().map(|pool| pool.name.as_str()).collect();
        let of_policies = said.listed().map(DatasetName::pool).filter(|_| self.request.pools.is_empty());
        let mut missing: Vec<String> = of_policies
            .chain(self.request.pools.iter().map(String::as_str))
            .filter(|pool| !here.contains(pool))
            .map(str::to_owned)
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// What systemd says of the timers; none where there is no systemd.
    fn timers(&mut self) -> Option<Timers> {
        if self.known.is_empty() || !Path::new("/run/systemd/system").exists() {
            return None;
        }
        let units = self.known.keys().map(|job| jobs::unit(job));
        let units: Vec<String> = units.flat_map(|unit| [format!("{unit}.timer"), format!("{unit}.service")]).collect();
        let cmd =
            Cmd::new("systemctl").args(["show", "--timestamp=utc", "--property", timers::PROPERTIES]).args(&units);
        let runner = Runner::with_silence(self.request.timeout);
        match pool::answer(&runner, &cmd, |stdout| Ok(timers::read(stdout))) {
            Ok(timers) => Some(timers),
            Err(failure) => {
                self.unreadable.push(pool::unreadable(Part::Jobs, "timers", &failure));
                None
            }
        }
    }
}

/// All pools at once: one that hangs keeps nobody from the others.
fn ask_all(asking: &Asking<'_>, states: Vec<(String, PoolState)>, questions: &[String]) -> Vec<pool::Found> {
    std::thread::scope(|scope| {
        let ask = |(name, state): (String, PoolState)| {
            let below = format!("{name}/");
            let of_pool =
                |question: &&String| question.starts_with(&below) || question.starts_with(&format!("{name}@"));
            let questions: Vec<String> = questions.iter().filter(of_pool).cloned().collect();
            scope.spawn(move || pool::ask(asking, &name, state, &questions))
        };
        let running: Vec<_> = states.into_iter().map(ask).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}
