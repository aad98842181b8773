# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What publishes over MQTT, and what suspends by it (roles/zfs_mqtt/files), with stand-ins for mosquitto and systemd."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "roles/zfs_mqtt/files"
# Keeps what the broker would: the last message of each topic. What -n takes away is no more.
PUB = """
echo "$*" >>{folder}/arguments
[ ! -e {folder}/away ] || exit 1
while [ $# -gt 0 ]; do case $1 in -t) topic=$2; shift ;; -n) none=1 ;; esac; shift; done
file={folder}/broker/$(echo "$topic" | tr / _)
if [ -n "${{none:-}}" ]; then rm "$file"; else cat >"$file"; fi
"""


class Host:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("state", "broker", "bin"):
            (folder / name).mkdir()
        self.stand_in("mosquitto_pub", PUB.format(folder=folder))
        self.stand_in("sleep", "")
        self.says({"p/nas/status": {"ok": True}, "p/nas/snapshots": {"ok": True}, "p/old/backups": {"ok": True}, "ha/x/config": {"a": "b\tc"}})

    def stand_in(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def says(self, messages: dict[str, object]) -> None:
        lines = "".join(f"{topic}\t{json.dumps(payload)}\n" for topic, payload in messages.items())
        (self.folder / "said").write_text(lines)
        self.stand_in("zfs_info", f"cat {self.folder}/said")

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "STATE_DIRECTORY": f"{self.folder}/state", "TMPDIR": str(self.folder)}
        done = subprocess.run(["sh", FILES / program, *words], env=env, capture_output=True, text=True, timeout=30, check=False)
        assert not list(self.folder.glob("tmp.*")), "something is left behind"
        return done

    def publish(self) -> int:
        return self.run("ferro-zfs-mqtt", "p/nas", "--mqtt-prefix=p").returncode

    @property
    def kept(self) -> dict[str, dict[str, object]]:
        return {path.name: json.loads(path.read_text()) for path in (self.folder / "broker").iterdir()}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_all_is_kept_by_the_broker_and_what_is_no_more_is_taken_back(host: Host) -> None:
    assert host.publish() == 0
    assert set(host.kept) == {"p_nas_status", "p_nas_snapshots", "p_old_backups", "ha_x_config"}
    host.says({"p/nas/status": {"ok": False}, "p/nas/snapshots": {"ok": True}})
    assert host.publish() == 0
    assert set(host.kept) == {"p_nas_status", "p_nas_snapshots"}
    assert all("-r" in line.split() for line in (host.folder / "arguments").read_text().splitlines())
    assert host.run("ferro-zfs-mqtt", "clear").returncode == 0
    assert host.kept == {} and list((host.folder / "state").iterdir()) == []
    assert host.run("ferro-zfs-mqtt", "clear").returncode == 0


@pytest.mark.parametrize("script", ["exit 1", "echo 'half a'; kill -9 $$", "true"])
def test_what_cannot_be_found_out_is_not_ok_on_every_topic(host: Host, script: str) -> None:
    host.publish()
    host.stand_in("zfs_info", script)
    assert host.publish() == 1
    states = {topic: payload["ok"] for topic, payload in host.kept.items() if topic != "ha_x_config"}
    assert states == {"p_nas_status": False, "p_nas_snapshots": False, "p_old_backups": False}
    assert host.kept["ha_x_config"] == {"a": "b\tc"}
    failure = str(host.kept["p_old_backups"]["failure"])
    assert failure.startswith("zfs_info ")
    assert "checked_at" in host.kept["p_old_backups"]


def test_the_very_first_run_that_fails_is_told_too(host: Host) -> None:
    host.stand_in("zfs_info", "exit 1")
    assert host.publish() == 1
    assert set(host.kept) == {"p_nas_status", "p_nas_snapshots"}


def test_a_broker_that_is_away_is_a_failure_and_nothing_is_forgotten(host: Host) -> None:
    host.publish()
    host.says({"p/nas/status": {"ok": True}})
    (host.folder / "away").touch()
    assert host.publish() != 0
    assert host.run("ferro-zfs-mqtt", "clear").returncode != 0
    (host.folder / "away").unlink()
    assert host.publish() == 0
    assert set(host.kept) == {"p_nas_status"}


def suspend(host: Host, running: list[str], failed: str = "", failures: str = "yes", scrubs: str = "no") -> subprocess.CompletedProcess[str]:
    """Each look at what runs takes one of the list."""
    (host.folder / "running").write_text("".join(f"{unit}\n" for unit in running))
    take = f"head -n 1 {host.folder}/running; sed -i 1d {host.folder}/running"
    host.stand_in("systemctl", f'case "$*" in *--state=failed*) printf %s "{failed}" ;; *) {take} ;; esac')
    host.stand_in("systemd-run", f'echo "$*" >{host.folder}/suspended')
    return host.run("ferro-zfs-suspend", "20", scrubs, failures, "systemctl", "suspend")


def test_a_host_is_suspended_when_nothing_runs(host: Host) -> None:
    done = suspend(host, ["ferro-zfs-pull@nas.service loaded active", ""])
    assert (done.returncode, done.stdout) == (0, "waiting: ferro-zfs-pull@nas.service\n")
    assert (host.folder / "suspended").read_text().endswith(" systemctl suspend\n")


@pytest.mark.parametrize(
    ("running", "failed", "why"),
    [
        (["ferro-zfs-prune.service x"] * 9, "", "after 20 seconds there is still ferro-zfs-prune.service"),
        ([], "ferro-zfs-push@off.service loaded failed", "the last run failed of ferro-zfs-push@off.service"),
    ],
)
def test_what_keeps_a_host_awake_is_said(host: Host, running: list[str], failed: str, why: str) -> None:
    done = suspend(host, running, failed)
    assert done.returncode == 1 and why in done.stdout
    assert not (host.folder / "suspended").exists()


def test_a_scrub_keeps_a_host_awake_and_a_failure_does_not_where_that_is_wanted(host: Host) -> None:
    host.stand_in("zpool", "echo '  scan: scrub in progress since Thu Nov 26'")
    assert "still scan: scrub in progress" in suspend(host, [], scrubs="yes").stdout
    assert suspend(host, [], "ferro-zfs-push@off.service x", failures="no").returncode == 0
