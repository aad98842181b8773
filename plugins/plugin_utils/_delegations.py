# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``delegation`` of a tree's datasets as options of zfs_delegate. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.ferro.zfs.plugins.module_utils._argspec import SPECS
from ansible_collections.ferro.zfs.plugins.plugin_utils._tree import Tree, TreeError
from ansible_collections.ferro.zfs.plugins.plugin_utils._words import meant

OPTIONS = sorted(set(SPECS["zfs_delegate"]["argument_spec"]) - {"dataset"})


def delegations(tree: Tree) -> list[dict[str, Any]]:
    """One for each grant, in the order of the tree. The module checks the values. Raises TreeError."""
    found = []
    for dataset in tree.datasets:
        many = isinstance(dataset.delegation, list)
        for index, grant in enumerate(dataset.delegation if many else [dataset.delegation or {}]):
            for word in grant:
                if word not in OPTIONS:
                    path = f"{dataset.path}.delegation{f'[{index}]' if many else ''}.{word}"
                    raise TreeError(path, f"not an option of zfs_delegate, which are: {', '.join(OPTIONS)}{meant(word, OPTIONS)}")
            if grant:
                found.append({"dataset": dataset.name, **grant})
    return found
