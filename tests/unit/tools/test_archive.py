# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same contents give the same archive."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

import archive

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow  # each of them starts Ansible

FILES = {"README.md": "read", "plugins/b.py": "b", "plugins/a.py": "a", "plugins/module_utils/_native/zfs_x86_64": "\x7fELF"}


def collection(folder: Path, names: list[str], umask: int) -> Path:
    old = os.umask(umask)
    folder.mkdir()
    galaxy = {"namespace": "ferro", "name": "zfs", "version": "1.2.3", "readme": "README.md", "authors": ["we"], "license": ["GPL-3.0-or-later"]}
    (folder / "galaxy.yml").write_text(json.dumps({**galaxy, "repository": "https://example.org"}), encoding="utf-8")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(FILES[name], encoding="utf-8")
        if "_native" in name:
            (folder / name).chmod(0o777 & ~umask)
    os.umask(old)
    return folder


def built(folder: Path, out: Path) -> bytes:
    galaxy = [Path(sys.executable).parent / "ansible-galaxy", "collection", "build", "--output-path", out, folder]
    subprocess.run(galaxy, check=True, capture_output=True)
    (made,) = out.glob("*.tar.gz")
    subprocess.run([sys.executable, ROOT / "tools/archive.py", made, "1700000000"], check=True)
    return made.read_bytes()


def test_two_builds_are_equal(tmp_path: Path) -> None:
    one = built(collection(tmp_path / "one", list(FILES), 0o022), tmp_path / "out-one")
    other = collection(tmp_path / "another", list(reversed(FILES)), 0o077)
    os.utime(other / "README.md", (1, time.time() + 1000))
    assert one == built(other, tmp_path / "out-another")
    with tarfile.open(fileobj=io.BytesIO(one)) as opened:
        members = {member.name: member for member in opened}
        listed = json.load(opened.extractfile("FILES.json"))["files"]  # type: ignore[arg-type]
    assert list(members)[:2] == ["MANIFEST.json", "FILES.json"]
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members.values()} == {(1700000000, 0, 0, "")}
    assert {member.name for member in members.values() if member.isfile() and member.mode == 0o755} == {"plugins/module_utils/_native/zfs_x86_64"}
    assert [file["name"] for file in listed] == sorted(file["name"] for file in listed)


def test_the_lists_of_contents_still_agree(tmp_path: Path) -> None:
    built(collection(tmp_path / "one", list(FILES), 0o022), tmp_path / "out")
    (made,) = (tmp_path / "out").glob("*.tar.gz")
    contents = archive.read(made)
    manifest = json.loads(contents["MANIFEST.json"][1])
    assert manifest["file_manifest_file"]["chksum_sha256"] == hashlib.sha256(contents["FILES.json"][1]).hexdigest()
    galaxy = Path(sys.executable).parent / "ansible-galaxy"
    install = [galaxy, "collection", "install", made, "--offline", "-p", tmp_path]
    subprocess.run(install, check=True, capture_output=True)
    verify = [galaxy, "collection", "verify", "--offline", "-p", tmp_path, "ferro.zfs"]
    done = subprocess.run(verify, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["plugins/a.py", "README.md"])
def test_a_change_shows(tmp_path: Path, name: str) -> None:
    one = built(collection(tmp_path / "one", list(FILES), 0o022), tmp_path / "out-one")
    other = collection(tmp_path / "another", list(FILES), 0o022)
    (other / name).write_text("changed", encoding="utf-8")
    assert one != built(other, tmp_path / "out-another")
