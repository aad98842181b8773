# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each alert of alerts.yml fires after its time, not before, and ends; and the files are such as Prometheus, vmalert and Alertmanager take."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from rules import HERE, MONITORING, ROOT, alerts, loaded, run, without_annotations

KEPT: dict[str, Any] = json.loads((HERE / "agreement.json").read_text(encoding="utf-8"))
RULE_FILES = ("alerts.yml", "recording-zfs-api.yml")
# Made by zfs_monitor alone, or by whoever scrapes it.
OF_THE_EXPORTER = {
    "up",
    "ferro_zfs_collector_duration_seconds",
    "ferro_zfs_collector_last_success_timestamp_seconds",
    "ferro_zfs_collector_running_seconds",
}
EVER, FUTURE = 0, 10_000_000


@dataclass
class Case:
    """Series by name and labels with what they are while something is wrong and once it is not. None is no sample."""

    alert: str
    series: dict[str, tuple[float | None, float | None]]
    labels: dict[str, str] = field(default_factory=dict)
    severity: str = ""
    # Steps that are well before all.
    before: int = 0


POOL, DATASET = {"pool": "tank"}, {"pool": "tank", "dataset": "tank/data"}
INTERVAL, JOB = {**DATASET, "interval": "hourly"}, {"program": "zfs_prune", "name": "prune"}
REPLICA = {"name": "pull@nas", "source_host": "nas", "source": "tank/data", "target": "vault/nas/tank/data"}
COLLECTOR = {"collector": "properties", **POOL}
VDEV = {"pool": "tank", "vdev": "sda", "class": "data"}


def spelled(name: str, labels: dict[str, str]) -> str:
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def simple(alert: str, name: str, labels: dict[str, str], ill: float, well: float | None, severity: str = "") -> Case:
    """An alert that looks at one series."""
    given = {"instance": "nas", "job": "zfs", **labels}
    return Case(alert, {spelled(name, given): (ill, well)}, given, severity)


