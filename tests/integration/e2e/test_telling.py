"""Roles zfs_notify and zfs_mqtt: real jobs of systemd fail and recover, and a webhook receiver, a sendmail and a mosquitto hear of it."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import HERE, Fleet, Play

CONTROLLER = "10.99.0.254"
TOKEN, PASSWORD = "tk_not-to-be-seen", "also not to be seen"
URL = f"http://{CONTROLLER}:8081"
PULL = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo the pull said; exec /run/%i'\n"
VARIABLES: dict[str, Any] = {
    # The inventory has some for a dataset that is not in this tree.
    "system_zfs_keys": {},
    "zfs": {"tank": {"datasets": {"data": {"policy": "high"}}}},
    "zfs_policy_prune_enabled": False,
    # By hand only.
    "zfs_policy_snapshot_calendar": "2040-01-01",
    "zfs_notify_webhooks": [{"url": f"{URL}/hook", "format": "json", "token": TOKEN}],
    "zfs_notify_mail_to": ["root"],
    "zfs_notify_ping_url": f"{URL}/ping/{TOKEN}",
    "zfs_notify_retries": 0,
    "zfs_notify_verdict_calendar": "2040-01-01",
    "zfs_mqtt_broker": CONTROLLER,
    "zfs_mqtt_port": 8883,
    "zfs_mqtt_ca_file": "/etc/lab-ca.pem",
    "zfs_mqtt_user": "zfs",
    "zfs_mqtt_password": PASSWORD,
    "zfs_mqtt_prefix": "home/zfs",
    "zfs_mqtt_suspend_topic": "servers/host",
    "zfs_mqtt_suspend_command": "touch /run/suspended",
    "zfs_mqtt_suspend_wait_for_scrub": False,
}


def in_lab(fleet: Fleet, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(fleet.lab.namespaced(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Receiver:
    """What webhooks and pings reach, while it is there."""

    def __init__(self, fleet: Fleet, file: Path) -> None:
        self.fleet, self.file = fleet, file
        self.file.touch()
        self.begin()

    def begin(self) -> None:
        self.process = in_lab(self.fleet, sys.executable, str(HERE / "receiver.py"), CONTROLLER, "8081", str(self.file))
        self.fleet.sh("source", f"until curl -s -o /dev/null {URL}; do sleep 0.1; done")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def take(self) -> list[dict[str, Any]]:
        lines = self.file.read_text().splitlines()
        self.file.write_text("")
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def receiver(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    receiver = Receiver(fleet, tmp_path_factory.mktemp("receiver") / "kept")
    yield receiver
    receiver.end()


@pytest.fixture(scope="module", autouse=True)
def broker(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A mosquitto that hosts reach with TLS, and tests without."""
    folder = tmp_path_factory.mktemp("broker")
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(folder / "users"), "zfs", PASSWORD], check=True)
    (folder / "users").chmod(0o644)
    folder.chmod(0o755)
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "36500", "-subj", "/CN=broker", "-keyout", str(folder / "key")]
    subprocess.run([*certificate, "-addext", f"subjectAltName=IP:{CONTROLLER}", "-out", str(folder / "pem")], check=True, capture_output=True)
    fleet.lab.run("source", "cat >/etc/lab-ca.pem", input=(folder / "pem").read_text())
    tls = f"listener 8883 {CONTROLLER}\ncertfile {folder}/pem\nkeyfile {folder}/key\n"
    (folder / "conf").write_text(f"allow_anonymous false\npassword_file {folder}/users\nuser root\nlistener 1883 {CONTROLLER}\n{tls}")
    process = in_lab(fleet, "/usr/sbin/mosquitto", "-c", str(folder / "conf"))
    yield
    process.kill()
    process.wait()


def setup(fleet: Fleet, *words: str, check: bool = False, **variables: Any) -> Play:
    roles = ["ferro.zfs.zfs_notify", "ferro.zfs.zfs_mqtt"]
    play = {"hosts": "source", "gather_facts": False, "vars": VARIABLES | variables, "roles": roles}
    return fleet.played([play], *words, check=check)


def job(fleet: Fleet, unit: str, ends: str = "0") -> None:
    """Runs a job, and waits until what it starts has told."""
    said = fleet.sh("source", f"systemctl start {unit} && echo 0 || echo $?").strip()
    assert said == ends, said
    fleet.sh("source", "while systemctl list-units --plain --no-legend --state=activating 'ferro-zfs-notify@*' | grep -q .; do sleep 0.1; done")


def hooked(posted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(post["body"]) for post in posted if post["path"] == "/hook"]


def pinged(posted: list[dict[str, Any]]) -> list[str]:
    return sorted(post["path"].removeprefix(f"/ping/{TOKEN}/").removesuffix("?create=1") for post in posted if post["path"] != "/hook")


