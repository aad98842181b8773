# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands bring in a host's pools: imported if they exist, created only if asked for by name. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils import _properties
from ansible_collections.ferro.zfs.plugins.plugin_utils._dataset_changes import Entry, ReadError, creation_properties
from ansible_collections.ferro.zfs.plugins.plugin_utils._messages import shown
from ansible_collections.ferro.zfs.plugins.plugin_utils._tree import Tree, TreeError, one_of
from ansible_collections.ferro.zfs.plugins.plugin_utils._words import DEVICES, POOL_PROPERTIES, ROLES, TOPOLOGIES, VDEV_WORDS, meant

# Of one start, or of what is added later, or only for looking at: not to be held against a pool
# that exists.
NOT_COMPARED = {"altroot", "ashift", "bootfs", "cachefile", "load_guid", "readonly", "version"}


def pool_changes(
    tree: Tree,
    read: str,
    importable: str | None,
    create: Collection[str],
    force_import: Collection[str],
    search: Collection[str],
    keys_directory: str,
) -> list[Entry]:
    """The commands. ``read`` is what ``zpool get`` printed, ``importable`` what ``zpool import`` did.

    ``importable`` is None where nobody could look, as in check mode before ZFS is installed. Raises TreeError.
    """
    actual = imported(read)
    for name in create:
        if name not in tree.settings:
            raise ReadError(f"{name} is to be created, but the zfs tree has no such pool")
    changes: list[Entry] = []
    for name, (path, settings) in tree.settings.items():
        properties = _properties.words(one_of(settings, path, POOL_PROPERTIES, "pool properties"), f"{path}.properties", of_pool=True)
        if name in actual:
            changes += _setting(name, properties, actual[name])
            continue
        found = None if importable is None else candidates(importable, name)
        searched = [word for place in search for word in ("-d", place)]
        if found:
            _check_importable(name, found)
            force = ["-f"] if name in force_import else []
            changes.append({"pool": name, "action": "import", "command": ["zpool", "import", *searched, *force, name]})
        elif name in create:
            command = _creation(tree, name, properties, keys_directory)
            trial = ["zpool", "create", "-n", *command[2:]]
            changes.append({"pool": name, "action": "create", "command": command, "trial": trial})
        elif found is None:
            changes.append({"pool": name, "action": "import", "command": ["zpool", "import", *searched, name]})
        else:
            devices = " ".join(vdevs(settings, path, name)) if has_vdevs(settings) else "the devices that it names"
            raise TreeError(
                path,
                f"there is no pool {name} on this host, neither imported nor to be found by `zpool import`. Attach its disks; or, "
                f"to have it created on {devices}, name it in system_zfs_create_pools",
            )
    return changes


def imported(read: str) -> dict[str, dict[str, str]]:
    """The output of ``zpool get -Hp -o name,property,value all``, by pool."""
    found: dict[str, dict[str, str]] = {}
    for line in read.splitlines():
        fields = line.split("\t", 2)
        if len(fields) == 3:
            found.setdefault(fields[0], {})[fields[1]] = fields[2]
    return found


def candidates(importable: str, name: str) -> list[dict[str, str]]:
    """The pools of a name in the output of ``zpool import``: each with its ``pool``, ``id``, ``state`` and so on."""
    found: list[dict[str, str]] = []
    for line in importable.splitlines():
        match = re.fullmatch(r" *(pool|id|state|status|action): (.*)", line)
        if match is None:
            continue
        if match[1] == "pool":
            found.append({})
        if found:
            found[-1][match[1]] = match[2].strip()
    return [one for one in found if one["pool"] == name]


