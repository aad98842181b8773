//! zfs_info as a whole, on hosts with a fake `zfs`: what it says, what it asks, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod host;

use host::{Ended, Host, Run};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::fs;

const INFO: &str = env!("CARGO_BIN_EXE_zfs_info");

/// The columns of the listings.
const POOL: &str = "name,guid,size,allocated,free,freeing,leaked,checkpoint,capacity,fragmentation,dedupratio,readonly,failmode,ashift,health";

/// A host whose kernel says that these pools have these states.
fn host(datasets: &str, states: &[(&str, &str)]) -> Host {
    let host = Host::new(datasets);
    fs::create_dir_all(host.path("kstat")).unwrap();
    for (pool, state) in states {
        fs::create_dir_all(host.path("kstat").join(pool)).unwrap();
        fs::write(host.path("kstat").join(pool).join("state"), format!("{state}\n")).unwrap();
    }
    host
}

fn write(host: &Host, path: &str, content: &Value) {
    let path = host.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content.to_string()).unwrap();
}

/// Options with the folders of this host.
fn options(host: &Host, more: Value) -> Value {
    let Value::Object(mut all) = more else { panic!("{more}") };
    all.insert("option_folder".to_owned(), json!(host.path("etc")));
    all.insert("result_folder".to_owned(), json!(host.path("var")));
    Value::Object(all)
}

fn facts(host: &Host, more: Value) -> Value {
    let result = host.run(INFO, options(host, more)).result();
    assert_eq!((&result["changed"], result.get("failed")), (&json!(false), None));
    result["ferro_zfs"].clone()
}

fn nagios(host: &Host, words: &[&str], more: Value) -> Ended {
    let run = words.iter().fold(host.run(INFO, options(host, more)), |run, word| run.flag(word));
    run.flag("--nagios").ended()
}

/// Checks with their subjects.
fn problems(facts: &Value) -> Vec<(String, String)> {
    let word = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
    facts["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (word(problem, "check"), word(problem, "subject")))
        .collect()
}

fn found(check: &str, subject: &str) -> (String, String) {
    (check.to_owned(), subject.to_owned())
}

/// Set up ten days ago, and taken every hour until then.
const STOPPED: &str = "tank\n tank/data @autosnap_2026-06-05_09:00:00_hourly @autosnap_2026-06-05_10:00:00_hourly\n \
    tank/data/child @autosnap_2026-06-05_10:00:00_hourly";

fn policy() -> Value {
    json!({"datasets": [{"dataset": "tank/data", "policy": "few", "snapshots_discover_children": true}], "policies": {"few": {"hourly": 2}}})
}

#[test]
fn snapshots_that_stopped_are_critical_in_what_was_discovered_too() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let facts = facts(&host, policy());
    assert_eq!(facts["verdict"], "critical");
    assert_eq!(
        problems(&facts),
        [
            found("snapshot_overdue", "tank/data"),
            found("snapshot_overdue", "tank/data/child"),
            found("unmanaged", "tank")
        ]
    );
    let hourly = &facts["datasets"][1]["snapshots"]["intervals"]["hourly"];
    // By count nothing is missing.
    assert_eq!((&hourly["kept"], &hourly["wanted"], &hourly["overdue"]), (&json!(2), &json!(2), &json!(true)));
    assert_eq!(hourly["newest"]["created_at"], "2026-06-05T10:20:30Z");
    assert_eq!((&facts["pools"][0]["state"], &facts["pools"][0]["unmanaged"]), (&json!("online"), &json!(["tank"])));
    let ended = nagios(&host, &["--only", "snapshots"], policy());
    assert_eq!(ended.status, 2);
    assert!(
        ended.stdout.starts_with("ZFS CRITICAL - tank/data: its newest hourly snapshot is 10 d old"),
        "{}",
        ended.stdout
    );
    // Only what is judged is asked.
    assert!(!ended.commands.iter().any(|command| command.starts_with("zpool")), "{:?}", ended.commands);
}

