"""The lab keeps its promises. Each test has labs of names of its own, so a lab that is up beside them is not disturbed."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import HOSTS, Lab, LabError
from network import call

NAME = "selftest"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(NAME) as running:
        yield running


@pytest.fixture
def clean(lab: Lab) -> Lab:
    for host in HOSTS:
        lab.reset(host)
    return lab


def traces(name: str) -> list[str]:
    """Processes, namespaces and files that belong to a lab."""
    processes = [p for p in Path("/proc").glob("[0-9]*/cmdline") if f"ferro-lab-{name}".encode() in readable(p)]
    files = [p for folder in ("/dev/shm", "/run/netns", "/tmp") for p in Path(folder).glob(f"ferro-lab-{name}*")]
    return [str(path) for path in processes + files]


def readable(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_hosts_have_zfs_and_no_python(lab: Lab) -> None:
    for host in HOSTS:
        assert lab.run(host, "hostname").stdout == f"{host}\n"
        assert "zfs-kmod-2." in lab.run(host, "zfs version").stdout
        found = lab.run(host, "find / -xdev -name 'python*' -path '*bin*'").stdout
        assert found == ""


@pytest.mark.parametrize("user", ["root", "operator", "archive", "nohome"])
def test_every_user_reaches_every_host(lab: Lab, user: str) -> None:
    for host in HOSTS:
        for other in HOSTS:
            assert lab.run(host, f"ssh -o BatchMode=yes {other} 'hostname; id -un'", user=user).stdout == f"{other}\n{user}\n"


def test_a_wrong_host_key_is_refused(lab: Lab) -> None:
    result = lab.run("source", "ssh -o BatchMode=yes -o HostKeyAlias=offsite backup true", check=False)
    assert "Host key verification failed" in result.stderr


def test_only_the_operator_may_sudo(lab: Lab) -> None:
    assert lab.run("source", "sudo -n id -u", user="operator").stdout == "0\n"
    assert lab.run("source", "sudo -n id -u", user="archive", check=False).returncode != 0


def test_send_from_host_to_host(clean: Lab) -> None:
    for host in ("source", "backup"):
        clean.run(host, "truncate -s 300M /big/disk && zpool create tank /big/disk")
    clean.run("source", "zfs create tank/data && dd if=/dev/urandom of=/tank/data/file bs=1M count=20 2>&1 && zfs snapshot tank/data@one")
    clean.run("source", "zfs send tank/data@one | ssh backup zfs receive tank/copy")
    digests = [clean.run(host, f"sha256sum < {path}").stdout for host, path in (("source", "/tank/data/file"), ("backup", "/tank/copy/file"))]
    assert digests[0] == digests[1]


def test_a_power_cut_keeps_what_was_on_the_disk(clean: Lab) -> None:
    clean.run("offsite", "zpool create -O mountpoint=/kept kept /dev/ubdb && echo here >/kept/file && sync && touch /root/gone")
    clean.power_cut("offsite")
    assert clean.pid("offsite") is None
    clean.start("offsite")
    assert clean.run("offsite", "zpool import kept && cat /kept/file").stdout == "here\n"
    assert clean.run("offsite", "test -e /root/gone", check=False).returncode == 1


def test_reset_leaves_a_host_as_new(clean: Lab) -> None:
    clean.run("source", "zpool create -f kept /dev/ubdb && truncate -s 100M /big/disk && zpool create tank /big/disk")
    clean.run("source", "sh -c 'cd /tank && exec sleep 4321' >/dev/null 2>&1 </dev/null &")
    clean.run("source", "echo x >~/.ssh/authorized_keys; touch ~/left /tmp/left; date -s 2031-01-01", user="root")
    before = clean.pid("source")
    clean.reset("source")
    assert clean.pid("source") == before, "needed a reboot"
    assert (
        clean.run("source", "zpool list -H; zpool import -d /big -d /dev; pgrep -af 'sleep [4]321'; find /big /tmp -mindepth 1; ls /root", check=False).stdout
        == ""
    )
    assert abs(int(clean.run("source", "date +%s").stdout) - time.time()) < 5
    clean.run("backup", "ssh source true")


def test_a_reset_that_has_to_reboot_keeps_programs(clean: Lab) -> None:
    clean.copy("source", "/bin/true", "/usr/local/bin/copied")
    clean.run("source", "mount --bind /bin/false /usr/sbin/losetup")
    before = clean.pid("source")
    clean.reset("source")
    assert clean.pid("source") != before
    clean.run("source", "/usr/local/bin/copied")


def test_lines_can_be_cut_and_slowed(clean: Lab) -> None:
    def round_trip() -> float:
        started = time.monotonic()
        clean.run("source", "true")
        return time.monotonic() - started

    ssh = "ssh -o BatchMode=yes -o ConnectTimeout=1 backup true"
    clean.run("source", ssh)
    quick = round_trip()
    clean.net("source", "delay", 150)
    assert round_trip() > quick + 0.1
    clean.net("source", "heal")
    assert round_trip() < quick + 0.1
    clean.net("backup", "cut")
    assert clean.run("source", ssh, check=False).returncode == 255
    clean.net("backup", "heal")
    clean.run("source", ssh)


def test_a_cut_line_is_nobody_elses(clean: Lab) -> None:
    """Whichever it is: our own address for the others does not change with it."""

    def address() -> str:
        return call(["ip", "-n", clean.network.name, "-o", "link", "show", "dev", "bridge"]).split("link/ether ")[1].split()[0]

    before = address()
    for host in HOSTS:
        clean.cut_line(host)
        assert address() == before
        clean.heal_line(host)


def test_ansible_style_programs_run_in_the_labs_network(lab: Lab) -> None:
    script = 'ssh -F "$FERRO_LAB_SSH_CONFIG" offsite hostname; ip -o address show dev bridge'
    output = lab.exec(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.startswith("offsite\n")
    assert "10.99.0.254" in output


def test_two_labs_at_once_then_fresh_then_nothing(lab: Lab) -> None:
    other = Lab("selftest-2")
    try:
        other.up(["source"])
        other.run("source", "touch /root/mark /big/mark")
        assert lab.run("source", "ls /root/mark", check=False).returncode != 0, "two labs share a host"
        other.up(["source"])  # as if whoever started it had been killed
        assert other.run("source", "ls /root/mark /big/mark", check=False).stdout == ""
        connection = other.popen("source", "sleep 1000", stdin=subprocess.DEVNULL)
    finally:
        other.down()
    assert connection.wait(timeout=5) != 0
    assert traces("selftest-2") == []
    assert lab.run("source", "hostname").stdout == "source\n"
    with pytest.raises(LabError, match="not up"):
        other.run("source", "true")


def test_systemd_boots_and_runs_timers() -> None:
    with Lab("selftest-systemd", systemd=True) as systemd:
        assert systemd.run("source", "systemctl is-system-running", check=False).stdout == "running\n"
        systemd.run("source", "systemd-run --wait --property=ProtectSystem=strict --property=PrivateTmp=yes zpool list")
    assert traces("selftest-systemd") == []
