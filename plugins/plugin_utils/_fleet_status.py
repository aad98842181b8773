# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the backups of a whole fleet are fine, from what zfs_info said on each host. Pure.

Nobody is fine who was not heard: a host that did not answer, or not as zfs_info does, is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# From the worst on. What is known to be critical outweighs what is not known.
SEVERITIES = ("critical", "unknown", "warning", "info")
HEADINGS = ("HOST", "STATE", "CHECK", "SUBJECT", "SINCE", "WHAT")
# Longer names would push the rest out of sight.
WIDEST = 48
ANSWER = "ferro_zfs"


def status(asked: Iterable[str], answers: Mapping[str, Any], wanted: Iterable[str]) -> dict[str, Any]:
    """The verdict, its table as ``lines``, and what it is made of. ``wanted`` are hosts that should have been asked."""
    hosts = [_host(name, answers.get(name)) for name in asked]
    rows = [{"host": host["host"], **problem} for host in hosts for problem in host["problems"]]
    rows.sort(key=_rank)
    verdict = next((one for one in SEVERITIES[:-1] if any(host["verdict"] == one for host in hosts)), "ok" if hosts else "unknown")
    left_out = [name for name in wanted if name not in {host["host"] for host in hosts}]
    found: dict[str, Any] = {"verdict": verdict, "hosts": hosts, "problems": rows, "not_asked": left_out}
    found["summary"] = _summary(hosts, rows, left_out)
    return {**found, "lines": [*_table([row for row in rows if row["severity"] != "info"]), *found["summary"]]}


def _host(name: str, answer: Any) -> dict[str, Any]:
    said = answer.get(ANSWER) if isinstance(answer, Mapping) else None
    if not isinstance(said, Mapping) or said.get("verdict") not in ("ok", *SEVERITIES[:-1]) or not isinstance(said.get("problems"), list):
        return {"host": name, "verdict": "unknown", "problems": [_silent(name, answer)]}
    problems = [_problem(problem) for problem in said["problems"] if isinstance(problem, Mapping)]
    return {"host": name, "verdict": said["verdict"], "problems": problems}


def _silent(name: str, answer: Any) -> dict[str, Any]:
    """The problem that a host is which gave no verdict."""
    answer = answer if isinstance(answer, Mapping) else {}
    is_away = bool(answer.get("unreachable"))
    why = _clean(answer.get("msg") or "there is no answer")
    message = f"cannot be reached: {why}" if is_away else f"zfs_info could not say: {why}"
    return {"severity": "unknown", "check": "unreachable" if is_away else "no_answer", "subject": name, "since": None, "message": message, "do": ""}


def _problem(said: Mapping[str, Any]) -> dict[str, Any]:
    """One problem, in words that steer no terminal, whatever the host says."""
    severity = said.get("severity")
    found = {"severity": severity if severity in SEVERITIES else "unknown"}
    found.update({key: _clean(said.get(key) or "") for key in ("check", "subject", "message", "do")})
    return {**found, "since": _clean(said["since"]) if said.get("since") else None}


def _clean(text: Any) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in str(text)).strip()


def _rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is overdue comes first, then the worst."""
    is_overdue = "overdue" in row["check"]
    return (not is_overdue, SEVERITIES.index(row["severity"]), row["host"], row["subject"])


def _table(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [min(WIDEST, max(len(line[column]) for line in cells)) for column in range(len(HEADINGS) - 1)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]).rstrip() for line in cells]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    since = (row["since"] or "").partition(".")[0].replace("T", " ").removesuffix("Z")
    what = row["message"] + (f" -> {row['do']}" if row["do"] else "")
    return (*(_short(text) for text in (row["host"], row["severity"], row["check"], row["subject"], since)), what)


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _summary(hosts: list[dict[str, Any]], rows: list[dict[str, Any]], left_out: list[str]) -> list[str]:
    fine = [host["host"] for host in hosts if host["verdict"] == "ok"]
    counts = [(one, sum(row["severity"] == one for row in rows)) for one in SEVERITIES[:-1]]
    found = ", ".join(f"{count} {severity}" for severity, count in counts if count)
    lines = [f"{len(fine)} of {len(hosts)} hosts are fine{': ' + ', '.join(fine) if fine else ''}"]
    lines += [f"problems: {found}"] if found else []
    return lines + ([f"not asked, so nothing is known of them: {', '.join(left_out)}"] if left_out else [])
