"""What a client or a pushing host can do from within a stream: nothing, but to its own replica. Each of these once did harm."""

import base64
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import crafted
import pytest
from test_gate import PREFIX, everything, guard
from test_gate import key as key
from zfs_hosts import Hosts, program

PULL: dict[str, Any] = {"source_host": "root@source", "source": ["tank/data"], "target": "vault/a", "recursive": False, "retries": 0}
# A client whose `zfs send` says what its owner likes, and whose other answers are true.
EVIL_ZFS = """case $1 in send) case "$*" in *-nvP*) ;; *) cat /tmp/evil; exit 0;; esac;; esac; exec /usr/sbin/zfs "$@" """


@pytest.fixture(autouse=True, scope="module")
def gate(lab: Any) -> Iterator[None]:
    lab.copy("offsite", program("zfs_gate"), "/usr/local/bin/zfs_gate")
    yield
    lab.run("offsite", "rm -f /etc/ssh/authorized_keys.d/root")


@pytest.fixture
def client(hosts: Hosts) -> Iterator[Hosts]:
    """A client whose dataset tank/data has been pulled once to vault/a, beside the backup of another, vault/b/hide."""
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh("source", "zfs create tank/data; echo 1 > /tank/data/f; zfs create tank/hide; echo secret > /tank/hide/f; zfs snapshot -r tank@s1")
    hosts.sh("backup", "zfs create -o canmount=off vault/a; zfs create -o canmount=off vault/b")
    hosts.replicated("backup", **PULL)
    hosts.replicated("backup", **{**PULL, "source": ["tank/hide"], "target": "vault/b"})
    hosts.sh("source", "echo 2 > /tank/data/f; echo 2 > /tank/hide/f; zfs snapshot -r tank@s2")
    yield hosts
    hosts.sh("source", "rm -f /usr/local/sbin/zfs")


def sent(hosts: Hosts, host: str, command: str) -> bytes:
    """What a command of a host prints, byte for byte."""
    return base64.b64decode(hosts.sh(host, f"{command} | base64 -w0"))


def put(hosts: Hosts, host: str, stream: bytes, path: str = "/tmp/evil") -> None:
    hosts.lab.run(host, f"base64 -d > {path}", input=base64.b64encode(stream).decode())


def pulled(hosts: Hosts, stream: bytes, **args: Any) -> dict[str, Any]:
    """The result of a pull from a client that sends this."""
    put(hosts, "source", stream)
    hosts.lab.run("source", "{ echo '#!/bin/sh'; cat; } > /usr/local/sbin/zfs; chmod 755 /usr/local/sbin/zfs", input=EVIL_ZFS)
    return hosts.replicate("backup", **{**PULL, **args})


def refused(result: dict[str, Any], why: str) -> None:
    assert result.get("failed") and f"the stream is refused: {why}" in result["msg"], result


def test_a_client_cannot_plant_datasets(client: Hosts) -> None:
    client.sh(
        "source",
        "zfs create -o mountpoint=/etc/planted -o setuid=on tank/data/planted; zfs snapshot tank/data/planted@s2; zfs rename -r tank/data@s1 tank/data@renamed",
    )
    package = sent(client, "source", "zfs send -R -I @renamed tank/data@s2")
    client.sh("source", "zfs rename -r tank/data@renamed tank/data@s1")
    before = everything(client, "backup")
    refused(pulled(client, package), "it is a stream with properties or of several datasets")
    assert everything(client, "backup") == before


def test_a_client_cannot_write_into_the_backup_of_another(client: Hosts) -> None:
    """libzfs looks for the guid that a stream builds upon in the whole pool, where a name below the target does not exist."""
    first, *rest = crafted.records(sent(client, "source", "zfs send -i @s1 tank/hide@s2"))
    stream = crafted.sealed([first.renamed("tank/data/nope@evil"), *rest])
    before = everything(client, "backup")
    refused(pulled(client, crafted.package("tank/data@evil", stream)), "")
    assert everything(client, "backup") == before


def test_a_client_cannot_clone_the_backup_of_another(client: Hosts) -> None:
    client.sh("source", "zfs clone tank/hide@s1 tank/new; zfs snapshot tank/new@s1")
    first, *rest = crafted.records(sent(client, "source", "zfs send -i tank/hide@s1 tank/new@s1"))
    before = everything(client, "backup")
    refused(pulled(client, crafted.sealed([first.renamed("tank/new@s1"), *rest]), source=["tank/new"]), "it is a clone's stream")
    assert everything(client, "backup") == before


@pytest.mark.parametrize("compress", ["none", "zstd"])
def test_a_client_sends_what_was_asked_for_or_nothing(client: Hosts, compress: str) -> None:
    other = sent(client, "source", "zfs send -i @s1 tank/hide@s2")
    before = everything(client, "backup")
    refused(pulled(client, other, compress=compress), "it is of tank/hide@s2, but tank/data was asked for")
    first, *rest = crafted.records(sent(client, "source", "/usr/sbin/zfs send -i @s1 tank/data@s2"))
    refused(pulled(client, crafted.sealed([first.set(40, 77), *rest]), compress=compress), "it brings tank/data@s2 with guid 77, which was not asked for")
    refused(pulled(client, crafted.sealed([first.renamed("tank/data@s3"), *rest])), "it brings tank/data@s3")
    refused(pulled(client, sent(client, "source", "/usr/sbin/zfs send tank/data@s2")), "tank/data@s2 in it builds upon guid 0")
    assert everything(client, "backup") == before


