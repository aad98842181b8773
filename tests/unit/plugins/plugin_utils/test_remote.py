# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts for the target's shell, in every shell that is here, and how their answers are read."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.ferro.zfs.plugins.plugin_utils import _remote
from ansible_collections.ferro.zfs.plugins.plugin_utils._remote import Binaries, Reply

SHELLS = [words for words in (["dash"], ["bash", "--posix"], ["busybox", "sh"], ["ksh"], ["zsh", "--emulate", "sh"]) if shutil.which(words[0])]
PROGRAM = b'#!/bin/sh\necho "$0 got `cat`"\nexit 3\n'
MACHINE = os.uname().machine


@pytest.fixture(params=SHELLS, ids=lambda words: str(words[0]))
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> t.Callable[..., Reply]:
    def run(script: str, stdin: bytes, **environment: str) -> Reply:
        settings = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environment}
        done = subprocess.run([*request.param, "-c", script], input=stdin, env=settings, capture_output=True, check=False)
        return Reply.of({"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()})

    return run


@pytest.fixture
def binaries() -> Binaries:
    return Binaries("zfs_sample", {"x86_64": PROGRAM, "aarch64": PROGRAM})


def test_missing_then_stored_then_run(shell: t.Callable[..., Reply], binaries: Binaries, tmp_path: Path) -> None:
    run = _remote.run_script(binaries, None)
    missing = shell(run, b"args")
    assert (missing.verdict, missing.machine) == ("missing", MACHINE)
    assert shell(_remote.upload_script(binaries, None, MACHINE), PROGRAM).verdict == "stored"
    (stored,) = (tmp_path / ".cache/ansible-ferro.zfs").iterdir()
    assert stored.name == f"zfs_sample-{binaries.sha256(MACHINE)}"
    ran = shell(run, b"args")
    assert (ran.verdict, ran.rc, ran.text, ran.stderr) == ("ran", 3, f"{stored} got args\n", "")


def test_the_directory_is_quoted(shell: t.Callable[..., Reply], binaries: Binaries, tmp_path: Path) -> None:
    folder = str(tmp_path / "it's $HOME; `here`")
    assert shell(_remote.upload_script(binaries, folder, MACHINE), PROGRAM).verdict == "stored"
    assert shell(_remote.run_script(binaries, folder), b"").text.startswith(folder)


def test_a_cut_upload_is_not_stored(shell: t.Callable[..., Reply], binaries: Binaries, tmp_path: Path) -> None:
    reply = shell(_remote.upload_script(binaries, None, MACHINE), PROGRAM[:-1])
    assert (reply.verdict, reply.rc) == ("ran", 1)
    assert list((tmp_path / ".cache/ansible-ferro.zfs").iterdir()) == []


def test_nowhere_to_store(shell: t.Callable[..., Reply], binaries: Binaries) -> None:
    reply = shell(_remote.upload_script(binaries, "/proc/nowhere", MACHINE), PROGRAM)
    assert (reply.verdict, reply.rc) == ("ran", 1)
    assert "no directory to store it in" in reply.text


@pytest.mark.parametrize("machine", ["riscv64", "armv7l", "armv6l", "armv8l", "i686"])
def test_an_unknown_machine(shell: t.Callable[..., Reply], binaries: Binaries, tmp_path: Path, machine: str) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "uname").write_text(f"#!/bin/sh\necho {machine}\n", encoding="utf-8")
    (shims / "uname").chmod(0o755)
    reply = shell(_remote.run_script(binaries, None), b"", PATH=f"{shims}:{os.environ['PATH']}")
    assert (reply.verdict, reply.machine, reply.rc) == ("unsupported", machine, 0)


def test_an_environment_reaches_the_binary(shell: t.Callable[..., Reply]) -> None:
    script = _remote.with_environment("GREETING='it is me'", 'true; echo "$GREETING"')
    assert "it is me" in shell(script, b"").text


def test_every_script_is_one_line(binaries: Binaries) -> None:
    """csh as login shell breaks a quoted newline."""
    for script in (_remote.run_script(binaries, None), _remote.upload_script(binaries, "/a b", MACHINE), _remote.installed_script("/a b")):
        assert "\n" not in script


def answer(stdout: str, rc: int = 0) -> Reply:
    return Reply.of({"rc": rc, "stdout": stdout, "stderr": ""})


def test_chatter_of_login_scripts_is_no_answer() -> None:
    assert answer("Welcome!\r\nferro.zfs: started\r\n{}\r\n").text == "{}\n"
    assert answer("Welcome!\n").verdict == ""
    assert answer("sudo: sorry, you must have a tty to run sudo", 1).verdict == ""


def test_the_output_of_a_module_is_no_verdict() -> None:
    assert answer('ferro.zfs: started\n{"msg": "ferro.zfs: missing x86_64"}\n').verdict == "ran"


@pytest.mark.parametrize(("rc", "words"), [(3, "exit status 3"), (137, "killed by SIGKILL"), (255, "exit status 255"), (None, "exit status None")])
def test_an_end_without_result(rc: int | None, words: str) -> None:
    result = _remote.no_result("zfs_sample", rc, "x" * 5000, "")
    assert result["failed"] is True
    assert result["msg"].startswith(f"zfs_sample ended without a result ({words}). stdout: xxx")
    assert len(result["msg"]) < 1200
