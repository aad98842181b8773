# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells how a job went (roles/zfs_notify/files/ferro-zfs-notify), with a real curl and a real receiver."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "roles/zfs_notify/files/ferro-zfs-notify"
TOKEN = "tk_Very.Secret"  # of nobody
PULL = "ferro-zfs-pull@nas.service"
# A name with what JSON and terminals mind: quotes, a backslash, an escape, half a character.
SAID = b'error: tank/a: "no space\\left" & <more>\x1b[31m \xc3'


class Receiver(ThreadingHTTPServer):
    """Keeps what is posted: path, headers, body; and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.posted: list[tuple[str, dict[str, str], bytes]] = []
        self.seen_by_others = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def take(self) -> list[tuple[str, dict[str, str], bytes]]:
        posted, self.posted = self.posted, []
        return posted


def command_lines() -> bytes:
    """The arguments of everything that runs."""
    commands = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            commands += path.read_bytes()
    return commands


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        commands = command_lines()
        self.server.seen_by_others |= TOKEN.encode() in commands or b"/a-secret-hook" in commands
        if self.server.status < 300:
            self.server.posted.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> t.Iterator[Receiver]:
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield receiver
        assert not receiver.seen_by_others, "a secret was an argument"
        receiver.shutdown()


class Host:
    """A host whose journal and sendmail are stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "state").mkdir()
        self.stand_in("journalctl", f'case "$*" in --sync) ;; *"--since Mon 2025-11-24 15:59:00 UTC "*) cat {folder}/said ;; esac')
        self.stand_in("sendmail", f"cat >>{folder}/mail")
        self.stand_in("systemctl", "echo InactiveExitTimestamp=Mon 2025-11-24 15:59:00 UTC")
        (folder / "said").write_bytes(SAID + b"\n")
        self.now = 1_764_000_000
        self.stand_in("date", 'case "$1" in +%s) echo "$NOW" ;; *) exec /bin/date "$@" ;; esac')

    def stand_in(self, name: str, script: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.folder / name).chmod(0o755)

    def configure(self, *lines: str, remind: int = 86400, after: int = 0) -> None:
        head = ["# as the role writes it", "host here", f"remind {remind}", f"after {after}", "retries 0"]
        (self.folder / "conf").write_text("\n".join([*head, *lines]) + "\n")

    def ends(self, result: str, status: int = 0, unit: str = PULL, moment: str = "ended") -> int:
        env = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "STATE_DIRECTORY": str(self.folder / "state"),
            "MONITOR_SERVICE_RESULT": result,
            "MONITOR_EXIT_STATUS": str(status),
            "NOW": str(self.now),
            "TMPDIR": str(self.folder),
        }
        done = subprocess.run(["sh", PROGRAM, f"{moment}:{unit}", self.folder / "conf"], env=env, capture_output=True, text=True, timeout=60, check=False)
        assert TOKEN not in done.stdout + done.stderr and "/a-secret-hook" not in done.stdout + done.stderr
        assert not list(self.folder.glob("tmp.*")), "something is left behind"
        return done.returncode

    def fails(self) -> int:
        return self.ends("exit-code", 1)

    def succeeds(self) -> int:
        return self.ends("success")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def events(receiver: Receiver) -> list[str]:
    return [json.loads(body)["event"] for _path, _headers, body in receiver.take()]


def test_failure_and_recovery_are_told_once_each(host: Host, receiver: Receiver) -> None:
    host.configure(f"webhook json {receiver.url}/a-secret-hook {TOKEN}")
    assert host.succeeds() == 0
    assert receiver.take() == [], "nothing was wrong"
    host.fails()
    ((path, headers, body),) = receiver.take()
    assert (path, headers["Authorization"], headers["Content-Type"]) == ("/a-secret-hook", f"Bearer {TOKEN}", "application/json")
    told = json.loads(body)
    assert told.pop("output") == 'error: tank/a: "no space\\left" & <more>[31m \n'
    when = "2025-11-24T16:00:00Z"
    assert told == {
        "host": "here",
        "job": "pull@nas",
        "unit": PULL,
        "event": "failed",
        "state": "failed",
        "since": when,
        "at": when,
        "title": "here: pull@nas failed",
    }
    for _ in range(3):
        host.now += 900
        host.fails()
    assert receiver.take() == []
    host.now += 86400
    host.fails()
    ((_path, _headers, body),) = receiver.take()
    assert json.loads(body)["title"] == "here: pull@nas still fails, since 2025-11-24 16:00 UTC"
    host.succeeds()
    host.succeeds()
    assert events(receiver) == ["recovered"]


