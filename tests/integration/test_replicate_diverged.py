"""on_diverged: what makes way, and only because it was asked for by name."""

import json
import re

import pytest
from streaming import KILLER
from zfs_hosts import Hosts

LOCAL = {"source": ["tank"], "target": "vault"}


@pytest.fixture
def diverged(hosts: Hosts) -> Hosts:
    """tank/a with a child; its replica has a snapshot of its own, and was written to after it."""
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")
    hosts.sh("source", "zfs create -p tank/a/child; echo 1 > /tank/a/f; echo 1 > /tank/a/child/f; zfs snapshot -r tank@s1")
    hosts.replicated("source", **LOCAL)
    hosts.sh(
        "source",
        "zfs set readonly=off canmount=on vault/tank/a; zfs mount vault/tank/a; echo own > /vault/tank/a/g; zfs snapshot vault/tank/a@own;"
        "echo later > /vault/tank/a/h; zfs umount vault/tank/a; echo 2 > /tank/a/f; zfs snapshot -r tank@s2",
    )
    return hosts


def test_rollback_removes_just_what_is_in_the_way(diverged: Hosts) -> None:
    checked = diverged.replicate("source", **LOCAL, on_diverged="rollback", _ansible_check_mode=True)
    assert "own" in diverged.guids("source", "vault/tank/a")
    report = diverged.replicated("source", **LOCAL, on_diverged="rollback")["tank/a"]
    assert (report["rolled_back"]["to"], report["rolled_back"]["destroyed"]) == ("s1", ["own"])
    assert report["rolled_back"]["written"] > 0
    assert [planned["rolled_back"] for planned in checked["datasets"] if "rolled_back" in planned] == [report["rolled_back"]]
    assert report["action"] == "incremental"
    assert diverged.guids("source", "vault/tank/a") == diverged.guids("source", "tank/a")
    assert diverged.checksum("source", "vault/tank/a@s2") == diverged.checksum("source", "tank/a@s2")


def test_rollback_does_not_help_without_a_common_snapshot(diverged: Hosts) -> None:
    diverged.sh("source", "zfs destroy -r tank/a@s1; zfs list -H -t bookmark -o name -r tank/a | xargs -n 1 zfs destroy")
    before = diverged.sh("source", "zfs list -Hp -t all -o name,guid -r vault/tank/a")
    result = diverged.replicate("source", **LOCAL, on_diverged="rollback")
    assert "have no snapshot in common" in result["msg"]
    assert diverged.sh("source", "zfs list -Hp -t all -o name,guid -r vault/tank/a") == before


def test_a_held_snapshot_stops_the_rollback(diverged: Hosts) -> None:
    diverged.sh("source", "zfs hold keep vault/tank/a@own")
    result = diverged.replicate("source", **LOCAL, on_diverged="rollback")
    assert "tank/a -> vault/tank/a: roll back failed" in result["msg"]
    assert diverged.sh("source", "zfs mount vault/tank/a; cat /vault/tank/a/g /vault/tank/a/h; zfs umount vault/tank/a") == "own\nlater\n"
    diverged.sh("source", "zfs release keep vault/tank/a@own")


def test_set_aside_keeps_everything_and_the_children_in_place(diverged: Hosts) -> None:
    child = diverged.sh("source", "zfs get -H -o value guid vault/tank/a/child")
    reports = diverged.replicated("source", **LOCAL, on_diverged="set_aside")
    aside = reports["tank/a"]["set_aside"]["name"]
    assert re.fullmatch(r"vault/tank/a_diverged_\d{8}T\d{6}Z", aside)
    assert (reports["tank/a"]["action"], reports["tank/a/child"]["action"]) == ("full", "incremental")
    assert diverged.guids("source", "vault/tank/a") == diverged.guids("source", "tank/a")
    assert diverged.sh("source", "zfs get -H -o value guid vault/tank/a/child") == child
    assert list(diverged.guids("source", aside)) == ["s1", "own"]
    assert diverged.sh("source", f"zfs mount {aside}; cat /vault/tank/a*/h; zfs umount {aside}") == "later\n"
    assert diverged.replicate("source", **LOCAL, on_diverged="set_aside")["changed"] is False


def test_a_set_aside_whose_replacement_does_not_arrive_leaves_everything_in_its_place(diverged: Hosts) -> None:
    # Not even the first snapshot of the new one has room.
    diverged.sh("source", "zfs destroy -r tank/a@s1; zfs list -H -t bookmark -o name -r tank/a | xargs -n 1 zfs destroy")
    diverged.sh("source", "head -c 60M /dev/urandom > /tank/a/big; zfs destroy tank/a@s2; zfs snapshot tank/a@s3; zfs set quota=20M vault/tank")
    before = diverged.sh("source", "zfs list -Hp -o name,guid -r vault").splitlines()
    result = diverged.replicate("source", **LOCAL, on_diverged="set_aside", recursive=True, exclude=["tank/a/child"])
    [failed] = [report for report in result["datasets"] if report["status"] == "failed"]
    assert (failed["source"], failed["error"]["stage"]) == ("tank/a", "receive")
    assert "set_aside" not in failed
    # What has arrived of it is beside, and is resumed.
    after = diverged.sh("source", "zfs list -Hp -o name,guid -r vault").splitlines()
    assert [row.partition("\t")[0] for row in after if row not in before] in ([], ["vault/tank/a_ferro_arriving"])
    assert set(before) <= set(after)
    diverged.sh("source", "zfs set quota=none vault/tank")
    report = diverged.replicated("source", **LOCAL, on_diverged="set_aside")["tank/a"]
    assert report["set_aside"]["name"].startswith("vault/tank/a_diverged_")
    assert diverged.guids("source", "vault/tank/a") == diverged.guids("source", "tank/a")


