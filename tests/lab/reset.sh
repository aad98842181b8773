# Run on a guest as `sh -s EPOCH`: leaves it as after its start, as far as tests go. Any failure means: reboot it.
set -eu

# Processes that a test left behind: not of the boot, not a kernel thread, not a connection, not this script.
boot=" $(tr '\n' ' ' </run/lab/boot-pids)"
ps -eo pid=,ppid=,comm= | while read -r pid parent name; do
  case $boot in *" $pid "*) continue ;; esac
  case $name in sshd* | *udev* | systemd* | '(sd-pam)') continue ;; esac
  [ "$parent" != 2 ] && [ "$parent" != $$ ] && [ "$pid" != $$ ] && [ "$pid" != "$PPID" ] || continue
  kill -9 "$pid" 2>/dev/null || true
done

for pool in $(zpool list -H -o name); do
  timeout 10 zpool destroy -f "$pool" || { sleep 0.2; timeout 10 zpool destroy -f "$pool"; }
done
losetup -D
rm -f /etc/zfs/zpool.cache

# Labels and partition tables are at both ends of the disk; the partitioned disk's last label is before the last 8 MB.
dd if=/dev/zero of=/dev/ubdb bs=1M count=8 conv=notrunc 2>/dev/null
dd if=/dev/zero of=/dev/ubdb bs=1M count=16 seek=$(($(blockdev --getsize64 /dev/ubdb) / 1048576 - 16)) conv=notrunc 2>/dev/null
blockdev --rereadpt /dev/ubdb 2>/dev/null || true

find /big /tmp /var/tmp -xdev -mindepth 1 -delete
# Programs that Ansible keeps in ~/.cache are named by their content, so they are never wrong; reboot to test their first upload.
for user in root operator archive; do
  home=$(getent passwd "$user" | cut -d: -f6)
  find "$home" -xdev -mindepth 1 -maxdepth 1 ! -name .cache ! -name .bashrc ! -name .profile ! -name .bash_logout -exec rm -rf {} +
  cp -r /usr/local/share/lab/ssh "$home/.ssh"
  chmod 700 "$home/.ssh"
  chmod 600 "$home"/.ssh/*
  chown -R "$user:" "$home/.ssh"
done
tc qdisc del dev vec0 root 2>/dev/null || true
date -s "@$1" >/dev/null
