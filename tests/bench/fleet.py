#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet: ferro.zfs.site twice and a replication play, on many lightweight hosts of which some are broken.

Real sshd, fake zfs: it is the controller and the roles that are measured. Fails unless each broken host is reported with its
reason, all others are as they should be, and the second run changes nothing on them. Needs root; `make dist` before.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/fleet"))

from at_scale import PULLED, REPLICATION, Cost, Fleet, Play, reasons  # noqa: E402
from light_hosts import LightHosts  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=50, help="clients; a backup server and an offsite host come on top")
    parser.add_argument("--down", type=int, default=5, help="how many of the clients are broken")
    parser.add_argument("--forks", type=int, default=25)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    archive = max((ROOT / "dist").glob("ferro-zfs-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    with LightHosts(Fleet.names(options.hosts)) as hosts:
        programs = Path(sys.executable).parent
        galaxy = [programs / "ansible-galaxy", "collection", "install", archive, "-p", hosts.scratch / "collections", "--offline"]
        subprocess.run(galaxy, check=True, capture_output=True)
        fleet = Fleet(hosts, hosts.scratch / "collections", options.forks, programs)
        fleet.break_some(options.down)
        for title, playbook in {
            "ferro.zfs.site, first run": "ferro.zfs.site",
            "ferro.zfs.site, second run": "ferro.zfs.site",
            "snapshots and pulls": [REPLICATION],
            "snapshots and pulls again": [REPLICATION],
        }.items():
            play, cost = fleet.playbook(playbook)
            report(title, fleet, play, cost)
            changed = {name: tasks for name, tasks in play.changed.items() if tasks and name not in fleet.broken}
            if ("second" in title or "again" in title) and changed:
                sys.exit(f"changed again: {changed}")
        arrived = fleet.arrived()
        if any(arrived[name] != (len(PULLED) if name in fleet.whole else 0) for name in fleet.clients):
            sys.exit(f"datasets that arrived: {arrived}")


def report(title: str, fleet: Fleet, play: Play, cost: Cost) -> None:
    print(f"{title}: {cost}", flush=True)
    said = reasons(play)
    for name, how in fleet.broken.items():
        print(f"  {name}, where {how}: {play.recap.get(name)} {said.get(name, 'nothing')[:300]}")
    print(f"  others: {sum(not row['failed'] + row['unreachable'] for row in play.recap.values())} ok", flush=True)
    if wrong := fleet.wrong(play):
        print(play.output[-20000:])
        sys.exit("not as it should be:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
