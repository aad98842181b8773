"""zfs_replicate when the network or the other host fails: tried again while it makes sense, then one clear error, and resumed by the next run."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from streaming import PULL, pools, result_of, start, wait_for_a_stream, wait_until
from zfs_hosts import Hosts, program

# A dead line is noticed after two seconds instead of a minute.
ALERT: dict[str, Any] = {"ssh": {"connect_timeout": 1, "options": ["ServerAliveInterval=1", "ServerAliveCountMax=2"]}}
PUSH: dict[str, Any] = {"target_host": "root@backup", "source": ["tank"], "target": "vault"}


@pytest.fixture
def healed(hosts: Hosts) -> Iterator[Hosts]:
    yield hosts
    hosts.lab.heal_line("source")


def equal(hosts: Hosts) -> bool:
    """True if the big data set has arrived as it was."""
    same = hosts.guids("backup", "vault/tank/big") == hosts.guids("source", "tank/big")
    return same and hosts.checksum("backup", "vault/tank/big@s1") == hosts.checksum("source", "tank/big@s1")


@pytest.fixture
def own_sshd(hosts: Hosts, request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """A second sshd on `source`, at port 2222, with settings of the test's."""
    # What a configuration file sets wins over the command line, so it needs one without the lab's
    # generous limits.
    hosts.sh(
        "source",
        "sed /^Max/d /etc/ssh/sshd_config.d/lab.conf > /run/own_sshd.conf;"
        f"printf '{request.param}\\nPidFile /run/own_sshd.pid\\n' >> /run/own_sshd.conf; /usr/sbin/sshd -f /run/own_sshd.conf -p 2222",
    )
    yield hosts
    hosts.sh("source", "kill $(cat /run/own_sshd.pid) 2>/dev/null || true")


OTHER_PORT: dict[str, Any] = {**PULL, "ssh": {"port": 2222, "options": ["HostKeyAlias=source"]}}


def sender_ends(hosts: Hosts) -> None:
    """The other end learns what happened when TCP tries again, which takes the longer the longer the network was cut."""
    wait_until(hosts, "source", "! pgrep -x zfs >/dev/null", seconds=60)


def test_a_line_that_is_cut_and_comes_back(healed: Hosts) -> None:
    pools(healed, megabytes=80)
    running = start(healed, "backup", **PULL, **ALERT, bandwidth_limit="20M", retries=10, retry_delay="1s")
    wait_for_a_stream(healed, "backup")
    healed.lab.cut_line("source")
    time.sleep(5)
    healed.lab.heal_line("source")
    result = result_of(running)
    assert not result.get("failed"), result["msg"]
    [big] = [report for report in result["datasets"] if report["source"] == "tank/big"]
    assert big["bytes"] < 160_000_000, "it was resumed, not begun again"
    assert equal(healed)
    sender_ends(healed)


def test_a_line_that_stays_cut(healed: Hosts) -> None:
    pools(healed, megabytes=80)
    running = start(healed, "backup", **PULL, **ALERT, bandwidth_limit="20M", retries=1)
    wait_for_a_stream(healed, "backup")
    healed.lab.cut_line("source")
    begin = time.monotonic()
    result = result_of(running)
    assert time.monotonic() - begin < 20
    reports = {report["source"]: report for report in result["datasets"]}
    assert {name: report["status"] for name, report in reports.items()} == {"tank": "ok", "tank/big": "failed"}
    assert reports["tank/big"]["error"]["caused_by"] == "the host cannot be reached over ssh; check its name, network and sshd"
    assert healed.leftovers("backup") == ""
    healed.lab.heal_line("source")
    assert healed.replicated("backup", **PULL)["tank/big"]["action"] == "resume"
    assert equal(healed)
    sender_ends(healed)


