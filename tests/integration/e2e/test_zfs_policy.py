"""roles/zfs_policy: what its timers do on a host with systemd, and what is left of it when it is switched off."""

import json
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from fleet import Fleet, Play

JOBS = ("snapshot", "prune")
TREE = {
    "tank": {
        "datasets": {
            "documents": {"policy": "hours", "snapshots_discover_children": True},
            "films": {"policy": "low"},
        }
    }
}
COUNTS = {"hours": {"hourly": 2}}
METRICS = "/var/lib/metrics"
OPTIONS: dict[str, Any] = {
    "zfs_manuals": True,
    "zfs_policies": COUNTS,
    # The inventory's are for a dataset that is not in this tree.
    "system_zfs_keys": {},
    "zfs_policy_snapshot_delay": 0,
    "zfs_policy_prune_delay": 0,
    "zfs_policy_protect": ["keep-*"],
    "zfs_policy_keep_within": "1m",
    "zfs_policy_max_destroy": "90%",
    "zfs_policy_metrics_directory": METRICS,
}


@pytest.fixture(scope="module")
def source(fleet: Fleet) -> Fleet:
    fleet.sh("source", "zpool create tank /dev/ubdb; zfs create tank/documents; zfs create tank/documents/new; zfs create tank/films")
    fleet.sh("source", f"mkdir {METRICS}")
    # A clock of its own: where the true one passes a quarter of an hour, the timers fire once more than the tests count.
    fleet.sh("source", "date -s '2031-05-05 09:20:00'")
    return fleet


def policy(fleet: Fleet, check: bool = False, fails: bool = False, **variables: Any) -> Play:
    return fleet.role("zfs_policy", "source", check=check, fails=fails, **({"zfs": TREE} | OPTIONS | variables))


def files(fleet: Fleet, host: str = "source") -> list[str]:
    """Whatever of the role there is on a host."""
    folders = "/etc/systemd/system /etc/ferro-zfs /usr/local/bin /usr/local/share /var/lib/ferro-zfs /var/lib/systemd/timers /var/lib/metrics"
    found = fleet.sh(host, f"find {folders} -name '*ferro-zfs-*' -o -name '*zfs_prune*' -o -name '*zfs_policy_snapshot*' -o -name '*.json'", check=False)
    return sorted(found.splitlines())


def snapshots(fleet: Fleet, dataset: str, interval: str = "") -> list[str]:
    names = fleet.sh("source", f"zfs list -Ht snapshot -o name -s createtxg -d 1 {dataset}").split()
    return [name.partition("@")[2] for name in names if name.endswith(interval)]


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.3)
    return True


def test_check_mode_on_a_fresh_host_does_nothing(source: Fleet) -> None:
    play = policy(source, check=True)
    assert "Install units" in str(play.changed["source"])
    assert files(source) == []


def test_both_timers_run_and_a_second_run_changes_nothing(source: Fleet) -> None:
    policy(source)
    units = [f"ferro-zfs-{job}.timer" for job in JOBS]
    assert source.sh("source", f"systemctl is-active {' '.join(units)}; systemctl is-enabled {' '.join(units)}") == "active\n" * 2 + "enabled\n" * 2
    options = source.json("source", "/etc/ferro-zfs/prune.json")
    assert {key: options[key] for key in ("protect", "keep_within", "max_destroy")} == {"protect": ["keep-*"], "keep_within": "1m", "max_destroy": "90%"}
    manuals = [path for path in files(source) if path.startswith("/usr/local/share/")]
    assert len(manuals) == 2 * 4 and "/usr/local/share/man/man8/zfs_prune.8" in manuals
    assert policy(source).recap["source"]["changed"] == 0
    assert policy(source, check=True).recap["source"]["changed"] == 0


@pytest.mark.parametrize("job", JOBS)
def test_units_are_sound_and_locked_in(source: Fleet, job: str) -> None:
    checked = source.sh("source", f"systemd-analyze verify --man=no ferro-zfs-{job}.service ferro-zfs-{job}.timer 2>&1")
    assert "ferro-zfs" not in checked
    score = source.sh("source", f"systemd-analyze security ferro-zfs-{job}.service | tail -1")
    assert float(re.search(r"level.*: ([\d.]+)", score)[1]) < 2.5, score  # type: ignore[index]


