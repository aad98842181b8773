"""zfs_replicate and what stands between it and the zfs of another host: login shells, startup files, banners, warnings of ssh."""

from collections.abc import Iterator
from typing import Any

import pytest
from streaming import PULL
from zfs_hosts import Hosts

PUSH: dict[str, Any] = {"target_host": "root@backup", "source": ["tank"], "target": "vault"}
WAYS = pytest.mark.parametrize("way", ["push", "pull"])

# As sysadmins write them. Each line has words that also stand in complaints of ZFS and ssh.
BANNER = """***************************************************************
Authorized users only. Permission denied (publickey) to all others.
This system is read-only on Sundays, is busy at noon, and may be out of space.
cannot open 'vault': dataset does not exist
***************************************************************
"""


@pytest.fixture
def shells(hosts: Hosts) -> Iterator[Hosts]:
    """Whatever a test makes of root's login shells is undone."""
    yield hosts
    for host in ("source", "backup"):
        hosts.lab.run(host, "/usr/sbin/usermod -s /bin/bash root; rm -rf /root/.cshrc /root/.zshenv /root/.config/fish /root/.bashrc")
        hosts.sh(host, "kill $(cat /run/own_sshd.pid 2>/dev/null) 2>/dev/null || true")


def tree(hosts: Hosts, way: str) -> tuple[str, str, dict[str, Any]]:
    """Pools with something to send; gives the host that runs the module, the other one, and the arguments."""
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh("source", "zfs create 'tank/my data'; head -c 3M /dev/urandom > '/tank/my data/f'; zfs snapshot -r tank@s1")
    return ("source", "backup", dict(PUSH)) if way == "push" else ("backup", "source", dict(PULL))


def carried(hosts: Hosts, host: str, args: dict[str, Any]) -> list[str]:
    """Three runs: the first, an incremental one, one with nothing to do. Gives the warnings of the last."""
    for snapshot in ("s2", "s3"):
        result = hosts.replicate(host, **args)
        assert not result.get("failed"), result["msg"]
        hosts.sh("source", f"echo {snapshot} > '/tank/my data/g'; zfs snapshot -r tank@{snapshot}")
    hosts.replicated(host, **args)
    result = hosts.replicate(host, **args)
    assert {report["status"] for report in result["datasets"]} == {"up_to_date"} or not result["changed"], result
    assert hosts.guids("backup", "vault/tank/my data") == hosts.guids("source", "tank/my data")
    assert hosts.checksum("backup", "vault/tank/my data@s3") == hosts.checksum("source", "tank/my data@s3")
    # The bookmarks of the earlier runs were made and removed by scripts.
    assert len(hosts.sh("source", "zfs list -H -t bookmark -o name 'tank/my data'").splitlines()) == 1
    return list(result.get("warnings", []))


def sshd_with(hosts: Hosts, host: str, settings: str) -> dict[str, Any]:
    """A second sshd on a host, at port 2222; gives the options that lead there."""
    hosts.sh(
        host,
        "sed /^Max/d /etc/ssh/sshd_config.d/lab.conf > /run/own_sshd.conf;"
        f"printf '{settings}\\nPidFile /run/own_sshd.pid\\n' >> /run/own_sshd.conf; /usr/sbin/sshd -f /run/own_sshd.conf -p 2222",
    )
    return {"port": 2222, "options": [f"HostKeyAlias={host}", "LogLevel=INFO"]}


@WAYS
def test_a_banner_decides_nothing(shells: Hosts, way: str) -> None:
    host, other, args = tree(shells, way)
    shells.sh(other, f"cat > /run/banner <<'EOF'\n{BANNER}EOF")
    args["ssh"] = sshd_with(shells, other, "Banner /run/banner")
    assert "Sundays" in shells.lab.run(host, f"ssh -p 2222 -o LogLevel=INFO -o HostKeyAlias={other} {other} true 2>&1").stdout
    assert carried(shells, host, args) == []
    # A failure is explained by what ZFS says, and the banner is shown with it.
    shells.sh("backup", "zfs unmount -a; zfs destroy -r vault/tank; zfs set readonly=on vault; zfs set quota=2M vault")
    result = shells.replicate(host, **args)
    [error] = [report["error"] for report in result["datasets"] if report["status"] == "failed"]
    assert error["caused_by"] == "the pool is full or a quota is reached there; make room, then run again"
    assert "Sundays" not in result["msg"]


@WAYS
def test_warnings_of_ssh_decide_nothing(shells: Hosts, way: str) -> None:
    host, _other, args = tree(shells, way)
    # accept-new says so with every connection where it cannot write it down.
    args["ssh"] = {
        "options": ["StrictHostKeyChecking=accept-new", "UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null", "LogLevel=INFO"],
        "identity_file": "/root/no such key",
    }
    assert carried(shells, host, args) == []


