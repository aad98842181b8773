# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What programs say of themselves in `--help`: modules/spec/NAME.json for the options, and for the rest the sources that `--help` is made of."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "modules" / "spec"
COMMON = ROOT / "module_utils" / "src" / "ansible" / "cli" / "mod.rs"
# Programs whose whole help is one text.
PLAIN = {"zfs_gate": ROOT / "module_utils" / "src" / "gate" / "options.rs", "zfs_monitor": ROOT / "modules" / "zfs_monitor" / "main.rs"}
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# How many texts stand together in each part of a program's usage, and in a row of COMMON.
PARTS = {"lines": 1, "examples": 2, "own": 2}
ROW = 4

Option = dict[str, Any]


@dataclass
class Flag:
    """One flag, with all that is said of it."""

    name: str
    help: str
    letter: str = ""
    # What its value is called; nothing where it has none.
    value: str = ""
    choices: list[str] = field(default_factory=list)
    is_switch: bool = False
    # It is a yes already.
    is_on: bool = False
    is_repeated: bool = False
    default: str = ""


@dataclass
class Program:
    """A program as a manual page shows it."""

    name: str
    about: str
    lines: list[str]
    examples: list[tuple[str, str]]
    # By their headings.
    flags: dict[str, list[Flag]]
    # What else there is to say.
    notes: list[str] = field(default_factory=list)

    def all_flags(self) -> list[Flag]:
        """Those of all headings."""
        return [flag for flags in self.flags.values() for flag in flags]


def programs() -> list[Program]:
    """All programs that people type."""
    with_options = [of_module(file.stem) for file in sorted(SPECS.glob("*.json"))]
    return sorted([*with_options, *(of_plain(name) for name in PLAIN)], key=lambda program: program.name)


def of_module(name: str) -> Program:
    """A program with the options of a module."""
    source = (ROOT / "modules" / f"{name}.rs").read_text(encoding="utf-8")
    about = re.search(r'\babout: "([^"]*)"', source)
    if about is None:
        raise SystemExit(f"modules/{name}.rs: it does not say what the program does (about)")
    parts = {part: _texts(source, part, size) for part, size in PARTS.items()}
    flags: dict[str, list[Flag]] = {}
    heading = "Options"
    for option in json.loads((SPECS / f"{name}.json").read_text(encoding="utf-8"))["options"]:
        heading = option.get("group", heading)
        flags.setdefault(heading, []).extend(_flags(option))
    if parts["own"]:
        flags["Other ways to answer"] = [_own(*row) for row in parts["own"]]
    flags["How to run"] = _common()
    examples = [(line, what) for line, what in parts["examples"]]
    notes = [
        "A yes or no is --OPTION, --no-OPTION or --OPTION=no. An option that may be repeated takes one value each time.",
        f"All about each option: ansible-doc -t module ferro.zfs.{name}",
    ]
    return Program(name, about[1], [line for (line,) in parts["lines"]], examples, flags, notes)


def _texts(source: str, part: str, size: int) -> list[tuple[str, ...]]:
    """The texts of one part of a program's Usage."""
    begin = re.search(rf"\b{part}: &\[", source)
    if begin is None:
        raise SystemExit(f"the usage of a program has no part `{part}`")
    return _rows(source[begin.end() :], size)


def _rows(source: str, size: int) -> list[tuple[str, ...]]:
    """The literals up to the bracket that ends their list, as many together as a row has."""
    found, at = [], 0
    while (match := LITERAL.search(source, at)) is not None and "]" not in source[at : match.start()]:
        found.append(_text(match[1]))
        at = match.end()
    if len(found) % size:
        raise SystemExit(f"a list of {size} texts together has {len(found)}, from {found[:1]} on")
    return [tuple(found[start : start + size]) for start in range(0, len(found), size)]


def _text(literal: str) -> str:
    """A literal of Rust; a backslash at the end of a line swallows the blanks of the next one."""
    text: str = ast.literal_eval('"' + re.sub(r"\\\n\s*", "", literal).replace("\n", "\\n") + '"')
    return text


