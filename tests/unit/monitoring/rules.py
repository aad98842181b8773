# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of monitoring/, and the programs of Debian that read them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
MONITORING = ROOT / "monitoring"
HERE = Path(__file__).resolve().parent
TOOLS = ROOT / ".cache/monitoring-tools"


def tool(name: str) -> str:
    """The path of one of Debian's programs; where there is none, the test is skipped."""
    found = str(TOOLS / name) if (TOOLS / name).exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: `make {TOOLS.relative_to(ROOT)}/promtool` gets it from Debian's packages")
    return found


def run(name: str, *words: str | Path, input: str | None = None) -> str:
    """Runs one of them, which must succeed; gives all it says."""
    done = subprocess.run([tool(name), *map(str, words)], input=input, text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def alerts() -> list[dict[str, Any]]:
    """The rules of alerts.yml. One name may have several."""
    return [rule for group in loaded(MONITORING / "alerts.yml")["groups"] for rule in group["rules"]]


def without_annotations(path: Path) -> Path:
    """A copy of alerts.yml for promtool to compare labels alone."""
    rules = loaded(MONITORING / "alerts.yml")
    for group in rules["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]
    copy = path / "alerts.yml"
    copy.write_text(yaml.safe_dump(rules, sort_keys=False), encoding="utf-8")
    return copy
