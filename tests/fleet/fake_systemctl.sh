#!/bin/sh
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `systemctl` of a lightweight host: remembers which units are enabled and which run, and runs none.
state=/var/lib/fake-systemctl
verb=$1
shift
now=''
wanted=''
for word; do
  case $word in
    --now) now=yes ;;
    --state=*) wanted=${word#--state=} ;;
    -*) ;;
    *) unit=$word ;;
  esac
done

there() {
  template=$(echo "$unit" | sed 's/@.*\./@./')
  [ -e "/etc/systemd/system/$unit" ] || [ -e "/etc/systemd/system/$template" ] || [ -e "/usr/lib/systemd/system/$unit" ]
}

known() {
  there || { echo "Unit $unit could not be found." >&2; exit 5; }
}

answer() {
  if [ -e "$state/$1/$unit" ]; then echo "$2"; else echo "$3"; fi
  [ -e "$state/$1/$unit" ]
}

case $verb in
  daemon-reload | reset-failed) ;;
  is-enabled) there && answer enabled enabled disabled ;;
  is-active) answer active active inactive ;;
  show)
    echo "Id=$unit"
    echo "LoadState=$(there && echo loaded || echo not-found)"
    echo "ActiveState=$(answer active active inactive)"
    echo "UnitFileState=$(answer enabled enabled disabled)"
    ;;
  list-unit-files | list-units)
    cd "$state/$wanted" || exit 1
    # shellcheck disable=SC2012,SC2086  # a pattern, of names that we gave
    ls -d $unit 2>/dev/null | sed "s/\$/ $([ "$verb" = list-units ] && echo 'loaded active waiting' || echo 'enabled enabled')/"
    ;;
  enable) known && touch "$state/enabled/$unit" ${now:+"$state/active/$unit"} ;;
  disable) rm -f "$state/enabled/$unit" ${now:+"$state/active/$unit"} ;;
  start | restart) known && touch "$state/active/$unit" ;;
  stop) rm -f "$state/active/$unit" ;;
  *) echo "Unknown command verb $verb." >&2; exit 1 ;;
esac
