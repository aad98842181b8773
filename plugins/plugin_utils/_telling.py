# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where messages go (zfs_notify_* and zfs_mqtt_*): what cannot be an address, a topic or the name of a job. Pure.

They become lines of files that shell scripts read, options of curl and mosquitto, and parts of units. Of what is a secret, nothing is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils._messages import shown
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import as_list

ADDRESS = r"https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%-]+"
IS_ADDRESS = "is no address: it begins with http:// or https:// and has no spaces, quotes or brackets"
MAIL = r"[A-Za-z0-9._%+-]+(@[A-Za-z0-9.-]+)?"
TOPIC = r"[A-Za-z0-9_.:@-]+(/[A-Za-z0-9_.:@-]+)*"
IS_TOPIC = "is no topic of letters, digits and _ . / : @ -"
JOB = r"snapshot|prune|verdict|(pull|push)@[A-Za-z0-9][A-Za-z0-9_.:-]*"
# Name, what it must be, whether it may be empty, what it is not else, whether it is a secret.
WORDS = (
    ("zfs_notify_ping_url", ADDRESS, True, IS_ADDRESS, True),
    ("zfs_notify_mail_from", MAIL, True, "is no address for mail, NAME@DOMAIN or NAME", False),
    ("zfs_notify_host", r"[A-Za-z0-9][A-Za-z0-9_.:-]*", False, "is no name of letters, digits and _ . : -", False),
    ("zfs_mqtt_broker", r"[A-Za-z0-9.:_-]+", True, "is no name or address of a host", False),
    ("zfs_mqtt_user", r"[!-~]+", True, "has spaces, or letters that are not ASCII", False),
    ("zfs_mqtt_password", r"[ -~]+", True, "has letters that are not ASCII", True),
    ("zfs_mqtt_ca_file", r"(/[A-Za-z0-9_.+-]+)+", True, "is no path of letters, digits and _ . + -", False),
    ("zfs_mqtt_host", r"[A-Za-z0-9][A-Za-z0-9_.-]*", False, "is no name of letters, digits and _ . -", False),
    ("zfs_mqtt_prefix", TOPIC, False, IS_TOPIC, False),
    ("zfs_mqtt_discovery_prefix", TOPIC, True, IS_TOPIC, False),
    ("zfs_mqtt_suspend_topic", TOPIC, True, IS_TOPIC, False),
    ("zfs_mqtt_suspend_word", TOPIC, False, "is no word of letters, digits and _ . / : @ -", False),
    ("zfs_mqtt_suspend_command", r"/?[A-Za-z0-9_.+/-]+( [A-Za-z0-9_.+/=:-]+)*", False, "is no command with plain words, which no shell reads", False),
)
LEAST = {"zfs_notify_after_minutes": 0, "zfs_notify_remind_hours": 0, "zfs_notify_retries": 0, "zfs_mqtt_interval_minutes": 1, "zfs_mqtt_suspend_timeout": 0}


def faults(get: Callable[[str], Any]) -> Iterator[str]:
    """What is wrong with these variables of a host. Raises ValueError for what cannot be read."""
    for name, pattern, may_be_empty, fault, is_secret in WORDS:
        value = get(name)
        if value is not None and not (value == "" and may_be_empty) and not _is(pattern, value):
            yield f"{name}: {'it' if is_secret else shown(value)} {fault}"
    for name, least in LEAST.items():
        value = get(name)
        if value is not None and re.fullmatch(r"-?\d+", str(value)) and int(value) < least:
            yield f"{name}: {value} is less than {least}"
    for address in as_list(get("zfs_notify_mail_to")):
        if not _is(MAIL, address):
            yield f"zfs_notify_mail_to: {shown(address)} is no address for mail, NAME@DOMAIN or NAME"
    yield from _webhooks(get("zfs_notify_webhooks"))
    yield from _pings(get("zfs_notify_ping_urls"))
    if get("zfs_mqtt_password") and not get("zfs_mqtt_user"):
        yield "zfs_mqtt_password: it goes with a user: set zfs_mqtt_user"


def _webhooks(value: Any) -> Iterator[str]:
    for index, webhook in enumerate(value if isinstance(value, list) else []):
        given = webhook if isinstance(webhook, Mapping) else {}
        if not _is(ADDRESS, given.get("url")):
            yield f"zfs_notify_webhooks[{index}].url: it {IS_ADDRESS}"
        if given.get("token") and not _is(r"[A-Za-z0-9._~+/=-]+", given["token"]):
            yield f"zfs_notify_webhooks[{index}].token: it has other characters than letters, digits and . _ ~ + / = -"


def _pings(value: Any) -> Iterator[str]:
    for job, address in (value if isinstance(value, Mapping) else {}).items():
        if not _is(JOB, job):
            yield f"zfs_notify_ping_urls: {shown(job)} is no job; they are called snapshot, prune, verdict, pull@HOST and push@HOST"
        elif not _is(ADDRESS, address):
            yield f"zfs_notify_ping_urls.{job}: it {IS_ADDRESS}"


def _is(pattern: str, value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None
