# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alerts.yml finds what the checks of zfs_info find: the same facts, once judged by Rust and once asked by promtool.

agreement.json is written by module_utils/src/status/agreement_tests.rs, and held to the code there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rules import HERE, ROOT, alerts, run

KEPT: dict[str, Any] = json.loads((HERE / "agreement.json").read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = KEPT["cases"]
SEVERITIES = ("info", "warning", "critical")
INSTANCE = {"instance": "nas", "job": "zfs"}

# By check: the labels that its subject is made of, and the alerts that tell of it.
CHECKS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "pool_state": (("pool",), ("ZfsPoolSuspended", "ZfsPoolDegraded")),
    "pool_missing": (("pool",), ("ZfsPoolMissing",)),
    "vdev_unhealthy": (("pool",), ("ZfsVdevUnhealthy",)),
    "key_not_loaded": (("dataset",), ("ZfsKeyNotLoaded",)),
    "scrub_overdue": (("pool",), ("ZfsScrubOverdue",)),
    "data_errors": (("pool",), ("ZfsPoolDataErrors",)),
    "vdev_errors": (("pool",), ("ZfsVdevErrors",)),
    "scrub_errors": (("pool",), ("ZfsScrubErrors",)),
    "pool_filling_up": (("pool",), ("ZfsPoolFillingUp", "ZfsPoolNearlyFull")),
    "quota_nearly_reached": (("dataset",), ("ZfsQuotaNearlyReached",)),
    "snapshot_overdue": (("dataset",), ("ZfsSnapshotOverdue",)),
    "dataset_missing": (("dataset",), ("ZfsDatasetMissing",)),
    "snapshots_piling_up": (("dataset",), ("ZfsSnapshotsPilingUp",)),
    "too_many_snapshots": (("pool",), ("ZfsTooManySnapshots",)),
    "unmanaged": (("pool",), ("ZfsDatasetsUnmanaged",)),
    "job_overdue": (("name",), ("ZfsJobOverdue",)),
    "job_failed": (("name",), ("ZfsJobFailed",)),
    "job_timer_inactive": (("name",), ("ZfsJobTimerInactive",)),
    "replica_overdue": (("name", "source_host", "source", "target_host", "target"), ("ZfsReplicaOverdue",)),
    "replica_failed": (("name", "source_host", "source", "target_host", "target"), ("ZfsReplicaFailed",)),
    "replica_differs": (("name", "source_host", "source", "target_host", "target"), ("ZfsReplicaDiffers",)),
    "replica_not_verified": (("name", "source_host", "source", "target_host", "target"), ("ZfsReplicaNotComparable",)),
    "replica_without_snapshots": (("name", "source_host", "source", "target_host", "target"), ("ZfsReplicaWithoutSnapshots",)),
    "target_silent": (("dataset",), ("ZfsTargetSilent",)),
    # The subject is a pool, a file or a program, where series have the collector.
    "unreadable": ((), ("ZfsCollectorFailed",)),
    "nothing_monitored": ((), ("ZfsNothingMonitored",)),
}
# Checks that no alert of their own tells of, and why.
WITHOUT_ALERT = {
    "snapshots_unknown": "of suspended pools alone, and ZfsPoolSuspended tells of these",
}
# Alerts that are no check, and why.
WITHOUT_CHECK = {
    "ZfsMonitoringDown": "a host that is down cannot say so",
    "ZfsHostAsleepTooLong": "the same",
    "ZfsHostAwoke": "only hides others",
    "ZfsCollectorStuck": "zfs_info ends; only zfs_monitor has something that hangs for long",
    "ZfsCollectorStale": "zfs_info reads anew each time",
    "ZfsClockSkew": "needs another clock",
    "ZfsPoolFullInAWeek": "needs a history",
}


def told_by_source() -> set[str]:
    """The checks that there are, as the source names them."""
    names: set[str] = set()
    for path in sorted((ROOT / "module_utils/src/status/checks").glob("*.rs")):
        text = path.read_text(encoding="utf-8")
        if not path.name.endswith("_tests.rs"):
            words = re.findall(r'\bfound\.add\(\s*[^,]+,\s*("\w+"|[A-Z_]+),', text)
            constants = dict(re.findall(r'const ([A-Z_]+): &str = "(\w+)";', text))
            names |= {word.strip('"') if word.startswith('"') else constants[word] for word in words}
    return names


def test_every_check_has_an_alert_and_every_alert_a_check_or_a_reason() -> None:
    checks = told_by_source()
    assert checks == CHECKS.keys() | WITHOUT_ALERT.keys()
    assert {rule["alert"] for rule in alerts()} == {name for _, names in CHECKS.values() for name in names} | WITHOUT_CHECK.keys()
    assert checks == {problem["check"] for case in CASES for problem in case["problems"]}, "a case for each in agreement_tests.rs"


