"""ferro.zfs.restore_file: one file or folder comes back from a snapshot or a replica, and nothing that is there is lost."""

import json
import shlex
from pathlib import Path

import pytest
from zfs_hosts import ROOT, Hosts

SCRIPT = ROOT / "playbooks/files/restore_file.sh"
REPORT = "/tank/home/me/report"


@pytest.fixture
def files(hosts: Hosts) -> Hosts:
    """A file that was changed, then lost; replicas of it on backup, one of them without its key."""
    hosts.pool("source", "tank")
    hosts.pool("backup", "vault")
    hosts.sh(
        "source",
        f"""zfs create -o xattr=sa tank/home; mkdir /tank/home/me; echo one > {REPORT}; chown 1000:1001 {REPORT}; chmod 640 {REPORT}
        mkdir -p '/tank/home/me/a folder'; echo x > '/tank/home/me/a folder/.hidden'; ln -s /etc /tank/home/me/link
        zfs snapshot tank/home@s1; echo two > {REPORT}; zfs snapshot tank/home@s2; rm {REPORT}; zfs snapshot tank/home@s3
        echo 12345678 > /run/key; zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///run/key tank/secret
        echo x > /tank/secret/x; zfs snapshot tank/secret@s1
        zfs send -R tank/home@s3 | ssh root@backup zfs receive -o canmount=off -o readonly=on vault/home
        zfs send -w tank/secret@s1 | ssh root@backup zfs receive -u vault/secret""",
    )
    return hosts


def run(files: Hosts, host: str, mode: str, path: str, dataset: str = "", snapshot: str = "", at: str = "", to: str = "", overwrite: str = "no") -> list[str]:
    """The script alone, as the playbook starts it; gives its lines."""
    files.lab.copy(host, SCRIPT, "/tmp/restore_file.sh")
    words = [mode, dataset, path, snapshot, at, to, overwrite, "1000"]
    said = files.sh(host, f"unshare --mount sh /tmp/restore_file.sh {' '.join(map(shlex.quote, words))}")
    assert files.sh(host, "ls -d /run/ferro-zfs-* /tank/home/.ferro* /tank/home/me/.ferro* 2>/dev/null || true; grep -c restore /proc/mounts || true") == "0\n"
    return said.splitlines()


def fault(lines: list[str]) -> str:
    assert "DONE" not in lines
    return next(line.removeprefix("FAULT\t") for line in lines if line.startswith("FAULT\t"))


def test_it_comes_from_the_newest_snapshot_that_has_it(files: Hosts) -> None:
    looked = run(files, "source", "look", REPORT)
    assert [line.split("\t")[1] for line in looked] == ["s2", "s1"]
    lines = run(files, "source", "here", REPORT)
    assert lines[0] == "FOUND\ts2" and lines[-2:] == [f"TO\t{REPORT}.restored-s2", "DONE"]
    assert files.sh("source", f"cat {REPORT}.restored-s2; stat -c '%u %g %a' {REPORT}.restored-s2") == "two\n1000 1001 640\n"
    assert "is there already, and stays as it is" in fault(run(files, "source", "here", REPORT))
    # A folder with all that is in it, from a replica that is not mounted; and one without its key.
    assert "zfs load-key vault/secret" in fault(run(files, "backup", "here", "x", dataset="vault/secret", to="/big/x"))
    assert "there is no dataset vault/none" in fault(run(files, "backup", "here", "x", dataset="vault/none"))
    lines = run(files, "backup", "here", "me", dataset="vault/home", to="/big/back")
    assert lines[-1] == "DONE", lines
    assert files.sh("backup", "cat '/big/back/a folder/.hidden'; readlink /big/back/link; zfs get -H -o value mounted vault/home") == "x\n/etc\nno\n"


def test_attributes_and_access_lists_come_along(files: Hosts) -> None:
    # What the images have for it is perl. The list: owner rw, user 1000 r, group r, mask r, others nothing.
    listed = "02000000" + "01000600ffffffff" + "02000400e8030000" + "04000400ffffffff" + "10000400ffffffff" + "20000000ffffffff"
    give = f"""perl -e 'for my $one (["user.of", "{b"me".hex()}"], ["system.posix_acl_access", "{listed}"]) {{ my $v = pack("H*", $one->[1]);
        syscall(188, $ARGV[0], $one->[0], $v, length $v, 0) == 0 or die "$one->[0]: $!" }}' /tank/home/me/kept"""
    read = """perl -e 'for my $of ("user.of", "system.posix_acl_access") { my ($name, $v) = ($of, "-" x 99);
        my $n = syscall(191, $ARGV[0], $name, $v, 99); $n >= 0 or die "$name: $!"; print unpack("H*", substr($v, 0, $n)), chr 10 }' """
    files.sh("source", f"zfs set acltype=posix tank/home; echo x > /tank/home/me/kept; {give}; zfs snapshot tank/home@s4")
    had = files.sh("source", read + "/tank/home/me/kept")
    assert had == f"{b'me'.hex()}\n{listed}\n"
    run(files, "source", "here", "/tank/home/me/kept")
    assert files.sh("source", read + "/tank/home/me/kept.restored-s4") == had


def playbook(files: Hosts, collections: Path, *words: str, **variables: str) -> tuple[int, str]:
    given = json.dumps({f"restore_file_{name}": value for name, value in variables.items()})
    env = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_NOCOLOR": "1"}
    done = files.lab.exec(["ansible-playbook", "ferro.zfs.restore_file", *words, "--extra-vars", given], env=env, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_playbook_needs_no_python_and_says_what_holds_it(files: Hosts, collections: Path) -> None:
    code, said = playbook(files, collections, "--check", **{"from": "source", "path": REPORT})
    assert code == 0 and '"s2, ' in said and '"s1, ' in said, said
    code, said = playbook(files, collections, **{"from": "source", "path": REPORT, "snapshot": "s3"})
    assert code == 2 and "me/report is not in tank/home@s3. These snapshots hold it: s2, " in said, said
    wanted = {"from": "backup", "dataset": "vault/home", "path": "me", "snapshot": "s2", "to_host": "source", "to": "/tank/home/back"}
    code, said = playbook(files, collections, **wanted)
    assert code == 0 and "/tank/home/back on source" in said and "two" not in said, said
    assert files.sh("source", "cat /tank/home/back/report; stat -c '%u %g %a' /tank/home/back/report; ls -A /tank/home /tank/home/back") == (
        "two\n1000 1001 640\n/tank/home:\nback\nme\n\n/tank/home/back:\na folder\nlink\nreport\n"
    )
    code, said = playbook(files, collections, **wanted)
    assert code == 2 and "/tank/home/back is there already, and stays as it is" in said, said
