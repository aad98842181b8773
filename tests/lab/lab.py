"""A lab: up to three hosts with real OpenZFS, in a network of their own, fresh at every start. README.md has the why."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from errors import LabError
from guest import Guest
from network import Network, call

__all__ = ["HOSTS", "PATIENCE", "Lab", "LabError"]

HERE = Path(__file__).resolve().parent
HOSTS = {"source": 1, "backup": 2, "offsite": 3}  # and the last number of their address; guest/hosts says the same
SHM = Path("/dev/shm")  # a tmpfs: guests' memory and disks are sparse files in it

# An emulated machine is slower, and is given more time.
PATIENCE = 10 if os.environ.get("FERRO_LAB_ARCH") == "aarch64" else 1

SSH_CONFIG = """\
# Of the lab {name}; made by its start, gone with its end.
{hosts}
Host *
  User root
  IdentityFile {directory}/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/known_hosts
  GlobalKnownHostsFile none
  BatchMode yes
  ConnectTimeout {timeout}
  LogLevel ERROR
"""


class Lab:
    """A lab by name. As a context manager it is up inside and gone after; an object of the name of a running lab drives that lab."""

    def __init__(self, name: str | None = None, image: str = "plain", systemd: bool = False, memory: str = "2G") -> None:
        self.name = name or os.environ.get("FERRO_LAB_NAME") or "main"
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", self.name):
            raise LabError(f"lab name '{self.name}': up to 20 of a-z, 0-9 and '-'")
        self.directory = SHM / f"ferro-lab-{self.name}"
        self.network = Network(f"ferro-lab-{self.name}")
        self._wanted = {"image": image, "systemd": systemd, "memory": memory}
        self._programs: dict[str, dict[str, str | Path]] = {host: {} for host in HOSTS}
        self._guests = {host: Guest(host, number, self.network.name, self.directory / host) for host, number in HOSTS.items()}

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.down()

    # Life of the lab

    def up(self, hosts: Sequence[str] = tuple(HOSTS)) -> None:
        """Starts the hosts fresh. Whatever of this name is left of an earlier lab is removed first."""
        if os.geteuid() != 0:
            raise LabError("the lab needs root, for network namespaces")
        guests = [self.guest(host) for host in hosts]
        image = Path(build(str(self._wanted["image"])))
        self.down()
        self._check_space(len(guests))
        self.directory.mkdir(mode=0o700)
        (self.directory / "ansible").mkdir()
        (self.directory / "lab.json").write_text(json.dumps(self._wanted | {"root": str(image)}))
        for file in ("id_ed25519", "known_hosts"):
            shutil.copy(image / file, self.directory)
        addresses = "".join(f"Host {host}\n  HostName 10.99.0.{number}\n" for host, number in HOSTS.items())
        self.ssh_config.write_text(SSH_CONFIG.format(name=self.name, hosts=addresses, directory=self.directory, timeout=30 * PATIENCE))
        self.network.create(hosts)
        self._boot(guests)

    def down(self) -> None:
        """Ends the lab and leaves nothing of it: no process, no network, no file. Fine where there is none."""
        for control in self.directory.glob("ansible/*"):
            subprocess.run(["ssh", "-O", "exit", "-o", f"ControlPath={control}", "lab"], capture_output=True, check=False)
        for guest in self._guests.values():
            self._hang_up(guest.host)
            guest.kill()
        self.network.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, host: str, fresh_disk: bool = False) -> None:
        """Boots a host that is off: a fresh root, and the same disk as before."""
        self._hang_up(host)
        self._boot([self.guest(host)], fresh_disk)

    def power_cut(self, host: str) -> None:
        """The host is gone from one moment to the next. Its disk (/dev/ubdb) keeps what was written to it."""
        self.guest(host).kill()
        self._hang_up(host)

    def reboot(self, host: str) -> None:
        """As after up(): fresh root, empty disk."""
        self.power_cut(host)
        self.start(host, fresh_disk=True)

    def restart(self, host: str) -> None:
        """A reboot as of a real host: an orderly end, then the same files and the same disk. Only with systemd."""
        guest = self.guest(host)
        if not json.loads((self.directory / "lab.json").read_text())["systemd"]:
            raise LabError("restart: only hosts with systemd shut down in order (up --systemd)")
        self.run(host, "systemctl poweroff", check=False)
        if not guest.wait_gone(60):
            raise LabError(f"{host} does not shut down; the end of {guest.log}:\n{guest.log_tail()}")
        self._hang_up(host)
        self._boot([guest], fresh_root=False)

    def reset(self, host: str) -> None:
        """Removes what tests leave: pools, processes, users' files. Quicker than a reboot, which it falls back to; either way programs stay."""
        script = (HERE / "reset.sh").read_text()
        try:
            done = self.run(host, f"sh -s {time.time():.3f}", check=False, input=script, timeout=30).returncode == 0
        except subprocess.TimeoutExpired:
            done = False
        if done:
            return
        self.reboot(host)
        for remote, local in self._programs[host].items():
            self.copy(host, local, remote)

    def pid(self, host: str) -> int | None:
        """The process id of a running host."""
        return self.guest(host).pid()

    # Commands

    @property
    def ssh_config(self) -> Path:
        return self.directory / "ssh_config"

    @property
    def environment(self) -> dict[str, str]:
        """What programs in the namespace need to find the lab; inventory.yml reads it."""
        return {
            "FERRO_LAB_NAME": self.name,
            "FERRO_LAB_SSH_CONFIG": str(self.ssh_config),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.directory / "ansible"),
            "ANSIBLE_INVENTORY": os.environ.get("ANSIBLE_INVENTORY", str(HERE / "inventory.yml")),
        }

    def run(
        self, host: str, command: str, user: str = "root", check: bool = True, input: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Runs a shell command on a host, over one connection per user that stays open."""
        ssh = self._ssh(host, user, command)
        result = subprocess.run(ssh, input=input or "", capture_output=True, text=True, timeout=timeout * PATIENCE, check=False)
        if check and result.returncode != 0:
            raise LabError(f"{user}@{host}: {command}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def popen(self, host: str, command: str, user: str = "root", **options: Any) -> subprocess.Popen[Any]:
        """Like run(), but returns while the command runs. `options` are those of subprocess.Popen."""
        return subprocess.Popen(self._ssh(host, user, command), **options)

    def exec(self, command: Sequence[str], env: Mapping[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[Any]:
        """Runs a local program (ansible-playbook, ssh) where it reaches the hosts. `options` are those of subprocess.run."""
        environment = {**os.environ, **self.environment, **(env or {})}
        return subprocess.run(self.namespaced(command), **{"check": False, **options}, env=environment)

    def copy(self, host: str, local: str | Path, remote: str) -> None:
        """Copies a local file or folder to a host, as root."""
        if remote.startswith("/usr/local/bin/"):
            self._programs[host][remote] = local
        call(self.namespaced(["scp", "-qrp", "-F", str(self.ssh_config), *self._control(host, "root"), str(local), f"root@{host}:{remote}"]))

    def namespaced(self, command: Sequence[str]) -> list[str]:
        self._require_up()
        return ["ip", "netns", "exec", self.network.name, *command]

    # Lines between hosts

    def cut_line(self, host: str) -> None:
        """Unplugs the host: what is sent to it or by it is lost, and connections stall."""
        self.network.set_line(self.guest(host).host, up=False)

    def heal_line(self, host: str) -> None:
        """Undoes cut_line and shape_line."""
        self.network.set_line(self.guest(host).host, up=True)
        self.shape_line(host)

    def shape_line(self, host: str, delay_ms: float | None = None, mbit: float | None = None) -> None:
        """A slower network: `delay_ms` is added to every round trip, `mbit` limits each direction. Not asked for means not limited."""
        # The guest's own kernel delays, because not every kernel that a lab runs on can.
        limits = ([] if delay_ms is None else ["delay", f"{delay_ms}ms"]) + ([] if mbit is None else ["rate", f"{mbit}mbit"])
        command = "tc qdisc del dev vec0 root 2>/dev/null || true"
        if limits:
            command = f"tc qdisc replace dev vec0 root netem limit 10000 {' '.join(limits)}"
        self.run(host, command, timeout=30)
        self.network.limit_receiving(host, mbit)

    def net(self, host: str, action: str, value: float | None = None) -> None:
        """The above by name: cut, heal, delay MS, rate MBIT."""
        match action, value:
            case "cut", None:
                self.cut_line(host)
            case "heal", None:
                self.heal_line(host)
            case "delay", float() | int():
                self.shape_line(host, delay_ms=value)
            case "rate", float() | int():
                self.shape_line(host, mbit=value)
            case _:
                raise LabError(f"net {action}: cut, heal, delay MS or rate MBIT")

    # Parts of the above

    def guest(self, host: str) -> Guest:
        if host not in self._guests:
            raise LabError(f"no such host: {host} ({', '.join(self._guests)})")
        return self._guests[host]

    def _boot(self, guests: Sequence[Guest], fresh_disk: bool = False, fresh_root: bool = True) -> None:
        self._require_up()
        settings = json.loads((self.directory / "lab.json").read_text())
        for guest in guests:
            if guest.pid() is not None:
                raise LabError(f"{guest.host} runs already")
            guest.start(Path(settings["root"]), settings["memory"], settings["systemd"], fresh_disk, fresh_root)
        with ThreadPoolExecutor(len(guests)) as pool:
            for waiting in [pool.submit(guest.wait_ready) for guest in guests]:
                waiting.result()

    def _check_space(self, guests: int) -> None:
        if not SHM.is_dir() or not os.path.ismount(SHM):
            raise LabError(f"{SHM} is no tmpfs; guests have their memory there")
        needed = guests * gigabytes(str(self._wanted["memory"]))
        free = shutil.disk_usage(SHM).free / (1 << 30)
        if free < needed:
            raise LabError(f"{SHM} has {free:.1f} GB free, {guests} hosts may need {needed:.1f}")

    def _require_up(self) -> None:
        if not self.ssh_config.exists() or not self.network.exists():
            raise LabError(f"the lab '{self.name}' is not up")

    def _control(self, host: str, user: str) -> list[str]:
        return ["-o", f"ControlPath={self.directory}/{user}@{host}.ssh"]

    def _ssh(self, host: str, user: str, command: str) -> list[str]:
        self.guest(host)
        ssh = self.namespaced(["ssh", "-F", str(self.ssh_config), *self._control(host, user)])
        if not (self.directory / f"{user}@{host}.ssh").exists():
            # On its own, and with its output in a file: else it would hold the pipes of the command
            # that happened to start it.
            log = self.directory / f"{user}@{host}.log"
            with log.open("w") as output:
                master = subprocess.run(
                    [*ssh, "-o", "ControlMaster=auto", "-MNf", f"{user}@{host}"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
                )
            if master.returncode != 0:
                raise LabError(f"no connection to {user}@{host}: {log.read_text().strip()}")
        return [*ssh, f"{user}@{host}", "--", command]

    def _hang_up(self, host: str) -> None:
        """Ends the open connections to a host, which would else wait for it for minutes."""
        for control in self.directory.glob(f"*@{host}.ssh"):
            subprocess.run(["ssh", "-O", "exit", "-o", f"ControlPath={control}", host], capture_output=True, check=False)
            control.unlink(missing_ok=True)


def build(image: str) -> str:
    """The folder of a built image; builds it if need be, which reports its progress on stderr."""
    result = subprocess.run([HERE / "build", image], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise LabError(f"the image '{image}' could not be built")
    return result.stdout.strip()


def gigabytes(memory: str) -> float:
    match = re.fullmatch(r"(\d+)([MG])", memory)
    if match is None:
        raise LabError(f"memory '{memory}': a number and M or G")
    return int(match[1]) / (1024 if match[2] == "M" else 1)


if __name__ == "__main__":
    from cli import main

    sys.exit(main())
