"""Renamed sources, and their replicas behind a gate."""

from pathlib import Path

from test_gate import PUSH, binaries, guard, key, source_pool  # noqa: F401
from zfs_hosts import Hosts


def test_replicas_follow_renamed_sources_only_where_the_gate_allows_it(hosts: Hosts, key: Path) -> None:  # noqa: F811
    source_pool(hosts, "backup")
    hosts.pool("offsite", "vault")
    hosts.sh("offsite", "zfs create -o canmount=off vault/in")
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in")
    hosts.replicated("backup", **PUSH)
    hosts.sh(
        "backup",
        "zfs rename tank/data/vol tank/data/disk; zfs rename 'tank/data/my child' tank/data/x; zfs create -p tank/data/in; zfs rename tank/data/x tank/data/in/x",
    )
    refused = hosts.replicate("backup", **PUSH, renamed="follow")
    assert "needs a gate with --allow-rename" in refused["msg"]
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in --allow-rename")
    done = hosts.replicated("backup", **PUSH, renamed="follow")
    assert done["tank/data/disk"]["renamed_from"] == "vault/in/tank/data/vol", done
    assert {report["action"] for report in done.values()} == {"up_to_date", "no_snapshots"}
    assert hosts.guids("offsite", "vault/in/tank/data/in/x") == hosts.guids("backup", "tank/data/in/x")
    assert hosts.replicate("backup", **PUSH, renamed="follow")["changed"] is False


def test_a_pool_that_was_imported_by_another_name_is_followed(hosts: Hosts, key: Path) -> None:  # noqa: F811
    source_pool(hosts, "backup")
    hosts.pool("offsite", "vault")
    hosts.sh("offsite", "zfs create -o canmount=off vault/in")
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in --allow-rename")
    hosts.replicated("backup", **PUSH)
    hosts.sh("backup", "zpool export tank; zpool import -d /big tank nas; zfs snapshot nas/data@later")
    push = {**PUSH, "source": ["nas/data"]}
    told = hosts.replicate("backup", "--check -", **push)
    assert {one["target"]: one["renamed_to"] for one in told["orphans"]}["vault/in/tank/data"] == "nas/data", told
    done = hosts.replicated("backup", **push, renamed="follow")
    assert done["nas/data"]["renamed_from"] == "vault/in/tank/data", done
    assert {report["action"] for report in done.values()} <= {"incremental", "up_to_date", "no_snapshots"}
    for name in ("data", "data/my child", "data/secret", "data/vol"):
        assert hosts.guids("offsite", f"vault/in/nas/{name}") == hosts.guids("backup", f"nas/{name}")
    again = hosts.replicate("backup", **push, renamed="follow")
    assert (again["changed"], again["orphans"]) == (False, [])
