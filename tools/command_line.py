# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line of a module is made of, from what the module says of itself: modules/spec/NAME.json, which the binary has in it."""

from __future__ import annotations

import json
import re
from typing import Any

Option = dict[str, Any]

ONLY = ("group", "metavar")
"""What nobody else needs to know of an option."""

MARKUP = re.compile(r"\b([A-Z])\(([^()]*)\)")
# Not in the middle of `e.g. x`: what follows begins like a sentence.
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def plain(text: str) -> str:
    """Ansible's markup as plain text: an option as its flag, anything else as it is."""

    def word(match: re.Match[str]) -> str:
        kind, inner = match.groups()
        if kind == "O":
            name, _equals, value = inner.partition("=")
            flag = "--" + name.replace("_", "-")
            return f"{flag} {value}" if value else flag
        if kind in "MP":
            return inner.partition("#")[0].rpartition(".")[2]
        return inner

    return MARKUP.sub(word, text)


def first_sentence(description: list[str]) -> str:
    return plain(SENTENCE.split(description[0])[0]) if description else ""


def entry(name: str, option: Option) -> Option:
    """An option as the binary reads it."""
    found: Option = {"name": name}
    found.update((key, option[key]) for key in ("type", "elements", "default", "required", "metavar", "group") if key in option)
    if "choices" in option:
        found["choices"] = list(option["choices"])
    if option["description"]:
        found["help"] = first_sentence(option["description"])
    if "options" in option:
        found["options"] = [entry(inner, it) for inner, it in option["options"].items()]
    return found


def spec(said: dict[str, Any]) -> str:
    """The file for the binary, a line for each option."""
    lines = (json.dumps(entry(name, option), ensure_ascii=False) for name, option in said["options"].items())
    return '{"options": [\n' + ",\n".join(lines) + "\n]}\n"
