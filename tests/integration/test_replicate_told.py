"""Nothing that was asked for goes without a report, and what is reported is what happened."""

import json
from pathlib import Path
from typing import Any

import pytest
from zfs_hosts import Hosts, program

LOCAL = {"source": ["tank"], "target": "vault"}
KEY = "-o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"


def two_pools(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")


def by_source(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {report["source"]: report for report in result["datasets"]}


def statuses(result: dict[str, Any]) -> dict[str, str]:
    return {report["source"]: report["status"] for report in result["datasets"]}


def test_a_name_that_is_too_long_is_one_failed_dataset(hosts: Hosts) -> None:
    two_pools(hosts)
    long, named = "tank/" + "c" * 200, "tank/" + "n" * 200
    target = "vault/a/very/long/place/for/backups/of/many/hosts/and/pools"
    hosts.sh("source", f"zfs create -p {target}; zfs create {long}; zfs create {named}; zfs create tank/ok; zfs snapshot -r tank@s")
    hosts.sh("source", f"zfs snapshot tank/ok@{'s' * 200}")
    for check in (True, False):
        result = hosts.replicate("source", source=["tank"], target=target, _ansible_check_mode=check)
        reports = by_source(result)
        assert statuses(result) == {"tank": "planned" if check else "ok", long: "failed", named: "failed", "tank/ok": "failed"}
        assert "of which ZFS takes 255: " in reports[long]["error"]["caused_by"] and long in result["msg"]
        assert reports["tank/ok"]["error"]["caused_by"].startswith(f"{target}/tank/ok@s")
    # Named, it does not end the run either.
    result = hosts.replicate("source", source=[named, "tank"], target=target, recursive=False)
    assert statuses(result) == {"tank": "ok", named: "failed"}


def test_a_rollback_that_fails_tells_what_is_gone(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create tank/a; zfs snapshot tank/a@s1")
    hosts.replicated("source", **LOCAL)
    hosts.sh(
        "source",
        "zfs snapshot vault/tank/a@own1; zfs snapshot vault/tank/a@own2; zfs clone vault/tank/a@own1 vault/clone; echo 1 > /tank/a/f; zfs snapshot tank/a@own2",
    )
    report = by_source(hosts.replicate("source", **LOCAL, on_diverged="rollback"))["tank/a"]
    assert report["status"] == "failed"
    there = set(hosts.guids("source", "vault/tank/a"))
    assert set(report.get("rolled_back", {}).get("destroyed", [])) == {"own1", "own2"} - there
    assert report["to"] == "s1"


def test_what_an_interrupted_receive_left_is_discarded_with_nothing_to_send(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create tank/a; zfs create tank/b; zfs snapshot tank/a@s1")
    hosts.replicated("source", **LOCAL)
    hosts.sh(
        "source",
        "for d in a b; do head -c 5M /dev/urandom > /tank/$d/f; zfs snapshot tank/$d@s2; done;"
        "zfs send -Lc -i @s1 tank/a@s2 | head -c 3M | zfs receive -s -u vault/tank/a 2>/dev/null || true;"
        "zfs send -Lc tank/b@s2 | head -c 3M | zfs receive -s -u vault/tank/b 2>/dev/null || true;"
        "zfs list -H -t bookmark -o name -r tank | grep s2 | xargs -r -n 1 zfs destroy; zfs destroy tank/a@s2; zfs destroy tank/b@s2",
    )
    checked = hosts.replicate("source", **LOCAL, _ansible_check_mode=True)
    reports = hosts.replicated("source", **LOCAL)
    for planned, done in ((by_source(checked)[name], reports[name]) for name in ("tank/a", "tank/b")):
        assert done["discarded"]["bytes"] > 1_000_000 and planned["discarded"] == done["discarded"]
    assert checked["changed"] and (reports["tank/a"]["action"], reports["tank/b"]["action"]) == ("up_to_date", "no_snapshots")
    assert hosts.sh("source", "zfs get -H -o value receive_resume_token vault/tank/a").strip() == "-"
    assert hosts.replicate("source", **LOCAL)["changed"] is False


def test_patterns_and_sources_that_give_nothing_are_told(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create tank/a; zfs create tank/new; zfs snapshot tank/a@daily_1")
    result = hosts.replicate("source", **LOCAL)
    assert result["warnings"] == ["tank/new has no snapshots: nothing was sent"]
    assert {key: result["summary"][key] for key in ("replicated", "up_to_date", "no_snapshots")} == {"replicated": 1, "up_to_date": 0, "no_snapshots": 2}
    hosts.sh("source", "zfs snapshot -r tank@daily_2")
    assert "warnings" not in hosts.replicate("source", **LOCAL)
    idle = {**LOCAL, "snapshots": {"include": ["dayly_*"], "exclude": ["hourly_*"]}, "exclude": ["tank/dokcer"]}
    run = lambda arguments: hosts.lab.run("source", "zfs_replicate --result /run/result --quiet -", input=json.dumps(arguments))  # noqa: E731
    run({**LOCAL, "snapshots": {"include": ["daily_*"]}})
    before = json.loads(hosts.sh("source", "cat /run/result"))["last_success"]
    hosts.sh("source", "sleep 1.1")
    run(idle)
    result = json.loads(hosts.sh("source", "cat /run/result"))
    assert result["last_success"] == before and before is not None
    for pattern in ("dayly_*", "hourly_*", "tank/dokcer"):
        assert any(f'"{pattern}" matches no ' in warning for warning in result["warnings"]), result["warnings"]


def test_a_discovered_dataset_that_is_gone_has_vanished(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create tank/a; zfs create tank/box; zfs snapshot -r tank@s1")
    gone = """#!/bin/sh
case "$*" in *"send"*tank/box@*) /usr/sbin/zfs destroy -r tank/box 2>/dev/null ;; esac
exec /usr/sbin/zfs "$@"
"""
    hosts.lab.run("source", "mkdir -p /run/bin; cat > /run/bin/zfs; chmod +x /run/bin/zfs", input=gone)
    for retries in (2, 0):
        result = hosts.replicate("source", before="PATH=/run/bin:$PATH", **LOCAL, retries=retries)
        assert statuses(result) == {"tank": "ok", "tank/a": "ok", "tank/box": "vanished"}, result.get("msg")
        assert result["summary"]["vanished"] == 1 and result["summary"]["failed"] == 0
        hosts.sh("source", "zfs create tank/box; zfs snapshot tank/box@s1")
    result = hosts.replicate("source", before="PATH=/run/bin:$PATH", source=["tank/a", "tank/box"], target="vault", retries=0)
    assert statuses(result)["tank/box"] == "failed"


def test_replicas_whose_source_is_gone_are_named_and_stay(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create -p tank/a/old; zfs create tank/a/left_out; head -c 1M /dev/urandom > /tank/a/old/f; zfs snapshot -r tank@s1")
    assert hosts.replicate("source", **LOCAL)["orphans"] == []
    hosts.sh("source", "zfs destroy -r tank/a/old")
    for check in (True, False):
        [orphan] = hosts.replicate("source", **LOCAL, exclude=["tank/a/left_out"], _ansible_check_mode=check)["orphans"]
        assert (orphan["target"], orphan["snapshot"]) == ("vault/tank/a/old", "s1")
        assert orphan["used"] > 1_000_000 and 0 <= orphan["age"] < 600 and orphan["created"] > 1_000_000_000
    assert list(hosts.guids("source", "vault/tank/a/old")) == ["s1"]


def test_deleted_sources_have_their_replicas_removed_when_nothing_is_in_the_way(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", f"echo passphrase > /run/key; zfs create {KEY} tank/enc; zfs create tank/enc/in; zfs create -V 1M tank/vol; zfs create -p tank/a/b")
    hosts.sh("source", "zfs snapshot -r tank@s1")
    mirror = {**LOCAL, "deleted_datasets": "destroy", "deleted_after": "30d", "holds": True}
    hosts.replicated("source", **mirror)
    release = "zfs list -H -t snapshot -o name -r tank | xargs zfs holds -H | while read s t d; do zfs release $t $s; done"
    hosts.sh("source", f"{release}; for d in enc vol a; do zfs destroy -r tank/$d; done")
    orphans = hosts.replicate("source", **mirror)["orphans"]
    short = lambda orphan: orphan["target"].removeprefix("vault/tank/")  # noqa: E731
    assert [(short(orphan), orphan["action"]) for orphan in orphans] == [(name, "mark") for name in ("a", "a/b", "enc", "enc/in", "vol")]
    marks = "zfs get -H -r -s local -t filesystem,volume -o name,value ferro.zfs:missing vault"
    age = f"{marks} | while read d m; do zfs set ferro.zfs:missing=2020-01-01T00:00:00Z${{m#*Z}} $d; done"
    # A hold of somebody else, and a clone.
    hosts.sh("source", f"{age}; zfs hold mine vault/tank/enc/in@s1; zfs clone vault/tank/vol@s1 vault/clone")
    before = hosts.sh("source", "zfs list -H -t all -o name,guid -r vault")
    for check in (True, False):
        result = hosts.replicate("source", **mirror, max_delete=1, _ansible_check_mode=check)
        codes = {short(orphan): orphan.get("code") or orphan["error"]["code"] for orphan in result["orphans"]}
        assert codes == {"a": "max_delete_exceeded", "a/b": "max_delete_exceeded", "enc": "child_stays", "enc/in": "held", "vol": "cloned"}
        assert result["failed"] and hosts.sh("source", "zfs list -H -t all -o name,guid -r vault") == before
    hosts.replicate("source", **mirror)
    assert hosts.sh("source", "zfs list -H -o name -r vault/tank").split() == ["vault/tank", "vault/tank/enc", "vault/tank/enc/in", "vault/tank/vol"]
    hosts.sh("source", "zfs release mine vault/tank/enc/in@s1")
    aside = hosts.replicate("source", **{**mirror, "deleted_datasets": "set_aside"})
    assert not aside.get("failed") and {orphan["status"] for orphan in aside["orphans"]} == {"ok"}, aside
    assert len(hosts.sh("source", "zfs list -H -t snapshot -o name -r vault/ferro_deleted").split()) == 3
    assert hosts.replicate("source", **mirror)["orphans"] == []


def test_bookmarks_of_a_renamed_source_are_named(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create tank/old; zfs snapshot tank/old@s1")
    hosts.replicated("source", **LOCAL)
    hosts.sh("source", "zfs rename tank/old tank/new; zfs snapshot tank/new@s2")
    for _ in range(2):
        warnings = hosts.replicate("source", **LOCAL).get("warnings", [])
        assert [warning for warning in warnings if warning.startswith("tank/new#ferro_") and "is for vault/tank/old, which no source" in warning]
    hosts.sh("source", next(warning for warning in warnings if "tank/new#" in warning).rpartition("(")[2].rstrip(")"))
    assert not [warning for warning in hosts.replicate("source", **LOCAL).get("warnings", []) if "tank/new#" in warning]


def test_renamed_swapped_and_promoted_sources_are_recognised(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "for d in a b c; do zfs create tank/$d; echo $d > /tank/$d/f; done; zfs snapshot -r tank@s1")
    hosts.replicated("source", **LOCAL)
    clean = "zfs list -H -t bookmark -o name -r tank | xargs -r -n 1 zfs destroy"
    hosts.sh("source", f"zfs rename tank/a tank/x; zfs rename tank/b tank/a; zfs rename tank/x tank/b; zfs snapshot tank/a@s2; zfs snapshot tank/b@s2; {clean}")
    said = {name: report.get("error", {}).get("caused_by", "") for name, report in by_source(hosts.replicate("source", **LOCAL)).items()}
    assert "But vault/tank/b on the target has snapshots of this source" in said["tank/a"]
    assert "But vault/tank/a on the target has snapshots of this source" in said["tank/b"]
    only = by_source(hosts.replicate("source", source=["tank/a"], target="vault"))["tank/a"]["error"]
    assert "But vault/tank/b on the target has snapshots of this source" in only["caused_by"]
    assert (only["code"], only["conflict"]["elsewhere"]) == ("no_common_snapshot", {"on_target": "vault/tank/b"})
    hosts.sh("source", f"zfs clone tank/c@s1 tank/d; zfs promote tank/d; zfs snapshot tank/c@s2; {clean}")
    promoted = by_source(hosts.replicate("source", **LOCAL))["tank/c"]["error"]
    assert "`zfs promote tank/c` gives it its snapshots back" in promoted["caused_by"]
    assert promoted["conflict"]["elsewhere"] == {"at_origin": "tank/d@s1"}
    hosts.sh("source", "zfs promote tank/c")
    assert by_source(hosts.replicate("source", **LOCAL))["tank/c"]["action"] == "incremental"


def test_a_target_in_use_can_be_adopted_and_nobody_is_told_to_destroy_replicas(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", "zfs create -p tank/a/b; zfs snapshot tank/a/b@s1; zfs create -p -o canmount=off vault/tank/a")
    hosts.replicated("source", source=["tank/a"], target="vault")
    hosts.sh("source", "zfs snapshot -r tank/a@s2")
    said = by_source(hosts.replicate("source", source=["tank/a"], target="vault"))["tank/a"]["error"]["caused_by"]
    assert "vault/tank/a/b" in said and "do not destroy it" in said
    hosts.sh("source", said.split("`")[1])
    assert by_source(hosts.replicate("source", source=["tank/a"], target="vault"))["tank/a"]["action"] == "full"


def test_plain_below_raw_arrives_unless_the_target_must_be_encrypted(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh(
        "source",
        f"echo 'a long password' > /run/key; zfs create {KEY} vault/in; zfs create {KEY} tank/e; zfs create -o encryption=off tank/e/open; zfs create tank/e/c; zfs create tank/e/c/d",
    )
    hosts.sh("source", "echo open > /tank/e/open/f; zfs snapshot tank/e@s1 tank/e/open@s1 tank/e/c/d@s1")
    into = {"source": ["tank/e"], "target": "vault/in", "receive_properties": {"readonly": "on", "encryption": "aes-256-gcm"}}
    strict = hosts.replicate("source", **into, require_encrypted_target=True)
    assert statuses(strict) == {"tank/e": "ok", "tank/e/c": "ok", "tank/e/c/d": "ok", "tank/e/open": "failed"}
    assert "would land unencrypted" in strict["msg"]
    assert hosts.replicated("source", **into)["tank/e/open"]["action"] == "full"
    assert hosts.sh("source", "zfs get -H -o value encryption vault/in/tank/e vault/in/tank/e/c/d vault/in/tank/e/open").split() == [
        "aes-256-gcm",
        "aes-256-gcm",
        "off",
    ]
    hosts.sh("source", "zfs snapshot -r tank/e@s2")
    assert hosts.replicated("source", **into)["tank/e/c"]["action"] == "full"
    assert hosts.checksum("source", "vault/in/tank/e/open@s2") == hosts.checksum("source", "tank/e/open@s2")


def test_a_locked_target_says_so_and_takes_raw_streams_below_plain_placeholders(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh(
        "source",
        f"echo 'a long password' > /run/key; zfs create {KEY} vault/in; zfs create {KEY} tank/e; zfs create tank/open; zfs snapshot -r tank@s1; zfs unload-key -r vault/in || (zfs umount vault/in; zfs unload-key vault/in)",
    )
    pair = {"source": ["tank/e", "tank/open"], "target": "vault/in"}
    result = hosts.replicate("source", **pair)
    assert result["msg"].count("would be encrypted with the key of vault/in, which is not loaded on the target") == 2
    result = hosts.replicate("source", **pair, placeholder_encryption="off")
    assert statuses(result) == {"tank/e": "ok", "tank/open": "failed"}
    assert "(zfs load-key vault/in)" in result["msg"]
    assert hosts.sh("source", "zfs get -H -o value encryption,ferro.zfs:placeholder vault/in/tank").split()[0] == "off"


def test_raw_always_sends_plain_data_to_an_encrypted_target(hosts: Hosts) -> None:
    two_pools(hosts)
    hosts.sh("source", f"echo 'a long password' > /run/key; zfs create {KEY} vault/in; zfs create tank/a; echo tiny > /tank/a/f; zfs snapshot tank/a@s1")
    hosts.replicated("source", source=["tank/a"], target="vault/in", raw="always", require_encrypted_target=True)
    assert hosts.checksum("source", "vault/in/tank/a@s1") == hosts.checksum("source", "tank/a@s1")


def test_the_same_host_over_ssh_is_not_replicated_into_itself(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.sh("source", "zfs create tank/a; zfs create -o canmount=off tank/backup; zfs snapshot -r tank@s1")
    for _ in range(2):
        result = hosts.replicate("source", source=["tank"], target="tank/backup", target_host="root@source")
        assert "lies within the target" in result["msg"]
    assert "tank/backup/tank/backup" not in hosts.sh("source", "zfs list -H -o name -r tank")


@pytest.mark.parametrize("direction", ["pull", "push"])
def test_one_source_that_the_gate_refuses_does_not_keep_the_others(hosts: Hosts, direction: str, tmp_path: Path) -> None:
    here, there = ("backup", "source") if direction == "pull" else ("source", "backup")
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh("source", "zfs create tank/a; zfs create tank/secret; zfs snapshot -r tank@s1")
    hosts.sh("backup", "zfs create -o canmount=off vault/tank")
    mode = "send --dataset tank/a" if direction == "pull" else "receive --dataset vault/tank/a"
    hosts.lab.copy(there, program("zfs_gate"), "/usr/local/bin/zfs_gate")
    hosts.sh(here, "rm -f /root/gate_key*; ssh-keygen -q -t ed25519 -N '' -f /root/gate_key")
    public = hosts.sh(here, "cat /root/gate_key.pub")
    hosts.lab.run(there, "cat > /etc/ssh/authorized_keys.d/root", input=f'command="/usr/local/bin/zfs_gate --mode {mode}",restrict {public}')
    end = {"source_host": "root@source"} if direction == "pull" else {"target_host": "root@backup"}
    try:
        result = hosts.replicate(here, source=["tank/a", "tank/secret"], target="vault", ssh={"identity_file": "/root/gate_key"}, **end)
    finally:
        hosts.sh(there, "rm -f /etc/ssh/authorized_keys.d/root")
    assert statuses(result) == {"tank/a": "ok", "tank/secret": "failed"}, result.get("msg")
    assert "the gate in authorized_keys there" in result["msg"]
