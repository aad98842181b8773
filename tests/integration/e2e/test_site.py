"""A fleet from one inventory: what site.yml sets up works by itself, survives what befalls it, and gives everything back."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from fleet import Fleet

HUB, OFFSITE = "backuppool/backups/source", "offsitepool/backups/source"
RESULTS = "/var/lib/ferro-zfs/replication"
SUSPEND = {"backup_server_suspend_command": "touch /run/suspended"}


def run(fleet: Fleet, host: str, unit: str) -> None:
    """Starts a job and waits for its end, as its timer would."""
    fleet.sh(host, f"systemctl start ferro-zfs-{unit}.service || (journalctl --no-pager -u ferro-zfs-{unit} >&2; exit 1)")


def results(fleet: Fleet, job: str) -> dict[str, Any]:
    """What the last run of a job on the backup server says of each source dataset."""
    return {report["source"]: report for report in fleet.json("backup", f"{RESULTS}/{job}.json")["datasets"]}


def round_trip(fleet: Fleet) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pulls and pushes; gives what each says of its source datasets."""
    for job in ("pull@source", "push@offsite"):
        run(fleet, "backup", job)
    return results(fleet, "pull-source"), results(fleet, "push-offsite")


def guids(fleet: Fleet, host: str, dataset: str) -> list[str]:
    return fleet.sh(host, f"zfs list -H -d 1 -t snapshot -s createtxg -o guid {dataset}").split()


def snapshots(fleet: Fleet, host: str, dataset: str, interval: str) -> int:
    return fleet.sh(host, f"zfs list -H -d 1 -t snapshot -o name {dataset}").count(f"_{interval}\n")


def fire(fleet: Fleet, host: str, when: str, path: str) -> dict[str, Any]:
    """Sets the host's clock to a time at which a timer is due, and further by its random delay, until its job has written its result."""
    fleet.sh(host, f"date -s '{when}'")
    for _ in range(12):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if fleet.sh(host, f"ls {path} 2>/dev/null || true"):
                return dict(fleet.json(host, path))
            time.sleep(0.5)
        fleet.sh(host, "date -s '+2 minutes'")
    raise AssertionError(fleet.sh(host, "date; systemctl list-timers; journalctl --no-pager -n 50"))


def test_check_mode_on_fresh_hosts_fails_nowhere_and_does_nothing(fleet: Fleet) -> None:
    for host in ("source", "backup", "offsite"):
        # So that on the way to tomorrow's timers no clock passes those of today, whenever this runs.
        fleet.sh(host, "date -s 12:00")
    play = fleet.played("ferro.zfs.site", check=True)
    assert all(play.changed[host] for host in ("source", "backup", "offsite")), "it says nothing of what it would do"
    for host in ("source", "backup", "offsite"):
        assert fleet.sh(host, "zpool list -H; ls -d /etc/ferro-zfs /var/lib/zfsbackup 2>/dev/null || true") == ""


def test_one_run_sets_up_everything_without_a_warning(fleet: Fleet) -> None:
    assert fleet.played("ferro.zfs.site").warnings == []
    timers = fleet.sh("backup", "systemctl list-timers --all --no-legend 'ferro-zfs-*'")
    assert all(f"ferro-zfs-{job}.timer" in timers for job in ("prune", "pull@source", "push@offsite")), timers
    jobs = "ferro-zfs-pull@source.service ferro-zfs-push@offsite.service"
    assert fleet.sh("backup", f"systemd-analyze verify --man=no {jobs} 2>&1") == ""
    for job in jobs.split():
        score = fleet.sh("backup", f"systemd-analyze security --no-pager {job} | tail -1")
        assert float(re.search(r"level.*: ([\d.]+)", score)[1]) < 2, score  # type: ignore[index]
        limits = fleet.sh("backup", f"systemctl show -p MemoryMax,TasksMax,TimeoutStartUSec {job}")
        assert "MemoryMax=1073741824\n" in limits and "TasksMax=512\n" in limits and "infinity" not in limits, limits
    assert "ferro-zfs-pull@source.service" in fleet.sh("backup", "systemctl show -P After ferro-zfs-push@offsite").split()
    for host, mode in (("source", "send"), ("offsite", "receive")):
        lines = fleet.sh(host, "cat /var/lib/zfsbackup/.ssh/authorized_keys").splitlines()[1:]
        assert len(lines) == 1 and lines[0].startswith(f'restrict,command="/usr/local/bin/zfs_gate --mode {mode} --dataset '), lines
        assert (' --raw-only"' in lines[0]) == (mode == "send"), lines
        assert fleet.sh(host, "stat -c '%U %a' /var/lib/zfsbackup/.ssh/authorized_keys") == "root 644\n"
        assert fleet.sh(host, "getent shadow zfsbackup | cut -d: -f2") == "*\n"
    assert fleet.sh("backup", "stat -c '%U %a' /etc/ferro-zfs/id_ed25519") == "zfsbackup 600\n"


