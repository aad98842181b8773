"""Nothing to do where there are many snapshots: zfs_replicate beside the listings of datasets and of snapshots, both sides each. Ratios of one run,
medians of alternating turns."""

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
OURS = f"echo '{json.dumps({'source': 'tank/d', 'target': 'vault', 'target_host': 'root@backup'})}' | zfs_replicate --json - 2>/dev/null >/run/result"
LISTINGS = {
    "listings of datasets": "zfs list -Hp -o name,guid,snapshots_changed -r",
    "listings of snapshots": "zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg -r",
}


def fill(lab: Lab, datasets: int, snapshots: int) -> None:
    """That many datasets below tank/d, with snapshots of which all but one are empty, and their replicas."""
    for host, pool in (("source", "tank"), ("backup", "vault")):
        lab.copy(host, BINARY, "/usr/local/bin/zfs_replicate")
        lab.run(host, f"truncate -s 8G /big/{pool}; zpool create -O canmount=noauto {pool} /big/{pool}")
    lab.run("source", f"zfs create tank/d; for i in $(seq {datasets - 1}); do zfs create tank/d/$i; done", timeout=3000)
    lab.run("source", f"for i in $(seq {snapshots}); do zfs snapshot -r tank/d@s$i; done", timeout=3000)
    lab.run("source", OURS, timeout=6000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=50)
    parser.add_argument("--snapshots", type=int, default=100)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    commands = {name: f"{{ {of} tank/d; ssh root@backup {of} vault; }} >/run/listing" for name, of in LISTINGS.items()}
    commands["zfs_replicate"] = OURS
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with Lab(f"bench-{os.getpid()}", memory="4G") as lab:
        fill(lab, options.datasets, options.snapshots)
        for _ in range(options.turns):
            for name, command in commands.items():
                begin = time.monotonic()
                lab.run("source", command, timeout=600)
                seconds[name].append(time.monotonic() - begin)
        result = json.loads(lab.run("source", "cat /run/result").stdout)
    assert not result["changed"], result["msg"]
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    print(f"{options.datasets} datasets x {options.snapshots} snapshots, over ssh, nothing to do:")
    for name, median in medians.items():
        turns = " ".join(f"{each:.2f}" for each in seconds[name])
        print(f"  {name:22} {median:6.2f} s   {median / medians['listings of snapshots']:4.2f} of the listings of snapshots   (turns: {turns})")


if __name__ == "__main__":
    main()