def test_the_timers_fire_by_the_clock(source: Fleet) -> None:
    # systemd fires at once what a leap of the clock passes. Each hour has a snapshot of its own.
    for hour in (10, 11, 12, 13):
        source.sh("source", f"date -s '2031-05-05 {hour}:16:00'")
        newest = partial(lambda hour: f"_{hour}:16:" in "".join(snapshots(source, "tank/documents/new", "hourly")[-1:]), hour)
        assert within(30, newest), journal(source)
    source.sh("source", "date -s '2031-05-05 13:52:00'")
    assert within(30, lambda: len(snapshots(source, "tank/documents", "hourly")) == 2), journal(source)
    assert within(30, lambda: len(snapshots(source, "tank/films", "daily")) == 1), journal(source)
    for job in JOBS:
        assert source.json("source", f"/var/lib/ferro-zfs/{job}.json")["summary"]["failed"] == 0
        assert "ferro_zfs_" in source.sh("source", f"cat {METRICS}/ferro-zfs-{job}.prom")
    assert re.search(r"zfs_policy_snapshot\[\d+\]: \* created +tank/documents +@", journal(source))


def journal(fleet: Fleet) -> str:
    return fleet.sh("source", "journalctl -u 'ferro-zfs*' | tail -40")


def test_a_run_that_fails_leaves_its_result_too(source: Fleet) -> None:
    succeeded = source.json("source", "/var/lib/ferro-zfs/snapshot.json")["last_success"]
    source.sh("source", "zfs destroy -r tank/films; date -s '2031-05-05 15:15:30'; ! systemctl start ferro-zfs-snapshot 2>&1")
    result = source.json("source", "/var/lib/ferro-zfs/snapshot.json")
    assert result["failed"] is True
    assert "tank/films" in result["msg"]
    assert result["last_success"] == succeeded < result["finished"]
    assert result["created"], "one that fails does not keep the others"
    assert source.sh("source", "systemctl is-failed ferro-zfs-snapshot") == "failed\n"


def test_a_dataset_that_is_removed_from_the_tree_leaves_the_schedule(source: Fleet) -> None:
    tree = {"tank": {"datasets": {"documents": TREE["tank"]["datasets"]["documents"]}}}
    policy(source, zfs=tree, zfs_policy_prune_enabled=False)
    assert [one["dataset"] for one in source.json("source", "/etc/ferro-zfs/snapshot.json")["datasets"]] == ["tank/documents"]
    source.sh("source", "systemctl start ferro-zfs-snapshot")
    assert not source.json("source", "/var/lib/ferro-zfs/snapshot.json").get("failed")


def test_a_policy_that_does_not_exist_is_found_when_it_is_set_up(source: Fleet) -> None:
    before = source.sh("source", "cat /etc/ferro-zfs/snapshot.json")
    play = policy(source, fails=True, zfs={"tank": {"datasets": {"documents": {"policy": "hihg"}}}}, zfs_policy_prune_enabled=False)
    assert "hihg" in play.output
    assert source.sh("source", "cat /etc/ferro-zfs/snapshot.json") == before
    source.sh("source", "systemctl is-active ferro-zfs-snapshot.timer")


