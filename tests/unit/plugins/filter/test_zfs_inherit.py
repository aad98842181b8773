# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties that the tree gives back to the parent."""

from __future__ import annotations

import pytest
from test_zfs_changes import lines, refusal, row, run


def test_what_the_tree_gives_back_is_inherited_again() -> None:
    text = """
    tank:
      root_properties: {atime: inherit}
      datasets:
        a: {properties: {compression: inherit, recordsize: inherit, atime: inherit, 'org.example:owner': inherit, quota: 1G}}
        new: {properties: {compression: inherit, atime: off}}
    """
    read = row("tank", atime="on|default") + row(
        "tank/a", compression="zstd", recordsize="1048576|received", atime="off|inherited from tank", org__example__owner="ops", quota="0|default"
    ).replace("org:example:owner", "org.example:owner")
    changes = run("zfs_dataset_changes", text, read=read)
    assert lines(changes) == [
        "zfs set quota=1G tank/a",
        "zfs inherit compression tank/a",
        "zfs inherit recordsize tank/a",
        "zfs inherit org.example:owner tank/a",
        "zfs create -o atime=off tank/new",
    ]
    assert (changes[1]["action"], changes[1]["before"], changes[1]["after"]) == ("inherit", {"compression": "zstd"}, {"compression": "inherit"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{tank: {datasets: {a: {properties: {quota: inherit}}}}}", "zfs.tank.datasets.a.properties.quota: quota is not inherited from a parent"),
        ("{tank: {datasets: {a: {properties: {canmount: inherit}}}}}", "canmount is not inherited from a parent"),
        ("{tank: {datasets: {a: {properties: {userquota@root: inherit}}}}}", "userquota@root is not inherited from a parent"),
        ("{tank: {datasets: {a: {properties: {utf8only: inherit}}}}}", "utf8only is set once, when a dataset is made"),
    ],
)
def test_what_no_parent_has_is_not_given_back(text: str, why: str) -> None:
    assert why in refusal("zfs_dataset_changes", text, read=row("tank/a"))


def test_a_pool_inherits_nothing() -> None:
    why = refusal("zfs_pool_changes", "{tank: {properties: {autotrim: inherit}}}", read="tank\tautotrim\ton\n", importable="")
    assert "zfs.tank.properties.autotrim: a property of a pool is inherited from nothing" in why
