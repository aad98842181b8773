//! zfs_monitor as a whole, on hosts with a fake `zfs`: what readers get, and what it asks ZFS for that.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod host;

use host::Host;
use serde_json::{Map, Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

const MONITOR: &str = env!("CARGO_BIN_EXE_zfs_monitor");
const INFO: &str = env!("CARGO_BIN_EXE_zfs_info");

/// A monitor that runs, and ends with the test.
struct Monitor<'h> {
    host: &'h Host,
    process: Child,
}

impl Drop for Monitor<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}\n{}", self.head, self.body))
    }

    fn says(&self, header: &str) -> bool {
        self.head.to_ascii_lowercase().contains(&header.to_ascii_lowercase())
    }
}

fn host(datasets: &str, states: &[(&str, &str)]) -> Host {
    let host = Host::new(datasets);
    fs::create_dir_all(host.path("kstat")).unwrap();
    for (pool, state) in states {
        kernel_says(&host, pool, state);
    }
    host
}

fn kernel_says(host: &Host, pool: &str, state: &str) {
    fs::create_dir_all(host.path("kstat").join(pool)).unwrap();
    fs::write(host.path("kstat").join(pool).join("state"), format!("{state}\n")).unwrap();
}

fn options(host: &Host, more: &Value) -> Value {
    let mut all = Map::from_iter([
        ("listen".to_owned(), json!([host.path("monitor")])),
        ("option_folder".to_owned(), json!(host.path("etc"))),
        ("result_folder".to_owned(), json!(host.path("var"))),
    ]);
    all.extend(more.as_object().unwrap().clone());
    Value::Object(all)
}

/// Starts it with these options.
fn start<'h>(host: &'h Host, more: &Value) -> Monitor<'h> {
    start_with(host, more, |run| run)
}

fn start_with<'h>(host: &'h Host, more: &Value, with: impl FnOnce(host::Run<'h>) -> host::Run<'h>) -> Monitor<'h> {
    let run = host.run(MONITOR, options(host, more));
    let monitor = Monitor { host, process: with(run).spawn() };
    monitor.until("it listens", |_| UnixStream::connect(host.path("monitor")).is_ok());
    monitor
}

impl Monitor<'_> {
    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !holds(self) {
            assert!(begin.elapsed() < Duration::from_mins(1), "not in a minute: {what}");
            sleep(Duration::from_millis(20));
        }
    }

    fn ready(self) -> Self {
        self.until("it is ready", |monitor| monitor.get("/-/ready").status == 200);
        self
    }

    fn get(&self, path: &str) -> Answer {
        self.get_with(path, "")
    }

    fn get_with(&self, path: &str, headers: &str) -> Answer {
        self.say(&format!("GET {path} HTTP/1.1\r\nHost: nas\r\n{headers}\r\n"))
    }

    fn say(&self, request: &str) -> Answer {
        let mut stream = UnixStream::connect(self.host.path("monitor")).unwrap();
        // Who is cut off cannot say all.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}

/// Set up ten days ago, and taken every hour until then.
const STOPPED: &str = "tank\n tank/data @autosnap_2026-06-05_09:00:00_hourly @autosnap_2026-06-05_10:00:00_hourly\n \
    tank/data/child @autosnap_2026-06-05_10:00:00_hourly";

fn policy() -> Value {
    json!({"datasets": [{"dataset": "tank/data", "policy": "few", "snapshots_discover_children": true}], "policies": {"few": {"hourly": 2}}})
}

#[test]
fn snapshots_that_stopped_are_seen_everywhere() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let monitor = start(&host, &policy()).ready();
    let status = monitor.get("/api/v1/status");
    assert_eq!((status.status, &status.json()["verdict"]), (200, &json!("critical")));
    assert_eq!(status.json()["problems"][0]["check"], "snapshot_overdue");
    let check = monitor.get("/api/v1/check");
    assert_eq!((check.status, check.json()["problems"] == status.json()["problems"]), (503, true));
    let text = monitor.get("/");
    assert!(text.says("content-type: text/plain") && text.body.starts_with("CRITICAL  "), "{}", text.body);
    let page = monitor.get_with("/", "Accept: text/html\r\n");
    assert!(page.says("content-type: text/html") && page.body.contains("its newest hourly snapshot is 10 d old"));
    assert!(!page.body.contains("<script") && !page.body.contains("src="), "{}", page.body);
    let report = monitor.get("/api/v1/snapshots").json();
    assert_eq!(report["datasets"][1]["counts"]["hourly"], 2);
    assert_eq!(report["datasets"][1]["compliance"]["hourly"], 0.0);
    assert_eq!(report["alerts"]["low_compliance_datasets"].as_array().unwrap().len(), 2);
    let of = monitor.get("/api/v1/datasets/tank/data/child/snapshots").json();
    assert_eq!((&of["dataset"], &of["snapshots"]["total"]), (&json!("tank/data/child"), &json!(1)));
    assert_eq!(monitor.get("/api/v1/snapshots/tank%2Fdata").json()["snapshot_count"], 2);
}

