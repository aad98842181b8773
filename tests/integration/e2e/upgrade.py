"""From the archive of an earlier commit to today's and back again, with the inventory of then. Run by `make test-upgrade`, which builds both."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import Fleet
from zfs_hosts import HOSTS, Lab

# A clone of the repository at the earlier commit, with its archive in dist/.
FORMER = Path(os.environ["FERRO_FORMER"])
DATASETS = {"source": "tank/documents", "backup": "backuppool/backups/source/tank/documents", "offsite": "offsitepool/backups/source/tank/documents"}
JOBS = {"pull@source": "pull-source", "push@offsite": "push-offsite"}


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("former")
    (archive,) = (FORMER / "dist").glob("ferro-zfs-*.tar.gz")
    subprocess.run(["ansible-galaxy", "collection", "install", archive, "-p", path, "--offline"], check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def fleet(systemd_lab: Lab, former: Path) -> Iterator[Fleet]:
    """The fleet as the former collection has set it up, with a first backup."""
    fleet = Fleet(systemd_lab, former, FORMER / "tests/integration/e2e/inventory")
    fleet.fresh(*HOSTS)
    for host in HOSTS:
        # Far from what the timers name, so that none of them comes in between.
        fleet.sh(host, "date -s 12:00")
    fleet.played("ferro.zfs.site")
    fleet.sh("source", "cp -r /usr/share/perl /tank/documents/; systemctl start ferro-zfs-snapshot.service")
    assert {status for job in backed_up(fleet).values() for status in job["actions"]} == {"full"}
    yield fleet


def backed_up(fleet: Fleet) -> dict[str, dict[str, Any]]:
    """Runs both jobs; what each did with the datasets that it had anything to do with."""
    done = {}
    for unit, name in JOBS.items():
        fleet.sh("backup", f"systemctl start ferro-zfs-{unit}.service || (journalctl --no-pager -u ferro-zfs-{unit} >&2; exit 1)")
        result = fleet.json("backup", f"/var/lib/ferro-zfs/replication/{name}.json")
        done[name] = {"actions": [one["action"] for one in result["datasets"] if one["action"] not in ("up_to_date", "no_snapshots")], **result["summary"]}
    return done


def guids(fleet: Fleet) -> dict[str, list[str]]:
    return {host: fleet.sh(host, f"zfs list -H -d 1 -t snapshot -s createtxg -o guid {dataset}").split() for host, dataset in DATASETS.items()}


def timers(fleet: Fleet, host: str) -> dict[str, str]:
    """Each timer that is enabled and waits, with when it last fired (0 where it has not yet)."""
    listed = fleet.sh(host, "systemctl list-units --no-legend --plain --state=active --type=timer 'ferro-zfs-*'")
    names = [line.split()[0] for line in listed.splitlines()]
    enabled = fleet.sh(host, f"systemctl is-enabled {' '.join(names)}").split()
    assert set(enabled) == {"enabled"}, listed
    return {name: fleet.sh(host, f"stat -c %Y /var/lib/systemd/timers/stamp-{name} 2>/dev/null || echo 0").strip() for name in names}


def moved_to(fleet: Fleet, collections: Path) -> None:
    """Another version is installed and set up: nothing is sent again, and no timer is lost, stopped or reset."""
    before, had = guids(fleet), {host: timers(fleet, host) for host in HOSTS}
    fleet.collections = collections
    fleet.played("ferro.zfs.site")
    for host in HOSTS:
        now = timers(fleet, host)
        # One may have fired meanwhile.
        assert all(int(now.get(name, -1)) >= int(stamp) for name, stamp in had[host].items()), (host, had[host], now)
    assert all(done["bytes"] == 0 and done["actions"] == [] for done in backed_up(fleet).values())
    assert guids(fleet) == before


def goes_on(fleet: Fleet, name: str) -> None:
    """What is new is sent, and only that."""
    fleet.sh("source", f"echo {name} >/tank/documents/{name}; zfs snapshot tank/documents@{name}")
    assert [done["actions"] for done in backed_up(fleet).values()] == [["incremental"], ["incremental"]]
    assert len({tuple(found) for found in guids(fleet).values()}) == 1


def test_up(fleet: Fleet, collections: Path) -> None:
    moved_to(fleet, collections)
    goes_on(fleet, "newer")


def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    assert not any(fleet.played("ferro.zfs.site").changed.values())


def test_down(fleet: Fleet, former: Path) -> None:
    moved_to(fleet, former)
    goes_on(fleet, "older")
