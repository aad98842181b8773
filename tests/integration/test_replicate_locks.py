"""Which runs of zfs_replicate exclude each other, and that nobody else can keep a user's run from its lock."""

import json

from streaming import LOCAL, result_of, start, wait_for_a_stream
from zfs_hosts import Hosts

SLOW = {"source": ["tank"], "bandwidth_limit": "4M"}


def usb_pools(hosts: Hosts) -> None:
    for pool in ("tank", "usb1", "usb2"):
        hosts.pool("source", pool)
    hosts.sh("source", "zfs create tank/big; head -c 40M /dev/urandom > /tank/big/f; zfs snapshot -r tank@s1")


def test_runs_into_two_pools_at_once_and_into_one_tree_one_after_the_other(hosts: Hosts) -> None:
    usb_pools(hosts)
    running = start(hosts, "source", **SLOW, target="usb1")
    wait_for_a_stream(hosts, "source", "usb1/tank/big")
    [name] = hosts.sh("source", "ls /run/ferro-zfs/*.lock").split()
    assert name.startswith("/run/ferro-zfs/zfs_replicate-localhost-usb1-tank.")
    assert hosts.sh("source", f"cat {name}") == "localhost usb1/tank\n"
    assert hosts.replicated("source", source=["tank"], target="usb2")["tank/big"]["status"] == "ok"
    for below in (
        {"source": ["tank"], "target": "usb1"},
        {"source": ["tank/big"], "target": "usb1"},
        {"source": ["usb2/tank"], "target": "usb1", "strip_prefix": "usb2/tank"},
    ):
        result = hosts.replicate("source", **below)
        assert result["msg"] == f"another run into usb1/tank on localhost holds the lock {name}. Wait for it, or set on_locked to skip or wait"
    skipped = hosts.replicate("source", source=["tank"], target="usb1", on_locked="skip")
    assert (skipped["changed"], skipped["skipped"]) == (False, True)
    waiting = start(hosts, "source", source=["tank"], target="usb1", on_locked="wait")
    assert not result_of(running).get("failed")
    assert {report["action"] for report in result_of(waiting)["datasets"]} == {"up_to_date"}


def test_whoever_waits_for_a_lock_can_be_stopped(hosts: Hosts) -> None:
    usb_pools(hosts)
    holding = hosts.lab.popen("source", "mkdir -p -m 700 /run/ferro-zfs; exec flock /run/ferro-zfs/zfs_replicate.lock sleep 100 >/dev/null 2>&1")
    hosts.sh("source", "until ! flock -n /run/ferro-zfs/zfs_replicate.lock true 2>/dev/null; do sleep 0.1; done")
    assert "another run holds the lock /run/ferro-zfs/zfs_replicate.lock" in hosts.replicate("source", **LOCAL | {"target": "usb1"})["msg"]
    waiting = start(hosts, "source", **LOCAL | {"target": "usb1"}, on_locked="wait")
    hosts.sh("source", "sleep 1; pkill -TERM -x zfs_replicate")
    assert "stopped while waiting for other runs" in result_of(waiting)["msg"]
    hosts.sh("source", "pkill -x sleep")
    holding.wait(timeout=20)
    assert hosts.replicated("source", **LOCAL | {"target": "usb1"})["tank"]["status"] == "ok"


def test_runs_that_share_turns_go_in_the_order_in_which_they_came(hosts: Hosts) -> None:
    usb_pools(hosts)
    turns = {"concurrency": {"folder": "/run/turns", "runs": 1}}
    first = start(hosts, "source", **SLOW | {"bandwidth_limit": "100K"}, target="usb1", **turns)
    wait_for_a_stream(hosts, "source", "usb1/tank/big")
    second = start(hosts, "source", source=["tank"], target="usb2", **turns)
    hosts.sh("source", "until [ -e /run/turns/0000000002.run ]; do sleep 0.1; done; sleep 1; ! zfs list usb2/tank 2>/dev/null; ls /run/turns")
    hosts.sh("source", "pkill -KILL -o -x zfs_replicate")
    first.communicate(timeout=60)
    assert {report["status"] for report in result_of(second)["datasets"]} == {"ok"}
    assert hosts.replicated("source", source=["tank"], target="usb1", **turns)["tank/big"]["status"] == "ok"
    assert hosts.sh("source", "ls /run/turns") == ""


def test_another_user_stops_no_run_of_root(hosts: Hosts) -> None:
    usb_pools(hosts)
    # All that a user can put where the program looks, for every process number that may come.
    attack = (
        "cd /run/lock; umask 0; for name in localhost-to-localhost source-to-localhost root-source-to-localhost; do f=zfs_replicate-$name.lock; "
        ": > $f; flock $f sleep 60 >/dev/null 2>&1 & done; seq 3000 | sed s/^/ferro-zfs./ | xargs mkdir; mkdir ferro-zfs-0 ferro-zfs; "
        "ln -s /run/lock /tmp/ferro-zfs-0"
    )
    hosts.sh("source", "chmod 1777 /run/lock")  # as on Debian
    hosts.lab.run("source", attack, user="archive")
    try:
        assert hosts.replicated("source", source=["tank"], target="usb1")["tank"]["status"] == "ok"
        result = hosts.replicate("source", source=["tank"], target="usb2", source_host="root@source")
        assert not result.get("failed"), result["msg"]
        assert hosts.lab.run("source", "ls /run/ferro-zfs", user="archive", check=False).returncode != 0
    finally:
        hosts.sh("source", "pkill -u archive sleep || true; rm -rf /run/lock/ferro-zfs* /run/lock/zfs_replicate* /tmp/ferro-zfs-0")


def test_a_folder_that_another_user_has_made_is_not_used(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("source", "usb1")
    uid = hosts.lab.run("source", "id -u", user="archive").stdout.strip()
    args = json.dumps({"source": ["tank"], "target": "usb1"})
    run = f"echo '{args}' | /usr/local/bin/zfs_replicate -"
    try:
        hosts.sh("source", "chmod 1777 /run/lock")  # as on Debian
        hosts.lab.run("source", f"mkdir -m 777 /run/lock/ferro-zfs-{uid}", user="operator")
        assert hosts.lab.run("source", run, user="archive").returncode == 0
        assert hosts.sh("source", f"stat -c %U:%a /tmp/ferro-zfs-{uid}") == "archive:700\n"
        hosts.sh("source", f"rm -rf /tmp/ferro-zfs-{uid}")
        hosts.lab.run("source", f"ln -s /home/operator /tmp/ferro-zfs-{uid}", user="operator")
        result = json.loads(hosts.lab.run("source", run, user="archive", check=False).stdout)
        assert result["msg"].startswith(f"there is no safe folder for locks and sockets (/run/lock/ferro-zfs-{uid}: it belongs to uid "), result["msg"]
    finally:
        hosts.sh("source", f"rm -rf /run/lock/ferro-zfs-{uid} /tmp/ferro-zfs-{uid}")
