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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=500)
    options = parser.parse_args()
    with Lab(f"bench-{os.getpid()}") as lab:
        lab.copy("source", BINARY, "/usr/local/bin/zfs_monitor")
        lab.run(
            "source",
            f"zpool create tank /dev/ubdb; for i in $(seq {options.datasets - 1}); do zfs create tank/$i; done; zfs snapshot -r tank@a",
            timeout=600,
        )
        lab.run(
            "source",
            f"echo '{json.dumps({'listen': ['0.0.0.0:10134']})}' > /run/monitor.json; (setsid zfs_monitor /run/monitor.json </dev/null >/run/log 2>&1 &)",
        )
        while lab.exec(["curl", "-sf", "-o", "/dev/null", URL + "/-/ready"]).returncode:
            time.sleep(0.5)
        # What is kept is put together anew after five seconds.
        fresh, kept = [], []
        for _ in range(5):
            time.sleep(6)
            fresh.append(seconds(lab, "/metrics"))
            kept.append(seconds(lab, "/metrics"))
        print(
            f"{options.datasets} datasets: a scrape takes {1000 * statistics.median(fresh):.1f} ms, one of the same five seconds {1000 * statistics.median(kept):.1f} ms"
        )
        resident = lab.run("source", "grep VmRSS /proc/$(pgrep -x zfs_monitor)/status").stdout.split()[1]
        print(f"resident: {int(resident) / 1024:.1f} MiB")


if __name__ == "__main__":
    main()
