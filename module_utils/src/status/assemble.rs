//! Puts together what was gathered: the facts of this moment, of answers and files that may be older. Pure.

use super::answers::{self, Answers, Question};
use super::coverage::{Now, Said};
use super::jobs::{self, Known};
use super::kept::Kept;
use super::model::{At, Dataset, Facts, Job, Part, PoolState, Replica, Unreadable};
use super::replication::{self, Course, Evidence, Here};
use super::said;
use super::snapshots::Times;
use super::timers::Timers;
use super::verified;
use crate::model::DatasetName;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// What is wanted, and by which measures it is judged.
#[derive(Clone, Debug)]
pub struct Wish {
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
}

impl Wish {
    /// True if a pool of that name is looked at.
    #[must_use]
    pub fn includes(&self, pool: &str) -> bool {
        self.pools.is_empty() || self.pools.iter().any(|name| name == pool)
    }

    /// What is asked about each pool.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let wants = |question: &Question| match question {
            Question::Properties | Question::Status => self.wants_pools,
            Question::Datasets => self.lists_datasets(),
            Question::Snapshots => self.lists_snapshots(),
        };
        Question::ALL.into_iter().filter(wants).collect()
    }

    /// True if datasets must be listed.
    #[must_use]
    pub fn lists_datasets(&self) -> bool {
        self.wants_datasets || self.lists_snapshots()
    }

    /// True if snapshots must be listed.
    #[must_use]
    pub fn lists_snapshots(&self) -> bool {
        self.wants_snapshots || self.wants_replication
    }

    /// True if the files of jobs must be read.
    #[must_use]
    pub fn reads_files(&self) -> bool {
        self.wants_jobs || self.wants_replication || self.said.is_none()
    }
}

/// What the files of jobs say.
pub struct Jobs {
    /// The jobs.
    pub known: BTreeMap<String, Known>,
    /// Those that bring datasets elsewhere.
    pub courses: Vec<(String, Course)>,
    /// What policies say.
    pub said: Said,
    /// What they have listed.
    pub kept: Kept,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// Something that is not known.
#[must_use]
pub fn unknown(part: Part, subject: &str, message: String, advice: &str) -> Unreadable {
    Unreadable { part, subject: subject.to_owned(), message, advice: advice.to_owned() }
}

impl Jobs {
    /// Of what was read of them.
    #[must_use]
    pub fn new(known: BTreeMap<String, Known>, mut unreadable: Vec<Unreadable>, wish: &Wish, folder: &Path) -> Self {
        let mut courses = Vec::new();
        for (name, known) in known.iter().filter(|(name, _)| !jobs::is_verification(name)) {
            match known.replicate().map(|options| options.and_then(Course::new)) {
                Some(Ok(course)) => courses.push((name.clone(), course)),
                Some(Err(why)) => {
                    let message = format!("its options cannot be read: {why}");
                    unreadable.push(unknown(Part::Replication, name, message, "correct them"));
                }
                None => {}
            }
        }
        let of_jobs = || {
            said::of_jobs(&known, wish.factor).unwrap_or_else(|why| {
                let folder = folder.display().to_string();
                unreadable.push(unknown(Part::Snapshots, &folder, why, "correct the options of that job"));
                Said { factor: wish.factor, ..Said::nothing() }
            })
        };
        let said = wish.said.clone().unwrap_or_else(of_jobs);
        Self { kept: Kept::of_jobs(&known), known, courses, said, unreadable }
    }

