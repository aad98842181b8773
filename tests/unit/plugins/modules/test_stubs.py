# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module consists of agrees with the rest."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.ferro.zfs.plugins.module_utils._argspec import SPECS

ROOT = Path(__file__).resolve().parents[4]
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))


def test_every_module_is_in_the_action_group() -> None:
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["all"] == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_source_stub_action_and_spec(module: str) -> None:
    assert (ROOT / f"modules/{module}.rs").exists()
    action = importlib.import_module(f"ansible_collections.ferro.zfs.plugins.action.{module}")
    assert module == action.ActionModule.MODULE
    assert "argument_spec" in SPECS[module]


@pytest.mark.parametrize("module", MODULES)
def test_examples_use_known_options(module: str) -> None:
    stub = importlib.import_module(f"ansible_collections.ferro.zfs.plugins.modules.{module}")
    for task in yaml.safe_load(stub.EXAMPLES):
        assert task["name"]
        options = task.get(f"ferro.zfs.{module}")
        assert options is None or set(options) <= set(SPECS[module]["argument_spec"])


@pytest.mark.parametrize("module", MODULES)
def test_results_do_not_say_what_ansible_would_misread(module: str) -> None:
    """A list that is called `skipped` and not empty would make Ansible count the task as skipped, changes and all."""
    stub = importlib.import_module(f"ansible_collections.ferro.zfs.plugins.modules.{module}")
    returned = yaml.safe_load(stub.RETURN)
    states = {"changed", "failed", "skipped", "unreachable"} & set(returned)
    assert {returned[state]["type"] for state in states} <= {"bool"}


def test_versions_agree() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    cargo = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    changelog = yaml.safe_load((ROOT / "changelogs/changelog.yaml").read_text(encoding="utf-8"))
    assert cargo is not None
    assert cargo[1] == galaxy
    assert galaxy in changelog["releases"]
    assert f"v{galaxy}\n" in (ROOT / "CHANGELOG.rst").read_text(encoding="utf-8")


def test_the_changelog_names_every_plugin() -> None:
    """But for those of a release to come: making it adds them."""
    releases = yaml.safe_load((ROOT / "changelogs/changelog.yaml").read_text(encoding="utf-8"))["releases"].values()
    modules = [entry["name"] for release in releases for entry in release.get("modules", [])]
    filters = [entry["name"] for release in releases for entry in release.get("plugins", {}).get("filter", [])]
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    stubs = [importlib.import_module(f"ansible_collections.ferro.zfs.plugins.modules.{module}") for module in MODULES]
    told = [yaml.safe_load(stub.DOCUMENTATION) for stub in stubs]
    assert sorted(modules) == sorted(one["module"] for one in told if numbers(str(one["version_added"])) <= numbers(galaxy))
    docs = [yaml.safe_load(path.read_text(encoding="utf-8"))["DOCUMENTATION"] for path in (ROOT / "plugins/filter").glob("*.yml")]
    assert sorted(filters) == sorted(one["name"] for one in docs if numbers(one["version_added"]) <= numbers(galaxy))


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
