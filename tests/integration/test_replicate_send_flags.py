"""Pools that cannot take everything, and histories that must go on as they began: with which flags zfs_replicate sends."""

import re
from typing import Any

import pytest
from streaming import result_of, start, wait_until
from zfs_hosts import Hosts, program

CHECK = {"_ansible_check_mode": True}
# What a pool has besides nothing. Features that others need cannot be disabled alone.
SOME = {
    "nothing": "-d",
    "no large_blocks": "-d -o feature@lz4_compress=enabled -o feature@zstd_compress=enabled -o feature@embedded_data=enabled",
    "no zstd_compress": "-o feature@zstd_compress=disabled",
    "no embedded_data": "-o feature@embedded_data=disabled",
    "everything": "",
}
WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "local": ("source", {}),
    "pull": ("backup", {"source_host": "root@source"}),
    "push": ("source", {"target_host": "root@backup"}),
}


def pool(hosts: Hosts, host: str, name: str, options: str) -> None:
    hosts.sh(host, f"truncate -s 500M /big/{name}.img; zpool create {options} {name} /big/{name}.img")


def sources(hosts: Hosts) -> None:
    """A pool whose datasets use all of it."""
    hosts.pool("source", "tank")
    hosts.sh(
        "source",
        "zfs create -o recordsize=1M tank/big; zfs create -o compression=zstd tank/zstd; zfs create tank/plain; zfs create -V 8M -b 256k -s tank/vol;"
        "for d in big zstd plain; do head -c 2500000 /dev/urandom > /tank/$d/f; yes abc | head -c 3000000 > /tank/$d/text;"
        "for i in 1 2 3 4 5 6 7 8; do echo $i > /tank/$d/$i; done; done;"
        "udevadm settle || true; head -c 1000000 /dev/urandom | dd of=/dev/zvol/tank/vol bs=256k iflag=fullblock status=none; zfs snapshot -r tank@s1",
    )


def change(hosts: Hosts, snapshot: str) -> None:
    """Large blocks are written to in their midst, and new ones come."""
    hosts.sh(
        "source",
        "for d in big zstd plain; do dd if=/dev/urandom of=/tank/$d/f bs=1000 seek=1300 count=1 conv=notrunc status=none;"
        f"head -c 1500000 /dev/urandom > /tank/$d/{snapshot}; done; zfs snapshot -r tank@{snapshot}",
    )


def same(hosts: Hosts, host: str, snapshot: str, names: tuple[str, ...] = ("big", "zstd", "plain")) -> None:
    for name in names:
        assert hosts.checksum(host, f"vault/tank/{name}@{snapshot}") == hosts.checksum("source", f"tank/{name}@{snapshot}"), name


def run(hosts: Hosts, host: str, **args: Any) -> dict[str, Any]:
    return hosts.replicate(host, **{"source": ["tank"], "target": "vault", "_ansible_verbosity": 3, **args})


def flags(result: dict[str, Any], name: str) -> list[str]:
    """The flags that a dataset was sent with, stream by stream."""
    sent = [match for command in result["commands"] if (match := re.search(rf"zfs send (?!-nvP)(?:-([wLec]+) )?.*\btank/{name}@", command))]
    return [f"-{match[1]}" if match[1] else "" for match in sent]


def mark(hosts: Hosts, host: str, name: str) -> bool:
    return hosts.sh(host, f"zfs get -H -o value ferro.zfs:replica vault/tank/{name}").strip().endswith("-small-blocks")


EXPECTED = {
    "nothing": "",
    "no large_blocks": "-c",
    "no zstd_compress": "-L",
    "no embedded_data": "-Lc",
    "everything": "-Lc",
}


@pytest.mark.parametrize(
    ("has", "way"),
    [
        ("nothing", "local"),
        ("nothing", "pull"),
        ("no large_blocks", "push"),
        ("no zstd_compress", "pull"),
        ("no embedded_data", "local"),
        ("everything", "push"),
    ],
)
def test_streams_are_what_the_pool_can_take(hosts: Hosts, has: str, way: str) -> None:
    sources(hosts)
    host, args = WAYS[way]
    target = "source" if way == "local" else "backup"
    pool(hosts, target, "vault", SOME[has])
    assert not run(hosts, host, **args, **CHECK).get("failed")
    first = run(hosts, host, **args)
    assert not first.get("failed"), first["msg"]
    assert flags(first, "big") == [EXPECTED[has]]
    same(hosts, target, "s1")
    change(hosts, "s2")
    change(hosts, "s3")
    second = run(hosts, host, **args)
    assert not second.get("failed"), second["msg"]
    assert flags(second, "big") == [EXPECTED[has]]
    same(hosts, target, "s3")
    # Where nothing is to be sent, no pool is asked.
    idle = run(hosts, host, **args)
    assert idle["changed"] is False
    assert not [command for command in idle["commands"] if "zpool" in command]


