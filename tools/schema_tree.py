# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON Schema of the `zfs:` tree: the words are those that plugins/plugin_utils reads it by."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

COLLECTIONS = Path(__file__).resolve().parent.parent / ".cache" / "collections"
sys.path.insert(0, str(COLLECTIONS))

from ansible_collections.ferro.zfs.plugins.plugin_utils import _policies, _tree, _types, _words  # noqa: E402

Schema = dict[str, Any]

NOTHING: Schema = {"type": "null"}
TEMPLATE: Schema = {"$ref": "#/$defs/template"}
YES_OR_NO: list[Schema] = [{"type": "boolean"}, {"$ref": "#/$defs/yes_or_no"}, NOTHING, TEMPLATE]
# Of a name between two slashes: neither `.` nor `..`, no dash before it, no blank around it.
PART = r"(?!\.\.?(?:/|$))(?![- ])[A-Za-z0-9_.: -]*[A-Za-z0-9_.:-]"
DATASET_NAME: Schema = {"pattern": rf"^{PART}(/{PART})*$", "maxLength": _tree.MAX_NAME}
POOL_NAME: Schema = {"pattern": r"^[A-Za-z]([A-Za-z0-9_.: -]*[A-Za-z0-9_.:-])?$", "maxLength": _tree.MAX_NAME}
# Native properties that came with OpenZFS 2.3 and 2.4.
NEWER = (
    "defaultgroupobjquota",
    "defaultgroupquota",
    "defaultprojectobjquota",
    "defaultprojectquota",
    "defaultuserobjquota",
    "defaultuserquota",
    "direct",
    "longname",
)
FORMATS = ("none", "raw", "hex", "passphrase")


def job_variables() -> dict[str, str]:
    """Variables that hold options of modules, which those are."""
    return dict(_types.JOBS)


def policies(yes_or_no: Schema) -> Schema:
    """Policies of one's own, by their names."""
    count: Schema = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": rf"^{_policies.COUNT.pattern}$"}]}
    flag: Schema = {"anyOf": [{"type": "boolean"}, yes_or_no]}
    words = {**dict.fromkeys(_policies.INTERVALS, count), **dict.fromkeys(_policies.FLAGS, flag)}
    return {"type": "object", "additionalProperties": {"type": "object", "properties": words, "additionalProperties": False}}


def definitions(grant: Schema) -> Schema:
    """The tree and its parts; `grant` is what is within a delegation."""
    return {
        "zfs": _zfs(),
        "pools": _mapping({"$ref": "#/$defs/pool"}, POOL_NAME),
        "datasets": _mapping({"$ref": "#/$defs/dataset"}, DATASET_NAME),
        "pool": _body(_pool_words(), [_words.POOL_PROPERTIES, ("vdevs", *_words.DEVICES), ("vdevs", "topology")]),
        "dataset": _body(_dataset_words(), [_words.PROPERTIES]),
        "properties": _properties(),
        "pool_properties": {
            "anyOf": [{"type": "object", "propertyNames": {"pattern": _any_property()}, "additionalProperties": {"$ref": "#/$defs/value"}}, NOTHING, TEMPLATE]
        },
        "value": {"anyOf": [{"type": ["number", "boolean", "null"]}, {"type": "string", "pattern": r"^[^\t\n\r\u0000]*$"}]},
        "delegation": {"anyOf": [grant, {"type": "array", "items": grant}, NOTHING, TEMPLATE]},
        "hooks": _hooks(),
        "devices": _devices(),
        "vdev": _vdev(),
    }


def _zfs() -> Schema:
    """Pools, or `pools` with them. A pool may be called so itself: only a pool has `datasets`."""
    pool: Schema = {"$ref": "#/$defs/pool"}
    wrapped: Schema = {"required": ["pools"], "properties": {"pools": {"not": {"type": "object", "required": ["datasets"]}}}}
    beside: Schema = {"allOf": [pool, {"type": "object", "required": ["datasets"]}]}
    # A list by this name once stood beside the pools.
    backups: Schema = {"type": "array"}
    return {
        "description": "Pools and datasets of the host with their policies.",
        "if": {"type": "object"},
        "then": {
            "if": wrapped,
            "then": {"properties": {"pools": {"$ref": "#/$defs/pools"}, "backups": {"anyOf": [backups, beside]}}, "additionalProperties": beside},
            "else": {"properties": {"backups": {"anyOf": [backups, pool]}}, "additionalProperties": pool, "propertyNames": POOL_NAME},
        },
        "else": {"anyOf": [NOTHING, TEMPLATE]},
    }


def _mapping(value: Schema, names: Schema) -> Schema:
    return {"anyOf": [{"type": "object", "propertyNames": names, "additionalProperties": value}, NOTHING, TEMPLATE]}


def _body(words: Schema, alone: Iterable[tuple[str, ...]]) -> Schema:
    """A pool or a dataset: these words and no others; of those that go alone, at most one is given."""
    pairs = [pair for names in alone for pair in combinations(names, 2)]
    is_given: Schema = {"not": {"enum": [None, [], {}, ""]}}
    both = [{"not": {"required": list(pair), "properties": dict.fromkeys(pair, is_given)}} for pair in pairs]
    return {"anyOf": [{"type": "object", "properties": words, "additionalProperties": False, "allOf": both}, NOTHING, TEMPLATE]}


