# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes with a release so that it can be trusted: bill of materials, provenance, signature."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

import provenance
import sbom

ROOT = Path(__file__).resolve().parents[3]
SIGN = ROOT / "tools/sign"


def package(name: str, kind: str = "lib") -> dict[str, t.Any]:
    return {"id": name, "name": name, "targets": [{"kind": [kind]}]}


def node(name: str, **deps: list[str | None]) -> dict[str, t.Any]:
    return {"id": name, "deps": [{"pkg": dep, "dep_kinds": [{"kind": kind} for kind in kinds]} for dep, kinds in deps.items()]}


SAID = {
    "packages": [package("root"), package("serde"), package("derive", "proc-macro"), package("syn"), package("zip"), package("tempfile")],
    "resolve": {
        "root": "root",
        "nodes": [
            node("root", serde=[None], zip=["build"], tempfile=["dev"]),
            node("serde", derive=[None]),
            node("derive", syn=[None]),
            node("syn"),
            node("zip"),
            node("tempfile"),
        ],
    },
}


def test_what_is_linked_in_is_neither_macro_nor_build_nor_test() -> None:
    assert sbom.reached(SAID, (None,)) == {"root", "serde"}
    assert sbom.reached(SAID, (None, "build")) == {"root", "serde", "derive", "syn", "zip"}


def test_the_bill_names_each_crate_with_its_checksum() -> None:
    said = sbom.bill()
    assert said == sbom.bill(), "nothing of it may differ from one run to the next"
    scopes = {component["name"]: component["scope"] for component in said["components"]}
    assert {name: scopes[name] for name in ("serde_json", "tokio", "swagger-ui-dist", "serde_derive", "zip", "reuse")} == {
        "serde_json": "required",
        "tokio": "required",
        "swagger-ui-dist": "required",
        "serde_derive": "excluded",
        "zip": "excluded",
        "reuse": "excluded",
    }
    assert "tempfile" not in scopes, "that is for tests alone"
    crates = [component for component in said["components"] if component["purl"].startswith("pkg:cargo/")]
    assert all(len(crate["hashes"][0]["content"]) == 64 and crate["licenses"] for crate in crates)
    references = [component["bom-ref"] for component in said["components"]]
    assert len(references) == len(set(references))


def test_every_library_that_is_linked_in_has_its_licence_told() -> None:
    told = sbom.notices()
    for component in sbom.bill()["components"]:
        if component["scope"] == "required":
            assert f"{component['name']} {component['version']} (" in told


def test_the_statement_of_provenance_names_files_and_source(tmp_path: Path) -> None:
    (tmp_path / "it.tar.gz").write_bytes(b"it")
    said = provenance.statement([tmp_path / "it.tar.gz"], "a" * 40, "https://example.org/builder")
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [{"name": "it.tar.gz", "digest": {"sha256": hashlib.sha256(b"it").hexdigest()}}]
    definition = said["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["source"]["digest"] == {"gitCommit": "a" * 40}
    assert set(definition["internalParameters"]) == {"rustc", "rustc-commit", "python", "ansible-core"}


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A file, signed with a key of ours; `signers` names the key."""
    for name in ("ours", "theirs"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", tmp_path / name], check=True)
    (tmp_path / "signers").write_text(f"one@example.org {(tmp_path / 'ours.pub').read_text(encoding='utf-8')}", encoding="utf-8")
    (tmp_path / "SHA256SUMS").write_text("sums\n", encoding="utf-8")
    sign(tmp_path, "ours")
    return tmp_path / "SHA256SUMS"


def sign(folder: Path, key: str) -> None:
    environment = {**os.environ, "FERRO_RELEASE_KEY": str(folder / key)}
    subprocess.run([SIGN, folder / "SHA256SUMS"], env=environment, check=True, capture_output=True)


def verify(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SIGN, "--verify", file, file.parent / "signers"], check=False, capture_output=True, text=True)


def test_a_signature_of_ours_is_good(signed: Path) -> None:
    done = verify(signed)
    assert done.returncode == 0 and "Good" in done.stdout, done


def test_what_was_changed_is_not(signed: Path) -> None:
    signed.write_text("other sums\n", encoding="utf-8")
    assert verify(signed).returncode != 0


def test_what_another_signed_is_not(signed: Path) -> None:
    sign(signed.parent, "theirs")
    done = verify(signed)
    assert done.returncode != 0 and "by nobody who is in" in done.stderr


def test_what_was_signed_for_something_else_is_not(signed: Path) -> None:
    Path(f"{signed}.sig").unlink()
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", signed.parent / "ours", "-n", "git", signed], check=True, capture_output=True)
    assert verify(signed).returncode != 0


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with what looks whether a release can be made of it."""
    folder = tmp_path / "clone"
    (folder / "tools").mkdir(parents=True)
    for name in ("galaxy.yml", "tools/release"):
        shutil.copy(ROOT / name, folder / name)
    who = ["-c", "user.name=one", "-c", "user.email=one@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def ready(clone: Path, key: str = "") -> str:
    """What is in the way of a release; asked beside the clone."""
    environment = {**os.environ, "FERRO_RELEASE_KEY": key}
    done = subprocess.run([clone / "tools/release", "--ready"], cwd=clone.parent, env=environment, check=False, capture_output=True, text=True)
    assert (done.returncode == 0) == (done.stderr == "")
    return done.stderr


def test_a_release_is_refused_before_it_is_built(clone: Path) -> None:
    assert ready(clone) == ""
    assert ready(clone, "key") == f"FERRO_RELEASE_KEY names no file: {clone.parent / 'key'}\n"
    (clone.parent / "key").touch()
    assert ready(clone, "key") == ""
    (clone / "new").touch()
    assert ready(clone) == "there are changes that are in no commit, so nobody could build the same:\n?? new\n"