    /// Snapshots of a pool whose times tell how new a target is.
    #[must_use]
    pub fn questions(&self, pool: &str) -> Vec<String> {
        let all = self.courses.iter().flat_map(|(name, course)| replication::questions(course, &self.known[name]));
        let is_of_pool = |name: &String| name.split(['/', '@']).next() == Some(pool);
        all.filter(is_of_pool).collect()
    }
}

/// All that was gathered.
pub struct Gathered<'a> {
    /// What the files of jobs say.
    pub jobs: &'a Jobs,
    /// The pools that there are, in the states that the kernel says; none if that is not known.
    pub states: Option<Vec<(String, PoolState)>>,
    /// What they answered.
    pub answers: &'a BTreeMap<String, Answers>,
    /// What systemd says of timers; none where there is no systemd.
    pub timers: Option<&'a Timers>,
    /// What else could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// The facts of this moment.
#[must_use]
pub fn facts(wish: &Wish, gathered: Gathered<'_>, now: &Now) -> Facts {
    let said = &gathered.jobs.said;
    let is_known = gathered.states.is_some();
    let mut unreadable = [gathered.jobs.unreadable.clone(), gathered.unreadable].concat();
    let (mut pools, mut datasets, mut times): (Vec<_>, Vec<_>, Vec<&Times>) = Default::default();
    let (mut listed_pools, none) = (HashSet::new(), Answers::default());
    for (name, state) in gathered.states.unwrap_or_default() {
        let answers = gathered.answers.get(&name).unwrap_or(&none);
        let mut pool = answers.pool(&name, state);
        unreadable.extend(answers.unreadable(&pool.state).cloned());
        times.extend(answers.times());
        if let Some(of_pool) = answers.datasets(said, &gathered.jobs.kept, now, wish.lists_snapshots()) {
            pool.created_at = answers::created_at(&name, &of_pool);
            pool.unmanaged = answers::unmanaged(&of_pool);
            listed_pools.insert(name);
            datasets.extend(of_pool);
        }
        pools.push(pool);
    }
    let jobs = of_jobs(wish, &gathered.jobs.known, gathered.timers, now);
    let replication = wish.wants_replication.then(|| replicas(gathered.jobs, &jobs, &datasets, &times, said, now));
    Facts {
        collected_at: At(now.at),
        missing_pools: if is_known { missing_pools(wish, &pools, said) } else { Vec::new() },
        missing_datasets: missing_datasets(said, &listed_pools, &datasets),
        has_policies: said.has_policies(),
        pools: is_known.then_some(pools),
        datasets: (is_known && wish.lists_datasets()).then_some(datasets),
        jobs: wish.wants_jobs.then_some(jobs),
        replication,
        unreadable,
    }
}

fn of_jobs(wish: &Wish, known: &BTreeMap<String, Known>, timers: Option<&Timers>, now: &Now) -> Vec<Job> {
    known.iter().map(|(name, known)| jobs::job(name, known, timers, wish.job_max_age, now.at)).collect()
}

fn replicas(of: &Jobs, jobs: &[Job], datasets: &[Dataset], times: &[&Times], said: &Said, now: &Now) -> Vec<Replica> {
    let here: Here<'_> = datasets.iter().map(|dataset| (dataset.name.as_str(), dataset)).collect();
    let of_course = |(name, course): &(String, Course)| {
        let job = jobs.iter().find(|job| job.name == *name)?;
        let known = of.known.get(name)?;
        let (frequently_minutes, now) = (said.frequently_minutes, now.at);
        Some(replication::replicas(course, &Evidence { job, known, here: &here, times, frequently_minutes, now }))
    };
    let mut replicas: Vec<Replica> = of.courses.iter().filter_map(of_course).flatten().collect();
    verified::add(&of.known, &mut replicas);
    replicas
}

/// Pools that somebody counts on and that are not there.
fn missing_pools(wish: &Wish, pools: &[super::model::Pool], said: &Said) -> Vec<String> {
    let of_policies = said.listed().map(DatasetName::pool).filter(|_| wish.pools.is_empty());
    let mut missing: Vec<String> = of_policies
        .chain(wish.pools.iter().map(String::as_str))
        .filter(|name| !pools.iter().any(|pool| pool.name == *name))
        .map(str::to_owned)
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// Datasets that a policy lists and that are not there, of pools that were listed.
fn missing_datasets(said: &Said, listed: &HashSet<String>, datasets: &[Dataset]) -> Vec<String> {
    let names: HashSet<&str> = datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    let is_gone = |name: &&DatasetName| listed.contains(name.pool()) && !names.contains(name.as_str());
    said.listed().filter(is_gone).map(ToString::to_string).collect()
}
