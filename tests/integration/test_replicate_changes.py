"""zfs_replicate while somebody else changes what it works on."""

from streaming import LOCAL, PULL, pools, result_of, start, wait_for_a_stream, wait_until
from zfs_hosts import Hosts


def test_a_quota_on_the_target_is_named(hosts: Hosts) -> None:
    pools(hosts, megabytes=40)
    hosts.sh("backup", "zfs set quota=20M vault")
    result = hosts.replicate("backup", **PULL)
    [failed] = [report for report in result["datasets"] if report["status"] == "failed"]
    assert (failed["source"], failed["error"]["stage"]) == ("tank/big", "receive")
    assert "quota" in failed["error"]["stderr"]
    assert failed["error"]["caused_by"] == "the pool is full or a quota is reached there; make room, then run again"
    hosts.sh("backup", "zfs set quota=none vault")
    assert hosts.replicated("backup", **PULL)["tank/big"]["action"] == "resume"
    assert hosts.checksum("backup", "vault/tank/big@s1") == hosts.checksum("source", "tank/big@s1")


def test_a_source_dataset_that_is_destroyed_meanwhile(hosts: Hosts) -> None:
    pools(hosts, megabytes=40)
    hosts.sh("source", "zfs create tank/gone; zfs create tank/later; echo 1 > /tank/later/f; zfs snapshot tank/gone@s1; zfs snapshot tank/later@s1")
    running = start(hosts, "source", **LOCAL, bandwidth_limit="20M")
    wait_for_a_stream(hosts, "source")
    hosts.sh("source", "zfs destroy -r tank/gone")
    result = result_of(running)
    reports = {report["source"]: report for report in result["datasets"]}
    assert {name: report["status"] for name, report in reports.items()} == {"tank": "ok", "tank/big": "ok", "tank/gone": "vanished", "tank/later": "ok"}
    assert "error" not in reports["tank/gone"] and not result.get("failed")
    # It is not there any more, so next time nobody asks for it.
    assert set(hosts.replicated("source", **LOCAL)) == {"tank", "tank/big", "tank/later"}


def test_a_dataset_that_is_destroyed_while_it_is_sent(hosts: Hosts) -> None:
    pools(hosts, megabytes=40)
    hosts.sh("source", "zfs create tank/later; zfs snapshot tank/later@s1")
    running = start(hosts, "source", **LOCAL, bandwidth_limit="20M")
    wait_for_a_stream(hosts, "source")
    # ZFS itself protects what is being sent.
    done = hosts.lab.run("source", "zfs destroy -r tank/big", check=False)
    assert done.returncode == 1 and "busy" in done.stderr
    result = result_of(running)
    assert not result.get("failed"), result["msg"]
    assert list(hosts.guids("source", "vault/tank/big")) == ["s1"]


def test_a_target_that_is_written_to_meanwhile(hosts: Hosts) -> None:
    pools(hosts, megabytes=1)
    hosts.replicated("source", **LOCAL)
    hosts.sh("source", "head -c 40M /dev/urandom > /tank/big/g; zfs snapshot tank/big@s2; echo x > /tank/big/x; zfs snapshot tank/big@s3")
    running = start(hosts, "source", **LOCAL, bandwidth_limit="20M")
    wait_for_a_stream(hosts, "source")
    hosts.sh("source", "zfs set readonly=off canmount=on vault/tank/big; zfs mount vault/tank/big; echo own > /vault/tank/big/own; zfs umount vault/tank/big")
    result = result_of(running)
    assert "tank/big -> vault/tank/big: the target was written to" in result["msg"]
    assert list(hosts.guids("source", "vault/tank/big")) == ["s1"]
    assert hosts.sh("source", "zfs mount vault/tank/big; cat /vault/tank/big/own; zfs umount vault/tank/big") == "own\n"
    # What is lost then is what was asked for.
    report = hosts.replicated("source", **LOCAL, on_diverged="rollback")["tank/big"]
    assert (report["rolled_back"]["to"], report["rolled_back"]["destroyed"]) == ("s1", [])
    assert hosts.guids("source", "vault/tank/big") == hosts.guids("source", "tank/big")
    assert hosts.checksum("source", "vault/tank/big@s3") == hosts.checksum("source", "tank/big@s3")


def test_a_second_run_is_started_meanwhile(hosts: Hosts) -> None:
    pools(hosts, megabytes=60)
    running = start(hosts, "backup", **PULL, bandwidth_limit="20M")
    wait_for_a_stream(hosts, "backup")
    assert "another run into vault" in hosts.replicate("backup", **PULL)["msg"]
    skipped = hosts.replicate("backup", **PULL, on_locked="skip")
    assert (skipped["changed"], skipped["skipped"], skipped.get("failed")) == (False, True, None)
    # Other hosts, other lock.
    hosts.sh("backup", "zfs create vault/other; zfs snapshot vault/other@s; zfs create vault/copy")
    assert hosts.replicated("backup", source=["vault/other"], target="vault/copy")["vault/other"]["action"] == "full"
    waiting = start(hosts, "backup", **PULL, on_locked="wait")
    assert not result_of(running).get("failed")
    assert {report["action"] for report in result_of(waiting)["datasets"]} == {"up_to_date"}


def test_the_lock_of_a_stopped_run_is_free(hosts: Hosts) -> None:
    pools(hosts, megabytes=60)
    running = start(hosts, "backup", **PULL, bandwidth_limit="20M")
    wait_for_a_stream(hosts, "backup")
    waiting = start(hosts, "backup", **PULL, on_locked="wait")
    wait_until(hosts, "backup", 'test "$(pgrep -cx zfs_replicate)" = 2')
    hosts.sh("backup", "pkill -KILL -o -x zfs_replicate")
    running.communicate(timeout=20)
    result = result_of(waiting)
    assert not result.get("failed"), result["msg"]
    assert hosts.guids("backup", "vault/tank/big") == hosts.guids("source", "tank/big")
    # The killed one's shared connection ends by itself, its files go with the next run.
    wait_until(hosts, "backup", "! pgrep -x ssh >/dev/null")
    assert hosts.replicate("backup", **PULL)["changed"] is False
