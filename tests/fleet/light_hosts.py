# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many lightweight hosts on this machine: a real sshd, a fake `zfs`, a network and a root of its own each.

    with LightHosts(["client01", "client02"]) as hosts:
        hosts.run("client01", "zfs list")
        hosts.exec(["ansible-playbook", ...])    # as the controller, in their network

A host is the machine's own root below an overlay in memory: it costs a few MB and a fraction of a second. All of them live in namespaces of one
process, and with it their processes, mounts and network go, however this program ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

from start_hosts import address

HERE = Path(__file__).resolve().parent


class CannotStart(Exception):
    """This machine, or this user, cannot have such hosts; says why."""


class LightHosts:
    """The hosts, by name."""

    def __init__(self, names: t.Sequence[str]) -> None:
        self.names = list(names)

    def __enter__(self) -> LightHosts:
        refuse_where_impossible()
        self._folder = tempfile.TemporaryDirectory(prefix="ferro-fleet-")
        self.scratch = Path(self._folder.name)
        self.key = self.scratch / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "controller", "-f", str(self.key)], check=True)
        public = self.key.with_suffix(".pub").read_text(encoding="utf-8").strip()
        unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with (self.scratch / "log").open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*unshare, "/usr/bin/python3", str(HERE / "start_hosts.py"), public, *self.names],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C reaches this program, which then ends them.
                start_new_session=True,
            )
        try:
            if t.cast(t.IO[bytes], self._process.stdout).readline() != b"up\n":
                raise RuntimeError(f"the hosts did not start: {(self.scratch / 'log').read_text(encoding='utf-8')}")
            self._init = int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii"))
            known = "".join(f"{address(n)} {self.run(name, 'cat /etc/ssh/ssh_host_ed25519_key.pub')}" for n, name in enumerate(self.names))
            (self.scratch / "known_hosts").write_text(known, encoding="utf-8")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        t.cast(t.IO[bytes], self._process.stdin).close()
        self._process.wait()
        t.cast(t.IO[bytes], self._process.stdout).close()
        self._folder.cleanup()

    def inventory(self, name: str) -> dict[str, t.Any]:
        """The variables by which Ansible reaches a host, with its key and no other."""
        known = f"-o UserKnownHostsFile={self.scratch}/known_hosts -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes"
        return {
            "ansible_host": address(self.names.index(name)),
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": f"-F /dev/null {known} -o IdentitiesOnly=yes",
            "ansible_python_interpreter": "/usr/bin/python3",
        }

    def run(self, name: str, script: str, check: bool = True) -> str:
        """Runs a shell script on a host as root; gives what it prints."""
        enter = (
            'p=$(cat "$1/unshare"); exec nsenter --target $(cat "/proc/$p/task/$p/children") --mount --net --pid --uts --ipc env -i "PATH=$PATH" sh -ec "$2"'
        )
        command = self._entered(["sh", "-c", enter, "sh", f"/run/fleet/hosts/{name}", script])
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=check)
        return done.stdout

    def exec(self, command: t.Sequence[str], **options: t.Any) -> subprocess.Popen[str]:
        """Starts a program of the controller, as subprocess.Popen does."""
        return subprocess.Popen(self._entered(command), text=True, **options)

    def controller_processes(self) -> list[int]:
        """All that exec() has started and that still runs, whoever its parent is now: they are in the network of the controller."""
        network = os.readlink(f"/proc/{self._init}/ns/net")
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{entry}/ns/net") == network and int(entry) != self._init:
                    found.append(int(entry))
            except OSError:
                pass  # has ended meanwhile
        return found

    def _entered(self, command: t.Sequence[str]) -> list[str]:
        return ["nsenter", "--target", str(self._init), "--mount", "--net", "--pid", *command]


def refuse_where_impossible() -> None:
    """Raises CannotStart, with the reason. Programs that are missing are another matter: they can be installed."""
    programs = ["unshare", "nsenter", "ip", "/usr/bin/python3", "/usr/sbin/sshd", "ssh-keygen"]
    if missing := [program for program in programs if not shutil.which(program)]:
        raise RuntimeError(f"not found: {', '.join(missing)}. Debian has them in util-linux, iproute2, python3, openssh-server, openssh-client")
    if os.geteuid() != 0:
        raise CannotStart("lightweight hosts need root, for mounts and networks of their own")
    script = "mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir u w m && mount -t overlay overlay -o lowerdir=/,upperdir=u,workdir=w m"
    tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", script], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise CannotStart(f"this machine does not let us mount an overlay in namespaces of our own: {tried.stderr.strip()}")
