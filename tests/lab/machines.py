"""What process a guest is: the Linux of this machine as a program, or an emulated machine."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from errors import LabError


class Described(Protocol):
    """What a machine needs to know of a guest."""

    host: str
    number: int
    netns: str
    umid: str
    directory: Path
    root: Path
    disk: Path


def machine_of(image: Path) -> "UserMode | Emulated":
    """An image says by what is in it which machine it is for.

    The command that it gives has the word `umid=UMID`, by which a guest's process is known.
    """
    return Emulated() if (image / "qemu").is_dir() else UserMode()


def mac(guest: Described) -> str:
    # The same address after a restart, else the other hosts look for the old one until their ARP
    # entries expire.
    return f"02:00:0a:63:00:{guest.number:02x}"


def identity(guest: Described) -> list[str]:
    return [f"lab.host={guest.host}", f"lab.number={guest.number}"]


@dataclass(frozen=True)
class UserMode:
    """User-Mode Linux: x86_64."""

    ready_seconds: float = 180  # a guest takes 1 to 3; on a busy machine, at a low priority, it may be a minute

    def command(self, guest: Described, image: Path, memory: str, init: str) -> list[str]:
        cores = sorted(os.sched_getaffinity(0))
        # Not pinned, a guest is two to three times slower.
        core = cores[(guest.number - 1) % len(cores)]
        command = ["ip", "netns", "exec", guest.netns, "taskset", "-c", str(core), str(image / "linux")]
        command += [f"umid={guest.umid}", f"uml_dir={guest.directory}", f"mem={memory}", "seccomp=on"]
        command += [f"ubd0={guest.root},{image / 'root.img'}", f"ubd1={guest.disk}", "root=/dev/ubda", "rootfstype=ext4", "rw"]
        command += ["con=null", "con0=null,fd:1", "con1=null", "panic=-1", "quiet"]
        command += [f"vec0:transport=tap,ifname={guest.host},depth=128,gro=1,mac={mac(guest)}"]
        return [*command, *identity(guest), f"init={init}"]


@dataclass(frozen=True)
class Emulated:
    """A machine of aarch64 in QEMU, which runs from a folder of the image with its own C library."""

    ready_seconds: float = 600  # a guest takes 20 on an idle machine

    def command(self, guest: Described, image: Path, memory: str, init: str) -> list[str]:
        if not guest.root.exists():
            made = [*program(image, "qemu-img"), "create", "-q", "-f", "qcow2", "-b", str(image / "root.img"), "-F", "raw", str(guest.root)]
            done = subprocess.run(made, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise LabError(f"{' '.join(made)}: {done.stderr.strip()}")
        command = ["ip", "netns", "exec", guest.netns, *program(image, "qemu-system-aarch64", f"umid={guest.umid}")]
        command += ["-M", "virt", "-cpu", "cortex-a72", "-m", memory, "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"]
        command += ["-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd")]
        command += ["-append", " ".join(["console=ttyAMA0", "panic=-1", "quiet", *identity(guest), f"init={init}"])]
        command += ["-drive", f"if=none,id=root,format=qcow2,cache=unsafe,file={guest.root}", "-device", "virtio-blk-pci,drive=root"]
        command += ["-drive", f"if=none,id=disk,format=raw,file={guest.disk}", "-device", "virtio-blk-pci,drive=disk"]
        command += ["-netdev", f"tap,id=line,ifname={guest.host},script=no,downscript=no"]
        return [*command, "-device", f"virtio-net-pci,netdev=line,romfile=,mac={mac(guest)}"]


def program(image: Path, name: str, called: str | None = None) -> list[str]:
    tree = image / "qemu"
    loader = [str(tree / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(tree / "lib/x86_64-linux-gnu")]
    return [*loader, *(["--argv0", called] if called else []), str(tree / "bin" / name)]
