"""Clones land as clones of the right snapshot, whatever order, mode or end; and keys are inherited again by what is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_gate import guard
from test_gate import key as key
from zfs_hosts import Hosts, program

LOCAL: dict[str, Any] = {"source": ["tank"], "target": "vault"}
SSH = {"identity_file": "/root/gate_key"}


@pytest.fixture(autouse=True, scope="module")
def gate(lab: Any) -> Iterator[None]:
    for host in ("source", "offsite"):
        lab.copy(host, program("zfs_gate"), "/usr/local/bin/zfs_gate")
    yield
    lab.run("source", "rm -f /etc/ssh/authorized_keys.d/root")
    lab.run("offsite", "rm -f /etc/ssh/authorized_keys.d/root")


def origins(hosts: Hosts, host: str, root: str) -> dict[str, str]:
    rows = hosts.sh(host, f"zfs list -Hp -t filesystem,volume -o name,origin -r {root}").splitlines()
    return {name: origin for name, origin in (row.split("\t") for row in rows) if origin != "-"}


def by_source(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {report["source"]: report for report in result["datasets"]}


@pytest.fixture
def cloned(hosts: Hosts) -> Hosts:
    """tank/z, its clone tank/b, of that tank/a, and a volume with a clone: each before its origin by name. tank/z goes on after it."""
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")
    hosts.sh(
        "source",
        "zfs create tank/z; head -c 5M /dev/urandom > /tank/z/f; zfs snapshot tank/z@r; echo s > /tank/z/g; zfs snapshot tank/z@s;"
        "zfs clone tank/z@s tank/b; echo b > /tank/b/h; zfs snapshot tank/b@b1; echo c > /tank/b/h; zfs snapshot tank/b@b2; zfs snapshot tank/b@b3;"
        "zfs clone tank/b@b1 tank/a; echo a > /tank/a/h; zfs snapshot tank/a@a1; echo t > /tank/z/g; zfs snapshot tank/z@t;"
        "zfs create -V 8M tank/y; zfs snapshot tank/y@s; zfs clone tank/y@s tank/x; zfs snapshot tank/x@x1",
    )
    return hosts


@pytest.mark.parametrize("parallel", [1, 3])
def test_clones_land_as_clones(cloned: Hosts, parallel: int) -> None:
    wish = {**LOCAL, "parallel": parallel, "clones": "keep", "send_properties": parallel == 1}
    planned = by_source(cloned.replicate("source", **wish, _ansible_check_mode=True))
    reports = cloned.replicated("source", **wish)
    expected = {"a": "b@b1", "b": "z@s", "x": "y@s"}
    assert origins(cloned, "source", "vault") == {f"vault/tank/{clone}": f"vault/tank/{origin}" for clone, origin in expected.items()}
    for clone, origin in expected.items():
        for report in (planned[f"tank/{clone}"], reports[f"tank/{clone}"]):
            assert (report["action"], report["from"], report["origin"]) == ("clone", f"tank/{origin}", f"vault/tank/{origin}")
    assert reports["tank/b"]["bytes"] < 1_000_000 < reports["tank/z"]["bytes"]
    for name in "abxyz":
        assert cloned.guids("source", f"vault/tank/{name}") == cloned.guids("source", f"tank/{name}")
    for snapshot in ("a@a1", "b@b1", "b@b3", "z@t"):
        assert cloned.checksum("source", f"vault/tank/{snapshot}") == cloned.checksum("source", f"tank/{snapshot}")
    assert cloned.replicate("source", **wish)["changed"] is False
    cloned.sh("source", "echo d > /tank/b/h; zfs snapshot -r tank@later")
    assert cloned.replicated("source", **wish)["tank/b"]["action"] == "incremental"


def test_what_was_promoted_goes_on_or_is_told_how(cloned: Hosts) -> None:
    cloned.replicated("source", **LOCAL)
    # tank/z has a later snapshot in common, tank/y nothing any more.
    cloned.sh("source", "zfs promote tank/b; zfs promote tank/x; zfs snapshot -r tank@last")
    result = cloned.replicate("source", **LOCAL)
    actions = {name: report.get("action", report.get("error", {}).get("code")) for name, report in by_source(result).items()}
    assert actions == {"tank": "full", **dict.fromkeys(["tank/a", "tank/b", "tank/x", "tank/z"], "incremental"), "tank/y": "no_common_snapshot"}
    command = "zfs bookmark 'tank/x@s' 'tank/y#s'"
    assert command in by_source(result)["tank/y"]["error"]["caused_by"]
    cloned.sh("source", command)
    assert cloned.replicated("source", **LOCAL)["tank/y"]["action"] == "incremental"
    # One that was promoted before it was ever sent: on the target, it is promoted alike.
    cloned.sh("source", "zfs clone tank/z@last tank/new; zfs promote tank/new; zfs snapshot tank/new@n1")
    [warning] = [warning for warning in cloned.replicate("source", **LOCAL, _ansible_check_mode=True)["warnings"] if "was promoted" in warning]
    cloned.sh("source", warning.partition("before the run: ")[2])
    assert cloned.replicated("source", **LOCAL)["tank/new"]["action"] == "incremental"
    assert origins(cloned, "source", "vault")["vault/tank/z"] == "vault/tank/new@last"


def test_a_clone_without_its_origin_is_sent_whole_or_refused(cloned: Hosts) -> None:
    # An interrupted one is resumed as a clone.
    cloned.replicated("source", source=["tank/z", "tank/y"], target="vault")
    cloned.sh("source", "head -c 3M /dev/urandom > /tank/a/big; zfs snapshot tank/a@a2")
    cloned.sh("source", "zfs send -Lc -i tank/z@s tank/b@b1 | head -c 5000 | zfs receive -s -u -o origin=vault/tank/z@s vault/tank/b || true")
    assert cloned.replicated("source", source=["tank/b"], target="vault")["tank/b"]["action"] == "resume"
    assert origins(cloned, "source", "vault")["vault/tank/b"] == "vault/tank/z@s"
    # What is not there is not, and the newest snapshot before it will do.
    only = {"source": ["tank/a"], "target": "vault"}
    cloned.sh("source", "zfs create -p vault/other/tank; zfs create vault/part")
    refused = by_source(cloned.replicate("source", **{**only, "target": "vault/other", "clones": "keep"}))["tank/a"]["error"]
    assert refused["code"] == "origin_missing" and "its origin tank/b@b1 is not at vault/other/tank/b" in refused["caused_by"]
    result = cloned.replicate("source", **{**only, "target": "vault/other"})
    [warning] = [warning for warning in result["warnings"] if "whole" in warning]
    assert warning.startswith("tank/a is sent whole and it is no clone on the target, which takes 5") and "differ from the origin: its origin" in warning
    assert "vault/other/tank/a" not in origins(cloned, "source", "vault/other")
    part = {"source": ["tank/b", "tank/z"], "target": "vault/part", "snapshots": {"exclude": ["s"]}}
    assert cloned.replicated("source", **part)["tank/b"]["origin"] == "vault/part/tank/z@r"
    assert cloned.checksum("source", "vault/part/tank/b@b3") == cloned.checksum("source", "tank/b@b3")


def test_a_clone_waits_for_an_origin_that_fails(cloned: Hosts) -> None:
    cloned.sh("source", "zfs create -p vault/tank/z; echo own > /vault/tank/z/f")
    reports = by_source(cloned.replicate("source", **LOCAL))
    codes = {name: report["error"]["code"] for name, report in reports.items() if "error" in report}
    assert codes == {"tank/z": "target_in_use", "tank/b": "origin_not_arrived", "tank/a": "origin_not_arrived"}
    # Nothing of it was sent, and it is mended with the origin: here, one that is set aside.
    reports = cloned.replicated("source", **LOCAL, on_diverged="set_aside")
    assert [reports[f"tank/{name}"]["action"] for name in "abz"] == ["clone", "clone", "full"]
    # One that is set aside keeps its clones, and the new one has none.
    assert origins(cloned, "source", "vault")["vault/tank/b"] == "vault/tank/z@s"


def test_raw_clones_share_the_key_and_what_is_told_makes_the_others_inherit_it(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")
    hosts.sh(
        "source",
        "echo password > /run/key; echo password2 > /run/key2; zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key tank/e;"
        "zfs create tank/e/o; echo o > /tank/e/o/f; zfs create 'tank/e/o/my d'; zfs snapshot -r tank/e@s; zfs clone tank/e/o@s tank/e/c; echo c > /tank/e/c/g; zfs snapshot tank/e/c@c1",
    )
    wish = {"source": ["tank/e"], "target": "vault", "clones": "keep"}
    result = hosts.replicate("source", **wish)
    assert by_source(result)["tank/e/c"]["action"] == "clone"
    [tree] = result["key_inheritance"]
    assert (tree["root"], tree["datasets"]) == ("vault/tank/e", ["vault/tank/e/o", "vault/tank/e/o/my d"])
    # A new key reaches the clone and its origin by a stream of either.
    hosts.sh("source", "zfs change-key -o keyformat=passphrase -o keylocation=file:///run/key2 tank/e; echo d > /tank/e/c/g; zfs snapshot tank/e/c@c2")
    hosts.replicated("source", **wish)
    hosts.sh(
        "source",
        "zfs load-key -L file:///run/key2 vault/tank/e/o; zfs set mountpoint=/mnt/o canmount=noauto vault/tank/e/o; zfs mount -o ro vault/tank/e/o; zfs set mountpoint=/mnt/c canmount=noauto vault/tank/e/c;"
        "zfs mount -o ro vault/tank/e/c",
    )
    assert (
        hosts.sh("source", "cat /mnt/o/f /mnt/c/f /mnt/c/g; zfs umount vault/tank/e/c; zfs umount vault/tank/e/o; zfs unload-key vault/tank/e/o") == "o\no\nd\n"
    )
    hosts.sh("source", "zfs snapshot -r tank/e@later")
    hosts.replicated("source", **wish)
    load, inherit = tree["commands"]
    hosts.sh("source", f"yes password2 | {load}; {inherit}")
    roots = hosts.sh("source", "zfs list -H -o encryptionroot -r vault/tank/e").splitlines()
    assert roots == ["vault/tank/e"] * 4
    assert hosts.replicate("source", **wish)["key_inheritance"] == []


def test_clones_go_through_gates_that_have_their_origin(hosts: Hosts, key: Path) -> None:
    for host, pool in (("source", "tank"), ("backup", "vault"), ("offsite", "vault")):
        hosts.pool(host, pool)
    hosts.sh(
        "source",
        "zfs create tank/data; zfs create tank/out; zfs create tank/data/o; head -c 2M /dev/urandom > /tank/data/o/f; zfs snapshot -r tank@s;"
        "zfs clone tank/data/o@s tank/data/c; echo c > /tank/data/c/g; zfs snapshot tank/data/c@c1; zfs clone tank/out@s tank/data/stray; zfs snapshot tank/data/stray@x",
    )
    hosts.sh("offsite", "zfs create -o canmount=off vault/in")
    guard(hosts, "source", key, "--mode send --dataset tank/data")
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in")
    pull = {"source_host": "root@source", "source": ["tank/data"], "target": "vault", "ssh": SSH}
    result = hosts.replicate("backup", **pull)
    assert {name: report["action"] for name, report in by_source(result).items()} == {
        "tank/data": "full",
        "tank/data/c": "clone",
        "tank/data/o": "full",
        "tank/data/stray": "full",
    }
    assert [warning for warning in result["warnings"] if warning.startswith("tank/data/stray is sent whole") and "tank/out@s is not to be seen" in warning]
    push = {"source": ["vault/tank/data"], "target": "vault/in", "target_host": "root@offsite", "ssh": SSH}
    assert hosts.replicated("backup", **push)["vault/tank/data/c"]["action"] == "clone"
    assert origins(hosts, "offsite", "vault") == {"vault/in/vault/tank/data/c": "vault/in/vault/tank/data/o@s"}
    assert hosts.checksum("offsite", "vault/in/vault/tank/data/c@c1") == hosts.checksum("source", "tank/data/c@c1")
