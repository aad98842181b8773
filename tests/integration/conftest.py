"""Tests against real OpenZFS: one lab for all of them, its hosts clean before each."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from policy_box import HOST, Box
from zfs_hosts import HOSTS, PATIENCE, ROOT, Hosts, Lab, program

# One file of tests is run without make, which would say where Ansible is.
os.environ["PATH"] = f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab(f"it-{os.getpid()}") as lab:
        for host in HOSTS:
            lab.copy(host, program("zfs_replicate"), "/usr/local/bin/zfs_replicate")
        yield lab


@pytest.fixture
def hosts(lab: Lab) -> Iterator[Hosts]:
    for host in HOSTS:
        lab.reset(host)
    hosts = Hosts(lab)
    yield hosts
    for host in HOSTS:
        # A remote end learns a moment later that its connection is gone.
        deadline = time.monotonic() + 2 * PATIENCE
        while (left := hosts.leftovers(host)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == "", f"left behind on {host}"


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, installed as a user would."""
    path = tmp_path_factory.mktemp("collections")
    archives = list((ROOT / "dist").glob("ferro-zfs-*.tar.gz"))
    assert len(archives) == 1, "make dist makes the archive that is tested here"
    galaxy = ["ansible-galaxy", "collection", "install", str(archives[0]), "-p", str(path), "--offline"]
    subprocess.run(galaxy, check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def policy_lab() -> Iterator[Lab]:
    with_one_host = Lab(f"policy-{os.getpid()}")
    try:
        with_one_host.up([HOST])
        for module in ("zfs_policy_snapshot", "zfs_prune", "zfs_replicate"):
            with_one_host.copy(HOST, program(module), f"/usr/local/bin/{module}")
        yield with_one_host
    finally:
        with_one_host.down()


@pytest.fixture
def box(policy_lab: Lab) -> Box:
    policy_lab.reset(HOST)
    return Box(policy_lab)
