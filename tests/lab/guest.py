"""One guest: a User-Mode Linux process with a throw-away root disk and a disk that outlives its power cuts."""

import os
import signal
import subprocess
import time
from pathlib import Path

from errors import LabError

READY_SECONDS = 180  # a guest takes 1 to 3; on a busy machine, at a low priority, it may be a minute
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
        root, disk = self.directory / "root.cow", self.directory / "disk"
        if fresh_root:
            root.unlink(missing_ok=True)
        if fresh_disk:
            disk.unlink(missing_ok=True)
        if not disk.exists():
            with disk.open("wb") as file:
                file.truncate(DISK_BYTES)
        cores = sorted(os.sched_getaffinity(0))
        # Not pinned, a guest is two to three times slower.
        core = cores[(self.number - 1) % len(cores)]
        command = ["ip", "netns", "exec", self.netns, "taskset", "-c", str(core), str(image / "linux")]
        command += [f"umid={self.umid}", f"uml_dir={self.directory}", f"mem={memory}", "seccomp=on"]
        command += [f"ubd0={root},{image / 'root.img'}", f"ubd1={disk}", "root=/dev/ubda", "rootfstype=ext4", "rw"]
        command += ["con=null", "con0=null,fd:1", "con1=null", "panic=-1", "quiet"]
        # The same address after a restart, else the other hosts look for the old one until their
        # ARP entries expire.
        command += [f"vec0:transport=tap,ifname={self.host},depth=128,gro=1,mac=02:00:0a:63:00:{self.number:02x}"]
        command += [f"lab.host={self.host}", f"lab.number={self.number}"]
        command += ["init=/sbin/init" if systemd else "init=/lab-init"]
        # The guest's memory is a file in TMPDIR, so that has to be a tmpfs.
        environment = {"PATH": os.environ["PATH"], "HOME": "/root", "TMPDIR": str(self.directory)}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/", start_new_session=True)
        (self.directory / "pid").write_text(f"{self._process.pid}\n")

    def wait_ready(self) -> None:
        """Returns when sshd answers; the guest says so on its console."""
        end = time.monotonic() + READY_SECONDS
        while f"lab: {self.host} is ready".encode() not in self.log.read_bytes():
            # Not pid(): the command line is empty for a moment while a process replaces itself, as
            # a guest does at its start.
            if self._process is None or self._process.poll() is not None:
                raise LabError(f"{self.host} died while it started; the end of {self.log}:\n{self.log_tail()}")
            if time.monotonic() > end:
                raise LabError(f"{self.host} is not up after {READY_SECONDS} s; the end of {self.log}:\n{self.log_tail()}")
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