#[test]
fn the_installed_jobs_say_what_is_wanted() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    write(&host, "etc/snapshot.json", &policy());
    write(
        &host,
        "var/snapshot.json",
        &json!({"finished": 1_781_518_000, "last_success": 1_781_000_000, "failed": true, "msg": "no space", "summary": {}}),
    );
    write(&host, "etc/pull/nas.json", &json!({"source": ["tank/a"], "source_host": "nas", "target": "tank/backups"}));
    let facts = facts(&host, json!({}));
    let all = problems(&facts);
    for expected in [
        found("snapshot_overdue", "tank/data/child"),
        found("job_overdue", "snapshot"),
        found("job_failed", "snapshot"),
    ] {
        assert!(all.contains(&expected), "{all:?}");
    }
    let names: Vec<_> = facts["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pull@nas", "snapshot"]);
    // Declared a moment ago: it never ran, and that is no fault yet.
    assert_eq!((&facts["jobs"][0]["last_run"], &facts["jobs"][0]["overdue"]), (&Value::Null, &json!(false)));
    assert_eq!(
        (&facts["replication"][0]["target"], &facts["replication"][0]["status"]),
        (&json!("tank/backups/tank/a"), &json!("never"))
    );
    fs::write(host.path("etc/snapshot.json"), "{").unwrap();
    assert_eq!(nagios(&host, &[], json!({})).status, 3);
}

#[test]
fn a_suspended_pool_is_told_and_not_asked() {
    let host = host("tank\n ill", &[("ill", "SUSPENDED"), ("tank", "ONLINE")]);
    let ended = nagios(&host, &[], json!({}));
    assert_eq!(ended.status, 2);
    assert!(ended.stdout.starts_with("ZFS CRITICAL - ill: SUSPENDED"), "{}", ended.stdout);
    assert!(!ended.commands.iter().any(|command| command.ends_with("ill")), "{:?}", ended.commands);
    assert_eq!(
        nagios(&host, &["--only", "snapshots"], json!({"datasets": [{"dataset": "ill", "policy": "low"}]})).status,
        3
    );
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn a_pool_that_hangs_keeps_nobody_from_the_others() {
    let host = host("tank\n slow", &[("slow", "ONLINE"), ("tank", "ONLINE")]);
    let args = options(&host, json!({"timeout": "5s"}));
    let ended =
        host.run(INFO, args).fault("", json!({"command": "zpool list * slow", "sleeps": 60})).flag("--nagios").ended();
    assert_eq!(ended.status, 3, "{}", ended.stdout);
    assert!(ended.stdout.contains("pool slow: `zpool list`: no answer for 5s"), "{}", ended.stdout);
    // It was left at that.
    let asked: Vec<_> = ended.commands.iter().filter(|command| command.ends_with("slow")).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(ended.commands.iter().any(|command| command.starts_with("list") && command.ends_with("tank")));
}

#[test]
fn what_is_not_there_is_not_fine() {
    let empty = host("tank", &[]);
    let ended = nagios(&empty, &[], json!({}));
    assert!(ended.status == 3 && ended.stdout.contains("nothing is monitored here"), "{}", ended.stdout);
    assert_eq!(nagios(&empty, &[], json!({"pools": ["tank"]})).status, 2);
    fs::remove_dir(empty.path("kstat")).unwrap();
    let ended = nagios(&empty, &[], json!({}));
    assert!(ended.status == 3 && ended.stdout.contains("module is not loaded"), "{}", ended.stdout);
    let sick = host("tank", &[("tank", "ONLINE")]);
    for command in ["zpool list *", "zpool status *", "list * -r tank", "get *"] {
        let ended = sick
            .run(INFO, options(&sick, json!({})))
            .fails(command, "cannot open 'tank': permission denied")
            .flag("--nagios")
            .ended();
        assert_eq!(ended.status, 3, "{command}: {}", ended.stdout);
    }
    fs::remove_file(sick.path("zpool")).unwrap();
    fs::remove_file(sick.path("zfs")).unwrap();
    assert_eq!(nagios(&sick, &[], json!({})).status, 3);
}

#[test]
fn wrong_options_are_unknown_for_nagios_and_an_error_for_others() {
    let host = host("tank", &[("tank", "ONLINE")]);
    for (words, args, why) in [
        (&["--only=pols"][..], json!({}), "--only: \"pols\" is none of pools,"),
        (&[], json!({"prefix": "x"}), "option prefix: it goes with datasets"),
        (&[], json!({"capacity_warning": 99}), "option capacity_warning: 99 is more than"),
        (&["--frobnicate"], json!({}), "there is no option --frobnicate"),
    ] {
        let ended = nagios(&host, words, args);
        assert!(
            ended.status == 3 && ended.stdout.starts_with("ZFS UNKNOWN - ") && ended.stdout.contains(why),
            "{}",
            ended.stdout
        );
    }
    let ended = host.run(INFO, options(&host, json!({}))).flag("--only").flag("pools").ended();
    assert!(ended.status == 2 && ended.stderr.contains("--only goes with --nagios"), "{}", ended.stderr);
}

#[test]
fn flags_are_options() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let folders = [
        format!("--option-folder={}", host.path("etc").display()),
        format!("--result-folder={}", host.path("var").display()),
    ];
    let run = |words: &[&str]| host.program(&[&[INFO, &folders[0], &folders[1]], words].concat()).ended();
    let shown = run(&["--datasets", "dataset=tank/data,policy=few", "--policies.few", "hourly=2", "--parts=snapshots"]);
    assert_eq!((shown.status, shown.stderr.as_str()), (0, ""));
    assert!(shown.stdout.contains("its newest hourly snapshot is"), "{}", shown.stdout);
    let wrong = run(&["--capacity-warning=99"]);
    assert!(wrong.status == 2 && wrong.stderr.starts_with("error: option capacity_warning: 99"), "{}", wrong.stderr);
}

