"""The command line as somebody types it who knows syncoid."""

from zfs_hosts import Hosts


def test_a_pull_by_two_words(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh("source", "zfs create tank/home; zfs create tank/cache; head -c 2M /dev/urandom > /tank/home/f; zfs snapshot -r tank@s1")
    hosts.sh("backup", "zfs create vault/x")
    command = "zfs_replicate root@source:tank vault/x --exclude tank/cache --bandwidth-limit 100M"
    planned = hosts.sh("backup", f"{command} -n")
    assert "tank/home -> vault/x/tank/home: would send full, 1 snapshot up to @s1" in planned
    assert hosts.sh("backup", "zfs list -H -o name -r vault/x") == "vault/x\n"
    said = hosts.sh("backup", command)
    assert "tank/home -> vault/x/tank/home: sent full, 1 snapshot up to @s1" in said
    assert hosts.sh("backup", "zfs list -H -o name -r vault/x").split() == ["vault/x", "vault/x/tank", "vault/x/tank/home"]
    assert hosts.checksum("backup", "vault/x/tank/home@s1") == hosts.checksum("source", "tank/home@s1")
    refused = hosts.lab.run("backup", "zfs_replicate root@source vault/x", check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "a host is followed by a colon" in refused.stderr
    # Without a word, on a terminal that wide: all of it.
    helped = hosts.sh("source", "script -qec 'stty cols 100; zfs_replicate' /dev/null </dev/null")
    assert "      --exclude PATTERN       Patterns over full source paths; a match leaves out that dataset and" in helped
    assert 90 < max(len(line) for line in helped.splitlines()) <= 100