#[test]
fn readers_ask_zfs_nothing() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let monitor = start(&host, &policy()).ready();
    let before = host.log();
    let documents: Value = monitor.get("/api/openapi.json").json();
    for path in documents["paths"].as_object().unwrap().keys() {
        let path = path.replace("{pool}", "tank").replace("{dataset}", "tank/data").replace("{job}", "snapshot");
        assert!([200, 404, 503].contains(&monitor.get(&path).status), "{path}");
    }
    for path in ["/", "/metrics", "/-/ready", "/-/healthy"] {
        assert_eq!(monitor.get(path).status, 200, "{path}");
    }
    assert_eq!(host.log(), before);
    // What the kernel says is seen at once, and a suspended pool is asked nothing.
    kernel_says(&host, "tank", "SUSPENDED");
    assert_eq!(monitor.get("/api/v1/pools/tank").json()["state"], "suspended");
    assert!(monitor.get("/").body.contains("tank: SUSPENDED"));
    assert_eq!(host.log(), before);
}

/// Series without those of the watching itself, and without what differs between two moments.
fn series(text: &str) -> Vec<String> {
    let own = ["ferro_zfs_collector_", "process_", "ferro_zfs_exporter_time"];
    let is_own = |line: &str| {
        own.iter().any(|name| line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with(name))
    };
    text.lines().filter(|line| !is_own(line) && *line != "# EOF").map(str::to_owned).collect()
}

