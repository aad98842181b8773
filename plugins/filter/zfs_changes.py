# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that compare the ``zfs:`` tree of a host with what the host has, and give the commands that bring them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError
from ansible_collections.ferro.zfs.plugins.plugin_utils._dataset_changes import dataset_changes, properties_to_read
from ansible_collections.ferro.zfs.plugins.plugin_utils._delegations import delegations
from ansible_collections.ferro.zfs.plugins.plugin_utils._key_changes import key_changes, key_files
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import as_list
from ansible_collections.ferro.zfs.plugins.plugin_utils._pool_changes import pool_changes
from ansible_collections.ferro.zfs.plugins.plugin_utils._reading import in_context, plainly, read_tree

Entry = dict[str, Any]
T = TypeVar("T")
KEYS_DIRECTORY = "/root/zfs/keys"


def zfs_pool_changes(
    zfs: Any,
    read: str = "",
    importable: str | None = None,
    create: Any = (),
    force_import: Any = (),
    search: Any = (),
    keys_directory: str = KEYS_DIRECTORY,
    strict: bool = True,
    report: bool = False,
) -> Any:
    """The commands that import, create and set the properties of pools."""
    lists = create, force_import, search
    return _plain(lambda: pool_changes(read_tree(zfs, strict), read, importable, *map(as_list, lists), keys_directory), report)


def zfs_key_files(zfs: Any, keys_directory: str = KEYS_DIRECTORY, strict: bool = True) -> list[Entry]:
    """The files with the keys of encrypted datasets."""
    return _plain(lambda: key_files(read_tree(zfs, strict), keys_directory))


def zfs_key_changes(files: list[Mapping[str, Any]], keys: Mapping[str, Any], sums: str = "", report: bool = False) -> Any:
    """The key files to write."""
    return _plain(lambda: key_changes(files, keys, sums), report)


def zfs_properties_to_read(zfs: Any, strict: bool = True) -> list[str]:
    """The properties that zfs_dataset_changes compares."""
    return _plain(lambda: properties_to_read(read_tree(zfs, strict)))


def zfs_dataset_changes(
    zfs: Any, read: str = "", errors: str = "", keys_directory: str = KEYS_DIRECTORY, replicas: Any = (), strict: bool = True, report: bool = False
) -> Any:
    """The commands that create datasets and set their properties."""
    return _plain(lambda: dataset_changes(read_tree(zfs, strict), read, errors, keys_directory, as_list(replicas)), report)


def zfs_delegations(zfs: Any, strict: bool = True) -> list[Entry]:
    """The grants of a tree."""
    return _plain(lambda: delegations(read_tree(zfs, strict)))


def _plain(decide: Callable[[], T], report: bool = False) -> Any:
    """What was decided; as a report, ``{changes, faults}``, so that a role can show a fault as the headline of its failure."""
    try:
        decided = plainly(decide)
    except AnsibleFilterError as error:
        if report:
            return {"changes": [], "faults": [error.message]}
        raise
    return {"changes": decided, "faults": []} if report else decided


class FilterModule:
    """The filters by the names that templates use."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            one.__name__: in_context(one)
            for one in (
                zfs_pool_changes,
                zfs_key_files,
                zfs_properties_to_read,
                zfs_dataset_changes,
                zfs_delegations,
            )
        } | {"zfs_key_changes": zfs_key_changes}
