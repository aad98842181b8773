"""Hooks on real hosts: a pool that is there only for a replication, a dataset that is written to until the last moment."""

from typing import Any

from policy_box import Box
from zfs_hosts import Hosts


def test_the_target_is_imported_for_the_run_and_exported_again(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")
    hosts.sh("source", "zfs snapshot tank@1; zpool export vault")
    hooks = {"before": ["/usr/sbin/zpool", "import", "-d", "/big/vault.img", "vault"], "after": ["/usr/sbin/zpool", "export", "vault"], "on_failure": "skip"}
    args: dict[str, Any] = {"source": ["tank"], "target": "vault", "hooks": hooks}
    for action in ("full", "up_to_date"):
        result = hosts.replicate("source", **args)
        assert [report["action"] for report in result["datasets"]] == [action], result
        assert [hook["status"] for hook in result["hooks"]] == ["ok", "ok"]
        assert hosts.sh("source", "zpool list -H -o name") == "tank\n"
    hosts.sh("source", "zpool import -d /big/vault.img vault")
    result = hosts.replicate("source", **args)
    assert (result["skipped"], result["code"], result["changed"]) == (True, "hook_failed", False)
    assert "a pool with that name already exists" in result["msg"]


def test_what_is_frozen_together_is_whole_in_its_snapshots(box: Box) -> None:
    box.pool("db", "db/log")
    script = "case $FERRO_ZFS_PHASE in before) for d in db db/log; do echo frozen >/tank/$d/state; done;; after) for d in db db/log; do rm /tank/$d/state; done;; esac"
    argv = ["/bin/sh", "-c", script]
    hooks = {"tank/db": {"before": argv, "after": argv}}
    result = box.snapshot({"tank/db": "high+"}, interval="hourly", hooks=hooks)
    assert len(result["created"]) == 2
    assert box.sh("cat /tank/db/.zfs/snapshot/*/state /tank/db/log/.zfs/snapshot/*/state; ls /tank/db/state 2>&1 || true").startswith("frozen\nfrozen\nls: ")


def test_what_other_tools_left_is_pruned_with_ours(box: Box) -> None:
    box.pool("a")
    box.sh(
        "for h in 0 1 2 3 4 5; do zfs snapshot tank/a@zfs-auto-snap_hourly-2026-01-01-0${h}17; done; zfs hold keep tank/a@zfs-auto-snap_hourly-2026-01-01-0117;"
        "zfs clone tank/a@zfs-auto-snap_hourly-2026-01-01-0217 tank/clone; zfs snapshot tank/a@by_hand;"
        "for n in 0 1 2; do zfs snapshot tank/a@zrepl_20260101_07000${n}_000; done; zfs snapshot tank/a@autosnap_2026-01-01_08:00:00_hourly"
    )
    args: dict[str, Any] = {"policies": {"kept": {"hourly": "3h"}}, "other_names": ["zfs-auto-snapshot", "zrepl"]}
    result = box.prune({"tank/a": "kept"}, **args)
    auto = "tank/a@zfs-auto-snap_hourly-2026-01-01-0"
    assert result["destroyed"] == [f"{auto}017", f"{auto}317", f"{auto}417", "tank/a@zrepl_20260101_070001_000", "tank/a@zrepl_20260101_070002_000"]
    assert result["other_names"] == {"zfs-auto-snapshot": 6, "zrepl": 3}
    left = [f"{auto}117", f"{auto}217", f"{auto}517", "tank/a@by_hand", "tank/a@zrepl_20260101_070000_000", "tank/a@autosnap_2026-01-01_08:00:00_hourly"]
    assert sorted(box.snapshots("tank/a")) == sorted(left)
    assert not box.prune({"tank/a": "kept"}, **args)["changed"]
