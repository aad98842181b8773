# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that find what is wrong with an inventory before any host is asked, and that read the variables of older ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible_collections.ferro.zfs.plugins.filter.zfs_tree import BACKUP_POLICIES, zfs_replication_sources
from ansible_collections.ferro.zfs.plugins.plugin_utils import _fleet, _older, _types
from ansible_collections.ferro.zfs.plugins.plugin_utils._inventory import PLACES, Findings, Host, host_findings
from ansible_collections.ferro.zfs.plugins.plugin_utils._messages import place
from ansible_collections.ferro.zfs.plugins.plugin_utils._reading import as_flag, display, plainly
from ansible_collections.ferro.zfs.plugins.plugin_utils._unfed import unfed
from jinja2 import pass_context
from jinja2.exceptions import UndefinedError

UNREADABLE = (AnsibleError, UndefinedError)
COLLECTION = Path(__file__).resolve().parents[2]


@pass_context
def zfs_older(context: Any, default: Any, ours: str) -> Any:
    """The value of a variable of ours under the name that older inventories have for it, else the default."""
    found = plainly(lambda: _older.older(ours, _getter(context), context.get("groups", {})))
    if found is None:
        return default
    _deprecate(found[1], ours)
    return found[0]


@pass_context
def zfs_variable(context: Any, variables: Mapping[str, Any], ours: str, default: Any = None) -> Any:
    """The value of a variable of ours among those of another host, under whatever name, else the default."""
    value = plainly(lambda: _older.variable(ours, _getter(variables), context.get("groups", {})))[0]
    return default if value is None else value


@pass_context
def zfs_replicas(context: Any, host: Any) -> list[str]:
    """The datasets below which replicas land: of another host by its variables, of this one by its name."""
    is_here = isinstance(host, str)
    get = _getter(context if is_here else host)
    found = plainly(lambda: {ours: _older.variable(ours, get, context.get("groups", {})) for ours in PLACES})
    for ours, (_value, name) in found.items():
        if is_here and name != ours:
            _deprecate(name, ours)
    return list(dict.fromkeys(value for value, _name in found.values() if value))


@pass_context
def zfs_unfed(context: Any, listed: Iterable[str], below: str, clients: Iterable[str], hostvars: Mapping[str, Any]) -> list[str]:
    """The backups below a dataset that no client's pull feeds any more."""
    fed: dict[str, list[str]] = {}
    left_out: list[str] = []
    for client in clients:
        variables = hostvars[client]
        place = f"{below}/{client}"
        if {"source", "target"} & {*(variables.get("backup_client_pull_options") or {}), *(context.get("backup_server_pull_options") or {})}:
            fed[client] = [place]  # Where it goes is not for the tree to say.
            continue
        policies = variables.get("backup_client_policies") or list(BACKUP_POLICIES)
        replicas = zfs_replicas(context, variables)
        wanted = zfs_replication_sources(variables.get("zfs") or {}, policies, place, replicas, strict=False)
        fed[client] = wanted["source"]
        left_out += wanted["exclude"]
    return unfed(listed, below, fed, left_out)


@pass_context
def zfs_host_faults(context: Any, name: str) -> list[str]:
    """What is wrong with the variables of the host where the filter is used."""
    found = host_findings(Host(name, _getter(context), context.get("groups", {}), as_flag(context.get("zfs_strict", True))))
    _show(found)
    return found.faults


def zfs_inventory_faults(hostvars: Mapping[str, Any], groups: Mapping[str, Any]) -> list[str]:
    """What is wrong with the inventory of a fleet: its groups, and the variables of all hosts in them."""
    everybody = [_host(name, hostvars[name], groups) for name in _fleet.members(groups, ("all",))]
    found = Findings()
    for host in everybody:
        if host.is_in(_fleet.GROUPS):
            _add(found, host_findings(host))
            _add(found, _fleet.name_findings(host, hostvars[host.name].keys(), _variables()))
            _add(found, _type_findings(host))
    checks: tuple[Callable[[], list[str]], ...] = (
        functools.partial(_fleet.group_faults, groups, everybody),
        *(functools.partial(_fleet.list_faults, host, groups.get("all", ())) for host in everybody),
        functools.partial(_fleet.push_faults, [host for host in everybody if host.name in _fleet.members(groups, _fleet.SERVERS)], groups),
    )
    for check in checks:
        try:
            found.faults += check()
        except ValueError as fault:
            # Of a host that is looked at it has been said, with its name.
            if not any(one.endswith(f": {fault}") for one in found.faults):
                found.faults.append(str(fault))
    _show(found)
    return list(dict.fromkeys(found.faults))


def _type_findings(host: Host) -> Findings:
    try:
        faults = [*_types.type_faults(host.get, _variables()), *_types.job_faults(host.get)]
    except ValueError as fault:
        faults = [str(fault)]
    return Findings([f"{host.name}: {one}" for one in faults])


def _host(name: str, variables: Mapping[str, Any], groups: Mapping[str, Any]) -> Host:
    get = _getter(variables)
    try:
        strict = get("zfs_strict")
    except ValueError:
        strict = True
    return Host(str(name), get, groups, strict is None or as_flag(strict))


def _getter(variables: Any) -> Callable[[str], Any]:
    """Of a template's context, or of another host's variables."""

    def get(name: str) -> Any:
        try:
            value = variables.get(name, None)
        except UNREADABLE as fault:
            raise ValueError(f"{name}: cannot be read: {_first_line(fault)}") from None
        # Keys are nobody's business here.
        return list(value) if name == "system_zfs_keys" and isinstance(value, Mapping) else _settled(value, name)

    return get


def _settled(value: Any, path: str) -> Any:
    """The value with all that is in it worked out: what refers to a variable that is not there is named by its path."""
    if isinstance(value, Mapping):
        return {key: _settled(_item(value, key, place(path, key)), place(path, key)) for key in value}
    if isinstance(value, list):
        return [_settled(_item(value, index, f"{path}[{index}]"), f"{path}[{index}]") for index in range(len(value))]
    if isinstance(value, str) and "{{" in value:
        # Older ansible-core leaves it so in the variables of other hosts.
        raise ValueError(f"{path}: cannot be read: a variable is not there in {value}")
    return value


def _item(values: Any, key: Any, path: str) -> Any:
    try:
        return values[key]
    except UNREADABLE as fault:
        raise ValueError(f"{path}: cannot be read: {_first_line(fault)}") from None


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0]


@functools.cache
def _variables() -> dict[str, dict[str, Any]]:
    """All that the roles say they read, and what they say of it."""
    found: dict[str, dict[str, Any]] = {}
    for path in COLLECTION.glob("roles/*/meta/argument_specs.yml"):
        for spec in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found |= spec.get("options") or {}
    return found


def _add(found: Findings, more: Findings) -> None:
    found.faults += more.faults
    found.warnings += more.warnings
    found.older += more.older


def _show(found: Findings) -> None:
    for one in found.warnings:
        display.warning(one)
    for name, ours in found.older:
        _deprecate(name, ours)


def _deprecate(name: str, ours: str) -> None:
    display.deprecated(f"The variable {name} is deprecated, use {ours}.", version="2.0.0", collection_name="ferro.zfs")


class FilterModule:
    """The filters by the names that templates use."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {one.__name__: one for one in (zfs_older, zfs_variable, zfs_replicas, zfs_unfed, zfs_host_faults, zfs_inventory_faults)}
