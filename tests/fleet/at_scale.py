# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of many clients, a backup server and an offsite host, some of them broken, under ansible-playbook: what it says, and what it costs."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from e2e.fleet import CALLBACKS, Play, Record  # noqa: E402
from light_hosts import LightHosts  # noqa: E402

SERVER, OFFSITE = "backup", "offsite"
# As in the inventory that docs/inventory.md goes through.
CLIENT = {
    "zfs": {
        "tank": {
            "devices": ["/dev/sdb"],
            "datasets": {
                "documents": {
                    "policy": "critical",
                    "children_inherit_policy": True,
                    "snapshots_discover_children": True,
                    "properties": {"compression": "zstd"},
                    "datasets": {"cache": {"policy": "none"}, "mail": {}},
                },
                "ledger": {"policy": "critical", "properties": {"encryption": "aes-256-gcm", "keyformat": "raw"}},
                "films": {"policy": "high", "properties": {"recordsize": "1M", "atime": False}},
            },
        }
    },
    "system_zfs_create_pools": ["tank"],
    "system_zfs_keys": {"tank/ledger": "ZmVycm8uemZzIG9mZmVycyBhIGtleSBmb3IgdGVzdHM="},
}
PULLED = ("documents", "documents/mail", "ledger", "films")


def store(pool: str, **variables: t.Any) -> dict[str, t.Any]:
    """The variables of a host that receives."""
    backups = {"policy": "high", "snapshots_discover_children": True, "properties": {"canmount": False}}
    return {"zfs": {pool: {"devices": ["/dev/sdb"], "datasets": {"backups": backups}}}, "system_zfs_create_pools": [pool], **variables}


# What an operator would write to have everything pulled now, with what the roles have left on the
# server.
REPLICATION = {
    "name": "Snapshots and pulls",
    "hosts": "zfs_backup_clients",
    "gather_facts": False,
    "become": True,
    "tasks": [
        {
            "name": "Take the snapshots that are due",
            "ferro.zfs.zfs_policy_snapshot": {"datasets": "{{ zfs | ferro.zfs.zfs_datasets_with_policy }}"},
        },
        {
            "name": "Pull them",
            "ferro.zfs.zfs_replicate": {
                "source_host": "zfsbackup@{{ ansible_host }}",
                "source": "{{ wanted.source }}",
                "exclude": "{{ wanted.exclude }}",
                "target": "{{ hostvars[server].backup_server_dataset }}/{{ inventory_hostname }}",
                "ssh": {
                    "identity_file": "/etc/ferro-zfs/id_ed25519",
                    "options": [
                        "UserKnownHostsFile=/etc/ferro-zfs/known_hosts.d/{{ inventory_hostname }}",
                        "HostKeyAlias={{ inventory_hostname }}",
                        "StrictHostKeyChecking=yes",
                    ],
                },
            },
            "vars": {"wanted": "{{ zfs | ferro.zfs.zfs_replication_sources }}", "server": "{{ groups.zfs_backup_servers[0] }}"},
            "delegate_to": "{{ server }}",
            # More at once would be too many for the sshd of one server (MaxStartups).
            "throttle": 5,
        },
    ],
}


@dataclass
class Break:
    """A way for a host to be broken: what is done to it, and what Ansible's result then says."""

    script: str
    says: str


BREAKS = {
    "sshd is down": Break("kill $(cat /run/sshd.pid)", r"can be reached over ssh"),
    "zfs does not work": Break("echo 'The ZFS modules cannot be auto-loaded.' >/var/lib/fake-zfs/BROKEN", "The ZFS modules cannot be auto-loaded"),
    "another host key": Break(
        "rm /etc/ssh/ssh_host_ed25519_key; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; kill -HUP $(cat /run/sshd.pid)",
        "Host key verification failed",
    ),
    "our key is not let in": Break("rm /root/.ssh/authorized_keys", r"Permission denied \(publickey\)"),
    "its disk is gone": Break("touch /var/lib/fake-zfs/no-disks", "no such device in /dev|cannot open 'tank|the dataset does not exist"),
}


@dataclass
class Cost:
    """What an ansible-playbook took: seconds, and MiB of memory at their most."""

    seconds: float = 0
    processor: float = 0  # seconds of it that the controller's processes took, without those of the hosts
    main: float = 0  # resident, of the process that one starts
    resident: float = 0  # of all processes, forks and ssh too, added up: what they share counts each time
    proportional: float = 0  # the same, with what they share counted once

    def __str__(self) -> str:
        memory = f"main process {self.main:.0f}, all {self.proportional:.0f} (sum of RSS {self.resident:.0f})"
        return f"{self.seconds:.0f} s, of a processor {self.processor:.0f} s on the controller; MiB at most: {memory}"


