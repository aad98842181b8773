# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts say of themselves, before roles make something of it on the controller or on another host."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.ferro.zfs.plugins.plugin_utils._machines import ARCHITECTURES, missing, unsupported
from ansible_collections.ferro.zfs.plugins.plugin_utils._remote import NATIVE

PROGRAMS = ("zfs_delegate", "zfs_gate", "zfs_info", "zfs_monitor", "zfs_policy_snapshot", "zfs_prune", "zfs_replicate", "zfs_verify")

# Variables that roles and playbooks read of another host than the one they run on, or by which they
# act on one.
OURS = re.compile(r"(zfs|zfs_monitor_\w+|zfs_native_\w+|zfs_policies|backups?_\w+|zfsbackup_\w+|restore_\w+|suspend_\w+)")

# The release of a kernel of Debian, Raspberry Pi OS or Ubuntu: a version, perhaps an ABI and whose
# build it is, a flavour.
FLAVOUR = re.compile(r"[0-9.]+(?:-[0-9]+)?(?:\+[a-z0-9]+)?-([a-z][a-z0-9-]*)")


class PeerError(ValueError):
    """What a host says that cannot be."""


def program(machine: t.Any, name: str) -> str:
    """The path on the controller of a program for a machine, as ``uname -m`` names it.

    What the host says only chooses from a fixed list: as a part of the path it would read any file of the controller.
    """
    if name not in PROGRAMS:
        raise PeerError(f"ferro.zfs has no program {name!r}")
    architecture = ARCHITECTURES.get(machine) if isinstance(machine, str) else None
    if architecture is None:
        raise PeerError(unsupported(name, machine))
    path: Path = NATIVE / f"{name}_{architecture}"
    if not path.is_file():
        raise PeerError(missing(path))
    return str(path)


def kernel_headers(release: t.Any) -> str:
    """The package that has the headers of a kernel's flavour, by ``uname -r``: ``6.12.41+deb13-amd64`` has ``amd64``."""
    flavour = FLAVOUR.fullmatch(release) if isinstance(release, str) else None
    if flavour is None:
        raise PeerError(
            f"no package of kernel headers is known for the kernel {str(release)[:80]!a}: name those that build the module for it in system_zfs_module_packages"
        )
    return f"linux-headers-{flavour[1]}"


def push_rivals(
    servers: t.Iterable[str], hostvars: t.Mapping[str, t.Mapping[str, t.Any]], clients: t.Collection[str], offsite: t.Collection[str], below: str
) -> list[str]:
    """Which of these backup servers push some of the same clients to the same place of the same host, as far as the inventory tells."""

    def is_rival(variables: t.Mapping[str, t.Any]) -> bool:
        enabled = variables.get("backup_server_offsite_enabled", variables.get("backups_zfs_server_offsite_enabled", True))
        return (
            boolean(enabled)
            and variables.get("backup_server_push_below", "") == below
            and not set(variables.get("backup_server_clients", clients)).isdisjoint(clients)
            and not set(variables.get("backup_server_offsite", offsite)).isdisjoint(offsite)
        )

    return [name for name in servers if is_rival(hostvars[name])]


def variables_from_facts(hosts: t.Iterable[str], hostvars: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    """``HOST: NAME`` for each variable of ours that is a fact of its host, and so what that host said, not the inventory.

    The result of any module may set facts, and they count more than the inventory.
    """
    return [
        f"{host}: {ascii(str(name))[1:-1]}"
        for host in hosts
        for name in sorted((hostvars[host].get("ansible_facts") or {}) if host in hostvars else {}, key=str)
        if isinstance(name, str) and OURS.fullmatch(name)
    ]