def kept(fleet: Fleet) -> dict[str, Any]:
    """What the broker keeps, by topic."""
    sub = f"mosquitto_sub -h {CONTROLLER} -u zfs -P '{PASSWORD}' -t '#' --retained-only -W 1 -F '%t %p'"
    rows = [line.partition(" ") for line in fleet.sh("offsite", sub, check=False).splitlines()]
    return {topic: json.loads(payload) if payload.startswith("{") else payload for topic, _, payload in rows}


def test_set_up_tells_no_secret_and_changes_nothing_the_second_time(fleet: Fleet, receiver: Receiver) -> None:
    fleet.sh("source", "zpool create tank /dev/ubdb; zfs create tank/data")
    fleet.sh("source", "printf '#!/bin/sh\\ncat >>/var/spool/lab-mail\\n' >/usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail")
    fleet.role("zfs_policy", "source", **VARIABLES)
    # Each file that a role installs takes a second here, so the check is of the half.
    assert setup(fleet, check=True, zfs_mqtt_suspend_topic="", zfs_notify_verdict_calendar="").changed["source"]
    assert fleet.sh("source", "ls -d /etc/ferro-zfs/notify.conf /usr/local/sbin/ferro-zfs-* 2>/dev/null", check=False) == ""
    output = setup(fleet, "-vvv").output
    assert TOKEN not in output and PASSWORD not in output
    assert setup(fleet).changed["source"] == []
    secrets = "/etc/ferro-zfs/notify.conf /etc/ferro-zfs/mqtt/mosquitto_pub /etc/ferro-zfs/mqtt/mosquitto_sub"
    assert set(fleet.sh("source", f"stat -c '%U %a' {secrets}").splitlines()) == {"root 600"}
    units = [f"ferro-zfs-{unit}.service" for unit in ("notify@x", "mqtt", "suspend", "suspend-listen", "verdict", "snapshot")]
    assert fleet.sh("source", f"systemd-analyze verify --man=no {' '.join(units)} 2>&1") == ""
    for unit in units:
        score = fleet.sh("source", f"systemd-analyze security --no-pager {unit} | tail -1")
        assert float(re.search(r"level.*: ([\d.]+)", score)[1]) < 4, score  # type: ignore[index]
    assert receiver.take()[1:] == [], "nothing was wrong"


def test_a_job_that_fails_and_recovers_is_told_by_all_ways(fleet: Fleet, receiver: Receiver) -> None:
    receiver.take()
    job(fleet, "ferro-zfs-snapshot")
    posted = receiver.take()
    assert (hooked(posted), pinged(posted)) == ([], ["source-snapshot", "source-snapshot/start"])

    fleet.sh("source", "zpool export tank")
    for _ in range(2):
        job(fleet, "ferro-zfs-snapshot", "1")
    posted = receiver.take()
    (told,) = hooked(posted)
    assert (told["host"], told["job"], told["event"], told["title"]) == ("source", "snapshot", "failed", "source: snapshot failed")
    assert "tank/data" in told["output"], told
    assert {post["token"] for post in posted if post["path"] == "/hook"} == {f"Bearer {TOKEN}"}
    assert pinged(posted) == ["source-snapshot/fail"] * 2 + ["source-snapshot/start"] * 2

    # The verdict sees it too.
    job(fleet, "ferro-zfs-verdict")
    (told,) = hooked(receiver.take())
    assert (told["state"], told["title"]) == ("critical", "source: ZFS is critical")
    assert "tank" in told["output"]

    fleet.sh("source", "zpool import tank")
    for _ in range(2):
        job(fleet, "ferro-zfs-snapshot")
    assert [told["title"] for told in hooked(receiver.take())] == ["source: snapshot works again"]
    subjects = re.findall("^Subject: (.*)$", fleet.sh("source", "cat /var/spool/lab-mail"), re.MULTILINE)
    assert subjects == ["source: snapshot failed", "source: ZFS is critical", "source: snapshot works again"]


def test_a_receiver_that_is_away_harms_no_job_and_hears_of_it_later(fleet: Fleet, receiver: Receiver) -> None:
    # As pulls are: an instance of a template.
    fleet.sh("source", f'printf %s "{PULL}" >/etc/systemd/system/ferro-zfs-pull@.service; ln -s /bin/true /run/nas; systemctl daemon-reload')
    receiver.end()
    job(fleet, "ferro-zfs-pull@nas")
    fleet.sh("source", "ln -sf /bin/false /run/nas")
    job(fleet, "ferro-zfs-pull@nas", "1")
    assert "did not arrive" in fleet.sh("source", "journalctl --no-pager -u 'ferro-zfs-notify@*'")
    assert "/ping/" not in fleet.sh("source", "journalctl --no-pager -u 'ferro-zfs-notify@*'")
    receiver.begin()
    receiver.take()
    job(fleet, "ferro-zfs-pull@nas", "1")
    (told,) = hooked(receiver.take())
    assert (told["event"], told["job"], told["output"]) == ("failed", "pull@nas", "the pull said\n")
    # What tells is no job whose failure keeps a host awake.
    fleet.sh("source", "ln -sf /bin/true /run/nas")
    job(fleet, "ferro-zfs-pull@nas")


