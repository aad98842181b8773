# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of datasets by whole components, and lists of names as variables have them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def ancestors(name: str) -> Iterator[str]:
    """All datasets above one, nearest first."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def is_below(name: str, top: str) -> bool:
    """Whether ``top`` is an ancestor; ``tank/database`` is not below ``tank/data``."""
    return name.startswith(f"{top}/")


def is_at_or_below(name: str, top: str) -> bool:
    """The same, or ``top`` itself."""
    return name == top or is_below(name, top)


def as_list(value: Any) -> list[Any]:
    """A list of names, or a text with commas, which is what ``--extra-vars`` makes of one. Raises ValueError."""
    if isinstance(value, str):
        return [one.strip() for one in value.split(",") if one.strip()]
    if value is None:
        return []
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"expected a list of names, got {value!r}")
    return list(value)
