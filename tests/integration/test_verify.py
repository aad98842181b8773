"""zfs_verify against real OpenZFS: what is the same is found to be so however it is stored, and a single wrong byte is found."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crafted
import pytest
from test_gate import guard
from test_gate import key as key
from test_stream_attacks import put, sent
from zfs_hosts import Hosts, program

PULL: dict[str, Any] = {"source_host": "root@source", "source": ["tank"], "target": "vault"}
BEFORE = "mount -t zfs; zfs list -Hp -t all -o name,guid"


@pytest.fixture(autouse=True, scope="module")
def binary(lab: Any) -> None:
    lab.copy("backup", program("zfs_verify"), "/usr/local/bin/zfs_verify")


def verify(hosts: Hosts, flags: str = "-", **args: Any) -> dict[str, Any]:
    """The result of zfs_verify on the backup server."""
    done = hosts.lab.run("backup", f"/usr/local/bin/zfs_verify {flags}", check=False, input=json.dumps({**PULL, **args}), timeout=120)
    assert done.stderr == "", done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if result.get("failed") else 0)
    return result


def by_source(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {report["source"]: report for report in result["datasets"]}


def told(result: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {source: (report["status"], report["method"]) for source, report in by_source(result).items()}


@pytest.fixture
def pulled(hosts: Hosts) -> Hosts:
    """A source of all kinds, pulled twice: plain data with holes and zeros, large blocks, a volume, and what is encrypted, whose key only the source has."""
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh(
        "source",
        """
        zfs create -o compression=off tank/data; zfs create -o recordsize=1M tank/large; zfs create -V 8M -o volblocksize=16k tank/vol
        echo password | zfs create -o encryption=on -o keyformat=passphrase tank/secret
        { head -c 1M /dev/urandom; echo MARKERMARKER; head -c 2M /dev/urandom; } > /tank/data/file; head -c 1M /dev/zero > /tank/data/zeros; truncate -s 5M /tank/data/hole; ln -s file /tank/data/link
        for i in $(seq 50); do echo $i > /tank/data/f$i; done; head -c 3M /dev/urandom > /tank/large/file; head -c 500k /dev/urandom > /tank/secret/file
        udevadm settle; head -c 1M /dev/urandom | dd of=/dev/zvol/tank/vol bs=64k seek=5 status=none
        for dataset in data large vol secret; do zfs snapshot tank/$dataset@a; done
        rm /tank/data/f1*; mv /tank/data/f2 /tank/data/f3; echo more >> /tank/data/file; echo more >> /tank/secret/file; chmod 700 /tank/data/f4
        for dataset in data large vol secret; do zfs snapshot tank/$dataset@b; done
        """,
    )
    hosts.replicated("backup", **PULL)
    hosts.sh("source", "zfs unmount tank/secret; zfs unload-key tank/secret")
    return hosts


def test_replicas_are_verified_without_keys_and_nothing_is_mounted_or_made(pulled: Hosts) -> None:
    before = [pulled.sh(host, BEFORE) for host in ("source", "backup")]
    assert told(verify(pulled, "--check -")) == {
        "tank": ("no_snapshots", None),
        "tank/data": ("planned", "plain"),
        "tank/large": ("planned", "plain"),
        "tank/secret": ("planned", "raw"),
        "tank/vol": ("planned", "plain"),
    }
    state = "/tmp/verify.state"
    result = verify(pulled, state_file=state)
    assert {source: status for source, (status, _) in told(result).items() if source != "tank"} == dict.fromkeys(
        ("tank/data", "tank/large", "tank/secret", "tank/vol"), "verified"
    ), result
    reports = by_source(result)
    assert all(report["snapshot"] == "b" and report["verified_at"] for source, report in reports.items() if source != "tank")
    assert reports["tank/data"]["bytes"] > 3 << 20 and reports["tank/vol"]["bytes"] >= 1 << 20
    assert [pulled.sh(host, BEFORE) for host in ("source", "backup")] == before

    # A part in each run, also within a dataset, until each has had its turn; then it begins anew.
    pulled.sh("source", "head -c 60M /dev/urandom > /tank/large/more; zfs snapshot tank/large@c")
    pulled.replicated("backup", **PULL)
    pulled.sh("backup", f"rm {state}")
    seen: list[dict[str, tuple[str, str | None]]] = []
    for _ in range(20):
        seen.append(told(verify(pulled, sample="17M", state_file=state)))
        if seen[-1]["tank/large"][0] == "verified":
            break
    parts = [run["tank/large"][0] for run in seen]
    assert parts[-1] == "verified" and parts.count("in_progress") >= 2 and len(parts) < 20, parts

    # A key that is missing where it would be needed, and no snapshot in common.
    pulled.sh(
        "backup",
        "echo password | zfs load-key -L prompt vault/tank/secret; zfs create vault/plain; echo another one | zfs create -o canmount=off -o encryption=on -o keyformat=passphrase vault/own",
    )
    pulled.sh("source", "echo password | zfs load-key -L prompt tank/secret; zfs snapshot tank/secret@z")
    pulled.sh("backup", "ssh root@source zfs send tank/secret@z | zfs receive -u vault/own/secret; zfs unload-key -r vault/own; zfs snapshot vault/plain@b")
    own = verify(pulled, source=["tank/secret"], strip_prefix="tank/secret", target="vault/own/secret")
    assert (own["datasets"][0]["status"], own["datasets"][0]["error"]["code"]) == ("not_comparable", "key_not_loaded"), own
    alien = verify(pulled, source=["tank/data"], strip_prefix="tank/data", target="vault/plain")
    assert (alien["datasets"][0]["status"], alien["datasets"][0]["error"]["code"]) == ("not_comparable", "no_common_snapshot"), alien


def flipped(stream: bytes, chosen: Callable[[crafted.Record], bool]) -> bytes:
    """The same stream with another last byte in the first block that is chosen."""
    records = crafted.records(stream)
    at = next(number for number, record in enumerate(records) if record.kind == crafted.WRITE and chosen(record))
    payload = records[at].payload
    records[at] = crafted.Record(records[at].header, payload[:-1] + bytes([payload[-1] ^ 1]))
    return crafted.sealed(records)


def test_one_wrong_byte_is_found_plain_and_raw_and_what_cannot_be_read(pulled: Hosts) -> None:
    inode = int(pulled.sh("source", "stat -c %i /tank/data/file"))
    wrong = flipped(sent(pulled, "source", "zfs send tank/data@b"), lambda write: write.number(8) == inode and write.number(24) == 2 << 20)
    put(pulled, "backup", wrong)
    pulled.sh("backup", "zfs receive -u vault/wrong < /tmp/evil")
    args: dict[str, Any] = {"source": ["tank/data"], "strip_prefix": "tank/data", "target": "vault/wrong", "state_file": "/tmp/wrong.state"}
    for _ in range(2):
        result = verify(pulled, **args)
        report = result["datasets"][0]
        assert (report["status"], report["error"]["code"], report["verified_at"]) == ("differs", "content_differs", None), result
        assert report["differences"] == [{"object": inode, "what": "data", "offset": 0, "on": "both"}]
        assert f"data of object {inode} from byte 0 on" in result["msg"]

    wrong = flipped(sent(pulled, "source", "zfs send -w tank/secret@b"), lambda write: len(write.payload) > 100_000)
    put(pulled, "backup", wrong)
    pulled.sh("backup", "zfs receive -u vault/raw < /tmp/evil")
    raw = verify(pulled, source=["tank/secret"], strip_prefix="tank/secret", target="vault/raw")["datasets"][0]
    assert (raw["status"], raw["method"], [one["what"] for one in raw["differences"]]) == ("differs", "raw", ["data"]), raw

    # The disk of the replica gives other bytes than were written, as bad disks do.
    pulled.sh(
        "backup",
        """
        zpool export vault
        # Debian 12's grep would hold all of a pool's holes in memory as one line.
        places=$(tr '\\0' '\\n' </big/vault.img | grep -abo MARKERMARKER | cut -d: -f1)
        [ -n "$places" ]
        for at in $places; do echo wrong | dd of=/big/vault.img bs=1 seek=$at conv=notrunc status=none; done
        zpool import -d /big vault
        """,
    )
    lost = verify(pulled, source=["tank/data"])["datasets"][0]
    assert (lost["status"], (lost["error"] or {}).get("code")) == ("unreadable", "damaged"), lost


def test_a_gate_is_enough_and_a_killed_run_leaves_nothing(pulled: Hosts, key: Path) -> None:
    pulled.lab.copy("source", program("zfs_gate"), "/usr/local/bin/zfs_gate")
    guard(pulled, "source", key, "--mode send --dataset tank --raw-only")
    ssh = {"identity_file": "/root/gate_key", "options": ["IdentitiesOnly=yes", "ControlPersist=1"]}
    slow = {**PULL, "source": ["tank/data"], "ssh": ssh, "state_file": "/tmp/v.state", "bandwidth_limit": "500k"}
    line = f"echo {shlex.quote(json.dumps(slow))} > /tmp/v.json; /usr/local/bin/zfs_verify /tmp/v.json"
    for signal in ("KILL", "TERM"):
        process = pulled.lab.popen("backup", line)
        # Its streams flow, for some six seconds.
        pulled.sh("source", "for i in $(seq 600); do pgrep -f '[z]fs send .*@b' >/dev/null && break; sleep 0.1; done; sleep 2")
        pulled.sh("backup", f"pkill -{signal} -x zfs_verify")
        process.wait(timeout=20)
        # Its `zfs send` ends when it writes to nobody, and must not be taken for the next one's.
        pulled.sh("source", "for i in $(seq 600); do pgrep -f '[z]fs send .*@b' >/dev/null || exit 0; sleep 0.1; done; exit 1")
    assert json.loads(pulled.sh("backup", "cat /tmp/v.state"))["replicas"][0]["pass"]["object"] > 0
    result = verify(pulled, "--debug -", **{**slow, "bandwidth_limit": None})
    assert result["datasets"][0]["status"] == "verified" and "zfs send -t" in str(result["commands"]), result
    refused = verify(pulled, source=["tank/large"], ssh=ssh, target="elsewhere")["datasets"][0]
    assert (refused["status"], refused["error"]["code"]) == ("not_comparable", "no_replica")
