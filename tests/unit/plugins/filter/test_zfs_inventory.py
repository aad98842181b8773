# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slips in an inventory, each of which Ansible and ZFS would take, and which cost backups: found before any host is asked."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from ansible_collections.ferro.zfs.plugins.filter import zfs_inventory
from called import filters, said_by

GROUPS = {"zfs_backup_clients": ["nas"], "zfs_backup_servers": ["vault"], "zfs_backup_offsite": ["far"]}
FLEET = """
nas:
  zfs: {tank: {devices: [/dev/sda], datasets: {data: {policy: critical}}}}
vault:
  zfs: {vault: {datasets: {pulled: {policy: high, properties: {encryption: on, keyformat: raw}}}}}
  backup_server_dataset: vault/pulled
far:
  zfs: {away: {datasets: {backups: {policy: longterm}}}}
  backup_offsite_dataset: away/backups
  zfs_policies: {longterm: {daily: 90}}
"""

said = said_by(zfs_inventory)


def faults(hosts: dict[str, t.Any] | str = FLEET, groups: dict[str, list[str]] | None = None) -> list[str]:
    variables = yaml.safe_load(hosts) if isinstance(hosts, str) else hosts
    groups = {"all": list(variables), "ungrouped": [], **(GROUPS if groups is None else groups)}
    for name, one in variables.items():
        one["inventory_hostname"] = name
    return zfs_inventory.zfs_inventory_faults(variables, groups)


def of(host: str, text: str) -> list[str]:
    """The faults of the fleet with these variables of one of its hosts in place of its own. A variable of null is taken away."""
    fleet = yaml.safe_load(FLEET)
    fleet[host] |= yaml.safe_load(text)
    fleet[host] = {name: value for name, value in fleet[host].items() if value is not None}
    return faults(fleet)


def test_a_whole_inventory_has_no_fault(said: list[str]) -> None:
    assert faults() == []
    assert said == []


