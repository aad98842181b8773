"""The line with which an account that a host has already runs zfs as root: written, limited, taken away again."""

from typing import Any

import pytest
from fleet import Fleet, Play

LINE = "/etc/sudoers.d/ferro-zfs-nas"


@pytest.fixture(scope="module", autouse=True)
def account(fleet: Fleet) -> None:
    fleet.sh("source", "useradd -m nas; zpool create tank /dev/ubdb; zfs create tank/data; zfs snapshot tank/data@1")


def client(fleet: Fleet, check: bool = False, fails: bool = False, **variables: Any) -> Play:
    wanted: dict[str, Any] = {"zfs": {"tank": {"datasets": {"data": {"policy": "high"}}}}, "backup_client_servers": ["backup"], "backup_client_user": "nas"}
    return fleet.role("backup_client", "source", check=check, fails=fails, **(wanted | variables))


def test_the_line_lets_the_account_run_what_it_names_and_nothing_else(fleet: Fleet) -> None:
    assert client(fleet, check=True, backup_client_become="sudo").changed["source"] != []
    fleet.sh("source", f"! ls {LINE}")
    client(fleet, backup_client_become="sudo")
    said = fleet.sh("source", f"stat -c '%a %U' {LINE}; grep -v '^#' {LINE}; visudo -cf {LINE}; id zfsbackup 2>&1 || true")
    verbs = ", ".join(f"/usr/sbin/zfs {verb} *" for verb in ("list", "get", "send", "bookmark"))
    assert said.startswith(f"440 root\nnas ALL=(root) NOPASSWD: {verbs}\n")
    assert "no such user" in said, "no account of the gate is made beside it"
    assert fleet.sh("source", "su nas -c 'sudo -n zfs list -H -o name tank/data; sudo -n zfs bookmark tank/data@1 tank/data#1'") == "tank/data\n"
    for command in ("zfs destroy tank/data@1", "zfs set atime=off tank", "zpool list tank", "id", "/home/nas/zfs list"):
        assert "password is required" in fleet.sh("source", f"! su nas -c 'sudo -n {command}' 2>&1")
    assert client(fleet, backup_client_become="sudo").recap["source"]["changed"] == 0


def test_what_cannot_be_is_refused_before_anything_is_written(fleet: Fleet) -> None:
    before = fleet.sh("source", "mv /usr/bin/doas /usr/bin/doas.off; cat /etc/sudoers.d/* | sha256sum")
    for wrong, why in (
        ({"backup_client_user": "nobody-here"}, "account: not there"),
        ({"backup_client_become": "doas"}, "doas: not there"),
        ({"backup_client_become_commands": ["send *, ALL"]}, "commands are those of zfs"),
        ({"backup_client_user": "nas ALL=(ALL) ALL\n#"}, "an account has small letters"),
    ):
        assert why in client(fleet, fails=True, **({"backup_client_become": "sudo"} | wrong)).failures["source"]
    assert fleet.sh("source", "mv /usr/bin/doas.off /usr/bin/doas; cat /etc/sudoers.d/* | sha256sum") == before


def test_a_line_that_is_not_wanted_any_more_is_taken_away(fleet: Fleet) -> None:
    tasks = [{"ansible.builtin.include_role": {"name": "ferro.zfs.backup_gate", "tasks_from": "become"}}]
    given = {"backup_gate_user": "nas", "backup_gate_become_commands": ["send"]}
    play = [{"hosts": "source", "gather_facts": False, "vars": given, "tasks": tasks}]
    assert fleet.played(play, check=True).recap["source"]["changed"] == 1
    assert fleet.played(play).recap["source"]["changed"] == 1
    fleet.sh("source", f"! ls {LINE}")
    assert fleet.played(play).recap["source"]["changed"] == 0


def test_doas_has_one_line_among_others(fleet: Fleet) -> None:
    fleet.sh("source", "echo 'permit nopass operator as root cmd id' > /etc/doas.conf; chmod 600 /etc/doas.conf")
    client(fleet, backup_client_become="doas")
    line = "permit nopass nas as root cmd zfs"
    assert line in fleet.sh("source", "doas -C /etc/doas.conf; cat /etc/doas.conf")
    assert fleet.sh("source", "su nas -c 'doas -n zfs list -H -o name tank/data'; su operator -c 'doas -n id -u'") == "tank/data\n0\n"
    assert "not permitted" in fleet.sh("source", "! su nas -c 'doas -n id' 2>&1")
    assert client(fleet, backup_client_become="doas").recap["source"]["changed"] == 0
    # Another way takes it away, and leaves the others.
    client(fleet, backup_client_become="sudo")
    assert fleet.sh("source", "cat /etc/doas.conf") == "permit nopass operator as root cmd id\n"
