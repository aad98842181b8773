"""zfs_replicate on every small history that source and target can have, on real ZFS: what it plans, does, refuses and leaves alone is
compared with an oracle (histories.py), and what it refuses is tried without it: the kernel has to refuse it too.

`make test` takes all histories of up to two snapshots with the default options, and some of each kind with more snapshots and with other
options (FERRO_HISTORIES_SEED=n takes others). FERRO_HISTORIES=2 takes all of up to two snapshots with all options, 3 of up to three, and so on.
"""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from histories import EXTRAS, History, Options, expected, histories
from histories_built import OPTIONS, Case, World
from zfs_hosts import Hosts

MOST = int(os.environ.get("FERRO_HISTORIES", "0"))
SEED = int(os.environ.get("FERRO_HISTORIES_SEED", "1"))

# These come to the same as another history that is among them: some of each are enough.
LIKE_PLAIN = ("placeholder", "placeholder above", "clone", "promoted", "moved")


def chosen(name: str, options: Options) -> list[History]:
    """The histories that are tried with these options."""
    if MOST:
        found = list(histories(MOST, "all" if MOST < 4 else "few"))
    else:
        # All of up to two snapshots with the default; of everything else some of each kind.
        # What `zfs promote` takes away is tried by the long run (FERRO_HISTORIES) and the walk.
        small, large = ([one for one in all_of_them if one.extra != "promoted"] for all_of_them in (histories(2), histories(3, "few")))
        plain = [history for history in small if history.extra not in LIKE_PLAIN] + sample(small, name, 6, LIKE_PLAIN)
        found = (plain if name == "default" else sample(small, name, 1)) + sample(large, name, 3 if name == "default" else 1)
    if options.encrypted:
        # Without the key nothing can be written there, and a raw stream does not go past a snapshot
        # of the target's own.
        found = [history for history in found if not any(word in history.extra for word in ("data", "written", "early"))]
    if options.volume:
        # Nothing is written to it here, and nothing lies below it.
        found = [history for history in found if not any(word in history.extra for word in ("data", "written", "above"))]
    return list(dict.fromkeys(found))


def sample(all_of_them: list[History], name: str, of_each: int, kinds: tuple[str, ...] = EXTRAS) -> list[History]:
    """Some with each kind of life that a target may have had of its own."""
    chance = random.Random(f"{SEED} {name}")
    of_kinds = [[history for history in all_of_them if history.extra == extra] for extra in kinds]
    return [history for kind in of_kinds for history in chance.sample(kind, min(of_each, len(kind)))]


def shape(report: dict[str, Any]) -> tuple[Any, ...]:
    """What a plan and what was done have in common."""
    steps = [(step["kind"], step["from"], step["to"]) for step in report["steps"]]
    rolled_back = report.get("rolled_back")
    return (report["action"], report["snapshots"], report["from"], report["to"], steps, rolled_back)


def test_every_small_history(hosts: Hosts) -> None:
    """On two hosts, because there are two processors."""
    found = [(name, history) for name, options in OPTIONS.items() for history in chosen(name, options)]
    parts = [found[start : start + 800] for start in range(0, len(found), 800)] if MOST else [found[::2], found[1::2]]
    free = ["source", "backup"]

    def tried(part: list[tuple[str, History]]) -> list[str]:
        host = free.pop()
        try:
            return try_all(hosts, host, part)
        finally:
            free.append(host)

    with ThreadPoolExecutor(len(free)) as pool:
        problems = [problem for problems in pool.map(tried, parts) for problem in problems]
    print(f"{len(found)} histories")
    assert problems == [], "\n".join(["", *problems])


def try_all(hosts: Hosts, host: str, part: list[tuple[str, History]]) -> list[str]:
    """What is not as expected."""
    cases = [Case(number, name, history, expected(history, OPTIONS[name])) for number, (name, history) in enumerate(part)]
    hosts.lab.reset(host)
    world = World(hosts, host, cases)
    world.build()
    return [f"{case.options}: {case.history}: {problem}" for case, problem in compare(world)]


def compare(world: World) -> list[tuple[Case, str]]:
    problems = []
    before = {case.target: world.there(case.target) for case in world.cases}
    for case in world.cases:
        there = case.history.target()
        if before[case.target] != tuple(version.identity for version in (there.snapshots if there else ())):
            problems.append((case, f"the test did not build what it meant to: {before[case.target]}"))
    below = {case.number: world.snapshots("target").get(f"{case.target}/child") for case in world.cases}
    planned = world.replicate(_ansible_check_mode=True)
    done = world.replicate()
    again = world.replicate()
    for case in world.cases:
        reports = [reports[case.target] for reports in (planned, done, again)]
        problems += [(case, problem) for problem in judge(world, case, *reports)]
        if below[case.number] != world.snapshots("target").get(f"{case.target}/child"):
            problems.append((case, "what lies below it is not what it was"))
    return problems + [(case, problem) for case, problem in tried_without(world)]


def judge(world: World, case: Case, planned: dict[str, Any], done: dict[str, Any], again: dict[str, Any]) -> list[str]:
    """What is wrong with one case."""
    want, problems = case.expected, []

    def check(what: str, found: Any, wanted: Any) -> None:
        if found != wanted:
            problems.append(f"{what} is {found}, expected {wanted}; {done.get('error')}")

    refused = want.verdict == "refused"
    check("the plan's verdict", "refused" if planned["status"] == "failed" else planned["action"], want.verdict)
    check("the verdict", "refused" if done["status"] == "failed" else done["action"], want.verdict)
    if not refused and "failed" not in (planned["status"], done["status"]):
        check("what was done", shape(done), shape(planned))
        check("the number of streams", len(done["steps"]), want.streams)
        check("what was rolled back", tuple((done.get("rolled_back") or {}).get("destroyed", ())), want.lost)
    check("the target", world.there(case.target), want.target)
    aside = done.get("set_aside")
    check("what was set aside", world.there(aside["name"]) if aside else (), want.set_aside)
    if refused:
        check("the second run", again.get("error"), done.get("error"))
    else:
        check("the second run", again.get("action"), "no_snapshots" if want.verdict == "no_snapshots" else "up_to_date")
    return problems


def tried_without(world: World) -> list[tuple[Case, str]]:
    """Sends what was refused with `zfs send | zfs receive`, by the shortest way. Who is not told what the kernel takes had no reason to refuse it."""
    lines = []
    for case in world.cases:
        want, sent = case.expected, {version.identity: version for version in case.history.source()}
        if want.verdict != "refused":
            continue
        base = sent.get(want.base or "")
        # Of both, the snapshot comes last.
        start = f"'{'#' if base.bookmark else '@'}{base.name}'" if base else ""
        raw, streams = "-w" if case.made.encrypted else "", []
        for name in want.wanted:
            streams.append(f"zfs send {raw} {f'-i {start}' if start else ''} {case.source}@{name} | zfs receive -u {case.target} 2>/dev/null")
            start = f"@{name}"
        lines.append(f"if {' && '.join(streams)}; then echo {case.number}; fi")
    taken = {int(number) for number in world.sh("set +e\n" + "\n".join(lines) + "\ntrue").split()}
    return [(case, "it was refused, but the kernel takes it") for case in world.cases if case.number in taken]
