# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a module says of itself to its command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

import command_line

ROOT = Path(__file__).resolve().parents[3]
# What every program has; an option of a module by such a name could not be given.
COMMON = {"check", "validate", "dry-run", "text", "json", "quiet", "debug", "result", "metrics", "version", "help", "argspec"}
INFO = {"nagios", "only", "mqtt-payload", "mqtt-prefix", "mqtt-discovery", "mqtt-host", "mqtt-expire", "mqtt-by-server"}


def test_markup_becomes_plain() -> None:
    text = "Below O(strip_prefix) with O(state=exact), V(tank/data), C(zfs receive -x), M(ferro.zfs.zfs_prune) and P(ferro.zfs.zfs_older#filter)."
    assert command_line.plain(text) == "Below --strip-prefix with --state exact, tank/data, zfs receive -x, zfs_prune and zfs_older."
    assert command_line.first_sentence(["Size, such as V(1.5M). More.", "Else."]) == "Size, such as 1.5M."
    assert command_line.first_sentence([]) == ""


def test_an_option_is_what_the_binary_reads() -> None:
    options = {"port": {"type": "int", "description": ["Port."], "no_log": True}}
    said = {"options": {"ssh": {"type": "dict", "description": ["How. Really."], "group": "Where", "choices": {"a": "b"}, "options": options}}}
    port = {"name": "port", "type": "int", "help": "Port."}
    assert json.loads(command_line.spec(said)) == {
        "options": [{"name": "ssh", "type": "dict", "group": "Where", "choices": ["a"], "help": "How.", "options": [port]}]
    }


def test_no_option_hides_another() -> None:
    for file in sorted((ROOT / "modules/spec").glob("*.json")):
        options = json.loads(file.read_text(encoding="utf-8"))["options"]
        flags = {option["name"].replace("_", "-") for option in options}
        assert flags and not flags & (COMMON | INFO), file.name
        # `--no-x` is the no to `x`.
        assert not {flag for flag in flags if flag.removeprefix("no-") in flags and flag.startswith("no-")}, file.name
        assert all(option["help"] for option in options), file.name