#[test]
fn the_series_are_those_of_zfs_info() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let mut info = options(&host, &policy());
    info.as_object_mut().unwrap().remove("listen");
    let file = host.path("zfs.prom");
    assert_eq!(host.run(INFO, info).flag("--metrics").flag(file.to_str().unwrap()).ended().status, 0);
    let monitor = start(&host, &policy()).ready();
    let plain = monitor.get("/metrics");
    assert!(plain.says("content-type: text/plain; version=0.0.4"));
    assert_eq!(series(&plain.body), series(&fs::read_to_string(&file).unwrap()));
    for series in
        ["ferro_zfs_collector_success{collector=\"snapshots\",pool=\"tank\"} 1", "process_resident_memory_bytes "]
    {
        assert!(plain.body.contains(series), "{}", plain.body);
    }
    let open = monitor.get_with("/metrics", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    assert!(open.says("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(open.body.ends_with("# EOF\n"));
    let packed = monitor.get_with("/metrics", "Accept-Encoding: gzip\r\n");
    assert!(packed.says("content-encoding: gzip") && packed.says("vary: accept"));
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn a_pool_that_hangs_is_unknown_and_keeps_nobody_waiting() {
    let host = host("tank\n ill", &[("tank", "ONLINE"), ("ill", "ONLINE")]);
    let more = json!({"timeout": "5s", "listing_timeout": "5s"});
    let monitor = start_with(&host, &more, |run| {
        run.env("FERRO_NOW", "").fault("", json!({"command": "zpool list*ill", "sleeps": 60}))
    })
    .ready();
    let begin = Instant::now();
    let status = monitor.get("/api/v1/status").json();
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert_eq!(status["verdict"], "unknown");
    assert_eq!(status["stale_parts"][0], "pools: pool ill");
    assert!(monitor.get("/api/v1/pools/tank").json()["guid"].is_string(), "{}", monitor.get("/api/v1/pools/tank").body);
    assert_eq!(monitor.get("/api/v1/pools/ill").json()["guid"], Value::Null);
    assert!(
        monitor.get("/metrics").body.contains("ferro_zfs_collector_success{collector=\"properties\",pool=\"ill\"} 0")
    );
}

#[test]
fn pools_whose_disks_sleep_are_asked_nothing() {
    let host = host("tank\n usb", &[("tank", "ONLINE"), ("usb", "ONLINE")]);
    let monitor = start(&host, &json!({"kstat_only": "usb"})).ready();
    assert_eq!(monitor.get("/api/v1/pools").json()["count"], 2);
    assert!(!host.log().contains("usb"), "{}", host.log());
    kernel_says(&host, "usb", "DEGRADED");
    assert!(monitor.get("/").body.contains("usb: DEGRADED"));
    assert!(!host.log().contains("usb"), "{}", host.log());
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn what_a_job_leaves_is_seen_without_a_restart() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let monitor = start(&host, &json!({})).ready();
    assert_eq!(monitor.get("/api/v1/jobs").json()["count"], 0);
    for (path, content) in [
        ("etc/snapshot.json", policy()),
        ("var/snapshot.json", json!({"finished": 1, "last_success": 1, "failed": true, "msg": "pool is busy"})),
    ] {
        fs::create_dir_all(host.path(path).parent().unwrap()).unwrap();
        fs::write(host.path(path), content.to_string()).unwrap();
    }
    monitor.until("it is seen", |monitor| monitor.get("/api/v1/jobs/snapshot").status == 200);
    let status = monitor.get("/api/v1/status").body;
    assert!(status.contains("job_failed") && status.contains("pool is busy"), "{status}");
    let again = monitor.get("/api/v1/datasets?policy=few").json();
    assert_eq!(again["count"], 2);
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn what_a_job_has_listed_is_not_listed_again() {
    let host = host(STOPPED, &[("tank", "ONLINE")]);
    let monitor = start(&host, &json!({})).ready();
    let listings = || host.log().lines().filter(|line| line.contains("snapshot,bookmark")).count();
    assert_eq!(
        (monitor.get("/api/v1/datasets/tank/data/snapshots").json()["snapshots"]["total"].as_u64(), listings()),
        (Some(2), 1)
    );
    let end =
        json!({"snapshot": "autosnap_2026-06-15_12:00:00_hourly", "guid": "7", "created_at": "2026-06-15T12:00:00Z"});
    let kept = json!({"tank/data": {"total": 7, "other": 0, "intervals": {"hourly": {"kept": 7, "newest": end, "oldest": end}}}});
    let finished = host::now() + 1;
    fs::create_dir_all(host.path("var")).unwrap();
    fs::write(
        host.path("var/snapshot.json"),
        json!({"finished": finished, "last_success": finished, "kept": kept}).to_string(),
    )
    .unwrap();
    let total =
        |monitor: &Monitor<'_>| monitor.get("/api/v1/datasets/tank/data/snapshots").json()["snapshots"]["total"] == 7;
    monitor.until("it is taken from there", total);
    assert_eq!(monitor.get("/api/v1/datasets/tank/data/child/snapshots").json()["snapshots"]["total"], 1);
    assert_eq!(listings(), 1);
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn a_pool_that_was_away_is_looked_at_again() {
    let host = host("tank", &[("tank", "ONLINE")]);
    let monitor = start(&host, &json!({})).ready();
    let is_known =
        |monitor: &Monitor<'_>| monitor.get("/metrics").body.contains("collector=\"properties\",pool=\"tank\"");
    assert!(is_known(&monitor));
    fs::remove_dir_all(host.path("kstat/tank")).unwrap();
    monitor.until("it is gone", |monitor| !is_known(monitor));
    kernel_says(&host, "tank", "ONLINE");
    monitor.until("it is back", |monitor| is_known(monitor) && monitor.get("/-/ready").status == 200);
}

#[test]
fn a_token_is_asked_for_where_there_is_one() {
    let host = host("tank", &[("tank", "ONLINE")]);
    fs::write(host.path("token"), "0123456789abcdef0123\n").unwrap();
    let monitor = start(&host, &json!({"token_file": host.path("token")})).ready();
    for headers in [
        "",
        "Authorization: Bearer 0123456789abcdef0124\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Basic 0123456789abcdef0123\r\n",
    ] {
        let answer = monitor.get_with("/metrics", headers);
        assert_eq!(answer.status, 401, "{headers}");
        assert!(answer.says("www-authenticate: bearer"));
        assert_eq!(monitor.get_with("/api/openapi.json", headers).status, 401);
    }
    assert_eq!(monitor.get("/-/healthy").status, 200);
    assert_eq!(monitor.get_with("/metrics", "Authorization: Bearer 0123456789abcdef0123\r\n").status, 200);
    fs::write(host.path("short"), "secret").unwrap();
    let ended = host.run(MONITOR, options(&host, &json!({"token_file": host.path("short")}))).without_text().ended();
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("option token_file") && ended.stderr.contains("at least 16"), "{}", ended.stderr);
}

#[test]
fn swagger_ui_lies_beside_the_program() {
    let host = host("tank", &[("tank", "ONLINE")]);
    let monitor = start(&host, &json!({"swagger_ui": host.path("ui")})).ready();
    let missing = monitor.get("/api/docs");
    assert_eq!(missing.status, 404);
    assert!(missing.json()["detail"].as_str().unwrap().contains("the role zfs_monitor puts them"));
    let pack =
        "mkdir \"$0\"; cd \"$0\"; for f in swagger-ui-bundle.js swagger-ui.css; do echo \"$f\" | gzip > $f.gz; done";
    Command::new("sh").args(["-c", pack]).arg(host.path("ui")).status().unwrap();
    let page = monitor.get("/api/docs");
    assert_eq!(page.status, 200);
    // Relative, for whatever prefix it is below, and nothing from elsewhere.
    for part in page.body.split(['"']).filter(|part| part.contains(".js") || part.contains(".css")) {
        assert!(part.starts_with("docs/"), "{part}");
        assert_eq!(monitor.get(&format!("/api/{part}")).status, 200);
    }
    assert_eq!(monitor.get("/api/docs/swagger-ui.css").body, "swagger-ui.css\n");
    assert!(monitor.get_with("/api/docs/swagger-ui.css", "Accept-Encoding: gzip\r\n").says("content-encoding: gzip"));
    assert!(monitor.get("/api/docs/").says("location: ../docs"));
}

#[test]
fn pages_of_datasets() {
    let host = host("tank\n tank/a\n tank/b\n tank/c", &[("tank", "ONLINE")]);
    let monitor = start(&host, &json!({})).ready();
    let page = monitor.get("/api/v1/datasets?limit=2&pool=tank").json();
    assert_eq!((&page["count"], &page["next_after"]), (&json!(2), &json!("tank/a")));
    let rest = monitor.get("/api/v1/datasets?limit=2&after=tank/a").json();
    assert_eq!((&rest["datasets"][1]["name"], &rest["next_after"]), (&json!("tank/c"), &Value::Null));
    assert_eq!(monitor.get("/api/v1/datasets?unmanaged=false").json()["count"], 0);
    for query in ["limit=0", "limit=many", "limit=1001", "unmanaged=perhaps", "unmangaed=true"] {
        let refused = monitor.get(&format!("/api/v1/datasets?{query}"));
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.says("application/problem+json") && refused.json()["detail"].is_string());
    }
}

#[test]
#[ignore = "takes seconds: `make slow` runs it"]
fn nonsense_is_refused_and_slow_readers_are_cut_off() {
    let host = host("tank", &[("tank", "ONLINE")]);
    let monitor = start(&host, &json!({})).ready();
    for (request, status) in [
        ("POST /api/v1/status HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}".to_owned(), 405),
        ("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 404),
        ("GET /api/v1/datasets/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 404),
        ("GET /api/v1/pools/%ff HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("\u{0}\u{1}\u{2}\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(100_000)), 431),
    ] {
        let answer = monitor.say(&request);
        assert_eq!(answer.status, status, "{} {}", request.len(), answer.head);
    }
    let head = monitor.say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    // As many as are served at once say nothing; whoever comes then waits no longer than they may.
    let silent: Vec<UnixStream> = (0..16).map(|_| UnixStream::connect(host.path("monitor")).unwrap()).collect();
    let begin = Instant::now();
    assert_eq!(monitor.get("/-/healthy").status, 200);
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    drop(silent);
}

#[test]
fn what_is_wrong_is_said_at_the_start() {
    let host = host("tank", &[("tank", "ONLINE")]);
    for (more, part) in [
        (json!({"listen": []}), "option listen: expected at least one address"),
        (json!({"listen": ["localhost"]}), "option listen: localhost cannot be listened at"),
        (json!({"listen": ["127.0.0.1:10134"], "capacity": 1}), "option capacity: unsupported option"),
    ] {
        let ended = host.run(MONITOR, options(&host, &more)).without_text().ended();
        assert!(ended.status == 1 && ended.stdout.is_empty() && ended.stderr.contains(part), "{ended:?}");
    }
    fs::write(host.path("wrong.json"), r#"{"scrub_max_age": "often"}"#).unwrap();
    let ended = host.program(&[MONITOR, "--check", host.path("wrong.json").to_str().unwrap()]).ended();
    assert!(ended.status == 1 && ended.stderr.contains("option scrub_max_age"), "{ended:?}");
    assert!(host.program(&[MONITOR, "--help"]).ended().stdout.contains("127.0.0.1:10134"));
}