#[test]
fn parts_that_are_not_asked_for_are_null_and_cost_nothing() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let pools = facts(&host, json!({"parts": ["pools"]}));
    assert_eq!((&pools["datasets"], &pools["jobs"], &pools["replication"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!(
        host.log().lines().collect::<Vec<_>>(),
        [format!("zpool list -Hp -o {POOL} tank"), "zpool status -j --json-int tank".to_owned()]
    );
    let jobs = facts(&host, json!({"parts": ["jobs"]}));
    assert_eq!((&jobs["pools"], &jobs["verdict"]), (&Value::Null, &json!("unknown")));
    assert_eq!(host.log(), "");
}

#[test]
fn text_and_metrics_say_the_same() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let path = host.path("zfs.prom");
    let ended = host.run(INFO, options(&host, policy())).flag("--metrics").flag(path.to_str().unwrap()).ended();
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    let first = ended.stdout.lines().next().unwrap();
    assert!(first.starts_with("CRITICAL  ") && !first.contains('\u{1b}'), "{first}");
    assert!(ended.stdout.contains("tank/data        few     -  2/2  -  -  -  -  10 d"), "{}", ended.stdout);
    let debug = host.run(INFO, options(&host, policy())).flag("--debug").ended().stdout;
    assert!(debug.starts_with("  $ zpool list -Hp") && debug.contains("\nCRITICAL  "), "{debug}");
    let metrics = fs::read_to_string(path).unwrap();
    let labels = "{pool=\"tank\",dataset=\"tank/data\",interval=\"hourly\",role=\"source\"}";
    for line in [
        "zfs_pool_state{pool=\"tank\",state=\"online\"} 1".to_owned(),
        format!("ferro_zfs_snapshot_newest_timestamp_seconds{labels} 1780654830"),
        format!("ferro_zfs_snapshot_compliance_ratio{labels} 0.0"),
        "ferro_zfs_exporter_time_seconds 1781518830".to_owned(),
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn it_needs_no_file_and_changes_nothing() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let ended = host.program(&[INFO, "--nagios", "--only", "pools"]).ended();
    assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    let reads = |command: &String| {
        ["list ", "get ", "zpool list ", "zpool status "].iter().any(|verb| command.starts_with(verb))
    };
    assert!(ended.commands.iter().all(reads), "{:?}", ended.commands);
    let all: Map<String, Value> = serde_json::from_str(&host.program(&[INFO]).ended().stdout).unwrap();
    assert_eq!(all["ferro_zfs"]["pools"].as_array().unwrap().len(), 1);
}

/// Of very many snapshots only few are asked when they were taken, and all of them in few commands.
#[test]
fn very_many_snapshots_take_few_commands() {
    let host = host("tank", &[("tank", "ONLINE")]);
    let (mut datasets, mut snapshots, mut marks) = (String::new(), String::new(), String::new());
    for name in std::iter::once("tank".to_owned()).chain((0..400).map(|number| format!("tank/d{number:03}"))) {
        writeln!(
            datasets,
            "{name}\tfilesystem\t1780000000\t1\t1\t1\t1\t1\t1\t1\t0\t-\t1.00\tlz4\toff\t-\toff\tyes\t-\t/x"
        )
        .unwrap();
        writeln!(marks, "{name}\tferro.zfs:replica\t-\n{name}\tferro.zfs:placeholder\t-").unwrap();
        for number in 0..250 {
            let (day, hour) = (1 + number / 24, number % 24);
            writeln!(snapshots, "{name}@autosnap_2026-06-{day:02}_{hour:02}:00:00_hourly\t{number}\t{number}").unwrap();
        }
    }
    let times = "x@y\t1781518000\n";
    for (file, text) in
        [("datasets", datasets.as_str()), ("snapshots", &snapshots), ("marks", &marks), ("times", times)]
    {
        fs::write(host.path(file), text).unwrap();
    }
    let answers = json!([
        ["get -H -r *", "marks"],
        ["list *snapshot,bookmark*", "snapshots"],
        ["list * -r tank", "datasets"],
        ["list *name,creation *", "times"],
    ]);
    fs::write(host.path("answers"), answers.to_string()).unwrap();
    let facts = facts(&host, policy());
    assert_eq!((&facts["summary"]["snapshots"], &facts["summary"]["datasets"]), (&json!(401 * 250), &json!(401)));
    assert_eq!(facts["datasets"][7]["snapshots"]["intervals"]["hourly"]["kept"], 250);
    let log = host.log();
    assert_eq!(
        log.lines().count(),
        6,
        "{}",
        log.lines().map(|line| &line[..line.len().min(80)]).collect::<Vec<_>>().join("\n")
    );
    let asked = log.lines().find(|line| line.contains("name,creation")).unwrap();
    // The newest and the oldest of each.
    assert_eq!(asked.matches('@').count(), 401 * 2);
}

#[test]
fn messages_for_mqtt_are_lines_of_a_topic_and_a_payload() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let flags = ["--mqtt-payload", "--mqtt-prefix=home/zfs", "--mqtt-host", "nas", "--mqtt-discovery="];
    let ended = flags.into_iter().fold(host.run(INFO, options(&host, policy())), Run::flag).ended();
    assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
    let messages: Vec<(&str, &str)> = ended.stdout.lines().map(|line| line.split_once('\t').unwrap()).collect();
    let topics: Vec<&str> = messages.iter().map(|(topic, _)| *topic).collect();
    assert_eq!(topics, ["home/zfs/nas/availability", "home/zfs/nas/status", "home/zfs/nas/snapshots"]);
    let snapshots: Value = serde_json::from_str(messages[2].1).unwrap();
    // As everywhere else: they have stopped, though none is missing by count.
    assert_eq!((&snapshots["ok"], &snapshots["stale"]), (&json!(false), &json!(["tank/data", "tank/data/child"])));
    for (flags, message) in [
        (["--mqtt-payload", "--nagios"], "--nagios and --mqtt-payload are two ways to answer: give one of them"),
        (["--mqtt-payload", "--mqtt-host=a b"], "--mqtt-host: \"a b\" is no topic; see --help"),
        (["--mqtt-payload", "--mqtt-expire=soon"], "--mqtt-expire: \"soon\" is no number; see --help"),
    ] {
        let run = flags.into_iter().fold(host.run(INFO, options(&host, policy())), Run::flag);
        let ended = run.ended();
        assert!((ended.stdout + &ended.stderr).contains(message) && ended.status != 0, "{message}");
    }
}
