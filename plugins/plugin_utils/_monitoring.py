# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a server of metrics finds what hosts show of themselves. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.ferro.zfs.plugins.plugin_utils._names import as_list

PORT = 10134
EVERYWHERE = ("", "0.0.0.0", "[::]", "*")
LOOPBACK = re.compile(r"127\.|\[::1\]|localhost:")


class TargetError(ValueError):
    """A host that cannot be asked as its variables say."""


def targets(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], here: str) -> list[dict[str, Any]]:
    """As file_sd of Prometheus and VictoriaMetrics has them: one entry for each host, whose name is the label ``instance``."""
    return [_target(host, _of(host, hostvars), here) for host in hosts]


def _of(host: str, hostvars: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    # Not get(): hostvars of Ansible answer that with something undefined.
    if host not in hostvars:
        return {}
    return hostvars[host]


def _target(host: str, variables: Mapping[str, Any], here: str) -> dict[str, Any]:
    labels = {"instance": host}
    if boolean(variables.get("zfs_monitor_expected_asleep", False)):
        labels["expected_asleep"] = "true"
    url = variables.get("zfs_monitor_url")
    if not url:
        return {"targets": [_address(host, variables, here)], "labels": labels}
    address, more = _of_url(host, str(url))
    return {"targets": [address], "labels": {**more, **labels}}


def _of_url(host: str, url: str) -> tuple[str, dict[str, str]]:
    """The address, and what file_sd says of the rest by labels of its own."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise TargetError(f"{host}: zfs_monitor_url: expected such as https://{host}.example.org/zfs/metrics, not {url!r}")
    try:
        port = parts.port
    except ValueError:
        raise TargetError(f"{host}: zfs_monitor_url: there is no such port in {url!r}") from None
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{name}:{port or (443 if parts.scheme == 'https' else 80)}", {"__scheme__": parts.scheme, "__metrics_path__": parts.path or "/metrics"}


def _address(host: str, variables: Mapping[str, Any], here: str) -> str:
    """Where it listens: the server itself is asked on loopback, another one at an address of its own, or at that by which Ansible reaches it."""
    listens = _listens(variables)
    beyond = [one for one in listens if not LOOPBACK.match(one)]
    chosen = (listens if host == here else beyond or listens)[0]
    address, _colon, port = chosen.rpartition(":")
    if address not in EVERYWHERE and not LOOPBACK.match(chosen):
        return chosen
    name = "127.0.0.1" if host == here else str(variables.get("ansible_host") or host)
    return f"[{name}]:{port}" if ":" in name and not name.startswith("[") else f"{name}:{port}"


def _listens(variables: Mapping[str, Any]) -> list[str]:
    """Without the paths of sockets."""
    found = [str(one) for one in as_list(variables.get("zfs_monitor_listen"))]
    return [one for one in found if re.search(r"(^|:)\d+$", one)] or [f"127.0.0.1:{PORT}"]


def deaf(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], here: str) -> list[str]:
    """Hosts that listen on loopback alone, so that nobody but they themselves can ask them."""

    def is_deaf(host: str) -> bool:
        variables = _of(host, hostvars)
        return host != here and not variables.get("zfs_monitor_url") and all(LOOPBACK.match(one) for one in _listens(variables))

    return [host for host in hosts if is_deaf(host)]
