"""roles/monitoring_server: VictoriaMetrics and Prometheus ask a real zfs_monitor, alerts fire and end, people are told, dashboards have data."""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import troubles
import yaml
from fleet import Fleet, Play
from zfs_hosts import ROOT, Lab

sys.path.insert(0, str(ROOT / "tests/unit/monitoring"))
from rules import MONITORING, loaded
from test_dashboards import BOARDS, expressions

# The one is watched, the other watches. The third should show its state and does not; backups go there, until it is off.
WATCHED, WATCHER, OFF = "source", "backup", "offsite"
TOKEN = "a-token-of-the-whole-fleet"
TREE = {"tank": {"datasets": {"documents": {"policy": "hours"}, "films": {"policy": "hours"}, "secret": {"policy": "hours"}}}}
POLICY = {"zfs_policies": {"hours": {"hourly": 24}}, "zfs_policy_snapshot_delay": 0, "system_zfs_keys": {}}
# What is wrong for seconds is wrong for long here.
MONITOR = {f"zfs_monitor_{what}_interval": "2s" for what in ("status", "dataset", "snapshot")} | {"zfs_monitor_listen": ["0.0.0.0:10134"]}
SERVER: dict[str, Any] = {
    "monitoring_server_hosts": [WATCHED, OFF],
    "monitoring_server_interval": "2s",
    "monitoring_server_webhooks": ["http://127.0.0.1:8001/zfs"],
    "monitoring_server_group_wait": "1s",
    "monitoring_server_group_interval": "2s",
    # Else what has been asked for just now is not looked at for half a minute.
    "monitoring_server_alert_arguments": ["-rule.evalDelay=0s"],
}
ARGUMENTS = {"victoriametrics": ["-search.latencyOffset=0s"], "prometheus": []}
UNITS = {"victoriametrics": ["metrics", "alerts", "alertmanager"], "prometheus": ["metrics", "alertmanager"]}
RECEIVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open("/tmp/told", "ab") as told:
            told.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\\n")
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8001), Handler).serve_forever()
"""
ASK = """
import json, sys, urllib.parse, urllib.request
asked = json.load(sys.stdin)
def one(expr):
    with urllib.request.urlopen(asked["url"] + "/api/v1/query?" + urllib.parse.urlencode({"query": expr}), timeout=20) as answer:
        return json.load(answer)["data"]["result"]
