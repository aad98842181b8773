# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a module is shown while it runs, and never in its way."""

from __future__ import annotations

import json
import time

import pytest
from ansible_collections.ferro.zfs.plugins.plugin_utils._progress import Watch, line_of


class Connection:
    """Gives one answer after the other, then the last for ever."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.commands: list[str] = []

    def exec_command(self, command: str, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        assert not sudoable
        self.commands.append(command)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return 0, answer.encode(), b""


def state(line: str) -> str:
    return json.dumps({"bytes": 1, "line": line})


@pytest.mark.parametrize("text", ["", "{}\n", "[]", '{"line": 5}', '{"line": "a', state("escape \x1b[2J")])
def test_what_is_no_line_is_not_shown(text: str) -> None:
    assert line_of("nas", text) is None


def test_each_line_once_while_it_runs() -> None:
    shown: list[str] = []
    connection = Connection("", state("one"), state("one"), state("two"))
    with Watch(connection, "nas", "/tmp/it's", shown.append, every=0.01):
        time.sleep(0.2)
    assert shown == ["nas: one", "nas: two"]
    quoted = "'/tmp/it'\"'\"'s'"
    # Not `cat`: what stands there afterwards may be somebody else's, and without end.
    assert connection.commands[0] == f"[ -f {quoted} ] && dd if={quoted} bs=65536 count=1 2>/dev/null"


def test_a_short_task_costs_nothing_and_a_failure_is_quiet() -> None:
    shown: list[str] = []
    connection = Connection(state("one"))
    with Watch(connection, "nas", "/tmp/x", shown.append):
        pass
    assert (connection.commands, shown) == ([], [])
    with Watch(Connection(OSError("gone")), "nas", "/tmp/x", shown.append, every=0.01):
        time.sleep(0.05)
    assert shown == []
