# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory that the guide shows is the one that the end-to-end tests use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.ferro.zfs.plugins.module_utils._argspec import SPECS

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = ROOT / "tests/integration/e2e/inventory"


def test_the_first_playbook_takes_snapshots_before_it_sends() -> None:
    """A newcomer's pool has none, and a replication of nothing would be green."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## A first playbook")[2]
    shown = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert shown is not None
    modules = [key for play in yaml.safe_load(shown[1]) for task in play["tasks"] for key in task if key.startswith("ferro.zfs.")]
    assert modules == ["ferro.zfs.zfs_policy_snapshot", "ferro.zfs.zfs_replicate"]


@pytest.mark.parametrize("file", sorted(str(path.relative_to(INVENTORY)) for path in INVENTORY.rglob("*.yml")))
def test_the_page_shows_what_is_tested(file: str) -> None:
    text = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    shown = re.search(rf"```yaml\n# {re.escape(file)}\n(.*?)```", text, re.DOTALL)
    assert shown is not None, f"docs/inventory.md does not show {file}"
    assert yaml.safe_load(shown[1]) == yaml.safe_load((INVENTORY / file).read_text(encoding="utf-8"))


def test_the_quickstart_uses_options_that_exist() -> None:
    text = (ROOT / "docs/quickstart.md").read_text(encoding="utf-8")
    plays = [play for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if block.startswith("- ") for play in yaml.safe_load(block)]
    used = [(key.rpartition(".")[2], set(options)) for play in plays for task in play["tasks"] for key, options in task.items() if key.startswith("ferro.zfs.")]
    assert [module for module, _options in used] == ["zfs_policy_snapshot", "zfs_prune", "zfs_replicate"]
    assert all(options <= set(SPECS[module]["argument_spec"]) for module, options in used)
