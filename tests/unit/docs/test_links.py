# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every link of the documentation to this project leads to a file, and its anchor to a heading there; from where it is read, too."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(page for where in ("*.md", ".github/*.md", "docs/**/*.md", "roles/*/README.md", "tests/*/README.md") for page in ROOT.glob(where))
# Galaxy shows these, but none of the files beside them.
ON_GALAXY = [page for page in PAGES if page == ROOT / "README.md" or page.parent.parent.name == "roles"]
LINK = re.compile(r"(?:\]\(|^\[[^\]]+\]: )([^)#\s]*)(?:#([^)\s]+))?", re.MULTILINE)
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
SOURCE = re.compile(re.escape(GALAXY["repository"]) + "/(?:blob|tree)/main/")


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[str, str]]:
    return LINK.findall(page.read_text(encoding="utf-8"))


def ships(path: Path) -> bool:
    """Whether it is in the archive."""
    top = path.resolve().relative_to(ROOT).parts[0]
    return not any(fnmatch.fnmatch(top, pattern) for pattern in GALAXY["build_ignore"])


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for path, anchor in links(page):
        target = ROOT / SOURCE.sub("", path) if SOURCE.match(path) else page.parent / path if path else page
        if "://" not in SOURCE.sub("", path) and (not target.exists() or (anchor and anchor not in anchors(target))):
            broken.append(f"{path}#{anchor}" if anchor else path)
    assert broken == []


@pytest.mark.parametrize("page", [page for page in PAGES if ships(page)], ids=named)
def test_links_lead_somewhere_in_the_archive(page: Path) -> None:
    assert [path for path, _anchor in links(page) if path and "://" not in path and not ships(page.parent / path)] == []


@pytest.mark.parametrize("page", ON_GALAXY, ids=named)
def test_links_lead_somewhere_on_galaxy(page: Path) -> None:
    assert [path for path, _anchor in links(page) if path and "://" not in path] == []


@pytest.mark.parametrize("source", ["roles", "plugins", "modules", "module_utils/src", "playbooks"])
def test_pages_that_messages_and_options_name_exist(source: str) -> None:
    mentioned = {
        name
        for path in (ROOT / source).rglob("*")
        if path.suffix in (".rs", ".py", ".yml", ".md", ".j2")
        for name in re.findall(r"\bdocs/[a-z_-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert {name for name in mentioned if not (ROOT / name).exists()} == set()