HERE_IT_IS = {"instance": "nas", "job": "zfs"}
ASLEEP = {**HERE_IT_IS, "expected_asleep": "true"}
CASES = [
    simple("ZfsMonitoringDown", "up", {}, 0, 1),
    simple("ZfsHostAsleepTooLong", "up", {"expected_asleep": "true"}, 0, 1),
    simple("ZfsCollectorFailed", "ferro_zfs_collector_success", COLLECTOR, 0, 1),
    simple("ZfsCollectorStuck", "ferro_zfs_collector_running_seconds", COLLECTOR, 301, 0),
    Case(
        "ZfsCollectorStale",
        {
            spelled("ferro_zfs_collector_last_success_timestamp_seconds", HERE_IT_IS | COLLECTOR): (-3_601, FUTURE),
            spelled("ferro_zfs_collector_duration_seconds", HERE_IT_IS | COLLECTOR): (2, 2),
        },
        HERE_IT_IS | COLLECTOR,
    ),
    simple("ZfsClockSkew", "ferro_zfs_exporter_time_seconds", {}, FUTURE, None),
    Case(
        "ZfsNothingMonitored",
        {spelled("ferro_zfs_exporter_build_info", HERE_IT_IS | {"version": "1"}): (1, 1), spelled("zfs_pool_state", HERE_IT_IS | POOL): (None, 0)},
        HERE_IT_IS | {"version": "1"},
    ),
    simple("ZfsPoolSuspended", "zfs_pool_state", POOL | {"state": "suspended"}, 1, 0),
    simple("ZfsPoolDegraded", "zfs_pool_state", POOL | {"state": "degraded"}, 1, 0),
    simple("ZfsPoolMissing", "ferro_zfs_pool_missing", POOL, 1, None),
    simple("ZfsVdevUnhealthy", "zfs_vdev_healthy", VDEV, 0, 1),
    simple("ZfsVdevErrors", "zfs_vdev_write_errors_total", VDEV, 3, 0),
    simple("ZfsPoolDataErrors", "zfs_pool_data_errors", POOL, 1, 0),
    simple("ZfsScrubErrors", "zfs_pool_scrub_last_errors", POOL, 1, 0),
    simple("ZfsScrubOverdue", "ferro_zfs_pool_unscrubbed_since_timestamp_seconds", POOL, -40 * 86_400 - 1, FUTURE),
    *(
        Case(
            alert,
            {spelled("zfs_pool_allocated_bytes", HERE_IT_IS | POOL): (used, 10), spelled("zfs_pool_size_bytes", HERE_IT_IS | POOL): (100, 100)},
            HERE_IT_IS | POOL,
        )
        for alert, used in (("ZfsPoolFillingUp", 85), ("ZfsPoolNearlyFull", 95))
    ),
    Case(
        "ZfsQuotaNearlyReached",
        {spelled("zfs_dataset_used_bytes", HERE_IT_IS | DATASET): (91, 90), spelled("zfs_dataset_quota_bytes", HERE_IT_IS | DATASET): (100, 100)},
        HERE_IT_IS | DATASET,
    ),
    Case(
        "ZfsKeyNotLoaded",
        {
            spelled("zfs_dataset_key_loaded", HERE_IT_IS | DATASET): (0, 1),
            spelled("ferro_zfs_dataset_policy_info", HERE_IT_IS | DATASET | {"role": "source"}): (1, 1),
        },
        HERE_IT_IS | DATASET,
    ),
    simple("ZfsSnapshotOverdue", "ferro_zfs_snapshot_overdue_timestamp_seconds", INTERVAL | {"finest": "yes"}, EVER, FUTURE, "critical"),
    simple("ZfsSnapshotOverdue", "ferro_zfs_snapshot_overdue_timestamp_seconds", INTERVAL | {"finest": "no"}, EVER, FUTURE, "warning"),
    simple("ZfsDatasetMissing", "ferro_zfs_dataset_missing", DATASET, 1, None),
    Case(
        "ZfsSnapshotsPilingUp",
        {
            spelled("ferro_zfs_snapshots", HERE_IT_IS | INTERVAL | {"role": "source"}): (59, 58),
            spelled("ferro_zfs_snapshots_wanted", HERE_IT_IS | INTERVAL | {"role": "source"}): (24, 24),
        },
        HERE_IT_IS | INTERVAL | {"role": "source"},
    ),
    Case(
        "ZfsTooManySnapshots",
        {spelled("ferro_zfs_snapshots", HERE_IT_IS | INTERVAL): (19_999, 1), spelled("ferro_zfs_snapshots", HERE_IT_IS | DATASET): (2, 2)},
        HERE_IT_IS | POOL,
    ),
    Case(
        "ZfsDatasetsUnmanaged",
        {
            spelled("ferro_zfs_datasets_unmanaged", HERE_IT_IS | POOL): (2, 0),
            spelled("ferro_zfs_dataset_policy_info", HERE_IT_IS | DATASET | {"policy": "low"}): (1, 1),
        },
        HERE_IT_IS | POOL,
    ),
    simple("ZfsJobFailed", "ferro_zfs_success", JOB, 0, 1),
    simple("ZfsJobOverdue", "ferro_zfs_job_overdue_timestamp_seconds", JOB, EVER, FUTURE),
    simple("ZfsJobTimerInactive", "ferro_zfs_job_timer_active", JOB, 0, 1),
    simple("ZfsReplicaOverdue", "ferro_zfs_replica_overdue_timestamp_seconds", REPLICA, EVER, FUTURE),
    simple("ZfsReplicaFailed", "ferro_zfs_replica_success", REPLICA, 0, 1),
    simple("ZfsReplicaDiffers", "ferro_zfs_replica_differs", REPLICA, 1, 0),
    simple("ZfsReplicaNotComparable", "ferro_zfs_replica_not_comparable", REPLICA, 1, 0),
    simple("ZfsReplicaWithoutSnapshots", "ferro_zfs_replica_without_snapshots", REPLICA, 1, 0),
    Case(
        "ZfsTargetSilent",
        {
            spelled("ferro_zfs_confirmed_timestamp_seconds", HERE_IT_IS | DATASET): (-3 * 86_400 - 1, -3 * 86_400 - 1),
            spelled("ferro_zfs_confirmed_newest", HERE_IT_IS | DATASET): (0, 1),
        },
        HERE_IT_IS | DATASET,
    ),
]
# By themselves below: they look back.
LOOKING_BACK = {"ZfsHostAwoke", "ZfsPoolMissing", "ZfsPoolFullInAWeek"}


def seconds(span: str) -> int:
    number, unit = int(span[:-1]), span[-1]
    return number * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[unit]


def rule_of(case: Case) -> dict[str, Any]:
    found = [rule for rule in alerts() if rule["alert"] == case.alert and case.severity in ("", rule["labels"]["severity"])]
    assert len(found) == 1, case.alert
    return found[0]


