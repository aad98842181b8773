# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ferro.zfs.validate and the beginning of ferro.zfs.site, with hosts that nobody can reach."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = ROOT / "tests/integration/e2e/inventory"
# Of RFC 5737: nobody answers there.
OFF = {"ansible_host": "192.0.2.1", "ansible_ssh_timeout": 1}


def run(tmp_path: Path, playbook: str, hosts: dict, *words: str) -> tuple[int, str]:
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
    settings = {"HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections"), "ANSIBLE_NOCOLOR": "1"}
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(tmp_path / "hosts.yml"), playbook, *words]
    done = subprocess.run(command, env={**clean, **settings}, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def fleet(**changes: dict) -> dict:
    """The inventory of the guide, with variables of its hosts changed."""
    groups = yaml.safe_load((INVENTORY / "hosts.yml").read_text(encoding="utf-8"))
    for group in groups.values():
        for name in group["hosts"]:
            said = yaml.safe_load((INVENTORY / f"host_vars/{name}.yml").read_text(encoding="utf-8"))
            group["hosts"][name] = {**said, **OFF, **changes.get(name, {})}
    return groups


def test_the_inventory_of_the_guide_is_whole_and_no_host_is_asked(tmp_path: Path) -> None:
    code, said = run(tmp_path, "ferro.zfs.validate", fleet())
    assert (code, "WARN" in said, "failed=0" in said) == (0, False, True), said


def test_site_ends_at_a_slip_before_it_asks_anybody(tmp_path: Path) -> None:
    """In check mode and with --limit too: the jobs of a backup server go by what all of them say."""
    slip = fleet(backup={"backup_server_dataset": "backuppool/backup"})
    code, said = run(tmp_path, "ferro.zfs.site", slip, "--check", "--limit", "offsite")
    assert code == 2
    assert "backup: backup_server_dataset: the zfs tree of this host has no dataset 'backuppool/backup'; did you mean 'backuppool/backups'?" in said
    assert "unreachable=1" not in said
    assert said.count("TASK [") == 1


@pytest.mark.slow
def test_groups_by_another_name_are_no_empty_success(tmp_path: Path) -> None:
    code, said = run(tmp_path, "ferro.zfs.site", {"zfs_backup_client": {"hosts": {"nas": OFF}}}, "--limit", "nas")
    assert code == 2
    assert (
        "no host is in any of the groups that ferro.zfs looks for: zfs_backup_clients, zfs_backup_servers, zfs_backup_offsite, zfs_monitored, zfs_monitoring_servers"
        in said
    )
    assert "'zfs_backup_client' looks like 'zfs_backup_clients'" in said


@pytest.mark.slow
def test_suspending_nobody_is_no_success(tmp_path: Path) -> None:
    code, said = run(tmp_path, "ferro.zfs.suspend", {"zfs_backup_server": {"hosts": {"vault": OFF}}})
    assert code == 2
    assert "no host is in the group zfs_backup_servers, nor in zfs-backup-servers. The groups that there are: all, ungrouped, zfs_backup_server" in said


@pytest.mark.slow
def test_an_inventory_without_hosts_is_no_success_either(tmp_path: Path) -> None:
    code, said = run(tmp_path, "ferro.zfs.site", {})
    assert code == 2
    assert "no host is in any of the groups" in said


@pytest.mark.slow
def test_what_refers_to_a_variable_that_is_not_there_is_named(tmp_path: Path) -> None:
    tree = {"tank": {"datasets": {"data": {"policy": "high", "properties": {"keylocation": "{{ where }}"}}}}}
    code, said = run(tmp_path, "ferro.zfs.validate", fleet(source={"zfs": tree, "system_zfs_keys": {}}))
    assert code == 2
    assert "source: zfs.tank.datasets.data.properties.keylocation: cannot be read: 'where' is undefined" in said
    assert "source: zfs: not set" not in said


@pytest.mark.slow
def test_site_clears_a_host_that_has_left_the_servers(tmp_path: Path) -> None:
    groups = {"zfs_backup_clients": ["nas", "both"], "zfs_backup_servers": ["both", "vault"], "zfs-backup-offsite": ["far"]}
    hosts = {name: {"hosts": dict.fromkeys(members)} for name, members in groups.items()}
    code, said = run(tmp_path, "ferro.zfs.site", hosts, "--list-hosts")
    assert code == 0
    assert listed(said, "Clean up hosts that are no backup servers") == ["far", "nas"]


def listed(said: str, play: str) -> list[str]:
    """The hosts of a play, as --list-hosts prints them."""
    part = said.partition(play)[2].partition("\n  play #")[0]
    return sorted(line.strip() for line in part.splitlines() if line.startswith("      "))


@pytest.mark.parametrize(
    ("groups", "plays"),
    [
        (["zfs_backup_clients"], ["Clean up hosts that are no monitoring servers"]),
        (["zfs-monitored"], ["Set up monitoring", "Clean up hosts that are no monitoring servers"]),
        (["zfs_monitored", "zfs_monitoring_servers"], ["Set up monitoring", "Set up monitoring servers"]),
        (["zfs-monitoring-servers"], ["Set up monitoring servers"]),
    ],
)
def test_site_sets_up_who_watches_and_clears_who_does_not_any_more(groups: list[str], plays: list[str]) -> None:
    """All hosts are in these plays, for a pattern of a group that nobody has would warn; each task asks for its group."""
    asking = Environment()
    asking.tests["match"] = lambda text, pattern: re.match(pattern, text) is not None
    site = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    found = [play for play in site if "monitoring" in play["name"]]
    assert all(re.search(play["hosts"].removeprefix("~"), group) for play in found for group in groups)
    assert [play["name"] for play in found if asking.compile_expression(play["tasks"][0]["when"])(group_names=groups)] == plays


@pytest.mark.slow
def test_who_only_watches_needs_no_backups(tmp_path: Path) -> None:
    groups: dict[str, dict] = {"zfs_monitored": {"hosts": {"nas": OFF}}, "zfs_monitoring_servers": {"hosts": {"watcher": OFF}}}
    assert run(tmp_path, "ferro.zfs.validate", groups)[0] == 0
    code, said = run(tmp_path, "ferro.zfs.validate", {"zfs_monitoring_servers": groups["zfs_monitoring_servers"]})
    assert code == 2
    assert "no host is in the group zfs_monitored, nor named in monitoring_server_hosts: there is nothing to monitor" in said
    slip = {**groups, "zfs_monitoring_server": {"hosts": {"other": OFF}}}
    assert "did you mean 'zfs_monitoring_servers'? Nothing is set up for other" in run(tmp_path, "ferro.zfs.validate", slip)[1]
