#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""archive.py ARCHIVE SECONDS: writes a collection archive anew, so that the same contents give the same bytes.

ansible-galaxy leaves in it when it was built, when each file was written, and in which order the file system listed them. Here members are
sorted, and bear the one time that is given (seconds since 1970).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

MANIFEST = "MANIFEST.json"
FILES = "FILES.json"
Contents = dict[str, tuple[tarfile.TarInfo, bytes]]


def read(archive: Path) -> Contents:
    with tarfile.open(archive) as opened:
        return {member.name: (member, opened.extractfile(member).read() if member.isfile() else b"") for member in opened}  # type: ignore[union-attr]


def printed(value: Any) -> bytes:
    """As ansible-galaxy does."""
    return json.dumps(value, indent=True).encode()


def settled(contents: Contents) -> Contents:
    """With the two lists of contents in an order of their own."""
    files = json.loads(contents[FILES][1])
    files["files"].sort(key=lambda file: (file["name"] != ".", file["name"]))
    listed = printed(files)
    manifest = json.loads(contents[MANIFEST][1])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listed).hexdigest()
    return {**contents, FILES: (contents[FILES][0], listed), MANIFEST: (contents[MANIFEST][0], printed(manifest))}


def plain(member: tarfile.TarInfo, size: int, seconds: int) -> tarfile.TarInfo:
    """A member without what tells of the machine on which it was packed."""
    made = tarfile.TarInfo(member.name)
    made.type, made.linkname, made.size, made.mtime = member.type, member.linkname, size, seconds
    made.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return made


def packed(contents: Contents, seconds: int) -> bytes:
    raw = io.BytesIO()
    # Galaxy and ansible-galaxy look for these two first.
    first = (MANIFEST, FILES)
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as opened:
        for name in (*first, *sorted(contents.keys() - set(first))):
            member, content = contents[name]
            opened.addfile(plain(member, len(content), seconds), io.BytesIO(content))
    # Neither a name nor a time in its head.
    return gzip.compress(raw.getvalue(), compresslevel=9, mtime=0)


def main() -> int:
    archive, seconds = Path(sys.argv[1]), int(sys.argv[2])
    new = archive.with_suffix(".new")
    new.write_bytes(packed(settled(read(archive)), seconds))
    os.replace(new, archive)
    return 0


if __name__ == "__main__":
    sys.exit(main())
