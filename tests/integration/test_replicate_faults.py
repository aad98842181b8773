"""zfs_replicate when things go wrong: one clear error on the right dataset and stage, nothing lost, nothing left behind."""

import json
import re
import signal
import subprocess
import time
from typing import Any

import pytest
from streaming import LOCAL, PULL, pools, result_of, start, wait_for_a_stream, wait_until
from zfs_hosts import Hosts


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"source_host": "root@10.99.0.77", "ssh": {"connect_timeout": 1}}, "list on root@10.99.0.77 failed: .*the host cannot be reached over ssh"),
        ({"source_host": "root@nowhere.invalid"}, "list on root@nowhere.invalid failed: .*the host cannot be reached over ssh"),
        (
            {"ssh": {"identity_file": "/root/wrong", "config_file": "/dev/null"}},
            "list on root@source failed: .*the host refused the login; check the user, ssh.identity_file and authorized_keys",
        ),
        ({"ssh": {"options": ["GlobalKnownHostsFile=/dev/null", "UserKnownHostsFile=/dev/null"]}}, "the host's key is unknown or has changed"),
        ({"source": ["tank/nope"]}, "tank/nope -> vault/tank/nope: list on root@source failed: source dataset tank/nope does not exist"),
        ({"source": ["tank/no such"]}, "source dataset tank/no such does not exist"),
        ({"source": ["tank;rm -rf /"]}, "option source: \"tank;rm -rf /\" is not a valid dataset name: ZFS does not allow ';' in it"),
        ({"source": ["-tank"]}, 'option source: "-tank" is not a valid dataset name: the pool\'s name starts with a letter'),
        ({"target": "/etc/passwd"}, 'option target: "/etc/passwd" is not a valid dataset name'),
        ({"target": "vault/nope"}, "preflight failed: target vault/nope does not exist. Create it first: zfs create -p -o canmount=off vault/nope"),
        ({"source_host": "-oProxyCommand=touch /tmp/pwned"}, 'option source_host: "-oProxyCommand=touch /tmp/pwned" is not an ssh destination'),
        ({"exclude": ["["]}, 'option exclude: "\\[" is not a valid pattern'),
        ({"tagret": "vault"}, "option tagret: unsupported option. Supported options are: "),
        ({"buffer_size": "much"}, 'option buffer_size: expected a size such as 10M, 1.5G or 512KiB, got "much"'),
    ],
)
def test_bad_input_is_one_clear_error(hosts: Hosts, args: dict[str, Any], message: str) -> None:
    pools(hosts)
    hosts.sh("backup", "ssh-keygen -q -t ed25519 -N '' -f /root/wrong")
    before = hosts.sh("backup", "zfs list -H -t all -o name; ls /tmp")
    result = hosts.replicate("backup", **{**PULL, "retries": 0, **args})
    assert result["failed"] is True
    assert re.search(message, result["msg"]), result["msg"]
    assert result["msg"].count("\n") == 0
    assert hosts.sh("backup", "zfs list -H -t all -o name; ls /tmp") == before


def test_zfs_missing_on_one_end(hosts: Hosts) -> None:
    pools(hosts)
    try:
        hosts.sh("source", "mv /usr/sbin/zfs /usr/sbin/zfs.away")
        result = hosts.replicate("backup", **PULL)
        assert "list on root@source failed" in result["msg"] and "zfs is not installed there, or not in PATH" in result["msg"]
        result = hosts.replicate("source", **LOCAL)
        assert "zfs is not installed or not in PATH" in result["msg"]
    finally:
        hosts.sh("source", "mv /usr/sbin/zfs.away /usr/sbin/zfs")


