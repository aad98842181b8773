#!/bin/sh
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# restore_file MODE DATASET PATH SNAPSHOT AT DESTINATION OVERWRITE LIMIT
#
# Finds a file or folder in the snapshots of a dataset. MODE says what then: look (list them), here
# (copy it to DESTINATION on this host), give (print it for another host), take (write what that one
# printed, which stands behind this script). Prints lines for the playbook, of fields with tabs
# between them: HOLDS snapshot, time, bytes; FOUND snapshot; TO path; NOTE text; DONE; or FAULT text.
#
# Runs in a mount namespace of its own: what it mounts, nobody else sees, and it is gone with it. A
# replica is never mounted itself, only a snapshot of it, read-only.
set -eu
export LC_ALL=C
umask 077

mode=$1 dataset=$2 path=$3 snapshot=$4 at=$5 destination=$6 overwrite=$7 limit=$8
most=200
folder=/run/ferro-zfs-restore-file.$$
tab=$(printf '\t')

say() { printf '%s\n' "$*" | tr '\n' ' ' | sed 's/ $//'; echo; }
fault() { say "FAULT$tab$*"; exit 0; }

# shellcheck disable=SC2329 # The traps do.
end() {
  umount "$folder" 2>/dev/null || :
  rmdir "$folder" 2>/dev/null || :
}

# Which dataset a path is of, and where in it; it may be gone, so its nearest folder is asked.
find_dataset() {
  [ -n "$dataset" ] || {
    case $path in
      /*) ;;
      *) fault "restore_file_path: without restore_file_dataset it is the whole path on this host, such as /tank/home/report, not $path" ;;
    esac
    there=$path
    while [ ! -d "$there" ]; do there=$(dirname -- "$there"); done
    real=$(readlink -f -- "$there")
    dataset=$(zfs list -H -o name -- "$real" 2>/dev/null) || fault "$there is on no ZFS dataset of this host: give restore_file_dataset"
    path=$real${path#"$there"}
  }
  row=$(zfs list -H -o type,mounted,mountpoint,keystatus,encryptionroot -- "$dataset" 2>&1) ||
    fault "there is no dataset $dataset on this host, or it cannot be read: $row"
  type=$(printf '%s' "$row" | cut -f 1)
  mounted=$(printf '%s' "$row" | cut -f 2)
  mountpoint=$(printf '%s' "$row" | cut -f 3)
  [ "$type" = filesystem ] || fault "$dataset is a $type, in which there are no files"
  [ "$(printf '%s' "$row" | cut -f 4)" != unavailable ] || locked "$(printf '%s' "$row" | cut -f 5)"
  case $mountpoint in
    /*) case $path in "$mountpoint" | "$mountpoint"/*) path=${path#"$mountpoint"} ;; esac ;;
  esac
  path=$(printf '%s' "$path" | sed 's|//*|/|g; s|^/||; s|/$||')
  case "/$path/" in
    // | */./* | */../*) fault "restore_file_path: expected a file or folder in $dataset, got '$path'. A whole dataset is for ferro.zfs.restore" ;;
  esac
}

locked() {
  fault "$dataset is encrypted and its key is not loaded here, so nothing can be read in it. Load the key for as long as this takes:" \
    "zfs load-key $1 (from a file: zfs load-key -L file:///PATH $1), run this again, then: zfs unload-key $1." \
    "A replica that was sent raw has the key of its source. Where the key shall not come here: ferro.zfs.restore brings the whole dataset back"
}

# Mounts it and says whether the path is in it. A link on the way could lead anywhere on this host.
holds() {
  mount -t zfs -o ro,nosuid,nodev,noexec "$dataset@$1" "$folder" || fault "$dataset@$1 cannot be mounted"
  held=yes
  step=$folder
  rest=$path
  while [ "$rest" != "${rest#*/}" ]; do
    step=$step/${rest%%/*}
    rest=${rest#*/}
    [ ! -L "$step" ] || fault "$path: ${step#"$folder"/} is a symbolic link in $dataset@$1: name the file where it really is"
    [ -d "$step" ] || { held=no; break; }
  done
  [ "$held" = no ] || [ -e "$folder/$path" ] || [ -L "$folder/$path" ] || held=no
  [ "$held" = yes ]
}