def _common() -> list[Flag]:
    source = COMMON.read_text(encoding="utf-8")
    rows = _rows(source.partition("pub const COMMON: ")[2].partition("= [")[2], ROW)
    found = [Flag(name, what, letter, value) for name, letter, value, what in rows if what]
    if not found:
        raise SystemExit(f"{COMMON.name}: there are no flags in COMMON")
    return found


def _own(flag: str, what: str) -> Flag:
    name, _blank, value = flag.partition(" ")
    return Flag(name, what, value=value)


def _flags(option: Option, above: str = "") -> Iterator[Flag]:
    """An option, or those within it."""
    name = above + option["name"].replace("_", "-")
    if option["type"] == "dict" and option.get("options"):
        for inner in option["options"]:
            yield from _flags(inner, f"{name}.")
        return
    kind, default = option["type"], option.get("default")
    is_switch = kind == "bool"
    value = "" if is_switch else _value(option)
    is_repeated = kind in ("list", "dict")
    yield Flag(name, option.get("help", ""), "", value, option.get("choices", []), is_switch, default is True, is_repeated, _default(default))


def _value(option: Option) -> str:
    if option.get("options"):
        return ",".join(f"{inner['name']}={_value(inner)}" for inner in option["options"] if inner.get("required"))
    if option.get("choices"):
        return "WORD"
    kind = option.get("elements", "str") if option["type"] == "list" else option["type"]
    metavar: str | None = option.get("metavar")
    return metavar or {"bool": "", "int": "N", "float": "N", "dict": "KEY=VALUE"}.get(kind, "TEXT")


def _default(value: Any) -> str:
    """What is worth a word: neither nothing nor a whole table."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (int, float, str)):
        return str(value)
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    return ""


def of_plain(name: str) -> Program:
    """A program whose help is one text: usage lines, and for each flag a line with what it does behind it."""
    source = PLAIN[name].read_text(encoding="utf-8")
    literal = LITERAL.search(source, source.index("USAGE: &str = "))
    text = _text(literal[1]) if literal else ""
    flags: list[Flag] = []
    lines: list[str] = []
    rest = [""]
    for line in text.splitlines():
        match = re.match(r"  (--[a-z-]+)(?: ([A-Za-z]+))?(?:, (--[a-z-]+))? *(.*)", line)
        usage = re.match(rf"(?:Usage:)? +{name} ?(.*?)(?:   +.*)?$", line)
        if usage:
            lines.append(usage[1])
        elif match:
            value = match[2] or _value_of(match[1][2:], lines)
            flags.append(Flag(match[1][2:], match[4], value=value))
            flags += [Flag(match[3][2:], match[4])] if match[3] else []
        elif flags and line.startswith(" " * 10):
            flags[-1].help += " " + line.strip()
        elif line.strip() and rest[-1]:
            rest[-1] += " " + line.strip()
        else:
            rest.append(line.strip())
    return Program(name, _about(name), lines, [], {"Options": _merged(flags)}, [note for note in rest if note and not note.startswith(f"{name}:")])


def _about(name: str) -> str:
    return {
        "zfs_gate": "lets zfs_replicate work through an SSH key, and nothing else",
        "zfs_monitor": "shows over HTTP whether the ZFS backups of this host are fine",
    }[name]


def _value_of(flag: str, lines: list[str]) -> str:
    """What its value is called in the lines of the usage, if it has one."""
    match = re.search(rf"--{flag} ([A-Z]+)", " ".join(lines))
    return match[1] if match else ""


def _merged(flags: list[Flag]) -> list[Flag]:
    """A flag that is told once for each of its words has them for choices."""
    found: dict[str, Flag] = {}
    for flag in flags:
        is_word = flag.value.islower()
        one = found.setdefault(flag.name, Flag(flag.name, "", value="WORD" if is_word else flag.value))
        if is_word:
            one.choices.append(flag.value)
            one.help += f"{'; ' if one.help else ''}{flag.value}: {flag.help}"
        else:
            one.help = flag.help
    for flag in found.values():
        said = {"help": "Print the usage.", "version": "Print the version."}.get(flag.name, flag.help)
        flag.help = said[0].upper() + said[1:].rstrip(".") + "." if said else said
    return list(found.values())
