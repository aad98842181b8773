# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the target's shell is told, and what its answers mean. Pure, but for reading the binaries of this collection.

The scripts are POSIX sh (dash, bash and busybox were tried) on one line: the user's login shell, which may be csh, sees them first.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import shlex
import signal
import typing as t
from pathlib import Path

from ansible_collections.ferro.zfs.plugins.plugin_utils._machines import ARCHITECTURES

NATIVE = Path(__file__).resolve().parent.parent / "module_utils" / "_native"

# Everything before this line is chatter of login scripts. Without it nothing of ours ran.
STARTED = "ferro.zfs: started"
MARK = "ferro.zfs:"


@dataclasses.dataclass(frozen=True)
class Binaries:
    """The binaries of one module, by architecture."""

    module: str
    contents: dict[str, bytes]

    @classmethod
    def of(cls, module: str) -> Binaries:
        """Reads them; FileNotFoundError where the collection was installed without."""
        return cls(module, {arch: (NATIVE / f"{module}_{arch}").read_bytes() for arch in sorted(set(ARCHITECTURES.values()))})

    def content(self, machine: str) -> bytes:
        return self.contents[ARCHITECTURES[machine]]

    def sha256(self, machine: str) -> str:
        return self._sums[ARCHITECTURES[machine]]

    @functools.cached_property
    def _sums(self) -> dict[str, str]:
        # Of some MiB each, and asked for by several names of a machine.
        return {architecture: hashlib.sha256(content).hexdigest() for architecture, content in self.contents.items()}


@dataclasses.dataclass(frozen=True)
class Reply:
    """What came back from a script."""

    verdict: str
    """``ran``, ``missing``, ``stored``, ``unsupported``, or empty where the shell never got that far."""
    machine: str
    rc: int
    text: str
    stderr: str

    @classmethod
    def of(cls, answer: dict[str, t.Any]) -> Reply:
        _chatter, started, text = answer["stdout"].replace("\r\n", "\n").partition(STARTED + "\n")
        words = re.match(rf"{MARK} (missing|stored|unsupported)(?: (\S+))?\s*$", text)
        verdict = words.group(1) if words else "ran" if started else ""
        machine = words.group(2) or "" if words else ""
        return cls(verdict, machine, answer["rc"], text if started else answer["stdout"], answer["stderr"])


def run_script(binaries: Binaries, directory: str | None) -> str:
    """Runs the cached binary, or says ``missing MACHINE``. Standard input is left to the binary."""
    cases = "".join(f" {machine}) h={binaries.sha256(machine)};;" for machine in ARCHITECTURES)
    return (
        f"echo {STARTED}; m=`uname -m`; case $m in{cases} *) echo {MARK} unsupported $m; exit 0;; esac; {_OURS}"
        # Its folder first: in one that somebody else can change, a file that was right when it was
        # summed up need not be the one that is run.
        f"cached() {{ f=$1/{binaries.module}-$h; "
        '[ -f "$f" ] && [ ! -L "$f" ] && [ -x "$f" ] && [ -O "$f" ] && ours "$1" && '
        's=`sha256sum < "$f"` && [ "${s%% *}" = $h ]; }; '
        # Not exec: ssh would report a binary that a signal killed as a lost connection.
        f'if {_first("cached", directory)}; then "$f" -; exit $?; fi; '
        f"echo {MARK} missing $m"
    )


def upload_script(binaries: Binaries, directory: str | None, machine: str) -> str:
    """Stores standard input as the cached binary in the first directory where it could run."""
    digest = binaries.sha256(machine)
    name = f"{binaries.module}-{digest}"
    # Only what this script itself has put there, however the folder came to be.
    own_names = f"-name 'zfs_*-{'?' * len(digest)}' -o -name 'upload.[0-9]*'"
    return (
        f"echo {STARTED}; umask 077; {_OURS}"
        # Nothing is made below a folder of somebody else, whose links could lead anywhere.
        'usable() { c=$1; e=$c; until [ -z "$e" ] || [ -e "$e" ] || [ -L "$e" ]; do e=${e%/*}; done; '
        # A file in it may run: noexec shows in -x.
        'trusted "${e:-/}" && mkdir -p "$c" && ours "$c" && t=$c/upload.$$ && '
        ': > "$t" && chmod 500 "$t" && { [ -x "$t" ] || { rm -f "$t"; false; }; }; }; '
        f"{_first('usable', directory)} || {{ echo no directory to store it in; exit 1; }}; "
        # On disk before it gets its name: a crash must not leave a file of zeros under it.
        'rm -f "$t"; dd of="$t" bs=65536 conv=fsync 2>/dev/null && chmod 500 "$t" && s=`sha256sum < "$t"` && '
        f'[ "${{s%% *}}" = {digest} ] && mv -f "$t" "$c/{name}" && echo {MARK} stored || {{ rm -f "$t"; exit 1; }}; '
        f'find "$c/." ! -name . -prune -type f \\( {own_names} \\) -mtime +30 ! -name {name} -exec rm -f {{}} +'
    )