size_of() { du -sk --apparent-size -- "$1" 2>/dev/null || du -sk -- "$1"; }

# What is in the snapshot that is mounted.
tell_holder() {
  if [ -d "$folder/$path" ]; then
    bytes=$(($(size_of "$folder/$path" | cut -f 1) * 1024))
  else
    bytes=$(stat -c %s -- "$folder/$path")
  fi
  changed=$(stat -c %y -- "$folder/$path" | cut -c 1-19)
  say "HOLDS$tab$1$tab$changed$tab$bytes"
}

# All snapshots that hold it, the newest first.
tell_all() {
  looked=0
  for one in $names; do
    one=$(spaced "$one")
    looked=$((looked + 1))
    [ $looked -le $most ] || { say "NOTE${tab}only the newest $most of $count snapshots were looked at"; break; }
    if holds "$one"; then tell_holder "$one"; fi
    umount "$folder"
  done
}

# Names of snapshots may have blanks, but no tabs or slashes.
spaced() { printf '%s' "$1" | tr / ' '; }

find_snapshot() {
  listed=$(zfs list -Hp -d 1 -t snapshot -o name,creation -S createtxg -- "$dataset")
  [ -z "$at" ] || {
    until=$(date -d "$at" +%s 2>/dev/null) || fault "restore_file_at: date does not understand '$at'; write it so: 2026-11-26 08:00"
    listed=$(printf '%s\n' "$listed" | awk -F '\t' -v until="$until" '$2 <= until')
  }
  names=$(printf '%s\n' "$listed" | cut -f 1 | sed 's/^[^@]*@//' | tr ' ' /)
  count=$(printf '%s' "$names" | grep -c . || :)
  [ "$count" -gt 0 ] || fault "$dataset has no snapshots${at:+ up to $at}"
  mkdir -m 700 "$folder"
  trap end EXIT
  [ "$mode" != look ] || { tell_all; exit 0; }
  if [ -n "$snapshot" ]; then
    zfs list -H -o name -- "$dataset@$snapshot" >/dev/null 2>&1 || fault "there is no snapshot $snapshot of $dataset"
    if holds "$snapshot"; then return; fi
    umount "$folder"
  else
    looked=0
    for one in $names; do
      snapshot=$(spaced "$one")
      looked=$((looked + 1))
      [ $looked -le $most ] || break
      if holds "$snapshot"; then return; fi
      umount "$folder"
    done
    fault "$path is in none of the newest $looked snapshots of $dataset${at:+ up to $at}. Paths are those within the dataset; a child dataset has snapshots of its own"
  fi
  tell_all
  fault "$path is not in $dataset@$snapshot"
}

