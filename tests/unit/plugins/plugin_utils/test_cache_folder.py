# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose folder the cached binary is run from: attacked as another user of the target would, in every shell that is here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.ferro.zfs.plugins.plugin_utils import _remote
from ansible_collections.ferro.zfs.plugins.plugin_utils._remote import Binaries, Reply

SHELLS = [words for words in (["dash"], ["bash", "--posix"], ["busybox", "sh"], ["ksh"], ["zsh", "--emulate", "sh"]) if shutil.which(words[0])]
PROGRAM = b'#!/bin/sh\necho "good as `id -u`"\n'
MACHINE = os.uname().machine
NOBODY = 65534

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be attacked by somebody else")

# A root-owned copy of the right hash that everybody can read, as roles install one below
# /usr/local/bin.
INSTALLED = "/tmp/installed"

# In the place of sha256sum: it sums up, and then the attacker has his turn, between the check and
# the run.
SHIM = """#!/bin/sh
%s
[ -z "$ATTACK" ] || setpriv --reuid=65534 --regid=65534 --clear-groups /bin/sh -c "$ATTACK" >/dev/null 2>&1
exit 0
"""
EVIL = r"""printf '#!/bin/sh\necho "evil as `id -u`"\n' >%s.new; chmod 755 %s.new; mv -f %s.new %s"""