def test_a_history_without_large_blocks_goes_on_without(hosts: Hosts) -> None:
    """Also when the target's pool has been upgraded: the kernel would take the other, and ZFS before 2.0 lost data by it."""
    sources(hosts)
    pool(hosts, "backup", "vault", "-d")
    pull = {"source_host": "root@source"}
    assert not run(hosts, "backup", **pull).get("failed")
    assert mark(hosts, "backup", "big") and mark(hosts, "backup", "vol")
    hosts.sh("backup", "zpool upgrade vault; zfs create -o recordsize=1M vault/own; head -c 3000000 /dev/urandom > /vault/own/f; zpool sync vault")
    hosts.sh("source", "zfs create tank/new; zfs snapshot tank/new@s1")
    change(hosts, "s2")
    again = run(hosts, "backup", **pull)
    assert not again.get("failed"), again["msg"]
    # What is new begins with all that the pool can take by now.
    assert (flags(again, "big"), flags(again, "new")) == (["-c"], ["-Lc", "-Lc"])
    same(hosts, "backup", "s2")
    change(hosts, "s3")
    for mode in (CHECK, {}):
        refused = run(hosts, "backup", **pull, source=["tank/big"], send_flags={"large_block": "always"}, **mode)
        assert "history was sent without large blocks, and that must not change" in refused["msg"]
    assert not run(hosts, "backup", **pull).get("failed")
    same(hosts, "backup", "s3")


def test_a_history_with_large_blocks_goes_on_with_them(hosts: Hosts) -> None:
    sources(hosts)
    hosts.pool("source", "vault")
    assert flags(run(hosts, "source"), "big") == ["-Lc"]
    change(hosts, "s2")
    for mode in (CHECK, {}):
        refused = run(hosts, "source", source=["tank/big"], send_flags={"large_block": "never"}, **mode)
        assert "history was sent with large blocks, and that must not change" in refused["msg"]
    # ZFS has the last word on what this module has not sent.
    hosts.sh("source", "zfs set ferro.zfs:replica=pushed vault/tank/big")
    refused = run(hosts, "source", source=["tank/big"], send_flags={"large_block": "never"})
    assert "requires -L" in refused["msg"] and "leave send_flags.large_block at auto" in refused["msg"]
    assert flags(run(hosts, "source"), "big") == ["-Lc"]
    same(hosts, "source", "s2")


def test_a_history_of_something_else_is_not_toggled(hosts: Hosts) -> None:
    sources(hosts)
    hosts.pool("source", "vault")
    hosts.sh("source", "zfs create vault/tank; zfs send tank/big@s1 | zfs receive -u vault/tank/big")
    change(hosts, "s2")
    assert flags(run(hosts, "source", source=["tank/big"]), "big") == ["-c"]
    assert mark(hosts, "source", "big")
    # By now something in the pool has large blocks.
    assert not run(hosts, "source", source=["tank/plain", "tank/zstd", "tank/vol"]).get("failed")
    change(hosts, "s3")
    assert flags(run(hosts, "source", source=["tank/big"]), "big") == ["-c"]
    same(hosts, "source", "s3", ("big",))


def test_what_is_asked_for_is_done_or_refused(hosts: Hosts) -> None:
    sources(hosts)
    pool(hosts, "source", "vault", "-d")
    hosts.pool("source", "other")
    for mode in (CHECK, {}):
        for flag, feature in (("large_block", "large_blocks"), ("compressed", "lz4_compress"), ("embedded", "embedded_data")):
            refused = run(hosts, "source", send_flags={flag: "always"}, **mode)
            assert f"send_flags.{flag}: always needs the feature {feature} of the target's pool" in refused["msg"]
            assert f"zpool set feature@{feature}=enabled vault" in refused["msg"]
    assert hosts.sh("source", "zfs list -H -o name -r vault") == "vault\n"
    every = run(hosts, "source", target="other", send_flags={"embedded": "always", "compressed": "always", "large_block": "always"})
    assert not every.get("failed") and flags(every, "plain") == ["-Lec"]
    none = run(hosts, "source", target="other", strip_prefix="tank", source=["tank/plain"], send_flags={"compressed": "never", "large_block": "never"})
    assert not none.get("failed") and flags(none, "plain") == [""]
    wrong = run(hosts, "source", send_flags={"compressed": "perhaps"})
    assert "perhaps" in wrong["msg"] and "always" in wrong["msg"]


def test_embedded_data_onto_an_encrypted_target(hosts: Hosts) -> None:
    sources(hosts)
    hosts.pool("source", "vault")
    hosts.sh("source", "echo 'a long password' | zfs create -o encryption=on -o keyformat=passphrase vault/safe")
    for mode in (CHECK, {}):
        refused = run(hosts, "source", target="vault/safe", send_flags={"embedded": "always"}, **mode)
        assert "send_flags.embedded: always does not go with an encrypted target" in refused["msg"]
    assert not run(hosts, "source", target="vault/safe").get("failed")


