"""Many small datasets, local and over ssh with several delays: zfs_replicate beside raw `zfs send -R`, syncoid and bzfs. First time, nothing to do,
one new snapshot each; medians of alternating turns."""

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
RAW, OURS, LANES = "zfs send -R", "zfs_replicate", "parallel: 4"
PLACES = {RAW: "raw", OURS: "ours", LANES: "lanes", "syncoid": "syncoid", "bzfs": "bzfs"}
LISTING = "zfs list -Hp -t snapshot,bookmark -o name,guid,createtxg -r"


def contenders(phase: str, remote: bool, place: str, snapshots: tuple[str, str]) -> dict[str, str]:
    """A shell command on `source` each, that brings tank/d and all below it below a place of its own. `snapshots`: the last one that is there, and the
    newest."""
    ssh, host, where = ("ssh root@backup ", "root@backup:", {"target_host": "root@backup"}) if remote else ("", "", {})
    target = {name: f"vault/{of}{place}" for name, of in PLACES.items()}
    base, newest = snapshots
    raw = {
        PHASES[0]: f"zfs send -R tank/d@{newest} | {ssh}zfs receive -u {target[RAW]}/tank/d",
        # What everybody needs to know before it is clear that there is nothing to do.
        PHASES[1]: f"{LISTING} tank/d >/dev/null; {ssh}{LISTING} {target[RAW]}/tank/d >/dev/null",
        PHASES[2]: f"zfs send -R -I @{base} tank/d@{newest} | {ssh}zfs receive -u {target[RAW]}/tank/d",
    }
    ours = {"source": "tank/d", **where}
    return {
        RAW: raw[phase],
        OURS: f"echo '{json.dumps({**ours, 'target': target[OURS]})}' | zfs_replicate --quiet -",
        LANES: f"echo '{json.dumps({**ours, 'target': target[LANES], 'parallel': 4})}' | zfs_replicate --quiet -",
        "syncoid": f"syncoid -r --no-sync-snap --recvoptions=u --quiet tank/d {host}{target['syncoid']}/tank/d",
        "bzfs": f"bzfs -r --quiet tank/d {host}{target['bzfs']}/tank/d",
    }


class Bench:
    """One pool to send from, and one to receive on each host."""

    def __init__(self, lab: Lab, datasets: int) -> None:
        self.lab = lab
        self.taken = 0
        for host in ("source", "backup"):
            lab.copy(host, BINARY, "/usr/local/bin/zfs_replicate")
            lab.run(host, "truncate -s 3G /big/vault; zpool create vault /big/vault")
        children = f"for i in $(seq {datasets - 1}); do zfs create tank/d/$i; done"
        lab.run("source", f"truncate -s 600M /big/tank; zpool create tank /big/tank; zfs create tank/d; {children}")

    def snapshot(self) -> str:
        """A new one of each dataset, with 20 KB."""
        self.taken += 1
        write = f"for d in /tank/d /tank/d/*; do head -c 20K /dev/urandom > $d/f{self.taken % 10}; done"
        self.lab.run("source", f"{write}; zfs snapshot -r tank/d@s{self.taken}")
        return f"s{self.taken}"

    def turn(self, remote: bool, number: int, names: list[str], seconds: dict[str, dict[str, list[float]]]) -> None:
        """All phases once, from scratch; the order of contenders is another one each time."""
        newest = f"s{self.taken}"
        place, snapshots = f"_{self.taken}", (newest, newest)
        target = "backup" if remote else "source"
        for name in names:
            self.lab.run(target, f"zfs create -p vault/{PLACES[name]}{place}/tank")
        for phase in PHASES:
            if phase == PHASES[2]:
                snapshots = (newest, self.snapshot())
            commands = contenders(phase, remote, place, snapshots)
            for name in names if number % 2 else names[::-1]:
                # Shared connections must not outlive a turn, or one would pay for all.
                begin = time.monotonic()
                self.lab.run("source", commands[name], timeout=600)
                seconds[phase].setdefault(name, []).append(time.monotonic() - begin)
        for name in names:
            self.lab.run(target, f"zfs destroy -r vault/{PLACES[name]}{place}; zpool sync vault", timeout=600)
        # The files that pools lie in have no room for what all turns together have written.
        self.lab.run(target, "zpool trim -w vault", timeout=600)
        # The next turn has as many snapshots as this one.
        self.lab.run("source", f"zfs destroy -r tank/d@s{self.taken}; zfs list -H -t bookmark -o name -r tank/d | xargs -r -n 1 zfs destroy; true", timeout=600)
        self.taken -= 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=40)
    parser.add_argument("--snapshots", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--delays", default="0,20,100", help="of the line there and back, in milliseconds")
    parser.add_argument("--peers", action="store_true", help="with syncoid and bzfs, which take many times as long")
    options = parser.parse_args()
    names = [RAW, OURS, LANES] + (["syncoid", "bzfs"] if options.peers else [])
    with Lab(f"bench-{os.getpid()}", image="peers", memory="3G") as lab:
        bench = Bench(lab, options.datasets)
        for _ in range(options.snapshots):
            bench.snapshot()
        for delay in (None, *map(int, options.delays.split(","))):
            lab.shape_line("source", delay_ms=delay or None)
            seconds: dict[str, dict[str, list[float]]] = {phase: {} for phase in PHASES}
            for number in range(options.turns):
                bench.turn(delay is not None, number, names, seconds)
            line = "local" if delay is None else f"over ssh, {delay} ms"
            print(f"{options.datasets} datasets x {options.snapshots} snapshots, {line}, seconds (and of raw send -R, or the two listings):")
            for phase, of in seconds.items():
                medians = {name: statistics.median(each) for name, each in of.items()}
                print(f"  {phase:24}" + "".join(f"{name} {taken:6.2f} ({taken / medians[RAW]:4.2f})   " for name, taken in medians.items()), flush=True)


if __name__ == "__main__":
    main()
