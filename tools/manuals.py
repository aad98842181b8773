#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the manual page of each program, and its completions for bash, zsh and fish, to docs/man and docs/completions.

They say what `--help` says, from the same sources (usage.py). No more than Python is needed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import completions
from usage import Flag, Program, programs

ROOT = Path(__file__).resolve().parent.parent
MAN = Path("docs/man")
COMPLETIONS = Path("docs/completions")


def page(program: Program, version: str) -> str:
    """The manual page, in man(7)."""
    lines = [f'.TH {program.name.upper()} 8 "" "ferro.zfs {version}" "ferro.zfs"', ".SH NAME", f"{program.name} \\- {roff(program.about)}", ".SH SYNOPSIS"]
    for line in program.lines:
        what, _blanks, comment = line.partition("   ")
        lines += [".br"] if lines[-1] != ".SH SYNOPSIS" else []
        lines.append(f"\\fB{roff(program.name)}\\fR {roff(what)}".rstrip())
        lines += [".br", f"\\ \\ \\ \\ \\fI{roff(comment.strip())}\\fR"] if comment.strip() else []
    lines += [".SH DESCRIPTION", f"{roff(program.name)} {roff(program.about)}.", *(f".PP\n{roff(note)}" for note in program.notes)]
    for heading, flags in program.flags.items():
        lines += [f'.SH "{roff(heading.upper())}"']
        for flag in flags:
            lines += [".TP", _term(flag), _said(flag)]
    if program.examples:
        lines.append(".SH EXAMPLES")
    for line, what in program.examples:
        lines += [".TP", f".B {roff(program.name + ' ' + line)}", roff(what)]
    lines += [".SH EXIT STATUS", *_statuses(program), ".SH SEE ALSO", ".BR zfs (8),", ".BR zpool (8)"]
    return "\n".join(lines) + "\n"


def _statuses(program: Program) -> list[str]:
    if program.name == "zfs_gate":
        return ["That of the command that it ran; 1 where it was refused or could not be run."]
    return [
        "0 if all that was asked for is done; 1 if something failed, and then all that could be done is done; 2 if the options are wrong, and",
        "nothing was done.",
    ]


def _term(flag: Flag) -> str:
    letter = f"\\fB\\-{flag.letter}\\fR, " if flag.letter else ""
    no = "[no\\-]" if flag.is_on else ""
    value = f" \\fI{roff(flag.value)}\\fR" if flag.value else ""
    return f"{letter}\\fB\\-\\-{no}{roff(flag.name)}\\fR{value}"


def _said(flag: Flag) -> str:
    notes = [", ".join(flag.choices)] if flag.choices else []
    notes += [f"default {flag.default}"] if flag.default else []
    notes += ["may be repeated"] if flag.is_repeated else []
    return roff(flag.help + (f" ({'; '.join(notes)})" if notes else "")) or "\\&"


def roff(text: str) -> str:
    """Text in which nothing is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + text if text.startswith(".") else text


def generated(version: str) -> dict[Path, str]:
    """Every file with what stands in it."""
    files = {}
    for program in programs():
        files[MAN / f"{program.name}.8"] = page(program, version)
        files[COMPLETIONS / f"{program.name}.bash"] = completions.bash(program)
        files[COMPLETIONS / f"_{program.name}"] = completions.zsh(program)
        files[COMPLETIONS / f"{program.name}.fish"] = completions.fish(program)
    return files


def version() -> str:
    """That of the collection."""
    lines = (ROOT / "galaxy.yml").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("version: ") for line in lines if line.startswith("version: "))


def main() -> None:
    for folder in (MAN, COMPLETIONS):
        # Nothing of a program that is no more.
        shutil.rmtree(ROOT / folder, ignore_errors=True)
        (ROOT / folder).mkdir(parents=True)
    for path, text in generated(version()).items():
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
