"""The command line as somebody types it who knows syncoid."""

import json

from zfs_hosts import Hosts


def test_a_pull_by_two_words(hosts: Hosts) -> None:
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh("source", "zfs create tank/home; zfs create tank/cache; head -c 2M /dev/urandom > /tank/home/f; zfs snapshot -r tank@s1")
    hosts.sh("backup", "zfs create vault/x")
    command = "zfs_replicate root@source:tank vault/x --exclude tank/cache --bandwidth-limit 100M"
    planned = hosts.sh("backup", f"{command} -n")
    assert "* would send    tank/home  -> vault/x/tank/home  @s1  full " in planned
    assert hosts.sh("backup", "zfs list -H -o name -r vault/x") == "vault/x\n"
    said = hosts.sh("backup", command)
    assert "* sent          tank/home  -> vault/x/tank/home  @s1  full " in said
    assert hosts.sh("backup", "zfs list -H -o name -r vault/x").split() == ["vault/x", "vault/x/tank", "vault/x/tank/home"]
    assert hosts.checksum("backup", "vault/x/tank/home@s1") == hosts.checksum("source", "tank/home@s1")
    # What is there now, as the target itself sees it and as the source does, which knows its own.
    here = hosts.sh("backup", "zfs_replicate --list vault/x")
    assert "  vault/x/tank/home  guid " in here and here.rstrip().splitlines()[-1].startswith("2 replicas, 1 without a mark, 2 snapshots, "), here
    there = json.loads(hosts.sh("source", "zfs_replicate --list root@backup:vault/x/tank --json"))
    assert [one["source"] for one in there["replicas"]] == ["tank", "tank/home"]
    assert all(0 <= one["newest"]["age"] < 3600 and one["used"] > 0 and not one["partial"] for one in there["replicas"]), there
    refused = hosts.lab.run("backup", "zfs_replicate root@source vault/x", check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "a host is followed by a colon" in refused.stderr
    # Without a word, on a terminal that wide: all of it.
    helped = hosts.sh("source", "script -qec 'stty cols 100; zfs_replicate' /dev/null </dev/null")
    assert "      --exclude PATTERN       Patterns over full source paths; a match leaves out that dataset and" in helped
    assert 90 < max(len(line) for line in helped.splitlines()) <= 100
