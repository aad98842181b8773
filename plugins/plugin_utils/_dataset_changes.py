# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands make a host's datasets what its tree declares. Pure: from a listing to a list of commands.

Nothing is ever destroyed or made anew. What only the creation of a dataset can set, and is set otherwise, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils import _properties
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import is_below
from ansible_collections.ferro.zfs.plugins.plugin_utils._tree import Dataset, Tree, TreeError

# Read besides what the tree declares.
ALWAYS_READ = ("type", "encryptionroot", "keystatus", "keylocation")
NO_DATASET = re.compile(r"cannot open '.*': (dataset does not exist|no such pool.*)")

Entry = dict[str, Any]


@dataclass
class Actual:
    """A dataset as it is: its properties, each with its source."""

    values: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)


class ReadError(ValueError):
    """ZFS did not answer what it was asked."""


def properties_to_read(tree: Tree) -> list[str]:
    """The properties for ``zfs get``."""
    declared = [name for d in tree.datasets for name in _properties.words(d.properties or {}, properties_path(d))]
    return list(dict.fromkeys([*ALWAYS_READ, *declared]))


def dataset_changes(tree: Tree, read: str, errors: str, keys_directory: str, replicas: Iterable[str]) -> list[Entry]:
    """The commands, parents before their children. ``read`` and ``errors`` are what ``zfs get`` printed. Raises TreeError."""
    actual = parse(read)
    check_errors(errors)
    changes: list[Entry] = []
    faults: list[str] = []
    declared = {d.name for d in tree.datasets}
    for dataset in tree.datasets:
        # What is below the dataset of replicas is made by replication, and an empty one would be in
        # its way.
        if any(is_below(dataset.name, replica) for replica in replicas):
            continue
        there = actual.get(dataset.name)
        try:
            if dataset.encryption_fault:
                raise dataset.encryption_fault
            if there is None:
                changes += _creation(dataset, declared, keys_directory)
            else:
                changes += _loading(dataset, there)
                changes += _setting(dataset, there)
                changes += _giving_back(dataset, there)
        except TreeError as fault:
            faults.append(str(fault))
    if faults:
        raise ReadError("; ".join(faults))
    if any(change["action"] == "load_key" for change in changes):
        # As at boot: what could not be mounted for want of the key.
        changes.append({"dataset": None, "action": "mount", "command": ["zfs", "mount", "-a"]})
    return changes


def key_path(dataset: Dataset, keys_directory: str) -> str | None:
    """The file that has the key of an encryption root; None where the key is not kept in one, as with ``prompt``."""
    location = _properties.words(dataset.properties or {}, properties_path(dataset)).get("keylocation")
    if location is None:
        return f"{keys_directory.rstrip('/')}/{dataset.name.replace('/', '_')}"
    return location[len("file://") :] if location.startswith("file://") else None


def properties_path(dataset: Dataset) -> str:
    """Where in the tree a dataset's properties are. (``config`` is the old word for it.)"""
    return f"{dataset.path}.{'properties' if '/' in dataset.name else 'root_properties'}"


def parse(read: str) -> dict[str, Actual]:
    """The output of ``zfs get -Hp -o name,property,source,value PROPERTIES DATASETS``."""
    found: dict[str, Actual] = {}
    for line in read.splitlines():
        fields = line.split("\t", 3)
        # A user property's value may have line breaks. What follows one is no row, and no declared
        # value is like that.
        if len(fields) == 4:
            name, prop, source, value = fields
            actual = found.setdefault(name, Actual())
            actual.values[prop] = value
            actual.sources[prop] = source
    return found


def check_errors(errors: str) -> None:
    """Whatever ZFS says but that a dataset does not exist is no answer."""
    unknown = re.search(r"invalid property '(.*?)'", errors)
    if unknown:
        raise ReadError(f"the ZFS of this host knows no property '{unknown[1]}', which the zfs tree declares")
    for line in errors.splitlines():
        if line.strip() and not NO_DATASET.fullmatch(line.strip()):
            raise ReadError(f"zfs get failed: {line.strip()}")


def _creation(dataset: Dataset, declared: set[str], keys_directory: str) -> list[Entry]:
    if "/" not in dataset.name:
        return []  # Its pool is made, or imported, before this; in check mode it may not be there yet.
    properties = creation_properties(dataset, keys_directory)
    command = ["zfs", "create"]
    parent = dataset.name.rpartition("/")[0]
    if "/" in parent and parent not in declared:
        command.append("-p")
    size = properties.pop("volsize", None)
    command += ["-V", size] if size is not None else []
    for name, value in properties.items():
        command += ["-o", f"{name}={value}"]
    return [{"dataset": dataset.name, "action": "create", "command": [*command, dataset.name], "trial": ["zfs", "create", "-n", *command[2:], dataset.name]}]


