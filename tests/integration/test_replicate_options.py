"""Options of zfs_replicate that change how it goes about it, not what arrives: holds, compress, parallel, progress_file."""

import json
import time
from typing import Any

import pytest
from streaming import can_be_resumed, cut, wait_until
from zfs_hosts import HELD, Hosts, program

LOCAL = {"source": ["tank"], "target": "vault"}
PULL = {"source_host": "root@source", "source": "tank", "target": "vault"}


def holds(hosts: Hosts, host: str, pool: str) -> list[str]:
    """Snapshots of a pool that are held by us."""
    held = hosts.sh(host, f"zfs list -H -t snapshot -o name -r {pool} | xargs -r zfs holds -H | cut -f 1,2").splitlines()
    return sorted(row.split("\t")[0] for row in held if row.split("\t")[1].startswith("ferro_"))


@pytest.fixture
def pull(hosts: Hosts) -> dict[str, Any]:
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh("source", "zfs create tank/a; head -c 100000 /dev/urandom > /tank/a/f; zfs snapshot -r tank@s1; zfs snapshot -r tank@s2")
    return PULL


def test_holds_move_on_with_the_common_snapshot(hosts: Hosts, pull: dict[str, Any]) -> None:
    args = {**pull, "holds": True}
    hosts.replicated("backup", **args)
    assert holds(hosts, "source", "tank") == ["tank/a@s2", "tank@s2"]
    assert holds(hosts, "backup", "vault") == ["vault/tank/a@s2", "vault/tank@s2"]
    assert hosts.replicate("backup", **args)["changed"] is False

    hosts.sh("source", "zfs snapshot -r tank@s3; zfs snapshot -r tank@s4; zfs hold mine tank/a@s1")
    hosts.replicated("backup", **args)
    assert holds(hosts, "source", "tank") == ["tank/a@s4", "tank@s4"]
    assert holds(hosts, "backup", "vault") == ["vault/tank/a@s4", "vault/tank@s4"]
    # Nobody else's hold is touched.
    assert "mine" in hosts.sh("source", "zfs holds -H tank/a@s1")


def test_holds_are_put_right_where_nothing_is_to_be_sent(hosts: Hosts, pull: dict[str, Any]) -> None:
    hosts.replicated("backup", **pull)
    args = {**pull, "holds": True}
    assert hosts.replicate("backup", **args, _ansible_check_mode=True)["changed"] is True
    assert holds(hosts, "source", "tank") == []
    assert hosts.replicate("backup", **args)["changed"] is True
    assert holds(hosts, "source", "tank") == ["tank/a@s2", "tank@s2"]
    # What a killed run has left goes.
    tag = hosts.sh("source", "zfs holds -H tank@s2 | cut -f 2").strip()
    hosts.sh("source", f"zfs hold {tag} tank@s1 tank/a@s1")
    assert hosts.replicate("backup", **args)["changed"] is True
    assert holds(hosts, "source", "tank") == ["tank/a@s2", "tank@s2"]
    assert hosts.replicate("backup", **args, _ansible_check_mode=True)["changed"] is False


def test_holds_keep_what_arrives_while_it_is_sent(hosts: Hosts) -> None:
    """The newest snapshot that an interrupted run left on the target cannot have vanished from the source meanwhile."""
    hosts.pool("source", "tank", "700M")
    hosts.pool("backup", "vault", "700M")
    hosts.sh("source", "for i in 1 2 3 4; do head -c 8000000 /dev/urandom > /tank/f$i; zfs snapshot tank@s$i; done")
    args = {**PULL, "holds": True, "bandwidth_limit": "8M", "retries": 0}
    cut(hosts, "backup", "KILL", "zfs list -H -t snapshot -o name vault/tank 2>/dev/null | grep -q @s1", **args)
    assert hosts.guids("backup", "vault/tank")
    for snapshot in ("s1", "s2", "s3", "s4"):
        assert HELD in hosts.lab.run("source", f"zfs destroy tank@{snapshot}", check=False).stderr
    hosts.replicated("backup", **{**args, "bandwidth_limit": None})
    assert holds(hosts, "source", "tank") == ["tank@s4"]
    assert hosts.guids("backup", "vault/tank") == hosts.guids("source", "tank")
    # The connection of what was killed outlives it by ten seconds.
    hosts.sh("backup", "for i in $(seq 60); do pgrep -x ssh > /dev/null || break; sleep 0.2; done")


