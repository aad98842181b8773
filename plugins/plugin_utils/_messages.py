# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How messages name places in a tree, and values that are wrong there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def place(path: str, key: Any) -> str:
    """One step down in the tree, unambiguous for keys that hold a dot or a space."""
    return f"{path}.{key}" if re.fullmatch(r"[\w/:@#%-]+", str(key)) else f"{path}[{str(key)!r}]"


def shown(value: Any) -> str:
    """A value as its writer would know it again."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return repr(str(value)) if isinstance(value, str) else f"{value} ({type(value).__name__})"
