#!/usr/bin/python3 -IS
# Copyright (c) 2026 the ferro.zfs contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `zfs` and `zpool` of all tests without a kernel: names, properties, snapshots and grants in one JSON file, and no data.

It knows what the roles and the binaries of this collection say, in the words that they use, and refuses the rest. Streams carry the
guids of their snapshots, so that replication can go wrong. A file BROKEN holds what every command says instead, and fails with.

A folder that holds this program and a state.json is a host of its own. There, where a file `log` exists, each command is written down;
`faults` of the state say what goes wrong (see `Fault`); and `answers`, pairs of a pattern of commands and a file, are printed as they are:
that is for listings of millions of lines, which no JSON holds.
"""

import fcntl
import json
import os
import struct
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path

HERE = Path(sys.argv[0]).parent
STATE = HERE if (HERE / "state.json").exists() else Path("/var/lib/fake-zfs")
PAYLOAD = 64 * 1024
# Of the headers of streams: their size, their beginning, and DMU_BACKUP_FEATURE_RAW.
HEADER, MAGIC, RAW, RESUMING = 312, 0x2F5BACBAC, 1 << 24, 1 << 20
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


class Refused(Exception):
    """What is printed on stderr, one line each. What was done until then is undone, unless `stays`."""

    status, stays = 1, False


class Fault:
    """What goes wrong with the commands that fit the pattern `command`, after `skip` of them, `times` times (always if not given).

    `meanwhile`: commands of somebody else, parted by `;`, that are run before. `says`: what is printed on stderr, and it fails, with `status`, before
    anything is done. With `sent` a `zfs send` fails after so many bytes, with `received` a `zfs receive` after so many snapshots, with
    `late` any command once it has done its work. `sleeps`: for so many seconds before all that.
    """

    def __init__(self, state, line):
        self.found = {}
        for fault in state.get("faults", []):
            if not fnmatchcase(line, fault["command"]) or fault.get("times") == 0:
                continue
            if fault.get("skip", 0) > 0:
                fault["skip"] -= 1
                continue
            if "times" in fault:
                fault["times"] -= 1
            self.found = fault
            break

    def __getattr__(self, name):
        return self.found.get(name)

    def fail(self):
        refused = Refused(*self.says.splitlines())
        refused.status, refused.stays = self.status or 1, True
        raise refused

    @property
    def is_early(self):
        return self.says and self.sent is None and self.received is None and not self.late


class Fake:
    """The state, and what is asked of it; `stdin` is what a stream or program that came in holds."""

    def __init__(self, state, stdin):
        self.stdin = stdin
        self.state = state
        self.pools = state["pools"]
        self.datasets = state["datasets"]

    # What there is.

    def dataset(self, name):
        if name not in self.datasets:
            raise Refused(f"cannot open '{name}': dataset does not exist")
        return self.datasets[name]

    def versions(self, name):
        return self.dataset(name)["versions"]

    def version(self, full):
        name, mark, short = split(full)
        for one in self.versions(name):
            if one["name"] == mark + short:
                return one
        raise Refused(f"cannot open '{full}': dataset does not exist")

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

    def make(self, name, properties):
        if name in self.datasets:
            raise Refused(f"cannot create '{name}': dataset already exists")
        if "/" in name and name.rpartition("/")[0] not in self.datasets:
            raise Refused(f"cannot create '{name}': parent does not exist")
        common = {"guid": self.new_guid(), "txg": self.next_txg(), "creation": int(time.time())}
        self.datasets[name] = {**common, "properties": dict(properties), "versions": [], "grants": {}}

    def add_version(self, name, short, guid, creation=None):
        if any(one["name"] == short for one in self.versions(name)):
            raise Refused(f"cannot create '{name}{short}': dataset already exists")
        one = {"name": short, "guid": guid, "txg": self.next_txg(), "creation": creation or int(time.time()), "holds": []}
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


# The commands: each takes the fake and its words, and gives what is printed.


def zfs_list(fake, words):
    given, names = options(words, "tod", "Hpr")
    types = given.get("t", ["filesystem,volume"])[0].split(",")
    columns = given.get("o", ["name"])[0].split(",")
    depth = None if "r" in given else int(given.get("d", ["0"])[0])
    lines, missing = [], []
    for name in names or [one for one in fake.datasets if "/" not in one]:
        try:
            if split(name)[1]:
                found = [(name, fake.version(name))]
            else:
                # A version is one level below its dataset.
                below = [(one, one[len(name) :].count("/")) for one in fake.below(name, depth)]
                within = [one for one, level in below if depth is None or level <= max(depth - 1, 0)]
                found = [(one, None) for one, _ in below if "filesystem" in types]
                marks = [mark for mark, kind in (("@", "snapshot"), ("#", "bookmark")) if kind in types]
                found += [(one + version["name"], version) for one in within for version in fake.versions(one) if version["name"][0] in marks]
        except Refused as refused:
            missing.append(str(refused))
            continue
        lines += ["\t".join(fake.value(one, column, version)[0] for column in columns) for one, version in found]
    return lines, missing


def zfs_get(fake, words):
    given, (properties, *names) = options(words, "otds", "Hpr")
    sources = given.get("s", [None])[0]
    types = given.get("t", ["filesystem,volume,snapshot,bookmark"])[0].split(",")
    depth = None if "r" in given else int(given.get("d", ["0"])[0])
    columns = given.get("o", ["name,property,value,source"])[0].split(",")
    lines, missing = [], []
    for name in names:
        try:
            for one in fake.below(name, depth) if depth != 0 else [name]:
                rows = {prop: fake.value(one, prop) for prop in properties.split(",")}
                if fake.value(one, "type")[0] not in types:
                    continue
                for prop, (value, source) in rows.items():
                    if sources and source not in sources.split(","):
                        continue
                    row = {"name": one, "property": prop, "value": value, "source": source}
                    lines.append("\t".join(row[column] for column in columns))
        except Refused as refused:
            missing.append(str(refused))
    return lines, missing


def zfs_create(fake, words):
    given, (name,) = options(words, "oV", "npu")
    if "n" in given:
        if name.partition("/")[0] not in fake.datasets:
            raise Refused(f"cannot open '{name.partition('/')[0]}': no such pool")
        return
    above = [one for one in reversed(ancestors(name)) if one not in fake.datasets]
    for parent in above if "p" in given else []:
        fake.make(parent, {})
    fake.make(name, pairs(given.get("o", [])))


def zfs_set(fake, words):
    for name in [word for word in words if "=" not in word]:
        fake.dataset(name)["properties"].update(pairs(word for word in words if "=" in word))


def zfs_inherit(fake, words):
    prop, *names = words
    for name in names:
        fake.dataset(name)["properties"].pop(prop, None)


def zfs_snapshot(fake, words):
    _, names = options(words, "o", "")
    for full in names:
        name, _, short = split(full)
        fake.add_version(name, f"@{short}", fake.new_guid())


def zfs_bookmark(fake, words):
    source, bookmark = words
    one = fake.version(source)
    name, mark, short = split(bookmark)
    fake.add_version(name or split(source)[0], mark + short, one["guid"], one["creation"])
    # A bookmark has the place of its snapshot.
    fake.versions(name or split(source)[0])[-1]["txg"] = one["txg"]


def zfs_destroy(fake, words):
    given, (full,) = options(words, "", "dnvpr")
    name, mark, shorts = split(full)
    if not mark:
        children = fake.below(full)[1:]
        if (children or any(one["name"][0] == "@" for one in fake.versions(full))) and "r" not in given:
            what = "children" if children else "snapshots"
            raise Refused(f"cannot destroy '{full}': filesystem has children", f"use '-r' to destroy the following {what}:")
        for one in [full, *children]:
            del fake.datasets[one]
        return None
    gone = [f"{mark}{short}" for short in shorts.split(",")]
    for short in gone:
        if fake.version(name + short)["holds"]:
            raise Refused(f"cannot destroy '{name}{short}': it's being held. Run 'zfs holds -r {name}{short}' to see holders.")
    if "n" in given:
        return [*(f"destroy\t{name}{short}" for short in gone), f"reclaim\t{PAYLOAD * len(gone)}"], []
    fake.dataset(name)["versions"] = [one for one in fake.versions(name) if one["name"] not in gone]
    return None


def zfs_rename(fake, words):
    _, (old, new) = options(words, "", "u")
    if new in fake.datasets:
        raise Refused(f"cannot rename '{old}': dataset already exists")
    if new.rpartition("/")[0] not in fake.datasets:
        raise Refused(f"cannot create '{new}': parent does not exist")
    for one in fake.below(old):
        fake.datasets[new + one[len(old) :]] = fake.datasets.pop(one)


def zfs_rollback(fake, words):
    _, (full,) = options(words, "", "r")
    name = split(full)[0]
    snapshots = [one["name"] for one in fake.versions(name) if one["name"][0] == "@"]
    if fake.version(full)["name"] != snapshots[-1]:
        raise Refused(
            f"cannot rollback to '{full}': more recent snapshots or bookmarks exist", "use '-r' to force deletion of the following snapshots and bookmarks:"
        )
    fake.dataset(name).pop("written", None)


def zfs_program(fake, words):
    given, (_pool, program, _how, *snapshots) = options(words, "", "j")
    if program != "-" or "j" not in given or b"destroy" not in fake.stdin:
        raise Refused("this zfs runs the program that destroys snapshots only")
    failed = {}
    for full in snapshots:
        try:
            zfs_destroy(fake, [full])
        except Refused as refused:
            failed[full] = 16 if "held" in str(refused) else 2
    return [json.dumps({"return": failed})], []


def token_of(partial):
    return "1-" + json.dumps(partial).encode().hex()


def zfs_send(fake, words):
    given, names = options(words, "iIt", "nvPwLcp")
    if "t" in given:
        return send_rest(fake, given)
    (full,) = names
    name, _, _short = split(full)
    to = fake.version(full)
    base = (given.get("i") or given.get("I") or [None])[0]
    base = base and fake.version(base if split(base)[0] else name + base)
    wanted = [to]
    if "I" in given:
        wanted = [one for one in fake.versions(name) if one["name"][0] == "@" and base["txg"] < one["txg"] <= to["txg"]]
    size = PAYLOAD * len(wanted)
    if "n" in given:
        step = f"incremental\t{base['name']}\t{full}\t{size}" if base else f"full\t{full}\t{size}"
        return [step, f"size\t{size}"], []
    raw = "w" in given and fake.value(name, "encryption")[0] not in ("off", "-")
    streams, before = [], base["guid"] if base else 0
    for one in wanted:
        streams.append(plain_stream(name, one, before, RAW if raw else 0))
        before = one["guid"]
    return package(name, streams) if "I" in given else streams[0]


def send_rest(fake, given):
    """What a resume token stands for. ZFS finds the snapshot by its guid, under whatever name."""
    token = json.loads(bytes.fromhex(given["t"][0][2:]))
    full, guid, base = token["name"], token["guid"], token["base"]
    pool = [(one, version) for one in fake.datasets for version in fake.versions(one) if one.split("/")[0] == split(full)[0].split("/")[0]]
    found = [(one, version) for one, version in pool if version["guid"] == guid]
    if not found:
        raise Refused(f"cannot resume send: '{full}' used in the initial send no longer exists")
    name, to = found[0]
    if "n" in given:
        fields = (
            {"fromguid": base, "object": 2, "offset": 0, "bytes": token["bytes"], "toguid": guid}
            if base
            else {"object": 2, "offset": 0, "bytes": token["bytes"], "toguid": guid}
        )
        told = ["resume token contents:", "nvlist version: 0", *(f"\t{field} = {value:#x}" for field, value in fields.items()), f"\ttoname = {full}"]
        told += ["\trawok = 1"] if token["raw"] else []
        return [*told, f"full\t{name}{to['name']}\t{PAYLOAD}", f"size\t{PAYLOAD}"], []
    return plain_stream(name, to, base, RESUMING | (RAW if token["raw"] else 0))


def record(kind, *fields, payload=b""):
    """A header as in include/sys/zfs_ioctl.h of OpenZFS: fields are their place, their form and their value."""
    header = bytearray(HEADER)
    for at, form, value in ((0, "I", kind), *fields):
        struct.pack_into("<" + form, header, at, value)
    return bytes(header) + payload


def plain_stream(name, one, base, features):
    """A snapshot: BEGIN, one WRITE, END."""
    full, guid = f"{name}{one['name']}".encode(), one["guid"]
    features |= 4
    begin = ((8, "Q", MAGIC), (16, "Q", 1 | features << 2), (24, "Q", one["creation"]), (32, "I", 2), (40, "Q", guid), (48, "Q", base), (56, "256s", full))
    write = ((8, "Q", 7), (16, "I", 19), (32, "Q", PAYLOAD), (40, "Q", guid))
    return record(0, *begin) + record(3, *write, payload=bytes(PAYLOAD)) + record(5, (40, "Q", guid))


def package(name, streams):
    head = record(0, (8, "Q", MAGIC), (16, "Q", 2 | 4 << 2), (56, "256s", f"{name}@-".encode()))
    return head + record(5) + b"".join(streams) + record(5)


def plain_streams(data):
    """What `zfs receive` finds in a stream or package: of each snapshot what a token would say, its creation, and whether all of it is there."""
    at, begun = 0, None
    while at + HEADER <= len(data):
        kind = struct.unpack_from("<I", data, at)[0]
        if kind == 0 and data[at + 16] & 3 == 1:
            version, creation = struct.unpack_from("<QQ", data, at + 16)
            guid, base = struct.unpack_from("<QQ", data, at + 40)
            full = data[at + 56 : at + HEADER].rstrip(b"\0").decode()
            begun = {"name": full, "guid": guid, "base": base, "raw": bool(version >> 2 & RAW), "bytes": PAYLOAD // 2}, creation
        elif kind == 5 and begun:
            yield *begun, True
            begun = None
        at += HEADER + (PAYLOAD if kind == 3 else 0)
    if begun:
        yield *begun, False


def zfs_receive(fake, words, received=None):
    """`received`: so many snapshots are received before it fails."""
    given, (name,) = options(words, "ox", "usFA")
    if "A" in given:
        if "partial" not in fake.dataset(name):
            raise Refused(f"'{name}' does not have any resumable receive state to abort")
        del fake.datasets[name]["partial"]
        if not fake.versions(name) and not fake.below(name)[1:]:
            del fake.datasets[name]
        return
    for count, (stream, creation, is_whole) in enumerate(plain_streams(fake.stdin)):
        try:
            receive_one(fake, name, given, stream, creation, is_whole and count != received)
        except Refused as refused:
            refused.stays = True
            raise
        given.pop("F", None)
    if received is None and not fake.stdin:
        raise Refused("cannot receive: failed to read from stream")


def receive_one(fake, name, given, stream, creation, is_whole):
    what = "incremental" if stream["base"] else "new filesystem"
    there = fake.datasets.get(name)
    partial = (there or {}).get("partial")
    if partial and partial["guid"] != stream["guid"]:
        raise Refused(f'cannot receive {what} stream: destination {name} contains partially-complete state from "zfs receive -s".')
    snapshots = [one for one in (there or {}).get("versions", []) if one["name"][0] == "@"]
    # Snapshots behind the base are in nobody's way while nothing was written for them.
    while stream["base"] and snapshots and snapshots[-1]["guid"] != stream["base"] and int(snapshots[-1].get("written", 0)) == 0:
        snapshots.pop()
    newest = [one["guid"] for one in snapshots[-1:]]
    if stream["base"] and there is None:
        raise Refused(f"cannot receive incremental stream: destination '{name}' does not exist")
    if stream["base"] and newest != [stream["base"]]:
        raise Refused(f"cannot receive incremental stream: most recent snapshot of {name} does not", "match incremental source")
    if stream["base"] and int(there.get("written", 0)) and "F" not in given:
        raise Refused(f"cannot receive incremental stream: destination {name} has been modified", "since most recent snapshot")
    if not stream["base"] and newest:
        raise Refused(f"cannot receive new filesystem stream: destination has snapshots (eg. {name}@...)", "must destroy them to overwrite it")
    if not stream["base"] and there is not None and "F" not in given and not partial:
        raise Refused(f"cannot receive new filesystem stream: destination '{name}' exists", "must specify -F to overwrite it")
    if there is None:
        fake.make(name, {"encryption": "aes-256-gcm"} if stream["raw"] else {})
    if not is_whole:
        if "s" not in given:
            if there is None:
                del fake.datasets[name]
            raise Refused(f"cannot receive {what} stream: incomplete stream")
        fake.datasets[name]["partial"] = stream
        lines = ("Partially received snapshot is saved.", "A resuming stream can be generated on the sending system by running:")
        raise Refused(f"cannot receive {what} stream: checksum mismatch or incomplete stream.", *lines, f"    zfs send -t {token_of(stream)}")
    fake.dataset(name).pop("partial", None)
    fake.dataset(name)["properties"].update(pairs(given.get("o", [])))
    fake.add_version(name, "@" + stream["name"].partition("@")[2], stream["guid"], creation)


def zfs_hold(fake, words):
    tag, *names = words
    for name in names:
        if tag in fake.version(name)["holds"]:
            raise Refused(f"cannot hold snapshot '{name}': tag already exists on this dataset")
        fake.version(name)["holds"].append(tag)


def zfs_release(fake, words):
    tag, *names = words
    for name in names:
        if tag not in fake.version(name)["holds"]:
            raise Refused(f"cannot release hold from snapshot '{name}': no such tag on this dataset")
        fake.version(name)["holds"].remove(tag)


def zfs_holds(fake, words):
    _, names = options(words, "", "H")
    return [f"{name}\t{tag}\tthen" for name in names for tag in fake.version(name)["holds"]], []


SECTIONS = {
    "s": "Permission sets:",
    "c": "Create time permissions:",
    "l": "Local permissions:",
    "d": "Descendent permissions:",
    "ld": "Local+Descendent permissions:",
}


def zfs_allow(fake, words, give=True):
    if words == ["-h"]:
        return (STATE / "allow-help").read_text().splitlines(), []
    if len(words) == 1:
        return [line for name in [words[0], *ancestors(words[0])] for line in grants(name, fake.dataset(name)["grants"])], []
    given, names = options(words, "ugs", "ldec")
    who = [f"{word} {name}" for letter, word in (("u", "user"), ("g", "group")) for name in given.get(letter, [""])[0].split(",") if name]
    who = given.get("s", ["*"] if "c" in given else who or ["everyone"])
    # Without permissions, all of them are taken away.
    permissions, name = names if len(names) == 2 else (None, *names)
    kinds = "s" if "s" in given else "c" if "c" in given else "l" if "l" in given else "d" if "d" in given else "ld"
    for one, kind in ((one, kind) for one in who for kind in kinds):
        held = fake.dataset(name)["grants"].setdefault(kind, {}).setdefault(one, [])
        named = set(held) if permissions is None else set(permissions.split(","))
        held[:] = sorted((set(held) | named) if give else (set(held) - named))
    return None


def zfs_unallow(fake, words):
    zfs_allow(fake, words, give=False)


def grants(name, of_dataset):
    lines = []
    local, below = of_dataset.get("l", {}), of_dataset.get("d", {})
    both = {who: [one for one in held if one in below.get(who, [])] for who, held in local.items()}
    alone = {"l": local, "d": below}
    for kind, title in SECTIONS.items():
        of_kind = both if kind == "ld" else of_dataset.get(kind, {})
        if kind in alone:
            of_kind = {who: [one for one in held if one not in both.get(who, [])] for who, held in of_kind.items()}
        rows = ["\t" + f"{who} {','.join(held)}".removeprefix("* ") for who, held in of_kind.items() if held]
        lines += [title, *rows] if rows else []
    return [f"---- Permissions on {name} ".ljust(70, "-"), *lines] if lines else []


def zfs_mount(fake, words):
    """Nothing is mounted here."""


def zpool_get(fake, words):
    given, (asked, *names) = options(words, "o", "Hp")
    columns = given["o"][0].split(",")
    for name in names:
        if name not in fake.pools:
            raise Refused(f"cannot open '{name}': no such pool")
    pools = {name: of for name, of in fake.pools.items() if not names or name in names}
    wanted = None if asked == "all" else asked.split(",")
    rows = [{"name": name, "property": prop, "value": value} for name, of in pools.items() for prop, value in of.items() if wanted is None or prop in wanted]
    return ["\t".join(row[column] for column in columns) for row in rows], []


def zpool_create(fake, words):
    given, (name, *devices) = options(words, "oO", "n")
    if Path(STATE / "no-disks").exists():
        raise Refused(f"cannot open '{devices[-1]}': no such device in /dev", "must be a full path or shorthand device name")
    if "n" in given:
        return
    fake.pools[name] = {"health": "ONLINE", "guid": str(fake.new_guid()), **pairs(given.get("o", []))}
    fake.make(name, pairs(given.get("O", [])))


def zpool_set(fake, words):
    word, name = words
    fake.pools[name].update(pairs([word]))


def zpool_import(fake, words):
    return [], ["no pools available to import"]


def command_of(program, verb):
    verb = {"recv": "receive", "load-key": "mount"}.get(verb, verb)
    command = globals().get(f"{program}_{verb}")
    if command is None:
        raise Refused(f"unrecognized command '{verb}'")
    return command


def note(line):
    """Says what was asked, where somebody wants to know. In one write, or two hosts' lines would mix."""
    log = STATE / "log"
    if log.exists():
        name = STATE / "name"
        host = f"{name.read_text()}: " if name.exists() else ""
        with log.open("ab", buffering=0) as file:
            file.write(f"{host}{line}\n".encode())


