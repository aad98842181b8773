#!/usr/bin/env python3
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sbom.py --bom FILE | --notices FILE: says what the binaries are made of, from what cargo says.

--bom writes a bill of materials (CycloneDX 1.6): the crates that are linked into the binaries of either architecture, those that only took
part in building them (scope "excluded"), and the Python that the controller needs. --notices writes the licence texts of what is linked in.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomllib

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl")
# A crate of the build with an archive, of which two files are handed on as they are: the page /api/docs of zfs_monitor.
SWAGGER_UI = "utoipa-swagger-ui-vendored"
# What a licence lies in, beside a crate's Cargo.toml.
TEXTS = re.compile(r"^(licen[sc]e|copying|notice|copyright|unlicense)", re.IGNORECASE)
REPOSITORY = "https://github.com/ferro-zfs/ferro.zfs"
Json = dict[str, Any]


@functools.cache
def metadata(target: str) -> Json:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    said: Json = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return said


def reached(said: Json, kinds: tuple[str | None, ...]) -> set[str]:
    """The packages that the root reaches through dependencies of these kinds: None is an ordinary one, others are "build" and "dev".

    What a macro or a build script is made of counts as part of the build.
    """
    nodes = {node["id"]: node for node in said["resolve"]["nodes"]}
    macros = {package["id"] for package in said["packages"] if any("proc-macro" in target["kind"] for target in package["targets"])}
    found: set[str] = set()
    waiting = [said["resolve"]["root"]]
    while waiting:
        package = waiting.pop()
        if package in found or (package in macros and "build" not in kinds):
            continue
        found.add(package)
        waiting += [dep["pkg"] for dep in nodes[package]["deps"] if any(kind["kind"] in kinds for kind in dep["dep_kinds"])]
    return found


def crates() -> tuple[dict[str, Json], set[str]]:
    """All crates that take part, and those of them that are in what is shipped."""
    taking_part: dict[str, Json] = {}
    shipped: set[str] = set()
    for target in TARGETS:
        said = metadata(target)
        packages = {package["id"]: package for package in said["packages"] if package["source"] is not None}
        taking_part.update((key, packages[key]) for key in reached(said, (None, "build")) if key in packages)
        shipped |= {key for key in reached(said, (None,)) if key in packages}
    return taking_part, shipped


def checksums() -> dict[tuple[str, str], str]:
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    return {(package["name"], package["version"]): package["checksum"] for package in lock["package"] if "checksum" in package}


def component(package: Json, checksum: str, shipped: bool) -> Json:
    purl = f"pkg:cargo/{package['name']}@{package['version']}"
    made: Json = {
        "type": "library",
        "bom-ref": purl,
        "name": package["name"],
        "version": package["version"],
        "scope": "required" if shipped else "excluded",
        "hashes": [{"alg": "SHA-256", "content": checksum}],
        # "A/B" is how crates said "A OR B" once.
        "licenses": [{"expression": package["license"].replace("/", " OR ")}],
        "purl": purl,
    }
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def pinned(requirements: str) -> Iterator[Json]:
    """What tests and publishes it: not in what is shipped."""
    for name, version in re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)$", requirements, re.MULTILINE):
        purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "scope": "excluded", "purl": purl}


def controller(runtime: str) -> Json:
    """The one thing that its Python needs where Ansible runs."""
    oldest = re.search(r'^requires_ansible: "(.+)"$', runtime, re.MULTILINE)
    assert oldest is not None, "meta/runtime.yml says which ansible-core"
    needs = [{"name": "ferro.zfs:requires", "value": oldest[1]}]
    return {
        "type": "framework",
        "bom-ref": "pkg:pypi/ansible-core",
        "name": "ansible-core",
        "scope": "optional",
        "purl": "pkg:pypi/ansible-core",
        "properties": needs,
    }


def swagger_ui(taking_part: dict[str, Json]) -> tuple[Json, list[str]]:
    """Its component, and the texts of its licence."""
    (crate,) = (package for package in taking_part.values() if package["name"] == SWAGGER_UI)
    (archive,) = (Path(crate["manifest_path"]).parent / "res").glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        top = opened.namelist()[0].partition("/")[0]
        said = [opened.read(f"{top}/{name}").decode().strip() for name in ("LICENSE", "NOTICE")]
    version = top.removeprefix("swagger-ui-")
    purl = f"pkg:npm/swagger-ui-dist@{version}"
    made = {
        "type": "library",
        "bom-ref": purl,
        "name": "swagger-ui-dist",
        "version": version,
        "scope": "required",
        "licenses": [{"expression": "Apache-2.0"}],
        "purl": purl,
    }
    return made, said


def bill() -> Json:
    taking_part, shipped = crates()
    sums = checksums()
    version = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]["version"]
    ours = f"pkg:generic/ferro.zfs@{version}"
    components = [component(package, sums[package["name"], package["version"]], key in shipped) for key, package in taking_part.items()]
    python = {one["bom-ref"]: one for file in sorted(ROOT.glob("requirements-*.txt")) for one in pinned(file.read_text(encoding="utf-8"))}
    components += [swagger_ui(taking_part)[0], *python.values(), controller((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))]
    components.sort(key=lambda one: one["bom-ref"])
    needed = [one["bom-ref"] for one in components if one["scope"] != "excluded"]
    licences = [{"license": {"id": "GPL-3.0-or-later"}}]
    described = {"type": "application", "bom-ref": ours, "name": "ferro.zfs", "version": version, "licenses": licences, "purl": ours}
    made: Json = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**described, "externalReferences": [{"type": "vcs", "url": REPOSITORY}]}},
        "components": components,
        "dependencies": [{"ref": ours, "dependsOn": needed}],
    }
    # By its contents, so that the same contents give the same bytes.
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(made))}", **made}


def texts(package: Json) -> list[str]:
    folder = Path(package["manifest_path"]).parent
    files = sorted(file for file in folder.iterdir() if file.is_file() and TEXTS.match(file.name))
    return [file.read_text(encoding="utf-8").strip() for file in files]


def notices() -> str:
    """Each text once, with the names of those whose it is."""
    taking_part, shipped = crates()
    whose: dict[str, list[str]] = {}
    for key in sorted(shipped):
        package = taking_part[key]
        name = f"{package['name']} {package['version']} ({package['license']})"
        for text in texts(package) or ["(It comes with no text of its licence.)"]:
            whose.setdefault(text, []).append(name)
    page, said = swagger_ui(taking_part)
    for text in said:
        whose.setdefault(text, []).append(f"{page['name']} {page['version']} (Apache-2.0)")
    rule = "=" * 100
    head = "The binaries of ferro.zfs contain these libraries, and the page /api/docs of zfs_monitor contains Swagger UI.\n"
    return head + "".join(
        f"\n{rule}\n" + "\n".join(sorted(names)) + f"\n{rule}\n\n{text}\n" for text, names in sorted(whose.items(), key=lambda item: sorted(item[1]))
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--bom", type=Path)
    what.add_argument("--notices", type=Path)
    options = parser.parse_args()
    if options.bom:
        options.bom.write_text(json.dumps(bill(), indent=2) + "\n", encoding="utf-8")
    else:
        options.notices.write_text(notices(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
