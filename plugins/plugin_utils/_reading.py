# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How filters read a tree: what nobody reads in it is an error, or with ``zfs_strict: false`` a warning.

A filter is given the tree and not the variables beside it, so ``zfs_strict`` comes from the context of the template. For the tree of
another host it is the ``strict`` of the call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.ferro.zfs.plugins.plugin_utils._tree import Tree, TreeError, walk
from jinja2 import pass_context

T = TypeVar("T")
display = Display()


def read_tree(zfs: Any, strict: bool = True) -> Tree:
    """The tree, of which every word is known. Raises TreeError."""
    tree = walk(zfs)
    if tree.unknown and strict:
        path, _colon, what = tree.unknown[0].partition(": ")
        others = "".join(f"; {one}" for one in tree.unknown[1:])
        raise TreeError(path, f"{what}{others} (zfs_strict: false makes this a warning)")
    for one in tree.unknown:
        display.warning(f"{one}. Nobody reads it.")
    return tree


def plainly(decide: Callable[[], T]) -> T:
    """What was decided, with what cannot be as the error of a filter."""
    try:
        return decide()
    except ValueError as error:
        # Not chained: newer ansible-core would print the same text a second time as its cause.
        raise AnsibleFilterError(str(error)) from None


def in_context(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, told by the variables where it is used whether it is strict."""

    @pass_context
    @functools.wraps(function)
    def filter_(context: Any, *args: Any, strict: Any = None, **options: Any) -> Any:
        asked = context.get("zfs_strict", True) if strict is None else strict
        return function(*args, strict=as_flag(asked), **options)

    return filter_


def as_flag(asked: Any) -> bool:
    """What ``zfs_strict`` says."""
    try:
        return bool(boolean(asked))
    except TypeError:
        raise AnsibleFilterError(f"zfs_strict: expected true or false, got {asked!r}") from None
