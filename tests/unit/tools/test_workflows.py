# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows do nothing that nobody can do at home: they run targets of the Makefile."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def jobs(workflow: Path) -> list[dict[str, t.Any]]:
    return list(yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_step_is_a_target_or_an_action_that_cannot_change(workflow: Path) -> None:
    for job in jobs(workflow):
        assert any("run" in step for step in job["steps"])
        for step in job["steps"]:
            if "run" in step:
                assert (made := re.fullmatch(r"make ([a-z0-9-]+)", step["run"])) and made[1] in TARGETS, step
            else:
                assert re.fullmatch(r"\./\.github/actions/[a-z]+|[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"]), step


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_no_job_may_write(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} for job in jobs(workflow))


def test_every_ansible_and_openzfs_that_is_promised_is_tried() -> None:
    promised = (ROOT / "docs/support.md").read_text(encoding="utf-8")
    (sanity,) = jobs(ROOT / ".github/workflows/sanity.yml")
    cores = {one["core"] for one in sanity["strategy"]["matrix"]["include"]} - {"devel"}
    row = re.search(r"^\| ansible-core \|(.*)$", promised, re.MULTILINE)
    assert row is not None and set(re.findall(r"2\.\d+", row[1])) == cores
    _all, zfs = jobs(ROOT / ".github/workflows/lab.yml")
    row = re.search(r"^\| OpenZFS on targets \|(.*)$", promised, re.MULTILINE)
    assert row is not None and set(re.findall(r"2\.\d+", row[1])) == set(zfs["strategy"]["matrix"]["zfs"])
