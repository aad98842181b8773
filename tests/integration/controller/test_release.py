# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive as users get it: the real binaries, on both machines, and the documentation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from .controller import Controller
from .hosts import QEMU, Sshd, emulation_works

# Ansible takes -1 for an int; only the binary knows that this one counts.
TASK = "- name: it\n  ferro.zfs.zfs_replicate: {source: tank, target: backup, retries: -1}\n"
ANSWER = "option retries: expected an integer that fits here, got -1"


def test_contents(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
    tops = {member.name.split("/")[0] for member in members}
    allowed = {"MANIFEST.json", "FILES.json", "LICENSE", "README.md", "CHANGELOG.rst"}
    assert tops <= allowed | {"LICENSES", "changelogs", "docs", "meta", "monitoring", "playbooks", "plugins", "roles"}
    binaries = [member for member in members if "/_native/zfs_" in member.name]
    stems = [{member.name.removesuffix(end) for member in binaries if member.name.endswith(end)} for end in ("_x86_64", "_aarch64")]
    assert stems[0] == stems[1] and len(binaries) == 2 * len(stems[0]) > 0
    assert max(member.size for member in binaries) < 2_500_000
    names = {member.name for member in members}
    assert "plugins/module_utils/_native/NOTICES" in names
    for program in (Path(stem).name for stem in stems[0]):
        assert {f"docs/man/{program}.8", f"docs/completions/_{program}"} <= names
        assert {f"docs/completions/{program}.bash", f"docs/completions/{program}.fish"} <= names
    assert archive.stat().st_size < 20_000_000


def test_manual_pages_say_what_help_says(released: Controller, archive: Path) -> None:
    """Both are made of the same sources, but each in its own way."""
    for binary in sorted(released.native.glob(f"*_{os.uname().machine}")):
        program = binary.name.removesuffix(f"_{os.uname().machine}")
        helped = subprocess.run([str(binary), "--help"], check=True, capture_output=True, text=True).stdout
        with tarfile.open(archive) as opened:
            page = opened.extractfile(f"docs/man/{program}.8").read().decode()
        shown = re.findall(r"^\s+(?:-\w, )?--((?:\[no-\])?[a-z][a-z.-]*)", helped, re.MULTILINE)
        assert shown and all("\\-\\-" + flag.replace("-", "\\-") + "\\fR" in page for flag in shown), program


def test_local_and_ssh(released: Controller, sshd: Sshd | None) -> None:
    run = released.play("local" if sshd is None else "local,plain", TASK)
    assert {record.result["msg"] for record in run.records} == {ANSWER}


def test_emulated_aarch64_over_ssh(released: Controller, sshd: Sshd | None, scratch: Path) -> None:
    if sshd is None or not emulation_works(scratch, released.native / "zfs_replicate_aarch64"):
        pytest.skip("needs sshd, qemu-user-static and a user namespace with binfmt_misc (Linux 6.7)")
    name = f"emulated{len(sshd.hosts)}"
    released.inventory.append(sshd.add(name, machine="aarch64", emulated=True))
    run = released.play(name, TASK + TASK.replace("it", "again") + "- name: by upload" + TASK[10:] + "  vars: {zfs_native_cache: false}\n")
    assert [record.result["msg"] for record in run.records] == [ANSWER] * 3
    (binary,) = (sshd.home(name) / ".cache/ansible-ferro.zfs").glob("*")
    assert binary.read_bytes() == (released.native / "zfs_replicate_aarch64").read_bytes()


def test_nothing_goes_on_when_ansible_gives_up(released: Controller, sshd: Sshd | None) -> None:
    """sshd tells nobody that the other end is gone; it only closes standard output."""
    if sshd is None:
        pytest.skip("no sshd here")
    name = f"slow{len(sshd.hosts)}"
    released.inventory.append(sshd.add(name, programs={"zfs": 'echo $$ > "$HOME/zfs.pid"; exec sleep 60'}))
    lock = sshd.home(name) / "lock"
    task = f"- name: it\n  ferro.zfs.zfs_replicate: {{source: tank, target: backup, lock: {lock}}}\n  timeout: 6\n"
    assert released.play(name, task).one("it").outcome == "failed"
    child = Path("/proc") / (sshd.home(name) / "zfs.pid").read_text(encoding="utf-8").strip()
    for _attempt in range(100):
        if not child.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"zfs still runs: {(child / 'cmdline').read_bytes()!r}")


@pytest.mark.skipif(QEMU is None, reason="no qemu-aarch64-static here")
def test_aarch64_under_qemu(released: Controller) -> None:
    for binary in sorted(released.native.glob("*_aarch64")):
        version = subprocess.run([str(QEMU), str(binary), "--version"], check=True, capture_output=True, text=True).stdout
        assert version.split()[0] == binary.name.removesuffix("_aarch64")
    args = {"source": ["tank"], "target": "backup", "retries": -1}
    command = [str(QEMU), str(released.native / "zfs_replicate_aarch64"), "-"]
    done = subprocess.run(command, input=json.dumps(args), check=False, capture_output=True, text=True)
    assert (done.returncode, json.loads(done.stdout)["msg"], done.stderr) == (1, ANSWER, "")


def test_documentation(released: Controller) -> None:
    shown = released.program("ansible-doc", "-t", "module", "--json", "ferro.zfs.zfs_replicate", check=True).output
    documented = json.loads(shown[shown.index("{") :])["ferro.zfs.zfs_replicate"]
    assert documented["doc"]["options"]["source"]["required"] is True
    assert documented["doc"]["options"]["ssh"]["suboptions"]["port"]["type"] == "int"
    assert documented["doc"]["attributes"]["check_mode"]["support"] == "full"
    assert "ferro.zfs.zfs_replicate:" in documented["examples"]
    assert "datasets" in documented["return"]


def test_nothing_was_altered_on_the_way(released: Controller) -> None:
    released.program("ansible-galaxy", "collection", "verify", "--offline", "ferro.zfs", check=True)