# What the kernel believes: sizes that overrun its buffers, an index past the table of compression
# algorithms.
IMPOSSIBLE = {
    "larger than any block": lambda write: write.set(32, 64 << 20).set(50, 15, "B").set(96, 512),
    "stored larger than it is": lambda write: write.set(50, 15, "B").set(96, len(write.payload)).set(32, 512),
    "unknown compression": lambda write: write.set(50, 200, "B").set(96, len(write.payload)),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_impossible_records_do_not_reach_the_kernel(client: Hosts, kind: str) -> None:
    client.sh("source", "head -c 300000 /dev/urandom > /tank/data/f; zfs destroy tank/data@s2; zfs snapshot tank/data@s2")
    stream = crafted.records(sent(client, "source", "zfs send -i @s1 tank/data@s2"))
    at = next(at for at, record in enumerate(stream) if record.kind == crafted.WRITE and len(record.payload) > 100_000)
    stream[at] = IMPOSSIBLE[kind](stream[at])
    refused(pulled(client, crafted.sealed(stream)), "it has a WRITE record with impossible values")
    assert client.sh("backup", "zfs list -H -t snapshot -o name vault/a/tank/data") == "vault/a/tank/data@s1\n"


def pushed(hosts: Hosts, stream: bytes, options: str) -> tuple[int, str]:
    """Exit status and standard error of a push through the gate by somebody who holds the key."""
    put(hosts, "backup", stream)
    command = shlex.quote(f"{PREFIX}zfs receive -u {options}")
    done = hosts.lab.run("backup", f"ssh -i /root/gate_key root@offsite {command} < /tmp/evil", check=False)
    return done.returncode, done.stderr


@pytest.fixture
def offsite(hosts: Hosts, key: Path) -> Hosts:
    """An offsite host with a placeholder, vault/in/tank, above a backup; and a dataset of its own in the same pool."""
    hosts.pool("backup", "tank")
    hosts.sh("backup", "zfs create tank/data; zfs snapshot tank/data@s1")
    hosts.pool("offsite", "vault")
    hosts.sh("offsite", "zfs create -o canmount=off vault/in; zfs create vault/own; zfs snapshot vault/own@s1")
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in")
    push = {"target_host": "root@offsite", "source": ["tank/data"], "target": "vault/in", "ssh": {"identity_file": "/root/gate_key"}}
    hosts.replicated("backup", **push)
    hosts.sh("backup", "zfs create tank/evil; zfs snapshot tank/evil@a; zfs snapshot tank/evil@b")
    return hosts


def destroying(hosts: Hosts) -> bytes:
    """With `receive -F`: whatever is not in it is destroyed."""
    return sent(hosts, "backup", "zfs send -R -I @a tank/evil@b")


@pytest.mark.parametrize("disguise", ["nested", "of another type", "plain"])
def test_a_pusher_cannot_destroy_below_a_placeholder(offsite: Hosts, disguise: str) -> None:
    stream = destroying(offsite)
    if disguise == "nested":
        stream = crafted.package("tank/evil@b", stream)
    elif disguise == "of another type":
        stream = crafted.with_pair(stream, b"not_recursive", 8, bytes(8))
    before = everything(offsite, "offsite")
    status, stderr = pushed(offsite, stream, "-F vault/in/tank")
    assert (status, "the stream is refused" in stderr) == (126, True), stderr
    assert everything(offsite, "offsite") == before


def test_a_pusher_cannot_reach_what_is_not_his(offsite: Hosts) -> None:
    guid = int(offsite.sh("offsite", "zfs get -Hp -o value guid vault/own@s1"))
    begun, *rest = crafted.records(sent(offsite, "backup", "zfs send -i @a tank/evil@b"))
    onto_own = crafted.sealed([begun.set(48, guid).renamed("tank/evil/nope@evil"), *rest])
    cloned = crafted.sealed([begun.set(48, guid).set(36, begun.number(36, "I") | 1, "I"), *rest])
    before = everything(offsite, "offsite")
    for stream, target in (
        (crafted.package("tank/evil@b", onto_own), "vault/in/new"),
        (crafted.sealed([begun.set(48, guid), *rest]), "vault/in/new"),
        (cloned, "vault/in/clone"),
        (sent(offsite, "backup", "zfs send -p tank/evil@b"), "vault/in/new"),
    ):
        status, stderr = pushed(offsite, stream, target)
        assert (status, "the stream is refused" in stderr) == (126, True), stderr
    assert everything(offsite, "offsite") == before


def test_what_is_pushed_is_never_mounted_nor_a_device(offsite: Hosts) -> None:
    offsite.sh("backup", "zfs create -V 8M tank/vol; zfs snapshot tank/vol@s1")
    for name in ("evil@b", "vol@s1"):
        status, stderr = pushed(offsite, sent(offsite, "backup", f"zfs send tank/{name}"), f"vault/in/{name.partition('@')[0]}")
        assert status == 0, stderr
    assert offsite.sh("offsite", "zfs get -H -o value canmount vault/in/evil; zfs get -H -o value volmode vault/in/vol") == "off\nnone\n"
    assert offsite.sh("offsite", "zfs get -H -o value ferro.zfs:replica vault/in/evil vault/in/vol") == "pushed\npushed\n"
    assert offsite.sh("offsite", "ls /dev/zvol 2>/dev/null | wc -l") == "0\n"
    for setting in ("checksum=off", "redundant_metadata=none", "dedup=on", "copies=3", "setuid=on"):
        status, stderr = pushed(offsite, b"", f"-o '{setting}' vault/in/x")
        assert status == 126 and "a sender may" in stderr, stderr
