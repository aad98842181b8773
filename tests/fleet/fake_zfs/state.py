# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is on a host: pools, datasets with their properties and versions. And what its commands have in common."""

import json
import os
import sys
import time

PAYLOAD = 64 * 1024
INHERITED = {"compression", "recordsize", "atime", "exec", "setuid", "devices", "readonly", "encryption", "keyformat"}
DEFAULTS = {
    "canmount": "on",
    "compression": "on",
    "recordsize": "131072",
    "atime": "on",
    "exec": "on",
    "setuid": "on",
    "devices": "on",
    "readonly": "off",
    "encryption": "off",
    "quota": "0",
    "keylocation": "none",
    "keyformat": "none",
    "mountpoint": "none",
    "written": "0",
    "used": "98304",
    "referenced": "98304",
    "available": "1073741824",
    "defer_destroy": "off",
    "clones": "",
    "receive_resume_token": "-",
    "origin": "-",
}


def path_of(name):
    """Where a host keeps this of its state: beside its `zfs`, or where a system has such things."""
    # Without pathlib: to import it takes a fifth of the time of a command, and fleets run thousands.
    here = os.path.dirname(sys.argv[0])
    return f"{here if os.path.exists(f'{here}/state.json') else '/var/lib/fake-zfs'}/{name}"


def read(name, otherwise=""):
    """What is in this file of its state, if it is there."""
    try:
        with open(path_of(name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return otherwise


class Refused(Exception):
    """What is printed on stderr, one line each. What was done until then is undone, unless `stays`."""

    status, stays = 1, False


class Fake:
    """The state, and what is asked of it; `stdin` is what a stream or program that came in holds."""

    def __init__(self, state, stdin):
        self.stdin = stdin
        self.state = state
        self.pools = state["pools"]
        self.datasets = state["datasets"]
        self.indexed = {}

    # What there is.

    def dataset(self, name):
        if name not in self.datasets:
            raise Refused(f"cannot open '{name}': dataset does not exist")
        return self.datasets[name]

    def versions(self, name):
        return self.dataset(name)["versions"]

    def version(self, full):
        name, mark, short = split(full)
        found = self.by_name(name).get(mark + short)
        if found is None:
            raise Refused(f"cannot open '{full}': dataset does not exist")
        return found

    def by_name(self, name):
        """The versions of a dataset by their names, which are looked up by the thousand."""
        versions = self.versions(name)
        seen, count, found = self.indexed.get(name, (None, 0, {}))
        if seen is not versions or count != len(versions):
            found = {one["name"]: one for one in versions}
            self.indexed[name] = (versions, len(versions), found)
        return found

    def below(self, name, depth=None):
        self.dataset(name)
        found = [one for one in self.datasets if one == name or one.startswith(f"{name}/")]
        return sorted(one for one in found if depth is None or one[len(name) :].count("/") <= depth)

    def value(self, full, prop, one=None):
        """A property and its source; `one` is the version of that name, where it is known."""
        name, mark, _short = split(full)
        dataset = self.dataset(name)
        if mark:
            one = one or self.version(full)
            special = {"name": full, "type": "snapshot" if mark == "@" else "bookmark", "guid": one["guid"], "createtxg": one["txg"]}
            special |= {"creation": one["creation"], "userrefs": len(one["holds"]), "numclones": "0", "written": "0"}
            special["ivsetguid"] = one["guid"] ^ 1 if self.value(name, "encryption")[0] != "off" else "-"
            special |= {key: one[key] for key in ("numclones", "written", "origin") if key in one}
            return str(special.get(prop, DEFAULTS.get(prop, "-"))), "-"
        root = self.encryption_root(name)
        special = {"name": full, "type": "filesystem", "guid": dataset["guid"], "createtxg": dataset["txg"], "creation": dataset["creation"]}
        special |= {"encryptionroot": root or "-", "keystatus": self.datasets[root].get("keystatus", "available") if root else "none"}
        if "partial" in dataset:
            special["receive_resume_token"] = token_of(dataset["partial"])
        special |= {key: dataset[key] for key in ("type", "written", "origin") if key in dataset}
        if prop in special:
            return str(special[prop]), "-"
        above = [name, *ancestors(name)] if prop in INHERITED or ":" in prop else [name]
        for one in above:
            if prop in self.datasets[one]["properties"]:
                return self.datasets[one]["properties"][prop], "local" if one == name else f"inherited from {one}"
        return DEFAULTS.get(prop, "-"), "-" if ":" in prop else "default"

    def encryption_root(self, name):
        for one in [name, *ancestors(name)]:
            if self.datasets[one]["properties"].get("encryption", "off") != "off":
                return one
        return None

    # What is done.

    def next_txg(self):
        self.state["txg"] += 1
        return self.state["txg"]

    def new_guid(self):
        """Any, or where the state has `next_guid`, always the same ones."""
        if "next_guid" not in self.state:
            return int.from_bytes(os.urandom(8), "big") >> 1
        self.state["next_guid"] += 1
        return self.state["next_guid"]

    def now(self):
        return self.state.get("now") or int(time.time())

    def make(self, name, properties):
        if name in self.datasets:
            raise Refused(f"cannot create '{name}': dataset already exists")
        if "/" in name and name.rpartition("/")[0] not in self.datasets:
            raise Refused(f"cannot create '{name}': parent does not exist")
        common = {"guid": self.new_guid(), "txg": self.next_txg(), "creation": self.now()}
        self.datasets[name] = {**common, "properties": dict(properties), "versions": [], "grants": {}}

    def add_version(self, name, short, guid, creation=None):
        if any(one["name"] == short for one in self.versions(name)):
            raise Refused(f"cannot create '{name}{short}': dataset already exists")
        one = {"name": short, "guid": guid, "txg": self.next_txg(), "creation": creation or self.now(), "holds": []}
        self.versions(name).append(one)


def split(full):
    for mark in "@#":
        if mark in full:
            name, _, short = full.partition(mark)
            return name, mark, short
    return full, "", ""


def ancestors(name):
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def options(words, with_value="", flags=""):
    """The options before the names, and the names. -o may be given more than once."""
    found = {}
    words = list(words)
    while words and words[0].startswith("-") and len(words[0]) > 1:
        for letter in words.pop(0)[1:]:
            if letter in with_value:
                found.setdefault(letter, []).append(words.pop(0))
            elif letter in flags:
                found[letter] = []
            else:
                raise Refused(f"invalid option '{letter}'")
    return found, words


def pairs(words):
    return dict(word.split("=", 1) for word in words)


def token_of(partial):
    return "1-" + json.dumps(partial).encode().hex()
