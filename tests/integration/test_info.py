"""zfs_info on real ZFS: pools that are ill, datasets of every kind, snapshots that stopped, and who may ask."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from zfs_hosts import Lab, program

HOST = "source"
Result = dict[str, Any]


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    with_one_host = Lab(f"info-{os.getpid()}")
    try:
        with_one_host.up([HOST])
        yield with_one_host
    finally:
        with_one_host.down()


class Box:
    """The host, and what nearly every test does with it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def sh(self, script: str, timeout: float = 60) -> str:
        return self.lab.run(HOST, f"set -e\n{script}", timeout=timeout).stdout

    def pool(self, name: str = "tank", vdevs: str = "") -> None:
        self.sh(f"cd /big; truncate -s 200M {name}-a {name}-b; zpool create -O compression=off {name} {vdevs or f'/big/{name}-a'}")

    def info(self, user: str = "root", before: str = "", **args: Any) -> Result:
        """The result, as Ansible gets it."""
        done = self.lab.run(HOST, f"{before} /usr/local/bin/zfs_info -", user=user, check=False, input=json.dumps(args), timeout=60)
        assert (done.stderr, done.returncode) == ("", 0), done
        result: Result = json.loads(done.stdout)
        assert result["changed"] is False
        facts: Result = result["ferro_zfs"]
        return facts

    def nagios(self, words: str = "", user: str = "root", before: str = "", **args: Any) -> tuple[int, str]:
        """Exit status and what is printed."""
        command = f"{before} /usr/local/bin/zfs_info --nagios {words} -"
        done = self.lab.run(HOST, command, user=user, check=False, input=json.dumps(args), timeout=60)
        assert done.stderr == "", done
        return done.returncode, done.stdout


def without_sizes(facts: Any) -> Any:
    """What two runs have in common: a pool writes something now and then."""
    if isinstance(facts, dict):
        return {key: without_sizes(value) for key, value in facts.items() if not key.endswith(("_bytes", "_percent")) and key != "collected_at"}
    return [without_sizes(one) for one in facts] if isinstance(facts, list) else facts


def checks(facts: Result) -> list[tuple[str, str, str]]:
    return [(problem["severity"], problem["check"], problem["subject"]) for problem in facts["problems"]]


@pytest.fixture
def box(running: Lab) -> Box:
    running.reset(HOST)
    # A host that a suspended pool made hang is rebooted, and has its first root again.
    for module in ("zfs_info", "zfs_policy_snapshot", "zfs_replicate"):
        if running.run(HOST, f"test -x /usr/local/bin/{module}", check=False).returncode != 0:
            running.copy(HOST, program(module), f"/usr/local/bin/{module}")
    running.run(HOST, "rm -rf /etc/ferro-zfs /var/lib/ferro-zfs")
    return Box(running)


FEW = {"few": {"hourly": 2, "daily": 2}}


def listed(*names: str) -> list[Result]:
    return [{"dataset": name, "policy": "few", "snapshots_discover_children": True} for name in names]


def test_all_is_well(box: Box) -> None:
    box.pool(vdevs="mirror /big/tank-a /big/tank-b")
    box.sh("zfs create tank/data; zpool scrub -w tank")
    args: Result = {"datasets": listed("tank"), "policies": FEW}
    box.lab.run(HOST, "zfs_policy_snapshot -", input=json.dumps(args))
    facts = box.info(**args)
    assert (facts["verdict"], facts["problems"]) == ("ok", [])
    [pool] = facts["pools"]
    assert (pool["state"], pool["health"], pool["status"]["data_errors"]) == ("online", "ONLINE", 0)
    assert pool["size_bytes"] > 100 << 20
    assert (pool["status"]["scan"]["function"], pool["status"]["scan"]["state"]) == ("scrub", "finished")
    assert [vdev["name"] for vdev in pool["status"]["vdevs"]] == ["mirror-0", "/big/tank-a", "/big/tank-b"]
    data = facts["datasets"][1]
    assert (data["name"], data["role"], data["declared"], data["policy"]) == ("tank/data", "source", False, "few")
    assert {name: of["kept"] for name, of in data["snapshots"]["intervals"].items()} == {"hourly": 1, "daily": 1}
    created = box.sh(
        "zfs list -Hp -t snapshot -o creation -s createtxg tank/data | tail -1; date -u -d @$(zfs list -Hp -t snapshot -o creation tank/data | tail -1) +%FT%TZ"
    )
    assert data["snapshots"]["newest"]["created_at"] == created.splitlines()[1]
    status, said = box.nagios(**args)
    assert status == 0, said
    assert said.startswith("ZFS OK - 1 pool, 2 datasets"), said
    assert "'tank_used'=" in said


