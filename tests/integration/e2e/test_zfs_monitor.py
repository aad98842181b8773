"""roles/zfs_monitor: what readers get from a host with systemd and real ZFS, and what is left of it when it is switched off."""

import json
import re
import time
from typing import Any

import pytest
from fleet import Fleet, Play

ADDRESS = "127.0.0.1:10134"
TOKEN = "0123456789abcdef0123456789abcdef"
TREE = {"tank": {"datasets": {"documents": {"policy": "hours", "snapshots_discover_children": True}}}}
OPTIONS: dict[str, Any] = {
    "zfs_policies": {"hours": {"hourly": 2}},
    "system_zfs_keys": {},
    "zfs_policy_snapshot_delay": 0,
    "zfs_policy_prune_enabled": False,
}


@pytest.fixture(scope="module")
def source(fleet: Fleet) -> Fleet:
    fleet.sh("source", "date -s '2031-05-05 09:20:00'")
    fleet.sh("source", "zpool create tank /dev/ubdb; zfs create tank/documents; zfs create tank/documents/new")
    fleet.role("zfs_policy", "source", zfs=TREE, **OPTIONS)
    fleet.sh("source", "systemctl start ferro-zfs-snapshot")
    return fleet


def monitor(fleet: Fleet, check: bool = False, fails: bool = False, **variables: Any) -> Play:
    return fleet.role("zfs_monitor", "source", check=check, fails=fails, **variables)


def get(fleet: Fleet, path: str, options: str = "") -> str:
    return fleet.sh("source", f"curl -sS --max-time 10 {options} http://{ADDRESS}{path}")


def status(fleet: Fleet) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(fleet, "/api/v1/status"))
    return found


def until(fleet: Fleet, path: str, expected: int) -> None:
    """Waits until a path answers with that status."""
    for _ in range(200):
        if fleet.sh("source", f"curl -s --max-time 10 -o /dev/null -w '%{{http_code}}' http://{ADDRESS}{path} || true") == str(expected):
            return
        time.sleep(0.3)
    raise AssertionError(f"{path}: {get(fleet, path)}")


def files(fleet: Fleet) -> list[str]:
    return fleet.sh("source", "find /etc /usr/local/bin -name '*monitor*' -path '*ferro*' -o -name zfs_monitor").split()


def test_check_mode_on_a_fresh_host_does_nothing(source: Fleet) -> None:
    assert "Install units" in str(monitor(source, check=True).changed["source"])
    assert files(source) == []


def test_it_shows_the_host_and_a_second_run_changes_nothing(source: Fleet) -> None:
    monitor(source)
    until(source, "/-/ready", 200)
    assert status(source)["verdict"] in ("ok", "warning"), status(source)
    assert monitor(source).recap["source"]["changed"] == 0
    assert monitor(source, check=True).recap["source"]["changed"] == 0
    assert json.loads(get(source, "/api/v1/pools/tank/status"))["status"]["vdevs"]
    [job] = json.loads(get(source, "/api/v1/jobs"))["jobs"]
    assert job["name"] == "snapshot"
    # systemd has been asked, by a user without rights.
    assert job["next_run_at"]
    assert get(source, "/").splitlines()[0].split()[1] == "source"


def test_it_has_no_rights_and_is_locked_in(source: Fleet) -> None:
    who = source.sh("source", "ps -o user=,rss= -p $(systemctl show --value -p MainPID ferro-zfs-monitor)").split()
    assert who[0] == "ferro-z+"
    assert int(who[1]) < 10_000, "idle under 10 MB"
    checked = source.sh("source", "systemd-analyze verify --man=no ferro-zfs-monitor.service ferro-zfs-monitor.socket 2>&1")
    assert "ferro-zfs" not in checked
    score = source.sh("source", "systemd-analyze security ferro-zfs-monitor.service | tail -1")
    assert float(re.search(r"level.*: ([\d.]+)", score)[1]) < 1.5, score  # type: ignore[index]
    assert source.sh("source", "ss -Hltn sport = :10134 | awk '{print $4}'").strip() == ADDRESS


