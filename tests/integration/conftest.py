"""Tests against real OpenZFS: one lab for all of them, its hosts clean before each."""

import os
import time
from collections.abc import Iterator

import pytest
from zfs_hosts import HOSTS, NATIVE, Hosts, Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab(f"it-{os.getpid()}") as lab:
        for host in HOSTS:
            lab.copy(host, NATIVE / "zfs_replicate_x86_64", "/usr/local/bin/zfs_replicate")
        yield lab


@pytest.fixture
def hosts(lab: Lab) -> Iterator[Hosts]:
    for host in HOSTS:
        lab.reset(host)
    hosts = Hosts(lab)
    yield hosts
    for host in HOSTS:
        # A remote end learns a moment later that its connection is gone.
        deadline = time.monotonic() + 2
        while (left := hosts.leftovers(host)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == "", f"left behind on {host}"
