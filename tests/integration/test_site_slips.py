"""What the roles do on hosts about slips and changes of an inventory that only a host can tell, on lightweight hosts."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from zfs_hosts import ROOT

sys.path.insert(0, str(ROOT / "tests/fleet"))

from at_scale import Fleet
from light_hosts import CannotStart, LightHosts, refuse_where_impossible

# Well-formed, as far as the controller can tell.
NEVER = "*-13-01"


@pytest.fixture(scope="module")
def fleet(collections: Path) -> Iterator[Fleet]:
    try:
        refuse_where_impossible()
    except CannotStart as reason:
        pytest.skip(str(reason))
    with LightHosts(Fleet.names(1)) as hosts:
        fleet = Fleet(hosts, collections, forks=4, programs=ROOT / ".venv/bin")
        site, _ = fleet.playbook("ferro.zfs.site")
        assert fleet.wrong(site) == [], site.output
        # A documented set-up has nothing to be warned of.
        assert "[WARNING]" not in site.output, site.output
        yield fleet


@pytest.mark.parametrize(("host", "variable"), [("client01", "zfs_policy_prune_calendar"), ("backup", "backup_server_pull_schedule")])
def test_a_schedule_that_systemd_does_not_take_leaves_the_live_timer(fleet: Fleet, host: str, variable: str) -> None:
    timers = "cd /etc/systemd/system && sha256sum ferro-zfs-* && ls /var/lib/fake-systemctl/active"
    before = fleet.hosts.run(host, timers)
    play, _ = fleet.playbook("ferro.zfs.site", "--limit", host, "-e", json.dumps({variable: NEVER}))
    said = [record.result["msg"] for record in play.records if record.outcome == "failed"]
    assert [len(one) for one in said] == [1]
    assert said[0][0].startswith(f"{variable}: Failed to parse ")
    assert play.changed[host] == []
    assert fleet.hosts.run(host, timers) == before


def test_a_server_among_several_pushes_to_a_place_of_its_own(fleet: Fleet) -> None:
    path = fleet.hosts.scratch / "inventory.yml"
    before = path.read_text(encoding="utf-8")
    inventory = yaml.safe_load(before)
    inventory["zfs_backup_servers"]["hosts"]["backup"] |= {"backup_server_push_below": "{{ inventory_hostname }}"}
    path.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    site, _ = fleet.playbook("ferro.zfs.site", "--limit", "backup")
    assert fleet.wrong(site) == [], site.output
    push = json.loads(fleet.hosts.run("backup", "cat /etc/ferro-zfs/push/offsite.json"))
    assert (push["target"], push["strip_prefix"]) == ("far/backups/backup", "vault/backups")
    path.write_text(before, encoding="utf-8")