def test_a_full_target(hosts: Hosts) -> None:
    pools(hosts, megabytes=100)
    hosts.sh("source", "zfs create tank/small; zfs snapshot tank/small@s1")
    hosts.sh("backup", "zpool destroy vault; truncate -s 100M /big/small.img; zpool create vault /big/small.img")
    result = hosts.replicate("backup", **PULL)
    reports = {report["source"]: report for report in result["datasets"]}
    # The others are tried: what has no room fails for itself.
    assert {name: report["status"] for name, report in reports.items()} == {"tank": "ok", "tank/big": "failed", "tank/small": "failed"}
    error = reports["tank/big"]["error"]
    assert error["stage"] == "receive"
    assert error["caused_by"] == "the pool is full or a quota is reached there; make room, then run again"
    assert result["msg"].startswith("2 of 3 datasets failed:\ntank/big -> vault/tank/big: receive failed")
    # With room, it goes on.
    hosts.sh("backup", "truncate -s 400M /big/small.img; zpool online -e vault /big/small.img")
    assert hosts.replicated("backup", **PULL)["tank/big"]["action"] == "resume"
    assert hosts.checksum("backup", "vault/tank/big@s1") == hosts.checksum("source", "tank/big@s1")


@pytest.mark.parametrize("victim", ["zfs receive", "zfs send"])
def test_an_end_that_is_killed_is_blamed_and_resumed_next_time(hosts: Hosts, victim: str) -> None:
    pools(hosts, megabytes=120)
    running = start(hosts, "source", **LOCAL, bandwidth_limit="40M")
    wait_for_a_stream(hosts, "source")
    hosts.sh("source", f"pkill -9 -f '^{victim}'")
    result = result_of(running)
    [failed] = [report for report in result["datasets"] if report["status"] == "failed"]
    assert (failed["source"], failed["error"]["stage"]) == ("tank/big", victim.split()[1])
    assert failed["error"]["stderr"] == "killed by signal 9"
    report = hosts.replicated("source", **LOCAL)["tank/big"]
    assert report["action"] == "resume"
    assert report["bytes"] < 120 << 20
    assert hosts.guids("source", "vault/tank/big") == hosts.guids("source", "tank/big")
    assert hosts.checksum("source", "vault/tank/big@s1") == hosts.checksum("source", "tank/big@s1")


def test_a_lost_connection_is_taken_up_in_the_same_run(hosts: Hosts) -> None:
    pools(hosts, megabytes=120)
    hosts.sh("source", "echo more > /tank/big/g; zfs snapshot -r tank@s2; zfs create tank/later; zfs snapshot tank/later@s1")
    running = start(hosts, "backup", **PULL, bandwidth_limit="40M")
    wait_for_a_stream(hosts, "backup")
    hosts.sh("backup", "pkill -9 -f '^ssh.*root@source'")
    result = result_of(running)
    assert not result.get("failed"), result["msg"]
    reports = {report["source"]: report for report in result["datasets"]}
    assert reports["tank/big"]["status"] == reports["tank/later"]["status"] == "ok"
    assert reports["tank/big"]["bytes"] < 150_000_000, "it was resumed, not begun again"
    assert hosts.guids("backup", "vault/tank/big") == hosts.guids("source", "tank/big")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_everything_and_the_result_says_so(hosts: Hosts, name: str) -> None:
    pools(hosts, megabytes=120)
    hosts.sh("source", "zfs create tank/zlast; zfs snapshot tank/zlast@s1")
    running = start(hosts, "backup", **PULL, bandwidth_limit="40M")
    wait_for_a_stream(hosts, "backup")
    hosts.sh("backup", f"pkill -{signal.Signals[name].value} -x zfs_replicate")
    result = result_of(running)
    assert running.returncode == 1
    assert {report["source"]: report["status"] for report in result["datasets"]} == {"tank": "ok", "tank/big": "failed", "tank/zlast": "skipped"}
    assert f"stopped by {name}" in result["msg"]
    assert result["summary"]["replicated"] == 1
    assert hosts.leftovers("backup") == ""
    assert hosts.replicated("backup", **PULL)["tank/big"]["action"] == "resume"