def test_a_second_run_changes_nothing_in_check_mode_or_for_real(fleet: Fleet) -> None:
    for check in (True, False):
        play = fleet.played("ferro.zfs.site", check=check)
        assert not any(play.changed.values()), play.changed
        assert play.warnings == []


def test_nothing_runs_where_backups_land_also_where_that_was_made_before(fleet: Fleet) -> None:
    fleet.sh("backup", f"zfs set setuid=on backuppool/backups; zfs set exec=on devices=on {HUB}")
    role = [{"hosts": "backup", "gather_facts": False, "become": True, "roles": ["ferro.zfs.backup_server"]}]
    properties = f"zfs get -H -o name,property,value canmount,setuid,exec,devices backuppool/backups {HUB}"
    before = fleet.sh("backup", properties)
    for check in (True, False):
        changed = fleet.played(role, check=check).changed["backup"]
        # A command is not tried in check mode, and so no change there.
        assert changed == ([] if check else ["ferro.zfs.backup_server : Set differing properties"]), changed
        rows = fleet.sh("backup", properties)
        assert rows == before if check else {row.split("\t")[2] for row in rows.splitlines()} == {"off"}, rows
    assert fleet.played(role).changed["backup"] == []


def test_timers_bring_data_from_the_source_to_offsite(fleet: Fleet) -> None:
    fleet.sh("source", "cp -r /usr/share/perl /tank/documents/; head -c 3M /dev/urandom >/tank/ledger/book; head -c 1M /dev/urandom >/tank/films/film")
    fire(fleet, "source", "tomorrow 01:01", "/var/lib/ferro-zfs/snapshot.json")
    pull = fire(fleet, "backup", "tomorrow 01:16", f"{RESULTS}/pull-source.json")
    assert pull["summary"]["replicated"] == 3 and not pull.get("failed"), pull
    push = fire(fleet, "backup", "02:30:01", f"{RESULTS}/push-offsite.json")
    assert push["summary"]["replicated"] == 2 and not push.get("failed"), push
    for dataset in ("tank/documents", "tank/ledger"):
        assert guids(fleet, "source", dataset) == guids(fleet, "offsite", f"{OFFSITE}/{dataset}") != []
    assert fleet.sh("offsite", f"zfs list -H -o name {OFFSITE}/tank/films 2>&1 || true").endswith("does not exist\n"), "high is not for offsite"


def test_a_child_made_later_reaches_offsite_and_an_excluded_one_does_not(fleet: Fleet) -> None:
    fleet.sh("source", "zfs create tank/documents/drafts; echo new >/tank/documents/drafts/novel; echo x >/tank/documents/cache/x")
    run(fleet, "source", "snapshot")
    # At once: the push waits for the pull, or it would find nothing new.
    fleet.sh("backup", "systemctl start --no-block ferro-zfs-pull@source.service; systemctl start ferro-zfs-push@offsite.service")
    pull, push = results(fleet, "pull-source"), results(fleet, "push-offsite")
    assert pull["tank/documents/drafts"]["action"] == "full"
    assert push[f"{HUB}/tank/documents/drafts"]["action"] == "full"
    assert guids(fleet, "source", "tank/documents/drafts") == guids(fleet, "offsite", f"{OFFSITE}/tank/documents/drafts") != []
    assert "cache" not in fleet.sh("offsite", "zfs list -Hr -o name offsitepool")


