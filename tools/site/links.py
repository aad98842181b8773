#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""links.py FOLDER: every link within the site leads to a page that is there, and its anchor to a place on that page; nothing is loaded from elsewhere."""

from __future__ import annotations

import functools
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Of the search page, which has what it finds by then.
NO_ANCHOR = {"", "search"}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value for name, value in attrs if value is not None}
        self.anchors |= {has[name] for name in ("id", "name") if name in has}
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        self.loaded += [has["src"]] if "src" in has else []
        if tag == "link" and has.get("rel") in ("stylesheet", "icon", "preload") and "href" in has:
            self.loaded.append(has["href"])


@functools.cache
def read(page: Path) -> Page:
    return Page(page.read_text(encoding="utf-8"))


def faults(page: Path, root: Path) -> list[str]:
    found = []
    said = read(page)
    for link in said.links + said.loaded:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            found += [f"{link} is loaded from elsewhere"] if link in said.loaded and parts.scheme != "data" else []
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if target.is_dir():
            target /= "index.html"
        if not target.is_file() or not target.is_relative_to(root):
            found.append(f"{link} leads nowhere")
        elif target.suffix == ".html" and parts.fragment not in NO_ANCHOR and unquote(parts.fragment) not in read(target).anchors:
            found.append(f"{link} leads to no place on that page")
    return found


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    pages = sorted(root.rglob("*.html"))
    count = 0
    for page in pages:
        for fault in faults(page, root):
            count += 1
            print(f"{page.relative_to(root)}: {fault}", file=sys.stderr)
    print(f"{len(pages)} pages, {count} faults")
    return 1 if count or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
