# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which machines there are binaries, and what is said where there is none."""

from __future__ import annotations

import re

# What `uname -m` says, and the name that the binary bears.
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}

# armv8l is a 64-bit processor that runs a 32-bit system.
OF_32_BITS = re.compile(r"arm|armv\d\w*|i[3-6]86")


def unsupported(program: str, machine: object) -> str:
    """Why a program cannot run on a machine, by what that says of itself: which may be anything."""
    said = str(machine)[:80]
    others = " and ".join(sorted(set(ARCHITECTURES.values())))
    words = f"there is no {program} for this machine, which says of itself that it is {said!a}; there is one for {others}"
    if not OF_32_BITS.fullmatch(said):
        return words
    return f"{words}. This is a 32-bit system: install a 64-bit one, which a Raspberry Pi from the 3 on can run"


def missing(binary: object) -> str:
    """Where the collection was installed without its binaries."""
    return (
        f"the binary {binary} is missing: this collection was installed from source, as by ansible-galaxy from git, which builds nothing. "
        "Install the archive of a release; or clone the repository, run `make dist` there, and install the archive that this leaves in dist/"
    )
