"""What docs/migration.md promises: snapshots of sanoid and replicas of syncoid, or of scripts with zfs send and receive -F, are taken over in place."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from zfs_hosts import Hosts, Lab, program

POLICIES = {"production": {"hourly": 3, "daily": 2}}
SANOID = """
[tank/data]
  use_template = production
  recursive = yes
[template_production]
  frequently = 0
  hourly = 3
  daily = 2
  weekly = 0
  monthly = 0
  yearly = 0
  autosnap = yes
  autoprune = no
"""


@pytest.fixture
def peers() -> Iterator[Hosts]:
    with Lab(f"migrate-{os.getpid()}", image="peers") as lab:
        for host in ("source", "backup"):
            for name in ("zfs_replicate", "zfs_policy_snapshot", "zfs_prune"):
                lab.copy(host, program(name), f"/usr/local/bin/{name}")
        hosts = Hosts(lab)
        hosts.pool("source", "tank")
        hosts.pool("backup", "vault")
        hosts.sh("source", "zfs create -p tank/data/child; date > /tank/data/f; head -c 300000 /dev/urandom > /tank/data/child/f")
        yield hosts


def module(hosts: Hosts, name: str, **args: Any) -> dict[str, Any]:
    done = hosts.lab.run("source", f"{name} -", check=False, input=json.dumps(args))
    result: dict[str, Any] = json.loads(done.stdout)
    assert not result.get("failed"), result
    return result


def test_sanoid_and_syncoid_are_taken_over_in_place(peers: Hosts) -> None:
    hosts = peers
    hosts.sh("source", f"mkdir -p /etc/sanoid; cp /usr/share/sanoid/sanoid.defaults.conf /etc/sanoid/; cat > /etc/sanoid/sanoid.conf <<'EOF'\n{SANOID}\nEOF")
    hosts.sh("source", "date -s '2026-11-20 09:10:00' > /dev/null; sanoid --take-snapshots; date -s '2026-11-20 10:10:00' > /dev/null; sanoid --take-snapshots")
    before = hosts.guids("source", "tank/data")
    assert [name.rsplit("_", 1)[1] for name in before].count("hourly") == 2, before
    syncoid = "syncoid -r --quiet tank/data root@backup:vault/nas"
    hosts.sh("source", syncoid)
    hosts.sh("source", f"date >> /tank/data/f; date -s '2026-11-20 10:20:00' > /dev/null; {syncoid}")

    # This hour and day have their snapshots, made by sanoid.
    policy: dict[str, Any] = {"datasets": [{"dataset": "tank/data", "policy": "production", "snapshots_discover_children": True}], "policies": POLICIES}
    assert module(hosts, "zfs_policy_snapshot", **policy)["created"] == []
    hosts.sh("source", "date -s '2026-11-20 11:10:00' > /dev/null; date >> /tank/data/f; date >> /tank/data/child/f")
    assert len(module(hosts, "zfs_policy_snapshot", **policy)["created"]) == 2

    push: dict[str, Any] = {"source": "tank/data", "strip_prefix": "tank/data", "target": "vault/nas", "target_host": "root@backup"}
    push["snapshots"] = {"exclude": ["syncoid_*"]}
    # syncoid's replicas are mounted, so something writes to them: an access time is enough.
    hosts.sh("backup", "date > /vault/nas/written; date > /vault/nas/child/written; zpool sync vault")
    refused = hosts.replicate("source", **push)
    assert refused["failed"] and refused["msg"].count("the target was written to") == 2, refused["msg"]
    first = hosts.replicate("source", **push, on_diverged="rollback")
    assert not first.get("failed"), first
    reports = {report["source"]: report for report in first["datasets"]}
    assert {name: (report["action"], report["status"]) for name, report in reports.items()} == {
        "tank/data": ("incremental", "ok"),
        "tank/data/child": ("incremental", "ok"),
    }
    assert hosts.checksum("backup", f"vault/nas/child@{reports['tank/data/child']['to']}") == hosts.checksum(
        "source", f"tank/data/child@{reports['tank/data/child']['to']}"
    )

    # The sync snapshots can go, on both sides, and the chain goes on.
    for host, pool in (("source", "tank"), ("backup", "vault")):
        hosts.sh(host, f"zfs list -H -t snapshot -o name -r {pool} | grep @syncoid_ | xargs -n 1 zfs destroy")
    hosts.sh("source", "date -s '2026-11-20 12:10:00' > /dev/null; date >> /tank/data/f")
    module(hosts, "zfs_policy_snapshot", **policy)
    assert {report["action"] for report in hosts.replicated("source", **push).values()} == {"incremental"}

    # Of sanoid's and ours together the newest three stay.
    pruned = module(hosts, "zfs_prune", **policy)
    assert sorted(pruned["destroyed"]) == [name for name in sorted(pruned["destroyed"]) if name.endswith("_hourly")] != []
    assert [name.rsplit("_", 1)[1] for name in hosts.guids("source", "tank/data")].count("hourly") == 3


def test_replicas_of_scripts_are_taken_over_in_place(peers: Hosts) -> None:
    hosts = peers
    # What the scripts did: the earliest in full, then all up to the latest, by name and with -F,
    # below the host's name.
    hosts.sh("backup", "zfs create -o canmount=off vault/backups; zfs create -p -o canmount=off vault/backups/nas/tank")
    names = [f"autosnap_2026-11-{day}_02:00:01_daily" for day in (17, 18, 19)]
    for name in names:
        hosts.sh("source", f"date >> /tank/data/f; zfs snapshot -r tank/data@{name}")
    for dataset in ("tank/data", "tank/data/child"):
        hosts.sh(
            "backup",
            f"ssh root@source zfs send {dataset}@{names[0]} | zfs receive -F -u vault/backups/nas/{dataset};"
            f"ssh root@source zfs send -I @{names[0]} {dataset}@{names[2]} | zfs receive -F -u vault/backups/nas/{dataset}",
        )
    hosts.sh("source", "date >> /tank/data/f; zfs snapshot -r tank/data@autosnap_2026-11-20_02:00:01_daily")
    pull = {"source_host": "root@source", "source": "tank/data", "target": "vault/backups/nas"}
    assert {report["action"] for report in hosts.replicated("backup", **pull).values()} == {"incremental"}
    assert hosts.guids("backup", "vault/backups/nas/tank/data") == hosts.guids("source", "tank/data")
