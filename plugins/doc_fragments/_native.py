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
  - The module is a static binary. It is uploaded once for each version and user, to C(~/.cache/ansible-ferro.zfs), or where the user has no
    home to C(/tmp/ansible-ferro.zfs-UID). Each further task is one round trip.
  - The variable C(zfs_native_cache_dir) names another directory, an absolute path, which must belong to the user that runs the module.
    It is needed where home and C(/tmp) are both mounted C(noexec).
  - The variable C(zfs_native_path) names a directory on the target where the binaries are already installed, for hosts that run only
    allow-listed programs. Nothing is uploaded then.
  - With the variable C(zfs_native_cache) set to V(false) the binary is uploaded for each task and removed again.
  - With C(async) Ansible needs Python on the target and uploads the binary for each task.
  - Options are checked on the controller, before any connection is made.
"""