@pytest.mark.parametrize("arguments", [PUSH, OTHER_PORT], ids=["push", "pull"])
@pytest.mark.parametrize("own_sshd", ["ClientAliveInterval 1\\nClientAliveCountMax 2"], ids=["alert"], indirect=True)
def test_power_cut_of_the_receiving_host(own_sshd: Hosts, arguments: dict[str, Any]) -> None:
    """The sender's sshd asks whether its client lives, as docs/replication.md advises: otherwise it would wait for hours."""
    hosts = own_sshd
    pools(hosts, megabytes=80)
    hosts.sh("source", "echo more > /tank/big/g; zfs snapshot -r tank@s2")
    hosts.sh("backup", "zpool destroy vault; zpool create vault /dev/ubdb")
    host = "source" if arguments is PUSH else "backup"
    ssh = arguments.get("ssh", {"options": []})
    alert = {**ssh, "options": [*ssh["options"], *ALERT["ssh"]["options"]]}
    running = start(hosts, host, **{**arguments, "ssh": alert}, bandwidth_limit="20M", retries=0)
    wait_for_a_stream(hosts, "backup")
    # The next transaction group has it on disk.
    hosts.sh("backup", "zpool sync vault")
    try:
        hosts.lab.power_cut("backup")
        if host == "source":
            result = result_of(running)
            assert "the host cannot be reached over ssh" in result["msg"]
            assert hosts.leftovers("source") == ""
        running.communicate(timeout=20)
    finally:
        hosts.lab.start("backup")
        hosts.lab.copy("backup", program("zfs_replicate"), "/usr/local/bin/zfs_replicate")
    hosts.sh("backup", "zpool import -f vault")
    report = hosts.replicated(host, **arguments)["tank/big"]
    # What was synced is there after all: nothing of it is sent twice.
    assert report["action"] == "resume"
    assert equal(hosts)
    assert hosts.replicate(host, **arguments)["changed"] is False
    sender_ends(hosts)


@pytest.mark.parametrize("host", ["source", "backup"])
def test_ssh_is_not_started_for_each_command(hosts: Hosts, host: str) -> None:
    pools(hosts, megabytes=10)
    hosts.sh("source", "for i in 1 2 3 4 5 6; do zfs create tank/$i; done; zfs snapshot -r tank@s2")
    hosts.sh(
        host, "mkdir -p /run/counted; printf '#!/bin/sh\\necho >>/run/counted/starts; exec /usr/bin/ssh \"$@\"\\n' >/run/counted/ssh; chmod +x /run/counted/ssh"
    )
    result = hosts.replicate(host, before="PATH=/run/counted:$PATH", **(PUSH if host == "source" else PULL))
    assert not result.get("failed") and result["summary"]["replicated"] == 8, result["msg"]
    # Once, to log in; who is started in that very moment does not know of it yet.
    assert hosts.sh(host, "wc -l </run/counted/starts") in ("1\n", "2\n")
    assert hosts.leftovers(host) == ""


@pytest.mark.parametrize("own_sshd", ["MaxSessions 1"], indirect=True)
def test_an_sshd_that_takes_one_session_for_each_connection(own_sshd: Hosts) -> None:
    pools(own_sshd, megabytes=10)
    own_sshd.sh("source", "zfs create tank/a; zfs snapshot -r tank@s2")
    result = own_sshd.replicate("backup", **OTHER_PORT)
    assert not result.get("failed"), result["msg"]
    assert own_sshd.guids("backup", "vault/tank/big") == own_sshd.guids("source", "tank/big")
    assert own_sshd.leftovers("backup") == ""


@pytest.mark.parametrize("own_sshd", ["MaxStartups 1:100:1"], indirect=True)
def test_an_sshd_that_refuses_connections(own_sshd: Hosts) -> None:
    pools(own_sshd)
    # Somebody connects and says nothing; nobody else is let in meanwhile.
    hog = own_sshd.lab.popen("backup", "exec 3<>/dev/tcp/10.99.0.1/2222; read -t 60 -u 3 hello; exec sleep 60")
    wait_until(own_sshd, "source", "ss -Htn state established sport = :2222 | grep -q .")
    result = own_sshd.replicate("backup", **OTHER_PORT, retries=1)
    assert "list on root@source failed" in result["msg"] and "the host cannot be reached over ssh" in result["msg"]
    running = start(own_sshd, "backup", **OTHER_PORT, retries=20, retry_delay="0.5s")
    time.sleep(1)
    own_sshd.sh("backup", "pkill -x sleep")
    hog.wait()
    result = result_of(running)
    assert not result.get("failed"), result["msg"]
