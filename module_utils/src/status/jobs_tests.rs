use super::{Known, job, known};
use crate::status::files::Found;
use crate::status::model::{At, Totals};
use crate::status::timers::{Timer, Timers};
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

fn file(name: &str, content: &Value) -> Found {
    Found { name: name.to_owned(), written_at: Some(At(NOW - 100_000)), text: Ok(content.to_string()) }
}

fn replicate() -> Value {
    json!({"source": ["tank"], "target": "vault", "source_host": "nas", "ssh": {"port": 22}})
}

#[test]
fn options_and_results_find_each_other() {
    let options = [
        file("snapshot", &json!({"datasets": []})),
        file("pull/nas", &replicate()),
        file("own", &replicate()),
        file("info", &json!({"pools": []})),
        Found { text: Err("push/x.json cannot be read: no".to_owned()), ..file("push/x", &json!({})) },
    ];
    let results = [
        file(
            "replication/pull-nas",
            &json!({"finished": NOW, "last_success": NOW - 5, "failed": true, "msg": "no", "summary": {"seconds": 2.5}}),
        ),
        file(
            "snapshot",
            &json!({"finished": NOW - 9, "started": NOW - 12, "last_success": NOW - 9, "totals": {"runs": 9, "failed_runs": 2, "bytes": 5}, "summary": {"created": 3}}),
        ),
        file("arrivals/123", &json!({"finished": 1})),
        file("other", &json!({"finished": 5, "last_success": null})),
        file("broken", &json!([1])),
    ];
    let (jobs, unreadable) = known(&options, &results);
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["other", "own", "pull@nas", "snapshot"]);
    assert_eq!(unreadable.len(), 2, "{unreadable:?}");
    let pull = job("pull@nas", &jobs["pull@nas"], None, 1_000, NOW);
    assert_eq!((pull.program, pull.declared, pull.overdue), (Some("zfs_replicate"), true, false));
    // Its options were changed later than it last did what it should, and that does not help it.
    let changed = Known { declared_at: Some(At(NOW)), ..jobs["pull@nas"].clone() };
    assert!(job("pull@nas", &changed, None, 4, NOW).overdue);
    let run = pull.last_run.unwrap();
    assert_eq!((run.failed, run.message.as_deref(), run.seconds), (true, Some("no"), Some(2.5)));
    let snapshot = job("snapshot", &jobs["snapshot"], None, 1_000, NOW);
    assert_eq!(snapshot.last_run.unwrap().seconds, Some(3.0));
    assert_eq!(snapshot.totals, Some(Totals { runs: 9, failed_runs: 2, sent_bytes: 5 }));
    // Nobody says that it is to run.
    let other = job("other", &jobs["other"], None, 1_000, NOW);
    assert_eq!((other.declared, other.last_success_at, other.overdue), (false, None, false));
}

#[test]
fn what_never_ran_is_overdue_once_it_had_its_time() {
    let never = Known { declared_at: Some(At(NOW - 1_000)), options: Some(serde_json::Map::new()), result: None };
    assert!(!job("prune", &never, None, 1_000, NOW).overdue);
    assert!(job("prune", &never, None, 999, NOW).overdue);
    assert_eq!(job("prune", &never, None, 999, NOW).last_success_at, None);
}

#[test]
fn a_timer_says_how_often() {
    let timer = Timer {
        exists: true,
        active: true,
        next: Some(At(NOW + 100)),
        last: Some(At(NOW - 800)),
        delay: 60,
        running: false,
    };
    let timers = Timers::from([("ferro-zfs-snapshot".to_owned(), timer)]);
    let with_success = |ago: i64| Known {
        options: Some(serde_json::Map::new()),
        result: Some(serde_json::Map::from_iter([
            ("finished".to_owned(), json!(NOW)),
            ("last_success".to_owned(), json!(NOW - ago)),
        ])),
        ..Known::default()
    };
    let found = job("snapshot", &with_success(2_100), Some(&timers), 9, NOW);
    assert_eq!(
        (found.max_age_seconds, found.overdue, found.next_run_at),
        (2 * 900 + 60 + 300, false, Some(At(NOW + 100)))
    );
    assert!(job("snapshot", &with_success(2_200), Some(&timers), 9_999, NOW).overdue);
    let stopped = Timers::from([("ferro-zfs-snapshot".to_owned(), Timer { active: false, next: None, ..timer })]);
    let found = job("snapshot", &with_success(0), Some(&stopped), 9_999, NOW);
    assert_eq!((found.timer_active, found.max_age_seconds), (Some(false), 9_999));
}