@WAYS
def test_startup_files_that_print_to_stderr_decide_nothing(shells: Hosts, way: str) -> None:
    host, other, args = tree(shells, way)
    shells.sh(other, f"printf '%s' \"cat >&2 <<'EOF'\n{BANNER}EOF\" > /root/.bashrc; echo 'zfs list nosuch/thing' >> /root/.bashrc")
    assert carried(shells, host, args) == []


@WAYS
@pytest.mark.parametrize("compress", [False, True])
def test_startup_files_that_print_to_stdout_are_seen_through_and_named(shells: Hosts, way: str, compress: bool) -> None:
    host, other, args = tree(shells, way)
    # Not to the test itself, which comes from the controller.
    shells.sh(other, "echo 'case $SSH_CLIENT in 10.99.0.254*) ;; *) echo Welcome to nas; printf no-end-of-line;; esac' > /root/.bashrc")
    if compress:
        args["compress"] = "zstd"
    [warning] = carried(shells, host, args)
    assert warning.startswith(
        f"the login shell of root@{other} prints this before the command's output: Welcome to nas\n  | no-end-of-line. It is left out here"
    )


def test_a_login_shell_that_does_not_run_commands_is_one_clear_error(shells: Hosts) -> None:
    tree(shells, "pull")
    shells.sh("source", "printf '#!/bin/sh\\necho This account is not available.; exit 1\\n' > /usr/local/bin/noshell; chmod 755 /usr/local/bin/noshell")
    for shell, said in (("/usr/local/bin/noshell", "This account is not available."), ("/bin/true", "nothing"), ("/bin/echo", "-c sh -c")):
        shells.sh("source", f"usermod -s {shell} archive")
        result = shells.replicate("backup", **{**PULL, "source_host": "archive@source"})
        assert f"the login shell of archive@source printed this instead of running the command: {said}" in result["msg"], result["msg"]
        assert "check the user's shell in /etc/passwd" in result["msg"]
    shells.sh("source", "usermod -s /bin/bash archive; rm /usr/local/bin/noshell")


# A login shell that is busybox goes by the name that it is called.
@WAYS
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/dash", "/bin/bash", "/bin/zsh", "/bin/tcsh", "/bin/bsd-csh", "/usr/bin/fish", "/run/busybox/sh"])
def test_any_login_shell_will_do(shells: Hosts, way: str, shell: str) -> None:
    host, other, args = tree(shells, way)
    shells.sh(other, f"mkdir -p /run/busybox /root/.config/fish; ln -sf /bin/busybox /run/busybox/sh; usermod -s {shell} root")
    assert shells.sh(other, "getent passwd root").strip().endswith(f":{shell}")
    assert carried(shells, host, args) == []
    # Its startup file prints, and the streams are compressed by a script.
    shells.sh(other, "cd /root; for f in .cshrc .zshenv .config/fish/config.fish; do echo 'echo Welcome' > $f; done")
    shells.sh("source", "zfs snapshot -r tank@s4")
    result = shells.replicate(host, **args, compress="zstd")
    assert not result.get("failed"), result["msg"]
    assert shells.guids("backup", "vault/tank/my data") == shells.guids("source", "tank/my data")
    speaks = shell.rsplit("/", 1)[1] in ("zsh", "tcsh", "bsd-csh", "fish")
    assert any("Welcome" in warning for warning in result.get("warnings", [])) == speaks


@pytest.mark.parametrize("become", ["sudo", "doas"])
@WAYS
def test_an_account_becomes_root_for_zfs_alone(hosts: Hosts, way: str, become: str) -> None:
    here, there, args = tree(hosts, way)
    args = {name: value.replace("root@", "nohome@") if name.endswith("_host") else value for name, value in args.items()}
    args["ssh"] = {"become": become}
    assert hosts.replicate(here, **args)["code"] == "become_refused"
    verbs = "list get send bookmark" if way == "pull" else "list get receive create set inherit"
    sudoers = f'for v in {verbs}; do echo "nohome ALL=(root) NOPASSWD: /usr/sbin/zfs $v *"; done > /etc/sudoers.d/nohome; chmod 440 /etc/sudoers.d/nohome'
    hosts.sh(there, {"sudo": sudoers, "doas": "echo permit nopass nohome as root cmd zfs > /etc/doas.conf; chmod 400 /etc/doas.conf"}[become])
    for compress in ("none", "zstd"):
        result = hosts.replicate(here, **args, compress=compress)
        assert not result.get("failed"), result["msg"]
        hosts.sh("source", f"zfs snapshot -r tank@{compress}")
    hosts.replicated(here, **args)
    assert hosts.guids("backup", "vault/tank/my data") == hosts.guids("source", "tank/my data")
    assert len(hosts.guids("backup", "vault/tank/my data")) == 3
    hosts.sh(there, "rm -f /etc/sudoers.d/nohome /etc/doas.conf")
