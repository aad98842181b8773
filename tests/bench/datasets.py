"""Many small datasets, local and over ssh: zfs_replicate beside syncoid, bzfs and raw `zfs send -R`. First time, nothing to do, one new snapshot each."""

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
PHASES = ("first time", "nothing to do", "one new snapshot each")


def contenders(remote: bool) -> dict[str, str]:
    """A shell command on `source` each, that brings tank and all below it to the dataset named by {target}."""
    host = "root@backup:" if remote else ""
    where = {"target_host": "root@backup"} if remote else {}
    ours = json.dumps({"source": "tank/d", "target": "vault", **where}).replace("vault", "TARGET")
    return {
        "zfs_replicate": f"echo '{ours}' | sed s,TARGET,{{target}}, | zfs_replicate --quiet -",
        "syncoid": f"syncoid -r --no-sync-snap --recvoptions=u --quiet tank/d {host}{{target}}/tank/d",
        "bzfs": f"bzfs -r --quiet tank/d {host}{{target}}/tank/d",
    }


def floor(lab: Lab, remote: bool) -> float:
    """What the two listings alone take that every one of them needs."""
    ssh = "ssh -o ControlPath=/run/floor root@backup" if remote else ""
    listing = "zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg -r"
    times = []
    if remote:
        lab.run("source", "ssh -o ControlMaster=yes -o ControlPath=/run/floor -o ControlPersist=600 -Nf root@backup >/dev/null 2>&1")
    for _ in range(5):
        begin = time.monotonic()
        lab.run("source", f"{listing} tank/d >/dev/null; {ssh} {listing} vault/zfs_replicate{remote:d}/tank/d >/dev/null")
        times.append(time.monotonic() - begin)
    if remote:
        lab.run("source", "ssh -o ControlPath=/run/floor -O exit root@backup 2>/dev/null")
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=40)
    parser.add_argument("--snapshots", type=int, default=10)
    options = parser.parse_args()
    with Lab(f"bench-{os.getpid()}", image="peers", memory="3G") as lab:
        for host in ("source", "backup"):
            lab.copy(host, BINARY, "/usr/local/bin/zfs_replicate")
            lab.run(host, "truncate -s 900M /big/vault; zpool create vault /big/vault")
        lab.run(
            "source",
            f"truncate -s 600M /big/tank; zpool create tank /big/tank; zfs create tank/d; for i in $(seq {options.datasets - 1}); do zfs create tank/d/$i; done",
        )
        for number in range(options.snapshots):
            lab.run("source", f"for d in /tank/d /tank/d/*; do head -c 20K /dev/urandom > $d/f{number}; done; zfs snapshot -r tank/d@s{number}")
        for remote in (False, True):
            target_host = "backup" if remote else "source"
            results: dict[str, dict[str, float]] = {}
            names = contenders(remote)
            for name in names:
                lab.run(target_host, f"zfs create -p vault/{name}{remote:d}/tank")
            for phase in PHASES:
                if phase == PHASES[2]:
                    lab.run("source", f"for d in /tank/d /tank/d/*; do head -c 20K /dev/urandom > $d/new; done; zfs snapshot -r tank/d@new{remote:d}")
                for name, command in names.items():
                    # Shared connections must not outlive a turn, or one would pay for all.
                    begin = time.monotonic()
                    lab.run("source", command.replace("{target}", f"vault/{name}{remote:d}"), timeout=300)
                    results.setdefault(phase, {})[name] = time.monotonic() - begin
            print(f"{options.datasets} datasets x {options.snapshots} snapshots, {'over ssh' if remote else 'local'}, seconds (and of zfs_replicate's time):")
            for phase, seconds in results.items():
                ours = seconds["zfs_replicate"]
                print(f"  {phase:24}" + "".join(f"{name} {taken:6.2f} ({taken / ours:4.1f})   " for name, taken in seconds.items()))
            listings = floor(lab, remote)
            print(
                f"  the two listings alone   {listings:.2f}: zfs_replicate with nothing to do takes {results[PHASES[1]]['zfs_replicate'] / listings:.2f} times as long"
            )


if __name__ == "__main__":
    main()