print(json.dumps([one(expr) for expr in asked["queries"]]))
"""


class Watch:
    """The two hosts, and what the watching one knows."""

    def __init__(self, fleet: Fleet, rules: Path) -> None:
        self.fleet, self.rules, self.store = fleet, rules, ""

    def server(self, store: str, check: bool = False, **variables: Any) -> Play:
        self.store = store
        given = {**SERVER, "monitoring_server_arguments": ARGUMENTS[store], "monitoring_server_rules": [str(self.rules)], "zfs_monitor_token": TOKEN}
        return self.fleet.role("monitoring_server", WATCHER, check=check, **{**given, "monitoring_server_store": store, **variables})

    def ask(self, *queries: str) -> list[list[dict[str, Any]]]:
        asked = {"url": f"http://127.0.0.1:{8428 if self.store == 'victoriametrics' else 9090}", "queries": queries}
        done = self.fleet.lab.run(WATCHER, "python3 /tmp/ask.py", input=json.dumps(asked))
        return list(json.loads(done.stdout))

    def shown(self) -> list[dict[str, str]]:
        """Labels of what Alertmanager shows, hidden or not."""
        url = "http://127.0.0.1:9093/api/v2/alerts?active=true"
        told = self.fleet.sh(WATCHER, f"python3 -c 'import urllib.request as r; print(r.urlopen(\"{url}\").read().decode())'")
        return [alert["labels"] for alert in json.loads(told)]

    def alerts(self) -> set[tuple[str, str]]:
        """Name and instance of each."""
        return {(labels["alertname"], labels.get("instance", "")) for labels in self.shown()}

    def subjects(self) -> set[tuple[str, str]]:
        """Name of each alert of the watched host, and what it is about."""
        shown = self.shown()
        return {
            (labels["alertname"], next((labels[key] for key in ("name", "dataset", "pool") if key in labels), ""))
            for labels in shown
            if labels.get("instance") == WATCHED
        }

    def told(self) -> set[tuple[str, str]]:
        """Name and status of what the webhook got."""
        posts = self.fleet.sh(WATCHER, "cat /tmp/told 2>/dev/null || true").split("\n")
        return {(alert["labels"]["alertname"], alert["status"]) for post in posts if post.strip() for alert in json.loads(post)["alerts"]}

    def wait(self, holds: Callable[[], bool], seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"{self.alerts()} told {self.told()}\n{self.journal()}"
            time.sleep(1)

    def fires(self, name: str) -> None:
        self.wait(lambda: (name, WATCHED) in self.alerts())

    def ends(self, name: str) -> None:
        self.wait(lambda: (name, WATCHED) not in self.alerts())

    def journal(self) -> str:
        return self.fleet.sh(WATCHER, "journalctl --no-pager -u 'ferro-zfs-*' | tail -60")


@pytest.fixture(scope="module")
def watch(collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    rules = loaded(MONITORING / "alerts.yml")
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.update({"for": "2s"} if "for" in rule else {})
            # And what is rather full is full: of a small pool ZFS keeps half for itself.
            rule["expr"] = rule["expr"].replace("running_seconds > 300", "running_seconds > 3").replace(">= 0.85", ">= 0.4")
    short = tmp_path_factory.mktemp("rules") / "alerts.yml"
    short.write_text(yaml.safe_dump(rules, sort_keys=False), encoding="utf-8")
    lab = Lab(f"watch-{os.getpid()}", image="monitoring", systemd=True)
    try:
        lab.up()
        lab.run(WATCHER, "cat >/tmp/ask.py", input=ASK)
        lab.run(WATCHER, "cat >/tmp/receiver.py", input=RECEIVER)
        lab.run(WATCHER, "systemd-run --quiet --unit=receiver python3 /tmp/receiver.py")
        yield Watch(Fleet(lab, collections), short)
    finally:
        lab.down()


def test_check_mode_on_a_fresh_host_does_nothing(watch: Watch) -> None:
    play = watch.server("victoriametrics", check=True)
    assert "Install units" in str(play.changed[WATCHER])
    assert watch.fleet.sh(WATCHER, "ls -d /etc/ferro-zfs-monitoring /etc/systemd/system/ferro-zfs-* 2>/dev/null || true") == ""


def test_a_host_shows_its_state(watch: Watch) -> None:
    sh = watch.fleet.sh
    sh(WATCHED, "cd /big; truncate -s 300M a b; zpool create tank mirror /big/a /big/b; zfs create tank/documents; zfs create tank/films; zfs create tank/copy")
    sh(WATCHED, "head -c 32 /dev/urandom >/root/key; zfs create -o encryption=on -o keyformat=raw -o keylocation=file:///root/key -o canmount=off tank/secret")
    sh(WATCHED, "head -c 5M /dev/urandom >/tank/documents/book")
    play = {"hosts": WATCHED, "gather_facts": False, "vars": {"zfs": TREE, **POLICY, **MONITOR, "zfs_monitor_token": TOKEN}}
    watch.fleet.played([{**play, "roles": ["ferro.zfs.zfs_policy", "ferro.zfs.zfs_monitor"]}])
    sh(WATCHED, "systemctl start ferro-zfs-snapshot ferro-zfs-prune")
    # A job that sends, by hand.
    options = json.dumps({"source": ["tank/documents"], "target": "tank/copy"})
    sh(WATCHED, f"mkdir -p /etc/ferro-zfs/push /var/lib/ferro-zfs/replication; echo '{options}' >/etc/ferro-zfs/push/copy.json")
    watch.fleet.lab.copy(WATCHED, ROOT / "plugins/module_utils/_native/zfs_replicate_x86_64", "/usr/local/bin/zfs_replicate")
    sh(WATCHED, "zfs_replicate --text --result /var/lib/ferro-zfs/replication/push-copy.json /etc/ferro-zfs/push/copy.json")


@pytest.fixture(scope="class", params=["victoriametrics", "prometheus"])
def store(request: pytest.FixtureRequest, watch: Watch) -> str:
    """One after the other, on the same two hosts."""
    return str(request.param)


class TestStore:
    """What it must do with whichever store."""

    def test_one_run_sets_it_up_and_a_second_changes_nothing(self, watch: Watch, store: str) -> None:
        assert watch.server(store).warnings == []
        play = watch.server(store, check=store == "prometheus")
        assert not play.changed[WATCHER], play.changed
        units = [f"ferro-zfs-{unit}.service" for unit in UNITS[store]]
        there = watch.fleet.sh(WATCHER, "cd /etc/systemd/system; ls ferro-zfs-*.service").split()
        assert sorted(there) == sorted(units)
        watch.fleet.sh(WATCHER, f"systemctl is-active {' '.join(units)}; systemctl is-enabled {' '.join(units)}")
        for unit in units:
            score = watch.fleet.sh(WATCHER, f"systemd-analyze security --no-pager {unit} | tail -1")
            assert float(re.search(r"level.*: ([\d.]+)", score)[1]) < 2.5, score  # type: ignore[index]
        listening = watch.fleet.sh(WATCHER, "ss -Htln | awk '{print $4}'").split()
        beyond = {one for one in listening if not one.startswith(("127.", "[::1]")) and not one.endswith(":22")}
        assert beyond == set(), listening
        modes = watch.fleet.sh(WATCHER, "cd /etc/ferro-zfs-monitoring; stat -c '%a %U %n' token alertmanager.yml")
        assert modes == "600 root token\n600 root alertmanager.yml\n"

    def test_hosts_are_asked_and_one_that_is_off_is_an_alarm(self, watch: Watch, store: str) -> None:
        watch.wait(lambda: {one["metric"]["instance"]: one["value"][1] for one in watch.ask('up{job="zfs"}')[0]} == {WATCHED: "1", OFF: "0"})
        watch.wait(lambda: ("ZfsMonitoringDown", OFF) in watch.alerts())
        watch.wait(lambda: ("ZfsMonitoringDown", "firing") in watch.told())

    def test_a_degraded_pool_is_told_and_every_panel_has_data(self, watch: Watch, store: str) -> None:
        watch.fleet.sh(WATCHED, "zpool offline tank /big/b")
        watch.fires("ZfsPoolDegraded")
        watch.fires("ZfsVdevUnhealthy")
        queries = [expr.replace('"nas"', f'"{WATCHED}"') for path in BOARDS for expr in expressions(path)]
        empty: list[str] = []

        def all_answer() -> bool:
            empty[:] = [expr for expr, found in zip(queries, watch.ask(*queries), strict=True) if not found]
            return not empty

        try:
            watch.wait(all_answer, 40)
        finally:
            assert empty == []
        watch.fleet.sh(WATCHED, "zpool online tank /big/b")
        watch.ends("ZfsPoolDegraded")
        watch.wait(lambda: ("ZfsPoolDegraded", "resolved") in watch.told())

    def test_a_job_that_fails_is_told_until_it_does_not(self, watch: Watch, store: str) -> None:
        watch.fleet.sh(WATCHED, "zfs destroy -r tank/films; ! systemctl start ferro-zfs-snapshot 2>&1")
        watch.fires("ZfsJobFailed")
        watch.fires("ZfsDatasetMissing")
        watch.fleet.sh(WATCHED, "zfs create tank/films; systemctl start ferro-zfs-snapshot")
        watch.ends("ZfsJobFailed")
        watch.ends("ZfsDatasetMissing")

    def test_snapshots_that_stop_are_an_alarm_by_age_alone(self, watch: Watch, store: str) -> None:
        assert ("ZfsSnapshotOverdue", WATCHED) not in watch.alerts()
        # As if the timer had been stopped three hours ago. Only this clock goes back, and only for a moment: the servers' must not leap.
        stopped = "systemctl stop ferro-zfs-snapshot.timer; for d in documents films secret; do zfs destroy tank/$d@%; done"
        watch.fleet.sh(WATCHED, f"{stopped}; date -s '3 hours ago'; systemctl start ferro-zfs-snapshot; date -s '+3 hours'")
        watch.fires("ZfsSnapshotOverdue")
        watch.fleet.sh(WATCHED, "systemctl start ferro-zfs-snapshot.timer ferro-zfs-snapshot.service")
        watch.ends("ZfsSnapshotOverdue")


def test_whatever_befalls_a_host_is_an_alarm_until_it_is_over(watch: Watch) -> None:
    troubles.prepare(watch.fleet)
    watch.wait(lambda: watch.ask('zfs_pool_state{pool="away",state="online"} == 1') != [[]])
    early = watch.subjects() & troubles.TOLD
    assert early <= {(name, subject) for name, subject in troubles.TOLD if subject in ("tank", "prune", "push@offsite")}, early
    troubles.befall(watch.fleet)
    seen: set[tuple[str, str]] = set()

    def all_fire() -> bool:
        seen.update(watch.subjects())
        return seen >= troubles.TOLD

    try:
        watch.wait(all_fire)
    finally:
        assert troubles.TOLD - seen == set()
    troubles.end(watch.fleet)
    watch.wait(lambda: not troubles.TOLD & watch.subjects())


def server_play(watch: Watch) -> dict[str, Any]:
    given = {**SERVER, "monitoring_server_store": "prometheus", "monitoring_server_rules": [str(watch.rules)], "zfs_monitor_token": TOKEN}
    return {"hosts": WATCHER, "gather_facts": False, "vars": given, "roles": ["ferro.zfs.monitoring_server"]}


def test_a_host_that_sleeps_is_no_alarm_and_grafana_gets_its_dashboards(watch: Watch) -> None:
    folder = "/etc/grafana/provisioning"
    service = "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/touch /run/grafana-started\\n"
    watch.fleet.sh(WATCHER, f"mkdir -p {folder}/datasources {folder}/dashboards; printf '{service}' >/etc/systemd/system/grafana-server.service")
    asleep = watch.rules.with_name("asleep.yml")
    asleep.write_text(yaml.safe_dump({"all": {"hosts": {OFF: {"zfs_monitor_expected_asleep": True}}}}), encoding="utf-8")
    watch.fleet.played([server_play(watch)], "-i", str(asleep))
    labels = [one["labels"] for one in watch.fleet.json(WATCHER, "/etc/ferro-zfs-monitoring/targets.json")]
    assert labels == [{"instance": WATCHED}, {"expected_asleep": "true", "instance": OFF}]
    sources = yaml.safe_load(watch.fleet.sh(WATCHER, f"ls /run/grafana-started >&2; cat {folder}/datasources/ferro-zfs.yml"))
    assert sources["datasources"][0]["url"] == "http://127.0.0.1:9090"
    (provider,) = yaml.safe_load(watch.fleet.sh(WATCHER, f"cat {folder}/dashboards/ferro-zfs.yml"))["providers"]
    for path in BOARDS:
        assert watch.fleet.json(WATCHER, f"{provider['options']['path']}/{path.name}") == json.loads(path.read_text(encoding="utf-8"))
    watch.wait(lambda: ("ZfsMonitoringDown", OFF) not in watch.alerts())


def test_a_host_that_leaves_is_asked_no_more(watch: Watch) -> None:
    watch.server("prometheus", monitoring_server_hosts=[WATCHED])
    watch.wait(lambda: [one["metric"]["instance"] for one in watch.ask("up")[0]] == [WATCHED])


def test_a_server_that_runs_already_is_left_alone(watch: Watch) -> None:
    watch.fleet.sh(WATCHER, "systemctl stop ferro-zfs-alertmanager; systemctl start prometheus-alertmanager")
    play = watch.fleet.playbook([server_play(watch)])
    assert "prometheus-alertmanager runs here already" in play.failures[WATCHER]
    watch.fleet.sh(WATCHER, "systemctl stop prometheus-alertmanager")


def test_a_host_that_watches_no_more_loses_it_all_but_its_series(watch: Watch) -> None:
    tasks = [{"ansible.builtin.import_role": {"name": "ferro.zfs.monitoring_server", "tasks_from": "absent"}}]
    plays = [{"hosts": WATCHER, "gather_facts": False, "tasks": tasks}]
    assert watch.fleet.played(plays, check=True).changed[WATCHER]
    watch.fleet.played(plays)
    left = "ls -d /etc/ferro-zfs-monitoring /etc/systemd/system/ferro-zfs-* /etc/grafana/provisioning/*/ferro-zfs.yml 2>/dev/null || true"
    assert watch.fleet.sh(WATCHER, f"{left}; systemctl list-units --no-legend 'ferro-zfs-*'") == ""
    assert watch.fleet.sh(WATCHER, "ls /var/lib/private/ferro-zfs-metrics").split() == ["prometheus", "victoriametrics"]
