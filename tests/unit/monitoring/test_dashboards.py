# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboards are such as Grafana provisions: with a variable for the data source, and queries over series that there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rules import HERE, MONITORING, run
from test_alerts import OF_THE_EXPORTER, exported, names_of

BOARDS = sorted((MONITORING / "grafana").glob("*.json"))
OF_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def board(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def expressions(path: Path) -> list[str]:
    """All queries, of a host that is called nas."""
    found = [target["expr"] for panel in board(path)["panels"] for target in panel["targets"]]
    return [expr.replace("$instance", "nas") for expr in found]


def test_there_are_two() -> None:
    assert [path.name for path in BOARDS] == ["fleet.json", "host.json"]
    uids = {board(path)["uid"] for path in BOARDS}
    assert uids == {"ferro-zfs-fleet", "ferro-zfs-host"}


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_grafana_can_provision_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = board(path)
    # Asked for on import by hand alone; under provisioning they stay as they are.
    assert "__inputs" not in found and "${DS_" not in text and "id" not in found
    variables = {one["name"]: one for one in found["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    for panel in found["panels"]:
        assert panel["datasource"] == OF_DATASOURCE
        assert all(target["datasource"] == OF_DATASOURCE for target in panel["targets"])
        assert panel["title"] and panel["targets"]
    assert text == json.dumps(found, indent=2, ensure_ascii=False) + "\n", "so that a change can be read"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_no_panel_lies_on_another(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board(path)["panels"]:
        grid = panel["gridPos"]
        cells = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
        assert not cells & taken and grid["x"] + grid["w"] <= 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_prometheus_and_vmalert_understand_its_queries(tmp_path: Path, path: Path) -> None:
    rules = [{"record": f"panel_{index}", "expr": expr} for index, expr in enumerate(expressions(path))]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    run("promtool", "check", "rules", file)
    run("vmalert", "-dryRun", f"-rule={file}", "-rule.validateExpressions=true")
    asked = {name for expr in expressions(path) for name in names_of(expr)}
    assert asked - exported() - OF_THE_EXPORTER == set()


def test_old_dashboards_find_their_series(tmp_path: Path) -> None:
    (tmp_path / "recording-zfs-api.yml").write_text((MONITORING / "recording-zfs-api.yml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test.yml").write_text((HERE / "recorded.yml").read_text(encoding="utf-8"), encoding="utf-8")
    run("promtool", "test", "rules", tmp_path / "test.yml")
