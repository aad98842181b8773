"""Nothing to do where there are many snapshots: zfs_replicate, which lists both sides at once, beside the listings that it needs, of each side.
Medians of alternating turns of one run."""

import argparse
import json
import os
import statistics
import time

from datasets import BINARY, LISTING, OURS, Lab

DATASETS = "zfs list -Hp -o name,guid,snapshots_changed -r"
OPTIONS = json.dumps({"source": "tank/d", "target": "vault", "target_host": "root@backup"})
COMMANDS = {
    "datasets of the source": f"{DATASETS} tank/d >/run/listing",
    "datasets of the target": f"ssh root@backup {DATASETS} vault/tank/d >/run/listing",
    "snapshots of the source": f"{LISTING} tank/d >/run/listing",
    "snapshots of the target": f"ssh root@backup {LISTING} vault/tank/d >/run/listing",
    OURS: f"echo '{OPTIONS}' | zfs_replicate --json - 2>/dev/null >/run/result",
}


def fill(lab: Lab, datasets: int, snapshots: int) -> None:
    """That many datasets below tank/d, with so many snapshots each, all of them empty, and their replicas."""
    for host, pool in (("source", "tank"), ("backup", "vault")):
        lab.copy(host, BINARY, "/usr/local/bin/zfs_replicate")
        lab.run(host, f"truncate -s 8G /big/{pool}; zpool create -O canmount=noauto {pool} /big/{pool}")
    lab.run("source", f"zfs create tank/d; for i in $(seq {datasets - 1}); do zfs create tank/d/$i; done", timeout=3000)
    lab.run("source", f"for i in $(seq {snapshots}); do zfs snapshot -r tank/d@s$i; done", timeout=3000)
    lab.run("source", COMMANDS[OURS], timeout=6000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=50)
    parser.add_argument("--snapshots", type=int, default=100)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with Lab(f"bench-{os.getpid()}", memory="4G") as lab:
        fill(lab, options.datasets, options.snapshots)
        for _ in range(options.turns):
            for name, command in COMMANDS.items():
                begin = time.monotonic()
                lab.run("source", command, timeout=600)
                seconds[name].append(time.monotonic() - begin)
        result = json.loads(lab.run("source", "cat /run/result").stdout)
    assert not result["changed"], result["msg"]
    print(f"{options.datasets} datasets x {options.snapshots} snapshots, over ssh, nothing to do:")
    for name, each in seconds.items():
        print(f"  {name:24} {statistics.median(each):6.2f} s   (turns: {' '.join(f'{turn:.2f}' for turn in each)})")


if __name__ == "__main__":
    main()