def test_an_ordinary_user_sees_the_same(box: Box) -> None:
    box.pool()
    box.sh("zfs create tank/data; zfs snapshot -r tank@s")
    args: Result = {"datasets": listed("tank"), "policies": FEW}
    as_root, as_user = (box.info(user=user, **args) for user in ("root", "archive"))
    assert without_sizes(as_root) == without_sizes(as_user)


def test_snapshots_that_stopped_are_critical_by_age(box: Box) -> None:
    """Four months ago those of a child stopped. The old ones stay, as pruning keeps the newest."""
    box.pool()
    box.sh("zfs create tank/data; zfs create tank/data/child")
    args: Result = {"datasets": listed("tank/data"), "policies": FEW}
    for day in (1, 2):
        box.sh(f"date -u -s '2026-01-0{day} 10:00:00'")
        box.lab.run(HOST, "zfs_policy_snapshot -", input=json.dumps(args))
    box.sh("date -u -s '2026-05-15 10:30:00'; zfs set mountpoint=none tank/data/child")
    only = {**args, "datasets": [{**args["datasets"][0], "snapshots_discover_children": False}]}
    box.lab.run(HOST, "zfs_policy_snapshot -", input=json.dumps(only))
    facts = box.info(**args)
    assert facts["verdict"] == "critical"
    assert ("critical", "snapshot_overdue", "tank/data/child") in checks(facts)
    assert ("critical", "snapshot_overdue", "tank/data") not in checks(facts)
    child = next(dataset for dataset in facts["datasets"] if dataset["name"] == "tank/data/child")
    hourly = child["snapshots"]["intervals"]["hourly"]
    assert (hourly["kept"], hourly["wanted"], hourly["overdue"]) == (2, 2, True)
    assert hourly["newest"]["created_at"].startswith("2026-01-02T10:00:0")
    status, said = box.nagios("--only snapshots", **args)
    assert status == 2
    assert "tank/data/child: its newest hourly snapshot is 4 months old" in said, said


def test_datasets_of_every_kind(box: Box) -> None:
    box.pool()
    box.sh(
        "echo 12345678 | zfs create -o encryption=on -o keyformat=passphrase tank/locked; zfs snapshot tank/locked@s;"
        "zfs umount tank/locked; zfs unload-key tank/locked; zfs create -V 10M tank/volume; zfs create -o quota=50M tank/unmanaged"
    )
    facts = box.info(datasets=[{"dataset": "tank/locked", "policy": "few"}, {"dataset": "tank/volume", "policy": "none"}], policies=FEW)
    found = {dataset["name"]: dataset for dataset in facts["datasets"]}
    assert (found["tank/locked"]["key_loaded"], found["tank/locked"]["snapshots"]["total"]) == (False, 1)
    assert (found["tank/volume"]["kind"], found["tank/volume"]["volume_size_bytes"], found["tank/volume"]["policy"]) == ("volume", 10 << 20, "none")
    assert found["tank/unmanaged"]["quota_bytes"] == 50 << 20
    assert facts["pools"][0]["unmanaged"] == ["tank", "tank/unmanaged"]
    assert checks(facts) == [("info", "key_not_loaded", "tank/locked"), ("info", "unmanaged", "tank")]
    assert facts["verdict"] == "ok"


