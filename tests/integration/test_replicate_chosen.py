"""What is sent, and where to: what datasets say of themselves, few snapshots, children alone, a pool onto a pool, renamed sources."""

from typing import Any

from zfs_hosts import Hosts

LOCAL: dict[str, Any] = {"source": ["tank"], "target": "vault"}
ONTO: dict[str, Any] = {**LOCAL, "strip_prefix": "tank"}
KEY = "-o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key"


def two_pools(hosts: Hosts, script: str) -> None:
    hosts.pool("source", "tank")
    hosts.pool("source", "vault")
    hosts.sh("source", script)


def replicas(hosts: Hosts) -> list[str]:
    """Snapshots of the target pool."""
    return hosts.sh("source", "zfs list -H -t snapshot -o name -r vault").split()


def by_source(result: dict[str, Any]) -> dict[str, Any]:
    return {report["source"]: report for report in result["datasets"]}


def test_datasets_say_whether_they_are_sent(hosts: Hosts) -> None:
    two_pools(
        hosts, "zfs create -p tank/a/b; zfs create -p tank/a/c; zfs create -V 1M tank/vol; zfs create tank/odd; zfs create tank/list; zfs snapshot -r tank@s"
    )
    hosts.sh(
        "source",
        "for d in a vol; do zfs set ferro.zfs:replicate=off tank/$d; done; zfs set ferro.zfs:replicate=on tank/a/c; zfs set syncoid:sync=h1,h2 tank/list",
    )
    # What ZFS takes for a value may look like anything.
    hosts.sh("source", "zfs set \"ferro.zfs:replicate=off$(printf '\\ttwo\\nlines\\t-')\" tank/odd")
    select = {"properties": ["ferro.zfs:replicate", "syncoid:sync"]}
    for check in (True, False):
        result = hosts.replicate("source", **LOCAL, select=select, _ansible_check_mode=check)
        left = [(one["source"], one["value"], one["set_on"]) for one in result["left_out"]]
        assert left == [("tank/a", "off", "tank/a"), ("tank/a/b", "off", "tank/a"), ("tank/vol", "off", "tank/vol")]
        codes = {source: report["error"]["code"] for source, report in by_source(result).items() if "error" in report}
        assert codes == {"tank/list": "selection_unclear", "tank/odd": "selection_unclear"}, result["msg"]
    assert replicas(hosts) == ["vault/tank@s", "vault/tank/a/c@s"]
    hosts.sh("source", "zfs inherit ferro.zfs:replicate tank/odd")
    chosen = hosts.replicated("source", **LOCAL, select={"opt_in": True})
    assert list(chosen) == ["tank/a/c"]
    # What was asked for by name does not drop out in silence.
    named = hosts.replicate("source", source=["tank/vol", "tank/a"], target="vault")
    assert by_source(named)["tank/vol"]["error"]["code"] == "named_but_left_out" and "zfs set ferro.zfs:replicate=on tank/vol" in named["msg"]
    assert named["warnings"][0].startswith("tank/a is named in source, but ferro.zfs:replicate=off, set on tank/a or above it, leaves it out")


def test_few_snapshots_are_sent_and_chains_stay_whole(hosts: Hosts) -> None:
    two_pools(hosts, "for i in 1 2 3 4; do echo $i > /tank/f; zfs snapshot tank@s$i; done")
    few = {"snapshots": {"newest": 2, "since": "1d"}, "holds": True}
    report = hosts.replicated("source", **LOCAL, **few)["tank"]
    assert (report["passed_over"], replicas(hosts)) == ({"snapshots": 2, "oldest": "s1", "newest": "s2"}, ["vault/tank@s3", "vault/tank@s4"])
    # The base goes on the source, its bookmark stays.
    hosts.sh(
        "source",
        "zfs release $(zfs holds -H tank@s4 | cut -f 2) tank@s4; zfs destroy tank@s4; for i in 5 6 7; do echo $i > /tank/f; zfs snapshot tank@s$i; done",
    )
    report = hosts.replicated("source", **LOCAL, snapshots={"newest": 1})["tank"]
    assert [(step["kind"], step["to"]) for step in report["steps"]] == [("incremental", "s7")] and report["passed_over"]["snapshots"] == 2
    assert hosts.checksum("source", "vault/tank@s7") == hosts.sh("source", "cd /tank; sha256sum ./f | sha256sum")
    hosts.sh("source", "zfs snapshot tank@s8; zfs snapshot tank@s9")
    old = hosts.replicated("source", **LOCAL, snapshots={"since": "2100-01-01"})["tank"]
    assert (old["to"], old["passed_over"]["newest"]) == ("s9", "s8"), "the newest, however old"