@pytest.mark.parametrize(
    ("host", "text", "fault"),
    [
        # What it costs: replicas are snapshotted, and all is received anew beside them,
        # unencrypted.
        (
            "vault",
            "backup_server_dataset: vault/puled",
            "vault: backup_server_dataset: the zfs tree of this host has no dataset 'vault/puled'; did you mean 'vault/pulled'? Declare it there, or "
            "correct the name",
        ),
        (
            "vault",
            "backup_server_dataset:",
            "vault: backup_server_dataset: not set, though the host is in the group zfs_backup_servers: name the dataset here below which replicas land",
        ),
        (
            "vault",
            "backup_server_dataset: vault",
            "vault: backup_server_dataset: 'vault' is no dataset below a pool, such as vault/backups (permissions are granted on it, so a pool alone will "
            "not do)",
        ),
        (
            "far",
            "{backup_offsite_dataset: , backups_zfs_archive_offsite_dataset: away/raw}",
            "far: backups_zfs_archive_offsite_dataset: the zfs tree of this host has no dataset 'away/raw'. Declare it there, or correct the name",
        ),
        # Neither snapshots nor a backup.
        (
            "nas",
            "zfs: {tank: {datasets: {data: {policy: critcal}}}}",
            "nas: zfs.tank.datasets.data.policy: no policy is called 'critcal'; there are none, low, high, critical; did you mean 'critical'?",
        ),
        (
            "nas",
            "zfs: {tank: {datasets: {data: {polcy: critical}}}}",
            "nas: zfs.tank.datasets.data.polcy: 'polcy' is not a key of a dataset; did you mean 'policy'?",
        ),
        (
            "nas",
            "{zfs: {tank: {datasets: {data: {policy: media}}}}, zfs_policies: {media: {daly: 7}}}",
            "nas: zfs_policies.media.daly: not a key of a policy, which are: frequently, hourly, daily, weekly, monthly, yearly, autosnap, autoprune; "
            "did you mean 'daily'?",
        ),
        ("nas", "zfs_policies: {media: {daily: many}}", "nas: zfs_policies.media.daily: expected a number of snapshots, or a span such as 48h, got 'many'"),
        ("nas", "zfs_policies: {media: {autosnap: perhaps}}", "nas: zfs_policies.media.autosnap: expected true or false, got 'perhaps'"),
        ("nas", "zfs_policies: {media: 7}", "nas: zfs_policies.media: expected how many snapshots it keeps, such as {hourly: 24, daily: 7}, got 7 (int)"),
        ("nas", "zfs_policies: [media]", "nas: zfs_policies: expected a mapping of policies, got a list"),
        (
            "nas",
            "backup_client_policies: [critical, hihg]",
            "nas: backup_client_policies: no policy is called 'hihg'; there are none, low, high, critical; did you mean 'high'?",
        ),
        # Found on the host before, halfway through.
        (
            "nas",
            "zfs: {tank: {datasets: {data: {policy: high, properties: {compresion: zstd}}}}}",
            "nas: zfs.tank.datasets.data.properties.compresion: ZFS has no property 'compresion'; did you mean 'compression'?",
        ),
        (
            "nas",
            "zfs: {tank: {datasets: {data: {policy: high, properties: {encryption: {cipher: on}}}}}}",
            "nas: zfs.tank.datasets.data.properties.encryption: expected on, off or a cipher, got a mapping",
        ),
        (
            "nas",
            "zfs: {tank: {datasets: {data: {policy: high, properties: {encryption: on}}}}}",
            "nas: zfs.tank.datasets.data.properties.keyformat: encryption needs a keyformat: raw, hex, passphrase; got nothing",
        ),
        (
            "nas",
            "zfs: {tank: {vdevs: [{type: mirror, diks: [/dev/sda]}], datasets: {data: {policy: high}}}}",
            "nas: zfs.tank.vdevs[0].diks: not a key of a vdev, which are: disks, role, type; did you mean 'disks'?",
        ),
        (
            "nas",
            "zfs: {tank: {datasets: {data: {policy: high, delegation: {users: [a], permisions: [send]}}}}}",
            "nas: zfs.tank.datasets.data.delegation.permisions: not an option of zfs_delegate, which are: create_time, everyone, groups, jobs, "
            "permissions, scope, sets, state, users; did you mean 'permissions'?",
        ),
        ("nas", "system_zfs_create_pools: [tnak]", "nas: system_zfs_create_pools: the zfs tree has no pool 'tnak'; did you mean 'tank'?"),
        ("nas", "system_zfs_keys: {tank/daat: x}", "nas: system_zfs_keys: the zfs tree has no dataset 'tank/daat'; did you mean 'tank/data'?"),
        ("nas", "zfs:", "nas: zfs: not set, so nothing is known of its pools and datasets; docs/inventory.md of ferro.zfs shows how"),
        # The live timer would end.
        (
            "nas",
            'zfs_policy_prune_calendar: "at noon"',
            "nas: zfs_policy_prune_calendar: 'at noon' is not a schedule as systemd's OnCalendar has it, such as daily or *-*-* 02:30:00",
        ),
        ("nas", 'backup_client_schedule: "25:00"', "nas: backup_client_schedule: '25:00' has 25 in the place of the hour"),
        ("vault", "backup_server_pull_delay: soon", "vault: backup_server_pull_delay: 'soon' is no span of time as systemd has it, such as 10min or 1h 30min"),
        # They become lines of files, and parts of units. Secrets are not repeated.
        (
            "nas",
            "zfs_notify_webhooks: [{url: 'https://x.org/hook'}, {url: 'https://x.org/a\" b'}]",
            "nas: zfs_notify_webhooks[1].url: it is no address: it begins with http:// or https:// and has no spaces, quotes or brackets",
        ),
        (
            "nas",
            "zfs_notify_webhooks: [{url: 'https://x.org', token: \"a b\"}]",
            "nas: zfs_notify_webhooks[0].token: it has other characters than letters, digits and . _ ~ + / = -",
        ),
        (
            "nas",
            "zfs_notify_ping_urls: {pul@vault: https://hc.org/x}",
            "nas: zfs_notify_ping_urls: 'pul@vault' is no job; they are called snapshot, prune, verdict, pull@HOST and push@HOST",
        ),
        ("nas", "zfs_notify_mail_to: [a b]", "nas: zfs_notify_mail_to: 'a b' is no address for mail, NAME@DOMAIN or NAME"),
        ("nas", "zfs_notify_retries: -1", "nas: zfs_notify_retries: -1 is less than 0"),
        (
            "nas",
            'zfs_notify_verdict_calendar: "at noon"',
            "nas: zfs_notify_verdict_calendar: 'at noon' is not a schedule as systemd's OnCalendar has it, such as daily or *-*-* 02:30:00",
        ),
        ("nas", "zfs_notify_verdict_calendar: ''", None),
        ("nas", "zfs_mqtt_prefix: home/#", "nas: zfs_mqtt_prefix: 'home/#' is no topic of letters, digits and _ . / : @ -"),
        ("nas", "zfs_mqtt_password: x", "nas: zfs_mqtt_password: it goes with a user: set zfs_mqtt_user"),
        ("nas", "zfs_mqtt_suspend_command: 'a; b'", "nas: zfs_mqtt_suspend_command: 'a; b' is no command with plain words, which no shell reads"),
        # Read by nobody.
        ("vault", "backup_server_puldelay: 5m", None),
        (
            "vault",
            "backup_server_push_shedule: daily",
            "vault: backup_server_push_shedule: no role of ferro.zfs reads it; did you mean 'backup_server_push_schedule'?",
        ),
        ("nas", "zfs_polices: {media: {daily: 7}}", "nas: zfs_polices: no role of ferro.zfs reads it; did you mean 'zfs_policies'?"),
        ("vault", "backup_server_clients: [nass]", "vault: backup_server_clients: the inventory has no host 'nass'; did you mean 'nas'?"),
        # Found by the role, in a page of its own, or by the job at night.
        ("nas", "zfs_policy_frequently_minutes: often", "nas: zfs_policy_frequently_minutes: argument 'zfs_policy_frequently_minutes' is of type str and"),
        (
            "vault",
            "backup_server_pull_options: {compres: zstd}",
            "vault: backup_server_pull_options.compres: zfs_replicate has no option 'compres'; did you mean 'compress'?",
        ),
        (
            "nas",
            "backup_client_pull_options: {compress: zst, retries: 3}",
            "nas: backup_client_pull_options.compress: value of compress must be one of: none, zstd, got: zst",
        ),
        (
            "far",
            "backup_offsite_push_options: {ssh: {option: [x]}}",
            "far: backup_offsite_push_options.ssh: ssh.option. Supported parameters include: become, config_file",
        ),
        # Of older inventories.
        (
            "nas",
            "zfs_pools_create: true",
            "nas: zfs_pools_create: not read here, for it would have any declared pool created, on whatever is in the place of its disks: name those to "
            "create, for their first run only, in system_zfs_create_pools",
        ),
        (
            "vault",
            "backups_zfs_server_local_dataset: vault/other",
            "vault: backups_zfs_server_local_dataset: the older name of backup_server_dataset, and the two differ: vault/other and vault/pulled. Keep "
            "backup_server_dataset",
        ),
        ("vault", "backups_zfs_server_pull_group: zfs-clients", "vault: backups_zfs_server_pull_group: the inventory has no group 'zfs-clients'"),
        (
            "vault",
            "backups_zfs_server_cron_hour: noon",
            "vault: backups_zfs_server_cron_hour: 'noon' is not a hour of cron; say it in backup_server_pull_schedule, as systemd's OnCalendar has it",
        ),
    ],
)
def test_a_slip_in_one_host(host: str, text: str, fault: str | None) -> None:
    found = of(host, text)
    # Where the words are Ansible's own, they go on.
    assert len(found) == (fault is not None)
    assert all(one.startswith(fault or "") and (one == fault or "argument '" in one or "Supported parameters" in one) for one in found), found


