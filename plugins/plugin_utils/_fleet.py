# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the groups and variables of a whole fleet, before any host is asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils import _older
from ansible_collections.ferro.zfs.plugins.plugin_utils._inventory import CLIENTS, MONITORED, MONITORING, OFFSITE, SERVERS, Findings, Host
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import as_list
from ansible_collections.ferro.zfs.plugins.plugin_utils._words import meant, nearest

BACKUP_GROUPS = (*CLIENTS, *SERVERS, *OFFSITE)
GROUPS = (*BACKUP_GROUPS, *MONITORED, *MONITORING)
ROLES = {"to back up": (CLIENTS, "backup_server_clients"), "to pull backups": (SERVERS, "backup_client_servers")}
# Which hosts another one names.
LISTS = ("backup_client_servers", "backup_offsite_servers", "backup_server_clients", "backup_server_offsite", "monitoring_server_hosts")
# What begins so is ours.
PREFIXES = (
    "backup_client_",
    "backup_gate_",
    "backup_offsite_",
    "backup_server_",
    "monitoring_server_",
    "system_zfs_",
    "zfs_monitor_",
    "zfs_policy_",
    "zfs_policies",
    "zfs_strict",
)
# What roles of ours register. Where they have run, a variable may be theirs.
REGISTERED = (
    "monitoring_server_look",
    "system_zfs_look",
    "zfs_monitor_look",
    "zfs_policy_on",
    "backup_gate_host",
    "backup_server_found",
    "backup_server_public",
)


def members(groups: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """The hosts of some groups, each once."""
    return list(dict.fromkeys(host for name in names for host in groups.get(name) or ()))


def group_faults(groups: Mapping[str, Any], hosts: Iterable[Host]) -> list[str]:
    """A group by another name is no error to Ansible: its plays just have no hosts."""
    ours = members(groups, GROUPS)
    others = [str(name) for name in groups if name not in (*GROUPS, "all", "ungrouped")]
    if not ours:
        near = [f"'{name}' looks like '{nearest(name, GROUPS)}'" for name in others if nearest(name, GROUPS)]
        there = f"the groups that there are: {', '.join(others) or 'none'}" + (f" ({'; '.join(near)})" if near else "")
        return [f"no host is in any of the groups that ferro.zfs looks for: {', '.join(GROUPS[::2])}; or with hyphens. {there[0].upper()}{there[1:]}"]
    faults = []
    for name in others:
        near = nearest(name, GROUPS, 0.9)
        lost = [host for host in groups[name] or () if host not in ours]
        if near and lost:
            faults.append(f"the group '{name}' is none that ferro.zfs looks for; did you mean '{near}'? Nothing is set up for {', '.join(lost)}")
    # Who only watches has nothing to back up.
    backs_up = members(groups, BACKUP_GROUPS)
    for what, (names, instead) in ROLES.items():
        if backs_up and not members(groups, names) and not any(host.variable(instead)[0] for host in hosts):
            faults.append(f"no host is in the group {names[0]}, nor named in {instead}: there is nothing {what}")
    if members(groups, MONITORING) and not members(groups, MONITORED) and not any(host.get("monitoring_server_hosts") for host in hosts):
        faults.append(f"no host is in the group {MONITORED[0]}, nor named in monitoring_server_hosts: there is nothing to monitor")
    return faults


def list_faults(host: Host, known: Iterable[str]) -> list[str]:
    """Hosts that the variables of another one name, but that are not in the inventory."""
    names = list(known)
    faults = []
    for ours in LISTS:
        value, name = host.variable(ours)
        faults += [f"{host.name}: {name}: the inventory has no host '{one}'{meant(one, names)}" for one in as_list(value) if one not in names]
    return faults


def pushes(server: Host, groups: Mapping[str, Any]) -> dict[str, set[str]]:
    """Where a server pushes: by offsite host the places below its dataset, one for each client."""
    if server.variable("backup_server_offsite_enabled")[0] in (False, "false", "no"):
        return {}
    clients = _listed(server, "backup_server_clients", members(groups, CLIENTS))
    targets = _listed(server, "backup_server_offsite", members(groups, OFFSITE))
    below = server.get("backup_server_push_below") or ""
    places = {f"{below}/{client}" if below else client for client in clients}
    return {target: places for target in targets if target != server.name}


def _listed(host: Host, ours: str, otherwise: list[str]) -> list[str]:
    value = host.variable(ours)[0]
    return list(otherwise) if value is None else as_list(value)


def push_faults(servers: list[Host], groups: Mapping[str, Any]) -> list[str]:
    """Two servers that push the same client's backups to the same place: the second one is refused for ever."""
    faults = []
    for index, one in enumerate(servers):
        for other in servers[index + 1 :]:
            theirs = pushes(other, groups)
            for target, places in pushes(one, groups).items():
                both = sorted(places & theirs.get(target, set()))
                if both:
                    faults.append(
                        f"{one.name} and {other.name} would push to the same place on {target}, {', '.join(both)}: give at least one of them a place of "
                        f"its own, such as backup_server_push_below: {other.name}"
                    )
    return faults


def name_findings(host: Host, names: Iterable[str], known: Iterable[str]) -> Findings:
    """Variables that are nearly called like one of ours: nobody reads them."""
    found, ours = Findings(), sorted(known)
    there = {str(name) for name in names}
    if there & {*REGISTERED}:
        return found
    for name in sorted(there - {*ours, *_older.NOW, *_older.REFUSED, *_older.IGNORED}):
        near = nearest(name, ours, 0.9)
        if near and abs(len(near) - len(name)) <= 2 and _is_slip(name, near):
            said = f"{host.name}: {name}: no role of ferro.zfs reads it; did you mean '{near}'?"
            (found.faults if host.strict else found.warnings).append(said)
        elif name.startswith(PREFIXES):
            found.warnings.append(f"{host.name}: {name}: no role of ferro.zfs reads it")
    return found


def _is_slip(name: str, near: str) -> bool:
    """Not where whole words or numbers differ, as in a second prefix that somebody has for himself."""
    changed = "".join(name[a:b] + near[c:d] for what, a, b, c, d in SequenceMatcher(None, name, near, autojunk=False).get_opcodes() if what != "equal")
    return changed.isalpha() or changed.replace("_", "") == ""