def test_a_pool_lands_on_a_pool_and_children_without_their_parent(hosts: Hosts) -> None:
    two_pools(
        hosts,
        "echo root > /tank/f; zfs create -p tank/a/b; zfs create vault/own; zfs snapshot vault/own@mine; head -c 3M /dev/urandom > /vault/data; zfs snapshot -r tank@s",
    )
    alone = hosts.replicated("source", **ONTO, children_only=True)
    assert list(alone) == ["tank/a", "tank/a/b"] and replicas(hosts) == ["vault/a@s", "vault/a/b@s", "vault/own@mine"]
    said = by_source(hosts.replicate("source", **ONTO))["tank"]["error"]
    assert said["code"] == "target_in_use" and "children_only" in said["caused_by"]
    adopt = said["caused_by"].split("`")[1]
    # Marked or not, nothing is received over data.
    hosts.sh("source", adopt)
    assert by_source(hosts.replicate("source", **ONTO))["tank"]["error"]["code"] == "placeholder_written"
    assert hosts.sh("source", "wc -c < /vault/data").strip() == str(3 << 20)
    hosts.sh("source", "rm /vault/data; zpool sync vault")
    assert hosts.replicated("source", **ONTO)["tank"]["action"] == "full"
    assert hosts.guids("source", "vault") == hosts.guids("source", "tank") and list(hosts.guids("source", "vault/own")) == ["mine"]
    hosts.sh("source", "echo more > /tank/f; zfs snapshot -r tank@t")
    assert {report["action"] for report in hosts.replicated("source", **ONTO).values()} == {"incremental"}


def test_replicas_follow_renamed_sources(hosts: Hosts) -> None:
    two_pools(
        hosts, f"echo passphrase > /run/key; zfs create {KEY} tank/e; zfs create tank/e/c; zfs create -V 1M tank/v; zfs create tank/w; zfs snapshot -r tank@s"
    )
    hosts.replicated("source", **LOCAL)
    hosts.sh(
        "source",
        "zfs rename tank/v tank/t; zfs rename tank/e tank/v; zfs rename tank/t tank/e; zfs create tank/in; zfs rename tank/w tank/in/w; zfs snapshot -r tank@t",
    )
    told = hosts.replicate("source", **LOCAL, _ansible_check_mode=True)
    assert {one["target"]: one["renamed_to"] for one in told["orphans"] if "renamed_to" in one} == {"vault/tank/e/c": "tank/v/c", "vault/tank/w": "tank/in/w"}
    planned = hosts.replicate("source", **LOCAL, renamed="follow", _ansible_check_mode=True)
    done = hosts.replicate("source", **LOCAL, renamed="follow")
    for result in (planned, done):
        moved = {source: report["renamed_from"] for source, report in by_source(result).items() if "renamed_from" in report}
        below = {"tank/in/w": "vault/tank/w", "tank/v/c": "vault/tank/e/c"}
        assert moved == {"tank/e": "vault/tank/v", "tank/v": "vault/tank/e", **below}, result
        assert result["orphans"] == [] and {report["action"] for report in result["datasets"]} <= {"incremental", "full"}
        assert [source for source, report in by_source(result).items() if report["action"] == "full"] == ["tank/in"]
    names = "zfs list -H -o name,type -r -t filesystem,volume"
    assert hosts.sh("source", f"{names} tank") == hosts.sh("source", f"{names} vault/tank").replace("vault/", "")
    assert hosts.guids("source", "vault/tank/v/c") == hosts.guids("source", "tank/v/c")
    assert not [line for line in hosts.sh("source", "zfs list -H -t bookmark -o name -r tank | sort").split() if line.count("#") != 1]
    assert hosts.replicate("source", **LOCAL, renamed="follow")["changed"] is False
