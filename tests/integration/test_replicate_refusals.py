"""zfs_replicate where ZFS refuses: each reason has a cause and an advice, and one warning says it for all datasets alike."""

import json
from typing import Any

import pytest
from streaming import LOCAL
from zfs_hosts import HELD, Hosts

POOL = "truncate -s 500M /big/{0}.img; zpool create {1} {0} /big/{0}.img;"
TANK = POOL.format("tank", "") + "zfs create -o recordsize=1M tank/a; head -c 3M /dev/urandom > /tank/a/f; zfs snapshot -r tank@s1;"
# Of all features only what receiving takes; a newer one would bring large_blocks along.
CAUSES: dict[str, tuple[str, dict[str, Any], str, str, str]] = {
    "a volume above the target": (
        TANK + POOL.format("vault", "") + "zfs create -V 8M vault/vol",
        {"target": "vault/vol"},
        "is not a filesystem",
        "a volume has no children; rename what is there out of the way",
        "kind_differs",
    ),
    "a clone of what a rollback destroys": (
        TANK
        + POOL.format("vault", "")
        + "zfs send tank/a@s1 | zfs receive vault/a; echo own > /vault/a/own; zfs snapshot vault/a@own; zfs clone vault/a@own vault/clone; "
        "zfs snapshot tank/a@s2",
        {"source": ["tank/a"], "strip_prefix": "tank", "on_diverged": "rollback"},
        "has dependent clones",
        "a clone hangs on it: promote the clone (zfs promote) or destroy it",
        "cloned",
    ),
    "a hold on what a rollback destroys": (
        TANK
        + POOL.format("vault", "")
        + "zfs send tank/a@s1 | zfs receive vault/a; echo own > /vault/a/own; zfs snapshot vault/a@own; zfs hold mine vault/a@own; zfs snapshot tank/a@s2",
        {"source": ["tank/a"], "strip_prefix": "tank", "on_diverged": "rollback"},
        HELD,
        "`zfs holds` there shows whose",
        "busy" if HELD == "dataset is busy" else "held",
    ),
    "a pool that is read-only": (
        TANK + POOL.format("vault", "") + "zpool export vault; zpool import -d /big -o readonly=on vault",
        {},
        "read-only",
        "the pool is imported read-only there",
        "pool_read_only",
    ),
    "a quota": (
        TANK + POOL.format("vault", "") + "zfs set quota=2M vault",
        {},
        "",
        "the pool is full or a quota is reached there",
        "no_space",
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_a_refusal_of_zfs_has_a_cause_and_an_advice(hosts: Hosts, name: str) -> None:
    script, args, said, advice, code = CAUSES[name]
    hosts.sh("source", script)
    try:
        result = hosts.replicate("source", **{**LOCAL, **args, "retries": 0})
        errors = [report["error"] for report in result["datasets"] if report["status"] == "failed"]
        assert errors, result
        assert any(said in error["stderr"] for error in errors), errors
        assert any(advice in (error["caused_by"] or "") for error in errors), errors
        assert code in {error["code"] for error in errors}, errors
        assert advice in result["msg"]
    finally:
        hosts.sh("source", "zfs release mine vault/a@own 2>/dev/null || true")


def test_what_fails_for_many_is_said_once(hosts: Hosts) -> None:
    """As seen with 150 datasets: 2.4 MB of warnings."""
    hosts.sh(
        "source",
        POOL.format("tank", "")
        + POOL.format("vault", "")
        + "for i in $(seq 100 139); do zfs create -o canmount=off tank/dataset-$i; done; zfs snapshot -r tank@s1",
    )
    hosts.sh("source", "zpool export tank; zpool import -d /big -o readonly=on tank")
    result = hosts.replicate("source", **LOCAL, parallel=4)
    assert not result.get("failed"), result["msg"]
    [warning] = result["warnings"]
    assert warning == (
        "no bookmark is made, so the snapshot must stay on the source: pool is read-only (tank@s1, tank/dataset-100@s1, tank/dataset-101@s1 and 38 more)"
    )


def test_what_the_preflight_has_said_is_not_said_again(hosts: Hosts) -> None:
    hosts.sh(
        "source",
        POOL.format("tank", "") + "for i in 1 2 3 4 5; do zfs create tank/$i; done; zfs snapshot -r tank@s1; zfs allow -u archive send,hold,mount,create tank",
    )
    hosts.pool("backup", "vault")
    result = hosts.replicate("backup", source_host="archive@source", source=["tank"], target="vault")
    assert not result.get("failed"), result["msg"]
    bookmarks = [warning for warning in result["warnings"] if "no bookmark is made" in warning]
    assert len(bookmarks) == 1 and "lacks the ZFS permission bookmark" in bookmarks[0], result["warnings"]
    assert len(json.dumps(result["warnings"])) < 2000