def test_raw_streams_need_what_they_bring(hosts: Hosts) -> None:
    sources(hosts)
    create = "zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"
    hosts.sh(
        "source",
        f"echo 'a long password' > /run/key; {create} -o recordsize=1M tank/e; {create} tank/small; head -c 3000000 /dev/urandom > /tank/e/f;"
        "echo x > /tank/small/f; zfs snapshot -r tank@s2",
    )
    pool(hosts, "backup", "vault", "-d -o feature@lz4_compress=enabled -o feature@encryption=enabled")
    pool(hosts, "backup", "bare", "-d")
    push = {"target_host": "root@backup", "source": ["tank/e", "tank/small"]}
    for mode in (CHECK, {}):
        refused = run(hosts, "source", **push, **mode)
        assert "a raw stream of it needs the feature large_blocks of the target's pool" in refused["msg"]
        assert "zpool set feature@large_blocks=enabled vault" in refused["msg"]
        status = {report["source"]: report["status"] for report in refused["datasets"]}
        assert status == {"tank/e": "failed", "tank/small": "planned" if mode else "ok"}
    refused = run(hosts, "source", **push, target="bare")
    assert refused["msg"].count("a raw stream of it needs the feature encryption") == 2
    assert not run(hosts, "source", **{**push, "target": "bare", "raw": "never"}).get("failed")
    hosts.sh("backup", "zpool set feature@large_blocks=enabled vault")
    assert not run(hosts, "source", **push).get("failed")


def test_what_was_interrupted_goes_on_as_it_began(hosts: Hosts) -> None:
    sources(hosts)
    pool(hosts, "source", "vault", SOME["no large_blocks"])
    hosts.sh("source", "head -c 30000000 /dev/urandom > /tank/big/h; zfs destroy tank/big@s1; zfs snapshot tank/big@s2")
    running = start(hosts, "source", source=["tank/big"], target="vault", bandwidth_limit="4M")
    wait_until(hosts, "source", "[ $(zfs get -Hp -o value used vault/tank/big || echo 0) -gt 2000000 ]", 30)
    hosts.sh("source", "pkill -TERM -x zfs_replicate")
    assert result_of(running)["failed"]
    assert hosts.sh("source", "zfs get -H -o value receive_resume_token vault/tank/big").strip() != "-"
    assert mark(hosts, "source", "big")
    hosts.sh("source", "zpool upgrade vault")
    change(hosts, "s3")
    done = run(hosts, "source", source=["tank/big"])
    assert done["datasets"][0]["action"] == "resume" and flags(done, "big") == ["-c"]
    same(hosts, "source", "s3", ("big",))


@pytest.mark.parametrize("has", ["nothing", "no large_blocks"])
def test_through_the_gates(hosts: Hosts, has: str) -> None:
    """Pulled through one and pushed through another: each answers about the pool of its datasets."""
    sources(hosts)
    pool(hosts, "backup", "vault", SOME[has])
    pool(hosts, "offsite", "far", SOME[has])
    hosts.sh("offsite", "zfs create far/in")
    for host, options in (("source", "--mode send --dataset tank"), ("offsite", "--mode receive --dataset far/in")):
        hosts.lab.copy(host, program("zfs_gate"), "/usr/local/bin/zfs_gate")
        hosts.sh("backup", f"rm -f /tmp/{host}*; ssh-keygen -q -t ed25519 -N '' -f /tmp/{host}")
        line = f'command="/usr/local/bin/zfs_gate {options}",restrict ' + hosts.sh("backup", f"cat /tmp/{host}.pub").strip()
        hosts.sh(host, f"cp /root/.ssh/authorized_keys /tmp/keys; echo '{line}' >> /root/.ssh/authorized_keys")
    try:
        for snapshot in ("s1", "s2"):
            if snapshot == "s2":
                change(hosts, snapshot)
            pulled = run(hosts, "backup", source_host="root@source", ssh=key("source"))
            assert not pulled.get("failed") and "warnings" not in pulled, pulled
            assert flags(pulled, "big") == [EXPECTED[has]]
            same(hosts, "backup", snapshot)
            push = {"source": ["vault/tank"], "strip_prefix": "vault", "target": "far/in", "target_host": "root@offsite", "ssh": key("offsite")}
            pushed = run(hosts, "backup", **push)
            assert not pushed.get("failed"), pushed["msg"]
            assert hosts.checksum("offsite", f"far/in/tank/big@{snapshot}") == hosts.checksum("source", f"tank/big@{snapshot}")
    finally:
        for host in ("source", "offsite"):
            hosts.sh(host, "cp /tmp/keys /root/.ssh/authorized_keys")


def key(host: str) -> dict[str, Any]:
    return {"identity_file": f"/tmp/{host}", "options": ["IdentitiesOnly=yes", "IdentityAgent=none"]}