def test_pools_that_are_ill(box: Box) -> None:
    box.pool(vdevs="mirror /big/tank-a /big/tank-b")
    box.sh("head -c 50M /dev/urandom >/tank/f; sync; dd if=/dev/urandom of=/big/tank-b bs=1M seek=10 count=100 conv=notrunc 2>/dev/null; zpool scrub -w tank")
    facts = box.info(parts=["pools"])
    assert ("warning", "vdev_errors", "tank") in checks(facts)
    b = next(vdev for vdev in facts["pools"][0]["status"]["vdevs"] if vdev["name"] == "/big/tank-b")
    assert b["checksum_errors"] > 0
    assert facts["pools"][0]["status"]["data_errors"] == 0
    box.sh("zpool clear tank; zpool offline tank /big/tank-b")
    facts = box.info(parts=["pools"])
    assert [(severity, check) for severity, check, _ in checks(facts)] == [
        ("critical", "pool_state"),
        ("warning", "vdev_unhealthy"),
        ("warning", "vdev_unhealthy"),
    ]
    assert facts["pools"][0]["state"] == "degraded"
    status, said = box.nagios("--only pools")
    assert status == 2
    assert said.startswith("ZFS CRITICAL - tank: DEGRADED"), said
    assert box.nagios("--only scrub,errors,capacity")[0] == 0
    box.sh("zpool export tank")
    assert checks(box.info(pools=["tank"], parts=["pools"])) == [("critical", "pool_missing", "tank")]


def test_damaged_data_is_critical(box: Box) -> None:
    box.pool()
    box.sh(
        "yes FERRO-ZFS | head -c 20M >/tank/f; zpool export tank; at=$(tr '\\0' '\\n' </big/tank-a | grep -abo -m 1 FERRO-ZFS | head -n 1 | cut -d : -f 1);"
        "head -c 1M /dev/urandom | dd of=/big/tank-a bs=1M oflag=seek_bytes seek=$at conv=notrunc 2>/dev/null; zpool import -d /big tank; zpool scrub -w tank"
    )
    facts = box.info(parts=["pools"])
    assert ("critical", "data_errors", "tank") in checks(facts)
    assert box.nagios("--only errors")[0] == 2


def test_a_suspended_pool_is_told_at_once(box: Box) -> None:
    box.pool()
    box.sh(
        "mkdir -p /tiny; mount -t tmpfs -o size=40M t /tiny; truncate -s 200M /tiny/s; zpool create -O compression=off -o failmode=wait ill /tiny/s;"
        "(head -c 80M /dev/urandom >/ill/f; sync) >/dev/null 2>&1 &"
    )
    try:
        box.sh("for i in $(seq 300); do grep -q SUSPENDED /proc/spl/kstat/zfs/ill/state && exit 0; sleep 0.1; done; exit 1")
        facts = box.info()
        assert ("critical", "pool_state", "ill") in checks(facts)
        states = {pool["name"]: pool["state"] for pool in facts["pools"]}
        assert states == {"ill": "suspended", "tank": "online"}
        # The other one was asked as ever.
        assert facts["pools"][1]["status"]["data_errors"] == 0
        assert [dataset["name"] for dataset in facts["datasets"]] == ["tank"]
        assert box.nagios()[0] == 2
        assert box.nagios("--only snapshots", datasets=[{"dataset": "ill", "policy": "few"}], policies=FEW)[0] == 3
    finally:
        # The disk is back: what hung goes on and ends.
        script = (
            "mount -o remount,size=900M /tiny; zpool clear ill; for i in $(seq 100); do pgrep -x 'head|sync' >/dev/null || break; sleep 0.1; done;"
            "zpool destroy ill; umount /tiny"
        )
        if box.lab.run(HOST, script, check=False, timeout=60).returncode != 0:
            box.lab.reboot(HOST)


