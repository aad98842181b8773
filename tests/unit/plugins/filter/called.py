# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters called as a template calls them, with the variables beside the tree."""

from __future__ import annotations

import functools
import typing as t

import pytest


def filters(module: t.Any, **variables: t.Any) -> dict[str, t.Callable[..., t.Any]]:
    """The filters of a plugin by their names; those that ask for a context get these variables."""
    found = module.FilterModule().filters()
    return {name: functools.partial(one, variables) if hasattr(one, "jinja_pass_arg") else one for name, one in found.items()}


def said_by(module: t.Any) -> t.Any:
    """A fixture for all tests of a file: what the plugin would show, rather than showing it."""

    @pytest.fixture(autouse=True)
    def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
        shown: list[str] = []
        monkeypatch.setattr(module.display, "deprecated", lambda msg, **kw: shown.append(msg))
        monkeypatch.setattr(module.display, "warning", shown.append)
        return shown

    return said