@pytest.mark.parametrize("sources", [["tank"], ["tank/a"]])
@pytest.mark.parametrize("and_then", ["set_aside", "fail"])
def test_a_set_aside_that_is_cut_short_at_any_step_is_finished(diverged: Hosts, sources: list[str], and_then: str) -> None:
    """With the option taken away after it, too, as soon as a child has moved: before that, everything is where it was."""
    arguments = {**LOCAL, "source": sources, "on_diverged": "set_aside"}
    diverged.sh("source", "zfs create tank/a/child/deep; zfs create -V 8M tank/a/volume; zfs snapshot tank/a/child/deep@s2 tank/a/volume@s2")
    diverged.replicate("source", **{**arguments, "on_diverged": "fail"})
    datasets = "zfs list -Hp -o guid -t filesystem,volume,snapshot -r vault"
    before = set(diverged.sh("source", datasets).split())
    diverged.lab.run("source", "mkdir -p /run/bin; cat > /run/bin/zfs; chmod +x /run/bin/zfs", input=KILLER)
    for step in range(1, 40):
        diverged.sh("source", f"echo {1 if and_then == 'set_aside' else 99 if step > 1 else 3} > /run/deadly; rm -f /run/changes")
        mode = "set_aside" if step == 1 else and_then
        asked = json.dumps({**arguments, "on_diverged": mode, "retry_delay": "0.1s"})
        diverged.lab.run("source", "PATH=/run/bin:$PATH zfs_replicate - > /dev/null 2>&1", check=False, input=asked)
        # Whatever it is called meanwhile, nothing of what was there is gone.
        assert before <= set(diverged.sh("source", datasets).split())
        if not diverged.sh("source", "cat /run/changes 2>/dev/null || true"):
            break
    assert step > (5 if and_then == "set_aside" else 1)
    diverged.sh("source", "rm -f /run/ferro-zfs/*.lock")
    for name in ("a", "a/child", "a/child/deep", "a/volume"):
        assert diverged.guids("source", f"vault/tank/{name}") == diverged.guids("source", f"tank/{name}"), name
    names = diverged.sh("source", "zfs list -H -o name -r vault/tank").split()
    assert len(names) == 6 and [name for name in names if "_diverged_" in name] and not [name for name in names if "_ferro_arriving" in name]
    assert diverged.replicate("source", **{**arguments, "on_diverged": "fail"})["changed"] is False


def test_a_set_aside_that_fails_half_way_goes_on_next_time(diverged: Hosts) -> None:
    diverged.sh("source", "head -c 60M /dev/urandom > /tank/a/big; zfs snapshot -r tank@s3; zfs set quota=20M vault/tank")
    result = diverged.replicate("source", **LOCAL, on_diverged="set_aside")
    # The child has room as long as what has arrived is not yet counted.
    failed = [report["source"] for report in result["datasets"] if report["status"] == "failed"]
    assert failed in (["tank/a"], ["tank/a", "tank/a/child"])
    diverged.sh("source", "zfs set quota=none vault/tank")
    reports = diverged.replicated("source", **LOCAL)
    assert reports["tank/a"]["action"] in ("resume", "incremental")
    assert diverged.guids("source", "vault/tank/a") == diverged.guids("source", "tank/a")
    assert diverged.guids("source", "vault/tank/a/child") == diverged.guids("source", "tank/a/child")


def test_an_encrypted_parent_replaces_the_plain_stand_in(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")
    hosts.sh(
        "source",
        "echo 'a long password' > /run/key; zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key tank/e;"
        "zfs create tank/e/child; zfs snapshot tank/e/child@s1",
    )
    hosts.replicated("source", source="tank/e", target="vault")
    hosts.sh("source", "zfs snapshot -r tank/e@s2")
    child = hosts.sh("source", "zfs get -H -o value guid vault/tank/e/child")
    reports = hosts.replicated("source", source="tank/e", target="vault")
    assert (reports["tank/e"]["action"], reports["tank/e/child"]["action"]) == ("full", "incremental")
    assert hosts.guids("source", "vault/tank/e/child") == hosts.guids("source", "tank/e/child")
    assert hosts.sh("source", "zfs get -H -o value guid vault/tank/e/child") == child
    assert hosts.sh("source", "zfs get -H -o value encryption vault/tank/e") == "aes-256-gcm\n"
