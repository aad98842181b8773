# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ferro.zfs.status with hosts that nobody can reach: they are unknown, and the run is red."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_validate import OFF, run

# As if the programs were there: these tests run before any is built.
INSTALLED = {**OFF, "zfs_native_path": "/usr/local/libexec/ferro-zfs"}


@pytest.mark.slow
def test_who_cannot_be_reached_is_unknown_and_red(tmp_path: Path) -> None:
    groups = {"zfs_backup_clients": {"hosts": {"nas": INSTALLED}}, "zfs-backup-servers": {"hosts": {"vault": OFF}}}
    answer = tmp_path / "status.json"
    code, said = run(tmp_path, "ferro.zfs.status", groups, "--limit", "nas", "-e", f"status_json={answer}")
    assert code == 2, said
    assert "HOST  STATE    CHECK        SUBJECT  SINCE  WHAT" in said and "cannot be reached: " in said
    assert "not asked, so nothing is known of them: vault" in said and "UNKNOWN: 0 of 1 hosts are fine" in said
    status = json.loads(answer.read_text(encoding="utf-8"))
    assert (status["verdict"], status["not_asked"]) == ("unknown", ["vault"])
    assert [one["check"] for one in status["problems"]] == ["unreachable"]


def test_nobody_is_no_success(tmp_path: Path) -> None:
    code, said = run(tmp_path, "ferro.zfs.status", {"zfs_backup_client": {"hosts": {"nas": OFF}}})
    assert code == 2 and "no host is in the groups zfs_backup_clients" in said
