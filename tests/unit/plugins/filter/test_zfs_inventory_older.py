# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories of the scripts that came before: their names are read, and said to be old."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.ferro.zfs.plugins.filter import zfs_inventory
from called import filters, said_by
from test_zfs_inventory import faults

said = said_by(zfs_inventory)

OLDER = """
storage:
  zfs:
    fastpool:
      pool_properties: {}
      vdevs: [{type: mirror, disks: [/dev/sda, /dev/sdb]}]
      datasets:
        compositions: {policy: critical, snapshots_discover_children: true, datasets: {splitwise: {policy: critical}}}
    slowpool:
      vdevs: [{type: mirror, disks: [/dev/sdc, /dev/sdd]}, {type: mirror, disks: [/dev/sde, /dev/sdf]}]
      datasets:
        logs: {state: present, datasets: {loki: {policy: high, extra_zfs_properties: {compression: lz4, recordsize: 128K}}}}
  zfs_pools_create: false
belinda:
  zfs:
    slowpool:
      vdevs: [{type: mirror, disks: [/dev/sda, /dev/sdb]}]
      datasets:
        backups:
          datasets: {raw: {properties: {encryption: aes-256-gcm, keylocation: 'file:///root/zfs/passphrase', keyformat: passphrase}}}
  backups_zfs_server_local_dataset: slowpool/backups/raw
  backups_zfs_server_pull_group: zfs-backup-clients
  backups_zfs_server_cron_hour: 10,12,16,20,0
  backups_zfs_server_cron_minute: 0
  backups_zfs_server_offsite_enabled: false
  backups_zfs_server_offsite_bwlimit: 3M
  system_zfs_policy_snapshots_enable: false
albion:
  zfs: {fastpool: {vdevs: [{type: stripe, disks: /dev/sda}], datasets: {data: {datasets: {raw: }}}}}
  backups_zfs_archive_offsite_dataset: fastpool/data/raw
  backups_zfs_archive_offsite_user: archive
  system_zfs_policy_definitions: {low: {hourly: 3, monthly: 1, yearly: 0, autosnap: true, autoprune: true}}
  system_zfs_policy_snapshot_prefix: mysnap
"""
OLDER_GROUPS = {"zfs-backup-clients": ["storage"], "zfs-backup-servers": ["belinda"], "zfs-backup-offsite": ["albion"]}


def test_an_older_inventory_is_read_and_its_names_are_said_to_be_old(said: list[str]) -> None:
    assert faults(OLDER, OLDER_GROUPS) == []
    assert "The variable backups_zfs_server_local_dataset is deprecated, use backup_server_dataset." in said
    assert {one.split()[2] for one in said} == {
        name for host in yaml.safe_load(OLDER).values() for name in host if name.startswith(("backups_zfs", "system_zfs_policy"))
    }


@pytest.mark.parametrize(
    ("host", "ours", "default", "value"),
    [
        ("belinda", "backup_server_dataset", "", "slowpool/backups/raw"),
        ("belinda", "backup_server_clients", [], ["storage"]),
        ("belinda", "backup_server_pull_schedule", "", "*-*-* 10,12,16,20,0:0:00"),
        ("belinda", "backup_server_push_schedule", "*-*-* 2:30:00", "*-*-* 2:30:00"),
        ("belinda", "backup_server_offsite_enabled", True, False),
        ("belinda", "backup_server_push_bwlimit", "", "3M"),
        ("belinda", "zfs_policy_snapshot_enabled", True, False),
        ("albion", "backup_offsite_dataset", "", "fastpool/data/raw"),
        ("albion", "backup_offsite_user", "zfsbackup", "archive"),
        ("albion", "zfs_policies", {}, {"low": {"hourly": 3, "monthly": 1, "yearly": 0, "autosnap": True, "autoprune": True}}),
        ("albion", "zfs_policy_prefix", "autosnap", "mysnap"),
        ("storage", "backup_server_dataset", "", ""),
    ],
)
def test_what_an_older_variable_means_now(host: str, ours: str, default: t.Any, value: t.Any) -> None:
    variables = yaml.safe_load(OLDER)[host] | {"groups": OLDER_GROUPS}
    assert filters(zfs_inventory, **variables)["zfs_older"](default, ours) == value
    assert filters(zfs_inventory, groups=OLDER_GROUPS)["zfs_variable"](variables, ours, default) == value
    # What the host says by today's name counts.
    assert filters(zfs_inventory, groups=OLDER_GROUPS)["zfs_variable"]({**variables, ours: "today"}, ours) == "today"


def test_replicas_of_another_host() -> None:
    replicas = filters(zfs_inventory, groups=OLDER_GROUPS)["zfs_replicas"]
    hosts = yaml.safe_load(OLDER)
    assert {name: replicas(hosts[name]) for name in hosts} == {
        "storage": [],
        "belinda": ["slowpool/backups/raw"],
        "albion": ["fastpool/data/raw"],
    }


def test_replicas_of_this_host(said: list[str]) -> None:
    """Of the variables beside the template, whichever role has set them, and with a word about older names."""
    names = [
        filters(zfs_inventory, groups={}, **beside)["zfs_replicas"]("vault")
        for beside in (
            {},
            {"backup_server_dataset": "", "backup_offsite_dataset": "b/b"},
            {"backup_server_dataset": "a/a", "backup_offsite_dataset": "a/a", "zfsbackup_dataset": "old/name"},
        )
    ]
    assert (names, said) == ([[], ["b/b"], ["a/a"]], [])
    assert filters(zfs_inventory, groups={}, zfsbackup_dataset="old/name")["zfs_replicas"]("vault") == ["old/name"]
    assert said == ["The variable zfsbackup_dataset is deprecated, use backup_server_dataset."]


def test_a_group_that_is_not_there_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match="backups_zfs_server_offsite_group: the inventory has no group 'zfs-ofsite'"):
        filters(zfs_inventory, groups={}, backups_zfs_server_offsite_group="zfs-ofsite")["zfs_older"]([], "backup_server_offsite")
