"""One guest: a process with a throw-away root disk and a disk that outlives its power cuts. machines.py says what process."""

import os
import signal
import subprocess
import time
from pathlib import Path

from errors import LabError
from machines import machine_of

DISK_BYTES = 2 << 30


class Guest:
    """The process of one host of one lab. `directory` is the guest's own; `umid` names it machine-wide."""

    def __init__(self, host: str, number: int, netns: str, directory: Path) -> None:
        self.host = host
        self.number = number
        self.netns = netns
        self.directory = directory
        self.umid = f"{netns}-{host}"
        self.log = directory / "log"
        self.root = directory / "root.cow"
        self.disk = directory / "disk"
        self._ready_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def pid(self) -> int | None:
        """The running guest's process id; a recycled id, or a guest that has ended, is None."""
        if self._process is not None:
            self._process.poll()  # reaps it if it has ended
        try:
            pid = int((self.directory / "pid").read_text())
            command_line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        return pid if f"umid={self.umid}".encode() in command_line else None

    def start(self, image: Path, memory: str, systemd: bool, fresh_disk: bool, fresh_root: bool = True) -> None:
        """Starts the guest and returns at once; `wait_ready` waits for it."""
        self.directory.mkdir(exist_ok=True)
        if fresh_root:
            self.root.unlink(missing_ok=True)
        if fresh_disk:
            self.disk.unlink(missing_ok=True)
        if not self.disk.exists():
            with self.disk.open("wb") as file:
                file.truncate(DISK_BYTES)
        machine = machine_of(image)
        self._ready_seconds = machine.ready_seconds
        command = machine.command(self, image, memory, "/sbin/init" if systemd else "/lab-init")
        # A guest's memory may be a file in TMPDIR, so that has to be a tmpfs.
        environment = {"PATH": os.environ["PATH"], "HOME": "/root", "TMPDIR": str(self.directory)}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/", start_new_session=True)
        (self.directory / "pid").write_text(f"{self._process.pid}\n")

    def wait_ready(self) -> None:
        """Returns when sshd answers; the guest says so on its console."""
        end = time.monotonic() + self._ready_seconds
        while f"lab: {self.host} is ready".encode() not in self.log.read_bytes():
            # Not pid(): the command line is empty for a moment while a process replaces itself, as
            # a guest does at its start.
            if self._process is None or self._process.poll() is not None:
                raise LabError(f"{self.host} died while it started; the end of {self.log}:\n{self.log_tail()}")
            if time.monotonic() > end:
                raise LabError(f"{self.host} is not up after {self._ready_seconds:.0f} s; the end of {self.log}:\n{self.log_tail()}")
            time.sleep(0.02)

    def log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def wait_gone(self, seconds: float) -> bool:
        """Waits for a guest that shuts itself down; says whether it has."""
        end = time.monotonic() + seconds
        while self.pid() is not None and time.monotonic() < end:
            time.sleep(0.02)
        return self.pid() is None

    def kill(self) -> None:
        """As if the power failed: nothing is flushed, the process is gone when this returns."""
        pid = self.pid()
        if pid is None:
            return
        # The guest leads a session of its own, so its group is exactly its own helper processes.
        os.killpg(pid, signal.SIGKILL)
        end = time.monotonic() + 10
        while self.pid() is not None:
            if time.monotonic() > end:
                raise LabError(f"{self.host} (process {pid}) does not end")
            time.sleep(0.01)
