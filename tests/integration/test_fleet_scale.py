"""site.yml and a replication play on several lightweight hosts, one of them broken: a small version of tests/bench/fleet.py."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from zfs_hosts import ROOT

sys.path.insert(0, str(ROOT / "tests/fleet"))

from at_scale import PULLED, REPLICATION, Fleet
from light_hosts import CannotStart, LightHosts, refuse_where_impossible

CLIENTS = 4


@pytest.fixture(scope="module")
def fleet(collections: Path) -> Iterator[Fleet]:
    try:
        refuse_where_impossible()
    except CannotStart as reason:
        pytest.skip(str(reason))
    with LightHosts(Fleet.names(CLIENTS)) as hosts:
        yield Fleet(hosts, collections, forks=10, programs=ROOT / ".venv/bin")


def test_a_broken_host_is_reported_and_does_not_stop_the_others(fleet: Fleet) -> None:
    fleet.break_some(1)
    site, _ = fleet.playbook("ferro.zfs.site")
    assert fleet.wrong(site) == [], site.output
    assert set(site.recap) == set(fleet.hosts.names)
    again, _ = fleet.playbook("ferro.zfs.site")
    assert fleet.wrong(again) == [], again.output
    assert {name: tasks for name, tasks in again.changed.items() if tasks} == {}
    pulls, _ = fleet.playbook([REPLICATION])
    assert fleet.wrong(pulls) == [], pulls.output
    assert fleet.arrived() == {name: len(PULLED) if name in fleet.whole else 0 for name in fleet.clients}


def test_what_is_changed_by_hand_on_the_server_is_put_right(fleet: Fleet) -> None:
    """The role compares what it has written with one look: by content, mode and owner, and by whether timers run."""
    job, other = (f"/etc/ferro-zfs/pull/{name}.json" for name in fleet.whole[:2])
    timer = f"/etc/systemd/system/ferro-zfs-pull@{fleet.whole[2]}.timer"
    fleet.hosts.run("backup", f"echo >>{job}; chmod 600 {other}; systemctl stop {Path(timer).name}; sed -i s/OnCalendar=.*/OnCalendar=daily/ {timer}")
    play, _ = fleet.playbook("ferro.zfs.site", "--limit", "backup")
    assert [task.rpartition(" : ")[2] for task in play.changed["backup"]] == ["Install job options", "Install timers", "Enable timers"]
    assert fleet.hosts.run("backup", f"stat -c %a {other}; grep -c daily {timer} || true; systemctl is-active {Path(timer).name}").split() == [
        "644",
        "0",
        "active",
    ]
    items = {r.result["item"] for r in play.records if r.outcome == "item" and r.task.endswith("Install job options") and r.result.get("changed")}
    assert items == {f"pull@{name}" for name in fleet.whole[:2]}


def test_nothing_is_left_of_hosts_that_end_however(fleet: Fleet) -> None:
    """Neither with their program killed: the machine is as before, but for the folder in /tmp."""
    program = "import sys; sys.path.insert(0, sys.argv[1]); from light_hosts import LightHosts; h = LightHosts(['gone']).__enter__(); print(h.scratch, h._init, flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", program, str(ROOT / "tests/fleet")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    scratch, init = process.stdout.readline().split()
    inside = subprocess.run(["nsenter", "--target", init, "--pid", "--mount", "pgrep", "-c", "sshd"], capture_output=True, text=True, check=False)
    assert inside.stdout == "1\n"
    namespace = Path(f"/proc/{init}/ns/pid").readlink()
    process.kill()
    process.wait()
    for _ in range(100):
        if not Path(f"/proc/{init}").exists():
            break
        subprocess.run(["sleep", "0.05"], check=True)
    for path in Path("/proc").glob("[0-9]*/ns/pid"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            assert path.readlink() != namespace
    assert scratch not in Path("/proc/mounts").read_text(encoding="ascii")
    subprocess.run(["rm", "-r", scratch], check=True)