@pytest.mark.slow
def test_what_does_not_arrive_is_not_told_and_tried_again(host: Host, receiver: Receiver) -> None:
    host.configure(f"webhook json {receiver.url}/a-secret-hook -", "webhook json http://127.0.0.1:1/a-secret-hook -")
    for status in (500, 404, 302):
        receiver.status = status
        assert host.fails() == 1
        host.now += 900
    receiver.status = 200
    assert host.fails() == 1, "the other one is still away"
    ((_path, _headers, body),) = receiver.take()
    assert (json.loads(body)["event"], json.loads(body)["since"]) == ("failed", "2025-11-24T16:00:00Z")
    # A recovery that got lost is told later; one of a failure that nobody knows of, never.
    receiver.status = 503
    assert host.succeeds() == 1
    receiver.status = 200
    assert host.succeeds() == 0
    assert events(receiver) == ["recovered"]


def test_short_failures_are_not_told_where_that_is_wanted(host: Host, receiver: Receiver) -> None:
    host.configure(f"webhook json {receiver.url}/a-secret-hook -", after=3600, remind=0)
    host.fails()
    host.now += 900
    host.succeeds()
    host.fails()
    assert receiver.take() == []
    host.now += 3600
    host.fails()
    host.now += 10 * 86400
    host.fails()
    host.succeeds()
    assert events(receiver) == ["failed", "recovered"]


def test_each_way_has_its_own_form(host: Host, receiver: Receiver) -> None:
    host.configure(
        f"webhook slack {receiver.url}/a-secret-hook/slack -", f"webhook ntfy {receiver.url}/a-secret-hook/ntfy {TOKEN}", "mail root sender@example.org"
    )
    host.ends("timeout", 15)
    slack, ntfy = receiver.take()
    assert json.loads(slack[2])["text"].startswith('*here: pull@nas failed (timeout)*\n```\nerror: tank/a: "no space\\left" &amp; &lt;more&gt;')
    assert (ntfy[0], ntfy[1]["Title"], ntfy[1]["Priority"]) == ("/a-secret-hook/ntfy", "here: pull@nas failed (timeout)", "high")
    mail = (host.folder / "mail").read_text()
    head, _, text = mail.partition("\n\n")
    assert head.splitlines()[:3] == ["To: root", "From: sender@example.org", "Subject: here: pull@nas failed (timeout)"]
    assert "no space" in text and "journalctl -u ferro-zfs-pull@nas.service" in text
    host.stand_in("sendmail", "exit 1")
    assert host.succeeds() == 1
    assert receiver.take()[1][1]["Priority"] == "default"


def test_pings_have_start_success_and_failure_with_the_output(host: Host, receiver: Receiver) -> None:
    host.configure(f"pings {receiver.url}/a-secret-hook/key/", f"ping prune {receiver.url}/a-secret-hook/uuid?rid=1")
    assert host.ends("", moment="started") == 0
    host.succeeds()
    host.fails()
    host.ends("success", unit="ferro-zfs-prune.service")
    host.ends("oom-kill", unit="ferro-zfs-prune.service")
    posted = receiver.take()
    slug = "/a-secret-hook/key/here-pull-nas"
    expected = [f"{slug}/start?create=1", f"{slug}?create=1", f"{slug}/fail?create=1", "/a-secret-hook/uuid?rid=1", "/a-secret-hook/uuid/fail?rid=1"]
    assert [path for path, _headers, _body in posted] == expected
    assert posted[0][2] == b"" and b"no space" in posted[2][2]


@pytest.mark.slow
def test_a_start_is_never_pinged_after_its_end(host: Host, receiver: Receiver) -> None:
    host.configure(f"ping pull@nas {receiver.url}/a-secret-hook/uuid")
    # Under load, what pings the start is slower than a quick job.
    begun = host.folder / "begun"
    host.stand_in("systemctl", f'case "$*" in *started:*) [ -e {begun} ] || echo ActiveState=activating ;; esac; echo Result=success')
    ended = threading.Thread(target=host.succeeds)
    ended.start()
    ended.join(timeout=1)
    assert ended.is_alive() and receiver.take() == []
    begun.touch()
    ended.join()
    assert [path for path, _headers, _body in receiver.take()] == ["/a-secret-hook/uuid"]


def test_the_verdict_is_told_when_it_changes(host: Host, receiver: Receiver) -> None:
    host.configure(f"webhook json {receiver.url}/a-secret-hook -")
    for status in (0, 1, 1, 2, 3, 0):
        host.ends("success", status, unit="ferro-zfs-verdict.service")
    titles = [json.loads(body)["title"] for _path, _headers, body in receiver.take()]
    assert titles == ["here: ZFS is warning", "here: ZFS is critical", "here: ZFS is unknown", "here: ZFS is fine again"]


def test_systemd_is_asked_where_it_does_not_say(host: Host, receiver: Receiver) -> None:
    host.configure(f"webhook json {receiver.url}/a-secret-hook -")
    host.stand_in("systemctl", "printf 'Result=signal\\nExecMainStatus=9\\nInactiveExitTimestamp=\\n'")
    host.ends("")
    assert [json.loads(body)["title"] for _path, _headers, body in receiver.take()] == ["here: pull@nas failed (signal)"]
