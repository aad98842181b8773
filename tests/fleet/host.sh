#!/bin/sh
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# host.sh NAME: becomes a host. Runs in namespaces of its own (mount, pid, uts, ipc, and the network NAME), below /run/fleet of start_hosts.py.
# What it writes goes to memory: the machine's own root is the lower layer of an overlay, which nothing can write to.
set -eu
hostname "$1"
cd "/run/fleet/hosts/$1"
mount -t overlay overlay -o "lowerdir=/run/fleet/seed:/,upperdir=upper,workdir=work" root
cd root

mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir run/sshd run/lock dev/pts dev/shm
chmod 1777 run/lock dev/shm
for device in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
  mknod -m 666 "dev/${device% *}" c 1 "${device#* }"
done
mknod -m 666 dev/tty c 5 0
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

# From here on there is no other root: the machine's files are out of reach, and not just out of sight.
pivot_root . .
umount -l .
cd /
exec </dev/null >/run/console 2>&1
ip link set lo up
ssh-keygen -q -t ed25519 -N '' -C "$(hostname)" -f /etc/ssh/ssh_host_ed25519_key
/usr/sbin/sshd
touch /run/up
# As init: waits for whoever has lost its parent.
while :; do
  sleep 3600 &
  wait
done
