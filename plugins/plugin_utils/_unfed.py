# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups that nobody feeds any more: of clients and datasets that have left the inventory. They are named, never destroyed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.ferro.zfs.plugins.plugin_utils._names import ancestors, is_at_or_below, is_below

# What zfs_replicate has set aside, by on_diverged: set_aside, has been said to whoever asked for
# that.
SET_ASIDE = "_diverged_"
# The same of what has no source any more, by deleted_datasets: set_aside.
DELETED = "ferro_deleted"
UNITS = ("B", "K", "M", "G", "T", "P")


def unfed(listed: Iterable[str], below: str, fed: Mapping[str, Iterable[str]], left_out: Iterable[str]) -> list[str]:
    """The topmost of them, each with its size.

    ``listed`` are lines of ``zfs list -Hp -r -o name,used BELOW``, ``fed`` the places of each client's sources, ``left_out`` those that none of
    its sources reaches any more, as by a policy of its own.
    """
    places = {place for of_client in fed.values() for place in of_client}
    without = set(left_out)
    found: dict[str, str] = {}
    for line in listed:
        name, _tab, used = line.partition("\t")
        if (
            not is_below(name, below)
            or SET_ASIDE in name
            or DELETED in name.split("/")
            or _is_fed(name, places, without)
            or any(is_at_or_below(name, one) for one in found)
        ):
            continue
        if not any(is_at_or_below(place, name) for place in places):
            found[name] = used
    return [f"{name} ({_size(used)})" for name, used in found.items()]


def _is_fed(name: str, places: set[str], left_out: set[str]) -> bool:
    """By the nearest of what is sent and what is left out."""
    nearest = next((one for one in (name, *ancestors(name)) if one in places or one in left_out), None)
    return nearest in places


def _size(used: str) -> str:
    if not used.isdigit():
        return "of unknown size"
    size, unit = float(used), 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f}".removesuffix(".0") + UNITS[unit]
