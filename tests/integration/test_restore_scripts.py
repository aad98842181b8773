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
