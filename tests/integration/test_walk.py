"""A random walk (walk.py). A short one here; `make soak` goes 500 rounds. FERRO_WALK_ROUNDS and FERRO_WALK_SEED choose others."""

import os

import pytest
from walk import Walk
from zfs_hosts import Hosts, program

ROUNDS = int(os.environ.get("FERRO_WALK_ROUNDS", "10"))
SEEDS = [int(seed) for seed in os.environ.get("FERRO_WALK_SEED", "1").split(",")]


WAYS = {
    "local": {"remote": False},
    "over ssh": {"remote": True},
    "with holds": {"remote": True, "holds": True},
    "through the gate": {"remote": True, "gate": True},
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_random_walk(hosts: Hosts, way: str, seed: int) -> None:
    for host in ("source", "backup"):
        for binary in ("zfs_replicate", "zfs_prune", "zfs_gate"):
            hosts.lab.copy(host, program(binary), f"/usr/local/bin/{binary}")
    walk = Walk(hosts, seed, **WAYS[way])
    try:
        walk.begin()
        for number in range(ROUNDS):
            walk.round(number)
        print(f"{ROUNDS} rounds from seed {seed}: {walk.check_the_end()} snapshots compared")
    except BaseException:
        chosen = way.replace(" ", " and ")
        print(f"again: FERRO_WALK_SEED={seed} FERRO_WALK_ROUNDS={ROUNDS} pytest tests/integration/test_walk.py -k '{chosen}'", *walk.log, sep="\n")
        raise
    finally:
        walk.end()
