"""A host with ZFS, and what nearly every test of the policy modules does with it."""

import json
import re
from typing import Any

from zfs_hosts import Lab

HOST = "source"
Result = dict[str, Any]


class Box:
    """The host, and what nearly every test does with it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def sh(self, script: str) -> str:
        return self.lab.run(HOST, f"set -e\n{script}").stdout

    def pool(self, *datasets: str, name: str = "tank") -> None:
        self.sh(f"truncate -s 300M /big/{name}; zpool create {name} /big/{name}; for d in {' '.join(datasets)}; do zfs create -p {name}/$d; done")

    def clock(self, moment: str) -> None:
        """Sets the clock: `2026-11-21 10:00:05`, in UTC."""
        self.sh(f"date -u -s '{moment}'")

    def module(self, name: str, args: Result, user: str = "root", before: str = "") -> Result:
        """Runs a module as Ansible does."""
        done = self.lab.run(HOST, f"{before} /usr/local/bin/{name} -", user=user, check=False, input=json.dumps(args))
        assert done.stderr == ""
        result: Result = json.loads(done.stdout)
        assert done.returncode == (1 if result.get("failed") else 0)
        return result

    def snapshot(self, datasets: Result, **args: Any) -> Result:
        before, user = args.pop("before", ""), args.pop("user", "root")
        return self.module("zfs_policy_snapshot", {"datasets": listed(datasets), **args}, user, before)

    def prune(self, datasets: Result, **args: Any) -> Result:
        before, user = args.pop("before", ""), args.pop("user", "root")
        return self.module("zfs_prune", {"datasets": listed(datasets), **args}, user, before)

    def snapshots(self, below: str = "") -> list[str]:
        return self.sh(f"zfs list -H -t snapshot -o name -s name {below and '-r ' + below}").splitlines()

    def race(self, after: str, action: str) -> str:
        """A `zfs` that does something else right after a command of that kind; gives the PATH to run with."""
        script = f"""#!/bin/sh
/usr/sbin/zfs "$@"; rc=$?
case "$*" in {after}) {action} ;; esac >/dev/null 2>&1
exit $rc
"""
        self.lab.run(HOST, "mkdir -p /tmp/race; cat >/tmp/race/zfs; chmod +x /tmp/race/zfs", input=script)
        return "PATH=/tmp/race:$PATH"


def listed(datasets: Result) -> list[Result]:
    """`{"tank/a": "high", "tank/b": "low+"}`: with a plus, children are discovered."""
    return [{"dataset": name, "policy": policy.rstrip("+"), "snapshots_discover_children": policy.endswith("+")} for name, policy in datasets.items()]


def without_seconds(names: list[str]) -> list[str]:
    """Ansible takes its time, so the seconds in names are not known beforehand."""
    return sorted(re.sub(r"(_\d\d:\d\d):\d\d_", r"\1_", name) for name in names)
