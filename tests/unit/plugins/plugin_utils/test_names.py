# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of datasets are compared by whole components; a list may be a text with commas."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import ancestors, as_list, is_at_or_below, is_below


def test_ancestors_come_nearest_first() -> None:
    assert list(ancestors("tank/a/b")) == ["tank/a", "tank"]
    assert list(ancestors("tank")) == []


@pytest.mark.parametrize(
    ("name", "top", "below", "at_or_below"),
    [
        ("tank/data/a", "tank/data", True, True),
        ("tank/data", "tank/data", False, True),
        ("tank/database", "tank/data", False, False),
        ("tank", "tank/data", False, False),
    ],
)
def test_below_is_by_whole_components(name: str, top: str, below: bool, at_or_below: bool) -> None:
    assert (is_below(name, top), is_at_or_below(name, top)) == (below, at_or_below)


@pytest.mark.parametrize(
    ("value", "names"),
    [(None, []), ("", []), ("a", ["a"]), ("a,b", ["a", "b"]), (" a , b c ,", ["a", "b c"]), (["a, b"], ["a, b"]), ((), [])],
)
def test_a_list_may_be_a_text_with_commas(value: t.Any, names: list[str]) -> None:
    assert as_list(value) == names


@pytest.mark.parametrize("value", [5, True, {"a": 1}])
def test_what_is_no_list_is_an_error(value: t.Any) -> None:
    with pytest.raises(ValueError, match="expected a list of names, got"):
        as_list(value)
