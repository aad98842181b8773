# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every ansible-core that `make` has set up, each with the archive installed into an empty path."""

from __future__ import annotations

import shutil
import tempfile
import typing as t
from pathlib import Path

import pytest

from .controller import Controller
from .hosts import Sshd

ROOT = Path(__file__).resolve().parents[3]
CORES = [name for name in (".venvs/oldest", ".venv", ".venvs/newest") if (ROOT / name / "bin/ansible-playbook").exists()]


@pytest.fixture(scope="session")
def scratch() -> t.Iterator[Path]:
    # Short: the path of a control socket of ssh has at most 108 bytes. Readable: other users'
    # modules run from here.
    path = Path(tempfile.mkdtemp(prefix="fz-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def archive() -> Path:
    found = sorted((ROOT / "dist").glob("ferro-zfs-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    assert found, "there is no archive: run `make dist`"
    return found[-1]


@pytest.fixture(scope="session")
def sshd(scratch: Path) -> t.Iterator[Sshd | None]:
    """None where there is no sshd: then only `connection: local` is tried."""
    if not (shutil.which("sshd") or Path("/usr/sbin/sshd").exists()):
        yield None
        return
    folder = scratch / "sshd"
    folder.mkdir()
    server = Sshd(folder)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def inventory(sshd: Sshd | None) -> list[str]:
    if sshd is None:
        return []
    return [sshd.add("plain"), sshd.add("arm", machine="aarch64"), sshd.add("riscv", machine="riscv64")]


@pytest.fixture(scope="session", params=CORES)
def core(request: pytest.FixtureRequest) -> str:
    """One of the ansible-cores, by the folder of its virtual environment."""
    return str(request.param)


def controller(core: str, scratch: Path, archive: Path, inventory: list[str], kind: str) -> Controller:
    folder = scratch / f"{Path(core).name.strip('.')}-{kind}"
    # Each core comes back with every file of tests where several files run at once.
    shutil.rmtree(folder, ignore_errors=True)
    made = Controller(ROOT / core / "bin", folder)
    made.install(archive)
    made.inventory += inventory
    return made


@pytest.fixture(scope="session")
def released(core: str, scratch: Path, archive: Path, inventory: list[str]) -> Controller:
    """The collection as its users get it."""
    return controller(core, scratch, archive, inventory, "released")


@pytest.fixture(scope="session")
def probed(core: str, scratch: Path, archive: Path, inventory: list[str]) -> Controller:
    """The collection with a probe in the place of its binaries, which says what reached it."""
    made = controller(core, scratch, archive, inventory, "probed")
    made.use_probes()
    return made
