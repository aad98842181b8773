# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache on the target: sent once, checked each time, never in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import typing as t
import uuid
from pathlib import Path

import pytest

from .controller import Controller
from .hosts import Sshd

TASK = "- name: it\n  ferro.zfs.zfs_replicate: {source: tank, target: backup}\n"

root_only = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


@pytest.fixture
def fresh(probed: Controller, sshd: Sshd | None) -> t.Iterator[str]:
    """A host that has never been seen."""
    if sshd is None:
        pytest.skip("no sshd here")
    name = f"h{uuid.uuid4().hex[:6]}"
    before = [*probed.inventory]
    probed.inventory.append(sshd.add(name))
    yield name
    probed.inventory = before


def cached(home: Path) -> list[Path]:
    return sorted((home / ".cache/ansible-ferro.zfs").glob("*"))


def test_sent_once_then_one_round_trip(probed: Controller, sshd: Sshd, fresh: str) -> None:
    def calls() -> int:
        assert probed.play(fresh, TASK).one("it").outcome == "ok"
        return len(sshd.calls(fresh))

    assert calls() == 3
    assert calls() == 1
    (binary,) = cached(sshd.home(fresh))
    assert binary.stat().st_mode & 0o7777 == 0o500
    assert binary.parent.stat().st_mode & 0o7777 == 0o700


def test_damage_heals(probed: Controller, sshd: Sshd, fresh: str) -> None:
    probed.play(fresh, TASK)
    (binary,) = cached(sshd.home(fresh))
    whole = binary.read_bytes()
    damages = {"emptied": b"", "cut": whole[:-9], "altered": whole[:-9] + b"#" * 9}
    for name, damage in damages.items():
        host = f"{fresh}-{name}"
        probed.inventory.append(sshd.add(host))
        shutil.copytree(sshd.home(fresh) / ".cache", sshd.home(host) / ".cache")
        (copy,) = cached(sshd.home(host))
        copy.chmod(0o700)
        copy.write_bytes(damage)
    run = probed.play(",".join(f"{fresh}-{name}" for name in damages), TASK)
    for name in damages:
        assert run.one("it", f"{fresh}-{name}").outcome == "ok"
        assert cached(sshd.home(f"{fresh}-{name}"))[0].read_bytes() == whole


def test_old_versions_go_and_new_ones_stay(probed: Controller, sshd: Sshd, fresh: str) -> None:
    folder = sshd.home(fresh) / ".cache/ansible-ferro.zfs"
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    old, recent = f"zfs_replicate-{'0' * 64}", f"zfs_replicate-{'1' * 64}"
    for name, days in ((old, 40), (recent, 5), ("notes", 40)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - days * 86400,) * 2)
    probed.play(fresh, TASK)
    assert len(cached(folder.parent.parent)) == 3
    assert not (folder / old).exists()


def test_many_at_once(probed: Controller, sshd: Sshd, fresh: str) -> None:
    hosts = [f"{fresh}{number}" for number in range(8)]
    line = probed.inventory[-1].split(" ", 1)[1]
    probed.inventory += [f"{host} {line}" for host in hosts]
    run = probed.play(",".join(hosts), TASK, "-f", "8")
    assert [record.outcome for record in run.records] == ["ok"] * 8
    assert len(cached(sshd.home(fresh))) == 1


def test_another_directory(probed: Controller, sshd: Sshd, fresh: str) -> None:
    folder = sshd.home(fresh) / "it's elsewhere"
    run = probed.play(fresh, TASK + f'  vars: {{zfs_native_cache_dir: "{folder}"}}\n')
    assert Path(run.one("it").result["program"]).parent == folder / f"ansible-ferro.zfs-{os.getuid()}"
    assert cached(sshd.home(fresh)) == []


def test_a_link_is_not_followed(probed: Controller, sshd: Sshd, fresh: str) -> None:
    """Whoever could put it there could also move it between the check and the run."""
    folder = sshd.home(fresh) / "folder"
    folder.mkdir()
    (folder / f"ansible-ferro.zfs-{os.getuid()}").symlink_to(sshd.home(fresh))
    run = probed.play(fresh, TASK + f'  vars: {{zfs_native_cache_dir: "{folder}"}}\n')
    assert "ansible-tmp-" in run.one("it").result["program"]


