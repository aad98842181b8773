#!/bin/sh
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tree_checksums.sh ROOT [PATH@SNAPSHOT ...]: reads back every file below ROOT as it was in a
# snapshot, and prints a line for each dataset:
#
#   PATH@SNAPSHOT<tab>SHA256<tab>NUMBER OF FILES
# PATH is that below ROOT, and empty for ROOT itself.
#
# Without snapshots, every dataset's newest. The sum is one over names, types, modes, owners, times,
# targets of links and contents. A dataset that cannot be read has a word in place of its sum. Of a
# volume the newest state is read; one without a device is not mounted, as a filesystem would be.
set -eu
tab=$(printf '\t')
root=$1
shift
[ $# != 0 ] || {
  list=$(zfs list -Hr -t filesystem,volume -o name "$root")
  while IFS= read -r dataset; do
    newest=$(zfs list -H -d 1 -t snapshot -o name -s createtxg "$dataset" | tail -n 1)
    set -- "$@" "${dataset#"$root"}@${newest#*@}"
  done <<EOF
$list
EOF
}
for each; do
  path=${each%%@*} snapshot=${each#*@}
  dataset=$root$path
  if [ -z "$snapshot" ]; then
    echo "$each${tab}no-snapshots${tab}0"
    continue
  fi
  if ! zfs list -H -o name "$dataset@$snapshot" >/dev/null 2>&1; then
    echo "$each${tab}missing${tab}0"
    continue
  fi
  if [ "$(zfs get -H -o value type "$dataset")" = volume ]; then
    if [ -e "/dev/zvol/$dataset" ]; then
      echo "$each${tab}$(sha256sum <"/dev/zvol/$dataset" | cut -d ' ' -f 1)${tab}1"
    else
      echo "$each${tab}not-mounted${tab}0"
    fi
    continue
  fi
  if [ "$(zfs get -H -o value mounted "$dataset")" != yes ]; then
    echo "$each${tab}not-mounted${tab}0"
    continue
  fi
  cd "$(zfs get -H -o value mountpoint "$dataset")/.zfs/snapshot/$snapshot"
  sum=$({
    # Of folders and links the content is what find says of them.
    find . -xdev ! -type f -printf '%p %y %m %U %G %l\0' | sort -z
    find . -xdev -type f -printf '%p %y %m %U %G %T@\0' | sort -z
    find . -xdev -type f -print0 | sort -z | xargs -0 -r sha256sum
  } | sha256sum | cut -d ' ' -f 1)
  echo "$each$tab$sum$tab$(find . -xdev -type f -printf x | wc -c)"
  cd /
done
