# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the modules of this collection get to the target."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
requirements:
  - On the target C(zfs), C(/bin/sh) and for remote ends C(ssh). No Python.
notes:
  - The module is a static binary. It is uploaded once for each version and user, to C(~/.cache/ansible-ferro.zfs), or where that cannot be to
    C(/var/cache/ansible-ferro.zfs) for root and C(/tmp/ansible-ferro.zfs-UID) for others. Each further task is one round trip.
  - The variable C(zfs_native_cache_dir) names another directory, an absolute path, in which each user who runs modules gets a folder of its
    own, C(ansible-ferro.zfs-UID). It is needed where home and C(/var/cache) or C(/tmp) are mounted C(noexec).
  - The cache is used only where nobody but root and the user can change it; its folder has the mode 0700, and everything above it must not be
    writable by others, unless it is sticky. Elsewhere the binary is uploaded for each task.
  - The variable C(zfs_native_path) names a directory on the target where the binaries are already installed, for hosts that run only
    allow-listed programs. Nothing is uploaded then.
  - With the variable C(zfs_native_cache) set to V(false) the binary is uploaded for each task and removed again.
  - With C(async) Ansible needs Python on the target and uploads the binary for each task.
  - Options are checked on the controller, before any connection is made.
"""
