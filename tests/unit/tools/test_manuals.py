# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manual pages and completions: what groff and the shells make of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

import completions
import manuals
import usage

PROGRAMS = {program.name: program for program in usage.programs()}
ROOT = Path(__file__).resolve().parents[3]


def shell(*argv: str, folder: Path) -> str:
    """What a shell prints that has read nothing of its user's."""
    if shutil.which(argv[0]) is None:
        pytest.skip(f"no {argv[0]} here")
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place with all completions, a file, and a `zfs` and `zpool` that list something."""
    for path, text in manuals.generated("1.2.3").items():
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    (tmp_path / "jobs").mkdir()
    for name, listed in (("zfs", "tank\ntank/home"), ("zpool", "tank\nvault")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{listed}'\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_every_program_that_is_built_has_them() -> None:
    listed = subprocess.run([str(ROOT / "tools/binaries")], check=True, capture_output=True, text=True).stdout.split()
    assert sorted(PROGRAMS) == sorted(listed)


@pytest.mark.parametrize("name", PROGRAMS)
def test_groff_has_nothing_to_say_and_every_flag_is_there(name: str, folder: Path) -> None:
    assert shell("groff", "-man", "-ww", "-z", f"{name}.8", folder=folder) == ""
    # Without bold, and without hyphens of its own.
    text = shell("groff", "-man", "-Tascii", "-P-cbou", "-rLL=1000n", "-rHY=0", "-dAD=l", f"{name}.8", folder=folder)
    assert f"{name} - {PROGRAMS[name].about}" in text
    for flag in PROGRAMS[name].all_flags():
        assert re.search(rf"--(\[no-\])?{re.escape(flag.name)}( |$)", text, re.MULTILINE), flag
        assert flag.help.rstrip(".") in re.sub(r"\s+", " ", text), flag


def test_what_a_program_says_of_itself_is_all_read() -> None:
    program = PROGRAMS["zfs_replicate"]
    assert program.lines[0].startswith("[OPTION]...") and len(program.examples) >= 2
    flags = {flag.name: flag for flag in program.all_flags()}
    assert flags["ssh.port"].value == "N" and flags["raw"].choices and flags["exclude"].is_repeated
    assert flags["recursive"].is_on and flags["check"].letter == "n" and flags["result"].value == "FILE"
    assert {"nagios", "only", "mqtt-by-server"} <= {flag.name for flag in PROGRAMS["zfs_info"].all_flags()}
    gate = {flag.name: flag for flag in PROGRAMS["zfs_gate"].all_flags()}
    assert gate["mode"].choices == ["send", "receive"] and gate["allow-delete"].value == "AGE" and gate["dataset"].value == "DATASET"
    assert {"check", "validate", "help", "version"} == {flag.name for flag in PROGRAMS["zfs_monitor"].all_flags()}
    with pytest.raises(SystemExit):
        usage._texts("lines: [", "lines", 1)


BASH = """
. ./zfs_replicate.bash; . ./zfs_info.bash; . ./zfs_gate.bash
for line; do
    COMP_WORDS=($line); [[ $line == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=(stale)
    "_${COMP_WORDS[0]}"
    echo "${COMPREPLY[*]}"
done
"""
LINES = {
    "zfs_replicate --ra": "--raw",
    "zfs_replicate --raw ": "auto always never",
    "zfs_replicate --raw a": "auto always",
    "zfs_replicate --raw = al": "always",
    "zfs_replicate --raw =": "auto always never",
    "zfs_replicate --no-rec": "--no-recursive",
    "zfs_replicate --ssh.p": "--ssh.port",
    "zfs_replicate --retries ": "",
    "zfs_replicate --result jo": "jobs",
    "zfs_replicate --target tank/": "tank/home",
    "zfs_replicate jo": "jobs",
    "zfs_replicate ta": "tank tank/home",
    "zfs_info --pools v": "vault",
    "zfs_info --parts po": "pools",
    "zfs_info --nag": "--nagios",
    "zfs_gate --mode ": "send receive",
}


def test_bash_completes(folder: Path) -> None:
    said = shell("bash", "--norc", "-u", "-c", BASH, "bash", *LINES, folder=folder)
    assert dict(zip(LINES, said.splitlines(), strict=True)) == LINES


def test_fish_completes(folder: Path) -> None:
    def completed(line: str) -> list[str]:
        program = line.partition(" ")[0]
        said = shell("fish", "--no-config", "-c", f"source {program}.fish; complete -C {line!r}", folder=folder)
        return [one.partition("\t")[0] for one in said.splitlines()]

    assert completed("zfs_replicate --raw al") == ["always"]
    assert completed("zfs_replicate --ssh.p") == ["--ssh.port"]
    assert completed("zfs_replicate --target tank/h") == ["tank/home"]
    assert "--no-recursive" in completed("zfs_replicate --no-rec")
    assert completed("zfs_gate --mode s") == ["send"]


# `_arguments` itself wants a terminal; what it is given says all there is.
ZSH = '_arguments() { print -rl -- "$@" }; compadd() { print -rl -- "added $names" }; . ./_%s; _ferro_zfs_pools'


@pytest.mark.parametrize("name", PROGRAMS)
def test_zsh_is_given_every_flag(name: str, folder: Path) -> None:
    lines = shell("zsh", "-f", "-c", ZSH % name, folder=folder).splitlines()
    assert lines[-1] == "added tank vault"
    for flag in PROGRAMS[name].all_flags():
        for spelling in completions.spellings(flag):
            (spec,) = (line.removeprefix("*") for line in lines if line.removeprefix("*").startswith((f"{spelling}[", f"{spelling}=[")))
            assert not flag.choices or spec.endswith(f":({' '.join(flag.choices)})")