def test_who_cannot_ask_knows_nothing(box: Box) -> None:
    box.pool()
    box.sh("chmod 0600 /dev/zfs")
    try:
        status, said = box.nagios(user="archive")
        assert status == 3, said
        assert said.startswith("ZFS UNKNOWN - ")
    finally:
        box.sh("chmod 0666 /dev/zfs")
    # No zfs at all: another PATH would still find it in sbin, so it is hidden.
    box.sh("mkdir -p /tmp/none; mount --bind /tmp/none /usr/sbin")
    try:
        status, said = box.nagios()
        assert status == 3, said
        assert "zpool is not installed or not in PATH" in said or "not installed" in said, said
    finally:
        box.lab.run(HOST, "/bin/umount /usr/sbin")


def test_replicas_and_jobs_by_what_they_leave(box: Box) -> None:
    """A local replication as a job: what it leaves, and what the bookmarks on its source say."""
    box.pool()
    box.pool("vault")
    box.sh("zfs create tank/data; zfs create tank/data/child; mkdir -p /etc/ferro-zfs/push /var/lib/ferro-zfs/replication")
    policy: Result = {"datasets": listed("tank/data"), "policies": FEW}
    box.lab.run(HOST, "cat >/etc/ferro-zfs/snapshot.json", input=json.dumps(policy))
    box.lab.run(HOST, "cat >/etc/ferro-zfs/push/vault.json", input=json.dumps({"source": ["tank/data"], "target": "vault", "retry_delay": "0.1s"}))
    facts = box.info()
    replicas = {replica["source"]: replica for replica in facts["replication"]}
    assert (replicas["tank/data"]["status"], replicas["tank/data"]["newest"], replicas["tank/data"]["overdue"]) == ("never", None, False)
    box.sh(
        "zfs_policy_snapshot --quiet --result /var/lib/ferro-zfs/snapshot.json /etc/ferro-zfs/snapshot.json;"
        "zfs_replicate --quiet --result /var/lib/ferro-zfs/replication/push-vault.json /etc/ferro-zfs/push/vault.json"
    )
    facts = box.info()
    assert [(job["name"], job["overdue"], job["last_run"]["failed"]) for job in facts["jobs"]] == [("push@vault", False, False), ("snapshot", False, False)]
    replicas = {replica["source"]: replica for replica in facts["replication"]}
    assert sorted(replicas) == ["tank/data", "tank/data/child"]
    totals = facts["jobs"][0]["totals"]
    assert (totals["runs"], totals["failed_runs"], totals["sent_bytes"] > 0) == (1, 0, True)
    newest = replicas["tank/data/child"]["newest"]
    assert newest["snapshot"].endswith("_hourly")
    assert newest["created_at"] is not None
    # What a job leaves is what ZFS itself says: of snapshots that were there, and of those that it took.
    left = json.loads(box.sh("cat /var/lib/ferro-zfs/snapshot.json"))["kept"]["tank/data/child"]
    name, guid, creation = box.sh(f"zfs list -Hp -t snapshot -o name,guid,creation tank/data/child@{newest['snapshot']}").split()
    assert left["intervals"]["hourly"] == {
        "kept": 1,
        "newest": {"snapshot": name.partition("@")[2], "guid": guid, "created_at": newest["created_at"]},
        "oldest": left["intervals"]["hourly"]["newest"],
    }
    assert left["total"] == len(box.sh("zfs list -H -t snapshot -o name tank/data/child").split())
    sent = {report["source"]: report for report in json.loads(box.sh("cat /var/lib/ferro-zfs/replication/push-vault.json"))["datasets"]}
    assert sent["tank/data/child"]["to_guid"] == guid
    assert sent["tank/data/child"]["to_created"] == newest["created_at"] == box.sh(f"date -u -d @{creation} +%FT%TZ").strip()
    roles = {dataset["name"]: dataset["role"] for dataset in facts["datasets"]}
    assert (roles["tank/data"], roles["vault/tank/data"]) == ("source", "replica")
    data = next(dataset for dataset in facts["datasets"] if dataset["name"] == "tank/data")
    assert [(confirmed["created_at"], confirmed["is_newest"]) for confirmed in data["confirmed"]] == [(newest["created_at"], True)]
    assert facts["verdict"] == "ok", facts["problems"]
    # Ten days later nothing has run: all of it is red, and the replica by the age of what it has.
    box.sh("date -u -s '+10 days' >/dev/null")
    found = checks(box.info())
    for expected in (
        ("critical", "job_overdue", "snapshot"),
        ("critical", "job_overdue", "push@vault"),
        ("critical", "snapshot_overdue", "tank/data/child"),
        ("critical", "replica_overdue", "push@vault: tank/data/child -> vault/tank/data/child"),
    ):
        assert expected in found, found


