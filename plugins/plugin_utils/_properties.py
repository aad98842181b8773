# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties as a YAML tree declares them, as a ZFS command line takes them, and as ``zfs get -p`` prints them.

Pure. Whether a declared value is the actual one is decided here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils._messages import place, shown
from ansible_collections.ferro.zfs.plugins.plugin_utils._tree import TreeError

# Two words for the same setting; ZFS prints the second. Up to OpenZFS 2.2 `xattr=on` meant `dir`,
# which is never printed for `sa`.
SYNONYMS = {
    "acltype": {"posixacl": "posix", "noacl": "off"},
    "aclinherit": {"secure": "restricted"},
    "compression": {"gzip-6": "gzip"},
    "xattr": {"sa": "on"},
}
# Their value may be any text, so `yes` is not taken for `on` there.
TEXTS = {"mountpoint", "keylocation", "sharenfs", "sharesmb", "mlslabel", "comment", "bootfs", "cachefile", "altroot"}
# What gives a property back to the parent.
INHERIT = "inherit"
AT_CREATION = {
    "casesensitivity",
    "encryption",
    "keyformat",
    "normalization",
    "pbkdf2iters",
    "utf8only",
    "volblocksize",
}
# What a dataset does not take from its parent. For all others, a value that is right only because
# it is inherited is set, or the next change of the parent, maybe in this very run, would change it.
NOT_INHERITED = AT_CREATION | {
    "canmount",
    "filesystem_limit",
    "keylocation",
    "quota",
    "refquota",
    "refreservation",
    "reservation",
    "snapshot_limit",
    "version",
    "volsize",
}
SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGTPEZ])?B?", re.IGNORECASE)


def words(properties: Mapping[str, Any], path: str, of_pool: bool = False) -> dict[str, str]:
    """The declared properties as a command line takes them; those left empty are not declared. Raises TreeError."""
    found = {}
    for name, value in properties.items():
        here = place(path, name)
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_.:-]*(@[^\s=,]+)?|feature@[a-z_0-9]+", name):
            raise TreeError(here, "not the name of a property")
        if value is not None:
            found[name] = word(name, value, here)
        if found.get(name) == INHERIT:
            _check_inheritable(name, here, of_pool)
    return found


def _check_inheritable(name: str, path: str, of_pool: bool) -> None:
    if of_pool:
        raise TreeError(path, "a property of a pool is inherited from nothing, so give its value; what datasets inherit goes below root_properties")
    if name in AT_CREATION:
        raise TreeError(path, f"{name} is set once, when a dataset is made, so it cannot be given back to the parent")
    if name in NOT_INHERITED or "@" in name:
        raise TreeError(path, f"{name} is not inherited from a parent, so give its value, such as none for a quota")


def word(name: str, value: Any, path: str) -> str:
    """One value as a command line takes it. YAML reads a bare ``off`` and ``no`` as false, and ``yes`` as true."""
    if isinstance(value, bool):
        if ":" in name:
            return "true" if value else "false"
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise TreeError(path, f"expected a text, a number, true or false, got {shown(value)}")
    if re.search(r"[\t\n\r\0]", value):
        raise TreeError(path, "a tab or a line break in a property's value is not supported")
    if ":" not in name and name not in TEXTS and value.lower() in ("true", "yes", "false", "no"):
        return "on" if value.lower() in ("true", "yes") else "off"
    return str(value)


def same(name: str, declared: str, actual: str) -> bool:
    """Whether ``zfs get -p`` prints ``actual`` where ``declared`` was set."""
    if declared == actual:
        return True
    if ":" in name:
        return False
    synonyms = SYNONYMS.get(name, {})
    if synonyms.get(declared, declared) == synonyms.get(actual, actual):
        return True
    if name == "encryption" and declared == "on":
        return actual not in ("off", "-")
    if name.startswith("feature@") and declared == "enabled":
        return actual == "active"
    if name == "refreservation" and declared == "auto":
        return actual not in ("0", "-")
    if declared == "none" and actual == "0":
        return True
    return actual.isdigit() and size(declared) == int(actual)


def size(text: str) -> int | None:
    """Bytes, of what ZFS takes as a size: ``10G``, ``1.5T``, ``512``, ``16KB``."""
    match = SIZE.fullmatch(text)
    if match is None:
        return None
    return int(float(match[1]) * 1024 ** ("KMGTPEZ".index(match[2].upper()) + 1 if match[2] else 0))
