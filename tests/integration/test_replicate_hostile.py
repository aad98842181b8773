"""zfs_replicate against another end that is broken or evil: it ends, stays small, and nothing that comes from there is taken for ours."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from streaming import PULL, pools
from zfs_hosts import Hosts

ONCE = PULL | {"retries": 0}


@contextmanager
def zfs_of(hosts: Hosts, host: str, script: str) -> Iterator[None]:
    """A program of ours in place of `zfs` for whoever logs in there."""
    hosts.lab.run(host, "cat > /usr/local/bin/zfs; chmod 755 /usr/local/bin/zfs", input=f"#!/bin/sh\n{script}\n")
    try:
        yield
    finally:
        hosts.sh(host, "rm -f /usr/local/bin/zfs; pkill -x 'yes|sleep' || true")


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        ("exec yes 'tank\tfilesystem\t1\toff\t-\t-\t0\t-\t-\t-\t-\t-'", "it printed more than 2000000 lines, which is the limit"),
        ("exec yes $(printf %0100000d 0)", "it printed more than 256 MiB, which is the limit"),
        ("exec yes no >&2", "it printed more than 256 MiB, which is the limit"),
    ],
)
def test_endless_output_is_one_clear_failure(hosts: Hosts, script: str, limit: str) -> None:
    pools(hosts)
    with zfs_of(hosts, "source", script):
        # Twice what is taken from it, and what a program needs.
        result = hosts.replicate("backup", before="ulimit -v 700000;", **ONCE)
    assert result["msg"].startswith("list on root@source failed: `zfs list "), result["msg"]
    assert result["msg"].endswith(limit)


def test_a_hundred_thousand_datasets_and_snapshots_stay_small(hosts: Hosts) -> None:
    pools(hosts)
    datasets = "seq 100000 | sed 's/.*/tank\\/d&\tfilesystem\t1&\toff\t-\t-\t0\t-\t-\t-\t-\t-/'"
    versions = "seq 100000 | sed 's/.*/tank@autosnap_2026-01-01_00:00:00_&\t2&\t3&/'"
    root = "printf 'tank\\tfilesystem\\t7\\toff\\t-\\t-\\t0\\t-\\t-\\t-\\t-\\t-\\n'"
    with zfs_of(hosts, "source", f'case "$*" in *filesystem*) {root}; {datasets} ;; *snapshot*) {versions} ;; *) exit 1 ;; esac'):
        result = hosts.replicate("backup", before="ulimit -v 500000;", **ONCE, _ansible_check_mode=True)
    assert result["summary"]["datasets"] == 100_001


@pytest.mark.parametrize("name", ["elsewhere", "tank/big"])
def test_what_was_not_asked_for_is_not_taken(hosts: Hosts, name: str) -> None:
    pools(hosts)
    with zfs_of(
        hosts,
        "source",
        f"printf 'tank/small\\tfilesystem\\t7\\toff\\t-\\t-\\t0\\t-\\t-\\t-\\t-\\t-\\n{name}\\tfilesystem\\t8\\toff\\t-\\t-\\t0\\t-\\t-\\t-\\t-\\t-\\n'",
    ):
        result = hosts.replicate("backup", **ONCE | {"source": "tank/small"})
    assert result["msg"].endswith(f"the answer has {name}, which was not asked for")


def test_silence_is_given_up(hosts: Hosts) -> None:
    pools(hosts)
    with zfs_of(hosts, "source", "exec sleep 1000"):
        started = time.monotonic()
        result = hosts.replicate("backup", **ONCE, stall_timeout="2s")
        assert time.monotonic() - started < 30
    assert "list on root@source failed: `zfs list " in result["msg"]
    assert "no answer for 2s (it hangs there, as everything does while a pool is suspended" in result["msg"]


def test_a_deaf_zfs_is_killed(hosts: Hosts) -> None:
    pools(hosts)
    with zfs_of(hosts, "backup", "trap '' TERM INT HUP; sleep 1000; sleep 1000"):
        running = hosts.lab.popen("backup", f"echo '{json.dumps(ONCE)}' | PATH=/usr/local/bin:$PATH zfs_replicate -", stdout=-1, text=True)
        hosts.sh("backup", "until pgrep -f '/usr/local/bin/zfs list' >/dev/null; do sleep 0.1; done; pkill -TERM -x zfs_replicate")
        started = time.monotonic()
        result = json.loads(running.communicate(timeout=60)[0])
        assert time.monotonic() - started < 20
    assert "stopped by SIGTERM" in result["msg"]


EVIL = r"""printf "cannot open 'tank': no\r\n\033]0;owned\007\033[2K\033[1A* tank -> vault: up to date at @s\rok: [backup]\nerror: none\n" >&2
printf '\302\233 31m \342\200\256 desrever \342\200\213\n' >&2
exit 1"""


def test_nothing_said_there_steers_a_terminal_or_looks_like_ours(hosts: Hosts) -> None:
    pools(hosts)
    with zfs_of(hosts, "source", EVIL):
        result = hosts.replicate("backup", **ONCE)
        hosts.lab.run("backup", "cat > /run/args.json", input=json.dumps(ONCE))
        text = hosts.lab.run("backup", "zfs_replicate --text /run/args.json", check=False)
    bad = [c for c in result["msg"] + text.stdout + text.stderr if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or ord(c) in range(0x200B, 0x2070)]
    assert bad == []
    ours = [line for line in (text.stdout + text.stderr).splitlines() if not line.startswith("    | ")]
    assert len(ours) == 1 and ours[0].startswith("error: list on root@source failed: "), ours
    assert [line for line in result["msg"].splitlines()[1:] if not line.startswith("  | ")] == []
