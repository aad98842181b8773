# Sourced where an image is made: users, keys and files of a guest, whatever machine it is for.
# Expects root (the guest's tree), dest (where keys for the controller go), here (this folder), release (Debian's), and
# inside COMMAND..., which runs a command in that tree.
# shellcheck disable=SC2154

# ssh_files USER HOME: the lab's key as the user's own, and the right to log in with it.
ssh_files() {
  install -d -m 700 "$root$2/.ssh"
  install -m 600 "$dest/id_ed25519" "$root$2/.ssh/id_ed25519"
  install -m 600 "$dest/id_ed25519.pub" "$root$2/.ssh/authorized_keys"
  inside chown -R "$1:" "$2/.ssh"
}

add_users() {
  ssh-keygen -q -t ed25519 -N '' -C lab -f "$dest/id_ed25519"
  ssh_files root /root
  local user
  for user in operator archive; do
    inside groupadd -f "$user" # Debian has a group "operator" of its own
    inside useradd --gid "$user" --create-home --shell /bin/bash --password '*' "$user"
    ssh_files "$user" "/home/$user"
  done
  echo 'operator ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/operator"
  inside useradd --no-create-home --home-dir /nonexistent --shell /bin/sh --password '*' nohome
  install -D -m 644 "$dest/id_ed25519.pub" "$root/etc/ssh/authorized_keys.d/nohome"
  install -m 600 "$dest/id_ed25519" "$root/etc/ssh/nohome_id_ed25519"
  inside chown nohome: /etc/ssh/nohome_id_ed25519
  # What a reset puts back.
  install -d -m 700 "$root/usr/local/share/lab/ssh"
  cp "$root/root/.ssh/id_ed25519" "$root/root/.ssh/authorized_keys" "$root/usr/local/share/lab/ssh/"
}

add_host_keys() {
  rm -f "$root"/etc/ssh/ssh_host_*
  install -d -m 700 "$root/etc/ssh/lab"
  local host address
  while read -r address host; do
    case $host in localhost | controller) continue ;; esac
    ssh-keygen -q -t ed25519 -N '' -C "$host" -f "$root/etc/ssh/lab/$host"
    echo "$host,$address $(cut -d' ' -f1,2 "$root/etc/ssh/lab/$host.pub")" >>"$dest/known_hosts"
  done <"$here/guest/hosts"
  install -m 644 "$dest/known_hosts" "$root/etc/ssh/ssh_known_hosts"
}

add_guest_files() {
  install -m 755 "$here/guest/init" "$root/lab-init"
  install -m 755 "$here/guest/lab-setup" "$here/guest/lab-ready" "$root/usr/local/sbin/"
  install -m 644 "$here/guest/lab-setup.service" "$here/guest/lab-ready.service" "$root/etc/systemd/system/"
  install -D -m 644 "$here/guest/sshd.conf" "$root/etc/ssh/sshd_config.d/lab.conf"
  # The sshd of bookworm knows no penalties, and would not start.
  [ "$release" != bookworm ] || sed -i /^PerSourcePenalties/d "$root/etc/ssh/sshd_config.d/lab.conf"
  install -D -m 644 "$here/guest/ssh.conf" "$root/etc/ssh/ssh_config.d/lab.conf"
  install -m 644 "$here/guest/hosts" "$root/etc/hosts"
  rm -f "$root/etc/resolv.conf"
  # With a machine id systemd does not take every start for the first boot.
  inside systemd-machine-id-setup >/dev/null 2>&1
  inside systemctl --quiet enable lab-setup.service lab-ready.service ssh.service >/dev/null 2>&1
  inside systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer getty@tty1.service console-getty.service serial-getty@tty0.service >/dev/null 2>&1
}