def installed_script(program: str) -> str:
    """Runs a program that is there already."""
    return f"echo {STARTED}; {shlex.quote(program)} -; exit $?"


def with_environment(environment: str, script: str) -> str:
    """The script with the task's ``environment:``, which the shell would give only to its first command."""
    return f"{environment} /bin/sh -c {shlex.quote(script)}" if environment.strip() else script


def only_result(said: dict[str, t.Any]) -> dict[str, t.Any]:
    """What a target said as the result of a module, without what would be an order to Ansible.

    A module may set variables of its host (``ansible_facts``), and an action plugin add hosts and groups. A target that was
    taken over must not: roles read variables of other hosts, and plays run on groups. ``ansible_job_id`` tells of ``async``.
    """
    orders = ("add_host", "add_group")
    return {key: value for key, value in said.items() if key == "ansible_job_id" or (not key.startswith(("_ansible_", "ansible_")) and key not in orders)}


def no_result(module: str, rc: int | None, stdout: str, stderr: str) -> dict[str, t.Any]:
    """The result of a binary that ended without one."""
    if rc == 126:
        why = (
            f"{module} cannot be run on the target: permission denied. If the home, the temporary directory, and /tmp or for root /var/cache, are mounted "
            "noexec, name a directory that is not in the variable zfs_native_cache_dir, or install the binary and name its directory in zfs_native_path."
        )
    else:
        why = f"{module} ended without a result ({_ending(rc)})."
    said = [f"{name}: {text.strip()[-1000:]}" for name, text in (("stderr", stderr), ("stdout", stdout)) if text.strip()]
    return {"failed": True, "changed": False, "rc": rc, "msg": " ".join([why, *said]), "stdout": stdout[-4000:], "stderr": stderr[-4000:]}


# Shell functions that ask `ls` for modes and owners (`stat` differs from system to system), all at
# once: `trusted DIR [LEAF]`: DIR and every folder above it belong to root or to us, and what lies
# in them nobody else can move or replace, because they may not write there or because the folder is
# sticky. LEAF is a folder of the mode 0700, and no link. `ours DIR`: that of DIR itself, by the
# name that was given and by the one without links; and DIR belongs to us.
_OURS = (
    'me=`id -u`; trusted() { case $1 in /*) ;; *) return 1;; esac; p=$1; shift; set -- "$@" /.; '
    'while [ -n "$p" ]; do case $p in */) ;; *) set -- "$@" "$p/.";; esac; p=${p%/*}; done; '
    # A name with a newline in it, and a folder that is not there, make another number of lines.
    'ls -ldn "$@" 2>/dev/null | ( n=0; while read -r mode _links owner rest; do n=$((n+1)); '
    "case $rest in */.) ;; *) case $mode in drwx--[-S]---*) ;; *) exit 1;; esac;; esac; "
    "case $mode in d????????[tT]*) ;; d????w*|d???????w*) exit 1;; d*) ;; *) exit 1;; esac; "
    "case $owner in 0|$me) ;; *) exit 1;; esac; done; [ $n = $# ] ); }; "
    'ours() { [ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ] && trusted "$1" "$1" && q=`cd -P "$1" && pwd -P` && '
    '{ [ "$q" = "$1" ] || trusted "$q" "$q"; }; }; '
)


def _first(test: str, directory: str | None) -> str:
    """Tries a shell function on each directory where the cache may be. Each is one of our own."""
    if directory:
        return f"{test} {shlex.quote(directory.rstrip('/'))}/ansible-ferro.zfs-$me"
    # A home that belongs to another (su and some sudo keep HOME) would let that other swap what
    # lies in it.
    home = '[ -O "$HOME" ] && ' + test + ' "${XDG_CACHE_HOME:-$HOME/.cache}/ansible-ferro.zfs"'
    # /tmp is for those who have no other place. What anybody may make there is nothing for root.
    other = f"if [ $me = 0 ]; then {test} /var/cache/ansible-ferro.zfs; else {test} /tmp/ansible-ferro.zfs-$me; fi"
    return f"{{ {home}; }} || {other}"


def _ending(rc: int | None) -> str:
    """``exit status 3``, or for what a shell makes of a signal ``killed by SIGKILL``."""
    if rc is not None and rc > 128:
        try:
            return f"killed by {signal.Signals(rc - 128).name}"
        except ValueError:
            pass
    return f"exit status {rc}"