def test_text_and_metrics(box: Box) -> None:
    box.pool()
    box.sh("zfs create tank/data")
    args: Result = {"datasets": listed("tank/data"), "policies": FEW}
    done = box.lab.run(HOST, "zfs_info --text --metrics /tmp/zfs.prom -", input=json.dumps(args))
    assert done.stdout.splitlines()[0].split()[:2] == ["OK", HOST]
    assert "\x1b" not in done.stdout
    metrics = box.sh("cat /tmp/zfs.prom")
    assert 'zfs_pool_state{pool="tank",state="online"} 1\n' in metrics
    assert 'ferro_zfs_snapshot_newest_timestamp_seconds{pool="tank",dataset="tank/data",interval="hourly",role="source"} 0\n' in metrics
    assert box.sh("ls /tmp | grep zfs.prom").split() == ["zfs.prom"]


@pytest.fixture(scope="module")
def with_systemd() -> Iterator[Lab]:
    with_timers = Lab(f"info-sd-{os.getpid()}", systemd=True)
    try:
        with_timers.up([HOST])
        for module in ("zfs_info", "zfs_policy_snapshot"):
            with_timers.copy(HOST, program(module), f"/usr/local/bin/{module}")
        yield with_timers
    finally:
        with_timers.down()


SERVICE = (
    "[Service]\nType=oneshot\nExecStart=/usr/local/bin/zfs_policy_snapshot --quiet --result /var/lib/ferro-zfs/snapshot.json /etc/ferro-zfs/snapshot.json\n"
)
TIMER = "[Timer]\nOnCalendar=*:*:0/10\nAccuracySec=1s\nRandomizedDelaySec=1\n"


def test_timers_say_how_often_jobs_run(with_systemd: Lab) -> None:
    box = Box(with_systemd)
    box.pool()
    box.sh("zfs create tank/data; mkdir -p /etc/ferro-zfs /var/lib/ferro-zfs")
    for path, text in (
        ("/etc/ferro-zfs/snapshot.json", json.dumps({"datasets": listed("tank/data"), "policies": FEW})),
        ("/etc/systemd/system/ferro-zfs-snapshot.service", SERVICE),
        ("/etc/systemd/system/ferro-zfs-snapshot.timer", TIMER),
    ):
        box.lab.run(HOST, f"cat >{path}", input=text)
    box.sh(
        "systemctl daemon-reload; systemctl start ferro-zfs-snapshot.timer; for i in $(seq 200); do test -e /var/lib/ferro-zfs/snapshot.json && exit; sleep 0.1; done; exit 1"
    )
    [job] = box.info(user="archive")["jobs"]
    assert (job["name"], job["timer_active"], job["overdue"]) == ("snapshot", True, False)
    assert job["next_run_at"] > job["last_run"]["finished_at"]
    # Ten seconds, each a second late at most; and five minutes that it may take.
    assert 300 + 2 * 9 <= job["max_age_seconds"] <= 300 + 2 * 12 + 1
    box.sh("systemctl stop ferro-zfs-snapshot.timer")
    facts = box.info()
    assert facts["jobs"][0]["timer_active"] is False
    assert ("warning", "job_timer_inactive", "snapshot") in checks(facts)
    # Within two hours and a bit all of it is red.
    box.sh("date -u -s '+130 minutes' >/dev/null")
    assert ("critical", "snapshot_overdue", "tank/data") in checks(box.info())
