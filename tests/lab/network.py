"""A lab's network: a namespace with one bridge, and for every host a tap device that bears the host's name."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable

from errors import LabError

CONTROLLER = "10.99.0.254/24"
BRIDGE = "02:00:00:00:00:fe"


class Network:
    """The namespace `name`. Nothing in it is reachable from outside, nor the other way round."""

    def __init__(self, name: str) -> None:
        self.name = name

    def exists(self) -> bool:
        return os.path.exists(f"/run/netns/{self.name}")

    def create(self, hosts: Iterable[str]) -> None:
        ip("netns", "add", self.name)
        # With an address of its own, or else it takes that of a host, and another one when the line of that is cut: the other hosts would
        # not find us for as long as they remember the old one, up to a minute.
        bridge = f"link add bridge address {BRIDGE} type bridge"
        commands = ["link set lo up", bridge, f"address add {CONTROLLER} dev bridge", "link set bridge up"]
        for host in hosts:
            commands += [f"tuntap add dev {host} mode tap", f"link set {host} master bridge up"]
        for command in commands:
            ip("-n", self.name, *command.split())

    def remove(self) -> None:
        """Ends what still runs in the namespace (connections, shells), then the namespace, and with it all devices."""
        if not self.exists():
            return
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            end = time.monotonic() + 2
            while (pids := self.pids()) and time.monotonic() < end:
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal_number)
                time.sleep(0.02)
        ip("netns", "delete", self.name)

    def pids(self) -> list[int]:
        """Processes in the namespace, but for this one and those it runs under."""
        found = {int(pid) for pid in ip("netns", "pids", self.name).split()}
        return sorted(found - ancestors(os.getpid()))

    def set_line(self, host: str, up: bool) -> None:
        # Not by taking the device down: a guest whose frames are refused, and not merely lost,
        # gives its interface up for good.
        ip("-n", self.name, "link", "set", host, *(("master", "bridge") if up else ("nomaster",)))

    def limit_receiving(self, host: str, mbit: float | None) -> None:
        """Limits what the host receives; what it sends is limited in the guest."""
        tc = ["tc", "-n", self.name, "qdisc"]
        subprocess.run([*tc, "del", "dev", host, "root"], capture_output=True, check=False)  # fails where there is none
        if mbit is not None:
            call([*tc, "add", "dev", host, "root", "tbf", "rate", f"{mbit}mbit", "burst", "64kb", "latency", "100ms"])


def ip(*arguments: str) -> str:
    return call(["ip", *arguments])


def call(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise LabError(f"{' '.join(command)}: {result.stderr.strip() or f'exit status {result.returncode}'}")
    return result.stdout


def ancestors(pid: int) -> set[int]:
    found = set()
    while pid > 0:
        found.add(pid)
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            pid = int(stat.read().rpartition(")")[2].split()[1])
    return found
