# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller: one ansible-core with the collection installed from its archive, and how to run a playbook with it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Stands in for the binaries where a test asks what reached them. The \1 makes Ansible take it for a
# binary.
PROBE = """\
#!/bin/sh
# \1
[ "$1" = - ] && args=`cat` || args=`cat "$1"`
case $args in
  *'"target": "killed"'*) kill -KILL $$;;
  *'"target": "silent"'*) echo nothing like JSON; echo some reason >&2; exit 3;;
  *'"target": "liar"'*) echo '{"changed": false}'; exit 7;;
  *'"target": "watched"'*)
    f=`echo "$args" | sed 's/.*"progress_file": "\\([^"]*\\)".*/\\1/'`
    echo '{"line": "half of it is done"}' > "$f"; sleep 9; rm -f "$f";;
  *'"target": "slow"'*) echo $$ > "$HOME/pid"; sleep 5;;
esac
# Callbacks never see what starts with _ansible_.
args=`echo "$args" | sed s/_ansible_/internal_/g`
cat <<EOF
{"changed": true, "args": $args, "built_for": "BUILT_FOR", "user": "`id -un`", "program": "$0", "greeting": "$GREETING",
 "diff": {"before": "a\\\\n", "after": "b\\\\n"}, "_ansible_secret": 1, "warnings": ["a warning of the module"]}
EOF
"""

# An option that only the tests have.
SECRET = """
SPECS["zfs_replicate"]["argument_spec"]["passphrase"] = {"type": "str", "no_log": True, "aliases": ["password"]}
"""


@dataclasses.dataclass
class Record:
    """What became of one task on one host."""

    outcome: str
    host: str
    task: str
    result: dict[str, t.Any]


@dataclasses.dataclass
class Run:
    """What became of one call of a program."""

    rc: int
    output: str
    records: list[Record]

    def one(self, task: str, host: str | None = None, outcome: str | None = None) -> Record:
        found = [it for it in self.records if it.task == task and host in (None, it.host) and outcome in (None, it.outcome)]
        assert len(found) == 1, f"{len(found)} results for {task} on {host}:\n{self.output}"
        return found[0]


class Controller:
    """An ansible-core and the folder that the collection is installed in."""

    def __init__(self, programs: Path, scratch: Path, python: str = "/nonexistent/python") -> None:
        self.programs = programs
        self.python = python
        self.scratch = scratch
        self.collections = scratch / "collections"
        self.home = scratch / "home"
        self.home.mkdir(parents=True)
        self.inventory = ["local ansible_connection=local"]
        self.environment: dict[str, str] = {}

    def install(self, archive: Path) -> None:
        self.program("ansible-galaxy", "collection", "install", "--offline", "-p", str(self.collections), str(archive), check=True)

    @property
    def native(self) -> Path:
        return self.collections / "ansible_collections/ferro/zfs/plugins/module_utils/_native"

    def use_probes(self) -> None:
        """Puts the probe in the place of the binaries, and gives it a secret option."""
        for architecture in ("x86_64", "aarch64"):
            binary = self.native / f"zfs_replicate_{architecture}"
            binary.write_text(PROBE.replace("BUILT_FOR", architecture), encoding="utf-8")
        with (self.native.parent / "_argspec.py").open("a", encoding="utf-8") as file:
            file.write(SECRET)

    def program(self, name: str, *words: str, check: bool = False, **environment: str) -> Run:
        record = self.scratch / "record.jsonl"
        record.unlink(missing_ok=True)
        settings = {
            "HOME": str(self.home),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_TIMEOUT": "20",
            # Its parts disagree on what the home is when HOME is changed.
            "ANSIBLE_ASYNC_DIR": str(self.home / ".ansible_async"),
            "RECORD": str(record),
            **self.environment,
            **environment,
        }
        clean = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        done = subprocess.run(
            [str(self.programs / name), *words],
            env={**clean, **settings},
            cwd=self.scratch,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert not check or done.returncode == 0, done.stdout
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        return Run(done.returncode, done.stdout, [Record(**json.loads(line)) for line in lines])

    def play(self, hosts: str, tasks: str, *words: str, play: str = "", **environment: str) -> Run:
        """Runs the tasks, given as YAML, on the hosts. No facts, and as a rule no Python on any target."""
        inventory = self.scratch / "inventory"
        inventory.write_text("\n".join([*self.inventory, "[all:vars]", f"ansible_python_interpreter={self.python}", ""]), encoding="utf-8")
        indented = "\n".join("    " + line for line in tasks.strip("\n").splitlines())
        head = f"- hosts: {hosts}\n  gather_facts: false\n  ignore_errors: true\n{play}"
        playbook = self.scratch / "playbook.yml"
        playbook.write_text(f"{head}  tasks:\n{indented}\n", encoding="utf-8")
        return self.program("ansible-playbook", "-i", str(inventory), str(playbook), *words, **environment)
