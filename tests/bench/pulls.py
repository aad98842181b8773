#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hundred clients whose timers fire in the same second, and one backup server that pulls from eight at a time; one more client sits behind a slow line.

The healthy clients are datasets of one host of the lab, so that the client's part is one host's, too: what counts is the server's. `make dist` before.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))

from lab import Lab  # noqa: E402

BINARY = ROOT / "plugins/module_utils/_native/zfs_replicate_x86_64"
SLOW_MBIT = 2
SLOW_MEGABYTES = 10

# What each job leaves: when it ended, and how.
JOB = """#!/bin/sh
zfs_replicate --quiet "/run/jobs/$1.json" >"/run/out/$1" 2>&1; rc=$?
read -r up rest </proc/uptime; echo "$1 $up $rc" >>/run/ended
"""
# Resident memory of all runs, waiting ones among them, and of their ssh, and how many of those there are.
WATCH = """#!/bin/sh
while [ ! -e /run/stop ]; do
  all=0; ssh=0
  for p in $(pgrep -x zfs_replicate) $(pgrep -x ssh); do
    read -r name </proc/$p/comm 2>/dev/null || continue; [ "$name" = ssh ] && ssh=$((ssh+1))
    kib=$(sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$p/status 2>/dev/null); all=$((all+${kib:-0}))
  done; echo "$all $ssh"; sleep 0.5
done >/run/watched
"""


class Server:
    """The backup server, and its jobs."""

    def __init__(self, lab: Lab, clients: int, runs: int) -> None:
        self.lab = lab
        self.names = [f"c{number:03}" for number in range(clients)]
        lab.copy("backup", BINARY, "/usr/local/bin/zfs_replicate")
        lab.run("backup", "truncate -s 3G /big/vault; zpool create -O canmount=off vault /big/vault; mkdir -p /run/jobs")
        for path, text in (("/usr/local/bin/job", JOB), ("/usr/local/bin/watch-jobs", WATCH)):
            lab.run("backup", f"cat >{path}; chmod +x {path}", input=text)
        turns = {"concurrency": {"folder": "/run/turns", "runs": runs}}
        jobs = {name: {"source_host": "root@source", "source": f"tank/{name}", "target": f"vault/{name}", **turns} for name in self.names}
        jobs["slow"] = {"source_host": "root@offsite", "source": "tank/slow", "target": "vault/slow", **turns}
        for name, options in jobs.items():
            lab.run("backup", f"cat >/run/jobs/{name}.json", input=json.dumps(options))
        lab.run("backup", f"for d in {' '.join(jobs)}; do zfs create vault/$d; done", timeout=600)
        datasets = " ".join(f"tank/{name}" for name in self.names)
        lab.run("source", f"truncate -s 2G /big/tank; zpool create tank /big/tank; for d in {datasets}; do zfs create $d; done", timeout=600)
        lab.run("offsite", "truncate -s 500M /big/tank; zpool create tank /big/tank; zfs create tank/slow")
        lab.shape_line("offsite", mbit=SLOW_MBIT)

    def write(self, number: int) -> None:
        """Something new on each client, and a snapshot."""
        each = "for d in /tank/c*; do head -c 200K /dev/urandom >$d/f; done"
        self.lab.run("source", f"{each}; zfs snapshot -r tank@s{number}", timeout=600)
        self.lab.run("offsite", f"head -c {SLOW_MEGABYTES}M /dev/urandom >/tank/slow/f; zfs snapshot tank/slow@s{number}")

    def pull(self) -> str:
        """All jobs in one second, the slow one first."""
        script = 'rm -rf /run/ended /run/stop /run/out; mkdir /run/out; read -r up rest </proc/uptime; watch-jobs & for j in slow {}; do job $j & jobs="$jobs $!"; done; wait $jobs; touch /run/stop; wait; echo $up'
        begun = float(self.lab.run("backup", script.format(" ".join(self.names)), timeout=1200).stdout.split()[-1])
        ended = [line.split() for line in self.lab.run("backup", "cat /run/ended").stdout.splitlines()]
        failed = [name for name, _when, rc in ended if rc != "0"]
        assert not failed, self.lab.run("backup", f"cat /run/out/{failed[0]}").stdout
        took = {name: float(when) - begun for name, when, _rc in ended}
        healthy = [seconds for name, seconds in took.items() if name != "slow"]
        watched = [[int(word) for word in line.split()] for line in self.lab.run("backup", "cat /run/watched").stdout.splitlines()]
        memory, ssh = (max(column) for column in zip(*watched, strict=True))
        return (
            f"{len(healthy)} healthy clients done after {max(healthy):.1f} s (median {statistics.median(healthy):.1f}), the slow one after {took['slow']:.1f} s; "
            f"at most {ssh} connections and {memory / 1024:.0f} MiB at once"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--runs", type=int, default=8, help="how many pulls go on at once")
    options = parser.parse_args()
    with Lab(f"bench-{os.getpid()}", image="peers", memory="3G") as lab:
        server = Server(lab, options.clients, options.runs)
        server.write(1)
        print(f"first time: {server.pull()}", flush=True)
        print(f"nothing to do: {server.pull()}", flush=True)
        server.write(2)
        print(f"one new snapshot each: {server.pull()}", flush=True)


if __name__ == "__main__":
    begin = time.monotonic()
    main()
    print(f"in all {time.monotonic() - begin:.0f} s")