def test_a_place_that_is_said_for_all_hosts_concerns_those_of_its_group() -> None:
    fleet = yaml.safe_load(FLEET)
    for host in fleet.values():
        host |= {"backup_server_dataset": "vault/pulled", "backup_offsite_dataset": "away/backups"}
    assert faults(fleet) == []
    fleet["nas"]["zfs"]["tank"]["datasets"]["vault/puled"] = {}
    fleet["nas"]["backup_server_dataset"] = "tank/vault/pulled"
    assert [one.partition("; ")[2] for one in faults(fleet)] == ["did you mean 'tank/vault/puled'? Declare it there, or correct the name"]


def test_what_is_not_strict_is_a_warning(said: list[str]) -> None:
    text = "{zfs_strict: false, zfs_polices: {}, zfs: {tank: {datasets: {data: {policy: high, note: mine, properties: {compresion: on}}}}}}"
    assert of("nas", text) == []
    assert [one.partition(" ")[2].partition(":")[0] for one in said] == [
        "zfs.tank.datasets.data.note",
        "zfs.tank.datasets.data.properties.compresion",
        "zfs_polices",
    ]


def test_variables_of_ours_that_nobody_reads_are_named(said: list[str]) -> None:
    assert of("vault", "{backup_server_colour: red, my_zfs_policy: x, backup_client_policies2: []}") == []
    assert said == ["vault: backup_client_policies2: no role of ferro.zfs reads it", "vault: backup_server_colour: no role of ferro.zfs reads it"]


def test_all_faults_of_all_hosts_are_named_at_once() -> None:
    fleet = yaml.safe_load(FLEET)
    fleet["nas"]["zfs"]["tank"]["datasets"]["data"]["policy"] = "critcal"
    fleet["vault"]["backup_server_dataset"] = "vault/puled"
    assert [one.partition(":")[0] for one in faults(fleet)] == ["nas", "vault"]


# --- groups ---