def answered(line):
    """Whether this is one of the commands whose output lies ready."""
    path = STATE / "answers"
    for pattern, name in json.loads(path.read_text()) if path.exists() else []:
        if fnmatchcase(line, pattern):
            with (STATE / name).open("rb") as file:
                while block := file.read(1 << 20):
                    sys.stdout.buffer.write(block)
            return True
    return False


def change(act):
    """Reads the state, lets `act` change it, and writes it, all while nobody else does."""
    with (STATE / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = STATE / "state.json"
        before = path.read_text() if path.exists() else '{"pools": {}, "datasets": {}, "txg": 4}'
        state = json.loads(before)
        kept = True
        try:
            return act(state)
        except Refused as refused:
            kept = refused.stays
            raise
        finally:
            after = json.dumps(state)
            if kept and after != before:
                path.write_text(after)


def carry_out(command, words, stdin, fault, state):
    """Lines and what is missing, or a stream."""
    fake = Fake(state, stdin)
    answer = (command(fake, words, fault.received) if fault.received is not None else command(fake, words)) or ([], [])
    if fault.sent is not None:
        answer = answer[: fault.sent]
    elif fault.says:
        fault.fail()
    return answer


def meet(line, state):
    """The fault of this command, if it has one, once it has done what comes before."""
    fault = Fault(state, line)
    for command in (fault.meanwhile or "").split(";"):
        if command:
            verb, *words = command.split()
            command_of("zfs", verb)(Fake(state, b""), words)
    return fault


def main():
    program, words = Path(sys.argv[0]).name, sys.argv[2:]
    line = " ".join(sys.argv[1:])
    line = line if program == "zfs" else f"{program} {line}"
    note(line)
    if answered(line):
        return 0
    command = command_of(program, sys.argv[1])
    broken = STATE / "BROKEN"
    if broken.exists():
        raise Refused(broken.read_text().strip())
    fault = change(lambda state: meet(line, state))
    if fault.sleeps:
        time.sleep(fault.sleeps)
    if fault.is_early:
        fault.fail()
    # Read before the lock is taken, and printed after: nobody waits for somebody else's stream.
    stdin = sys.stdin.buffer.read() if command in (zfs_receive, zfs_program) and "-A" not in words else b""
    answer = change(lambda state: carry_out(command, words, stdin, fault, state))
    if isinstance(answer, bytes):
        sys.stdout.buffer.write(answer)
        if fault.sent is not None:
            sys.stdout.flush()
            fault.fail()
        return 0
    printed, missing = answer
    sys.stdout.write("".join(f"{line}\n" for line in printed))
    sys.stderr.write("".join(f"{line}\n" for line in missing))
    return 1 if missing else 0


def start():
    try:
        sys.exit(main())
    except Refused as refused:
        print("\n".join(refused.args), file=sys.stderr)
        sys.exit(refused.status)


if __name__ == "__main__":
    start()
