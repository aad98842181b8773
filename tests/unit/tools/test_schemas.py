# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schemas of docs/schema say of a file what those say who read it: the programs of options, ferro.zfs.validate of an inventory."""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

import schemas
from ansible_collections.ferro.zfs.plugins.plugin_utils._inventory import Host, host_findings
from ansible_collections.ferro.zfs.plugins.plugin_utils._types import job_faults

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = {name.removesuffix(".json"): json.loads(text) for name, text in schemas.generated().items()}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
INVENTORY = ROOT / "tests/integration/e2e/inventory/host_vars"
# What the programs themselves are held against, in tests/it/validate.rs.
TABLE = json.loads((ROOT / "tests/it/fixtures/options.json").read_text(encoding="utf-8"))


def refused(name: str, value: Any) -> list[str]:
    return [error.message for error in VALIDATORS[name].iter_errors(value)]


def test_those_that_are_published_are_current() -> None:
    for name, text in schemas.generated().items():
        Draft202012Validator.check_schema(json.loads(text))
        assert (ROOT / "docs/schema" / name).read_text(encoding="utf-8") == text, f"{name}: run `make generate`"


@pytest.mark.parametrize("row", TABLE, ids=[f"{row['program']}-{number}" for number, row in enumerate(TABLE)])
def test_options_are_what_the_program_takes(row: dict[str, Any]) -> None:
    faults = refused(row["program"], row["options"])
    # What options mean together, or within a text, no schema says.
    assert bool(faults) == ("faults" in row and "only_by" not in row), faults


def blocks() -> list[tuple[str, dict[str, Any]]]:
    """Every example in the documentation that has a `zfs:` tree or policies."""
    found = []
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")]
    for page in sorted(pages):
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
            try:
                value = yaml.safe_load(text)
            except yaml.YAMLError:
                continue
            if isinstance(value, dict) and {"zfs", "zfs_policies"} & set(value):
                found.append((f"{page.relative_to(ROOT)}-{number}", value))
    return found


@pytest.mark.parametrize(("where", "value"), blocks(), ids=[where for where, _ in blocks()])
def test_examples_of_the_documentation_are_right(where: str, value: dict[str, Any]) -> None:
    assert refused("inventory", value) == [], where


@pytest.mark.parametrize("file", sorted(INVENTORY.glob("*.yml")), ids=lambda file: file.stem)
def test_the_inventory_of_the_guide_is_right(file: Path) -> None:
    assert refused("inventory", yaml.safe_load(file.read_text(encoding="utf-8"))) == []


POOL: dict[str, Any] = {
    "policy": "low",
    "children_inherit_policy": "yes",
    "properties": {"ashift": 12, "feature@async_destroy": "enabled"},
    "root_properties": {"compression": "zstd", "com.sun:auto-snapshot": False},
    "vdevs": ["mirror", "/dev/a", {"role": "log", "type": "mirror", "disks": ["/dev/b", "/dev/c"]}],
    "datasets": {
        "data": {
            "policy": "high",
            "state": "present",
            "snapshots_discover_children": 1,
            "properties": {"encryption": "aes-256-gcm", "keyformat": "raw", "quota": "10G", "userquota@me": "1G", "atime": False},
            "delegation": [{"users": ["backup"], "jobs": ["snapshot"]}],
            "snapshot_hooks": {"before": ["/usr/bin/db", "flush", 1], "timeout": "1m", "after": None},
            "datasets": {"a b/c.d": None, "films": {"config": {"recordsize": "1M"}, "delegation": {"users": "x", "permissions": "send"}}},
        },
        "old": {"importance": "none", "inherit_policy": False, "discover_children": None},
    },
}
SIMPLE = {"devices": "/dev/a /dev/b", "topology": "mirror", "datasets": {"x": {"policy": "{{ mine }}"}}}
RIGHT: list[dict[str, Any]] = [
    {"zfs": {"tank": POOL}, "zfs_policies": {"mine": {"hourly": 2, "daily": "30d", "autosnap": "no", "yearly": "1"}}},
    {"zfs": {"pools": {"tank": POOL, "backup": SIMPLE}, "more": {"datasets": {}}, "backups": []}},
    {"zfs": {"pools": {"datasets": {"a": None}}, "tank": None}},
    {"zfs": {"tank": {"disks": ["/dev/a"], "topology": ["raidz2"], "pool_properties": {"autotrim": True}}}},
]


def validated(variables: dict[str, Any]) -> list[str]:
    """What ferro.zfs.validate says of the tree, the policies and jobs of one host."""
    given_there = (
        {**variables, "zfs_policies": {**(variables.get("zfs_policies") or {}), "{{ mine }}": {}}}
        if isinstance(variables.get("zfs_policies", {}), dict)
        else variables
    )
    return host_findings(Host("nas", given_there.get, {})).faults + job_faults(given_there.get)


@pytest.mark.parametrize("variables", RIGHT)
def test_what_is_right_is_right_for_both(variables: dict[str, Any]) -> None:
    assert (validated(variables), refused("inventory", variables)) == ([], [])


def changed(*path: Any, to: Any) -> dict[str, Any]:
    variables = copy.deepcopy(RIGHT[0])
    place: Any = variables
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return variables


