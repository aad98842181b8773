#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""provenance.py FILE...: says from what and by what these files were made, as an in-toto statement with SLSA's predicate (v1).

It has no time and no name of a machine in it, so that whoever builds the same gets the same statement. FERRO_BUILDER names the builder, as
an address; without it the statement says "by hand".
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "https://github.com/ferro-zfs/ferro.zfs"
HOW = f"{REPOSITORY}/blob/main/docs/trust.md"
Json = dict[str, Any]


def said(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def sha256(file: Path) -> Json:
    return {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def tools() -> Json:
    """All whose version can change a byte."""
    verbose = dict(line.split(": ", 1) for line in said("rustc", "-vV").splitlines() if ": " in line)
    python = ".".join(str(number) for number in sys.version_info[:3])
    return {"rustc": verbose["release"], "rustc-commit": verbose["commit-hash"], "python": python, "ansible-core": version("ansible-core")}


def statement(files: list[Path], commit: str, builder: str) -> Json:
    source = {"uri": f"git+{REPOSITORY}@{commit}", "digest": {"gitCommit": commit}}
    locked = [{"uri": f"git+{REPOSITORY}@{commit}#{name}", "digest": sha256(ROOT / name)} for name in ("Cargo.lock", "requirements-dev.txt")]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": file.name, "digest": sha256(file)} for file in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{HOW}#build-it-yourself-and-compare",
                "externalParameters": {"source": source, "command": ["make", "release"]},
                "internalParameters": tools(),
                "resolvedDependencies": [source, *locked],
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }


def main() -> int:
    made = statement([Path(name) for name in sys.argv[1:]], said("git", "rev-parse", "HEAD"), os.environ.get("FERRO_BUILDER") or f"{HOW}#built-by-hand")
    print(json.dumps(made, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