@root_only
def test_what_others_own_is_not_run(probed: Controller, sshd: Sshd, fresh: str) -> None:
    probed.play(fresh, TASK)
    (binary,) = cached(sshd.home(fresh))
    os.chown(binary, 65534, 65534)
    sshd.calls(fresh)
    assert probed.play(fresh, TASK).one("it").outcome == "ok"
    assert binary.stat().st_uid == 0
    os.chown(binary.parent, 65534, 65534)
    os.chown(binary, 65534, 65534)
    run = probed.play(fresh, TASK)
    assert str(sshd.home(fresh)) not in run.one("it").result["program"]


@pytest.fixture
def noexec(scratch: Path) -> t.Iterator[Path]:
    folder = scratch / f"noexec-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "noexec,mode=1777", "none", str(folder)], check=False).returncode != 0:
        pytest.skip("cannot mount here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@root_only
def test_noexec(probed: Controller, sshd: Sshd, fresh: str, noexec: Path) -> None:
    run = probed.play(
        fresh,
        f"""
- name: cache
  ferro.zfs.zfs_replicate: {{source: tank, target: backup}}
  vars: {{zfs_native_cache_dir: "{noexec}/cache"}}
- name: all
  ferro.zfs.zfs_replicate: {{source: tank, target: backup}}
  vars: {{zfs_native_cache_dir: "{noexec}/cache", ansible_remote_tmp: "{noexec}/tmp"}}
""",
    )
    assert "ansible-tmp-" in run.one("cache").result["program"]
    refused = run.one("all").result
    assert refused["msg"].startswith("zfs_replicate cannot be run on the target: permission denied.")
    assert "zfs_native_cache_dir" in refused["msg"]


@root_only
def test_noexec_home(probed: Controller, sshd: Sshd, fresh: str, noexec: Path) -> None:
    (sshd.home(fresh) / ".cache").symlink_to(noexec)
    run = probed.play(fresh, TASK)
    assert run.one("it").result["program"].startswith("/var/cache/ansible-ferro.zfs/")
    shutil.rmtree("/var/cache/ansible-ferro.zfs")


@pytest.fixture(scope="session")
def somebody(scratch: Path) -> t.Iterator[str]:
    """A user with a home."""
    name = f"fz{uuid.uuid4().hex[:6]}"
    subprocess.run(["useradd", "--create-home", "--home-dir", str(scratch / name), "--shell", "/bin/sh", name], check=True)
    (scratch / name).chmod(0o700)
    yield name
    subprocess.run(["userdel", name], check=True)


@root_only
@pytest.mark.parametrize("method", ["su", "sudo"])
def test_become(probed: Controller, sshd: Sshd, fresh: str, somebody: str, scratch: Path, method: str) -> None:
    if shutil.which(method) is None:
        pytest.skip(f"no {method} here")
    run = probed.play(
        f"{fresh},local",
        f"""
- name: root
  ferro.zfs.zfs_replicate: {{source: tank, target: backup}}
  become: true
- name: user
  ferro.zfs.zfs_replicate: {{source: tank, target: backup}}
  become: true
  become_user: {somebody}
- name: homeless
  ferro.zfs.zfs_replicate: {{source: tank, target: backup}}
  become: true
  become_user: nobody
  # nobody has no shell to log in to.
  become_flags: "{{{{ '-s /bin/sh' if '{method}' == 'su' else '-H -S -n' }}}}"
""",
        play=f"  vars: {{ansible_become_method: {method}}}\n",
    )
    for host in (fresh, "local"):
        assert run.one("root", host).result["user"] == "root"
        user = run.one("user", host).result
        assert user["user"] == somebody
        assert user["program"].startswith(f"{scratch}/{somebody}/.cache/ansible-ferro.zfs/")
        homeless = run.one("homeless", host).result
        assert homeless["user"] == "nobody"
        assert homeless["program"].startswith("/tmp/ansible-ferro.zfs-65534/")
    shutil.rmtree("/tmp/ansible-ferro.zfs-65534")