def test_offsite_never_has_a_key(fleet: Fleet) -> None:
    rows = fleet.sh("offsite", f"zfs get -H -t filesystem -o name,property,value encryption,keystatus,mounted -r {OFFSITE}/tank").splitlines()
    found = {(name, name_of): value for name, name_of, value in (row.split("\t") for row in rows)}
    for dataset in ("documents", "documents/drafts", "ledger"):
        name = f"{OFFSITE}/tank/{dataset}"
        assert found[name, "encryption"] == "aes-256-gcm" and found[name, "keystatus"] == "unavailable" and found[name, "mounted"] == "no", dataset


def test_each_host_prunes_by_its_own_policy_and_the_chain_stays_incremental(fleet: Fleet) -> None:
    fleet.sh("source", "for i in $(seq 10 49); do zfs snapshot tank/documents@autosnap_2026-01-01_00:00:${i}_hourly; done")
    round_trip(fleet)
    arrived = snapshots(fleet, "backup", f"{HUB}/tank/documents", "hourly")
    for host in ("source", "backup", "offsite"):
        run(fleet, host, "prune")
    counts = [
        snapshots(fleet, host, dataset, "hourly")
        for host, dataset in (("source", "tank/documents"), ("backup", f"{HUB}/tank/documents"), ("offsite", f"{OFFSITE}/tank/documents"))
    ]
    assert arrived >= 40
    assert counts[2] > 1, "by offsite's clock they are of tomorrow"
    fleet.sh("offsite", "date -s 'tomorrow 12:00'")
    run(fleet, "offsite", "prune")
    counts[2] = snapshots(fleet, "offsite", f"{OFFSITE}/tank/documents", "hourly")
    assert counts == [36, arrived, 1], "critical; high, but they have only just come; and an own policy that keeps no hourly ones but the newest"
    fleet.sh("source", "echo more >/tank/documents/more; zfs snapshot tank/documents@autosnap_2026-01-01_01:00:00_hourly")
    pull, push = round_trip(fleet)
    assert pull["tank/documents"]["action"] == push[f"{HUB}/tank/documents"]["action"] == "incremental"


def test_the_hub_s_key_destroys_nothing_elsewhere(fleet: Fleet) -> None:
    before = fleet.sh("offsite", "zfs list -H -t all -o name,guid")
    for host, command in (
        ("offsite", f"zfs destroy -r {OFFSITE}"),
        ("offsite", f"zfs rollback -r {OFFSITE}/tank/ledger@x"),
        ("offsite", "id; zpool list"),
        ("source", "zfs destroy -r tank/documents"),
    ):
        known = f"/etc/ferro-zfs/known_hosts.d/{host}"
        ssh = f"ssh -i /etc/ferro-zfs/id_ed25519 -o UserKnownHostsFile={known} -o BatchMode=yes zfsbackup@{host}"
        stolen = fleet.sh("backup", f"{ssh} '{command}' 2>&1 && echo 0 || echo $?")
        assert "zfs_gate: refused" in stolen and stolen.endswith("126\n"), stolen
    assert fleet.sh("offsite", "zfs list -H -t all -o name,guid") == before