def test_a_rollback_takes_our_own_hold_along(hosts: Hosts, pull: dict[str, Any]) -> None:
    args = {**pull, "holds": True}
    hosts.sh("source", "echo more > /tank/a/g; zfs snapshot tank/a@s3")
    hosts.replicated("backup", **args)
    # The source is taken back by hand, which our hold makes nobody do by accident.
    hosts.sh("source", "zfs holds -H tank/a@s3 | cut -f 2 | xargs -I TAG zfs release TAG tank/a@s3; zfs rollback -r tank/a@s2; zfs snapshot tank/a@s4")
    assert "has diverged" in hosts.replicate("backup", **args)["msg"]
    done = hosts.replicated("backup", **args, on_diverged="rollback")["tank/a"]
    assert done["rolled_back"]["destroyed"] == ["s3"]
    assert holds(hosts, "backup", "vault") == ["vault/tank/a@s4", "vault/tank@s2"]


def test_compressed_on_the_wire(hosts: Hosts, pull: dict[str, Any]) -> None:
    hosts.pool("offsite", "far")
    hosts.sh("source", "zfs set compression=off tank; zfs create tank/z; yes 'much the same' | head -c 20000000 > /tank/z/f; zfs snapshot -r tank@s3")
    done = hosts.replicated("backup", **pull, compress="zstd")
    assert done["tank/z"]["bytes"] < 1_000_000
    assert hosts.checksum("backup", "vault/tank/z@s3") == hosts.checksum("source", "tank/z@s3")
    push = {"source": "vault/tank", "strip_prefix": "vault", "target": "far", "target_host": "root@offsite", "compress": "zstd"}
    assert hosts.replicated("backup", **push)["vault/tank/z"]["bytes"] < 1_000_000
    relay = {"source": "tank", "source_host": "root@source", "target": "far/relayed", "target_host": "root@offsite", "compress": "zstd"}
    hosts.sh("offsite", "zfs create far/relayed")
    hosts.replicated("backup", **relay)
    for copy in ("far/tank/z@s3", "far/relayed/tank/z@s3"):
        assert hosts.checksum("offsite", copy) == hosts.checksum("source", "tank/z@s3")


