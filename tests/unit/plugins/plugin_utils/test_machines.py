# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines for which there is no binary."""

from __future__ import annotations

import pytest
from ansible_collections.ferro.zfs.plugins.plugin_utils import _machines


@pytest.mark.parametrize("machine", ["armv6l", "armv7l", "armv8l", "arm", "i386", "i686"])
def test_32_bits_are_refused_and_called_so(machine: str) -> None:
    assert machine not in _machines.ARCHITECTURES
    said = _machines.unsupported("zfs_prune", machine)
    assert said == (
        f"there is no zfs_prune for this machine, which says of itself that it is '{machine}'; there is one for aarch64 and x86_64. "
        "This is a 32-bit system: install a 64-bit one, which a Raspberry Pi from the 3 on can run"
    )


@pytest.mark.parametrize("machine", ["riscv64", "ppc64le", "s390x", "arm64e", "", "armv7l\n", None])
def test_others_are_not_called_so(machine: str | None) -> None:
    assert _machines.unsupported("zfs_prune", machine).endswith("there is one for aarch64 and x86_64")


def test_a_collection_from_git_says_how_to_get_binaries() -> None:
    said = _machines.missing("/x/zfs_prune_aarch64")
    assert said.startswith("the binary /x/zfs_prune_aarch64 is missing") and "from git" in said and "make dist" in said