def ill_and_well(case: Case) -> dict[str, Any]:
    """Wrong for one and a half times what it takes, then not any more."""
    rule = rule_of(case)
    step = max(60, seconds(rule.get("for", "0s")) // 10)
    waits = -(-seconds(rule.get("for", "0s")) // step)
    fires = {"exp_labels": {**case.labels, "severity": rule["labels"]["severity"]}}

    def part(value: float | None, times: int) -> str:
        return f"_x{times}" if value is None else f"{value}+0x{times}"

    at = [(waits - 1, [])] if waits else []
    at += [(waits + 3, [fires]), (waits + 12, [])]
    return {
        "interval": f"{step}s",
        "input_series": [{"series": name, "values": f"{part(ill, waits + 5)} {part(well, 10)}"} for name, (ill, well) in case.series.items()],
        "alert_rule_test": [{"eval_time": f"{index * step}s", "alertname": case.alert, "exp_alerts": exp} for index, exp in at],
    }


def test_there_is_a_case_for_each_alert() -> None:
    assert {case.alert for case in CASES} | LOOKING_BACK == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert + case.severity)
def test_it_fires_and_ends(tmp_path: Path, case: Case) -> None:
    without_annotations(tmp_path)
    test = ill_and_well(case)
    file = {"rule_files": ["alerts.yml"], "evaluation_interval": test["interval"], "tests": [test]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(file, sort_keys=False), encoding="utf-8")
    run("promtool", "test", "rules", tmp_path / "test.yml")


def test_those_that_look_back_and_what_is_no_alarm(tmp_path: Path) -> None:
    without_annotations(tmp_path)
    (tmp_path / "test.yml").write_text((HERE / "looking_back.yml").read_text(encoding="utf-8"), encoding="utf-8")
    named = {alert["alertname"] for test in loaded(HERE / "looking_back.yml")["tests"] for alert in test.get("alert_rule_test", [])}
    assert named >= LOOKING_BACK
    run("promtool", "test", "rules", tmp_path / "test.yml")


def test_what_people_are_told(tmp_path: Path) -> None:
    """With annotations: what they say is made of labels that are there, and of a value that reads well."""
    (tmp_path / "alerts.yml").write_text((MONITORING / "alerts.yml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test.yml").write_text((HERE / "told.yml").read_text(encoding="utf-8"), encoding="utf-8")
    run("promtool", "test", "rules", tmp_path / "test.yml")


@pytest.mark.parametrize("file", RULE_FILES)
def test_prometheus_and_vmalert_take_it(file: str) -> None:
    assert "SUCCESS" in run("promtool", "check", "rules", "--lint-fatal", MONITORING / file)
    run("vmalert", "-dryRun", f"-rule={MONITORING / file}", "-rule.validateTemplates=true", "-rule.validateExpressions=true")


def test_alertmanager_takes_what_hides_what(tmp_path: Path) -> None:
    rest = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    (tmp_path / "am.yml").write_text(yaml.safe_dump({**loaded(MONITORING / "alertmanager-inhibit.yml"), **rest}), encoding="utf-8")
    assert "5 inhibit rules" in run("amtool", "check-config", tmp_path / "am.yml")
    named = set(re.findall(r"Zfs\w+", (MONITORING / "alertmanager-inhibit.yml").read_text(encoding="utf-8")))
    names = {rule["alert"] for rule in alerts()}
    assert all(any(name.startswith(one) for name in names) for one in named), named - names


def test_prometheus_finds_nothing_to_say_of_the_series() -> None:
    assert run("promtool", "check", "metrics", input="\n".join(KEPT["text"]) + "\n") == ""


def names_of(text: str) -> set[str]:
    return set(re.findall(r"\b(?:ferro_)?zfs_[a-z_]+\b", text)) | set(re.findall(r"\bup\b", text))


def exported() -> set[str]:
    return {line.split("{")[0].split(" ")[0] for line in KEPT["text"] if not line.startswith("#")}


def test_rules_ask_for_series_that_there_are() -> None:
    asked = {name for rule in alerts() for name in names_of(rule["expr"])}
    assert asked - exported() - OF_THE_EXPORTER == set()
    recorded = [rule for group in loaded(MONITORING / "recording-zfs-api.yml")["groups"] for rule in group["rules"]]
    made = {rule["record"] for rule in recorded}
    assert len(made) == 12
    assert {name for rule in recorded for name in names_of(rule["expr"])} - exported() <= made


def test_every_alert_says_what_to_do_and_of_whom() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning", "info", "none")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert "$labels.instance" in rule["annotations"]["summary"], rule["alert"]
        assert len(rule["annotations"]["description"]) > 40, rule["alert"]


def test_pages_that_descriptions_name_exist() -> None:
    text = (MONITORING / "alerts.yml").read_text(encoding="utf-8")
    assert {name for name in re.findall(r"docs/[a-z_-]+\.md", text) if not (ROOT / name).exists()} == set()
