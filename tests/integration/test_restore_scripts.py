"""The scripts of the restore playbook, on replicas of a host that was taken over."""

from zfs_hosts import ROOT, Hosts


def test_a_mountpoint_that_came_with_a_copy_is_not_mounted(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.sh("source", "zfs create tank/a; zfs create tank/a/good; zfs create -o mountpoint=/srv/profile.d tank/a/evil; touch /srv/profile.d/evil.sh")
    hosts.sh("source", "zfs snapshot -r tank/a@s; zfs unmount /srv/profile.d; zfs send -R tank/a@s | zfs receive -u tank/back")
    hosts.lab.copy("source", ROOT / "playbooks/files/mount_all.sh", "/tmp/mount_all.sh")
    done = hosts.lab.run("source", "sh /tmp/mount_all.sh tank/back", check=False)
    assert hosts.sh("source", "ls /srv/profile.d; zfs list -Hr -o name,mounted tank/back").splitlines() == [
        "tank/back\tyes",
        "tank/back/evil\tno",
        "tank/back/good\tyes",
    ]
    assert done.returncode == 1
    assert "tank/back/evil is not mounted: its mountpoint came with it" in done.stderr


def test_a_copy_is_looked_at_where_nobody_else_gets(hosts: Hosts) -> None:
    """Below .zfs/snapshot Linux knows neither setuid=off nor exec=off."""
    hosts.pool("source", "tank")
    hosts.sh("source", "zfs create -o setuid=off -o exec=off tank/back; cp /bin/dash /tank/back/sh; chmod 4755 /tank/back/sh; zfs snapshot tank/back@s")
    become = "setpriv --reuid=65534 --regid=65534 --clear-groups /bin/sh -c '{}/sh -p -c \"id -u\"' 2>&1 || true"
    assert "Permission denied" in hosts.sh("source", become.format("/tank/back"))
    if hosts.sh("source", become.format("/tank/back/.zfs/snapshot/s")) == "0\n":
        hosts.sh("source", "umount /tank/back/.zfs/snapshot/s")
    # As the playbook has it.
    hosts.sh("source", "zfs unmount tank/back; mkdir -m 700 /big/restored; zfs set mountpoint=/big/restored/tank/back tank/back; zfs unmount tank/back || true")
    hosts.lab.copy("source", ROOT / "playbooks/files/mount_all.sh", "/tmp/mount_all.sh")
    hosts.sh("source", "sh /tmp/mount_all.sh tank/back; ls /big/restored/tank/back/.zfs/snapshot/s/sh")
    for place in ("/big/restored/tank/back", "/big/restored/tank/back/.zfs/snapshot/s"):
        assert "Permission denied" in hosts.sh("source", become.format(place)), place
