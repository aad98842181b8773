#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first process in the namespaces of a fleet: makes the network and the hosts, then waits. With it all of them end.

light_hosts.py starts it with `unshare`, gives the names of the hosts and the controller's public key, and reads "up" when all are.
"""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACE = Path("/run/fleet")
CONTROLLER = "10.98.255.254/16"
# What a host has of this machine; the rest of / is not there, nor what somebody has installed or
# set up here.
KEPT = {"bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "var"}
EMPTY = {
    "dev": 0o755,
    "proc": 0o555,
    "sys": 0o555,
    "run": 0o755,
    "tmp": 0o1777,
    "root": 0o700,
    "home": 0o755,
    "var/tmp": 0o1777,
    "etc/ssh": 0o755,
    "etc/systemd/system": 0o755,
    "etc/ferro-zfs": 0o755,
    "usr/local/bin": 0o755,
    "usr/local/sbin": 0o755,
    "var/lib/ferro-zfs": 0o755,
    "var/cache": 0o755,
    "var/log": 0o755,
}
SSHD = """\
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""
# What Debian's packages leave behind, as far as the roles look at it.
# The zfs and zpool of a host; the package is where the module path below says.
LAUNCHER = """\
#!/usr/bin/python3 -IS
import sys
sys.path.insert(0, "/usr/lib/fake-zfs")
from fake_zfs.program import start
start()
"""
INSTALLED = "\nPackage: {name}\nStatus: install ok installed\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nVersion: 2.3.9-1\nDescription: fake\n"
PACKAGES = ("zfsutils-linux", "zfs-zed")


def address(number: int) -> str:
    return f"10.98.{number // 250}.{number % 250 + 1}"


def main() -> None:
    controller_key, *names = sys.argv[1:]
    # Ctrl-C is for the program that started this one, which then lets go of our stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    # Over the machine's own, where `ip netns` notes its namespaces. In memory, which goes with the
    # namespace.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=80%", "tmpfs", "/run"], check=True)
    make_seed(PLACE / "seed", controller_key)
    make_network(names)
    for name in names:
        start(name)
    wait_for(names)
    print("up", flush=True)
    while True:  # as init does: of those who have lost their parent
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(1)


def end_with_stdin() -> None:
    """Nobody holds the other end any more: whoever started this has gone. The kernel ends all others in the namespace with us."""
    sys.stdin.buffer.read()
    os._exit(0)


def make_seed(seed: Path, controller_key: str) -> None:
    """The layer between the machine's root and what a host writes: hides what is the machine's own, and adds what a host has."""
    for path, mode in EMPTY.items():
        (seed / path).mkdir(parents=True)
        (seed / path).chmod(mode)
        os.setxattr(seed / path, "trusted.overlay.opaque", b"y")
    for other in set(os.listdir("/")) - KEPT - set(EMPTY):
        os.mknod(seed / other, stat.S_IFCHR)  # a character device 0:0 says "not there"
    for path, text, mode in fakes():
        target = seed / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)
    for folder in ("enabled", "active"):
        (seed / "var/lib/fake-systemctl" / folder).mkdir(parents=True)
        (seed / "var/lib/fake-systemctl" / folder / "zfs-zed.service").touch()
    (seed / "root/.ssh").mkdir(mode=0o700)
    (seed / "root/.ssh/authorized_keys").write_text(f"{controller_key}\n", encoding="utf-8")
    state = seed / "var/lib/fake-zfs"
    state.mkdir(parents=True)
    # The accounts that replicate use it, too.
    state.chmod(0o777)
    (state / "allow-help").write_text((HERE.parent / "it/fixtures/allow/2.3.9/help.txt").read_text(encoding="utf-8"), encoding="utf-8")
    for file, text in (("lock", ""), ("state.json", '{"pools": {}, "datasets": {}, "txg": 4}')):
        (state / file).write_text(text, encoding="utf-8")
        (state / file).chmod(0o666)


def fakes() -> list[tuple[str, str, int]]:
    """Path, content and mode of what a host has in place of the machine's own."""
    files = [("usr/sbin/zfs", LAUNCHER, 0o755), ("usr/sbin/zpool", LAUNCHER, 0o755)]
    files += [(f"usr/lib/fake-zfs/fake_zfs/{file.name}", file.read_text(encoding="utf-8"), 0o644) for file in (HERE / "fake_zfs").glob("*.py")]
    files += [("usr/bin/systemctl", (HERE / "fake_systemctl.sh").read_text(encoding="utf-8"), 0o755)]
    files += [("usr/sbin/modinfo", "#!/bin/sh\necho 2.3.9-1\n", 0o755), ("usr/lib/systemd/system/zfs-zed.service", "[Unit]\n", 0o644)]
    files += [("etc/ssh/sshd_config", SSHD, 0o644)]
    status = Path("/var/lib/dpkg/status")
    if status.exists():
        installed = status.read_text(encoding="utf-8")
        missing = [name for name in PACKAGES if f"\nPackage: {name}\n" not in installed]
        files += [(str(status.relative_to("/")), installed.rstrip("\n") + "\n" + "".join(map(entry, missing)), 0o644)]
    return files


def entry(name: str) -> str:
    return INSTALLED.format(name=name)


def make_network(names: list[str]) -> None:
    """One bridge, on which the controller (this namespace) and each host (a namespace of its own) have an address. No way out."""
    lines = ["link set lo up", "link add bridge type bridge", f"address add {CONTROLLER} dev bridge", "link set bridge up"]
    for number, name in enumerate(names):
        lines += [f"netns add {name}", f"link add port{number} type veth peer name eth0 netns {name}", f"link set port{number} master bridge up"]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    for number, name in enumerate(names):
        lines = [f"address add {address(number)}/16 dev eth0", "link set eth0 up"]
        subprocess.run(["ip", "-netns", name, "-batch", "-"], input="\n".join(lines), text=True, check=True)


def start(name: str) -> None:
    for folder in ("upper", "work", "root"):
        (PLACE / "hosts" / name / folder).mkdir(parents=True)
    unshare = ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child"]
    with (PLACE / "hosts" / name / "log").open("w", encoding="utf-8") as log:
        command = ["ip", "netns", "exec", name, *unshare, "sh", str(HERE / "host.sh"), name]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
    (PLACE / "hosts" / name / "unshare").write_text(str(process.pid), encoding="ascii")


def wait_for(names: list[str]) -> None:
    """Until each answers on port 22. Whoever says something before is in trouble."""
    end = time.monotonic() + 120
    waiting = list(names)
    while waiting:
        for name in list(waiting):
            log = (PLACE / "hosts" / name / "log").read_text(encoding="utf-8")
            if log:
                sys.exit(f"{name}: {log}")
            if answers(names.index(name)):
                waiting.remove(name)
        if time.monotonic() > end:
            sys.exit(f"no sshd answers on {', '.join(waiting)} after two minutes")
        time.sleep(0.05)


def answers(number: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((address(number), 22)) == 0


if __name__ == "__main__":
    main()