def test_whoever_interrupts_it_at_a_terminal_gets_that_back_as_it_was(hosts: Hosts) -> None:
    pools(hosts, megabytes=120)
    hosts.sh("backup", f"echo '{json.dumps({**PULL, 'bandwidth_limit': '40M'})}' > /run/args")
    typed = "TERM=xterm NO_COLOR=1 script -qec 'zfs_replicate --text /run/args; echo ended with $?; stty -a' /dev/null </dev/null"
    running = hosts.lab.popen("backup", typed, stdout=subprocess.PIPE, text=True)
    wait_for_a_stream(hosts, "backup")
    hosts.sh("backup", "sleep 1; pkill -INT -x zfs_replicate")
    shown, _ = running.communicate(timeout=60)
    # The last bar is gone before anything is told, the cursor is shown, and what is typed is echoed.
    last = shown.split("\x1b[J")[-1]
    assert "[##" in shown and "[##" not in last and "stopped by SIGINT" in last and "ended with 1" in last, shown
    assert shown.rfind("\x1b[?25h") >= shown.rfind("\x1b[?25l") and " echo " in last, shown
    assert hosts.leftovers("backup") == ""


def test_killed_outright_it_leaves_nothing_running(hosts: Hosts) -> None:
    pools(hosts, megabytes=120)
    running = start(hosts, "backup", **PULL, bandwidth_limit="40M")
    wait_for_a_stream(hosts, "backup")
    hosts.sh("backup", "pkill -9 -x zfs_replicate")
    running.communicate(timeout=20)
    # The streams end with their pipes; the idle shared connection ten seconds later.
    wait_until(hosts, "backup", "! pgrep -x 'zfs|ssh' >/dev/null")
    # Its lock went with it, and its files go with the next run.
    assert hosts.replicated("backup", **PULL)["tank/big"]["action"] == "resume"


def test_a_stale_partial_receive_is_discarded_with_the_reason(hosts: Hosts) -> None:
    pools(hosts, megabytes=20)
    hosts.sh("source", "zfs send tank/big@s1 | head -c 5M | zfs receive -s -u vault/tank 2>/dev/null || true")
    hosts.sh("source", "zfs snapshot -r tank@s2; zfs destroy -r tank@s1")
    checked = hosts.replicate("source", **LOCAL, _ansible_check_mode=True)
    assert hosts.sh("source", "zfs get -H -o value receive_resume_token vault/tank").startswith("1-")
    reports = hosts.replicated("source", **LOCAL)
    discarded = reports["tank"]["discarded"]
    assert "no longer exists" in discarded["reason"]
    assert checked["datasets"][0]["discarded"] == discarded
    assert hosts.guids("source", "vault/tank/big") == hosts.guids("source", "tank/big")


def test_a_stream_that_stalls_is_given_up(hosts: Hosts) -> None:
    pools(hosts, megabytes=60)
    running = start(hosts, "backup", **PULL, bandwidth_limit="5M", stall_timeout="3s", retries=0)
    wait_for_a_stream(hosts, "backup")
    hosts.sh("source", "pkill -STOP -f '^zfs send'")
    try:
        result = result_of(running)
    finally:
        hosts.sh("source", "pkill -CONT -f '^zfs send' || true")
    [failed] = [report for report in result["datasets"] if report["status"] == "failed"]
    assert (failed["source"], failed["error"]["stage"]) == ("tank/big", "send")
    assert "no byte for 3 seconds (stall_timeout)" in result["msg"]


def test_memory_does_not_grow_with_the_stream(hosts: Hosts) -> None:
    pools(hosts, megabytes=200)
    running = start(hosts, "source", **LOCAL)
    peak = "grep -h VmHWM /proc/$(pgrep -x zfs_replicate)/status 2>/dev/null | tr -dc 0-9"
    kilobytes = 0
    while running.poll() is None:
        kilobytes = max(kilobytes, int(hosts.sh("source", peak, check=False) or 0))
        time.sleep(0.05)
    assert not result_of(running).get("failed")
    assert 0 < kilobytes < 20_000, kilobytes


def test_a_vanished_snapshot_is_planned_around(hosts: Hosts) -> None:
    pools(hosts, megabytes=40)
    hosts.sh("source", "echo x > /tank/big/x; zfs snapshot tank/big@s2; echo y > /tank/big/y; zfs snapshot tank/big@s3")
    running = start(hosts, "source", **LOCAL, bandwidth_limit="20M", bookmarks=False)
    wait_for_a_stream(hosts, "source")
    hosts.sh("source", "zfs destroy tank/big@s3")
    result = result_of(running)
    assert not result.get("failed"), result["msg"]
    assert hosts.guids("source", "vault/tank/big") == hosts.guids("source", "tank/big")
