# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows how far a module is while it runs: its progress file, read every few seconds over a connection beside the busy one.

Ansible hands over what a module prints only when it has ended, so progress takes another way.
"""

from __future__ import annotations

import copy
import json
import secrets
import shlex
import sys
import threading
import time
import typing as t

from ansible.utils.display import Display

display = Display()

EVERY = 4.0
"""Seconds until the first line. A module that is done before costs nothing."""

SELDOM = 30.0
"""Seconds between two lines of a run that takes long. Until then they become ever more seldom."""

# Asked when this is imported, which is in the parent: a worker of ansible-core 2.19 has no terminal
# any more.
HAS_TERMINAL = sys.stdout.isatty()


def is_wanted() -> bool:
    """Whether anybody looks."""
    return HAS_TERMINAL or display.verbosity > 0


def new_file() -> str:
    """A path on the target that nobody could have guessed."""
    return f"/tmp/.ferro-zfs-progress-{secrets.token_hex(16)}"


def line_of(host: str, text: str) -> str | None:
    """What to show of a progress file; none where there is nothing yet, or nothing any more."""
    try:
        line = json.loads(text).get("line")
    except (ValueError, AttributeError):
        return None
    return f"{host}: {line}" if isinstance(line, str) and line.isprintable() else None


class Watch:
    """Shows the progress file of ``path`` until the block ends. That nothing can be shown never fails a task."""

    def __init__(self, connection: t.Any, host: str, path: str, show: t.Callable[[str], None] = display.display, every: float = EVERY) -> None:
        # The original is busy until the module has ended; what a copy shares with it is only read.
        self._connection = copy.copy(connection)
        self._host = host
        # When the module has removed its file, somebody else may have put anything under that name:
        # nothing that is read without end.
        self._command = f"[ -f {shlex.quote(path)} ] && dd if={shlex.quote(path)} bs=65536 count=1 2>/dev/null"
        self._show = show
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_of: object) -> None:
        self._over.set()
        self._thread.join(timeout=self._every)

    def _watch(self) -> None:
        shown = None
        began = time.monotonic()
        try:
            while not self._over.wait(max(self._every, min(SELDOM, (time.monotonic() - began) / 10))):
                _rc, stdout, _stderr = self._connection.exec_command(self._command, sudoable=False)
                line = line_of(self._host, stdout.decode(errors="replace"))
                if line and line != shown and not self._over.is_set():
                    self._show(line)
                    shown = line
        except Exception as error:  # pylint: disable=broad-exception-caught
            display.vvv(f"no progress is shown: {error}")
