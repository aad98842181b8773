# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters through which everything goes that roles take from one host and use on the controller or on another host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils import _manuals, _peers, _ssh_lines
from ansible_collections.ferro.zfs.plugins.plugin_utils._reading import plainly


def zfs_program(machine: Any, program: str) -> str:
    """The path on the controller of a program for a machine."""
    return plainly(lambda: _peers.program(machine, program))


def zfs_manuals(programs: Iterable[str]) -> list[dict[str, str]]:
    """Manual pages of programs and completions of their command lines: where they are, and where they go."""
    return plainly(lambda: _manuals.manuals(programs))


def zfs_kernel_headers(release: Any) -> str:
    """The package with the headers of a kernel's flavour."""
    return plainly(lambda: _peers.kernel_headers(release))


def ssh_public_key(key: Any) -> str:
    """The type and the base64 of a public key."""
    return plainly(lambda: _ssh_lines.public_key(key))


def ssh_known_host(name: Any, key: Any) -> str:
    """The line of a known_hosts file."""
    return plainly(lambda: _ssh_lines.known_host(name, key))


def ssh_authorized_key(key: Any, command: Sequence[Any], options: Sequence[Any] = ()) -> str:
    """The line of an authorized_keys file with a forced command."""
    return plainly(lambda: _ssh_lines.authorized_key(key, command, options))


def zfs_variables_from_facts(hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Variables of ours that hosts have set by themselves."""
    return plainly(lambda: _peers.variables_from_facts(hosts, hostvars))


def zfs_push_rivals(
    servers: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]], clients: Sequence[str], offsite: Sequence[str], below: str = ""
) -> list[str]:
    """Backup servers that would push the same clients to the same place."""
    return plainly(lambda: _peers.push_rivals(servers, hostvars, clients, offsite, below))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            filter.__name__: filter
            for filter in (
                zfs_program,
                zfs_manuals,
                zfs_kernel_headers,
                ssh_public_key,
                ssh_known_host,
                ssh_authorized_key,
                zfs_push_rivals,
                zfs_variables_from_facts,
            )
        }