def creation_properties(dataset: Dataset, keys_directory: str) -> dict[str, str]:
    """What a new dataset is made with: what is declared and not inherited, and for an encryption root where its key is."""
    path = properties_path(dataset)
    properties = {name: value for name, value in _properties.words(dataset.properties or {}, path).items() if value != _properties.INHERIT}
    if dataset.declares_encryption and dataset.encryption_root == dataset.name:
        if "keyformat" not in properties:
            raise TreeError(path, "encryption needs a keyformat: raw, hex or passphrase")
        if properties.get("keylocation") == "prompt":
            raise TreeError(
                f"{path}.keylocation",
                f"{dataset.name} is to be made with a key that somebody types in: make it with `zfs create` on the host",
            )
        properties.setdefault("keylocation", f"file://{key_path(dataset, keys_directory)}")
    return properties


def _loading(dataset: Dataset, there: Actual) -> list[Entry]:
    """Where the key is in a file and not loaded, as after an import."""
    values = there.values
    if values.get("encryptionroot") != dataset.name or values.get("keystatus") != "unavailable":
        return []
    if not values.get("keylocation", "").startswith("file://"):
        return []
    return [{"dataset": dataset.name, "action": "load_key", "command": ["zfs", "load-key", dataset.name]}]


def _setting(dataset: Dataset, there: Actual) -> list[Entry]:
    path = properties_path(dataset)
    properties = _properties.words(dataset.properties or {}, path)
    if "volsize" in properties and there.values.get("type") == "filesystem":
        raise TreeError(f"{path}.volsize", f"{dataset.name} is a filesystem, which cannot become a volume")
    differing = {}
    for name, value in properties.items():
        if value == _properties.INHERIT:
            continue
        actual = there.values.get(name, "-")
        if _properties.same(name, value, actual):
            inherited = there.sources.get(name, "-").startswith(("inherited", "default"))
            if name in _properties.NOT_INHERITED or not inherited:
                continue
        elif name in _properties.AT_CREATION:
            raise TreeError(
                f"{path}.{name}",
                f"the tree says {value}, but {dataset.name} was created with {actual}, and that cannot be changed; "
                "change the tree, or make another dataset and move the data",
            )
        elif name == "volsize" and actual.isdigit() and (_properties.size(value) or 0) < int(actual):
            raise TreeError(f"{path}.{name}", f"{dataset.name} has {actual} bytes; a smaller one would cut off its data")
        differing[name] = value
    if not differing:
        return []
    command = ["zfs", "set", *(f"{name}={value}" for name, value in differing.items()), dataset.name]
    before = {name: there.values.get(name, "-") for name in differing}
    change = {"dataset": dataset.name, "action": "set", "command": command, "before": before, "after": differing}
    return [{**change, "trial": _trial(dataset.name, differing, there)}]


def _giving_back(dataset: Dataset, there: Actual) -> list[Entry]:
    """What is set on the dataset itself, or came with a stream, and is to be the parent's again."""
    declared = _properties.words(dataset.properties or {}, properties_path(dataset))
    names = [name for name, value in declared.items() if value == _properties.INHERIT and there.sources.get(name) in ("local", "received")]
    return [
        {
            "dataset": dataset.name,
            "action": "inherit",
            "command": ["zfs", "inherit", name, dataset.name],
            "before": {name: there.values.get(name, "-")},
            "after": {name: _properties.INHERIT},
        }
        for name in names
    ]


def _trial(name: str, properties: dict[str, str], there: Actual) -> list[str]:
    """What says whether ZFS would take the values: making a dataset of the kind, without doing so. It minds neither that there is one by that name.

    Where the key is can be told of an encrypted dataset only, which this would not be.
    """
    size = properties.get("volsize", there.values.get("volsize", "1G") if there.values.get("type") == "volume" else None)
    words = [f"{one}={value}" for one, value in properties.items() if one not in ("volsize", "keylocation")]
    volume = [] if size is None else ["-V", size if size != "-" else "1G"]
    return ["zfs", "create", "-n", *volume, *(word for one in words for word in ("-o", one)), name]
