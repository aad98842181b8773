# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the native zfs_verify on the target."""

from __future__ import annotations

from ansible_collections.ferro.zfs.plugins.plugin_utils._lint import main_of
from ansible_collections.ferro.zfs.plugins.plugin_utils._native import NativeActionBase

main = main_of("zfs_verify")


class ActionModule(NativeActionBase):
    MODULE = "zfs_verify"
