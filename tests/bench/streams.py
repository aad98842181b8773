"""One stream, of several sizes, local and over ssh: zfs_replicate beside the plain pipe, syncoid and bzfs. Ratios of one run, medians of alternating turns."""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))

from lab import Lab  # noqa: E402

BINARY = ROOT / "plugins/module_utils/_native/zfs_replicate_x86_64"


def contenders(remote: bool) -> dict[str, str]:
    """What is measured: a shell command on `source` each, that brings tank/big to vault/big."""
    pipe = "zfs send -Lc tank/big@s1 | zfs receive -u vault/big"
    target = {"target_host": "root@backup"} if remote else {}
    ours = json.dumps({"source": "tank/big", "target": "vault", "strip_prefix": "tank", **target})
    host = "root@backup:" if remote else ""
    return {
        "zfs send | zfs receive": pipe.replace("| ", "| ssh root@backup ") if remote else pipe,
        "zfs_replicate": f"echo '{ours}' | zfs_replicate --quiet -",
        "syncoid": f"syncoid --no-sync-snap --sendoptions='L c' --recvoptions=u --quiet tank/big {host}vault/big",
        "bzfs": f"bzfs --quiet tank/big {host}vault/big",
    }


def measure(lab: Lab, remote: bool, turns: int) -> dict[str, list[float]]:
    target = "backup" if remote else "source"
    seconds: dict[str, list[float]] = {name: [] for name in contenders(remote)}
    for _ in range(turns):
        for name, command in contenders(remote).items():
            fresh(lab, target)
            begin = time.monotonic()
            lab.run("source", command, timeout=600)
            seconds[name].append(time.monotonic() - begin)
            assert lab.run(target, "zfs list -H -o name vault/big@s1").stdout == "vault/big@s1\n", name
    return seconds


def own_cost(lab: Lab) -> tuple[float, float]:
    """What zfs_replicate itself takes in a local run of its own, which is not timed: the most mebibytes that are resident, and seconds of a processor."""
    fresh(lab, "source")
    command = contenders(remote=False)["zfs_replicate"]
    look = "grep -h VmHWM /proc/$pid/status; cut -d ' ' -f 14,15 /proc/$pid/stat"
    script = f'{command} & while pid=$(pgrep -x zfs_replicate) || [ -z "$seen" ]; do seen=${{pid:-$seen}}; {look}; sleep 0.02; done'
    rows = [line.split() for line in lab.run("source", script + " 2>/dev/null").stdout.splitlines()]
    kibibytes = max(int(row[1]) for row in rows if row[0] == "VmHWM:")
    ticks = max(int(row[0]) + int(row[1]) for row in rows if row[0] != "VmHWM:")
    return kibibytes / 1024, ticks / int(lab.run("source", "getconf CLK_TCK").stdout)


def fresh(lab: Lab, target: str) -> None:
    lab.run(target, "zfs destroy -r vault/big 2>/dev/null; zpool sync vault; true")
    # Bookmarks of the turn before would make later turns different from the first.
    lab.run("source", "zfs list -H -t bookmark -o name tank/big | xargs -r -n 1 zfs destroy; true")


def show(title: str, seconds: dict[str, list[float]], out: Callable[[str], None]) -> None:
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    base = next(iter(medians.values()))
    out(f"{title}:")
    for name, median in medians.items():
        out(f"  {name:24} {median:7.2f} s   {median / base:5.2f} of the plain pipe   (turns: {' '.join(f'{s:.2f}' for s in seconds[name])})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--megabytes", default="1024,100,1", help="of data in the stream, one size after the other")
    options = parser.parse_args()
    with Lab(f"bench-{os.getpid()}", image="peers", memory="6G") as lab:
        for host in ("source", "backup"):
            lab.copy(host, BINARY, "/usr/local/bin/zfs_replicate")
            lab.run(host, "mkdir -p /bench; mount -t tmpfs -o size=5G tmpfs /bench")
            lab.run(host, "truncate -s 2200M /bench/vault; zpool create -O compression=off vault /bench/vault")
        lab.run("source", "truncate -s 2200M /bench/tank; zpool create -O compression=off tank /bench/tank")
        for size in options.megabytes.split(","):
            lab.run("source", "zfs destroy -r tank/big 2>/dev/null; zpool sync tank; zfs create tank/big")
            lab.run("source", f"head -c {size}M /dev/urandom > /tank/big/f; zfs snapshot tank/big@s1", timeout=300)
            show(f"{size} MiB, local", measure(lab, remote=False, turns=options.turns), print)
            print("  zfs_replicate itself: {:.1f} MiB resident at its most, {:.2f} s of a processor".format(*own_cost(lab)))
            show(f"{size} MiB, over ssh", measure(lab, remote=True, turns=options.turns), print)


if __name__ == "__main__":
    main()
