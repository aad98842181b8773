# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn the ``zfs:`` tree of a host into lists for tasks. Each is a view of one walk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import ancestors, as_list, is_at_or_below
from ansible_collections.ferro.zfs.plugins.plugin_utils._reading import display, in_context, plainly, read_tree
from ansible_collections.ferro.zfs.plugins.plugin_utils._tree import Dataset, Tree

Entry = dict[str, Any]
BACKUP_POLICIES = ("high", "critical")
OFFSITE_POLICIES = ("critical",)


def zfs_all_pools(zfs: Any, strict: bool = True) -> list[str]:
    """Every pool's name."""
    return _read(zfs, strict).pools


def zfs_all_datasets(zfs: Any, strict: bool = True) -> list[str]:
    """Every declared dataset's name."""
    return [dataset.name for dataset in _read(zfs, strict).datasets]


def zfs_datasets_with_config(zfs: Any, strict: bool = True) -> list[Entry]:
    """Every declared dataset, with its properties and delegation where it has any."""
    return _with_config(_read(zfs, strict).datasets)


def zfs_datasets_with_policy(zfs: Any, replicas: Any = (), strict: bool = True) -> list[Entry]:
    """Every declared dataset, worded as the ``datasets`` option of the snapshot and prune modules."""
    entries = [{"dataset": d.name, "policy": d.policy, "snapshots_discover_children": d.discovers} for d in _read(zfs, strict).datasets]
    return _without(entries, plainly(lambda: as_list(replicas)))


def zfs_snapshot_hooks(zfs: Any, replicas: Any = (), strict: bool = True) -> dict[str, Any]:
    """The commands before and after snapshots, by dataset, worded as the ``hooks`` option of the snapshot module."""
    theirs = plainly(lambda: as_list(replicas))
    return {d.name: d.hooks for d in _read(zfs, strict).datasets if d.hooks and not any(is_at_or_below(d.name, replica) for replica in theirs)}


def _without(entries: list[Entry], replicas: list[str]) -> list[Entry]:
    """The same, where nothing at or below ``replicas`` has a policy, whatever an ancestor discovers."""
    kept = [one for one in entries if not any(is_at_or_below(one["dataset"], replica) for replica in replicas)]
    # The nearest declared ancestor decides. This one stands in the way of one further up that
    # discovers children.
    shields = [
        {"dataset": replica, "policy": "none", "snapshots_discover_children": False}
        for replica in replicas
        if any(one["snapshots_discover_children"] and is_at_or_below(replica, one["dataset"]) for one in kept)
    ]
    return kept + shields


def zfs_backup_datasets(zfs: Any, strict: bool = True) -> list[Entry]:
    """What a backup server holds too."""
    return _with_config(d for d in _read(zfs, strict).datasets if d.policy in BACKUP_POLICIES)


def zfs_critical_datasets(zfs: Any, strict: bool = True) -> list[Entry]:
    """What must never be lost."""
    return _with_config(d for d in _read(zfs, strict).datasets if d.policy == "critical")


def zfs_offsite_datasets(zfs: Any, strict: bool = True) -> list[Entry]:
    """What is kept in another place too."""
    return _with_config(d for d in _read(zfs, strict).datasets if d.policy in OFFSITE_POLICIES)


def zfs_replication_sources(
    zfs: Any, policies: Any = BACKUP_POLICIES, below: str | None = None, replicas: Any = (), strict: bool = True
) -> dict[str, list[str]]:
    """What a replication of these policies takes and leaves out, worded as the options of zfs_replicate.

    Children that are not declared go along with the nearest declared dataset above them, so only where a declared one differs
    from that does it have to be named. Replicas are nobody's source here, whatever policy they are pruned by.
    """
    asked, theirs = plainly(lambda: (set(as_list(policies)), set(as_list(replicas))))
    wanted = {d.name: d.policy in asked and not theirs & {d.name, *ancestors(d.name)} for d in _read(zfs, strict).datasets}
    wanted |= dict.fromkeys(sorted(theirs - wanted.keys()), False)
    found: dict[str, list[str]] = {"source": [], "exclude": []}
    for name, is_wanted in wanted.items():
        above = next((wanted[ancestor] for ancestor in ancestors(name) if ancestor in wanted), False)
        if is_wanted != above:
            found["source" if is_wanted else "exclude"].append(f"{below}/{name}" if below else name)
    return found


def zfs_encrypted_datasets(zfs: Any, strict: bool = True) -> list[Entry]:
    """What asks for encryption itself, each with the dataset whose key unlocks it."""
    encrypted = [d for d in _read(zfs, strict).datasets if d.declares_encryption]
    for dataset in encrypted:
        if dataset.encryption_fault:
            raise AnsibleFilterError(str(dataset.encryption_fault))
    return [{**entry, "encryption_root": d.encryption_root} for entry, d in zip(_with_config(encrypted), encrypted, strict=False)]


def zfs_datasets_with_importance(zfs: Any, strict: bool = True) -> list[Entry]:
    """The old name of zfs_datasets_with_policy, in the old words that its old readers look for."""
    _deprecate("the filter zfs_datasets_with_importance", "ferro.zfs.zfs_datasets_with_policy")
    return [{"dataset": d.name, "importance": d.policy, "discover_children": d.discovers} for d in _read(zfs, strict).datasets]


def _with_config(datasets: Iterable[Dataset]) -> list[Entry]:
    return [_entry(dataset) for dataset in datasets]


def _entry(dataset: Dataset) -> Entry:
    """Without what is not declared, so that ``selectattr('properties', 'defined')`` means what it says."""
    entry: Entry = {"dataset": dataset.name, "policy": dataset.policy}
    if dataset.properties is not None:
        entry["properties"] = dataset.properties
    if dataset.delegation is not None:
        entry["delegation"] = dataset.delegation
    return entry


def _read(zfs: Any, strict: bool) -> Tree:
    tree = plainly(lambda: read_tree(zfs, strict))
    for old, new in tree.old_words:
        _deprecate(f"the key '{old}' in the zfs tree", f"'{new}'")
    return tree


def _deprecate(what: str, instead: str) -> None:
    """Shown once per run for each text: Display leaves out what it has shown before."""
    display.deprecated(
        f"{what[0].upper()}{what[1:]} is deprecated, use {instead}.",
        version="2.0.0",
        collection_name="ferro.zfs",
    )


class FilterModule:
    """The filters by the names that templates use."""

    def filters(self) -> dict[str, Callable[[Any], Any]]:
        return {
            one.__name__: in_context(one)
            for one in (
                zfs_all_pools,
                zfs_all_datasets,
                zfs_datasets_with_config,
                zfs_datasets_with_policy,
                zfs_snapshot_hooks,
                zfs_backup_datasets,
                zfs_critical_datasets,
                zfs_offsite_datasets,
                zfs_replication_sources,
                zfs_encrypted_datasets,
                zfs_datasets_with_importance,
            )
        }
