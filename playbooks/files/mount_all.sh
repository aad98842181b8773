#!/bin/sh
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# mount_all.sh ROOT: mounts every filesystem from ROOT down that wants to be, parents first, but for
# those whose key is not loaded. One whose place was chosen by who sent it is not mounted, for that
# could be any.
set -eu
tab=$(printf '\t')
status=0
list=$(zfs list -Hr -t filesystem -o name,mounted,canmount,keystatus "$1")
while IFS=$tab read -r name mounted canmount key; do
  [ "$mounted $canmount" = 'no on' ] && [ "$key" != unavailable ] || continue
  if [ "$(zfs get -H -o source mountpoint "$name")" = received ]; then
    echo "$name is not mounted: its mountpoint came with it, and could be any. If it is to be there: zfs inherit mountpoint $name" >&2
    status=1
    continue
  fi
  zfs mount "$name"
done <<EOF
$list
EOF
# Volumes appear below /dev/zvol a moment after they were received.
if command -v udevadm >/dev/null; then
  udevadm settle
fi
exit $status