DATA = ("zfs", "tank", "datasets", "data")
SLIPS = {
    "key of a dataset": changed(*DATA, "polcy", to="high"),
    "dataset beside datasets": changed("zfs", "tank", "films", to={"policy": "high"}),
    "property beside properties": changed(*DATA, "quota", to="10G"),
    "key of a pool": changed("zfs", "tank", "devces", to=["/dev/a"]),
    "policy that is none": changed(*DATA, "policy", to=3),
    "policy that is blank": changed(*DATA, "policy", to=" "),
    "neither yes nor no": changed(*DATA, "children_inherit_policy", to="maybe"),
    "neither yes nor no, by its old name": changed(*DATA, "datasets", to={"x": {"discover_children": "maybe"}}),
    "state": changed(*DATA, "state", to="absent"),
    "property of ZFS": changed(*DATA, "properties", to={"compresion": "zstd"}),
    "property of the root": changed("zfs", "tank", "root_properties", to={"recordsiz": "1M"}),
    "name of a property": changed(*DATA, "properties", to={"Quota Of": 1}),
    "value of a property": changed(*DATA, "properties", to={"quota": ["10G"]}),
    "value with a line break": changed(*DATA, "properties", to={"quota": "1\n2"}),
    "cipher": changed(*DATA, "properties", to={"encryption": "aes-256-gcn"}),
    "keyformat": changed(*DATA, "properties", to={"encryption": "on", "keyformat": "rw"}),
    "two names of properties": changed(*DATA, "config", to={"quota": "1G"}),
    "pool's value": changed("zfs", "tank", "properties", to={"ashift": {}}),
    "two names of devices": changed("zfs", "tank", "disks", to=["/dev/x"]),
    "vdevs and topology": changed("zfs", "tank", "topology", to="mirror"),
    "role of a vdev": changed("zfs", "tank", "vdevs", to=[{"role": "lg", "disks": "/dev/a"}]),
    "type of a vdev": changed("zfs", "tank", "vdevs", to=[{"type": "mirrr", "disks": "/dev/a"}]),
    "key of a vdev": changed("zfs", "tank", "vdevs", to=[{"typ": "mirror", "disks": "/dev/a"}]),
    "vdev without disks": changed("zfs", "tank", "vdevs", to=[{"type": "mirror"}]),
    "option for a device": changed("zfs", "tank", "vdevs", to=["-f", "/dev/a"]),
    "topology": changed("zfs", "tank", to={"devices": ["/dev/a"], "topology": "raid5"}),
    "grant": changed(*DATA, "delegation", to={"user": "x"}),
    "grant of a list": changed(*DATA, "delegation", to=[{"users": "x", "perms": "send"}]),
    "grant that is none": changed(*DATA, "delegation", to=["x"]),
    "hook": changed(*DATA, "snapshot_hooks", to={"befor": ["/x"]}),
    "hook without its path": changed(*DATA, "snapshot_hooks", to={"before": ["db"]}),
    "hook as a text": changed(*DATA, "snapshot_hooks", to={"before": "/usr/bin/db"}),
    "hook that does nothing": changed(*DATA, "snapshot_hooks", to={"timeout": "1m"}),
    "what a hook's failure does": changed(*DATA, "snapshot_hooks", to={"after": ["/x"], "on_failure": "stp"}),
    "span of a policy": changed("zfs_policies", to={"mine": {"hourly": "2 days"}}),
    "datasets as a list": changed(*DATA, "datasets", to=["a"]),
    "dataset as a text": changed("zfs", "tank", "datasets", to={"a": "high"}),
    "name of a dataset": changed("zfs", "tank", "datasets", to={"a//b": None}),
    "name with a sign": changed("zfs", "tank", "datasets", to={"a@b": None}),
    "name of a pool": changed("zfs", to={"1tank": None}),
    "pool with a slash": changed("zfs", to={"tank/data": None}),
    "pool beside pools": changed("zfs", to={"pools": {"tank": None}, "more": {"policy": "high"}}),
    "tree as a list": changed("zfs", to=["tank"]),
    "interval of a policy": changed("zfs_policies", to={"mine": {"hourli": 1}}),
    "count of a policy": changed("zfs_policies", to={"mine": {"hourly": -1}}),
    "flag of a policy": changed("zfs_policies", to={"mine": {"autosnap": "maybe"}}),
    "policy that is a number": changed("zfs_policies", to={"mine": 24}),
    "policies as a list": changed("zfs_policies", to=["mine"]),
    "option of a job": changed("backup_server_pull_options", to={"bandwith_limit": "5M"}),
    "value of a job's option": changed("backup_server_pull_options", to={"raw": "alway"}),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_one_for_both(slip: str) -> None:
    assert validated(SLIPS[slip]), "ferro.zfs.validate"
    assert refused("inventory", SLIPS[slip]), "schema"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all keys and elements."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in [(*path, key), *places(inner, (*path, key))]]


@settings(max_examples=300)
@given(st.data())
def test_what_validate_refuses_no_schema_takes(data: st.DataObject) -> None:
    """One key or value of a good tree is changed at random."""
    variables = {"zfs": copy.deepcopy(RIGHT[0]["zfs"]), "zfs_policies": {}}
    path = data.draw(st.sampled_from(places(variables["zfs"])))
    place: Any = variables["zfs"]
    for step in path[:-1]:
        place = place[step]
    if isinstance(place, dict) and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(path[-1]) - 1))
        name = path[-1][:at] + data.draw(st.sampled_from(["", "x", "-", "/", "@", "_", "Z"])) + path[-1][at + 1 :]
        assume(name not in place)
        place[name] = place.pop(path[-1])
    else:
        place[path[-1]] = data.draw(st.sampled_from([None, "", "maybe", "mirrr", 7, [], {}, {"x": 1}, ["-f"], "a\tb", True]))
    faults = [fault for fault in validated(variables) if not re.search(RELATIONS, fault)]
    if faults:
        assert refused("inventory", variables), faults


# What only the whole tree or its other variables can tell, and what a policy is called.
RELATIONS = "no policy is called|is declared twice|encryption needs a keyformat|is the old name of|have the same key file|followed by an absolute path"
