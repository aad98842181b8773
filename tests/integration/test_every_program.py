"""Every program once, in the order of a fleet's life. `make test-aarch64` runs this on machines of the other architecture."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from test_gate import guard
from test_gate import key as key
from zfs_hosts import ARCHITECTURE, HOSTS, ROOT, Hosts, program

PROGRAMS = subprocess.run([ROOT / "tools/binaries"], capture_output=True, text=True, check=True).stdout.split()
POLICY: dict[str, Any] = {
    "datasets": [{"dataset": "tank/home", "policy": "few", "snapshots_discover_children": True}],
    "policies": {"few": {"hourly": 2, "daily": 1}},
}
SOURCES = ["tank/home", "tank/home/secret", "tank/home/secret/letters", "tank/home/vol"]
FILES = SOURCES[:3]
PASSWORD = "correct horse battery staple"
RAW: dict[str, Any] = {"source_host": "archive@source", "source": ["tank/home"], "target": "vault/raw"}
PLAIN: dict[str, Any] = {"source_host": "root@source", "source": ["tank/home"], "target": "vault/plain", "raw": "never"}
PUSH: dict[str, Any] = {
    "source": ["vault/raw/tank/home"], "strip_prefix": "vault/raw", "target_host": "root@offsite", "target": "vault/in", "ssh": {"identity_file": "/root/gate_key"},
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def programs(lab: Any) -> None:
    for host in HOSTS:
        for name in PROGRAMS:
            lab.copy(host, program(name), f"/usr/local/bin/{name}")


def run(hosts: Hosts, host: str, name: str, **args: Any) -> dict[str, Any]:
    """Runs a module where it must succeed; gives its result."""
    done = hosts.lab.run(host, f"/usr/local/bin/{name} -", check=False, input=json.dumps(args))
    assert (done.stderr, done.returncode) == ("", 0), done
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def snapshots_of(hosts: Hosts, day: int) -> list[str]:
    """Changes everything on the source, and takes what is due that day; gives the names without datasets."""
    hosts.sh(
        "source",
        f"date -u -s '2031-05-0{day} 10:00:00' >/dev/null; head -c 700k /dev/urandom > /tank/home/file{day}; rm -f /tank/home/file{day - 1}"
        f"; head -c 300k /dev/urandom >> /tank/home/secret/ledger; head -c 100k /dev/urandom > /tank/home/secret/letters/{day}"
        f"; udevadm settle; head -c 512k /dev/urandom | dd of=/dev/zvol/tank/home/vol bs=64k seek={day} status=none conv=fsync",
    )
    created = run(hosts, "source", "zfs_policy_snapshot", **POLICY)["created"]
    assert sorted({name.partition("@")[0] for name in created}) == SOURCES
    assert len(created) == 2 * len(SOURCES), "hourly and daily"
    return sorted({name.partition("@")[2] for name in created})


def sums(hosts: Hosts, host: str, below: str, snapshot: str, load: bool = False) -> list[str]:
    """Checksums of the files of each filesystem, and of the volume."""
    found = []
    for name in FILES:
        secret = load and "secret" in name
        found.append(hosts.checksum(host, f"{below}{name}@{snapshot}", f"'{PASSWORD}'" if secret else None))
    volume = f"{below}tank/home/vol@{snapshot}"
    pool = volume.partition("/")[0]
    script = f"zfs clone '{volume}' {pool}/volume; udevadm settle; sha256sum < /dev/zvol/{pool}/volume; udevadm settle; zfs destroy {pool}/volume"
    return [*found, hosts.sh(host, script)]


def test_every_program_in_the_order_of_a_fleets_life(hosts: Hosts, key: Path) -> None:
    for host in HOSTS:
        assert hosts.sh(host, "uname -m").strip() == ARCHITECTURE
        for name in PROGRAMS:
            assert hosts.sh(host, f"/usr/local/bin/{name} --version").startswith(name)

    # A source with what is encrypted, and within it a child that no list names; and a volume.
    hosts.pool("source", "tank")
    hosts.sh(
        "source",
        f"echo '{PASSWORD}' > /run/key; zfs create tank/home"
        "; zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key tank/home/secret"
        "; zfs create tank/home/secret/letters; zfs create -V 8M tank/home/vol",
    )
    for host in ("backup", "offsite"):
        hosts.pool(host, "vault")
    hosts.sh("backup", "zfs create vault/raw; zfs create vault/plain")
    hosts.sh("offsite", "zfs create -o canmount=off vault/in")
    [_, hourly] = snapshots_of(hosts, 1)

    # Encrypted data stays so, pulled by a user with just the permissions of the job; or is readable where that is asked for.
    granted = run(hosts, "source", "zfs_delegate", dataset="tank/home", users="archive", jobs="replicate_source")
    assert "user archive: send" in granted["after"]["tank/home"]
    for pull in (RAW, PLAIN):
        checked = hosts.replicate("backup", **pull, _ansible_check_mode=True)
        assert checked["changed"] and not checked.get("failed"), checked
        assert {name: report["action"] for name, report in hosts.replicated("backup", **pull).items()} == dict.fromkeys(SOURCES, "full")
    origin = sums(hosts, "source", "", hourly)
    assert sums(hosts, "backup", "vault/plain/", hourly) == origin
    assert sums(hosts, "backup", "vault/raw/", hourly, load=True) == origin
    encryption = "zfs get -H -o value encryption vault/plain/tank/home/secret/letters vault/raw/tank/home/secret/letters"
    assert hosts.sh("backup", encryption).split() == ["off", "aes-256-gcm"]

    # On by what has changed.
    [_, second] = snapshots_of(hosts, 2)
    for pull in (RAW, PLAIN):
        assert {name: report["action"] for name, report in hosts.replicated("backup", **pull).items()} == dict.fromkeys(SOURCES, "incremental")
        assert not hosts.replicate("backup", **pull)["changed"]
    verified = run(hosts, "backup", "zfs_verify", **RAW)["datasets"]
    assert {report["source"]: report["status"] for report in verified} == dict.fromkeys(SOURCES, "verified")
    assert {report["method"] for report in verified} == {"plain", "raw"}

    # Pushed on through a key that can do nothing else.
    guard(hosts, "offsite", key, "--mode receive --dataset vault/in")
    assert {report["action"] for report in hosts.replicated("backup", **PUSH).values()} == {"full"}
    beside = hosts.replicate("backup", **{**PUSH, "target": "vault"})
    assert beside["failed"] and beside["code"] == "gate_refused", beside
    origin = sums(hosts, "source", "", second)
    assert sums(hosts, "offsite", "vault/in/", second, load=True) == origin

    # What no policy keeps goes, and the streams go on without it.
    [_, third] = snapshots_of(hosts, 3)
    pruned = run(hosts, "source", "zfs_prune", **POLICY)["destroyed"]
    assert len(pruned) == len(SOURCES) * 3, "of three hourly ones two stay, of three daily ones one does"
    assert f"tank/home@{hourly}" in pruned and f"tank/home@{third}" not in pruned
    for host, pull in (("backup", RAW), ("backup", PLAIN), ("backup", PUSH)):
        assert {report["action"] for report in hosts.replicated(host, **pull).values()} == {"incremental"}
    origin = sums(hosts, "source", "", third)
    assert sums(hosts, "backup", "vault/plain/", third) == origin
    assert sums(hosts, "backup", "vault/raw/", third, load=True) == origin
    assert sums(hosts, "offsite", "vault/in/", third, load=True) == origin

    looked_at_by_info(hosts)

    # A replica that went its own way is refused, and left as it is.
    hosts.sh(
        "backup",
        "zfs set readonly=off canmount=on vault/plain/tank/home; zfs mount vault/plain/tank/home; echo own > /vault/plain/tank/home/own"
        "; zfs snapshot vault/plain/tank/home@own; zfs umount vault/plain/tank/home",
    )
    snapshots_of(hosts, 4)
    before = hosts.guids("backup", "vault/plain/tank/home")
    refused = hosts.replicate("backup", **PLAIN)
    assert refused["failed"], refused
    [report] = [report for report in refused["datasets"] if report["source"] == "tank/home"]
    assert report["status"] == "failed" and report["error"]["code"] == "diverged", report
    assert hosts.guids("backup", "vault/plain/tank/home") == before


def looked_at_by_info(hosts: Hosts) -> None:
    hosts.sh("source", "zpool scrub -w tank")
    facts = run(hosts, "source", "zfs_info", **POLICY)["ferro_zfs"]
    assert facts["verdict"] == "ok", facts["problems"]
    assert [one["name"] for one in facts["datasets"] if one["policy"] == "few"] == SOURCES
    args = json.dumps(POLICY)
    text = hosts.lab.run("source", "/usr/local/bin/zfs_info --text -", input=args).stdout
    assert "tank" in text
    served = hosts.sh(
        "source",
        "zfs_monitor > /tmp/monitor.log 2>&1 & pid=$!; trap 'kill $pid' EXIT"
        """; for i in $(seq 100); do
          if answer=$(busybox wget -q -O - http://127.0.0.1:10134/api/v1/status 2>/dev/null); then echo "$answer"; exit; fi; sleep 0.2
        done; cat /tmp/monitor.log >&2; exit 1""",
    )
    assert "verdict" in json.loads(served), served