class Fleet:
    """The hosts of a LightHosts, with an inventory and a controller."""

    def __init__(self, hosts: LightHosts, collections: Path, forks: int, programs: Path) -> None:
        self.hosts = hosts
        self.collections = collections
        self.forks = forks
        self.programs = programs
        self.clients = [name for name in hosts.names if name not in (SERVER, OFFSITE)]
        self.broken: dict[str, str] = {}
        (hosts.scratch / "inventory.yml").write_text(yaml.safe_dump(self._inventory(), sort_keys=False), encoding="utf-8")

    @staticmethod
    def names(clients: int) -> list[str]:
        return [SERVER, OFFSITE, *(f"client{number:02}" for number in range(1, clients + 1))]

    def break_some(self, count: int) -> None:
        """Breaks that many clients, spread over the fleet, each in the next of the ways."""
        for index in range(count):
            name = self.clients[(index * len(self.clients)) // count]
            how = list(BREAKS)[index % len(BREAKS)]
            self.hosts.run(name, BREAKS[how].script)
            self.broken[name] = how

    @property
    def whole(self) -> list[str]:
        return [name for name in self.clients if name not in self.broken]

    def wrong(self, play: Play) -> list[str]:
        """What is not as it should be: each broken host is named with its reason, and nothing happens to the others."""
        said = reasons(play)
        wrong = []
        for name, row in play.recap.items():
            ended = row["failed"] + row["unreachable"]
            if name in self.broken and not (ended and re.search(BREAKS[self.broken[name]].says, said.get(name, ""), re.IGNORECASE)):
                wrong.append(f"{name} ({self.broken[name]}): {row}, {said.get(name)}")
            if name not in self.broken and ended:
                wrong.append(f"{name} (nothing is wrong with it): {row}, {said.get(name)}")
        return wrong

    def arrived(self) -> dict[str, int]:
        """Datasets with snapshots on the server, by client."""
        listed = self.hosts.run(SERVER, "zfs list -H -t snapshot -o name -r vault/backups").split()
        datasets = {name.partition("@")[0].removeprefix("vault/backups/") for name in listed}
        return {client: sum(one.startswith(f"{client}/") for one in datasets) for client in self.clients}

    def playbook(self, playbook: str | list[dict[str, t.Any]], *words: str, **environment: str) -> tuple[Play, Cost]:
        """Runs a playbook by its name, or as a list of plays, on the whole fleet."""
        if not isinstance(playbook, str):
            path = self.hosts.scratch / "play.yml"
            path.write_text(yaml.safe_dump(playbook, sort_keys=False), encoding="utf-8")
            playbook = str(path)
        scratch = self.hosts.scratch
        record = scratch / "record.jsonl"
        record.unlink(missing_ok=True)
        (scratch / "ansible.cfg").touch()
        settings = {
            "HOME": str(scratch),
            "ANSIBLE_CONFIG": str(scratch / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_FORKS": str(self.forks),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(scratch / "cp"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "RECORD": str(record),
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            **environment,
        }
        clean = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        command = ["ansible-playbook", "-i", str(scratch / "inventory.yml"), playbook, *words]
        began = time.monotonic()
        with (scratch / "output").open("w+", encoding="utf-8") as output:
            process = self.hosts.exec(command, env={**clean, **settings}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
            cost = Cost(processor=-processor_seconds())
            watched = threading.Thread(target=watch, args=(self.hosts, process, cost))
            watched.start()
            try:
                process.wait(timeout=1800)
            finally:
                process.kill()
                watched.join()
            cost.seconds = time.monotonic() - began
            cost.processor += processor_seconds()
            output.seek(0)
            lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
            return Play(process.returncode, output.read(), [Record(**json.loads(line)) for line in lines]), cost

    def _inventory(self) -> dict[str, t.Any]:
        hosts = {name: self.hosts.inventory(name) for name in self.hosts.names}
        return {
            "zfs_backup_clients": {"hosts": {name: {**hosts[name], **CLIENT} for name in self.clients}},
            "zfs_backup_servers": {"hosts": {SERVER: {**hosts[SERVER], **store("vault", backup_server_dataset="vault/backups")}}},
            "zfs_backup_offsite": {"hosts": {OFFSITE: {**hosts[OFFSITE], **store("far", backup_offsite_dataset="far/backups")}}},
        }


def reasons(play: Play) -> dict[str, str]:
    """By host: what the task said that ended its play, with what its items said."""
    return {r.host: json.dumps(r.result) for r in play.records if r.outcome in ("failed", "unreachable")}


def watch(hosts: LightHosts, process: subprocess.Popen[str], cost: Cost) -> None:
    """Looks at the memory of the controller's processes every half second."""
    while process.poll() is None:
        resident, proportional = 0.0, 0.0
        for pid in hosts.controller_processes():
            memory = sizes(f"/proc/{pid}/smaps_rollup")
            resident += memory.get("Rss", 0)
            proportional += memory.get("Pss", 0)
        # nsenter waits for its child, in the namespace: that is ansible-playbook.
        for pid in children(process.pid):
            cost.main = max(cost.main, sizes(f"/proc/{pid}/status").get("VmHWM", 0))
        cost.resident = max(cost.resident, resident)
        cost.proportional = max(cost.proportional, proportional)
        time.sleep(0.5)


def processor_seconds() -> float:
    """Of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []


def sizes(path: str) -> dict[str, float]:
    """MiB, by name."""
    try:
        text = Path(path).read_text(encoding="ascii")
    except OSError:
        return {}  # has ended meanwhile
    return {name: int(number) / 1024 for name, number in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}
