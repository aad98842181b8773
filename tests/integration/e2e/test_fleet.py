"""What the tests of this folder stand on: fresh hosts, and plays that report what became of them."""

from pathlib import Path

import pytest
import yaml
from fleet import Fleet


def test_hosts_are_fresh_and_a_play_reports_what_became_of_it(fleet: Fleet) -> None:
    for host in ("source", "backup", "offsite"):
        assert fleet.sh(host, "systemctl is-system-running; zpool list -H; ls /root/.ssh") == "running\nauthorized_keys\n"
    tasks = [
        {"name": "Say which group", "ansible.builtin.debug": {"msg": "{{ group_names }}"}},
        {"name": "Make a file", "ansible.builtin.copy": {"content": "{{ text }}", "dest": "/root/here", "mode": "0600"}},
        {"name": "Fail on one", "ansible.builtin.fail": {"msg": "as asked"}, "when": "inventory_hostname == 'offsite'"},
    ]
    play = fleet.playbook([{"hosts": "all", "gather_facts": False, "tasks": tasks}], text="x")
    assert play.rc == 2
    assert play.failures == {"offsite": "as asked"}
    assert play.changed == {"source": ["Make a file"], "backup": ["Make a file"], "offsite": ["Make a file"]}
    assert play.recap["source"]["changed"] == 1
    assert play.one("which group", "backup")["msg"] == ["zfs_backup_servers"]
    assert fleet.sh("source", "stat -c %a /root/here") == "600\n"
    play = fleet.playbook([{"hosts": "all", "gather_facts": False, "tasks": tasks[1:2]}], check=True, limit="source", text="y")
    assert play.changed == {"source": ["Make a file"]}
    assert fleet.sh("source", "cat /root/here") == "x"


def test_a_restart_keeps_files_and_a_fresh_host_has_none(fleet: Fleet) -> None:
    fleet.sh("source", "touch /root/kept; zpool create tank /dev/ubdb")
    fleet.lab.restart("source")
    assert fleet.sh("source", "ls /root/kept; zpool list -Ho name") == "/root/kept\ntank\n"
    fleet.fresh("source")
    assert fleet.sh("source", "ls /root; zpool import 2>/dev/null || true") == ""


@pytest.mark.parametrize("mark", ["_", "-"])
def test_site_finds_its_hosts_in_groups_of_either_spelling(fleet: Fleet, tmp_path: Path, mark: str) -> None:
    groups = {f"zfs{mark}backup{mark}{group}": {"hosts": {f"a-{group}": None}} for group in ("clients", "servers", "offsite")}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(groups))
    listed = fleet.played("ferro.zfs.site", "-i", str(tmp_path / "hosts.yml"), "--list-hosts").output
    first = listed.split("play #2")[0]
    assert all(f"a-{group}" in first for group in ("clients", "servers", "offsite")), listed
