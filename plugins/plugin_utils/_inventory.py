# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of one host, before anything is done with them. Pure: no host is asked.

A slip that Ansible and ZFS would take, such as a dataset of replicas that the tree has by another name, costs backups in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils import _older, _policies, _pool_changes, _properties, _schedules, _telling
from ansible_collections.ferro.zfs.plugins.plugin_utils._dataset_changes import properties_path
from ansible_collections.ferro.zfs.plugins.plugin_utils._delegations import delegations
from ansible_collections.ferro.zfs.plugins.plugin_utils._key_changes import key_files
from ansible_collections.ferro.zfs.plugins.plugin_utils._messages import shown
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import as_list, is_at_or_below
from ansible_collections.ferro.zfs.plugins.plugin_utils._tree import Tree, one_of, walk
from ansible_collections.ferro.zfs.plugins.plugin_utils._words import POOL_PROPERTIES, meant, unknown_property

CLIENTS = ("zfs_backup_clients", "zfs-backup-clients")
SERVERS = ("zfs_backup_servers", "zfs-backup-servers")
OFFSITE = ("zfs_backup_offsite", "zfs-backup-offsite")
MONITORED = ("zfs_monitored", "zfs-monitored")
MONITORING = ("zfs_monitoring_servers", "zfs-monitoring-servers")
# Where replicas land, and in which group a host has to say it.
PLACES = {"backup_server_dataset": SERVERS, "backup_offsite_dataset": OFFSITE}
CALENDARS = (
    "zfs_policy_snapshot_calendar",
    "zfs_policy_prune_calendar",
    "backup_server_pull_schedule",
    "backup_server_push_schedule",
    "backup_client_schedule",
    "backup_offsite_schedule",
    "zfs_notify_verdict_calendar",
)
# Empty means never.
MAY_BE_EMPTY = ("zfs_notify_verdict_calendar",)
SPANS = (
    "zfs_policy_snapshot_delay",
    "zfs_policy_snapshot_timeout",
    "zfs_policy_prune_delay",
    "zfs_policy_prune_timeout",
    "backup_server_pull_delay",
    "backup_server_push_delay",
    "backup_server_timeout",
)
KEYS_DIRECTORY = "/root/zfs/keys"


