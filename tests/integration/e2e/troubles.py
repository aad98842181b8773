"""What can befall a host that is watched: all of it at once, so that alerts are waited for once, and then all of it ends at once."""

import json
from typing import Any

from fleet import Fleet

DAYS = 50
# A client's job and a backup server's, by hand.
PULL = {"source": ["far/data"], "source_host": "root@backup", "strip_prefix": "far/data", "target": "tank/pulled"}
PUSH = {"source": ["tank/abroad"], "target_host": "root@offsite", "strip_prefix": "tank/abroad", "target": "vault/abroad"}
JOBS: dict[str, dict[str, Any]] = {
    "pull@backup": PULL | {"retries": 0, "ssh": {"identity_file": "/root/pull_key", "options": ["ControlPersist=no"]}},
    "push@offsite": PUSH | {"retries": 0, "ssh": {"connect_timeout": 2}},
}

# What each is told of: its name, its dataset or its pool.
TOLD = {
    ("ZfsPoolSuspended", "ill"),
    ("ZfsPoolFillingUp", "full"),
    ("ZfsPoolMissing", "away"),
    ("ZfsPoolDataErrors", "sick"),
    ("ZfsVdevErrors", "sick"),
    ("ZfsScrubErrors", "sick"),
    ("ZfsScrubOverdue", "tank"),
    ("ZfsCollectorStuck", "hung"),
    ("ZfsCollectorFailed", "hung"),
    ("ZfsQuotaNearlyReached", "tank/small"),
    ("ZfsKeyNotLoaded", "tank/secret"),
    ("ZfsJobTimerInactive", "prune"),
    ("ZfsJobOverdue", "prune"),
    ("ZfsJobFailed", "pull@backup"),
    ("ZfsJobFailed", "push@offsite"),
    ("ZfsReplicaOverdue", "push@offsite"),
    ("ZfsJobFailed", "push@copy"),
    ("ZfsReplicaFailed", "push@copy"),
}

POOLS = """cd /big; truncate -s 100M away full hung sick
for pool in away full hung sick; do zpool create -O compression=off $pool /big/$pool; done
zfs create -o quota=20M -o compression=off tank/small; zfs create tank/abroad
ssh-keygen -q -t ed25519 -N '' -f /root/pull_key"""

# On a tmpfs that has no room.
SUSPENDED = """mkdir /tiny; mount -t tmpfs -o size=40M t /tiny; truncate -s 200M /tiny/s
zpool create -o failmode=wait -O compression=off ill /tiny/s; (head -c 80M /dev/urandom >/ill/f) </dev/null >/dev/null 2>&1 &
for i in $(seq 100); do ! grep -q SUSPENDED /proc/spl/kstat/zfs/ill/state || exit 0; sleep 0.1; done; exit 1"""
ROOM_AGAIN = "mount -o remount,size=300M /tiny; zpool clear ill; while pgrep -x head >/dev/null; do sleep 0.2; done; zpool destroy ill; umount /tiny"

# Of the file's own blocks, for of all others there is more than one copy.
DAMAGED = """yes FERRO-ZFS | head -c 20M >/sick/data; zpool export sick
at=$(tr '\\0' '\\n' </big/sick | grep -abo -m 1 FERRO-ZFS | head -n 1 | cut -d : -f 1)
head -c 1M /dev/urandom | dd of=/big/sick bs=1M oflag=seek_bytes seek=$at conv=notrunc 2>/dev/null
zpool import -d /big sick; zpool scrub -w sick"""
RESTORED = "rm /sick/data; zpool scrub -w sick; zpool clear sick; zpool scrub -w sick"

# Asked about that pool, it never answers.
HANGS = """mv /usr/sbin/zpool /usr/sbin/zpool.real
printf '#!/bin/sh\\nfor word; do [ "$word" != hung ] || sleep 600; done\\nexec /usr/sbin/zpool.real "$@"\\n' >/usr/sbin/zpool; chmod 755 /usr/sbin/zpool"""


def run(fleet: Fleet, job: str, ends: int = 0) -> None:
    """Runs a job as its unit does."""
    result = f"/var/lib/ferro-zfs/replication/{job.replace('@', '-')}.json"
    done = fleet.sh("source", f"zfs_replicate --text --result {result} /etc/ferro-zfs/{job.replace('@', '/')}.json 2>&1 && echo 0 || echo $?")
    assert done.endswith(f"{ends}\n"), done


def key(fleet: Fleet, *, known: bool) -> None:
    """Lets the key of the pull in, or no more."""
    public, keys = fleet.sh("source", "cat /root/pull_key.pub").strip(), "/root/.ssh/authorized_keys"
    again = f"echo '{public}' >>/tmp/keys;" if known else ""
    fleet.sh("backup", f"grep -vF '{public}' {keys} >/tmp/keys || true; {again} cat /tmp/keys >{keys}")


def prepare(fleet: Fleet) -> None:
    """All is well, and was last looked after long ago."""
    fleet.sh("source", POOLS)
    for job, options in JOBS.items():
        path = f"/etc/ferro-zfs/{job.replace('@', '/')}.json"
        fleet.sh("source", f"mkdir -p {path.rpartition('/')[0]}; echo '{json.dumps(options)}' >{path}")
    fleet.sh("backup", "cd /big; truncate -s 100M far; zpool create far /big/far; zfs create far/data; zfs snapshot far/data@first")
    fleet.sh("offsite", "zpool create vault /dev/ubdb")
    key(fleet, known=True)
    run(fleet, "pull@backup")
    fleet.sh("source", f"date -s '{DAYS} days ago'; zfs snapshot tank/abroad@old; systemctl start ferro-zfs-prune; zpool scrub -w tank")
    try:
        run(fleet, "push@offsite")
    finally:
        fleet.sh("source", f"date -s '+{DAYS} days'")
    fleet.sh("source", "zfs snapshot tank/abroad@new")


def befall(fleet: Fleet) -> None:
    fleet.lab.power_cut("offsite")
    fleet.sh("source", "! head -c 100M /dev/zero >/full/f; zpool export away; systemctl stop ferro-zfs-prune.timer")
    fleet.sh("source", SUSPENDED)
    fleet.sh("source", f"head -c 19M /dev/urandom >/tank/small/f; zfs unload-key tank/secret; {DAMAGED}; {HANGS}")
    key(fleet, known=False)
    fleet.sh("backup", "zfs snapshot far/data@second")
    fleet.sh("source", "zfs destroy tank/copy/tank/documents@%; zfs snapshot tank/documents@more")
    for job in ("pull@backup", "push@offsite", "push@copy"):
        run(fleet, job, ends=1)


def end(fleet: Fleet) -> None:
    fleet.sh("source", "mv /usr/sbin/zpool.real /usr/sbin/zpool; zpool import -d /big away; systemctl start ferro-zfs-prune.timer ferro-zfs-prune")
    fleet.sh("source", ROOM_AGAIN)
    fleet.sh("source", f"rm /full/f /tank/small/f; zfs load-key tank/secret; zpool scrub -w tank; {RESTORED}")
    key(fleet, known=True)
    fleet.lab.start("offsite")
    fleet.sh("offsite", "zpool import vault")
    fleet.sh("source", "zfs destroy -r tank/copy/tank/documents")
    for job in ("pull@backup", "push@offsite", "push@copy"):
        run(fleet, job)
    # What was slow is asked less often, or a test would wait for it for minutes.
    fleet.sh("source", "systemctl restart ferro-zfs-monitor")
