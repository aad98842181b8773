"""From the archive of an earlier commit to today's and back again, with the inventory of then. Run by `make test-upgrade`, which builds both."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import Fleet, Play
from zfs_hosts import HOSTS, Lab

# A clone of the repository at the earlier commit, with its archive in dist/.
FORMER = Path(os.environ["FERRO_FORMER"])
DATASETS = {"source": "tank/documents", "backup": "backuppool/backups/source/tank/documents", "offsite": "offsitepool/backups/source/tank/documents"}
PULL = "ferro-zfs-pull@source.service"
JOBS = {"pull@source": "pull-source", "push@offsite": "push-offsite"}
# Hours after the clock that the hosts start with, so that no timer comes in between, however slow the machine.
AT_NIGHT = {"zfs_policy_snapshot_calendar": "*-*-* 3:00", "zfs_policy_prune_calendar": "*-*-* 3:30", "backup_server_pull_schedule": "*-*-* 4:00"}
# Below these lie datasets that one host lets another in to.
DELEGATED = {"source": ["tank/documents", "tank/ledger", "tank/films"], "backup": ["backuppool/backups"], "offsite": ["offsitepool/backups"]}


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
        fleet.sh(host, "date -s 12:00")
    site(fleet)
    fleet.sh("source", "cp -r /usr/share/perl /tank/documents/; systemctl start ferro-zfs-snapshot.service")
    assert {status for job in backed_up(fleet).values() for status in job["actions"]} == {"full"}
    yield fleet


def site(fleet: Fleet, **options: Any) -> Play:
    return fleet.played("ferro.zfs.site", **options, **AT_NIGHT)


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


def keys(fleet: Fleet) -> dict[str, str]:
    """Who is let in where, whom the server believes, and which datasets are open."""
    found = {host: fleet.sh(host, "zfs get -H -o name,property,value -t filesystem keystatus,encryptionroot,canmount,readonly") for host in HOSTS}
    found["own"] = fleet.sh("backup", "cat /etc/ferro-zfs/id_ed25519.pub; sha256sum /etc/ferro-zfs/id_ed25519; cat /etc/ferro-zfs/known_hosts.d/*")
    for host in ("source", "offsite"):
        found[f"let in by {host}"] = fleet.sh(host, "grep -o 'ssh-ed25519 [^ ]*' ~zfsbackup/.ssh/authorized_keys")
    return found


def delegated(fleet: Fleet) -> dict[str, set[str]]:
    """By dataset: what the account of the jobs may do with it."""
    found = {}
    for host, datasets in DELEGATED.items():
        for dataset in datasets:
            rows = [line.split() for line in fleet.sh(host, f"zfs allow {dataset}").splitlines()]
            found[dataset] = {word for row in rows if row[:2] == ["user", "zfsbackup"] for word in row[2].split(",")}
            assert found[dataset], (dataset, rows)
    return found


def moved_to(fleet: Fleet, collections: Path) -> None:
    """Another version is installed and set up: nothing is sent again, no timer is lost, stopped or reset, and every key still opens what it did."""
    before, had, opened = guids(fleet), {host: timers(fleet, host) for host in HOSTS}, keys(fleet)
    fleet.collections = collections
    site(fleet)
    for host in HOSTS:
        now = timers(fleet, host)
        assert {name: now.get(name) for name in had[host]} == had[host], (host, now)
    assert keys(fleet) == opened
    assert all(done["bytes"] == 0 and done["actions"] == [] for done in backed_up(fleet).values())
    assert guids(fleet) == before


def goes_on(fleet: Fleet, name: str) -> None:
    """What is new is sent, and only that."""
    fleet.sh("source", f"echo {name} >/tank/documents/{name}; zfs snapshot tank/documents@{name}")
    assert [done["actions"] for done in backed_up(fleet).values()] == [["incremental"], ["incremental"]]
    assert len({tuple(found) for found in guids(fleet).values()}) == 1


def begun(fleet: Fleet) -> str:
    """A pull that stands still in the midst of a stream; the id of its process."""
    fleet.sh("source", "head -c 20M /dev/urandom >/tank/documents/large; zfs snapshot tank/documents@large")
    job = "/etc/ferro-zfs/pull/source.json"
    fleet.lab.run("backup", f"cat >{job}", input=json.dumps({**fleet.json("backup", job), "bandwidth_limit": "1M"}))
    stop = "for i in $(seq 600); do pkill -STOP -u zfsbackup -f 'zfs receive' && break; sleep 0.1; done"
    fleet.sh("backup", f"systemctl start --no-block {PULL}; {stop}; pgrep -u zfsbackup -f 'zfs receive'")
    return fleet.sh("backup", f"systemctl show --value --property MainPID {PULL}").strip()


def test_gates_first(fleet: Fleet, collections: Path, former: Path) -> None:
    """Clients and offsite hosts are upgraded, the server is not: it gets on with them."""
    fleet.collections = collections
    site(fleet, limit="source,offsite")
    goes_on(fleet, "gates")
    fleet.collections = former


def test_up(fleet: Fleet, collections: Path) -> None:
    could = delegated(fleet)
    moved_to(fleet, collections)
    assert not {dataset: lost for dataset, can in delegated(fleet).items() if (lost := could[dataset] - can)}
    goes_on(fleet, "newer")


def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    assert not any(site(fleet).changed.values())


def test_down(fleet: Fleet, former: Path) -> None:
    moved_to(fleet, former)
    goes_on(fleet, "older")


def test_up_while_a_job_runs(fleet: Fleet, collections: Path) -> None:
    """Its programs and those of the other end are replaced meanwhile: it finishes with those that it began with."""
    process = begun(fleet)
    fleet.collections = collections
    site(fleet)
    assert fleet.sh("backup", f"systemctl show --value --property MainPID {PULL}").strip() == process
    assert "(deleted)" in fleet.sh("backup", f"readlink /proc/{process}/exe")
    fleet.sh("backup", "pkill -CONT -u zfsbackup -f 'zfs receive'")
    fleet.sh("backup", f"while systemctl is-active {PULL} | grep -q ^activating; do sleep 1; done; systemctl is-failed {PULL} && exit 1; true")
    found = guids(fleet)
    assert found["backup"] == found["source"]
    goes_on(fleet, "meanwhile")