def test_restore_from_offsite_with_the_key_gives_the_same_files(fleet: Fleet) -> None:
    wanted = {
        "restore_from": "offsite",
        "restore_dataset": f"{OFFSITE}/tank/ledger",
        "restore_to_host": "source",
        "restore_to": "tank/ledger_back",
        "restore_compare_host": "source",
        "restore_compare_dataset": "tank/ledger",
        "restore_trusted": True,
    }
    play = fleet.played("ferro.zfs.restore", restore_key_file="/root/zfs/keys/tank_ledger", **wanted)
    said = play.one("Show result of restore", "source")["msg"]
    assert len(said["checksums"]) == 1 and said["compared_with_the_original"] == said["checksums"]
    assert fleet.sh("source", "cmp /tank/ledger_back/book /tank/ledger/book; touch /tank/ledger_back/x 2>&1 || true").endswith("Read-only file system\n")
    for host in ("offsite", "source"):
        assert fleet.sh(host, "getent passwd ferro-restore || true; ls -d /var/lib/ferro-restore /run/ferro-zfs-restore 2>/dev/null || true") == ""
    assert "ferro-restore" not in fleet.sh("offsite", f"zfs allow {OFFSITE}/tank/ledger")

    again = fleet.playbook("ferro.zfs.restore", **wanted)
    assert again.failures["source"].startswith("tank/ledger_back exists on source."), again.output


def test_a_client_that_is_down_leaves_the_others_alone_and_one_that_has_left_loses_its_jobs(fleet: Fleet, tmp_path: Path) -> None:
    ghost = {"zfs_backup_clients": {"hosts": {"ghost": {"ansible_host": "10.99.0.99", "zfs": {"gone": {"datasets": {"a": {"policy": "critical"}}}}}}}}
    (tmp_path / "ghost.yml").write_text(json.dumps(ghost))
    play = fleet.playbook("ferro.zfs.site", "-i", str(tmp_path / "ghost.yml"), "-T", "3", limit="backup,ghost")
    assert play.recap["ghost"]["unreachable"] == 1 and play.recap["backup"]["failed"] == 0, play.output
    assert "ghost: its host key is not known" in play.one("Report peers without a known host key", "backup")["results"][0]["msg"]

    role = [{"hosts": "source", "gather_facts": False, "roles": [{"role": "ferro.zfs.backup_client", "backup_client_servers": ["ghost"]}]}]
    play = fleet.playbook(role, "-i", str(tmp_path / "ghost.yml"), "-T", "3")
    assert play.failures["source"].startswith("ghost: no public key of it is known"), play.output

    fleet.sh("backup", "! systemctl start ferro-zfs-pull@ghost.service 2>/dev/null")
    play = fleet.playbook("ferro.zfs.suspend", **SUSPEND)
    assert "The last run failed of ferro-zfs-pull@ghost.service: " in play.failures["backup"], play.output
    failed = fleet.json("backup", f"{RESULTS}/pull-ghost.json")
    assert failed["failed"] and failed["msg"], failed
    run(fleet, "backup", "pull@source")
    assert {report["status"] for report in results(fleet, "pull-source").values()} == {"ok"}

    play = fleet.playbook("ferro.zfs.status", "-i", str(tmp_path / "ghost.yml"), "-T", "3", status_json=str(tmp_path / "status.json"))
    assert play.rc == 2 and "ghost" in next(line for line in play.output.splitlines() if "cannot be reached: " in line), play.output
    status = json.loads((tmp_path / "status.json").read_text())
    verdicts = {host["host"]: host["verdict"] for host in status["hosts"]}
    assert set(verdicts) == {"source", "backup", "offsite", "ghost"} and verdicts["ghost"] == "unknown" and not status["not_asked"]
    # What failed there a moment ago is told of the host where it did.
    assert any(one["host"] == "backup" and "pull@ghost" in one["subject"] for one in status["problems"]), status

    play = fleet.played("ferro.zfs.site", limit="backup")
    left = fleet.sh("backup", f"ls /etc/systemd/system/ /etc/ferro-zfs/* {RESULTS}; systemctl list-timers --all; systemctl list-units --all")
    assert "source" in left and "ghost" not in left
    assert fleet.sh("backup", "zfs list -H -o name backuppool/backups/ghost") == "backuppool/backups/ghost\n", "backups stay"
    assert "gone" not in json.dumps(fleet.json("backup", "/etc/ferro-zfs/push/offsite.json"))


