# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One table of a fleet: the worst is on top, and nobody is fine who was not heard."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ferro.zfs.plugins.plugin_utils._fleet_status import WIDEST, status


def problem(check: str, severity: str, subject: str, **more: Any) -> dict[str, Any]:
    return {"severity": severity, "check": check, "part": "x", "subject": subject, "since": None, "message": "it is so", "do": "", **more}


def answer(verdict: str, *problems: dict[str, Any]) -> dict[str, Any]:
    return {"changed": False, "ferro_zfs": {"verdict": verdict, "problems": list(problems), "host": "x"}}


FINE = answer("ok")


def test_all_is_fine() -> None:
    found = status(["nas", "vault"], {"nas": FINE, "vault": answer("ok", problem("key_unloaded", "info", "tank"))}, ["nas", "vault"])
    assert (found["verdict"], found["lines"]) == ("ok", ["2 of 2 hosts are fine: nas, vault"])
    assert [one["host"] for one in found["problems"]] == ["vault"]


def test_what_is_overdue_comes_first_then_the_worst() -> None:
    nas = answer("critical", problem("pool_state", "critical", "tank"), problem("capacity", "warning", "tank"))
    overdue = problem("replica_overdue", "warning", "tank/a", since="2026-11-26T02:05:11.25Z", message="3 days old", do="look at pull@nas")
    found = status(["nas", "vault", "off"], {"nas": nas, "vault": answer("warning", overdue), "off": {"unreachable": True, "msg": "no\nroute\x1b[2J"}}, [])
    assert found["verdict"] == "critical"
    assert found["lines"] == [
        "HOST   STATE     CHECK            SUBJECT  SINCE                WHAT",
        "vault  warning   replica_overdue  tank/a   2026-11-26 02:05:11  3 days old -> look at pull@nas",
        "nas    critical  pool_state       tank                          it is so",
        "off    unknown   unreachable      off                           cannot be reached: no route [2J",
        "nas    warning   capacity         tank                          it is so",
        "0 of 3 hosts are fine",
        "problems: 1 critical, 1 unknown, 2 warning",
    ]


@pytest.mark.parametrize(
    "said",
    [
        None,
        {},
        {"unreachable": True},
        {"failed": True, "msg": "zfs_info: there is no program"},
        {"ferro_zfs": None},
        {"ferro_zfs": {"verdict": "fine", "problems": []}},
        {"ferro_zfs": {"verdict": "ok"}},
        {"skipped": True},
    ],
)
def test_who_gives_no_verdict_is_unknown(said: Any) -> None:
    found = status(["nas", "vault"], {"nas": said, "vault": FINE}, [])
    assert found["verdict"] == "unknown"
    assert found["hosts"][0]["verdict"] == "unknown" and len(found["lines"]) == 4
    assert found["lines"][1].startswith("nas")


def test_who_was_not_asked_is_told_and_nobody_is_no_success() -> None:
    found = status(["nas"], {"nas": FINE}, ["nas", "vault"])
    assert (found["verdict"], found["not_asked"]) == ("ok", ["vault"])
    assert found["lines"][-1] == "not asked, so nothing is known of them: vault"
    assert status([], {}, ["nas"])["verdict"] == "unknown"


def test_what_a_host_says_steers_nothing_and_pushes_nothing_out_of_sight() -> None:
    odd = problem("x" * 100, "fatal", "\u202etank", since="now", message=7)
    found = status(["nas"], {"nas": answer("warning", odd, "no problem")}, [])  # type: ignore[arg-type]
    assert found["problems"][0]["severity"] == "unknown" and "\u202e" not in "".join(found["lines"])
    assert found["lines"][0].index("SUBJECT") < WIDEST + 30
