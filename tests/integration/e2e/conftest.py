"""The whole system: roles and playbooks on three hosts with systemd."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import Fleet
from zfs_hosts import HOSTS, Lab


@pytest.fixture(scope="session")
def systemd_lab() -> Iterator[Lab]:
    with Lab(f"e2e-{os.getpid()}", image="python", systemd=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def fleet(systemd_lab: Lab, collections: Path) -> Fleet:
    """Three fresh hosts for each file of tests; the tests of a file build on each other, as an operator's days do."""
    fleet = Fleet(systemd_lab, collections)
    fleet.fresh(*HOSTS)
    return fleet
