"""`make demo`, as a newcomer runs it: the archive is installed, three hosts are made, and the data is the same at the end."""

import re
import subprocess

from zfs_hosts import PATIENCE, ROOT


def test_the_demo_proves_itself() -> None:
    done = subprocess.run([ROOT / "tools/demo"], capture_output=True, text=True, timeout=300 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("the same data as on the source:") == 3
    assert len(re.findall(r"tank/secrets: ok, full, 2 snapshots up to @tuesday", done.stdout)) == 2
    assert len(re.findall(r"documents/drafts: ok, full, 1 snapshots up to @wednesday", done.stdout)) == 2
    assert done.stdout.count("0 replicated, 4 up to date") == 2
    assert not re.search(r"(failed|unreachable)=[1-9]", done.stdout)