# Where it goes: nothing that is there is lost, and nobody who may write there can lead it elsewhere.
prepare() {
  [ -n "$destination" ] || {
    [ "$mounted" = yes ] || fault "$dataset is not mounted here, so there is no place beside the original: give restore_file_to"
    destination=$mountpoint/$path.restored-$snapshot
  }
  case $destination in
    */ | *//* | */./* | */../* | */. | */..) fault "restore_file_to: expected the whole path that it gets, got '$destination'" ;;
    /*) ;;
    *) fault "restore_file_to: expected a path that begins with /, got '$destination'" ;;
  esac
  into=$(dirname -- "$destination")
  name=$(basename -- "$destination")
  [ -d "$into" ] || fault "there is no folder $into on this host: give another restore_file_to, or make it"
  if [ -e "$destination" ] || [ -L "$destination" ]; then
    [ "$overwrite" = yes ] || fault "$destination is there already, and stays as it is. Give another restore_file_to; or, to have it moved aside, -e restore_file_overwrite=true"
  fi
  need=$1
  free=$(df -Pk -- "$into" | awk 'NR == 2 { print $4 }')
  [ "$need" -lt "$free" ] || fault "$into has $free KiB left, and this takes $need KiB"
  work=$(mktemp -d -- "$into/.ferro-zfs-restore.XXXXXX")
  trap 'cd /; rm -rf -- "$work"; end' EXIT
  cd -P -- "$work"
}

# From the folder where it is now, by names within it, whatever becomes of the way there.
put_in_place() {
  if [ -e "../$name" ] || [ -L "../$name" ]; then
    [ "$overwrite" = yes ] || fault "$destination has come to be there meanwhile, and stays as it is"
    aside=$name.replaced-$(date +%Y-%m-%d_%H:%M:%S)
    mv -Tn -- "../$name" "../$aside" || :
    if [ -e "../$name" ] || [ -L "../$name" ]; then fault "$destination could not be moved aside to $aside, and stays as it is"; fi
    say "NOTE${tab}what was there is $into/$aside now"
  fi
  # It says in one way or another that it left something as it was.
  mv -Tn -- ./it "../$name" || :
  if [ -e ./it ] || [ -L ./it ]; then fault "$destination has come to be there meanwhile, and stays as it is"; fi
  say "TO$tab$destination"
  say DONE
}

is_gnu() { "$1" --version 2>/dev/null | grep -q GNU; }

no_attributes() { say "NOTE${tab}this host's $1 does not know extended attributes and ACLs, so they were left out"; }

copy_here() {
  prepare "$(size_of "$folder/$path" | cut -f 1)"
  if is_gnu cp; then
    problem=$(cp -dR --preserve=mode,ownership,timestamps,links,xattr -- "$folder/$path" ./it 2>&1) || fault "it could not be copied: $problem"
  else
    problem=$(cp -dRp -- "$folder/$path" ./it 2>&1) || fault "it could not be copied: $problem"
    no_attributes cp
  fi
  put_in_place
}

# For another host, by way of the controller, which holds all of it in memory for a moment.
give() {
  kib=$(size_of "$folder/$path" | cut -f 1)
  [ "$kib" -le "$limit" ] ||
    fault "$path is $kib KiB, more than goes by way of the controller (restore_file_limit, $limit KiB). Restore it on this host" \
      "(restore_file_to_host and restore_file_to), and copy it from there; or bring the dataset back with ferro.zfs.restore"
  keep=
  if is_gnu tar; then keep="--xattrs --xattrs-include=* --acls"; else no_attributes tar; fi
  say "SIZE$tab$kib"
  say DATA
  # Where there is a terminal, what goes to standard error would come out in the middle of it.
  problem=$(mktemp)
  # shellcheck disable=SC2086 # Several words; globs are off.
  { set -f; cd -- "$(dirname -- "$folder/$path")" && tar $keep --numeric-owner -cf - -- "$(basename -- "$path")" 2>"$problem" || echo failed >>"$problem"; } | gzip | base64
  ended=$(cat "$problem")
  rm -f -- "$problem"
  say "ENDED$tab${ended:-well}"
}

take() {
  exec 3<"$0"
  prepare "$limit"
  keep=
  if is_gnu tar; then keep="--xattrs --xattrs-include=* --acls"; else no_attributes tar; fi
  sed '1,/^#DATA$/d' <&3 | base64 -d | gzip -dc >./archive || fault "what the other host gave did not arrive whole"
  mkdir ./out
  # shellcheck disable=SC2086 # Several words; globs are off.
  problem=$(set -f; tar $keep --numeric-owner -xpf ./archive -C ./out 2>&1) || fault "it could not be unpacked: $problem"
  rm -f ./archive
  set -- ./out/* ./out/.[!.]* ./out/..?*
  for one; do
    if [ -e "$one" ] || [ -L "$one" ]; then mv -Tn -- "$one" ./it || :; fi
  done
  if [ ! -e ./it ] && [ ! -L ./it ]; then fault "the other host gave nothing"; fi
  rmdir ./out || fault "the other host gave more than one file or folder"
  put_in_place
}

[ "$mode" = take ] || { find_dataset; find_snapshot; say "FOUND$tab$snapshot"; tell_holder "$snapshot"; }
case $mode in
  here) copy_here ;;
  give) give ;;
  take) take ;;
esac
exit 0
