# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-lint says of our modules in users' playbooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

COLLECTIONS = Path(__file__).resolve().parents[4] / ".cache/collections"
RIGHT = [
    {"ferro.zfs.zfs_replicate": {"source": "{{ a }}", "target": "vault", "recursive": "{{ a }}", "raw": "{{ a }}"}},
    # A template within an option.
    {"ferro.zfs.zfs_replicate": {"source": "tank", "target": "vault", "ssh": {"port": "{{ a }}"}}},
    {"ferro.zfs.zfs_prune": {"datasets": [{"dataset": "tank", "policy": "high", "snapshots_discover_children": "{{ a }}"}]}},
    {"ferro.zfs.zfs_policy_snapshot": {"datasets": "{{ zfs | ferro.zfs.zfs_datasets_with_policy }}"}},
    {"ferro.zfs.zfs_delegate": {"dataset": "tank", "users": "{{ a }}", "jobs": "{{ a }}"}},
    {"ferro.zfs.zfs_info": {}},
]
WRONG = [
    {"ferro.zfs.zfs_replicate": {"source": "tank", "target": "vault", "on_diverged": "rolback"}},
    {"ferro.zfs.zfs_replicate": {"source": "tank", "target": "vault", "ssh": {"prot": 22}}},
    {"ferro.zfs.zfs_prune": {"datasets": [], "keep_witin": "2d"}},
    {"ferro.zfs.zfs_policy_snapshot": {"prefix": "autosnap"}},
    {"ferro.zfs.zfs_delegate": {"dataset": "tank", "state": "absnt", "everyone": True}},
    {"ferro.zfs.zfs_info": {"onyl": "pools"}},
]


@pytest.mark.slow
def test_options_are_checked_but_for_templates(tmp_path: Path) -> None:
    tasks = [{"name": f"Task {number}", **task} for number, task in enumerate(RIGHT + WRONG)]
    play = {"name": "Try", "hosts": "all", "gather_facts": False, "vars": {"a": 1}, "tasks": tasks}
    # A file is taken for a playbook by where it lies.
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks/it.yml").write_text(f"---\n{yaml.safe_dump([play], sort_keys=False)}", encoding="utf-8")
    command = [Path(sys.executable).parent / "ansible-lint", "--offline", "-q", "-f", "codeclimate", "playbooks/it.yml"]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    found = [entry["location"]["lines"]["begin"] for entry in json.loads(done.stdout) if entry["check_name"] == "args[module]"]
    lines = (tmp_path / "playbooks/it.yml").read_text(encoding="utf-8").splitlines()
    wrong = [lines.index(f"  - name: Task {number}") + 1 for number in range(len(RIGHT), len(tasks))]
    assert (found, "exception" in done.stderr) == (wrong, False), done
