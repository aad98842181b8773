#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs `ansible-test sanity` of this Python's ansible-core on an unpacked archive: on what users get, binaries included.

From a git checkout ansible-test would leave out what git ignores.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import ansible_test

CACHE = Path.home() / ".ansible" / "test" / "cache"
BOOTSTRAP = """\
# Stands in for get-pip.py, so that ansible-test needs no other server than the package index.
import sys
sys.path.insert(0, {wheel!r})
from pip._internal.cli.main import main
sys.exit(main(["install", *(word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel"))]))
"""


def provide_pip() -> None:
    """Puts the script by which ansible-test installs pip where it would otherwise download it to."""
    source = Path(ansible_test.__file__).parent / "_internal" / "python_requirements.py"
    version = re.search(r"default_packages = dict\(\s*pip='([^']+)'", source.read_text(encoding="utf-8"))
    if version is None:
        return  # Another ansible-test than those known here: let it do what it does.
    script = CACHE / f"get_pip_{version[1].replace('.', '_')}.py"
    if script.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(CACHE), f"pip=={version[1]}"], check=True)
    wheel = CACHE / f"pip-{version[1]}-py3-none-any.whl"
    script.write_text(BOOTSTRAP.format(wheel=str(wheel)), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("test", nargs="*", help="sanity tests to run instead of all")
    options = parser.parse_args()
    provide_pip()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [str(Path(sys.executable).parent / "ansible-test"), "sanity", "--python", python, "--color", "no"]
    for test in options.test:
        command += ["--test", test]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory(prefix="ferro-zfs-sanity-") as scratch:
        root = Path(scratch) / "ansible_collections" / "ferro" / "zfs"
        root.mkdir(parents=True)
        with tarfile.open(options.archive) as archive:
            archive.extractall(root)
        return subprocess.run(command, cwd=root, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
