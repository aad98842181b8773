#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs test programs whose transcripts (tests/it/host.rs) are to be what is seen now: accept.py replicate gate

Nothing is checked that way: read the difference as a reviewer, it is what users will see.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# `is(` with a string, plain or raw, as rustfmt leaves it.
EXPECTED = re.compile(r'is\(\s*(?:r#"(?:.*?)"#|r?"(?:[^"\\]|\\.)*"),?\s*\)', re.S)


def seen(tests: list[str]) -> dict[str, dict[tuple[int, int], str]]:
    """By file, line and column of each `is(`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seen"
        programs = [word for name in tests for word in ("--test", name)]
        subprocess.run(["cargo", "test", "--locked", *programs], cwd=ROOT, env={**os.environ, "FERRO_ACCEPT": str(path)}, check=True)
        found: dict[str, dict[tuple[int, int], str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            of_file = found.setdefault(one["file"], {})
            place = (one["line"], one["column"])
            if of_file.setdefault(place, one["seen"]) != one["seen"]:
                sys.exit(f"{one['file']}:{one['line']} is run several times and differs: {of_file[place]!r} and {one['seen']!r}")
        return found


def accept(source: str, transcripts: dict[tuple[int, int], str]) -> str:
    """The source with other transcripts."""
    lines = source.splitlines(keepends=True)
    for (line, column), text in sorted(transcripts.items(), reverse=True):
        at = sum(map(len, lines[: line - 1])) + column - 1
        match = EXPECTED.match(source, at)
        if match is None:
            sys.exit(f"line {line} has no transcript")
        indent = " " * (len(lines[line - 1]) - len(lines[line - 1].lstrip()))
        body = "".join(f"{indent}    {one}\n" for one in text.splitlines())
        begin, end = ('r#"', '"#') if '"' in text else ('r"', '"') if "\\" in text else ('"', '"')
        source = f"{source[:at]}is({begin}\n{body}{indent}{end}){source[match.end() :]}"
    return source


def main() -> None:
    for name, transcripts in seen(sys.argv[1:]).items():
        path = ROOT / name
        path.write_text(accept(path.read_text(encoding="utf-8"), transcripts), encoding="utf-8")
    subprocess.run(["cargo", "fmt"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
