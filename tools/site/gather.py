#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""gather.py FOLDER: puts together what the site is made of: guides, READMEs of roles, and pages of modules, filters and roles.

The same Markdown is read on GitHub, in the archive and here, where it lies otherwise; so its links are turned to where things are here, or,
if they are not, to GitHub.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/ferro-zfs/ferro.zfs"
SOURCE = re.compile(re.escape(REPOSITORY) + "/(?:blob|tree)/main/")
LINK = re.compile(r"(\]\(|^\[[^\]]+\]: )([^)#\s]*)(#[^)\s]+)?", re.MULTILINE)
# The theme shows what is on a page beside it, and minds a second list.
CONTENTS = re.compile(r"^\.\. contents::\n(?:[ \t]+:.*\n)*", re.MULTILINE)
# Two links, for messages of earlier versions.
LEFT_OUT = "docs/policies.md"
TOP = {"CHANGELOG.rst": "changelog.rst", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security-policy.md", "CODE_OF_CONDUCT.md": "conduct.md"}

INDEX = """\
# ferro.zfs

```{include} start.txt
```

```{toctree}
:caption: First
:hidden:

quickstart
inventory
command-line
coming-from
migration
```

```{toctree}
:caption: Guides
:hidden:

tree
retention
hooks
replication
verify
security
monitoring
alerts
architecture
benchmarks
```

```{toctree}
:caption: When something is to be done
:hidden:

how-to/README
HOW-TO
runbook
errors
```

```{toctree}
:caption: Roles
:hidden:

ROLES
```

```{toctree}
:caption: Reference
:hidden:

Modules, filters and options of roles <reference/index>
changelog
```

```{toctree}
:caption: The project
:hidden:

support
trust
contributing
security-policy
conduct
```
"""


def place(path: str) -> str | None:
    """Where a file of the repository is on the site; None if it is not there."""
    if path == LEFT_OUT:
        return None
    if path in TOP:
        return TOP[path]
    if role := re.fullmatch(r"roles/(\w+)/README\.md", path):
        return f"roles/{role[1]}.md"
    return path.removeprefix("docs/") if re.fullmatch(r"docs/.+\.(md|png|svg)", path) else None


def turned(text: str, page: str) -> str:
    """The text of a page of the repository with the links that it needs on the site."""
    here = posixpath.dirname(place(page) or "")

    def turn(match: re.Match[str]) -> str:
        before, path, anchor = match[1], match[2], match[3] or ""
        if not path or (":" in path and not SOURCE.match(path)):
            return match[0]
        target = SOURCE.sub("", path) if SOURCE.match(path) else posixpath.normpath(posixpath.join(posixpath.dirname(page), path))
        there = place(target)
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"{before}{posixpath.relpath(there, here) if there else f'{REPOSITORY}/{kind}/main/{target}'}{anchor}"

    return LINK.sub(turn, text)


def start() -> str:
    """What the README says first, without its title and what is on pages of its own here."""
    text = turned((ROOT / "README.md").read_text(encoding="utf-8"), "README.md")
    body, _rest, links = text.replace("](#supported-versions)", "](support.md)").partition("## Install\n")
    return body.partition("\n\n")[2] + "".join(line for line in links.splitlines(keepends=True) if re.match(r"\[[^\]]+\]: ", line))


def pages() -> list[str]:
    found = subprocess.run(["git", "ls-files", "docs", "roles/*/README.md", *TOP], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
    return [name for name in found.stdout.splitlines() if place(name)]


def put(folder: Path) -> None:
    for name in pages():
        target = folder / (place(name) or "")
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".md"):
            target.write_text(turned((ROOT / name).read_text(encoding="utf-8"), name), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / name, target)
    roles = "\n".join(sorted(f"roles/{path.stem}" for path in (folder / "roles").glob("*.md")))
    how_to = "\n".join(sorted(f"how-to/{path.stem}" for path in (folder / "how-to").glob("[a-z]*.md")))
    (folder / "start.txt").write_text(start(), encoding="utf-8")
    (folder / "index.md").write_text(INDEX.replace("ROLES", roles).replace("HOW-TO", how_to), encoding="utf-8")
    for name in ("conf.py", "ansible.rst"):
        shutil.copyfile(ROOT / "tools/site" / name, folder / name)


def reference(folder: Path) -> None:
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections")}
    made = folder / "reference"
    made.mkdir()
    command = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", str(made), "ferro.zfs"]
    subprocess.run(command, env=environment, check=True)
    for page in made.glob("*.rst"):
        page.write_text(CONTENTS.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> int:
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    put(folder)
    reference(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
