//! Messages for MQTT and Home Assistant: topics and payloads that cards know, decided by the one list of checks. Pure.
//!
//! All are kept by the broker (retained), so each says when it was true, and Home Assistant is told to believe none that is old: a
//! broker hands out what it kept as if it were new whenever somebody connects.
//!
//! <https://www.home-assistant.io/integrations/binary_sensor.mqtt/>

use super::checks::{Problem, Severity, Verdict};
use super::model::{Dataset, Job, Part, Replica, Role, Snapshots};
use super::report::Status;
use crate::plan::period::Interval;
use serde_json::{Map, Value, json};

/// Where messages go, and for how long they count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// What topics begin with.
    pub prefix: String,
    /// What those begin with that tell Home Assistant what there is; none where it is not told.
    pub discovery: Option<String>,
    /// What this host is called.
    pub host: String,
    /// Seconds after which what was said is not believed any more.
    pub expire_after: u64,
    /// Several hosts have backups of the same clients, so that each has topics of its own.
    pub by_server: bool,
}

/// The messages, in the order in which they are to be sent: what there is before how it is.
#[must_use]
pub fn messages(status: &Status, topics: &Topics) -> Vec<(String, Value)> {
    let mut said = Said { status, topics, discovery: Vec::new(), states: Vec::new() };
    said.add(&topics.host, "status", "Status", of_host(status));
    if status.facts.has_policies || status.facts.datasets.is_none() {
        said.add(&topics.host, "snapshots", "Snapshots", of_snapshots(status));
    }
    for job in status.facts.jobs.iter().flatten() {
        match job.name.split_once('@') {
            Some(("pull", peer)) => said.add(peer, "backups", "Backups", of_job(status, job, "pulled_at")),
            Some(("push", peer)) => said.add(peer, "pushes", "Pushes", of_job(status, job, "pushed_at")),
            _ => {}
        }
    }
    let mut all = said.discovery;
    all.push((topics.availability(), json!("online")));
    all.extend(said.states);
    all
}

impl Topics {
    fn availability(&self) -> String {
        format!("{}/{}/availability", self.prefix, self.host)
    }
}

struct Said<'a> {
    status: &'a Status,
    topics: &'a Topics,
    discovery: Vec<(String, Value)>,
    states: Vec<(String, Value)>,
}

impl Said<'_> {
    /// A state of a host, which may be another one: what has arrived here of it.
    fn add(&mut self, host: &str, what: &str, title: &str, mut payload: Map<String, Value>) {
        let Topics { prefix, by_server, host: server, .. } = self.topics;
        let own = *by_server && matches!(what, "backups" | "pushes");
        let topic = if own { format!("{prefix}/{host}/{what}/{server}") } else { format!("{prefix}/{host}/{what}") };
        payload.insert("host".to_owned(), json!(host));
        payload.insert("server".to_owned(), json!(server));
        payload.insert("checked_at".to_owned(), json!(self.status.facts.collected_at));
        if let Some(discovery) = &self.topics.discovery {
            let (of_server, title) = if own {
                (format!("_{}", id(server)), format!("{title} on {server}"))
            } else {
                (String::new(), title.to_owned())
            };
            let unique = format!("zfs_{what}_{}{of_server}", id(host));
            let config = self.config(host, &unique, &title, &topic);
            self.discovery.push((format!("{discovery}/binary_sensor/{unique}/config"), config));
        }
        self.states.push((topic, Value::Object(payload)));
    }

    /// What Home Assistant is told of a sensor. Its class is `safety`, of which OFF is the good state.
    fn config(&self, host: &str, unique: &str, title: &str, topic: &str) -> Value {
        let (version, expire_after) = (self.status.version, self.topics.expire_after);
        json!({
            "name": title,
            "unique_id": unique,
            "device_class": "safety",
            "state_topic": topic,
            "json_attributes_topic": topic,
            "value_template": format!(
                "{{{{ 'OFF' if value_json.ok and as_timestamp(now()) - as_timestamp(value_json.checked_at, 0) < {expire_after} else 'ON' }}}}"
            ),
            "payload_on": "ON",
            "payload_off": "OFF",
            "expire_after": expire_after,
            "availability_topic": self.topics.availability(),
            "device": {
                "identifiers": [format!("ferro_zfs_{}", id(host))],
                "name": format!("ZFS {host}"),
                "manufacturer": "ferro.zfs",
                "model": "OpenZFS host",
            },
            "origin": {
                "name": "ferro.zfs", "sw_version": version, "support_url": "https://github.com/ferro-zfs/ferro.zfs"
            },
        })
    }
}

