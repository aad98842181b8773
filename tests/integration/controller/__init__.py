# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the target, on each ansible-core; needs no ZFS."""
