"""zfs_policy_snapshot and zfs_prune on real ZFS: what gets in their way, what must be left alone, and how many commands they run."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from policy_box import Box, Result, without_seconds
from zfs_hosts import HELD

# --- bad days ---


def test_three_thousand_go_though_one_is_held_and_one_has_a_clone(box: Box) -> None:
    names = [f"d{n}" for n in range(15)]
    box.pool(*names)
    box.sh(
        "for n in $(seq -w 0 200); do zfs snapshot $(for d in $(seq 0 14); do echo tank/d$d@autosnap_2026-01-01_00:${n%?}:0${n#??}_hourly; done) ; done"
        " 2>&1 | head -n 3"
    )
    mine = box.snapshots("tank/d7")
    assert len(mine) == 201
    box.sh(f"zfs hold keep {mine[90]}; zfs clone {mine[110]} tank/clone")
    began = time.monotonic()
    result = box.prune({"tank": "one+"}, policies={"one": {"hourly": 1}}, _ansible_verbosity=3)
    print(f"3,000 doomed: {time.monotonic() - began:.2f} s, {len(result['commands'])} commands")
    assert result["summary"]["destroyed"] == 15 * 200 - 2
    kept = {entry["snapshot"]: entry["reasons"] for entry in result["kept"] if entry["snapshot"].startswith("tank/d7@")}
    assert kept == {mine[90]: ["held"], mine[110]: ["cloned"], mine[200]: ["newest", "retained"]}
    assert box.snapshots("tank/d7") == [mine[90], mine[110], mine[200]]
    assert len(result["commands"]) == 5, "a listing, two questions, two programs of 2,000 at most"
    assert not box.prune({"tank": "one+"}, policies={"one": {"hourly": 1}})["changed"]


@pytest.mark.parametrize("others", [[], ["b"]], ids=["one dataset", "two datasets"])
def test_what_is_held_in_the_last_moment_does_not_keep_the_rest(box: Box, others: list[str]) -> None:
    box.pool("a", *others)
    for other in others:
        box.sh(f"for n in 1 2; do zfs snapshot tank/{other}@autosnap_2026-01-01_00:0$n:00_hourly; done")
    names = [f"autosnap_2026-01-01_{hour:02}:00:00_hourly" for hour in range(10)]
    box.sh(f"for n in {' '.join(names)}; do zfs snapshot tank/a@$n; done")
    path = box.race("*userrefs*", f"/usr/sbin/zfs hold keep tank/a@{names[4]}; /usr/sbin/zfs destroy tank/a@{names[6]}")
    both = {"tank/a": "one", **{f"tank/{other}": "one" for other in others}}
    result = box.prune(both, policies={"one": {"hourly": 1}}, before=path, _ansible_verbosity=1)
    assert not result.get("failed")
    # Of a hold, `zfs destroy` of 2.1 says no more than that.
    reason = "busy" if HELD == "dataset is busy" and not others else "held"
    assert {"snapshot": f"tank/a@{names[4]}", "reasons": [reason]} in result["kept"]
    assert box.snapshots("tank/a") == [f"tank/a@{names[4]}", f"tank/a@{names[9]}"]
    assert len(box.snapshots()) == 2 + len(others)


def test_a_dataset_that_vanishes_does_not_stop_the_others(box: Box) -> None:
    box.pool("a", "b", "c")
    path = box.race("*snapshot?-o?name*", "/usr/sbin/zfs destroy -r tank/b")
    result = box.snapshot({"tank": "high+"}, interval="hourly", before=path)
    assert [name.partition("@")[0] for name in result["created"]] == ["tank", "tank/a", "tank/c"]
    assert result["left_out"] == [{"dataset": "tank/b", "code": "vanished", "reason": "vanished: it was destroyed or renamed meanwhile"}]
    box.sh("zfs create tank/b; for d in a b c; do for n in 1 2; do zfs snapshot tank/$d@autosnap_2026-01-01_00:0$n:00_daily; done; done")
    path = box.race("*userrefs*", "/usr/sbin/zfs destroy -r tank/b")
    result = box.prune({"tank": "one+"}, policies={"one": {"hourly": 1}}, before=path)
    assert sorted(result["destroyed"]) == [f"tank/{d}@autosnap_2026-01-01_00:01:00_daily" for d in "ac"]
    assert result["vanished"] == ["tank/b"]
    assert not result.get("failed")


def test_a_read_only_pool_fails_and_the_other_does_not(box: Box) -> None:
    box.pool("a")
    box.pool("a", name="ro")
    box.sh(
        "for n in 1 2; do zfs snapshot ro/a@autosnap_2026-01-01_00:0$n:00_hourly tank/a@x$n 2>/dev/null || zfs snapshot ro/a@autosnap_2026-01-01_00:0$n:00_hourly; done"
    )
    box.sh("zpool export ro; zpool import -o readonly=on -d /big ro")
    result = box.snapshot({"ro/a": "high", "tank/a": "high"}, interval="daily")
    assert [name.partition("@")[0] for name in result["created"]] == ["tank/a"]
    assert "ro/a: snapshot" in result["msg"]
    assert "pool is read-only (the pool is imported read-only there)" in result["msg"].replace("\nno snapshots were created", "")
    result = box.prune({"ro/a": "one", "tank/a": "one"}, policies={"one": {"hourly": 1}})
    assert result["failures"][0]["dataset"] == "ro/a"
    assert "pool is read-only" in result["failures"][0]["stderr"] and result["failures"][0]["code"] == "pool_read_only"


def test_without_permission_each_dataset_is_named_and_what_may_be_done_is_done(box: Box) -> None:
    box.pool("a", "b", "c")
    datasets = {"tank/a": "high", "tank/b": "high", "tank/c": "high"}
    result = box.snapshot(datasets, interval="hourly", user="operator")
    assert result["summary"] == {"datasets": 3, "created": 0, "left_out": 0, "failed": 3}
    assert result["msg"].startswith("3 datasets failed. tank/a, tank/b, tank/c: snapshot")
    assert "permission denied" in result["msg"]
    assert "the user operator lacks the ZFS permission snapshot on tank/a. Grant it there with `zfs allow -u operator snapshot tank/a`" in result["msg"]
    assert "ferro.zfs.zfs_delegate: {dataset: tank/a, users: operator, jobs: snapshot}" in result["msg"]
    box.sh("zfs allow operator snapshot,mount tank/b")
    result = box.snapshot(datasets, interval="hourly", user="operator")
    assert [name.partition("@")[0] for name in result["created"]] == ["tank/b"]
    assert sorted(failure["dataset"] for failure in result["failures"]) == ["tank/a", "tank/c"]
    assert {failure["code"] for failure in result["failures"]} == {"permission_missing"}
    box.sh("for d in a b; do for n in 1 2; do zfs snapshot tank/$d@autosnap_2026-01-01_00:0$n:00_daily; done; done; zfs allow operator destroy,mount tank/a")
    result = box.prune(datasets, policies={"high": {"hourly": 1}}, user="operator")
    assert result["destroyed"] == ["tank/a@autosnap_2026-01-01_00:01:00_daily"]
    assert "tank/b: destroy" in result["msg"]
    # What is missing is named, whichever it is.
    for given, missing in (("destroy", "mount"), ("mount", "destroy")):
        box.sh(f"zfs unallow operator tank/b 2>/dev/null || true; zfs allow operator {given} tank/b")
        result = box.prune(datasets, policies={"high": {"hourly": 1}}, user="operator")
        assert f"the user operator lacks the ZFS permission {missing} on tank/b. Grant it there with" in result["msg"]
    box.sh("zfs unallow operator tank/b 2>/dev/null || true; zfs allow operator destroy,mount tank/b")
    result = box.prune(datasets, policies={"high": {"hourly": 1}}, user="operator")
    assert result["destroyed"] == ["tank/b@autosnap_2026-01-01_00:01:00_daily"]


def test_garbage_with_the_prefix_is_left_alone(box: Box) -> None:
    box.pool("a")
    box.sh("for n in autosnap_2026-99-99_00:00:00_hourly autosnap_garbage autosnap_2026-01-01_00:00:00_sometimes last; do zfs snapshot tank/a@$n; done")
    result = box.prune({"tank/a": "all"}, policies={"all": {"autoprune": True}}, _ansible_verbosity=1)
    assert (result["changed"], [entry["reasons"] for entry in result["kept"]]) == (False, [["unparsable"]] * 3 + [["newest", "foreign"]])


# --- time ---


def test_the_repeated_hour_gets_its_own_snapshot(box: Box) -> None:
    box.pool("a")
    taken = []
    for moment in ("00:15:05", "00:45:05", "01:15:05", "01:45:05", "02:15:05"):
        box.clock(f"2026-10-25 {moment}")
        taken += box.snapshot({"tank/a": "high"}, interval="hourly", before="TZ=Europe/Berlin")["created"]
    assert without_seconds(taken) == [f"tank/a@autosnap_2026-10-25_{clock}_hourly" for clock in ("02:15", "02:15", "03:15")]
    assert len(set(taken)) == 3


def test_names_in_utc_keep_none_from_being_taken_west_of_greenwich(box: Box) -> None:
    box.pool("a")
    # What sanoid's unit leaves: in New York it was 08:10.
    box.clock("2026-11-21 13:10:00")
    box.sh("zfs snapshot tank/a@autosnap_2026-11-21_13:10:00_hourly")
    taken = []
    for moment in ("13:20:05", "14:10:05", "14:20:05", "18:10:05", "18:40:05"):
        box.clock(f"2026-11-21 {moment}")
        taken.append(box.snapshot({"tank/a": "high"}, interval="hourly", before="TZ=America/New_York")["created"])
    # In the first hour one too many: what a name of another hour is of, nobody asks.
    assert [without_seconds(names) for names in taken] == [
        ["tank/a@autosnap_2026-11-21_08:20_hourly"],
        ["tank/a@autosnap_2026-11-21_09:10_hourly"],
        [],
        ["tank/a@autosnap_2026-11-21_13:10_hourly"],
        [],
    ]


def test_a_host_without_zone_data_is_in_utc(box: Box) -> None:
    box.pool("a")
    box.clock("2026-11-21 10:00:05")
    try:
        box.sh("mv /etc/localtime /etc/localtime.away; mv /usr/share/zoneinfo /usr/share/zoneinfo.away")
        result = box.snapshot({"tank/a": "high"}, interval="hourly", before="unset TZ;")
        assert without_seconds(result["created"]) == ["tank/a@autosnap_2026-11-21_10:00_hourly"]
        assert "warnings" not in result
        box.clock("2026-11-21 11:00:05")
        result = box.snapshot({"tank/a": "high"}, interval="hourly", before="TZ=Europe/Berlin")
        assert without_seconds(result["created"]) == ["tank/a@autosnap_2026-11-21_11:00_hourly"]
        assert "periods and names are in UTC: TZ=Europe/Berlin" in result["warnings"][0]
    finally:
        box.sh("mv /etc/localtime.away /etc/localtime; mv /usr/share/zoneinfo.away /usr/share/zoneinfo")


def test_nothing_new_nothing_young_and_more_than_allowed(box: Box) -> None:
    box.pool("a", "b")
    box.clock("2026-11-21 10:00:05")
    both = {"tank/a": "high", "tank/b": "high"}
    assert len(box.snapshot(both, interval="hourly")["created"]) == 2
    box.clock("2026-11-21 11:00:05")
    box.sh("echo new >/tank/a/file; sync -f /tank/a/file; zpool sync tank")
    result = box.snapshot(both, interval="hourly", skip_unchanged=True)
    assert without_seconds(result["created"]) == ["tank/a@autosnap_2026-11-21_11:00_hourly"]
    assert result["left_out"] == [{"dataset": "tank/b", "code": "unchanged", "reason": "nothing was written since its newest snapshot"}]
    box.clock("2026-11-21 12:00:05")
    box.snapshot(both, interval="hourly")
    one = {"high": {"hourly": 1}}
    assert without_seconds(box.prune(both, policies=one, keep_within="90m", _ansible_check_mode=True)["destroyed"]) == [
        f"tank/{d}@autosnap_2026-11-21_10:00_hourly" for d in "ab"
    ]
    result = box.prune(both, policies=one, max_destroy="50%")
    assert without_seconds(result["destroyed"]) == ["tank/b@autosnap_2026-11-21_10:00_hourly"]
    assert "tank/a: 2 of its 3 snapshots would be destroyed, more than max_destroy=50% allows" in result["msg"]


# --- replication ---


def test_what_another_host_took_gets_no_snapshot_and_is_pruned_by_arrival(box: Box) -> None:
    box.pool("own", "moved/below", "held/client/tank/data")
    # A value may hold anything: only where it is set is asked.
    box.sh(r"""zfs set ferro.zfs:replica="$(printf -- '-\n-\ttank/own\tlocal')" tank/moved""")
    box.sh("zfs set ferro.zfs:placeholder=tank/held/client tank/held/client")
    replicas = ["tank/held/client", "tank/held/client/tank", "tank/held/client/tank/data", "tank/moved", "tank/moved/below"]
    result = box.snapshot({"tank": "high+"}, interval="hourly")
    assert not result.get("failed")
    assert [name.partition("@")[0] for name in result["created"]] == ["tank", "tank/held", "tank/own"]
    assert [entry["dataset"] for entry in result["left_out"]] == replicas
    assert "no snapshots were taken of 5 that hold what another host took (tank/held/client, " in result["warnings"][0]
    listed_one = box.snapshot({"tank/moved/below": "high"}, interval="daily")
    assert listed_one["created"] == [] and "tank/moved/below: it holds what another host took" in listed_one["msg"]
    hours = [f"autosnap_2026-01-01_{hour:02}:00:00_hourly" for hour in range(4)]
    box.sh(f"for n in {' '.join(hours)}; do zfs snapshot -r tank@$n; done")
    result = box.prune({"tank": "one+"}, policies={"one": {"hourly": 1}}, _ansible_verbosity=1)
    assert {name.partition("@")[0] for name in result["destroyed"]} == {"tank", "tank/held", "tank/own"}
    kept = [entry for entry in result["kept"] if entry["snapshot"].partition("@")[0] in replicas]
    assert [entry["reasons"] for entry in kept] == [["recent_arrival"]] * 3 + [["newest", "retained"]] + (
        [["recent_arrival"]] * 3 + [["newest", "retained"]]
    ) * 4
    # Once it is said to be this host's own it is treated so.
    box.sh("zfs inherit ferro.zfs:replica tank/moved")
    assert len(box.snapshot({"tank/moved": "high+"}, interval="daily")["created"]) == 2
    assert len(box.prune({"tank/moved": "one+"}, policies={"one": {"hourly": 1}})["destroyed"]) == 6


def test_pruning_never_breaks_replication(box: Box) -> None:
    box.pool("a")
    box.pool(name="vault")
    source, target = {"tank/a": "one"}, {"vault/tank/a": "one"}
    one = {"one": {"hourly": 1}}

    def take(hours: range) -> None:
        names = [f"autosnap_2026-01-01_{hour:02}:00:00_hourly" for hour in hours]
        box.sh(f"for n in {' '.join(names)}; do echo $n >/tank/a/file; zfs snapshot tank/a@$n; done")

    def replicate() -> str:
        result = box.module("zfs_replicate", {"source": ["tank/a"], "target": "vault"})
        assert not result.get("failed"), result["msg"]
        action: str = result["datasets"][0]["action"]
        return action

    take(range(4))
    result = box.prune(source, policies=one, keep_unreplicated=True, _ansible_verbosity=1)
    assert (result["destroyed"], result["kept"][0]["reasons"]) == ([], ["unreplicated"])
    assert replicate() == "full"
    take(range(4, 8))
    result = box.prune(source, policies=one, keep_unreplicated=True, _ansible_verbosity=1)
    assert [name[-15:-13] for name in result["destroyed"]] == ["00", "01", "02"]
    assert result["kept"][0]["reasons"] == ["replication_base"]
    # What has only just come stays there, whatever its name says.
    assert box.prune(target, policies=one, replicas=["vault"])["destroyed"] == []
    assert len(box.prune(target, policies=one, replicas=["vault"], trust_dates=True, before="date -s '+1 day' >/dev/null;")["destroyed"]) == 3
    assert replicate() == "incremental"
    # Without the option what was not replicated may go, but the two sides stay together.
    take(range(8, 12))
    # Of 03 to 11 the base 07 and the newest stay.
    assert len(box.prune(source, policies=one)["destroyed"]) == 7
    assert replicate() == "incremental"
    assert box.sh("zfs list -Ho guid -t snapshot tank/a | tail -n 1") == box.sh("zfs list -Ho guid -t snapshot vault/tank/a | tail -n 1")


# --- scale ---


def test_commands_do_not_grow_with_200_datasets(box: Box) -> None:
    box.pool()
    box.sh("for n in $(seq 199); do echo tank/d$n; done | xargs -P 2 -n 1 zfs create")
    for hour in range(20):
        box.sh(f"zfs snapshot -r tank@autosnap_2026-01-01_{hour:02}:00:00_hourly")
    box.clock("2026-01-01 20:00:05")

    def timed(what: str, module: Callable[..., Result], **args: Any) -> Result:
        began = time.monotonic()
        result = module({"tank": "high+"}, _ansible_verbosity=3, **args)
        print(f"{what}: {time.monotonic() - began:.2f} s, {len(result['commands'])} commands")
        return result

    took = timed("take", box.snapshot, interval="hourly")
    assert (took["summary"]["created"], len(took["commands"])) == (200, 3)
    plan = timed("plan to prune", box.prune, _ansible_check_mode=True)
    assert (plan["changed"], len(plan["commands"])) == (False, 1)
    pruned = timed("prune", box.prune, policies={"high": {"hourly": 10}})
    assert (pruned["summary"]["destroyed"], pruned["summary"]["kept"]) == (200 * 11, 200 * 10)
    assert len(pruned["commands"]) == 3 + 2
