"""zfs_replicate and a target pool that ZFS has suspended, where not even SIGKILL ends a `zfs`: it ends all the same."""

import re
import time
from collections.abc import Iterator

import pytest
from streaming import LOCAL, PULL, result_of, start, wait_until
from zfs_hosts import Hosts


@pytest.fixture
def suspended(hosts: Hosts) -> Iterator[Hosts]:
    """vault on `source` and `backup`, whose disk takes nothing more once it has taken 80 MB: failmode=wait suspends it."""
    hosts.pool("source", "tank")
    hosts.sh("source", "zfs create tank/big; head -c 150M /dev/urandom > /tank/big/f; zfs snapshot -r tank@s1")
    for host in ("source", "backup"):
        hosts.sh(
            host,
            "mkdir -p /small; mount -t tmpfs -o size=80M t /small; truncate -s 500M /small/vault.img; zpool create -o failmode=wait vault /small/vault.img",
        )
    yield hosts
    for host in ("source", "backup"):
        # The disk is back: what hung goes on and ends.
        script = "mount -o remount,size=900M /small; zpool clear vault; for i in $(seq 100); do pgrep -x zfs >/dev/null || break; sleep 0.1; done; zpool destroy vault; umount /small"
        if hosts.lab.run(host, script, check=False, timeout=60).returncode != 0:
            hosts.lab.reboot(host)


def is_suspended(hosts: Hosts, host: str) -> None:
    wait_until(hosts, host, "grep -q SUSPENDED /proc/spl/kstat/zfs/vault/state", seconds=60)


@pytest.mark.parametrize("where", ["local", "remote"])
def test_a_signal_ends_a_run_whose_target_is_suspended(suspended: Hosts, where: str) -> None:
    host, at = ("source", LOCAL) if where == "local" else ("backup", PULL)
    running = start(suspended, host, **at, retries=0)
    is_suspended(suspended, host)
    time.sleep(2)
    suspended.sh(host, "pkill -TERM -x zfs_replicate")
    started = time.monotonic()
    result = result_of(running)
    assert time.monotonic() - started < 25
    assert "stopped by SIGTERM" in result["msg"], result["msg"]
    if where == "local" or "could not even be killed" in result["msg"]:
        # It is there, and told.
        [pid] = set(re.findall(r"; process (\d+) could not even be killed", result["msg"]))
        assert suspended.sh(host, f"cat /proc/{pid}/comm") == "zfs\n"
    assert suspended.sh(host, "ls /run/ferro-zfs") == ""
    # Another run, while it still is: listings answer or hang, and both end.
    running = start(suspended, host, **at, retries=0, stall_timeout="3s")
    result = result_of(running)
    assert result.get("failed"), result
