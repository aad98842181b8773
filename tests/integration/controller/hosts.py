# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets for the tests: one private sshd on 127.0.0.1 whose forced commands make it several hosts.

Nothing of the machine's own SSH is used or changed, and it works as an ordinary user too.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path

QEMU = shutil.which("qemu-aarch64-static")

# Runs its argument where aarch64 programs run, under emulation: a user namespace has a binfmt_misc
# of its own (Linux 6.7).
EMULATED = r"""
set -e
mkdir -p "$SCRATCH/binfmt"
mount -t binfmt_misc none "$SCRATCH/binfmt"
printf '%s' ':arm:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$QEMU":F \
  > "$SCRATCH/binfmt/register"
exec /bin/sh -c "$1"
"""


class Sshd:
    """One sshd; each host is a key of its own, whose forced command sets the scene and logs that it was called."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.port = _free_port()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.hosts: list[str] = []
        self._key("host_key")
        (scratch / "authorized_keys").touch(mode=0o600)
        config = scratch / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {scratch}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {scratch}/authorized_keys\nPasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n"
            f"Subsystem sftp {_sftp_server()}\n"
            # Not that of the user: a start-up file of the shell there may do anything, and take its
            # time.
            f"SetEnv HOME={scratch}\n",
            encoding="utf-8",
        )
        if os.getuid() == 0:
            # Where sshd of Debian drops its privileges; its package's service would make it.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        self._process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=(scratch / "sshd.log").open("w"))
        self._wait()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def add(self, name: str, machine: str | None = None, emulated: bool = False, programs: dict[str, str] | None = None) -> str:
        """A host with a home, and where asked for programs, of its own; returns its line of the inventory."""
        home = self.scratch / f"home-{name}"
        home.mkdir(mode=0o755)
        lines = ["#!/bin/sh", f"export HOME={shlex.quote(str(home))}", f'echo "$SSH_ORIGINAL_COMMAND" >> {self.scratch}/{name}.log']
        shims = self.scratch / f"shims-{name}"
        shims.mkdir()
        lines.append(f'export PATH={shims}:"$PATH"')
        for program, script in {**(programs or {}), **({"uname": f"echo {machine}"} if machine else {})}.items():
            _script(shims / program, f"#!/bin/sh\n{script}\n")
        if emulated:
            lines.append(f"export QEMU={QEMU} SCRATCH={self.scratch}")
            lines.append(f'exec unshare --user --map-root-user --mount {_script(self.scratch / "emulated", "#!/bin/sh" + EMULATED)} "$SSH_ORIGINAL_COMMAND"')
        else:
            lines.append('exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"')
        command = _script(self.scratch / f"enter-{name}", "\n".join(lines) + "\n")
        key = self._key(f"key-{name}")
        with (self.scratch / "authorized_keys").open("a", encoding="utf-8") as file:
            file.write(f'command="{command}" {key}\n')
        self.hosts.append(name)
        return (
            f"{name} ansible_connection=ssh ansible_host=127.0.0.1 ansible_port={self.port} ansible_user={self.user} "
            f"ansible_ssh_private_key_file={self.scratch}/key-{name} "
            # A control connection of its own: the hosts share address, port and user.
            f"ansible_control_path={self.scratch}/cp-{name} "
            "ansible_ssh_common_args='-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o LogLevel=ERROR'"
        )

    def home(self, name: str) -> Path:
        return self.scratch / f"home-{name}"

    def calls(self, name: str) -> list[str]:
        """The commands that the host was sent, then forgotten."""
        log = self.scratch / f"{name}.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def _key(self, name: str) -> str:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.scratch / name], check=True)
        return (self.scratch / f"{name}.pub").read_text(encoding="utf-8").strip()

    def _wait(self) -> None:
        for _attempt in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError((self.scratch / "sshd.log").read_text(encoding="utf-8"))


def emulation_works(scratch: Path, binary: Path) -> bool:
    """Whether an aarch64 binary runs where EMULATED says."""
    if not (QEMU and shutil.which("unshare")):
        return False
    script = _script(scratch / "try-emulated", "#!/bin/sh" + EMULATED)
    environment = {**os.environ, "QEMU": QEMU, "SCRATCH": str(scratch)}
    command = ["unshare", "--user", "--map-root-user", "--mount", str(script), f"{binary} --version"]
    return subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 0


def _script(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sftp_server() -> str:
    places = ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"]
    return next((place for place in places if Path(place).exists()), places[0])
