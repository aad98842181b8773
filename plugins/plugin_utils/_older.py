# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of older inventories: what each is called now, and its value in today's words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils._schedules import cron_calendar

Get = Callable[[str], Any]

# Ours -> the names that mean the same, the latest first.
SAME = {
    "backup_server_dataset": ("backups_zfs_server_local_dataset", "backups_zfs_server_dataset", "zfsbackup_dataset"),
    "backup_server_debug": ("backups_zfs_server_debug",),
    "backup_server_offsite_enabled": ("backups_zfs_server_offsite_enabled",),
    "backup_server_push_bwlimit": ("backups_zfs_server_offsite_bwlimit",),
    "backup_offsite_dataset": ("backups_zfs_archive_offsite_dataset",),
    "backup_offsite_user": ("backups_zfs_archive_offsite_user",),
    "zfs_policies": ("system_zfs_policy_definitions",),
    "zfs_policy_prefix": ("system_zfs_policy_snapshot_prefix",),
    "zfs_policy_snapshot_enabled": ("system_zfs_policy_snapshots_enable",),
    "zfs_policy_prune_calendar": ("system_zfs_policy_timer_prune",),
}
# Ours is a list of hosts, the older one the name of a group.
GROUP = {"backup_server_clients": "backups_zfs_server_pull_group", "backup_server_offsite": "backups_zfs_server_offsite_group"}
# Ours is a schedule of systemd, the older ones the hour and the minute of cron, with what they were
# if one was left out.
CRON = {
    "backup_server_pull_schedule": (("backups_zfs_server_cron_hour", "*"), ("backups_zfs_server_cron_minute", "0")),
    "backup_server_push_schedule": (("backups_zfs_server_offsite_cron_hour", "2"), ("backups_zfs_server_offsite_cron_minute", "30")),
}
NOW = {
    **{older: ours for ours, names in SAME.items() for older in names},
    **{older: ours for ours, older in GROUP.items()},
    **{older: ours for ours, names in CRON.items() for older, _left_out in names},
}
# What is not read, and why.
REFUSED = {
    "zfs_pools_create": "it would have any declared pool created, on whatever is in the place of its disks: name those to create, for their "
    "first run only, in system_zfs_create_pools",
}
IGNORED = {
    "backups_zfs_server_hold_enabled": "backup_server_pull_options: {holds: true}",
    "backups_zfs_server_logging_dir": "the journal and /var/lib/ferro-zfs",
    "backups_zfs_server_script_path": "nothing",
    "backups_zfs_server_stale_lock_hours": "nothing: a lock ends with its process",
    "system_zfs_policy_log_dir": "the journal and /var/lib/ferro-zfs",
    "system_zfs_policy_script_path": "nothing",
    "system_zfs_policy_timer_hourly": "zfs_policy_snapshot_calendar, one for all intervals",
    "system_zfs_policy_timer_daily": "zfs_policy_snapshot_calendar, one for all intervals",
    "system_zfs_policy_timer_monthly": "zfs_policy_snapshot_calendar, one for all intervals",
    "system_zfs_policy_timer_yearly": "zfs_policy_snapshot_calendar, one for all intervals",
    "zfs_backup_datasets": "policy in the zfs tree",
    "zfs_datasets": "the zfs tree",
    "zfs_pools": "the zfs tree",
}


def older(ours: str, get: Get, groups: Mapping[str, Any]) -> tuple[Any, str] | None:
    """The value of one of our variables under its older name, and that name; None where there is none. Raises ValueError."""
    for name in SAME.get(ours, ()):
        value = get(name)
        if value is not None:
            return value, name
    group = get(GROUP[ours]) if ours in GROUP else None
    if group is not None:
        if group not in groups:
            raise ValueError(f"{GROUP[ours]}: the inventory has no group {group!r}")
        return list(groups[group]), GROUP[ours]
    given = [(name, get(name), left_out) for name, left_out in CRON.get(ours, ())]
    said = [name for name, value, _left_out in given if value is not None]
    if not said:
        return None
    hour, minute = (left_out if value is None else value for _name, value, left_out in given)
    try:
        return cron_calendar(hour, minute), said[0]
    except ValueError as fault:
        raise ValueError(f"{said[0]}: {fault}; say it in {ours}, as systemd's OnCalendar has it") from None


def variable(ours: str, get: Get, groups: Mapping[str, Any]) -> tuple[Any, str]:
    """The value of one of our variables, by whatever name, and that name; (None, ours) where nothing is said. Raises ValueError."""
    value = get(ours)
    if value is not None:
        return value, ours
    return older(ours, get, groups) or (None, ours)
