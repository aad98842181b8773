# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page for those who come from other tools tells them to type, exists."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/coming-from.md"
# Of the command line itself, and of zfs_info.
OWN = {"check", "text", "quiet", "debug", "nagios", "only"}
PARTS = ("snapshots", "pools", "capacity")


def flags(options: list[dict[str, t.Any]], above: str = "") -> t.Iterator[str]:
    for option in options:
        name = above + option["name"].replace("_", "-")
        yield name
        if option["type"] == "bool":
            yield f"no-{name}"
        yield from flags(option.get("options", []), f"{name}.")


KNOWN = OWN | {flag for spec in ROOT.glob("modules/spec/*.json") for flag in flags(json.loads(spec.read_text(encoding="utf-8"))["options"])}
ROWS = [row.rpartition(" | ")[2] for row in PAGE.read_text(encoding="utf-8").splitlines() if row.startswith("| `")]


@pytest.mark.parametrize("ours", ROWS)
def test_each_option_exists(ours: str) -> None:
    for code in re.findall(r"`([^`]+)`", ours):
        for flag in re.findall(r"(?:^| )--([a-z.-]+)", code):
            assert flag in KNOWN or flag.startswith("receive-properties."), flag
        assert not (parts := re.findall(r"--only (\w+)", code)) or parts[0] in PARTS
