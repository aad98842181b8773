# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of itself in three places is the same in all of them."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


def load(role: str, file: str) -> t.Any:
    return yaml.safe_load((ROOT / "roles" / role / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES)
def test_every_default_is_specified_and_documented(role: str) -> None:
    entry_points = load(role, "meta/argument_specs.yml")["argument_specs"].values()
    options = {name: option for entry_point in entry_points for name, option in entry_point["options"].items()}
    readme = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    for name, value in load(role, "defaults/main.yml").items():
        assert name in options
        if "{{" not in str(value):
            assert options[name].get("default", "nothing") == value, name
        # Names that share their beginning may be written `a_snapshot_delay`, `_delay`.
        assert name in readme or re.search(rf"`{name.rpartition('_')[0]}_\w+`, `_{name.rpartition('_')[2]}`", readme), name


def test_the_programs_on_timers_are_among_those_built() -> None:
    # For both architectures; tools/dist checks that the archive has them.
    programs = {job["program"] for job in load("zfs_policy", "vars/main.yml")["zfs_policy_jobs"]}
    assert programs == {"zfs_policy_snapshot", "zfs_prune"} <= {path.stem for path in (ROOT / "modules").glob("*.rs")}


@pytest.mark.parametrize(
    "path", sorted(path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_file_is_yaml(path: Path) -> None:
    # With the parser that Ansible takes, which is a tenth of the work.
    assert yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) is not None


UNITS = sorted(ROOT.glob("roles/*/templates/*.service.j2"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_every_unit_has_what_all_have_in_common_from_one_place(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    assert re.search(r"lookup\('ansible.builtin.template', role_path ~ '/../system_zfs/templates/hardening.j2', template_vars=\{", text)
    assert all(f"'unit_{limit}': " in text for limit in ("memory", "tasks", "timeout"))
    common = (ROOT / "roles/system_zfs/templates/hardening.j2").read_text(encoding="utf-8")
    settings = {line.partition("=")[0] for line in common.splitlines() if "=" in line and not line.startswith("#")}
    assert {"MemoryMax", "TasksMax", "TimeoutStartSec", "NoNewPrivileges", "SystemCallFilter"} <= settings
    assert settings.isdisjoint(line.partition("=")[0] for line in text.splitlines())


def test_what_a_host_says_is_no_part_of_a_path_on_the_controller() -> None:
    """`copy` and the like read there: what chooses the file is ours, or goes through zfs_program."""
    reads = {}
    for path in (path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml")):
        for task, src in re.findall(
            r"^ *ansible\.builtin\.(copy|template|script|unarchive|include_vars|assemble):\n +src: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            reads[src] = f"{path.relative_to(ROOT)}: {task}"
    from_hosts = [src for src in reads if re.search(r"stdout|content|hostvars|ansible_|results?\b", src)]
    assert len(from_hosts) == 7, reads
    assert all(re.search(r"\| ferro\.zfs\.zfs_program\([^|]*\) }}\"$", src) for src in from_hosts), reads


@pytest.mark.parametrize("role", ROLES)
def test_all_tasks_of_a_role_bear_its_name_as_tag(role: str) -> None:
    """What is imported has the tags of the import, and so has what that includes."""
    (task,) = load(role, "tasks/main.yml")
    assert (task["ansible.builtin.import_tasks"], task["tags"]) == ("setup.yml", role)
    tasks = load(role, "tasks/setup.yml")
    gate = any(task.get("ansible.builtin.import_role", {}).get("name") == "ferro.zfs.backup_gate" for task in tasks)
    assert not gate or tasks[0]["tags"] == "backup_gate", "what is asserted before the gate must be so with --tags backup_gate too"


def test_the_site_playbook_runs_the_role_that_a_tag_names() -> None:
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text(encoding="utf-8"))
    assert plays[0]["tags"] == "always", "a slip in the inventory must end each run"
    for task in (task for play in plays for task in play.get("tasks", [])):
        ((how, options),) = ((key, value) for key, value in task.items() if key.endswith("_role"))
        role = options["name"].removeprefix("ferro.zfs.")
        assert task["tags"] == role, task
        # Only the entry point main of a role has tags of its own, and no include hands on any.
        if how.endswith(".include_role") and "tasks_from" in options:
            assert options["apply"] == {"tags": role}