def vdevs(settings: Any, path: str, name: str) -> list[str]:
    """The words of ``zpool create`` after the pool's name: ``vdevs`` as they are, or ``topology`` and ``devices``."""
    given = [word for word in ("vdevs", *DEVICES) if settings.get(word)]
    if len(given) > 1:
        raise TreeError(f"{path}.{given[0]}", "give vdevs, or devices and topology (disks is another name of devices), not both")
    if not given:
        raise TreeError(path, f"{name} is to be created, but on what? Give devices (and topology), or vdevs")
    if given[0] == "vdevs" and settings.get("topology"):
        raise TreeError(f"{path}.topology", "vdevs say it themselves: [mirror, /dev/a, /dev/b], or {type: mirror, disks: [...]}")
    if given[0] == "vdevs":
        found = _words(settings["vdevs"], f"{path}.vdevs", "the words of zpool create, such as mirror /dev/a /dev/b")
    else:
        topology = _words(settings.get("topology") or [], f"{path}.topology", "mirror, raidz1, raidz2, raidz3 or stripe")
        for word in topology:
            _check_kind(word, TOPOLOGIES, f"{path}.topology")
        found = [*(word for word in topology if word != "stripe"), *_words(settings[given[0]], f"{path}.{given[0]}", "a list of devices")]
    for one in found:
        if one.startswith("-"):
            raise TreeError(path, f"{one!r} is no device")
    return found


def has_vdevs(settings: Any) -> bool:
    """Whether the tree says what the pool is made of."""
    return any(settings.get(word) for word in ("vdevs", *DEVICES))


def _words(value: Any, path: str, wanted: str) -> list[str]:
    """A list, or a text with blanks between its words. A list may hold such for each vdev, also as ``{role, type, disks}``."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, dict):
        return _vdev(value, path, wanted)
    if not isinstance(value, list):
        raise TreeError(path, f"expected {wanted}, got {shown(value)}")
    found = []
    for index, one in enumerate(value):
        found += _words(one, f"{path}[{index}]", wanted)
    return found


def _vdev(vdev: dict[str, Any], path: str, wanted: str) -> list[str]:
    for word in vdev:
        if word not in VDEV_WORDS:
            raise TreeError(f"{path}.{word}", f"not a key of a vdev, which are: {', '.join(sorted(VDEV_WORDS))}{meant(word, VDEV_WORDS)}")
    if not vdev.get("disks"):
        raise TreeError(path, "a vdev without disks")
    before = []
    for word, known in (("role", ROLES), ("type", TOPOLOGIES)):
        if vdev.get(word) is not None:
            _check_kind(vdev[word], known, f"{path}.{word}")
            before.append(vdev[word])
    # ZFS has no word for these two: they are what a device is without one.
    return [*(word for word in before if word not in ("stripe", "data")), *_words(vdev["disks"], f"{path}.disks", wanted)]


def _check_kind(word: Any, known: tuple[str, ...], path: str) -> None:
    # draid may have its numbers with it: draid2:4d:1s
    if not isinstance(word, str) or word.partition(":")[0] not in known:
        raise TreeError(path, f"expected {', '.join(known)}, got {shown(word)}{meant(word, known)}")


def _check_importable(name: str, found: list[dict[str, str]]) -> None:
    if len(found) > 1:
        ids = " and ".join(one.get("id", "?") for one in found)
        raise ReadError(f"there are {len(found)} pools called {name} to import, {ids}: import the right one with `zpool import ID`")
    state = found[0].get("state", "?")
    if state not in ("ONLINE", "DEGRADED"):
        why = found[0].get("status") or found[0].get("action") or "see `zpool import`"
        raise ReadError(f"the pool {name} cannot be imported, its state is {state}: {why}")


def _creation(tree: Tree, name: str, properties: dict[str, str], keys_directory: str) -> list[str]:
    path, settings = tree.settings[name]
    command = ["zpool", "create"]
    for prop, value in properties.items():
        command += ["-o", f"{prop}={value}"]
    for root in tree.datasets:
        if root.name == name:
            for prop, value in creation_properties(root, keys_directory).items():
                command += ["-O", f"{prop}={value}"]
    return [*command, name, *vdevs(settings, path, name)]


def _setting(name: str, properties: dict[str, str], actual: dict[str, str]) -> list[Entry]:
    changes = []
    for prop, value in properties.items():
        if prop in NOT_COMPARED or _properties.same(prop, value, actual.get(prop, "-")):
            continue
        command = ["zpool", "set", f"{prop}={value}", name]
        changes.append({"pool": name, "action": "set", "command": command})
    return changes
