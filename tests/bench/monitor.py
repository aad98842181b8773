"""zfs_monitor beside 500 datasets: how long a scrape takes, a fresh one and a kept one, and what it occupies when idle."""

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

BINARY = ROOT / "plugins/module_utils/_native/zfs_monitor_x86_64"
URL = "http://10.99.0.1:10134"


def seconds(lab: Lab, path: str) -> float:
    """From the first byte to the last, as a scraper sees it."""
    done = lab.exec(["curl", "-sS", "-o", "/dev/null", "-w", "%{time_total}", URL + path], capture_output=True, text=True, check=True)
    return float(done.stdout)


def forks(lab: Lab) -> int:
    """How many processes the host has started since it booted."""
    return int(lab.run("source", "grep ^processes /proc/stat").stdout.split()[1])


def fill(lab: Lab, datasets: int, snapshots: int) -> None:
    begin = time.monotonic()
    script = f"zpool create tank /dev/ubdb; for i in $(seq {datasets - 1}); do zfs create -o canmount=off tank/$i; done"
    lab.run("source", script, timeout=3600)
    for number in range(snapshots):
        lab.run("source", f"zfs snapshot -r tank@autosnap_2026-01-{1 + number // 24:02}_{number % 24:02}:00:00_hourly", timeout=600)
    print(f"{datasets} datasets with {snapshots} snapshots each, made in {time.monotonic() - begin:.0f} s")


def info(lab: Lab) -> None:
    """The same, asked once by hand."""
    lab.copy("source", BINARY.with_name("zfs_info_x86_64"), "/usr/local/bin/zfs_info")
    begin = time.monotonic()
    watch = "while kill -0 $p 2>/dev/null; do grep VmHWM /proc/$p/status >/run/now 2>/dev/null && mv /run/now /run/most; sleep 0.05; done"
    lab.run("source", f"echo '{{}}' >/run/info.json; zfs_info --text /run/info.json >/run/told & p=$!; {watch}; ls -l /run/told", timeout=600)
    took = time.monotonic() - begin
    most = int(lab.run("source", "cat /run/most").stdout.split()[1])
    print(f"zfs_info: {took:.1f} s, at most {most / 1024:.1f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=500)
    parser.add_argument("--snapshots", type=int, default=1, help="of each")
    options = parser.parse_args()
    with Lab(f"bench-{os.getpid()}") as lab:
        lab.copy("source", BINARY, "/usr/local/bin/zfs_monitor")
        fill(lab, options.datasets, options.snapshots)
        info(lab)
        lab.run(
            "source",
            f"echo '{json.dumps({'listen': ['0.0.0.0:10134']})}' > /run/monitor.json; (setsid zfs_monitor /run/monitor.json </dev/null >/run/log 2>&1 &)",
        )
        begin = time.monotonic()
        while lab.exec(["curl", "-sf", "-o", "/dev/null", URL + "/-/ready"]).returncode:
            time.sleep(0.5)
        print(f"ready after {time.monotonic() - begin:.1f} s")
        # What is kept is put together anew after five seconds.
        fresh, kept = [], []
        for _ in range(5):
            time.sleep(6)
            fresh.append(seconds(lab, "/metrics"))
            kept.append(seconds(lab, "/metrics"))
        print(
            f"{options.datasets} datasets: a scrape takes {1000 * statistics.median(fresh):.1f} ms, one of the same five seconds {1000 * statistics.median(kept):.1f} ms"
        )
        before = forks(lab)
        one = forks(lab) - before
        for _ in range(100):
            seconds(lab, "/metrics")
        print(f"100 scrapes: {forks(lab) - before - 2 * one} processes started")
        memory = lab.run("source", "grep -E 'VmRSS|VmHWM' /proc/$(pgrep -x zfs_monitor)/status").stdout.split()
        print(f"resident: {int(memory[4]) / 1024:.1f} MiB, at most {int(memory[1]) / 1024:.1f} MiB")


if __name__ == "__main__":
    main()
