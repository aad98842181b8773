# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the site is put together, and how its links are checked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools/site"))

import gather
import links

SOURCE = "https://github.com/ferro-zfs/ferro.zfs"


@pytest.mark.parametrize(
    ("page", "link", "turned"),
    [
        ("docs/runbook.md", "errors.md#locked", "errors.md#locked"),
        ("docs/runbook.md", "../playbooks/restore.yml", f"{SOURCE}/blob/main/playbooks/restore.yml"),
        ("docs/architecture.md", "../roles/zfs_policy/README.md", "roles/zfs_policy.md"),
        ("docs/how-to/new-disk.md", "../../roles/system_zfs/README.md", "../roles/system_zfs.md"),
        ("docs/how-to/new-disk.md", "../errors.md#damaged", "../errors.md#damaged"),
        ("roles/zfs_policy/README.md", f"{SOURCE}/blob/main/docs/tree.md", "../tree.md"),
        ("docs/security.md", f"{SOURCE}/blob/main/tests/fuzz", f"{SOURCE}/tree/main/tests/fuzz"),
        ("CONTRIBUTING.md", "docs/architecture.md", "architecture.md"),
        ("docs/support.md", "../CHANGELOG.rst", "changelog.rst"),
        ("docs/support.md", "https://semver.org", "https://semver.org"),
        ("docs/support.md", "#upgrades", "#upgrades"),
        ("SECURITY.md", f"{SOURCE}/security/advisories/new", f"{SOURCE}/security/advisories/new"),
    ],
)
def test_links_lead_to_where_things_are_on_the_site(page: str, link: str, turned: str) -> None:
    assert gather.turned(f"see [it]({link}).\n", page) == f"see [it]({turned}).\n"
    assert gather.turned(f"see [it].\n\n[it]: {link}\n", page) == f"see [it].\n\n[it]: {turned}\n"


def test_every_page_has_its_place() -> None:
    index = gather.INDEX
    listed = [Path(gather.place(name) or "") for name in gather.pages() if name.endswith((".md", ".rst"))]
    for page in (page for page in listed if page.parts[0] not in ("roles", "how-to")):
        assert f"\n{page.with_suffix('')}\n" in index, page


def test_dead_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#there">b</a><a href="#top">t</a><a href="https://example.org/">e</a>', encoding="utf-8"
    )
    (tmp_path / "b.html").write_text(
        '<p id="there"><a href="c.html">c</a><a href="a.html#no">a</a><script src="https://example.org/x.js"></script>', encoding="utf-8"
    )
    root = tmp_path.resolve()
    assert links.faults(root / "a.html", root) == []
    assert links.faults(root / "b.html", root) == [
        "c.html leads nowhere",
        "a.html#no leads to no place on that page",
        "https://example.org/x.js is loaded from elsewhere",
    ]
