//! What there is to show at a moment: put together anew when something has changed, and kept ready for the next reader.

use crate::collect::now;
use crate::settings::Settings;
use crate::store::{Known, Run, Store};
use axum::body::Bytes;
use module_utils::exec::timezone;
use module_utils::status::answers::Question;
use module_utils::status::assemble::{self, Gathered, unknown};
use module_utils::status::coverage::Now;
use module_utils::status::gather::{kstat, states};
use module_utils::status::metrics::{self, CollectorRun, Format, Watch};
use module_utils::status::model::{At, PoolState, Unreadable};
use module_utils::status::report::{self, Status};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// For so many seconds nothing is overdue that was not before.
const FRESH: i64 = 5;

/// Beyond what a command may take, before it is said that it hangs.
const GRACE: Duration = Duration::from_secs(5);

/// All that is shown, of one moment.
pub struct View {
    /// The whole.
    pub status: Status,
    /// Whether everything has been looked at once.
    pub is_complete: bool,
    watch: Watch,
    prometheus: OnceLock<Bytes>,
    open_metrics: OnceLock<Bytes>,
}

impl View {
    /// All series.
    pub fn metrics(&self, format: Format) -> Bytes {
        let kept = match format {
            Format::Prometheus => &self.prometheus,
            Format::OpenMetrics => &self.open_metrics,
        };
        kept.get_or_init(|| metrics::watched(&self.status, &self.watch, format).into()).clone()
    }
}

/// What a view was made of: as long as it is the same, so is the view.
type Print = (u64, i64, Result<Vec<(String, PoolState)>, Unreadable>);

/// Makes views.
pub struct Viewer {
    settings: Arc<Settings>,
    store: Arc<Store>,
    started_at: f64,
    kept: Mutex<Option<(Print, Arc<View>)>>,
}

impl Viewer {
    /// Of what is in a store.
    #[must_use]
    pub fn new(settings: Arc<Settings>, store: Arc<Store>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "when the process began is asked once")]
        let started = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { settings, store, started_at: started.as_secs_f64(), kept: Mutex::new(None) }
    }

    /// The view of this moment. It starts no command and waits for none.
    pub fn now(&self) -> Arc<View> {
        let moment = now();
        let states = states(&kstat(), &self.settings.request.wish);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.store.known();
        let print = (known.version, moment.0.div_euclid(FRESH), states);
        if let Some((before, view)) = kept.as_ref()
            && *before == print
        {
            return Arc::clone(view);
        }
        let view = Arc::new(self.view(&known, print.2.clone(), moment));
        *kept = Some((print, Arc::clone(&view)));
        view
    }

    fn view(&self, known: &Known, states: Result<Vec<(String, PoolState)>, Unreadable>, moment: At) -> View {
        let request = &self.settings.request;
        let mut unreadable: Vec<Unreadable> = known.timers_unreadable.iter().cloned().collect();
        let states = states.map_err(|why| unreadable.push(why)).ok();
        let is_asked = |pool: &str| !self.settings.kstat_only.iter().any(|name| name == pool);
        let asked = states.iter().flatten().filter(|(pool, state)| is_asked(pool) && *state != PoolState::Suspended);
        let asked: Vec<&str> = asked.map(|(pool, _)| pool.as_str()).collect();
        let gaps = gaps(known, &asked, &request.wish.questions());
        let is_complete = gaps.is_empty();
        unreadable.extend(gaps);
        let limit = |question: Question| match question {
            Question::Snapshots => request.listing_timeout + GRACE,
            _ => request.timeout + GRACE,
        };
        unreadable.extend(hanging(&known.runs, limit, moment));
        let gathered =
            Gathered { jobs: &known.jobs, states, answers: &known.answers, timers: known.timers.as_ref(), unreadable };
        let facts = assemble::facts(&request.wish, gathered, &Now { at: moment.0, zone: timezone::local().0 });
        let status = Status::new(report::hostname(), facts, &self.settings.limits, &self.settings.parts);
        let (prometheus, open_metrics) = (OnceLock::new(), OnceLock::new());
        View { status, is_complete, watch: self.watch(known, moment), prometheus, open_metrics }
    }

    fn watch(&self, known: &Known, moment: At) -> Watch {
        let mut collectors: Vec<CollectorRun> =
            known.runs.iter().map(|((pool, question), run)| run.series(question.word(), pool)).collect();
        collectors.push(known.files.series("files", ""));
        collectors.push(known.timers_run.series("timers", ""));
        Watch { now: moment.0, collectors, started_at: Some(self.started_at), resident_bytes: resident_bytes() }
    }
}

/// Pools of which something has not been asked yet. Where something has failed that is said already, and nobody waits for the rest.
fn gaps(known: &Known, pools: &[&str], questions: &[Question]) -> Vec<Unreadable> {
    let has_failed = |pool: &str| known.runs.iter().any(|((of, _), run)| of == pool && run.success == Some(false));
    let has = |pool: &str, question: Question| known.answers.get(pool).is_some_and(|answers| answers.has(question));
    let gap = |pool: &&str| {
        let question = *questions.iter().find(|question| !has(pool, **question))?;
        let message = format!("not looked at yet: {}", question.word());
        (!has_failed(pool)).then(|| unknown(question.part(), &format!("pool {pool}"), message, "wait a moment"))
    };
    pools.iter().filter_map(gap).collect()
}

/// What is waited for longer than it may take.
fn hanging(runs: &BTreeMap<(String, Question), Run>, limit: impl Fn(Question) -> Duration, now: At) -> Vec<Unreadable> {
    let hangs = |((pool, question), run): (&(String, Question), &Run)| {
        let since = run.running_since?;
        let is_late = now.0.saturating_sub(since.0) > i64::try_from(limit(*question).as_secs()).unwrap_or(i64::MAX);
        let message = format!("the question for its {} has not been answered since {since}", question.word());
        let advice = "zpool status and dmesg on the host; nothing more is asked of the pool until it answers";
        is_late.then(|| unknown(question.part(), &format!("pool {pool}"), message, advice))
    };
    runs.iter().filter_map(hangs).collect()
}

/// Memory that this process occupies; the second number of statm is in pages.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * u64::try_from(size).ok()?)
}

/// The parts of which something could not be read, in a word each.
#[must_use]
pub fn stale_parts(status: &Status) -> Vec<String> {
    let mut parts: Vec<String> =
        status.facts.unreadable.iter().map(|one| format!("{}: {}", one.part.word(), one.subject)).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

#[cfg(test)]
mod tests {
    use super::hanging;
    use crate::store::Run;
    use module_utils::status::answers::Question;
    use module_utils::status::model::{At, Part};
    use std::collections::BTreeMap;
    use std::time::Duration;

    #[test]
    fn what_hangs_is_unknown_and_says_since_when() {
        let runs = BTreeMap::from([
            (("tank".to_owned(), Question::Status), Run { running_since: Some(At(0)), ..Run::default() }),
            (("vault".to_owned(), Question::Status), Run { running_since: Some(At(90)), ..Run::default() }),
            (("usb".to_owned(), Question::Snapshots), Run::default()),
        ]);
        let found = hanging(&runs, |_| Duration::from_secs(15), At(100));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].part, found[0].subject.as_str()), (Part::Pools, "pool tank"));
        assert!(found[0].message.contains("since 1970-01-01T00:00:00Z"), "{}", found[0].message);
    }
}
