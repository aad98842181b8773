#!/bin/sh
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# mount_all.sh ROOT: mounts every filesystem from ROOT down that wants to be, parents first, but for those whose key is not loaded.
set -eu
tab=$(printf '\t')
list=$(zfs list -Hr -t filesystem -o name,mounted,canmount,keystatus "$1")
while IFS=$tab read -r name mounted canmount key; do
  [ "$mounted $canmount" = 'no on' ] && [ "$key" != unavailable ] || continue
  zfs mount "$name"
done <<EOF
$list
EOF
# Volumes appear below /dev/zvol a moment after they were received.
if command -v udevadm >/dev/null; then
  udevadm settle
fi