class Target:
    """A target with a /tmp, a /home and a /var/cache of its own, that root and `nobody` share."""

    def __init__(self, shell: list[str], binaries: Binaries, path: Path) -> None:
        self.shell = shell
        self.binaries = binaries
        shims = path / "shims"
        shims.mkdir()
        summer = shutil.which("sha256sum")
        (shims / "sha256sum").write_text(SHIM % summer, encoding="utf-8")
        (shims / "sha256sum").chmod(0o755)
        self.path = f"{shims}:{os.environ['PATH']}"
        self.name = f"{binaries.module}-{binaries.sha256(MACHINE)}"
        self.folder = path

    def run(self, before: str, script: str, stdin: bytes = b"", attack: str = "", after: str = "", **environment: str) -> tuple[Reply, str]:
        """Does `before` as root, then the script with stdin; gives its reply, and what `after` prints."""
        (self.folder / "program").write_bytes(PROGRAM)
        (self.folder / "stdin").write_bytes(stdin)
        (self.folder / "script").write_text(script, encoding="utf-8")
        # What is mounted here ends with this process.
        scene = f"""
set -e
exec 3<{self.folder}/stdin 4<{self.folder}/program
script=$(cat {self.folder}/script)
mkdir -p /var/cache
cp -a {self.folder}/shims /run/ferro-shims.$$ && shims=/run/ferro-shims.$$
trap 'rm -rf $shims' EXIT
for place in /tmp /home /var/cache; do mount -t tmpfs -o mode=755 none $place; done
chmod 1777 /tmp
cat <&4 >{INSTALLED}; chmod 755 {INSTALLED}
mkdir -m 700 /tmp/roots /home/eve; chown 65534:65534 /home/eve; chmod 755 /home/eve
as_nobody() {{ setpriv --reuid=65534 --regid=65534 --clear-groups /bin/sh -c "$1"; }}
{before}
set +e
PATH=$shims:$PATH ATTACK="$THEN" {" ".join(self.shell)} -c "$script" <&3 >/tmp/roots/stdout
echo $? >/tmp/roots/rc
cat /tmp/roots/rc; cat /tmp/roots/stdout; echo ======; {after or ":"}
"""
        settings = {"PATH": os.environ["PATH"], "HOME": "/home/eve", "THEN": attack, **environment}
        words = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", scene]
        done = subprocess.run(words, env=settings, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0 or done.stdout, done.stderr
        rc, _, rest = done.stdout.partition("\n")
        text, _, seen = rest.partition("======\n")
        return Reply.of({"rc": int(rc), "stdout": text, "stderr": done.stderr}), seen

    def planted(self, folder: str) -> str:
        """The attacker's folder, in which the right name leads to the root-owned copy."""
        return f"as_nobody 'mkdir -p {folder} && chmod 755 {folder} && ln -s {INSTALLED} {folder}/{self.name}'\n"

    def swap(self, folder: str) -> str:
        return EVIL % ((f"{folder}/{self.name}",) * 4)

    def run_script(self, directory: str | None = None) -> str:
        return _remote.run_script(self.binaries, directory)

    def upload_script(self, directory: str | None = None) -> str:
        return _remote.upload_script(self.binaries, directory, MACHINE)


@pytest.fixture(params=SHELLS, ids=lambda words: str(words[0]))
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    return Target(request.param, Binaries("zfs_sample", {"x86_64": PROGRAM, "aarch64": PROGRAM}), tmp_path)


def test_a_folder_of_somebody_else_in_tmp_is_not_run_from(target: Target) -> None:
    folder = "/tmp/ansible-ferro.zfs-0"
    reply, _ = target.run(target.planted(folder), target.run_script(), attack=target.swap(folder))
    assert (reply.verdict, reply.text) == ("missing", f"ferro.zfs: missing {MACHINE}\n")


@pytest.mark.parametrize("given", ["/tmp/cache", "/home/eve/cache"])
def test_a_named_folder_that_somebody_else_can_swap_is_not_run_from(target: Target, given: str) -> None:
    for folder in (given, f"{given}/ansible-ferro.zfs-0"):
        reply, _ = target.run(target.planted(folder), target.run_script(given), attack=target.swap(folder))
        assert reply.verdict == "missing", folder


def test_a_named_folder_may_be_reached_by_roots_own_link_only(target: Target) -> None:
    """Whoever put the link there could also move it between the check and the run."""
    own = "mkdir -m 700 /tmp/roots/real; ln -s /tmp/roots/real /home/link\n"
    reply, seen = target.run(own, target.upload_script("/home/link"), PROGRAM, after="ls /tmp/roots/real")
    assert (reply.verdict, seen) == ("stored", "ansible-ferro.zfs-0\n")
    eves = "mkdir -m 700 /tmp/roots/real; as_nobody 'ln -s /tmp/roots/real /home/eve/link'\n"
    reply, seen = target.run(eves, target.upload_script("/home/eve/link"), PROGRAM, after="ls /tmp/roots/real")
    assert (reply.verdict, seen) == ("ran", "")


def test_root_with_the_home_of_a_user_caches_in_a_place_of_its_own(target: Target) -> None:
    """As `su` and some `sudo` leave it."""
    kept = f"mkdir -p -m 700 /var/cache/ansible-ferro.zfs; cat {INSTALLED} >/var/cache/ansible-ferro.zfs/{target.name}; "
    kept += f"chmod 500 /var/cache/ansible-ferro.zfs/{target.name}\n"
    reply, seen = target.run("", target.upload_script(), PROGRAM, after="ls -A /home/eve /tmp; stat -c '%a %u' /var/cache/ansible-ferro.zfs")
    assert (reply.verdict, seen) == ("stored", "/home/eve:\n\n/tmp:\ninstalled\nroots\n700 0\n")
    reply, _ = target.run(kept, target.run_script(), attack="rm -rf /var/cache/ansible-ferro.zfs")
    assert (reply.verdict, reply.text) == ("ran", "good as 0\n")


@pytest.mark.slow
def test_the_cache_folder_of_somebody_else_is_not_used(target: Target) -> None:
    """`su` keeps XDG_CACHE_HOME of the user who calls it, and HOME becomes that of root."""
    su = {"HOME": "/tmp/roots", "XDG_CACHE_HOME": "/home/eve/.cache"}
    folder = "/home/eve/.cache/ansible-ferro.zfs"
    reply, _ = target.run(target.planted(folder), target.run_script(), attack=target.swap(folder), **su)
    assert reply.verdict == "missing"
    # What root makes in a folder of eve's, she can still move.
    made = f"mkdir -m 700 -p {folder}; cat {INSTALLED} >{folder}/{target.name}; chmod 500 {folder}/{target.name}; chown 65534 /home/eve/.cache\n"
    moved = f"mv {folder} {folder}.old; mkdir {folder}; {target.swap(folder)}"
    reply, _ = target.run(made, target.run_script(), attack=moved, **su)
    assert reply.verdict == "missing"
    # Nor does her link choose where root makes folders.
    led = "as_nobody 'ln -s /tmp/roots/secret /home/eve/.cache'; mkdir -m 700 /tmp/roots/secret\n"
    reply, seen = target.run(led, target.upload_script(), PROGRAM, after="ls -A /tmp/roots/secret", **su)
    assert (reply.verdict, seen) == ("stored", "")


@pytest.mark.parametrize("mode", ["770", "775", "707", "755", "2777"])
def test_a_cache_folder_that_others_can_enter_is_not_run_from(target: Target, mode: str) -> None:
    folder = "/tmp/roots/.cache/ansible-ferro.zfs"
    made = f"mkdir -p {folder}; cat {INSTALLED} >{folder}/{target.name}; chmod 500 {folder}/{target.name}; chmod 700 {folder}\n"
    reply, _ = target.run(made, target.run_script(), HOME="/tmp/roots")
    assert reply.verdict == "ran"
    reply, _ = target.run(made + f"chmod {mode} {folder}\n", target.run_script(), HOME="/tmp/roots")
    assert reply.verdict == "missing"


@pytest.mark.parametrize(("mode", "verdict"), [("755", "ran"), ("1777", "ran"), ("775", "missing"), ("757", "missing")])
def test_a_folder_above_it_must_keep_others_from_moving_it(target: Target, mode: str, verdict: str) -> None:
    folder = "/home/shared/ansible-ferro.zfs-0"
    made = f"mkdir -p {folder}; cat {INSTALLED} >{folder}/{target.name}; chmod 500 {folder}/{target.name}; chmod 700 {folder}\n"
    reply, _ = target.run(made + f"chmod {mode} /home/shared\n", target.run_script("/home/shared/"))
    assert reply.verdict == verdict


def test_an_existing_folder_keeps_its_mode_and_what_lies_in_it(target: Target) -> None:
    old = "touch -d '2 years ago'"
    data = f"mkdir -p /home/data/below/ansible-ferro.zfs-0; chmod 755 /home/data; {old} /home/data/photo /home/data/below/photo\n"
    for name in (f"zfs_prune-{'0' * 64}", "zfs_prune-of-mine", "upload.12"):
        data += f"{old} /home/data/{name} /home/data/below/{name}\n"
    look = "cd /home/data; find . -type f | grep -v ansible- | sort; stat -c %a ."
    reply, seen = target.run(data, target.upload_script("/home/data"), PROGRAM, after=look)
    assert reply.verdict == "stored"
    names = [f"./{'below/' if below else ''}{name}" for below in (True, False) for name in ("photo", "upload.12", f"zfs_prune-{'0' * 64}", "zfs_prune-of-mine")]
    assert sorted(seen.splitlines()) == sorted([*names, "755"])


def test_only_old_files_of_our_own_names_go_and_only_one_level_deep(target: Target) -> None:
    folder = "/tmp/roots/.cache/ansible-ferro.zfs"
    old = "touch -d '2 years ago'"
    before = f"mkdir -p {folder}/below; chmod 700 {folder}; cd {folder}; {old} notes upload.me below/upload.7 below/zfs_prune-{'1' * 64}\n"
    before += f"{old} zfs_prune-{'1' * 64} upload.7; touch zfs_prune-{'2' * 64}; cd /\n"
    reply, seen = target.run(before, target.upload_script(), PROGRAM, after=f"cd {folder}; find . -type f | sort", HOME="/tmp/roots")
    assert reply.verdict == "stored"
    expected = ["./below/upload.7", f"./below/zfs_prune-{'1' * 64}", "./notes", "./upload.me", f"./zfs_prune-{'2' * 64}", f"./{target.name}"]
    assert sorted(seen.splitlines()) == sorted(expected)
