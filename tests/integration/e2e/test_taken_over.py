"""Hosts of a fleet that were taken over: what they say reaches neither the controller nor another host."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import Fleet

HUB = "backuppool/backups/source"
PYTHON = "/usr/bin/python3"

# Lies where a role looks, not where a module of this collection is started: an attacker tells them
# apart as well.
UNAME = """#!/bin/sh
if [ "$1" = -m ] && ! grep -q 'ferro.zfs: started' /proc/$PPID/cmdline; then echo '%s'; else exec /usr/bin/uname "$@"; fi
"""

# Every module of Ansible runs in it: it adds to what they print.
LIAR = """#!/bin/sh
out=$(%s "$@"); rc=$?
printf '%%s\\n' "$out" | sed 's|^{|{"ansible_facts": %s, |'
exit $rc
"""


@pytest.fixture(scope="module", autouse=True)
def set_up(fleet: Fleet) -> None:
    fleet.played("ferro.zfs.site")
    fleet.sh("source", "cp -r /usr/share/perl /tank/documents/; echo x >/tank/ledger/book; zfs snapshot -r tank/documents@now; zfs snapshot tank/ledger@now")
    fleet.sh("backup", "systemctl start ferro-zfs-pull@source")


def on(host: str, **what: Any) -> dict[str, Any]:
    return {"hosts": host, "gather_facts": False, "become": True, **what}


def write(fleet: Fleet, host: str, path: str, text: str) -> None:
    fleet.sh(host, f"cat >{path} <<'END'\n{text}END\nchmod 755 {path}")


@pytest.fixture
def secret() -> Iterator[Path]:
    """A file of the controller, which nobody else may read."""
    path = Path(f"/var/tmp/ferro-secret-{os.getpid()}")
    path.write_text("xq7-of-the-controller-alone\n", encoding="utf-8")
    path.chmod(0o600)
    yield path
    path.unlink()


class Facts:
    """A host whose modules set facts."""

    def __init__(self, fleet: Fleet, host: str) -> None:
        self.fleet, self.host = fleet, host
        self.real = fleet.sh(host, f"readlink -f {PYTHON}").strip()
        self.link = fleet.sh(host, f"readlink {PYTHON}").strip()

    def say(self, **facts: Any) -> None:
        self.fleet.sh(self.host, f"rm {PYTHON}")
        write(self.fleet, self.host, PYTHON, LIAR % (self.real, json.dumps(facts)))

    def stop(self) -> None:
        self.fleet.sh(self.host, f"ln -sfn {self.link} {PYTHON}")


@pytest.fixture
def facts_of_source(fleet: Fleet) -> Iterator[Facts]:
    facts = Facts(fleet, "source")
    yield facts
    facts.stop()


@pytest.mark.parametrize(
    ("host", "role", "installed"),
    [("source", "backup_client", "zfs_gate"), ("backup", "backup_server", "zfs_replicate"), ("source", "zfs_policy", "zfs_prune")],
)
def test_what_uname_says_reads_no_file_of_the_controller(fleet: Fleet, secret: Path, host: str, role: str, installed: str) -> None:
    write(fleet, host, "/usr/local/bin/uname", UNAME % f"x/{'../' * 30}{str(secret)[1:]}")
    play = fleet.playbook([on(host, roles=[f"ferro.zfs.{role}"])])
    programs = fleet.sh(host, f"rm /usr/local/bin/uname; grep -l xq7-of-the-controller-alone /usr/local/bin/{installed} || true")
    assert programs == "", "the host has a file of the controller"
    said = [f"there is no {name} for this machine, which says of itself that it is" for name in (installed, "zfs_policy_snapshot")]
    assert any(words in play.output for words in said), play.output


def test_a_second_line_in_the_backup_servers_key_opens_no_shell(fleet: Fleet) -> None:
    key = "/etc/ferro-zfs/id_ed25519"
    fleet.sh("backup", f"ssh-keygen -q -t ed25519 -N '' -f /root/evil; cp {key}.pub /root/good.pub; cat /root/evil.pub >>{key}.pub")
    stolen = "ssh -i /root/evil -o IdentitiesOnly=yes -o UserKnownHostsFile=/etc/ferro-zfs/known_hosts.d/source -o BatchMode=yes zfsbackup@source"
    key_tasks = [{"ansible.builtin.import_role": {"name": "ferro.zfs.backup_server", "tasks_from": "key"}}]
    # The server tells its key in the same run, or is asked by the client.
    both = [on("backup", tasks=key_tasks), on("source", roles=["ferro.zfs.backup_client"])]
    for plays in (both, both[1:]):
        play = fleet.playbook(plays)
        assert fleet.sh("backup", f"{stolen} 'echo a shell' 2>/dev/null || true") == "", play.output
        lines = fleet.sh("source", "cat /var/lib/zfsbackup/.ssh/authorized_keys").splitlines()[1:]
        assert len(lines) == 1 and lines[0].startswith('restrict,command="'), lines
        assert "a public key is one line, not 2" in play.output, play.output
    fleet.sh("backup", f"cat /root/good.pub >{key}.pub")


def test_a_client_does_not_choose_the_options_of_its_pull(fleet: Fleet, facts_of_source: Facts) -> None:
    """A fact counts more than the inventory, and any answer can set one."""
    facts_of_source.say(backup_client_pull_options={"ssh": {"options": ["ProxyCommand=touch /var/lib/ferro-zfs/replication/taken"]}})
    answer = {"ansible.builtin.command": "true"}
    play = fleet.playbook([on("source", tasks=[answer]), on("backup", roles=["ferro.zfs.backup_server"])])
    fleet.sh("backup", "systemctl start ferro-zfs-pull@source || true")
    assert fleet.sh("backup", "ls /var/lib/ferro-zfs/replication/taken 2>/dev/null || true") == "", "a client ran a command on the backup server"
    assert "ProxyCommand" not in json.dumps(fleet.json("backup", "/etc/ferro-zfs/pull/source.json"))
    assert "source: backup_client_pull_options" in play.failures["backup"], play.output


def test_the_host_that_gets_a_restore_changes_nothing_else_on_the_one_that_has_the_copy(fleet: Fleet, facts_of_source: Facts) -> None:
    before = fleet.sh("backup", "sha256sum /root/.ssh/authorized_keys; stat -c '%a %U' /root")
    facts_of_source.say(backup_gate_home="/root", backup_gate_program="/usr/local/sbin/planted", backup_gate_jobs=["prune"])
    wanted = {"restore_from": "backup", "restore_dataset": f"{HUB}/tank/documents", "restore_to_host": "source", "restore_to": "tank/back"}
    play = fleet.playbook("ferro.zfs.restore", **wanted)
    assert fleet.sh("backup", "ls /usr/local/sbin/planted 2>/dev/null || true") == "", play.output
    assert fleet.sh("backup", "sha256sum /root/.ssh/authorized_keys; stat -c '%a %U' /root") == before
    fleet.sh("source", "zfs destroy -r tank/back 2>/dev/null || true")


def test_nothing_of_a_restored_copy_runs_before_somebody_says_so(fleet: Fleet) -> None:
    """The backup server that has the copy may have put anything into it."""
    evil = "/run/evil"
    fleet.sh("backup", f"zfs create -o mountpoint={evil} backuppool/evil; cp /bin/dash {evil}/sh; chmod 4755 {evil}/sh; mknod {evil}/mem c 1 1")
    fleet.sh("backup", f"chmod 666 {evil}/mem; zfs create -V 8M backuppool/evil/disk; zfs snapshot -r backuppool/evil@s")
    wanted = {"restore_from": "backup", "restore_dataset": "backuppool/evil", "restore_to_host": "source", "restore_to": "tank/evil"}
    play = fleet.played("ferro.zfs.restore", **wanted)
    # The shell with the set-user-ID bit makes a root of anybody. In the snapshot no property of the
    # dataset keeps it from that.
    hidden = "/var/lib/ferro-zfs-restored/tank/evil"
    assert fleet.sh("source", f"stat -c %a /var/lib/ferro-zfs-restored; ls {hidden}/.zfs/snapshot/s; ls /tank/evil 2>/dev/null || true").split() == [
        "700",
        "mem",
        "sh",
    ]
    for place in (hidden, f"{hidden}/.zfs/snapshot/s"):
        became = fleet.sh("source", f"setpriv --reuid=65534 --regid=65534 --clear-groups /bin/sh -c '{place}/sh -p -c \"id -u\"' 2>&1 || true")
        assert "Permission denied" in became, (place, became)
        read = fleet.sh("source", f"setpriv --reuid=65534 --regid=65534 --clear-groups head -c 1 {place}/mem 2>&1 || true")
        assert "Permission denied" in read, (place, read)
    rows = fleet.sh("source", "zfs get -Hr -t filesystem,volume -o name,property,value setuid,exec,devices,sharenfs,sharesmb,volmode tank/evil").split("\n")
    values = {tuple(row.split("\t")[:2]): row.split("\t")[2] for row in rows if row and not row.endswith("\t-")}
    assert values.pop(("tank/evil/disk", "volmode")) == "dev"
    names = {"setuid", "exec", "devices", "sharenfs", "sharesmb"}
    assert {name: values[("tank/evil", name)] for name in names} == dict.fromkeys(names, "off"), dict(values)
    assert "zfs inherit -r setuid tank/evil" in play.one("Show result of restore", "source")["msg"]["cannot_run_yet"]
    fleet.sh("source", "zfs destroy -r tank/evil")


def test_a_restore_of_which_nothing_was_read_back_fails(fleet: Fleet) -> None:
    wanted = {"restore_from": "backup", "restore_dataset": f"{HUB}/tank/ledger", "restore_to_host": "source", "restore_to": "tank/back"}
    play = fleet.playbook("ferro.zfs.restore", **wanted)
    assert "could not be read back, so they prove nothing: tank/back@" in play.failures["source"], play.output
    assert "Locked: tank/back. Give their key" in play.failures["source"]
    fleet.sh("source", "zfs destroy -r tank/back")
    play = fleet.played("ferro.zfs.restore", **wanted, restore_prove=False)
    assert play.one("Show result of restore", "source")["msg"]["locked"] == ["zfs load-key tank/back"]
    fleet.sh("source", "zfs destroy -r tank/back")
    wanted["restore_dataset"] = f"{HUB}/tank/leger"
    play = fleet.playbook("ferro.zfs.restore", **wanted)
    assert play.failures["source"].startswith(f"there is no {HUB}/tank/leger on backup"), play.output


def test_what_the_server_encrypted_itself_comes_back_plain_and_what_the_client_did_raw(fleet: Fleet) -> None:
    wanted = {"restore_from": "backup", "restore_dataset": f"{HUB}/tank", "restore_to_host": "source", "restore_to": "tank/all"}
    play = fleet.played("ferro.zfs.restore", **wanted, restore_key_file="/root/zfs/keys/tank_ledger", restore_trusted=True)
    rows = fleet.sh("source", "zfs get -Hr -t filesystem -o name,value encryption tank/all").splitlines()
    encryption = dict(row.split("\t") for row in rows)
    assert encryption["tank/all/documents"] == "off" and encryption["tank/all/ledger"] == "aes-256-gcm", encryption
    marks = fleet.sh("source", "zfs get -Hr -t filesystem -o value ferro.zfs:replica tank/all").split()
    assert set(marks) == {"-"}, "it is data of this host now, of which snapshots are taken"
    assert fleet.sh("source", "diff -r /tank/documents/perl /tank/all/documents/perl; cat /tank/all/ledger/book") == "x\n"
    said = play.one("Show result of restore", "source")["msg"]
    assert {f"{HUB}/tank/documents", f"{HUB}/tank/ledger"} <= set(said["same_guids"])
    fleet.sh("source", "zfs destroy -r tank/all")


def test_a_server_that_has_left_its_group_keeps_no_key_and_no_job(fleet: Fleet) -> None:
    tasks = [{"ansible.builtin.import_role": {"name": "ferro.zfs.backup_server", "tasks_from": "absent"}}]
    play = [on("backup", tasks=tasks)]
    assert fleet.played(play, check=True).changed["backup"]
    assert "ferro-zfs-pull@source.timer" in fleet.sh("backup", "systemctl list-timers --all")
    fleet.played(play)
    left = fleet.sh("backup", "find /etc/systemd /etc/ferro-zfs /var/lib/ferro-zfs | grep -E 'pull|push|id_ed25519|known_hosts|replication' || true")
    assert left == "" and "ferro-zfs-pull" not in fleet.sh("backup", "systemctl list-timers --all")
    assert fleet.sh("backup", f"zfs list -H -o name {HUB}/tank/documents") == f"{HUB}/tank/documents\n", "backups stay"
    again = fleet.played(play)
    assert again.changed["backup"] == []
    # A key of somebody else in that place is none of the role's business.
    fleet.sh("backup", "mkdir -p /etc/ferro-zfs; touch /etc/ferro-zfs/id_ed25519")
    assert fleet.played(play).changed["backup"] == []
