# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manual pages of programs and completions of their command lines: where they are on the controller, and where they go on a host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils._peers import PROGRAMS, PeerError

DOCS = Path(__file__).resolve().parents[2] / "docs"
# Below docs, and on the host. Each shell, and man, looks there by itself.
PLACES = {
    "man/{}.8": "/usr/local/share/man/man8/{}.8",
    "completions/{}.bash": "/usr/local/share/bash-completion/completions/{}",
    "completions/_{}": "/usr/local/share/zsh/site-functions/_{}",
    "completions/{}.fish": "/usr/local/share/fish/vendor_completions.d/{}.fish",
}


def manuals(programs: Iterable[Any], docs: Path = DOCS) -> list[dict[str, str]]:
    """``{src, dest, sha256}`` of each file. They are made with the programs, so what was installed from git has none."""
    found = []
    for program in programs:
        if program not in PROGRAMS:
            raise PeerError(f"ferro.zfs has no program {program!r}")
        for there, here in PLACES.items():
            source = docs / there.format(program)
            if source.is_file():
                digest = hashlib.sha256(source.read_bytes()).hexdigest()
                found.append({"src": str(source), "dest": here.format(program), "sha256": digest})
    return found
