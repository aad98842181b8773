# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters called as a template calls them, with the variables beside the tree."""

from __future__ import annotations

import functools
import typing as t


def filters(module: t.Any, **variables: t.Any) -> dict[str, t.Callable[..., t.Any]]:
    """The filters of a plugin by their names; those that ask for a context get these variables."""
    found = module.FilterModule().filters()
    return {name: functools.partial(one, variables) if hasattr(one, "jinja_pass_arg") else one for name, one in found.items()}
