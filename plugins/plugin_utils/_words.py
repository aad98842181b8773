# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that a ``zfs:`` tree is written in, and the known word that a wrong one was probably meant to be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

# New word -> the word that inventories used before it.
OLD_WORDS = {
    "policy": "importance",
    "children_inherit_policy": "inherit_policy",
    "snapshots_discover_children": "discover_children",
}
POLICY_WORDS = {*OLD_WORDS, *OLD_WORDS.values()}
# What the properties of a dataset, and those of a pool, may be called. The first is ours.
PROPERTIES = ("properties", "config", "extra_zfs_properties")
POOL_PROPERTIES = ("properties", "pool_properties")
DEVICES = ("devices", "disks")
BOTH = {"datasets", "delegation", "snapshot_hooks", "state", *POLICY_WORDS}
DATASET_WORDS = BOTH | {*PROPERTIES}
POOL_WORDS = BOTH | {*POOL_PROPERTIES, *DEVICES, "root_properties", "topology", "vdevs"}
VDEV_WORDS = {"role", "type", "disks"}
TOPOLOGIES = ("mirror", "raidz", "raidz1", "raidz2", "raidz3", "draid", "draid1", "draid2", "draid3", "stripe")
HOOK_WORDS = ("before", "after", "timeout", "on_failure")
ON_FAILURE = ("fail", "skip", "continue")
ROLES = ("data", "log", "cache", "spare", "special", "dedup")
# Native properties that people set. What ZFS calls otherwise is not an error here, for versions
# differ: the host's ZFS decides.
NATIVE = frozenset(
    "aclinherit aclmode acltype atime canmount casesensitivity checksum compression context copies dedup defcontext devices "
    "dnodesize encryption exec filesystem_limit fscontext keyformat keylocation logbias mlslabel mountpoint nbmand normalization "
    "overlay pbkdf2iters prefetch primarycache quota readonly recordsize redundant_metadata refquota refreservation relatime "
    "reservation rootcontext secondarycache setuid sharenfs sharesmb snapdev snapdir snapshot_limit special_small_blocks sync "
    "utf8only version volblocksize volmode volsize volthreading vscan xattr zoned".split()
)


def nearest(word: Any, known: Iterable[str], closeness: float = 0.7) -> str | None:
    """The known word that is most like it."""
    by_lower = {str(one).lower(): str(one) for one in sorted(known)}
    found = get_close_matches(str(word).lower(), by_lower, 1, closeness)
    return by_lower[found[0]] if found else None


def meant(word: Any, known: Iterable[str]) -> str:
    """``; did you mean 'X'?``, or nothing."""
    near = nearest(word, known)
    return f"; did you mean '{near}'?" if near else ""


def unknown_word(key: Any, value: Any, is_pool: bool) -> str:
    """What is to be said of a key that is none of a pool's or a dataset's."""
    kind, known = ("pool", POOL_WORDS) if is_pool else ("dataset", DATASET_WORDS)
    said = f"'{key}' is not a key of a {kind}"
    near = nearest(key, known)
    if near:
        return f"{said}; did you mean '{near}'?"
    if key in NATIVE or (isinstance(key, str) and re.fullmatch(r"[a-z0-9_.-]+:[a-z0-9_.:-]+", key)):
        return f"{said}; a property of ZFS goes below '{'root_properties' if is_pool else 'properties'}'"
    if isinstance(value, Mapping) and any(word in value for word in POLICY_WORDS | {"datasets"} | {*PROPERTIES}):
        return f"{said}; if it is a dataset, it goes below 'datasets'"
    return f"{said}, which are: {', '.join(sorted(known - set(OLD_WORDS.values())))}"


def unknown_property(name: Any) -> str | None:
    """The native property that a misspelt one was probably meant to be; None for native and user properties, and for what is like none."""
    if not isinstance(name, str) or name in NATIVE or ":" in name or "@" in name:
        return None
    return nearest(name, NATIVE, 0.8)
