# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules of this collection can do."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Runs only commands that read, and returns what a real run would do.
  diff_mode:
    support: full
    description: Returns what has changed, or in check mode would change.
  platform:
    support: full
    platforms: linux
    description: Linux on x86_64 and aarch64, any distribution.
  async:
    support: partial
    description: Runs in the background.
    details: Needs Python on the target, as all of Ansible's C(async) does.
"""