def test_snapshots_of_children_that_stop_are_red_within_two_hours(source: Fleet) -> None:
    """As it happened to the seeds' author for four months: old ones stay, and by count all is well."""
    source.sh("source", "systemctl stop ferro-zfs-snapshot.timer; date -s '2031-05-05 11:25:00'")
    until(source, "/api/v1/check", 503)
    problems = status(source)["problems"]
    assert {"snapshot_overdue"} == {one["check"] for one in problems if one["severity"] == "critical" and one["part"] == "snapshots"}
    assert "tank/documents/new" in [one["subject"] for one in problems]
    source.sh("source", "systemctl start ferro-zfs-snapshot.timer ferro-zfs-snapshot.service")
    until(source, "/api/v1/check", 200)


def test_a_pool_that_is_suspended_is_seen_at_once_and_hurts_nobody(source: Fleet) -> None:
    source.sh(
        "source",
        "mkdir -p /tiny; mount -t tmpfs -o size=40M t /tiny; truncate -s 200M /tiny/s; zpool create -o failmode=wait -O compression=off ill /tiny/s;"
        "(head -c 80M /dev/urandom > /ill/f) </dev/null >/dev/null 2>&1 & for i in $(seq 100); do grep -q SUSPENDED /proc/spl/kstat/zfs/ill/state && exit 0; sleep 0.1; done; exit 1",
    )
    before = time.monotonic()
    assert json.loads(get(source, "/api/v1/pools/ill"))["state"] == "suspended"
    assert "ill: SUSPENDED" in get(source, "/")
    assert time.monotonic() - before < 10
    # The other pool is still looked at.
    since = status(source)["collected_at"]
    source.sh("source", "zfs create tank/later; systemctl start ferro-zfs-snapshot")
    until(source, "/api/v1/datasets/tank/later", 200)
    assert status(source)["collected_at"] > since
    assert 'zfs_pool_state{pool="ill",state="suspended"} 1' in get(source, "/metrics")
    # Room again, or the host could not even be shut down.
    source.sh(
        "source", "mount -o remount,size=300M /tiny; zpool clear ill; while pgrep -x head >/dev/null; do sleep 0.2; done; zpool destroy ill; umount /tiny"
    )


def test_a_token(source: Fleet) -> None:
    assert "at least 16" in monitor(source, fails=True, zfs_monitor_token="short").output
    play = monitor(source, zfs_monitor_token=TOKEN)
    assert TOKEN not in play.output
    until(source, "/-/healthy", 200)
    assert get(source, "/metrics", "-o /dev/null -w '%{http_code}'") == "401"
    assert "zfs_pool_size_bytes" in get(source, "/metrics", f"-H 'Authorization: Bearer {TOKEN}'")
    assert source.sh("source", "stat -c '%a %U' /etc/ferro-zfs/monitor.token") == "600 root\n"
    monitor(source)
    assert "monitor.token" not in source.sh("source", "ls /etc/ferro-zfs")
    until(source, "/metrics", 200)


def test_options_that_are_wrong_leave_the_old_ones_in_place(source: Fleet) -> None:
    before = source.sh("source", "cat /etc/ferro-zfs/monitor.json")
    assert "scrub_max_age" in monitor(source, fails=True, zfs_monitor_scrub_max_age="often").output
    assert source.sh("source", "cat /etc/ferro-zfs/monitor.json") == before
    until(source, "/-/ready", 200)


def test_what_is_switched_off_is_removed(source: Fleet) -> None:
    assert monitor(source, check=True, zfs_monitor_enabled=False).recap["source"]["changed"] > 0
    until(source, "/-/healthy", 200)
    monitor(source, zfs_monitor_enabled=False)
    assert files(source) == []
    assert source.sh("source", "systemctl list-units --all 'ferro-zfs-monitor*' --no-legend; ss -Hltn sport = :10134") == ""
    assert monitor(source, zfs_monitor_enabled=False).recap["source"]["changed"] == 0
