# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of metrics asks each host where it can be asked, under its name in the inventory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.ferro.zfs.plugins.filter.monitoring import FilterModule
from ansible_collections.ferro.zfs.plugins.plugin_utils._peers import variables_from_facts

FILTERS = FilterModule().filters()


def target(variables: dict[str, Any], host: str = "nas", here: str = "watcher") -> dict[str, Any]:
    (found,) = FILTERS["zfs_monitor_targets"]([host], {host: variables}, here)
    return found


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, "nas:10134"),
        ({"ansible_host": "10.0.0.2"}, "10.0.0.2:10134"),
        ({"ansible_host": "fd00::2"}, "[fd00::2]:10134"),
        ({"ansible_host": "10.0.0.2", "zfs_monitor_listen": ["127.0.0.1:10134", "0.0.0.0:9100"]}, "10.0.0.2:9100"),
        ({"ansible_host": "10.0.0.2", "zfs_monitor_listen": "9100"}, "10.0.0.2:9100"),
        ({"ansible_host": "10.0.0.2", "zfs_monitor_listen": ["/run/monitor.sock", "[::]:9100"]}, "10.0.0.2:9100"),
        # An address of its own, such as that of a VPN, is the one where it can be asked.
        ({"ansible_host": "10.0.0.2", "zfs_monitor_listen": ["127.0.0.1:10134", "100.64.0.3:10134"]}, "100.64.0.3:10134"),
        ({"zfs_monitor_listen": ["[fd00::3]:9100"]}, "[fd00::3]:9100"),
    ],
)
def test_another_host_is_asked_where_it_listens(variables: dict[str, Any], address: str) -> None:
    assert target(variables) == {"targets": [address], "labels": {"instance": "nas"}}


@pytest.mark.parametrize(
    ("listen", "address"),
    [(None, "127.0.0.1:10134"), (["0.0.0.0:9100"], "127.0.0.1:9100"), (["10.0.0.2:9100"], "10.0.0.2:9100"), (["127.0.0.1:1", "10.0.0.2:9100"], "127.0.0.1:1")],
)
def test_the_server_asks_itself_without_the_network(listen: Any, address: str) -> None:
    assert target({"ansible_host": "10.0.0.2", "zfs_monitor_listen": listen}, here="nas")["targets"] == [address]


@pytest.mark.parametrize(
    ("url", "address", "scheme", "path"),
    [
        ("https://nas.example.org/zfs/metrics", "nas.example.org:443", "https", "/zfs/metrics"),
        ("http://nas.example.org:8080", "nas.example.org:8080", "http", "/metrics"),
        ("http://[fd00::2]/m", "[fd00::2]:80", "http", "/m"),
    ],
)
def test_behind_a_proxy(url: str, address: str, scheme: str, path: str) -> None:
    found = target({"zfs_monitor_url": url, "zfs_monitor_expected_asleep": "yes"})
    labels = {"instance": "nas", "expected_asleep": "true", "__scheme__": scheme, "__metrics_path__": path}
    assert found == {"targets": [address], "labels": labels}


@pytest.mark.parametrize("url", ["nas.example.org", "ftp://nas/metrics", "https://user:secret@nas/metrics", "https://nas:99999/metrics", "https://nas/m?x=1"])
def test_what_is_no_address_is_named(url: str) -> None:
    with pytest.raises(AnsibleFilterError, match="nas: zfs_monitor_url: "):
        target({"zfs_monitor_url": url})


def test_hosts_that_only_listen_to_themselves_are_named() -> None:
    hostvars = {
        "default": {},
        "watcher": {},
        "open": {"zfs_monitor_listen": ["0.0.0.0:10134"]},
        "proxied": {"zfs_monitor_url": "https://proxied/metrics"},
        "local": {"zfs_monitor_listen": ["[::1]:10134", "/run/x"]},
    }
    assert FILTERS["zfs_monitor_deaf"](hostvars, hostvars, "watcher") == ["default", "local"]


def test_a_host_cannot_have_the_token_sent_elsewhere() -> None:
    hostvars = {"nas": {"ansible_facts": {"zfs_monitor_url": "http://evil.example.org/", "zfs_monitor_listen": ["0.0.0.0:1"]}}}
    assert variables_from_facts(["nas"], hostvars) == ["nas: zfs_monitor_listen", "nas: zfs_monitor_url"]
