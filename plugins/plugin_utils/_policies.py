# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies that an inventory defines, and those that its datasets and replications name. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.ferro.zfs.plugins.plugin_utils._messages import place, shown
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import as_list
from ansible_collections.ferro.zfs.plugins.plugin_utils._tree import Tree
from ansible_collections.ferro.zfs.plugins.plugin_utils._words import meant

BUILT_IN = ("none", "low", "high", "critical")
INTERVALS = ("frequently", "hourly", "daily", "weekly", "monthly", "yearly")
FLAGS = ("autosnap", "autoprune")
# A span of time stands for as many as it has.
COUNT = re.compile("[0-9]+(m|h|d|w|mo|y)?")


def definition_faults(policies: Any, path: str) -> list[str]:
    """What is wrong with policies of one's own: a count that nobody reads keeps nothing."""
    if not isinstance(policies, Mapping):
        return [f"{path}: expected a mapping of policies, got {shown(policies)}"]
    faults = []
    for name, counts in policies.items():
        here = place(path, name)
        if not isinstance(name, str):
            faults.append(f"{here}: YAML reads the name of the policy as {shown(name)}, so put it in quotes")
        if not isinstance(counts, Mapping):
            faults.append(f"{here}: expected how many snapshots it keeps, such as {{hourly: 24, daily: 7}}, got {shown(counts)}")
            continue
        for word, value in counts.items():
            fault = _count_fault(word, value)
            if fault:
                faults.append(f"{place(here, word)}: {fault}")
    return faults


def _count_fault(word: Any, value: Any) -> str | None:
    if word in INTERVALS:
        text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
        return None if COUNT.fullmatch(text.strip()) else f"expected a number of snapshots, or a span such as 48h, got {shown(value)}"
    if word not in FLAGS:
        return f"not a key of a policy, which are: {', '.join((*INTERVALS, *FLAGS))}{meant(word, (*INTERVALS, *FLAGS))}"
    try:
        boolean(value)
    except TypeError:
        return f"expected true or false, got {shown(value)}"
    return None


def known(policies: Any) -> list[str]:
    """The names of all policies that there are."""
    return [*BUILT_IN, *(str(name) for name in (policies if isinstance(policies, Mapping) else {}) if name not in BUILT_IN)]


def unknown_of_tree(tree: Tree, names: list[str]) -> list[str]:
    """One for each name that no policy has, with the first dataset that names it."""
    first: dict[str, str] = {}
    for dataset in tree.datasets:
        first.setdefault(dataset.policy, dataset.path)
    return [f"{path}.policy: {_unknown(policy, names)}" for policy, path in first.items() if policy not in names]


def unknown_of_list(asked: Any, path: str, names: list[str]) -> list[str]:
    """The same for a list of names, such as ``backup_client_policies``."""
    try:
        policies = as_list(asked)
    except ValueError:
        return [f"{path}: expected a list of policies, got {shown(asked)}"]
    return [f"{path}: {_unknown(policy, names)}" for policy in policies if policy not in names]


def _unknown(policy: Any, names: list[str]) -> str:
    return f"no policy is called {str(policy)!r}; there are {', '.join(names)}{meant(policy, names)}"