def test_a_backup_server_is_suspended_when_its_jobs_have_ended(fleet: Fleet) -> None:
    fleet.sh("backup", "ls /run/suspended && exit 1; systemd-run --quiet --unit ferro-zfs-snapshot sleep 15")
    fleet.played("ferro.zfs.suspend", **SUSPEND)
    deadline = time.monotonic() + 30
    while fleet.sh("backup", "ls /run/suspended || true") == "":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert fleet.sh("backup", "systemctl show -P ActiveState ferro-zfs-snapshot") == "inactive\n"


def test_a_host_that_was_reinstalled_gets_its_data_back_and_goes_on_where_it_was(fleet: Fleet) -> None:
    before = fleet.sh("source", "cd /tank/documents && find . -type f | grep -v /cache/ | sort | xargs -d '\\n' sha256sum")
    fleet.fresh("source")
    rekey(fleet, "source")
    fleet.sh("backup", "! systemctl start ferro-zfs-pull@source.service 2>/dev/null")
    failed = fleet.json("backup", f"{RESULTS}/pull-source.json")
    assert "Host key verification failed" in json.dumps(failed), failed

    fleet.played("ferro.zfs.site")
    fleet.sh("source", "systemctl start ferro-zfs-snapshot.service")
    held = guids(fleet, "backup", f"{HUB}/tank/documents")
    fleet.sh("backup", "! systemctl start ferro-zfs-pull@source.service 2>/dev/null")
    failed = fleet.json("backup", f"{RESULTS}/pull-source.json")
    assert "no snapshot in common" in json.dumps(failed), failed
    assert guids(fleet, "backup", f"{HUB}/tank/documents") == held, "the backup waits untouched"

    copy = {"restore_from": "backup", "restore_to_host": "source", "restore_readonly": False, "restore_trusted": True}
    fleet.played("ferro.zfs.restore", restore_dataset=f"{HUB}/tank/documents", restore_to="tank/back", restore_raw="never", **copy)
    key = "/root/zfs/keys/tank_ledger"
    fleet.played(
        "ferro.zfs.restore",
        restore_dataset=f"{HUB}/tank/ledger",
        restore_to="tank/ledger_back",
        restore_key_file=key,
        restore_keylocation=f"file://{key}",
        **copy,
    )
    fleet.sh(
        "source", "zfs destroy -r tank/documents; zfs rename tank/back tank/documents; zfs destroy -r tank/ledger; zfs rename tank/ledger_back tank/ledger"
    )
    assert fleet.sh("source", "cd /tank/documents && find . -type f | grep -v /cache/ | sort | xargs -d '\\n' sha256sum") == before
    fleet.played("ferro.zfs.site", limit="source")  # permissions, and the child that nobody backs up
    fleet.sh("source", "echo again >/tank/documents/again; zfs snapshot -r tank/documents@again; zfs snapshot tank/ledger@again")
    fleet.sh("backup", "systemctl start ferro-zfs-pull@source.service || true; systemctl start ferro-zfs-push@offsite.service || true")
    # The pull has one failure: of what was not restored, the copy waits.
    pull, push = results(fleet, "pull-source"), results(fleet, "push-offsite")
    for dataset in ("tank/documents", "tank/documents/drafts", "tank/ledger"):
        assert pull[dataset]["action"] == push[f"{HUB}/{dataset}"]["action"] == "incremental", (pull, push)


def rekey(fleet: Fleet, host: str) -> None:
    """A host key that nobody has seen, which the one who installed the host tells the controller."""
    known = fleet.lab.directory / "known_hosts"
    old = fleet.sh(host, "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
    fleet.sh(host, "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh")
    new = fleet.sh(host, "cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
    assert old in known.read_text() and new != old
    known.write_text(known.read_text().replace(old, new))


@pytest.fixture(scope="module", autouse=True)
def host_keys_as_before(fleet: Fleet) -> Any:
    """The lab's hosts get their baked keys back with the next boot."""
    known = fleet.lab.directory / "known_hosts"
    before = known.read_text()
    yield
    known.write_text(before)
    fleet.lab.reboot("source")