/// A name as part of an identity.
fn id(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// What is worth telling of these.
fn of<'a>(status: &'a Status, which: impl Fn(&Problem) -> bool + 'a) -> impl Iterator<Item = &'a Problem> {
    status.problems.iter().filter(move |problem| problem.severity > Severity::Info && which(problem))
}

fn shown<'a>(problems: impl Iterator<Item = &'a Problem>) -> Value {
    problems
        .map(|it| json!({"severity": it.severity, "check": it.check, "subject": it.subject, "message": it.message}))
        .collect()
}

/// How it stands, with what is wrong: the same problems decide both.
fn judged<'a>(is_ok: bool, problems: impl Iterator<Item = &'a Problem>) -> Map<String, Value> {
    Map::from_iter([("ok".to_owned(), json!(is_ok)), ("problems".to_owned(), shown(problems))])
}

fn of_host(status: &Status) -> Map<String, Value> {
    let mut said = judged(status.verdict == Verdict::Ok, of(status, |_| true));
    said.insert("verdict".to_owned(), json!(status.verdict));
    said
}

fn of_snapshots(status: &Status) -> Map<String, Value> {
    let problems = || of(status, |problem| problem.part == Part::Snapshots);
    let mut said = judged(problems().next().is_none(), problems());
    let all = status.facts.datasets.iter().flatten().filter(|dataset| dataset.role != Role::None);
    let (mut stale, mut healthy, mut datasets) = (Vec::new(), Vec::new(), Vec::new());
    for dataset in all {
        let (Some(policy), Some(snapshots)) = (&dataset.policy, &dataset.snapshots) else { continue };
        if snapshots.finest_wanted().is_none() {
            continue;
        }
        if snapshots.is_overdue() { &mut stale } else { &mut healthy }.push(dataset.name.as_str());
        datasets.push(counted(dataset, policy, snapshots));
    }
    said.insert("stale".to_owned(), json!(stale));
    said.insert("healthy".to_owned(), json!(healthy));
    said.insert("datasets".to_owned(), json!(datasets));
    said
}

fn counted(dataset: &Dataset, policy: &str, snapshots: &Snapshots) -> Value {
    let by_interval = |figure: fn(u64, u64) -> u64| {
        let of = |interval: Interval| snapshots.intervals.get(&interval).map_or(0, |of| figure(of.kept, of.wanted));
        Interval::ALL.into_iter().map(|interval| (interval.to_string(), json!(of(interval)))).collect::<Map<_, _>>()
    };
    let newest = snapshots.newest.as_ref().and_then(|newest| newest.created_at);
    json!({
        "dataset": dataset.name,
        "policy": policy,
        "counts": by_interval(|kept, _| kept),
        "retention": by_interval(|_, wanted| wanted),
        "newest_at": newest,
    })
}

/// A pull or a push. Whatever could not be read of jobs or replication may be about it.
fn of_job(status: &Status, job: &Job, ended: &str) -> Map<String, Value> {
    let below = format!("{}: ", job.name);
    let is_about = |problem: &Problem| {
        let is_of_part = matches!(problem.part, Part::Jobs | Part::Replication);
        let is_own = problem.subject == job.name || problem.subject.starts_with(&below);
        is_of_part && (is_own || problem.severity == Severity::Unknown)
    };
    let problems = || of(status, is_about);
    let mut said = judged(problems().next().is_none(), problems());
    let of_this = status.facts.replication.iter().flatten().filter(|replica| replica.name == job.name);
    let (mut missing, mut stale, mut healthy) = (Vec::new(), Vec::new(), Vec::new());
    for replica in of_this {
        let Replica { source, newest, overdue, status, .. } = replica;
        match (newest, overdue) {
            (None, _) if status != "no_snapshots" => missing.push(source),
            (_, true) => stale.push(source),
            (_, false) => healthy.push(source),
        }
    }
    said.insert("missing_datasets".to_owned(), json!(missing));
    said.insert("stale_datasets".to_owned(), json!(stale));
    said.insert("healthy_datasets".to_owned(), json!(healthy));
    let run = job.last_run.as_ref();
    said.insert(ended.to_owned(), json!(run.and_then(|run| run.finished_at)));
    said.insert("last_success_at".to_owned(), json!(job.last_success_at));
    let failure = run.filter(|run| run.failed).map(|run| run.message.as_deref().unwrap_or("it said nothing"));
    said.insert("failure".to_owned(), json!(failure));
    said
}

#[cfg(test)]
#[path = "mqtt_tests.rs"]
mod tests;
