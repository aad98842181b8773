# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that tell a server of metrics whom to ask, and people whether all is fine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils import _fleet_status, _monitoring
from ansible_collections.ferro.zfs.plugins.plugin_utils._reading import plainly


def zfs_monitor_targets(hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]], here: str) -> list[dict[str, Any]]:
    """The entries of a file for file_sd_configs."""
    return plainly(lambda: _monitoring.targets(hosts, hostvars, here))


def zfs_monitor_deaf(hosts: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]], here: str) -> list[str]:
    """Hosts that nobody else can ask."""
    return plainly(lambda: _monitoring.deaf(hosts, hostvars, here))


def zfs_fleet_status(asked: Iterable[str], answers: Mapping[str, Any], wanted: Iterable[str] = ()) -> dict[str, Any]:
    """Whether the backups of a whole fleet are fine."""
    return _fleet_status.status(asked, answers, wanted)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {filter.__name__: filter for filter in (zfs_monitor_targets, zfs_monitor_deaf, zfs_fleet_status)}
