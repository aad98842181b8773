"""One run of site.yml for a whole fleet and for who watches it: all hosts show their state, and one of them asks all of them."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import HERE, Fleet
from zfs_hosts import Lab

HOSTS = ("source", "backup", "offsite")


@pytest.fixture(scope="module")
def fleet(collections: Path) -> Iterator[Fleet]:
    with Lab(f"watched-{os.getpid()}", image="monitoring", systemd=True) as lab:
        whole = Fleet(lab, collections)
        whole.fresh(*HOSTS)
        yield whole


def answer(fleet: Fleet, path: str) -> Any:
    """What VictoriaMetrics on the backup server says."""
    return json.loads(fleet.sh("backup", f"curl -sS --max-time 10 'http://127.0.0.1:8428/api/v1/{path}'"))["data"]


def asked(fleet: Fleet) -> dict[str, str]:
    """How the hosts are that it asks."""
    targets = answer(fleet, "targets")["activeTargets"]
    return {target["labels"]["instance"]: target["health"] for target in targets if target["labels"]["job"] == "zfs"}


def online(fleet: Fleet) -> set[str]:
    """Of which hosts it knows that a pool is well."""
    return {one["metric"]["instance"] for one in answer(fleet, "query?query=zfs_pool_state%7Bstate=%22online%22%7D==1")["result"]}


def test_one_run_sets_up_three_hosts_and_who_watches_them(fleet: Fleet) -> None:
    assert fleet.played("ferro.zfs.site", "-i", str(HERE / "monitored.yml")).warnings == []
    # VictoriaMetrics looks every half minute whether its list of hosts has changed, and shows what
    # it was told half a minute later.
    deadline = time.monotonic() + 120
    while (asked(fleet), online(fleet)) != (dict.fromkeys(HOSTS, "up"), set(HOSTS)):
        assert time.monotonic() < deadline, (asked(fleet), online(fleet))
        time.sleep(0.5)