def test_compress_blames_the_cause_and_resumes(hosts: Hosts, pull: dict[str, Any]) -> None:
    hosts.sh("backup", "zfs create -o quota=20M vault/small")
    hosts.sh("source", "zfs create tank/big; head -c 60000000 /dev/urandom > /tank/big/f; zfs snapshot tank/big@s")
    small = hosts.replicate("backup", source="tank/big", target="vault/small", source_host="root@source", compress="zstd", retries=0)
    error = small["datasets"][0]["error"]
    assert (error["stage"], "quota" in error["stderr"]) == ("receive", True), error
    slow = {**pull, "source": "tank/big", "compress": "zstd", "bandwidth_limit": "10M"}
    cut(hosts, "backup", "TERM", can_be_resumed("vault/tank/big"), **slow)
    # Nothing of the pipe stays on the other end.
    deadline = time.monotonic() + 5
    while (left := hosts.sh("source", "ps -eo comm= | grep -E '^(zstd|zfs)$' || true")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == ""
    done = hosts.replicated("backup", **{**slow, "bandwidth_limit": None})["tank/big"]
    assert done["action"] == "resume"
    assert hosts.checksum("backup", "vault/tank/big@s") == hosts.checksum("source", "tank/big@s")


def test_compress_without_zstd_is_refused_clearly(hosts: Hosts, pull: dict[str, Any]) -> None:
    hosts.sh("source", "mv /usr/bin/zstd /usr/bin/zstd.away")
    try:
        for check_mode in (True, False):
            refused = hosts.replicate("backup", **pull, compress="zstd", _ansible_check_mode=check_mode)
            assert "compress: zstd needs the program zstd on root@source. Install it there, or leave compress out" in refused["msg"]
    finally:
        hosts.sh("source", "mv /usr/bin/zstd.away /usr/bin/zstd")
    hosts.pool("backup", "other")
    assert "no wire between two local pools" in hosts.replicate("backup", source="vault", target="other", compress="zstd")["msg"]


def gated(hosts: Hosts, host: str, mode: str, dataset: str) -> dict[str, Any]:
    """A key from backup that reaches a host only through a gate; gives the ssh options for it."""
    hosts.lab.copy(host, program("zfs_gate"), "/usr/local/bin/zfs_gate")
    hosts.sh("backup", f"rm -f /tmp/{host}*; ssh-keygen -q -t ed25519 -N '' -f /tmp/{host}")
    line = f'command="/usr/local/bin/zfs_gate --mode {mode} --dataset {dataset}",restrict ' + hosts.sh("backup", f"cat /tmp/{host}.pub")
    hosts.sh(host, f"cp /root/.ssh/authorized_keys /tmp/keys; echo '{line.strip()}' >> /root/.ssh/authorized_keys")
    return {"identity_file": f"/tmp/{host}", "options": ["IdentitiesOnly=yes", "IdentityAgent=none"]}


def test_compress_and_holds_through_a_gate(hosts: Hosts, pull: dict[str, Any]) -> None:
    hosts.pool("offsite", "far")
    try:
        ssh = gated(hosts, "source", "send", "tank")
        hosts.sh("source", "zfs create tank/z; zfs set compression=off tank/z; yes the same | head -c 9000000 > /tank/z/f; zfs snapshot -r tank@s3")
        done = hosts.replicated("backup", **pull, ssh=ssh, compress="zstd", holds=True, parallel=2)
        assert done["tank/z"]["bytes"] < 1_000_000
        ssh = gated(hosts, "offsite", "receive", "far")
        push = {"source": "vault/tank", "strip_prefix": "vault", "target": "far", "target_host": "root@offsite", "ssh": ssh}
        hosts.replicated("backup", **push, compress="zstd", holds=True)
        assert hosts.checksum("offsite", "far/tank/z@s3") == hosts.checksum("source", "tank/z@s3")
        assert holds(hosts, "offsite", "far") == ["far/tank/a@s3", "far/tank/z@s3", "far/tank@s3"]
    finally:
        for host in ("source", "offsite"):
            hosts.sh(host, "if test -e /tmp/keys; then cp /tmp/keys /root/.ssh/authorized_keys; rm /tmp/keys; fi")


def test_parallel_keeps_parents_first_and_all_whole(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh(
        "source",
        "for i in 1 2 3; do for j in 1 2; do zfs create -p tank/d$i/e$j; head -c 300000 /dev/urandom > /tank/d$i/e$j/f; done; done;"
        "zfs snapshot -r tank@s1; zfs snapshot -r tank@s2",
    )
    result = hosts.replicate("backup", **PULL, parallel=4, _ansible_verbosity=3)
    assert not result.get("failed"), result["msg"]
    reports = {report["source"]: report for report in result["datasets"]}
    assert list(reports) == sorted(reports) and len(reports) == 10
    for dataset in reports:
        assert hosts.guids("backup", f"vault/{dataset}") == hosts.guids("source", dataset)
    assert hosts.checksum("backup", "vault/tank/d2/e1@s2") == hosts.checksum("source", "tank/d2/e1@s2")
    # Each lane has a connection of its own.
    sends = [command for command in result["commands"] if command.startswith("ssh ") and " zfs send " in command]
    paths = {word for command in sends for word in command.split() if "ControlPath=" in word}
    assert 1 < len(paths) <= 4, paths
    assert hosts.replicate("backup", **PULL, parallel=4)["changed"] is False


def test_one_failing_in_parallel_leaves_the_others_alone(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")
    hosts.sh("source", "for i in 1 2 3 4; do zfs create tank/d$i; done; zfs snapshot -r tank@s; zfs create -p vault/tank/d2")
    result = hosts.replicate("source", **LOCAL, parallel=3)
    status = {report["source"]: report["status"] for report in result["datasets"]}
    assert status == {"tank": "failed", "tank/d1": "ok", "tank/d2": "failed", "tank/d3": "ok", "tank/d4": "ok"}
    assert "parallel: 0 is not a number from 1 to 32" in hosts.replicate("source", **LOCAL, parallel=0)["msg"]


def test_progress_of_several_at_once(hosts: Hosts) -> None:
    hosts.pool("source", "tank", "700M")
    hosts.pool("source", "vault", "700M")
    hosts.sh("source", "for i in 1 2; do zfs create tank/d$i; head -c 30000000 /dev/urandom > /tank/d$i/f; done; zfs snapshot -r tank@s")
    args = json.dumps({**LOCAL, "parallel": 2, "bandwidth_limit": "15M", "progress_file": "/tmp/progress.json"})
    hosts.sh("source", f"nohup zfs_replicate - > /tmp/result 2>&1 <<< '{args}' &")
    seen: list[dict[str, Any]] = []
    deadline = time.monotonic() + 60
    while not hosts.sh("source", "cat /tmp/result") and time.monotonic() < deadline:
        said = hosts.sh("source", "cat /tmp/progress.json 2>/dev/null || true")
        seen += [json.loads(said)] if said.strip() not in ("", "{}") else []
        time.sleep(0.3)
    both = [state for state in seen if state["parallel"] == 2]
    assert both and all(state["bytes"] <= state["bytes_estimated"] * 1.1 and state["of"] == 3 for state in both), seen
    # The result comes first.
    wait_until(hosts, "source", "! test -e /tmp/progress.json")
    assert json.loads(hosts.sh("source", "cat /tmp/result"))["summary"]["replicated"] == 3
