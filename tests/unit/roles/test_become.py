"""The commands in the line for sudo are those that docs/replication.md gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("role", "begin"), [("client", "backup ALL=(root) NOPASSWD: "), ("offsite", "A receiving side needs")])
def test_the_line_is_that_of_the_docs(role: str, begin: str) -> None:
    defaults = yaml.safe_load((ROOT / f"roles/backup_{role}/defaults/main.yml").read_text(encoding="utf-8"))
    text = (ROOT / "docs/replication.md").read_text(encoding="utf-8")
    said = text.split(begin)[1].split("besides" if role == "offsite" else "\n\n")[0]
    commands = set(re.findall(r"([a-z]+) \*", said))
    wanted = set(defaults[f"backup_{role}_become_commands"])
    # What receives lists and reads as well.
    assert commands == (wanted - {"list", "get"} if role == "offsite" else wanted)