@dataclass
class Findings:
    """What is to be said of a host, or of a fleet."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    # (older name of a variable, ours)
    older: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Host:
    """The variables of a host as the inventory has them. ``get`` gives None for what is not there, and raises ValueError for what cannot be read."""

    name: str
    get: Callable[[str], Any]
    groups: Mapping[str, Any]
    strict: bool = True

    def is_in(self, names: Collection[str]) -> bool:
        """Whether it is in one of these groups."""
        return any(self.name in (self.groups.get(name) or ()) for name in names)

    def variable(self, ours: str) -> tuple[Any, str]:
        """The value, by whatever name, and that name."""
        return _older.variable(ours, self.get, self.groups)


def host_findings(host: Host) -> Findings:
    """All that can be found out without asking the host. What is said of it begins with its name."""
    found = Findings()
    tree: Tree | None = None
    for check in (_check_older, _check_schedules, _check_telling):
        _guard(found, check, found, host)
    try:
        tree = _read_tree(found, host)
    except ValueError as fault:
        found.faults.append(str(fault))
    for check_with in (_check_policies, _check_places, _check_names):
        _guard(found, check_with, found, host, tree)
    found.faults = [f"{host.name}: {one}" for one in dict.fromkeys(found.faults)]
    found.warnings = [f"{host.name}: {one}" for one in dict.fromkeys(found.warnings)]
    return found


def _guard(found: Findings, check: Callable[..., object], *given: Any) -> None:
    """A variable that cannot be read is a fault among others."""
    try:
        check(*given)
    except ValueError as fault:
        found.faults.append(str(fault))


def _pool_properties(settings: dict[str, Any], path: str) -> object:
    return _properties.words(one_of(settings, path, POOL_PROPERTIES, "pool properties"), f"{path}.properties", of_pool=True)


def _read_tree(found: Findings, host: Host) -> Tree | None:
    value = host.get("zfs")
    if value is None:
        return None
    tree = walk(value)
    (found.faults if host.strict else found.warnings).extend(tree.unknown)
    for dataset in tree.datasets:
        if dataset.encryption_fault:
            found.faults.append(str(dataset.encryption_fault))
            continue
        # Not what only a creation minds: it may be there.
        at = properties_path(dataset)
        _guard(found, _properties.words, dataset.properties or {}, at)
        _check_property_names(found, host, dataset.properties or {}, at)
    for name, (path, settings) in tree.settings.items():
        _guard(found, _pool_properties, settings, path)
        if _pool_changes.has_vdevs(settings):
            _guard(found, _pool_changes.vdevs, settings, path, name)
    _guard(found, delegations, tree)
    _guard(found, key_files, tree, KEYS_DIRECTORY)
    return tree


def _check_property_names(found: Findings, host: Host, properties: Mapping[str, Any], path: str) -> None:
    for name in properties:
        near = unknown_property(name)
        if near:
            said = f"{path}.{name}: ZFS has no property '{name}'; did you mean '{near}'?"
            (found.faults if host.strict else found.warnings).append(said)


def _check_older(found: Findings, host: Host) -> None:
    found.older += [(name, ours) for name, ours in _older.NOW.items() if host.get(name) is not None]
    for ours in dict.fromkeys(ours for _name, ours in found.older):
        value, before = host.get(ours), _older.older(ours, host.get, host.groups)
        if value is not None and before is not None and str(before[0]).lower() != str(value).lower():
            found.faults.append(f"{before[1]}: the older name of {ours}, and the two differ: {before[0]} and {value}. Keep {ours}")
    for name, why in _older.REFUSED.items():
        if host.get(name) not in (None, False, [], "false", "no"):
            found.faults.append(f"{name}: not read here, for {why}")
    for name, instead in _older.IGNORED.items():
        if host.get(name) is not None:
            found.warnings.append(f"{name}: of an older inventory, and not read any more; there is in its place: {instead}")


def _check_schedules(found: Findings, host: Host) -> None:
    for names, fault_of in ((CALENDARS, _schedules.calendar_fault), (SPANS, _schedules.span_fault)):
        for ours in names:
            value, name = host.variable(ours)
            is_given = value is not None and not (value == "" and ours in MAY_BE_EMPTY)
            fault = fault_of(value) if is_given else None
            if fault:
                found.faults.append(f"{name}: {fault}")


def _check_telling(found: Findings, host: Host) -> None:
    found.faults += _telling.faults(host.get)


def _check_policies(found: Findings, host: Host, tree: Tree | None) -> None:
    definitions, name = host.variable("zfs_policies")
    own = host.get("zfs_policy_policies")
    if own is not None:
        definitions, name = own, "zfs_policy_policies"
    if definitions is not None:
        found.faults += _policies.definition_faults(definitions, name)
    names = _policies.known(definitions)
    if tree is not None:
        found.faults += _policies.unknown_of_tree(tree, names)
    asked = host.get("backup_client_policies")
    if asked is not None:
        found.faults += _policies.unknown_of_list(asked, "backup_client_policies", names)


def _check_places(found: Findings, host: Host, tree: Tree | None) -> None:
    """Where replicas land is where no snapshot is taken: a name beside it would have the replicas snapshotted, and all of it received anew."""
    places = {}
    for ours, groups in PLACES.items():
        value, name = host.variable(ours)
        concerns = host.is_in(groups)
        if value in (None, ""):
            if concerns:
                found.faults.append(f"{ours}: not set, though the host is in the group {groups[0]}: name the dataset here below which replicas land")
            continue
        # Said for all hosts it may be about others of them, unless this one has a dataset that is
        # nearly called so.
        fault = place_fault(value, tree)
        if fault and (concerns or "did you mean" in fault):
            found.faults.append(f"{name}: {fault}")
        if concerns:
            places[ours] = value
    one, other = (str(places.get(ours, ours)) for ours in PLACES)
    if is_at_or_below(one, other) or is_at_or_below(other, one):
        found.faults.append(
            f"backup_offsite_dataset: {other!r} and backup_server_dataset {one!r} lie within each other: what is pushed here would be taken for what is pulled"
        )


def place_fault(value: Any, tree: Tree | None) -> str | None:
    """Why replicas cannot land there."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][^/]*(/[^/]+)+", value):
        return f"{shown(value)} is no dataset below a pool, such as vault/backups (permissions are granted on it, so a pool alone will not do)"
    if tree is None:
        return None
    names = [dataset.name for dataset in tree.datasets if "/" in dataset.name]
    if value in names:
        return None
    return f"the zfs tree of this host has no dataset '{value}'{meant(value, names) or '.'} Declare it there, or correct the name"


def _check_names(found: Findings, host: Host, tree: Tree | None) -> None:
    """Pools and datasets that other variables name."""
    if tree is None:
        if host.get("zfs") is None and host.is_in((*CLIENTS, *SERVERS, *OFFSITE)):
            found.faults.append("zfs: not set, so nothing is known of its pools and datasets; docs/inventory.md of ferro.zfs shows how")
        return
    datasets = [*tree.pools, *(dataset.name for dataset in tree.datasets)]
    for name, known, what in (("system_zfs_create_pools", tree.pools, "pool"), ("system_zfs_keys", datasets, "dataset")):
        asked = host.get(name)
        for one in as_list(asked):
            if one not in known:
                found.faults.append(f"{name}: the zfs tree has no {what} '{one}'{meant(one, known)}")
