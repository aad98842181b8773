"""Planning a replication of very many snapshots, in check mode, against a `zfs` that only prints listings: seconds and resident memory.

The fake `zfs` here is a script of its own, not tests/fleet/fake_zfs: it is run for each dataset, and what is measured is the time
of all of it, in which a start of Python weighs ten times as much as one of sh.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

BINARY = Path(__file__).resolve().parents[2] / "plugins/module_utils/_native/zfs_replicate_x86_64"
FAKE = """\
#!/bin/sh
for last; do :; done
case "$*" in
'list '*filesystem,volume*) cat "${0%/*}/datasets_${last%%/*}" ;;
'list '*) cat "${0%/*}/versions_${last%%/*}" ;;
'get '*' guid '*) printf '%s\\t5\\n' "$last" ;;
'send '*) printf 'size\\t1000\\n' ;;
*) exit 9 ;;
esac
"""


def listings(folder: Path, datasets: int, snapshots: int, there: int) -> None:
    """`there`: how many of its snapshots the target has of each dataset."""
    for pool, root, count in (("tank", "tank", snapshots), ("vault", "vault/tank", there)):
        names = [root, *(f"{root}/d{number:05}" for number in range(datasets))]
        # Of a source, it asks whether it is to be sent, too.
        selected = "\t-" if pool == "tank" else ""
        (folder / f"datasets_{pool}").write_text("".join(f"{name}\tfilesystem\t5\toff\t-\t-\t0\t-\t-\t-\t-{selected}\n" for name in names))
        with (folder / f"versions_{pool}").open("w") as file:
            for number, name in enumerate(names[1:]):
                for n in range(count):
                    file.write(f"{name}@autosnap_2026-01-01_00:{n:09}_hourly\t{10**18 + number * snapshots + n}\t{n + 10}\n")


def planned(folder: Path) -> tuple[float, int]:
    """Seconds, and the most kilobytes that were resident."""
    begin = time.monotonic()
    process = subprocess.Popen([BINARY, folder / "args.json"], stdout=subprocess.PIPE, env={"PATH": f"{folder}:{os.environ['PATH']}"})
    assert process.stdout is not None
    result = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0, result["msg"]
    return time.monotonic() - begin, usage.ru_maxrss


def main() -> None:
    for datasets, snapshots, there, what in (
        (1000, 1000, 1000, "1,000 x 1,000, nothing to do"),
        (1000, 1000, 900, "1,000 x 1,000, 100 new of each"),
        (10_000, 100, 100, "10,000 x 100, nothing to do"),
        (100, 1000, 1000, "100 x 1,000, nothing to do"),
        (100, 1000, 900, "100 x 1,000, 100 new of each"),
        (1, 100_000, 50_000, "1 x 100,000, half of them new"),
    ):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "zfs").write_text(FAKE)
            (folder / "zfs").chmod(0o755)
            (folder / "args.json").write_text(json.dumps({"source": ["tank"], "target": "vault", "_ansible_check_mode": True}))
            listings(folder, datasets, snapshots, there)
            runs = [planned(folder) for _ in range(5)]
            print(f"  {what:32}{statistics.median(run[0] for run in runs):6.2f} s   {max(run[1] for run in runs) >> 10:4} MiB")


if __name__ == "__main__":
    main()
