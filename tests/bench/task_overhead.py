#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task costs before it does anything: zfs_replicate beside ansible.builtin.ping, over a private sshd on 127.0.0.1.

A play with N+1 equal tasks minus one with 1, divided by N; the cases take turns, and the median counts.
Run it with the Python of the Ansible that is to be measured; `make dist` before.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from controller.controller import Controller  # noqa: E402
from controller.hosts import Sshd  # noqa: E402

# The binary reads its arguments, refuses one, and prints its result: all but the work.
REPLICATE = "- ferro.zfs.zfs_replicate: {source: tank, target: backup, retries: -1}\n"
PING = "- ansible.builtin.ping:\n"
CASES = {
    "zfs_replicate": (REPLICATE, {}),
    "ping": (PING, {}),
    "ping, pipelining": (PING, {"ANSIBLE_PIPELINING": "true"}),
    "raw: true (floor)": ("- ansible.builtin.raw: 'true'\n", {}),
}


def seconds(controller: Controller, host: str, task: str, count: int, environment: dict[str, str]) -> float:
    """How long a play with that many tasks takes."""
    start = time.monotonic()
    run = controller.play(host, task * count, **environment)
    took = time.monotonic() - start
    assert len(run.records) == count, run.output
    return took


def measure(controller: Controller, host: str, repeat: int, count: int) -> dict[str, float]:
    """Seconds per task of each case."""
    per_task: dict[str, list[float]] = {name: [] for name in CASES}
    for _round in range(repeat):
        for name, (task, environment) in CASES.items():
            one = seconds(controller, host, task, 1, environment)
            many = seconds(controller, host, task, count + 1, environment)
            per_task[name].append((many - one) / count)
    return {name: statistics.median(values) for name, values in per_task.items()}


def of_a_loop(controller: Controller, host: str, task: str, count: int, environment: dict[str, str]) -> float:
    """Seconds for each item of a task that goes round so many times."""
    start = time.monotonic()
    run = controller.play(host, f"{task.rstrip()}\n  loop: '{{{{ range({count}) | list }}}}'\n", **environment)
    took = time.monotonic() - start
    # Each item has a record, and the whole.
    assert len(run.records) == count + 1, run.output
    return took / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--loop", type=int, default=200, help="how often one task goes round; 0 for not at all")
    options = parser.parse_args()
    archive = max((ROOT / "dist").glob("ferro-zfs-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    scratch = Path(tempfile.mkdtemp(prefix="fz-"))
    (scratch / "sshd").mkdir()
    sshd = Sshd(scratch / "sshd")
    try:
        controller = Controller(Path(sys.executable).parent, scratch / "controller", python=sys.executable)
        controller.install(archive)
        controller.inventory.append(sshd.add("ssh"))
        for host in ("ssh", "local"):
            # The connection, and the binary in the cache.
            controller.play(host, REPLICATE)
            took = measure(controller, host, options.repeat, options.tasks)
            for name, value in took.items():
                print(f"{host:6} {name:20} {value * 1000:6.0f} ms", flush=True)
            for name in ("ping", "ping, pipelining"):
                print(f"{host:6} zfs_replicate / {name}: {took['zfs_replicate'] / took[name]:.2f}", flush=True)
            for name, (task, environment) in CASES.items() if options.loop else ():
                each = of_a_loop(controller, host, task, options.loop, environment)
                print(f"{host:6} {name:20} {each * 1000:6.0f} ms for each of {options.loop} in a loop", flush=True)
    finally:
        sshd.stop()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