@pytest.mark.parametrize(
    ("groups", "fault"),
    [
        (
            {},
            "no host is in any of the groups that ferro.zfs looks for: zfs_backup_clients, zfs_backup_servers, zfs_backup_offsite, zfs_monitored, zfs_monitoring_servers; or with hyphens. The "
            "groups that there are: none",
        ),
        (
            {"zfs_backup_client": ["nas"], "web": []},
            "no host is in any of the groups that ferro.zfs looks for: zfs_backup_clients, zfs_backup_servers, zfs_backup_offsite, zfs_monitored, zfs_monitoring_servers; or with hyphens. The "
            "groups that there are: zfs_backup_client, web ('zfs_backup_client' looks like 'zfs_backup_clients')",
        ),
        (
            {**GROUPS, "zfs_backup_client": ["nas2"]},
            "the group 'zfs_backup_client' is none that ferro.zfs looks for; did you mean 'zfs_backup_clients'? Nothing is set up for nas2",
        ),
        (
            {"zfs_backup_clients": ["nas"]},
            "no host is in the group zfs_backup_servers, nor named in backup_client_servers: there is nothing to pull backups",
        ),
        (
            {"zfs_backup_servers": ["vault"]},
            "no host is in the group zfs_backup_clients, nor named in backup_server_clients: there is nothing to back up",
        ),
        ({"zfs-backup-clients": ["nas"], "zfs-backup-servers": ["vault"]}, None),
        # A part of a group may have a name like it.
        ({**GROUPS, "zfs_backup_clients2": ["nas"]}, None),
    ],
)
def test_groups(groups: dict[str, list[str]], fault: str | None) -> None:
    assert faults(groups=groups) == ([fault] if fault else [])


# --- several servers ---


def test_two_servers_that_push_to_the_same_place() -> None:
    fleet = yaml.safe_load(FLEET)
    fleet["vault2"] = yaml.safe_load(FLEET)["vault"]
    groups = {**GROUPS, "zfs_backup_servers": ["vault", "vault2"]}
    assert faults(fleet, groups) == [
        "vault and vault2 would push to the same place on far, nas: give at least one of them a place of its own, such as backup_server_push_below: vault2"
    ]
    for apart in ({"backup_server_push_below": "vault2"}, {"backup_server_clients": []}, {"backup_server_offsite_enabled": False}):
        assert faults({**fleet, "vault2": {**fleet["vault2"], **apart}}, groups) == []


def test_what_is_pushed_to_a_server_does_not_land_where_it_pulls_to() -> None:
    fleet = yaml.safe_load(FLEET)
    fleet["vault"]["backup_offsite_dataset"] = "vault/pulled"
    assert faults(fleet, {**GROUPS, "zfs_backup_offsite": ["vault"]}) == [
        "vault: backup_offsite_dataset: 'vault/pulled' and backup_server_dataset 'vault/pulled' lie within each other: what is pushed here would be taken for "
        "what is pulled"
    ]


def test_a_server_that_is_an_offsite_host_does_not_push_to_itself() -> None:
    fleet = yaml.safe_load(FLEET)
    fleet["vault"]["zfs"]["vault"]["datasets"]["pushed"] = {}
    fleet["vault"]["backup_offsite_dataset"] = "vault/pushed"
    assert faults(fleet, {**GROUPS, "zfs_backup_offsite": ["vault"]}) == []


# --- backups of what has left the inventory ---


def test_backups_that_nobody_feeds_are_named_with_their_size() -> None:
    hosts = {
        "nas": yaml.safe_load("zfs: {tank: {datasets: {data: {policy: critical, datasets: {cache: {policy: none}}}, plain: }}}"),
        "web": {"zfs": {}, "backup_client_pull_options": {"source": ["rpool"]}},
    }
    listed = {
        "vault/b": 1,
        "vault/b/nas": 1,
        "vault/b/nas/tank": 1,
        "vault/b/nas/tank/data": 1,
        "vault/b/nas/tank/data/mail": 1,
        "vault/b/nas/tank/data/cache": 5 << 20,
        "vault/b/nas/tank/data/cache/old": 1,
        "vault/b/nas/tank/data_diverged_2026-11-21": 1,
        "vault/b/nas/ferro_deleted": 1,
        "vault/b/nas/ferro_deleted/tank:old_20261121T020000Z": 1,
        "vault/b/nas/tank/films": 3 << 30,
        "vault/b/nas/usb": 1023,
        "vault/b/nas/usb/a": 1,
        "vault/b/gone": 1536 << 30,
        "vault/b/gone/tank": 1,
        "vault/b/web/rpool": 1,
        "vault/bees": 1,
    }
    found = filters(zfs_inventory, groups={})["zfs_unfed"]([f"{name}\t{used}" for name, used in listed.items()], "vault/b", ["nas", "web"], hosts)
    assert found == [
        "vault/b/nas/tank/data/cache (5M)",
        "vault/b/nas/tank/films (3G)",
        "vault/b/nas/usb (1023B)",
        "vault/b/gone (1.5T)",
    ]
