"""Hosts with real ZFS, and what nearly every test does with them."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "plugins/module_utils/_native"
sys.path.insert(0, str(ROOT / "tests/lab"))

from lab import HOSTS, PATIENCE, Lab  # noqa: E402

__all__ = ["APPEND", "ARCHITECTURE", "HELD", "HOSTS", "NATIVE", "PATIENCE", "ROOT", "Hosts", "Lab", "program"]

# Of the lab's hosts.
ARCHITECTURE = os.environ.get("FERRO_LAB_ARCH", "x86_64")

# The least that may receive: 2.1 knows no other permission for it.
APPEND = "receive" if os.environ.get("FERRO_LAB_ZFS") == "2.1" else "receive:append"

# What ZFS says of a held snapshot that it is to destroy.
HELD = "dataset is busy" if os.environ.get("FERRO_LAB_ZFS") == "2.1" else "it's being held"


def program(name: str) -> Path:
    """The binary that the lab's hosts can run."""
    return NATIVE / f"{name}_{ARCHITECTURE}"


@dataclass
class Hosts:
    """The lab, and the few things that nearly every test does with it."""

    lab: Lab

    def sh(self, host: str, script: str, check: bool = True) -> str:
        """Runs a shell script on a host; gives what it prints."""
        return self.lab.run(host, f"set -e\n{script}", check=check).stdout

    def pool(self, host: str, name: str, size: str = "500M") -> None:
        """Makes an empty pool that lasts for one test."""
        self.sh(host, f"truncate -s {size} /big/{name}.img; zpool create {name} /big/{name}.img")

    def replicate(self, host: str, flags: str = "-", before: str = "", timeout: float = 120, **args: Any) -> dict[str, Any]:
        """Runs zfs_replicate on a host as Ansible does, with JSON on standard input; gives the result."""
        args = {"retry_delay": "0.1s", **args}
        done = self.lab.run(host, f"{before} /usr/local/bin/zfs_replicate {flags}", check=False, input=json.dumps(args), timeout=timeout)
        assert done.stderr == "", done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (1 if result.get("failed") else 0)
        return result

    def replicated(self, host: str, **args: Any) -> dict[str, dict[str, Any]]:
        """The same, where it must succeed; gives the reports by source dataset."""
        result = self.replicate(host, **args)
        assert not result.get("failed"), result["msg"]
        return {report["source"]: report for report in result["datasets"]}

    def guids(self, host: str, dataset: str) -> dict[str, str]:
        """The snapshots of a dataset, oldest first, with their guids."""
        rows = self.sh(host, f"zfs list -Hp -t snapshot -d 1 -s createtxg -o name,guid '{dataset}'").splitlines()
        return {name.partition("@")[2]: guid for name, guid in (row.split("\t") for row in rows)}

    def checksum(self, host: str, snapshot: str, key: str | None = None) -> str:
        """The checksum of all files of a snapshot, read through a clone, for a replica is not mounted."""
        dataset = snapshot.partition("@")[0]
        pool = dataset.partition("/")[0]
        load = f"echo {key} | zfs load-key -L prompt '{dataset}';" if key else ""
        unload = f"zfs unload-key '{dataset}';" if key else ""
        return self.sh(
            host,
            f"{load} zfs clone -o mountpoint=/run/sum -o canmount=on '{snapshot}' {pool}/sum; cd /run/sum;"
            f"find . -type f | sort | xargs -r -d '\\n' sha256sum | sha256sum; cd /; zfs destroy {pool}/sum; {unload}",
        )

    def leftovers(self, host: str) -> str:
        """What a run must not leave behind: processes, locks, sockets, mounts of replicas."""
        return self.sh(
            host,
            "ps -eo comm=,args= | grep -E '^(ssh|zfs|zfs_replicate) ' || true;"
            "find /run/ferro-zfs /run/lock/ferro-zfs-* /tmp/ferro-zfs-* -mindepth 1 2>/dev/null || true;"
            "find /run/lock /tmp -name 'zfs_replicate*' || true",
        )