def test_a_hook_has_a_service_do_what_the_sandbox_does_not_let_it(source: Fleet) -> None:
    for name, does in {"freeze": "touch /root/frozen", "thaw": "mv /root/frozen /root/thawed"}.items():
        unit = f"[Service]\nType=oneshot\nExecStart={does}\n"
        source.sh("source", f"cat >/etc/systemd/system/db-{name}.service <<'END'\n{unit}END\nsystemctl daemon-reload")
    hooks = {when: ["/usr/bin/systemctl", "start", f"db-{name}.service"] for when, name in {"before": "freeze", "after": "thaw"}.items()}
    tree = {"tank": {"datasets": {"documents": {**TREE["tank"]["datasets"]["documents"], "snapshot_hooks": hooks}}}}
    policy(source, zfs=tree, zfs_policy_prune_enabled=False)
    assert policy(source, zfs=tree, zfs_policy_prune_enabled=False).recap["source"]["changed"] == 0
    # No quarter of an hour lies between.
    source.sh("source", "date -s '2031-05-05 17:16:00'; sleep 1; systemctl start ferro-zfs-snapshot; ls /root/thawed; rm -f /root/thawed")
    source.sh("source", "zfs destroy -r tank/documents@%; systemctl start ferro-zfs-snapshot; ls /root/thawed")
    result = source.json("source", "/var/lib/ferro-zfs/snapshot.json")
    assert [(hook["phase"], hook["status"], hook["dataset"]) for hook in result["hooks"]] == [
        ("before", "ok", "tank/documents"),
        ("after", "ok", "tank/documents"),
    ]
    source.sh(
        "source",
        "rm /etc/systemd/system/db-freeze.service; systemctl daemon-reload; zfs destroy -r tank/documents@%; ! systemctl start ferro-zfs-snapshot 2>&1",
    )
    assert source.json("source", "/var/lib/ferro-zfs/snapshot.json")["failures"][0]["code"] == "hook_failed"


def test_what_is_switched_off_is_removed(source: Fleet) -> None:
    # Pruning has been off since the test of a removed dataset.
    assert [path for path in files(source) if "prune" in path] == []
    assert [path for path in files(source) if "snapshot" in path] != []
    source.sh("source", "systemctl stop ferro-zfs-snapshot.timer; ! systemctl start ferro-zfs-snapshot 2>&1; systemctl is-failed ferro-zfs-snapshot")
    none = {"tank": {"datasets": {"documents": {"policy": "none"}}}}
    assert policy(source, check=True, zfs=none).recap["source"]["changed"] > 0
    policy(source, zfs=none)
    assert files(source) == []
    assert source.sh("source", "systemctl list-units --all 'ferro-zfs*' --no-legend; systemctl list-timers --all | grep ferro || true") == ""
    assert policy(source, zfs=none).recap["source"]["changed"] == 0


def test_a_backup_host_prunes_replicas_and_never_snapshots_them(fleet: Fleet) -> None:
    fleet.sh("backup", "zpool create backuppool /dev/ubdb; zfs create backuppool/backups; zfs create backuppool/backups/source")
    fleet.sh("backup", "for h in 1 2 3; do date -u -s 2031-01-01T0$h:00; zfs snapshot -r backuppool/backups@autosnap_2031-01-01_0$h:00:00_hourly; done")
    tree: dict[str, Any] = {"backuppool": {"datasets": {"backups": {"policy": "hour", "snapshots_discover_children": True}}}}
    fleet.role("zfs_policy", "backup", zfs=tree, zfs_policies={"hour": {"hourly": 1}})
    assert [path for path in files(fleet, "backup") if "snapshot" in path] == []
    # They are seen for the first time, and so as if they had only just come. An hour later that is
    # known.
    fleet.sh("backup", "systemctl start ferro-zfs-prune")
    assert len(fleet.sh("backup", "zfs list -Ht snapshot -o name").split()) == 6
    assert "trust_dates=true" in fleet.json("backup", "/var/lib/ferro-zfs/prune.json")["warnings"][0]
    fleet.sh("backup", "date -u -s 2031-01-01T04:30; systemctl start ferro-zfs-prune")
    left = fleet.sh("backup", "zfs list -Ht snapshot -o name").split()
    assert left == [f"backuppool/{name}@autosnap_2031-01-01_03:00:00_hourly" for name in ("backups", "backups/source")]
    # And not by way of an ancestor that discovers its children.
    tree = {"backuppool": {"policy": "low", "snapshots_discover_children": True, "datasets": {"backups": {"policy": "critical"}}}}
    fleet.role("zfs_policy", "backup", zfs=tree)
    fleet.sh("backup", "systemctl start ferro-zfs-snapshot")
    created = json.dumps(fleet.json("backup", "/var/lib/ferro-zfs/snapshot.json")["created"])
    assert "backuppool@" in created
    assert "backups" not in created
