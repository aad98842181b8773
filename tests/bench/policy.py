"""zfs_policy_snapshot and zfs_prune: a million snapshots of a fake zfs, then sanoid and one process per snapshot on the same real pool.

The fake `zfs` here is a script of its own, not tests/fleet/fake_zfs: it is run for each dataset, and what is measured is the time
of all of it, in which a start of Python weighs ten times as much as one of sh.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))

from lab import Lab  # noqa: E402

NATIVE = ROOT / "plugins/module_utils/_native"

FAKE = """#!/bin/sh
cd "${0%/*}" || exit 9
echo >>count
case "$*" in
'list '*' -r '*' name '*) exec cat names ;;
'list '*' -r '*) exec cat list ;;
'list '*,creation*) shift 6; printf '%s\\t0\\t1\\n' "$@" ;;
'list '*) shift 6; printf '%s\\t0\\n' "$@" ;;
'destroy -nvp '*) echo 'reclaim\t1' ;;
esac
"""


def name(hour: int) -> str:
    day, hour = divmod(hour, 24)
    return f"autosnap_2024-{1 + day // 28:02}-{1 + day % 28:02}_{hour:02}:00:00_hourly"


def fake_zfs(folder: Path, datasets: int, snapshots: int) -> None:
    """A zfs whose answers are files."""
    names = [name(hour) for hour in range(snapshots)]
    with (folder / "list").open("w") as full, (folder / "names").open("w") as short:
        for dataset in ["tank", *(f"tank/customers/number{n:05}" for n in range(datasets))]:
            full.write(f"{dataset}\t1\t-\n")
            short.write(f"{dataset}\n")
            if dataset != "tank":
                full.writelines(f"{dataset}@{snapshot}\t{txg}\t0\n" for txg, snapshot in enumerate(names, 2))
                short.writelines(f"{dataset}@{snapshot}\n" for snapshot in names)
    # Arrived one an hour, as they were taken; of each dataset one of the same transaction.
    hours = {"samples": [[1704067200 + 3600 * txg, txg] for txg in range(2, snapshots + 2)], "newest": {}, "last_run": 1704067200}
    (folder / "arrivals").mkdir()
    (folder / "arrivals/4711.json").write_text(json.dumps(hours))
    for program, text in (("zfs", FAKE), ("zpool", "#!/bin/sh\necho 4711\n")):
        (folder / program).write_text(text)
        (folder / program).chmod(0o755)


def measured(folder: Path, module: str, args: dict[str, object]) -> tuple[dict[str, object], str]:
    """Runs a module with the fake zfs; gives its result and a line about time, memory and processes."""
    count = folder / "count"
    count.write_text("")
    (folder / "args.json").write_text(json.dumps({"_ansible_check_mode": True, **args}))
    began = time.monotonic()
    with (folder / "out.json").open("w") as out:
        env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "STATE_DIRECTORY": str(folder)}
        process = subprocess.Popen([str(NATIVE / f"{module}_x86_64"), str(folder / "args.json")], stdout=out, env=env)
        _pid, _status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    result = json.loads((folder / "out.json").read_text())
    assert not result.get("failed"), result["msg"][:500]
    return result, f"{seconds:6.2f} s {usage.ru_maxrss / 1024:6.0f} MiB {len(count.read_text()):6} processes"


def million(datasets: int, snapshots: int) -> None:
    print(f"plan for {datasets:,} datasets with {snapshots} snapshots each, {datasets * snapshots:,} lines:")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as temporary:
        folder = Path(temporary)
        fake_zfs(folder, datasets, snapshots)
        tank = {"datasets": [{"dataset": "tank", "policy": "own", "snapshots_discover_children": True}]}
        for what, module, keep in (
            ("zfs_policy_snapshot", "zfs_policy_snapshot", 24),
            ("zfs_prune, nothing to do", "zfs_prune", snapshots),
            ("  replicas", "zfs_prune", snapshots),
            ("zfs_prune, one each", "zfs_prune", snapshots - 1),
            ("  replicas", "zfs_prune", snapshots - 1),
            ("zfs_prune, keep 36", "zfs_prune", 36),
            ("  replicas", "zfs_prune", 36),
        ):
            replicas = {"replicas": ["tank"]} if "replicas" in what else {}
            result, line = measured(folder, module, {**tank, **replicas, "policies": {"own": {"hourly": keep}}})
            summary = result["summary"]
            assert isinstance(summary, dict)
            print(f"  {what:26} {line}   planned: {summary.get('created', summary.get('destroyed')):,}")


SANOID = """[tank]
use_template = own
recursive = yes
process_children_only = yes
[template_own]
frequently = 0
hourly = {keep}
daily = 0
weekly = 0
monthly = 0
yearly = 0
autosnap = {snap}
autoprune = {prune}
"""


def real(datasets: int, snapshots: int, keep: int) -> None:
    print(f"on real ZFS, {datasets} datasets with {snapshots} snapshots each, of which {keep} stay; seconds (ratio to ours):")
    with Lab(f"bench-policy-{os.getpid()}", image="peers") as lab:
        lab.down()
        lab.up(["source"])
        for module in ("zfs_policy_snapshot", "zfs_prune"):
            lab.copy("source", NATIVE / f"{module}_x86_64", f"/usr/local/bin/{module}")
        tank = {"datasets": [{"dataset": "tank", "policy": "own", "snapshots_discover_children": True}], "policies": {"own": {"hourly": keep}}}
        run = lab.run
        run("source", "mkdir -p /etc/sanoid; touch /etc/sanoid/sanoid.defaults.conf; cp /usr/share/sanoid/sanoid.defaults.conf /etc/sanoid/ 2>/dev/null; true")
        ours = f"echo '{json.dumps(tank)}' | MODULE --quiet -"
        each = f"zfs list -Hr -d 1 -t snapshot -o name -s creation $d | head -n -{keep} | while read -r s; do zfs destroy $s; done"
        contenders = {
            "take": {
                "zfs_policy_snapshot": ours.replace("MODULE", "zfs_policy_snapshot"),
                "one process per snapshot": 'for d in $(zfs list -Hro name tank); do zfs snapshot "$d@own_$(date +%s)"; done',
                "sanoid": "sanoid --take-snapshots --quiet",
            },
            "prune": {
                "zfs_prune": ours.replace("MODULE", "zfs_prune"),
                "one process per snapshot": f"for d in $(zfs list -Hro name tank | tail -n +2); do {each}; done",
                "sanoid": "sanoid --prune-snapshots --force-prune --quiet",
            },
        }
        for what, commands in contenders.items():
            base = 0.0
            for who, command in commands.items():
                fill(lab, datasets, snapshots, SANOID.format(keep=keep, snap="yes", prune="yes"))
                before = count(lab)
                began = time.monotonic()
                run("source", command, timeout=1800)
                seconds = time.monotonic() - began
                base = base or seconds
                print(f"  {what:6} {who:26} {seconds:8.2f} s  ({seconds / base:6.1f})   snapshots {before} -> {count(lab)}")


def fill(lab: Lab, datasets: int, snapshots: int, sanoid: str) -> None:
    """The same pool for each: hourly snapshots of the past, an hour apart by name and by clock."""
    lab.reset("source")
    lab.run("source", "mkdir -p /etc/sanoid; cat >/etc/sanoid/sanoid.conf", input=sanoid)
    script = f"""set -e
truncate -s 400M /big/tank; zpool create tank /big/tank
for n in $(seq {datasets}); do echo tank/d$n; done | xargs -n 1 zfs create
date -u -s '2026-01-01 00:00:00' >/dev/null
for hour in $(seq 0 {snapshots - 1}); do
  date -u -s "2026-01-01 00:00:00 UTC + $hour hours" >/dev/null
  zfs snapshot -r tank@autosnap_$(date -u +%Y-%m-%d_%H:%M:%S)_hourly
done
zfs destroy tank@%
date -u -s "2026-01-01 00:30:00 UTC + {snapshots} hours" >/dev/null
rm -rf /var/cache/sanoid /run/sanoid"""
    lab.run("source", script, timeout=600)


def count(lab: Lab) -> int:
    return int(lab.run("source", "zfs list -H -t snapshot -o name | wc -l").stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=100)
    parser.add_argument("--snapshots", type=int, default=30)
    parser.add_argument("--keep", type=int, default=20)
    parser.add_argument("--no-lab", action="store_true", help="only the fake zfs")
    options = parser.parse_args()
    million(2000, 500)
    if not options.no_lab:
        real(options.datasets, options.snapshots, options.keep)


if __name__ == "__main__":
    main()
