# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes this working tree importable as ansible_collections.ferro.zfs."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / ".cache" / "collections"

_link = COLLECTIONS / "ansible_collections" / "ferro" / "zfs"
_link.parent.mkdir(parents=True, exist_ok=True)
if not _link.is_symlink() or _link.resolve() != ROOT:
    _link.unlink(missing_ok=True)
    _link.symlink_to(ROOT)
sys.path.insert(0, str(COLLECTIONS))

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
