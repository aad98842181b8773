# Copyright (c) 2026 the ferro.zfs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which key files a host's encrypted datasets need, and which are to be written. Pure.

A key file that exists is never written: with the key that is in it, the data would be lost.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.ferro.zfs.plugins.plugin_utils._dataset_changes import Entry, ReadError, key_path, properties_path
from ansible_collections.ferro.zfs.plugins.plugin_utils._tree import Tree, TreeError

RAW_BYTES = 32
FORMATS = ("raw", "hex", "passphrase")


def key_files(tree: Tree, keys_directory: str) -> list[Entry]:
    """``{dataset, path, keyformat}`` of each encryption root whose key is in a file. Raises TreeError."""
    found: dict[str, Entry] = {}
    for dataset in tree.datasets:
        if dataset.encryption_fault:
            raise dataset.encryption_fault
        if not dataset.declares_encryption or dataset.encryption_root != dataset.name:
            continue
        at = properties_path(dataset)
        keyformat = (dataset.properties or {}).get("keyformat")
        if keyformat not in FORMATS:
            raise TreeError(f"{at}.keyformat", f"encryption needs a keyformat: {', '.join(FORMATS)}; got {keyformat or 'nothing'}")
        path = key_path(dataset, keys_directory)
        if path is None:
            continue
        if not path.startswith("/"):
            raise TreeError(f"{at}.keylocation", f"file:// is followed by an absolute path, got {path!r}")
        if path in found:
            raise TreeError(at, f"{dataset.name} and {found[path]['dataset']} have the same key file, {path}: give one a keylocation")
        found[path] = {"dataset": dataset.name, "path": path, "keyformat": keyformat}
    return list(found.values())


def key_changes(files: Iterable[Mapping[str, Any]], keys: Mapping[str, Any], sums: str) -> list[Entry]:
    """``{dataset, path, content}`` of each key file to write, the content in base64.

    ``sums`` is what ``sha256sum`` printed of those files that exist.
    """
    there = {path: digest for digest, path in (line.split("  ", 1) for line in sums.splitlines())}
    changes: list[Entry] = []
    faults: list[str] = []
    files = list(files)
    for dataset in sorted(set(keys) - {file["dataset"] for file in files}):
        faults.append(f"system_zfs_keys has a key for {dataset}, which is no dataset with a key file of its own")
    for file in files:
        dataset, path = file["dataset"], file["path"]
        if keys.get(dataset) is None:
            if path not in there:
                faults.append(f"{dataset} needs a key: put it into {path} on the host, or into system_zfs_keys")
            continue
        content = key_bytes(dataset, file["keyformat"], keys[dataset])
        if path not in there:
            changes.append({"dataset": dataset, "path": path, "content": base64.b64encode(content).decode()})
        elif there[path] not in _digests(content, file["keyformat"]):
            faults.append(
                f"{path} on the host has another key than system_zfs_keys has for {dataset}. It is left as it is, for without it the "
                "data would be lost. Find out which one is right (zfs load-key -n), and remove the other"
            )
    if faults:
        raise ReadError("; ".join(faults))
    return changes


def key_bytes(dataset: str, keyformat: str, value: Any) -> bytes:
    """What is to be in the file."""
    where = f"system_zfs_keys[{dataset!r}]"
    if not isinstance(value, str):
        raise ReadError(f"{where}: expected a text; put it in quotes")
    if keyformat == "hex":
        if not re.fullmatch(r"[0-9a-fA-F]{64}", value.strip()):
            raise ReadError(f"{where}: a key of the format hex has 64 hexadecimal digits")
        return value.strip().encode()
    if keyformat == "passphrase":
        text = value.rstrip("\n").encode()
        if not 8 <= len(text) <= 512 or b"\n" in text:
            raise ReadError(f"{where}: a passphrase is one line of 8 to 512 bytes")
        return text
    if len(value.encode()) == RAW_BYTES:
        return value.encode()
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != RAW_BYTES:
        raise ReadError(f"{where}: a key of the format raw has {RAW_BYTES} bytes; give them in base64 (openssl rand -base64 32)")
    return raw


def _digests(content: bytes, keyformat: str) -> set[str]:
    """ZFS reads hex keys and passphrases up to the end of the line, so a file made by hand may have one."""
    contents = [content] if keyformat == "raw" else [content, content + b"\n"]
    return {hashlib.sha256(one).hexdigest() for one in contents}