def _both_words() -> Schema:
    # Which policies there are is for the inventory to say.
    policy: Schema = {"description": "Which snapshots are taken and kept, and where they go.", "anyOf": [{"type": "string", "pattern": r"\S"}, NOTHING]}
    flags: dict[str, str] = {
        "children_inherit_policy": "Hands its policy down.",
        "snapshots_discover_children": "Children that the tree does not declare get its policy.",
    }
    found: Schema = {"policy": policy}
    found.update({name: {"description": what, "anyOf": YES_OR_NO} for name, what in flags.items()})
    found.update({old: {**found[new], "deprecated": True} for new, old in _words.OLD_WORDS.items()})
    found["snapshot_hooks"] = {"description": "Programs that run before and after its snapshots.", "$ref": "#/$defs/hooks"}
    found["state"] = {"anyOf": [{"enum": ["present", None]}, TEMPLATE]}
    found["delegation"] = {"description": "Who may do what there, as zfs_delegate takes it.", "$ref": "#/$defs/delegation"}
    found["datasets"] = {"description": "The datasets below it.", "$ref": "#/$defs/datasets"}
    return _checked(found, _words.BOTH)


def _dataset_words() -> Schema:
    properties: Schema = {"description": "Its ZFS properties.", "$ref": "#/$defs/properties"}
    return _checked({**_both_words(), **dict.fromkeys(_words.PROPERTIES, properties)}, _words.DATASET_WORDS)


def _pool_words() -> Schema:
    properties: Schema = {"description": "Properties of zpool.", "$ref": "#/$defs/pool_properties"}
    devices: Schema = {"description": "The disks that it is made of.", "anyOf": [{"$ref": "#/$defs/devices"}, {"enum": [None, {}]}]}
    found = {**_both_words(), **dict.fromkeys(_words.POOL_PROPERTIES, properties), **dict.fromkeys((*_words.DEVICES, "vdevs"), devices)}
    found["root_properties"] = {"description": "ZFS properties of its root dataset.", "$ref": "#/$defs/properties"}
    kind: Schema = {"type": "string", "pattern": rf"^\s*({_kind()}(\s+{_kind()})*\s*)?$"}
    found["topology"] = {"description": "How the devices belong together.", "anyOf": [kind, {"type": "array", "items": kind}, NOTHING, TEMPLATE]}
    return _checked(found, _words.POOL_WORDS)


def _checked(found: Schema, known: set[str]) -> Schema:
    """A word that is read is here, and the other way round."""
    if set(found) != known:
        raise SystemExit(f"tools/schema_tree.py and plugins/plugin_utils/_words.py differ about {sorted(set(found) ^ known)}")
    return found


def _any_property() -> str:
    return r"^([a-z][a-z0-9_.:-]*(@[^\s=,]+)?|feature@[a-z_0-9]+)$"


def _properties() -> Schema:
    """Names are native ones or have a colon or @ in them; that of a newer ZFS is not known here, but a slip is far more likely."""
    value: Schema = {"$ref": "#/$defs/value"}
    native: Schema = dict.fromkeys(sorted({*_words.NATIVE, *NEWER}), value)
    native["encryption"] = {"anyOf": [{"enum": [*sorted(_tree.ENCRYPTION), True, False, None]}, TEMPLATE]}
    native["keyformat"] = {"anyOf": [{"enum": [*FORMATS, False, None]}, TEMPLATE]}
    others = r"^[a-z][a-z0-9_.:-]*@[^\s=,]+$|^[a-z][a-z0-9_.-]*:[a-z0-9_.:-]*$"
    return {"anyOf": [{"type": "object", "properties": native, "patternProperties": {others: value}, "additionalProperties": False}, NOTHING, TEMPLATE]}


def _hooks() -> Schema:
    """A program by its full path and its arguments, before or after."""
    argument: Schema = {"type": ["string", "integer"]}
    program: Schema = {"type": "string", "pattern": "^/"}
    command: Schema = {"anyOf": [{"type": "array", "minItems": 1, "prefixItems": [program], "items": argument}, NOTHING]}
    failure: Schema = {"enum": [*_words.ON_FAILURE, None]}
    words = _checked({"before": command, "after": command, "timeout": {}, "on_failure": failure}, set(_words.HOOK_WORDS))
    either = [{"required": [name], "properties": {name: {"type": "array"}}} for name in ("before", "after")]
    empty: Schema = {"additionalProperties": NOTHING}
    return {"anyOf": [{"type": "object", "properties": words, "additionalProperties": False, "anyOf": [*either, empty]}, NOTHING, TEMPLATE]}


def _kind() -> str:
    return rf"({'|'.join(_words.TOPOLOGIES)})(:\S*)?"


def _devices() -> Schema:
    """A text, a list of such, or of groups with a role."""
    words: Schema = {"type": "string", "pattern": r"^(?!\s*-)(?!.*\s-)"}
    several: Schema = {"type": "array", "items": {"$ref": "#/$defs/devices"}}
    return {"anyOf": [words, several, {"$ref": "#/$defs/vdev"}]}


def _vdev() -> Schema:
    role: Schema = {"anyOf": [{"enum": [*_words.ROLES, None]}, TEMPLATE]}
    kind: Schema = {"anyOf": [{"type": "string", "pattern": f"^{_kind()}$"}, NOTHING, TEMPLATE]}
    disks: Schema = {"$ref": "#/$defs/devices", "not": {"enum": [None, "", [], {}]}}
    words = _checked({"role": role, "type": kind, "disks": disks}, _words.VDEV_WORDS)
    return {"type": "object", "properties": words, "required": ["disks"], "additionalProperties": False}