def test_the_page_names_every_check_with_its_alerts() -> None:
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    rows = [row.split("|") for row in page.partition("\n## What is checked\n")[2].splitlines() if row.startswith("| `")]
    shown = {check: re.findall(r"`(Zfs\w+)`", row[4]) for row in rows for check in re.findall(r"`(\w+)`", row[1])}
    assert shown.keys() == CHECKS.keys() | WITHOUT_ALERT.keys()
    for check, (_, names) in CHECKS.items():
        assert set(names) <= set(shown[check]), check
    others = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in others for name in WITHOUT_CHECK)


def samples(case: dict[str, Any]) -> list[str]:
    gone = set(case["removed"])
    return [line for line in KEPT["well"] if line not in gone] + case["added"]


def labels(text: str) -> dict[str, str]:
    return {name: value.replace('\\"', '"').replace("\\\\", "\\") for name, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text)}


def spelled(given: dict[str, str]) -> str:
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in given.items()) + "}"


NOW = 600  # of promtool, whose clock begins at 0


def series(case: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The samples as promtool takes them, with times by its clock."""
    yield {"series": f"up{spelled(INSTANCE)}", "values": "1+0x10"}
    for line in samples(case):
        name, value = line.rsplit(" ", 1)
        metric = name.partition("{")[0]
        if metric.endswith(("_timestamp_seconds", "_time_seconds")):
            value = str(int(value) - KEPT["now"] + NOW)
        yield {"series": f"{metric}{spelled({**INSTANCE, **labels(name)})}", "values": f"{value}+0x10"}


def subject(check: str, given: dict[str, str]) -> str:
    """As checks make it of what the series have as labels."""
    if not check.startswith("replica"):
        return next(iter(given.values()), "")
    ends = [
        f"{given[host]}:{given[dataset]}" if given.get(host) else given[dataset] for host, dataset in (("source_host", "source"), ("target_host", "target"))
    ]
    return f"{given['name']}: {' -> '.join(ends)}"


def known_labels(case: dict[str, Any], check: str) -> dict[str, dict[str, str]]:
    """By subject: the labels that tell of it."""
    wanted = CHECKS[check][0]
    if not wanted:
        return {}
    found = ({name: value for name, value in labels(line).items() if name in wanted and value} for line in samples(case))
    return {subject(check, one): one for one in found if {*wanted} - {"source_host", "target_host"} <= one.keys()}


def question(least: str) -> str:
    """One expression for all alerts that are at least so severe: of each thing that they tell of, the check and its subject."""
    severe = SEVERITIES[SEVERITIES.index(least) :]
    parts = []
    for check, (subject_labels, names) in CHECKS.items():
        found = [f"({rule['expr']})" for rule in alerts() if rule["alert"] in names and rule["labels"]["severity"] in severe]
        if found:
            parts.append(f'label_replace(group by ({", ".join(subject_labels)}) ({" or ".join(found)}), "check", "{check}", "", "")')
    return " or ".join(parts)


QUESTIONS = {least: question(least) for least in SEVERITIES}


def expected(case: dict[str, Any], least: str) -> list[dict[str, Any]]:
    """What promtool has to answer: one for each subject that Rust has found. What is unknown there is a warning here."""
    severe = [*SEVERITIES[SEVERITIES.index(least) :], *(["unknown"] if least != "critical" else [])]
    found = {(one["check"], one["subject"]) for one in case["problems"] if one["severity"] in severe and one["check"] in CHECKS}
    return [{"labels": spelled({"check": check, **known_labels(case, check).get(subject, {})}), "value": 1} for check, subject in sorted(found)]


def questions(case: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"expr": expr, "eval_time": f"{NOW}s", "exp_samples": expected(case, least)} for least, expr in QUESTIONS.items()]


def test_both_find_the_same(tmp_path: Path) -> None:
    tests = [
        {"name": f"{index} {case['case']}", "interval": "1m", "input_series": list(series(case)), "promql_expr_test": questions(case)}
        for index, case in enumerate(CASES)
    ]
    file = tmp_path / "agreement.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": tests}, sort_keys=False), encoding="utf-8")
    run("promtool", "test", "rules", file)


def test_a_difference_would_be_found(tmp_path: Path) -> None:
    """The test above is no empty success: of a case with another's answer promtool says so."""
    case = next(case for case in CASES if case["case"] == "hourly overdue")
    other = {**case, "problems": []}
    assert [one["check"] for one in case["problems"]] == ["snapshot_overdue"]
    test = {"interval": "1m", "input_series": list(series(case)), "promql_expr_test": questions(other)}
    file = tmp_path / "differs.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [test]}), encoding="utf-8")
    with pytest.raises(AssertionError, match=r"(?s)got:.*snapshot_overdue"):
        run("promtool", "test", "rules", file)