def test_home_assistant_hears_how_it_is_also_when_nothing_can_be_found_out(fleet: Fleet) -> None:
    fleet.sh("source", "systemctl start ferro-zfs-mqtt")
    found = kept(fleet)
    snapshots = found["home/zfs/source/snapshots"]
    (data,) = snapshots["datasets"]
    assert (snapshots["ok"], data["dataset"], data["policy"], data["counts"]["hourly"], data["retention"]["hourly"]) == (True, "tank/data", "high", 1, 24)
    config = found["homeassistant/binary_sensor/zfs_snapshots_source/config"]
    assert (config["state_topic"], config["expire_after"]) == ("home/zfs/source/snapshots", 900)
    assert found[config["availability_topic"]] == "online"

    fleet.sh("source", "chmod 600 /dev/zfs; systemctl start ferro-zfs-mqtt; chmod 666 /dev/zfs")
    assert kept(fleet)["home/zfs/source/snapshots"]["ok"] is False
    fleet.sh("source", "systemctl start ferro-zfs-mqtt; mv /usr/local/bin/zfs_info /root/; ! systemctl start ferro-zfs-mqtt; mv /root/zfs_info /usr/local/bin/")
    found = kept(fleet)
    for topic in ("snapshots", "status"):
        assert found[f"home/zfs/source/{topic}"]["ok"] is False
        assert found[f"home/zfs/source/{topic}"]["failure"] == "zfs_info ended with exit status 127"
    assert "ok" not in found["homeassistant/binary_sensor/zfs_snapshots_source/config"]
    assert PASSWORD not in fleet.sh("source", "systemctl cat ferro-zfs-mqtt ferro-zfs-suspend-listen; journalctl --no-pager -u ferro-zfs-mqtt")


def test_a_message_suspends_the_host_once_no_job_runs(fleet: Fleet) -> None:
    publish = f"mosquitto_pub -h {CONTROLLER} -u zfs -P '{PASSWORD}' -t servers/host"
    fleet.sh("source", "systemctl stop ferro-zfs-suspend-listen")
    fleet.sh("offsite", f"{publish} -r -m suspend")
    fleet.sh("source", "systemctl start ferro-zfs-suspend-listen; systemd-run --quiet --unit ferro-zfs-push@long sleep 8; sleep 3")
    waiting = fleet.sh("source", "systemctl show -P ActiveState ferro-zfs-suspend; ls /run/suspended 2>/dev/null", check=False)
    assert waiting == "inactive\n", "a message that was kept does not count"
    fleet.sh("offsite", f"{publish} -m other; {publish} -m suspend")
    fleet.sh("source", "timeout 5 sh -c 'until systemctl is-active ferro-zfs-suspend | grep -q activating; do sleep 0.1; done'")
    assert fleet.sh("source", "ls /run/suspended 2>/dev/null", check=False) == ""
    deadline = time.monotonic() + 30
    while fleet.sh("source", "ls /run/suspended 2>/dev/null", check=False) == "":
        assert time.monotonic() < deadline, fleet.sh("source", "journalctl --no-pager -u 'ferro-zfs-suspend*'")
        time.sleep(0.5)
    assert fleet.sh("source", "systemctl show -P ActiveState ferro-zfs-push@long") == "inactive\n"
    # A job that failed keeps it awake.
    fleet.sh("source", "rm /run/suspended; ln -sf /bin/false /run/nas; ! systemctl start ferro-zfs-pull@nas; ! systemctl start ferro-zfs-suspend")
    assert "the last run failed of ferro-zfs-pull@nas.service" in fleet.sh("source", "journalctl --no-pager -u ferro-zfs-suspend")
    fleet.sh("offsite", f"{publish} -r -n")


def test_what_is_switched_off_leaves_nothing(fleet: Fleet) -> None:
    off = {"zfs_notify_webhooks": [], "zfs_notify_mail_to": [], "zfs_notify_ping_url": "", "zfs_mqtt_broker": ""}
    assert setup(fleet, **off).changed["source"]
    assert kept(fleet) == {}
    left = fleet.sh(
        "source", "find /etc /usr/local/sbin /var/lib/ferro-zfs* /var/lib/private -name '*notify*' -o -name '*mqtt*' -o -name '*verdict*' -o -name '*suspend*'"
    )
    assert [line for line in left.splitlines() if "ferro-zfs" in line] == []
    units = fleet.sh("source", "systemctl list-units --all --plain --no-legend 'ferro-zfs-*'").split()
    assert {unit for unit in units if unit.startswith("ferro-zfs-")} <= {
        f"ferro-zfs-{unit}" for unit in ("snapshot.timer", "snapshot.service", "pull@nas.service")
    }
