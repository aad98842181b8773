"""A replication that is on its way: to be disturbed by tests."""

import json
import subprocess
from typing import Any

from zfs_hosts import Hosts

PULL: dict[str, Any] = {"source_host": "root@source", "source": ["tank"], "target": "vault"}
LOCAL: dict[str, Any] = {"source": ["tank"], "target": "vault"}
# Runs the real zfs, and kills the module that asked once so many of the changes to what there is
# have been made.
KILLER = """#!/bin/sh
case "$1" in rename|destroy|receive|create|set) ;; *) exec /usr/sbin/zfs "$@" ;; esac
case "$*" in *"#"*) exec /usr/sbin/zfs "$@" ;; esac
/usr/sbin/zfs "$@"; status=$?
echo "$*" >> /run/changes
[ "$(wc -l < /run/changes)" -lt "$(cat /run/deadly)" ] || pkill -KILL -x zfs_replicate
exit $status
"""


def pools(hosts: Hosts, megabytes: int = 0) -> None:
    """tank on `source` with data, vault on `backup` and on `source`."""
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")
    hosts.pool("backup", "vault")
    hosts.sh("source", f"zfs create tank/big; head -c {megabytes}M /dev/urandom > /tank/big/f; zfs snapshot -r tank@s1")


def start(hosts: Hosts, host: str, **args: Any) -> subprocess.Popen[str]:
    """Starts zfs_replicate and does not wait for it."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process: subprocess.Popen[str] = hosts.lab.popen(host, "zfs_replicate -", **options)
    assert process.stdin is not None
    process.stdin.write(json.dumps({"retry_delay": "0.1s", **args}))
    process.stdin.close()
    process.stdin = None
    return process


def result_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Waits for its end."""
    stdout, stderr = process.communicate(timeout=60)
    assert stderr == ""
    result: dict[str, Any] = json.loads(stdout)
    return result


def wait_until(hosts: Hosts, host: str, condition: str, seconds: int = 60) -> None:
    """Waits until a shell condition holds on a host."""
    hosts.sh(host, f"for i in $(seq {20 * seconds}); do if {condition}; then exit 0; fi; sleep 0.05; done; exit 1")


def cut(hosts: Hosts, host: str, signal: str, until: str, **args: Any) -> None:
    """Starts zfs_replicate, and ends it by a signal as soon as a shell condition holds on its host."""
    running = start(hosts, host, **args)
    wait_until(hosts, host, until)
    hosts.sh(host, f"pkill -{signal} -x zfs_replicate; while pgrep -x zfs_replicate >/dev/null; do sleep 0.05; done")
    running.communicate(timeout=60)


def can_be_resumed(dataset: str) -> str:
    """True where a receive has something that could be resumed: a token is there before that, and means nothing if the receive ends then."""
    token = f"zfs get -H -o value receive_resume_token {dataset} 2>/dev/null | grep ^1-"
    return f"token=$({token}) && zfs send -nvt $token 2>&1 | grep -q 'bytes = 0x[1-9a-f]'"


def wait_for_a_stream(hosts: Hosts, host: str, dataset: str = "vault/tank/big") -> None:
    """Waits until a receive has something that could be resumed."""
    wait_until(hosts, host, can_be_resumed(dataset))
